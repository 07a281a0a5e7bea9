"""What a function reaches in ways that its code does not show, and what leaves the counting."""

# ruff: noqa: PLW0108  the function around it is what is counted

import functools
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.counting.engine.run import profile

X = torch.zeros(9, 8)
MACS = 9 * 8 * 4


class Held:
    model = nn.Linear(8, 4)


class Encodes(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(8, 4)

    def encode(self, x):
        return self.enc(x)


@functools.lru_cache
def cached():
    return nn.Linear(8, 4)


SPACE = SimpleNamespace(deeper=SimpleNamespace(net=[nn.Linear(8, 4)]))

FUNCTIONS = {
    "an attribute of a class": (lambda x: Held.model(x), (X,)),
    "a method and its object": (Encodes.encode, (Encodes(), X)),
    "a cached function": (lambda x: cached()(x), (X,)),
    "a module that is given": (lambda layer, x: layer(x), (nn.Linear(8, 4), X)),
    "a name space": (lambda x: SPACE.deeper.net[0](x), (X,)),
    "looked up": (lambda x: getattr(Held, "mod" + "el")(x), (X,)),
}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("case", FUNCTIONS)
def test_modules_that_run_in_a_function_are_its_parts(case, backward):
    function, inputs = FUNCTIONS[case]
    found = profile(function, *inputs, backward=backward)
    assert found.complete
    assert found.parameters == 36
    assert found.forward.multiplications == MACS
    assert found.total.multiplications == MACS * (1 + backward)


def in_a_thread(run):
    def forward(x):
        found = torch.zeros(9, 4)
        thread = threading.Thread(target=run, args=(x, found))
        thread.start()
        thread.join()
        return found

    return forward


WEIGHT = torch.ones(8, 4)
ELSEWHERE = {
    "a thread that writes": in_a_thread(lambda x, out: out.copy_(torch.zeros(9, 8) @ WEIGHT)),
    "a thread's out": in_a_thread(lambda x, out: torch.mm(torch.zeros(9, 8), WEIGHT, out=out)),
    "a thread that chooses": in_a_thread(lambda x, out: (torch.zeros(9, 8) @ WEIGHT).argmax()),
    "NumPy that chooses": lambda x: x[torch.from_numpy((x.numpy() @ np.eye(8)).argmax(-1))],
    "a number of NumPy's": lambda x: x * float((x.numpy() @ np.eye(8)).sum()),
    "an array of NumPy's": lambda x: x.numpy() @ np.eye(8),
    "written by NumPy": lambda x: np.matmul(x.numpy(), np.eye(8), out=np.zeros((9, 8))) is None,
    "an array that is asked for": lambda x: np.asarray(x) @ np.eye(8),
    "DLPack": lambda x: np.from_dlpack(x) @ np.eye(8),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_what_may_be_multiplied_elsewhere_makes_a_lower_bound(case):
    found = profile(ELSEWHERE[case], torch.zeros(9, 8))
    assert not found.complete
    assert "≥" in str(found)


def optimised():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).eval()
    return torch.jit.optimize_for_inference(torch.jit.script(net))


class Lists(nn.Module):
    def __init__(self, held):
        super().__init__()
        self.held, self.point = held, nn.Conv2d(3, 3, 1)

    def forward(self, x):
        held = self.held[0] if isinstance(self.held, list) else self.held["net"]
        return held(self.point(x))


@pytest.mark.filterwarnings("ignore")  # torch calls TorchScript deprecated
@pytest.mark.parametrize(
    "subject",
    [
        lambda net: net.forward,
        lambda net: lambda x: net(x),
        lambda net: lambda x: net.forward(x),
        lambda net: Lists([net]),
        lambda net: Lists({"net": net.forward}),
    ],
    ids=["its method", "a closure", "its method in a closure", "a list", "its method in a dict"],
)
def test_optimised_torchscript_is_found_wherever_it_is(subject):
    found = profile(subject(optimised()), torch.zeros(1, 3, 16, 16))
    assert not found.complete


def test_seeding_anew_does_not_rewind_random_numbers():
    class Seeds(nn.Module):
        def __init__(self, *, real):
            super().__init__()
            self.real = real

        def forward(self, x):
            torch.manual_seed(0)
            y = x * torch.rand(8) + torch.randn(8, generator=torch.default_generator)
            return y * 2 if self.real and bool(y.sum() > 1e9) else y

    for real in (False, True):
        torch.manual_seed(0)
        torch.randn(5)
        before = torch.get_rng_state()
        profile(Seeds(real=real), X)
        assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("same", [False, True], ids=["modules of their own", "one module"])
def test_counts_in_several_threads_at_once(same):
    hooks = nn.modules.module
    state = (
        len(hooks._global_forward_hooks), torch.backends.mha.get_fastpath_enabled(),
        torch.get_num_threads(),
    )  # fmt: skip
    modules = [nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4)) for _ in range(4)]
    names, found = list(modules[0].state_dict()), []

    def work(module):
        found.extend(profile(module, X, backward=b).forward.multiplications for b in (True, False))

    threads = [threading.Thread(target=work, args=(modules[0 if same else i],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [MACS] * 8
    for module in modules:
        assert list(module.state_dict()) == names
        assert all(weight.is_cpu for weight in module.parameters())
        assert functional.relu(module(X)).shape == (9, 4)
    assert state == (
        len(hooks._global_forward_hooks), torch.backends.mha.get_fastpath_enabled(),
        torch.get_num_threads(),
    )  # fmt: skip


def swish(x):
    return x * torch.sigmoid(x)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # as above
    scripted_swish = torch.jit.script(swish)


class Calls(nn.Module):
    def __init__(self, net=None):
        super().__init__()
        self.layer, self.held = nn.Conv2d(3, 8, 3), [net]

    def forward(self, x):
        if self.held[0] is not None:
            x = self.held[0](x)
        return scripted_swish(self.layer(x))


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.filterwarnings("ignore")  # as above
def test_scripted_functions_that_are_dispatched_are_counted_by_shapes(device, backward):
    """As activations of many networks are: nothing of them runs unseen."""
    found = profile(Calls().to(device), torch.zeros(1, 3, 16, 16, device=device), backward=backward)
    assert found.how == "shapes"
    assert found.complete
    assert found.forward.multiplications == 14 * 14 * 8 * 27


@pytest.mark.filterwarnings("ignore")  # as above
def test_scripted_functions_in_a_real_run_are_complete():
    class Asks(Calls):
        def forward(self, x):
            y = super().forward(x)
            return y * 2 if bool(x.sum() > 1e9) else y

    found = profile(Asks(torch.jit.script(nn.Conv2d(3, 3, 1))), torch.zeros(1, 3, 16, 16))
    assert "for real" in found.how
    assert found.complete
    assert found.total.multiplications == 14 * 14 * 8 * 27 + 16 * 16 * 9


def test_a_working_folder_that_is_gone(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert profile(nn.Linear(8, 4), X).total.multiplications == MACS


def test_a_variable_of_a_closure_without_a_value_has_none_again():
    def make():
        def fill(x):
            nonlocal kept
            kept = x
            return x * 2

        def read():
            return kept

        if False:
            kept = None
        return fill, read

    fill, read = make()
    with pytest.raises(NameError):
        read()
    profile(fill, torch.zeros(2, 3))
    with pytest.raises(NameError):
        read()
