"""`convbench.testing`: assertions for users' own tests, and what their failures say."""

import pytest
import torch
from torch import nn

from convbench.testing import assert_cost_at_most, assert_multiplications, check_conv

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
