"""Whether the tolerances of the check fit the data types: what rounding does, by emulation."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from convbench.clock.checking import TOLERANCES, Reference, WrongResultError
from convbench.convs.base import make
from convbench.core.spec import ConvSpec
from convbench.networks.base import NETWORKS
from convbench.runs.cases import Case
from convbench.runs.conditions import Condition
from convbench.runs.record import Record
from convbench.runs.workload import Workload

SLOT = ConvSpec(in_channels=64, out_channels=64, input_size=(14, 14), kernel_size=3, padding="same")
PRODUCTS = {"convolution", "mm", "addmm", "bmm"}
DROPPED = 13
"""Of the 23 bits of a float32's significand TF32 keeps 10."""


class InTf32(TorchDispatchMode):
    """Compute products of operands that are rounded to TF32, or cut to it."""

    def __init__(self, *, cut: bool) -> None:
        super().__init__()
        self.half = 0 if cut else 1 << (DROPPED - 1)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.name().partition("::")[2].partition(".")[0] in PRODUCTS:
            args = [self.rounded(a) if isinstance(a, torch.Tensor) else a for a in args]
        return func(*args, **(kwargs or {}))

    def rounded(self, tensor: torch.Tensor) -> torch.Tensor:
        bits = tensor.contiguous().view(torch.int32) + self.half
        return (bits >> DROPPED << DROPPED).view(torch.float32)


def built(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    if name in NETWORKS:
        return NETWORKS[name].build().eval(), torch.randn(1, 3, 64, 32)
    return make(name).build(SLOT).eval(), torch.randn(SLOT.input_shape)


NAMES = ("standard", "partial", "shufflenet_unit", "bottleneck", "osnet_x0_25")


def compare(name: str, dtype: str, how: str) -> None:
    module, x = built(name)
    kind = getattr(torch, how, torch.float32)
    module, x = module.to(kind), x.to(kind)
    if "tf32" in how:
        with torch.no_grad(), InTf32(cut="cut" in how):
            output = copy.deepcopy(module)(x)
    else:
        with torch.no_grad():
            output = module(x)
    Reference(module, dtype).compare(x, output, "now")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("dtype", "how"),
    [
        ("ieee float32", "float32"), ("tf32", "tf32"), ("tf32", "cut to tf32"),
        ("float16", "float16"), ("bfloat16", "bfloat16"),
    ],
)  # fmt: skip
def test_the_rounding_of_a_data_type_is_within_its_tolerance(name, dtype, how):
    compare(name, dtype, how)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["tf32", "cut to tf32", "bfloat16"])
def test_what_was_computed_with_tf32_is_no_ieee_float32(name, how):
    with pytest.raises(WrongResultError, match="is allowed; TF32 differs by as much"):
        compare(name, "ieee float32", how)


def test_tolerances_grow_with_the_rounding():
    order = ("float64", "ieee float32", "float32", "float16", "tf32", "bfloat16")
    assert list(order) == sorted(TOLERANCES, key=lambda dtype: TOLERANCES[dtype])


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, "float32"),
        ({"device": "cuda:0"}, "ieee float32"),
        ({"device": "cuda:0", "dtype": "tf32"}, "tf32"),
        ({"device": "cuda:0", "direction": "training"}, "float32"),
    ],
)
def test_float32_of_a_gpu_has_the_tolerance_that_tells_it_from_tf32(monkeypatch, changes, key):
    condition = Condition(**{"device": "cpu", "threads": 1, **changes})
    skeleton = Record(
        case="c", group="g", slot="s", kind="type", name="standard", label="standard", knobs={},
        spec=SLOT, input_shape=SLOT.input_shape, status="ok", **condition.values,
    )  # fmt: skip
    monkeypatch.setattr(nn.Module, "to", lambda self, *_: self)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *_, **__: self)
    case = Case(skeleton=skeleton, kind=make("standard"), spec=SLOT, condition=condition)
    assert Workload(case, 0)._dtype == key
