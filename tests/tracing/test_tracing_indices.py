"""torch 2.6 asks of each convolution whether indices fit 32 bits: no condition on a formula."""

import traceback
from types import SimpleNamespace

import pytest
import sympy
import torch
import torch._subclasses.fake_impls
from torch import nn

from convbench.formulas.tracing import network_formula
from convbench.formulas.tracing.shape_env import guards
from convbench.formulas.tracing.writing import text

H, W = sympy.symbols("H W", integer=True, positive=True)
TORCHS = torch._subclasses.fake_impls.__file__
THEIRS = "/home/somebody/model.py"
MOST = 2**31 - 1

ASKED = [
    # (condition, the file that asked, whether the formula needs it)
    (sympy.Le(64 * H * W, MOST), TORCHS, False),
    (sympy.Lt(64 * H * W, 2**31), TORCHS, False),
    (sympy.Ge(MOST, 64 * H * W), TORCHS, False),
    (sympy.Le(64 * H * W, MOST), THEIRS, True),  # a module may run something else from there on
    (sympy.Gt(64 * H * W, MOST), TORCHS, True),
    (sympy.Le(64 * H * W, 1000), TORCHS, True),
    (sympy.Eq(64 * H * W, MOST), TORCHS, True),
]


@pytest.mark.parametrize(("condition", "file", "needed"), ASKED, ids=range(len(ASKED)))
def test_an_index_of_32_bits_is_no_condition(condition, file, needed):
    place = traceback.FrameSummary(file, 1, "conv")
    asked = SimpleNamespace(expr=condition, sloc=SimpleNamespace(framework_loc=place))
    environment = SimpleNamespace(replacements={}, guards=[asked])
    assert guards(environment) == ([condition] if needed else [])


AS_TORCH_2_6 = """
def selected(input_, *arguments, **named):
    asked.append(bool(input_.numel() // input_.shape[0] > 2**31 - 1))
    return select(input_, *arguments, **named)
"""


def test_a_trace_in_which_torch_asks_for_indices_has_no_such_condition(monkeypatch):
    """What use_cudnn in aten/src/ATen/native/Convolution.cpp of torch 2.6 asks, here in Python."""
    parts = {"asked": [], "select": torch._C._select_conv_backend}
    exec(compile(AS_TORCH_2_6, TORCHS, "exec"), parts)
    monkeypatch.setattr("torch._C._select_conv_backend", parts["selected"])
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)).to("meta")
    formula = network_formula(module, torch.empty(1, 3, 20, 30, device="meta"))
    assert parts["asked"] == [False, False]
    assert list(map(text, formula.constraints)) == ["H ≥ 5", "W ≥ 5"]
