"""`convbench.testing`: assertions for users' own tests, and what their failures say."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from convbench import ConvSpec
from convbench.convs.base import TYPES
from convbench.testing import (
    CLAUSES,
    Built,
    assert_cost_at_most,
    assert_multiplications,
    check_conv,
    check_conv_in,
)

NET = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 1))
INPUTS = torch.zeros(1, 3, 10, 10)
MACS = 8 * 3 * 9 * 64 + 2 * 8 * 64


def test_the_right_number_passes():
    assert_multiplications(NET, INPUTS, MACS)
    assert_multiplications(NET, (INPUTS,), MACS)


def test_a_wrong_number_shows_the_layers():
    with pytest.raises(AssertionError) as failure:
        assert_multiplications(NET, INPUTS, MACS + 5)
    text = str(failure.value)
    assert f"takes {MACS:,} multiplications, -5 against {MACS + 5:,}" in text
    assert "0: 13,824 multiplications, 224 parameters (Conv2d)" in text
    assert "2: 1,024 multiplications, 18 parameters (Conv2d)" in text


def test_limits():
    assert_cost_at_most(NET, INPUTS, multiplications=MACS, parameters=242)
    with pytest.raises(AssertionError, match=r"242 parameters, 2 more than 240"):
        assert_cost_at_most(NET, INPUTS, parameters=240)
    with pytest.raises(AssertionError, match="more than 10"):
        assert_cost_at_most(NET, INPUTS, multiplications=10)


class Unknown(nn.Module):
    """Runs an operator that nobody has a rule for."""

    def forward(self, x):
        return torch.linalg.svdvals(x)


def test_an_unknown_operator_is_never_within_a_limit():
    with pytest.raises(AssertionError, match="without a counting rule"):
        assert_cost_at_most(Unknown(), torch.zeros(3, 3), multiplications=10**9)
    with pytest.raises(AssertionError, match="no counting rule"):
        assert_multiplications(Unknown(), torch.zeros(3, 3), 0)


def test_check_conv_reports_how_much_it_checked():
    done = check_conv("depthwise", examples=10, multiplier=2)
    assert done["slots"] == 10
    assert done["literal"] > 0


class Narrow(TYPES["standard"]):
    """Built as a standard convolution, planned with one input channel, and no word of arrays."""

    def plan(self, spec):
        if not isinstance(spec.batch, int):
            raise TypeError("numbers only")
        return super().plan(replace(spec, in_channels=1))


def test_every_clause_that_does_not_hold_is_named():
    spec = ConvSpec(in_channels=3, out_channels=4, input_size=(5, 5), kernel_size=3)
    with pytest.raises(AssertionError) as caught:
        check_conv_in(Narrow(), spec)
    first, *lines = [line.strip() for line in str(caught.value).splitlines()]
    assert first.endswith("5 of 6 clauses do not hold")
    lines = [line for line in lines if line.startswith("- ")]  # pytest adds what it compared
    assert [line.removeprefix("- ").partition(": ")[0] for line in lines] == [
        name for name in CLAUSES if name != "output shape"
    ]
    assert "- parameters: 108 parameters, the plan has 36" in lines
    assert "- plan in symbols: TypeError: numbers only" in lines


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_clause_can_be_checked_alone(clause):
    spec = ConvSpec(in_channels=3, out_channels=4, input_size=(5, 5), kernel_size=3)
    CLAUSES[clause](Built(TYPES["standard"](), spec))
    if clause != "output shape":
        with pytest.raises((AssertionError, TypeError)):
            CLAUSES[clause](Built(Narrow(), spec))
