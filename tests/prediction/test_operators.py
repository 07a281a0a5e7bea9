"""The operators of a module, found without its data."""

import pytest
import torch
from torch import nn

from convbench.core.torch_internals import TorchDispatchMode
from convbench.networks.models import load_model
from convbench.prediction.operators import TracingError, operators


class Ran(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.namespace == "aten":
            self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("last", [False, True])
def test_they_are_those_that_run_with_data(last):
    torch.manual_seed(0)
    module = load_model("osnet_x0_25")
    x = torch.randn(2, 3, 64, 32)
    if last:
        module = module.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), Ran() as ran:
        module(x)
    made = {"empty"}
    found = operators(module, x)
    assert [one.name for one in found] == [name for name in ran.names if name not in made]
    convolutions = [one for one in found if one.convolution]
    assert all(one.outputs[0].channels_last == last for one in convolutions if
               one.outputs[0].shape[2:] != (1, 1) and one.outputs[0].shape[1] > 1)  # fmt: skip


def test_the_meta_device_gives_the_same_and_the_module_is_left_alone():
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    real = operators(module, torch.randn(1, 3, 9, 9))
    assert [(one.name, one.path) for one in real] == [
        ("convolution", "0"), ("native_batch_norm", "1"), ("relu", "2")
    ]  # fmt: skip
    assert real[0].outputs[0].shape == (1, 8, 7, 7)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    with torch.device("meta"):
        meta = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
        assert operators(meta, torch.empty(1, 3, 9, 9))[0] == real[0]


def test_a_pass_that_needs_values_is_refused():
    class Branches(nn.Module):
        def forward(self, x):
            return x + 1 if x.sum() > 0 else x - 1

    with pytest.raises(TracingError, match="Branches cannot be traced without its data"):
        operators(Branches(), torch.ones(2))


def test_views_are_told_from_work():
    found = operators(lambda x: x.flatten(1).t().contiguous(), torch.ones(2, 3, 4))
    assert [(one.name, one.alias) for one in found] == [
        ("view", True), ("t", True), ("clone", False)
    ]  # fmt: skip
    assert found[-1].inputs[0].strided
