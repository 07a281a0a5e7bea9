"""The model afterwards is the model before, whatever its forward does, and nothing was computed."""

import copy
import pickle
import random
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn.modules import module as hooks

from convbench.counting.engine.run import ProfileError, profile

INPUT = (2, 3, 8, 8)


class Net(nn.Module):
    """Has what a forward pass may change, and changes all it can when `meddles`."""

    def __init__(self, *, meddles=False, asks=False, fails=False):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.drop, self.frozen = nn.Dropout(0.5), nn.Linear(4, 4).requires_grad_(False)
        self.register_buffer("steps", torch.zeros(3))
        self.register_buffer("passing", torch.ones(2), persistent=False)
        self.seen, self.notes, self.count, self.cache = [], {"a": 1}, 0, None
        self.meddles, self.asks, self.fails = meddles, asks, fails
        self.conv.eval()
        self.conv.register_forward_hook(_seen)

    def forward(self, x):
        if self.meddles:
            self.steps += 1
            self.passing = self.passing + 1
            self.seen.append(x.shape)
            self.notes["b"] = 2
            self.count += 1
            self.cache, self.fresh = x, "an attribute that was not there"
            self.conv.train()
            self.conv.weight.data.mul_(2)
            self.register_buffer("late", torch.zeros(1))
            self.add_module("child", nn.ReLU())
            self.conv.register_forward_pre_hook(lambda *_: None)
            x += 1
        if self.asks and bool(x.sum() > 1e9):
            return x
        y = self.drop(self.norm(self.conv(x)))
        if self.fails:
            raise ValueError("after most of it")
        return self.frozen(y.mean((2, 3))) + torch.rand(4)


def _seen(*_):
    """A hook of the model's own."""


def state(module, inputs):
    """All that may be seen of a module from outside."""
    parts = dict(module.named_modules())
    return {
        "values": {name: value.clone() for name, value in module.state_dict().items()},
        "identities": {
            name: id(value) for name, value in (*module.named_parameters(), *module.named_buffers())
        },
        "buffers": {name: value.clone() for name, value in module.named_buffers()},
        "needs": {name: value.requires_grad for name, value in module.named_parameters()},
        "gradients": {name: value.grad for name, value in module.named_parameters()},
        "flags": {name: part.training for name, part in parts.items()},
        "hooks": {
            name: (
                len(part._forward_hooks),
                len(part._forward_pre_hooks),
                len(part._backward_hooks),
            )
            for name, part in parts.items()
        },
        "attributes": {name: sorted(vars(part)) for name, part in parts.items()},
        "own": copy.deepcopy((module.seen, module.notes, module.count, module.cache)),
        "inputs": [x.clone() for x in inputs],
        "needing": [(x.requires_grad, x.grad) for x in inputs],
    }


def world():
    """All that may be seen of torch and its neighbours."""
    return {
        "global hooks": [
            len(getattr(hooks, f"_global_{name}_hooks"))
            for name in ("forward", "forward_pre", "backward", "backward_pre")
        ],
        "modes": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "random": (torch.get_rng_state(), random.getstate()[1]),
        "attention": torch.backends.mha.get_fastpath_enabled(),
        "stack": torch._C._len_torch_dispatch_stack() + torch._C._len_torch_function_stack(),
        "type": torch.get_default_dtype(),
    }  # fmt: skip


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def differing(before, after):
    return [name for name in before if not equal(before[name], after[name])]


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("knobs", [{}, {"meddles": True}, {"asks": True}], ids=str)
def test_nothing_is_left_behind(knobs, training, backward):
    torch.manual_seed(0)
    module = Net(**knobs).train(training)
    inputs = [torch.randn(INPUT)]
    module_before, world_before = state(module, inputs), world()
    found = profile(module, *inputs, backward=backward)
    assert found.total.multiplications >= 2 * 4 * 3 * 9 * 36
    assert ("real" in found.how) is bool(knobs.get("asks"))
    assert differing(module_before, state(module, inputs)) == []
    assert differing(world_before, world()) == []


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("asks", [False, True])
def test_nothing_is_left_behind_by_a_failure(asks, backward):
    torch.manual_seed(0)
    module = Net(meddles=True, asks=asks, fails=True).train()
    inputs = [torch.randn(INPUT, requires_grad=backward)]
    if backward:
        module.meddles = False  # a leaf that needs a gradient cannot be changed in place
    module_before, world_before = state(module, inputs), world()
    with pytest.raises(ProfileError, match="after most of it"):
        profile(module, *inputs, backward=backward)
    assert differing(module_before, state(module, inputs)) == []
    assert differing(world_before, world()) == []


def test_running_for_real_puts_values_back():
    """Both at once: it changes its weights, and it must run."""
    torch.manual_seed(0)
    module, inputs = Net(meddles=True, asks=True).train(), [torch.randn(INPUT)]
    before = state(module, inputs)
    assert "real" in profile(module, *inputs).how
    assert differing(before, state(module, inputs)) == []


def test_the_model_still_runs_trains_and_pickles():
    torch.manual_seed(0)
    module, inputs = Net().train(), torch.randn(INPUT)
    twin = copy.deepcopy(module)
    profile(module, inputs, backward=True)
    profile(module, inputs)
    results = []
    for net in (module, twin):
        torch.manual_seed(1)
        result = net(inputs)
        result.sum().backward()
        results.append((result, net.conv.weight.grad, net.norm.running_mean))
    assert equal(*results)
    again = pickle.loads(pickle.dumps(module))
    assert equal(dict(again.state_dict()), dict(module.state_dict()))
    assert torch.compiler.is_compiling() is False


def test_a_lazy_layer_stays_lazy():
    module = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d())
    found = profile(module, torch.zeros(INPUT))
    assert found.total.multiplications == 2 * 4 * 3 * 9 * 36
    assert found.parameters == 4 * 3 * 9 + 4 + 8
    assert isinstance(module[0], nn.LazyConv2d)
    assert isinstance(module[0].weight, nn.UninitializedParameter)


def test_real_weights_and_inputs_are_neither_read_nor_moved():
    """A NaN in, nothing out: what is followed is shapes."""
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    torch.nn.init.constant_(module[0].weight, float("nan"))
    places = [tensor.data_ptr() for tensor in module.state_dict().values()]
    found = profile(module, torch.full(INPUT, float("nan")))
    assert found.how == "shapes"
    assert not module[1].running_mean.isnan().any()
    assert [tensor.data_ptr() for tensor in module.state_dict().values()] == places


def test_nothing_is_computed():
    """Weights of 40 GB and an input of as much, on the meta device, in a moment."""
    with torch.device("meta"):
        module = nn.Sequential(nn.Linear(100_000, 100_000), nn.ReLU(), nn.Linear(100_000, 10))
    inputs = torch.empty(100_000, 100_000, device="meta")
    found = profile(module, inputs, backward=True)
    assert found.forward.multiplications == 10**15 + 10**11
    assert found.backward.multiplications == 10**15 + 2 * 10**11


def test_a_large_tensor_that_the_model_makes_takes_no_memory():
    class Masks(nn.Module):
        def forward(self, x):
            return x * torch.ones(200_000, 200_000).tril()[:1, :1]

    assert profile(Masks(), torch.zeros(2, 3)).how == "shapes"


def test_counting_does_not_load_the_compiler():
    """It takes 3 s and 70 MB, and nobody compiled anything."""
    code = (
        "import sys, torch; from torch import nn; "
        "from convbench.counting.engine.run import profile; "
        "profile(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 8, 8), backward=True); "
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
