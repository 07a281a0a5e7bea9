"""Constraints, numbers that stay numbers, and what cannot be traced: each says why."""

import numpy as np
import pytest
import torch
from torch import nn
from tracing.tracing_nets import Chooses, Fixed, Scaled

from convbench.core.errors import SpecError
from convbench.counting.engine.run import profile
from convbench.formulas.tracing import TraceError, formula_command, network_formula, plan_formula
from convbench.formulas.tracing.writing import text
from convbench.networks.base import NETWORKS


def image(*sizes):
    return torch.empty(1, 3, *sizes)


def multiple_of_8(self, x):
    if x.shape[2] % 8:
        raise ValueError("give a multiple of 8")
    return self.conv(x)


CONSTRAINTS = [
    # (forward, what it holds for, sizes that meet it, sizes that do not)
    (lambda self, x: self.conv(x), ["H ≥ 3", "W ≥ 3"], (3, 3), (2, 9)),
    (
        lambda self, x: self.wide(x) if x.shape[2] * x.shape[3] > 500 else self.conv(x),
        ["H ≥ 3", "W ≥ 3", "H·W > 500"],
        (51, 10),
        (50, 10),
    ),
    (
        lambda self, x: self.wide(x) if x.shape[2] != 32 else self.conv(x),
        ["H ≥ 3", "W ≥ 3", "H ≠ 32"],
        (31, 5),
        (32, 5),
    ),
    (multiple_of_8, ["H ≥ 3", "W ≥ 3", "H is a multiple of 8"], (16, 5), (17, 5)),
    (
        lambda self, x: self.conv(x) if x.shape[2] > 100 else self.wide(x),
        ["H ≥ 3", "H ≤ 100", "W ≥ 3"],
        (100, 5),
        (101, 5),
    ),
]


@pytest.mark.parametrize(("forward", "expected", "meets", "breaks"), CONSTRAINTS)
def test_what_a_trace_took_for_granted_is_said(forward, expected, meets, breaks):
    formula = network_formula(Chooses(forward), image(64, 48))
    assert [text(condition) for condition in formula.constraints] == expected
    formula.evaluate(B=1, H=meets[0], W=meets[1])
    formula.evaluate(B=1, H=np.array([meets[0]]), W=meets[1])
    with pytest.raises(SpecError, match=f"H={breaks[0]}.* outside of what the formula holds for"):
        formula.evaluate(B=1, H=breaks[0], W=breaks[1])
    with pytest.raises(SpecError, match=f"H={breaks[0]}.* outside of what the formula holds for"):
        formula.evaluate(B=1, H=np.array([meets[0], breaks[0]]), W=np.array([meets[1], breaks[1]]))


def test_equal_sizes_are_said():
    def square(self, x):
        assert x.shape[2] == x.shape[3], "give a square"
        return self.conv(x)

    formula = network_formula(Chooses(square), image(64, 64))
    assert str(formula) == "108·B·(H - 2)^2"
    assert "W = H" in map(text, formula.constraints)
    assert formula.evaluate(B=2, H=10, W=10) == 2 * 108 * 64
    with pytest.raises(SpecError, match="H=10, W=11 is outside"):
        formula.evaluate(B=2, H=10, W=11)


def test_sizes_that_only_fit_together_are_numbers():
    formula = network_formula(Fixed(), torch.empty(1, 3, 16, 12))
    assert str(formula) == "21696·B"
    assert formula.fixed == {"H": 16, "W": 12}
    assert "the module wants ⌊H/2⌋·⌊W/2⌋ = 48" in formula.notes[0]
    assert formula.evaluate(B=3, H=16, W=12) == formula.evaluate(B=3) == 3 * 21696
    with pytest.raises(SpecError, match=r"H=32: this formula holds at H=16 only\. Kept as"):
        formula.evaluate(B=3, H=32, W=12)
    with pytest.raises(TraceError, match=r"fixes H and W: .*dynamic= without H and W"):
        network_formula(Fixed(), torch.empty(1, 3, 16, 12), dynamic="BHW")
    assert network_formula(Fixed(), torch.empty(1, 3, 16, 12), dynamic="B").names == ("B",)


def test_a_scale_that_floating_point_rounds_keeps_numbers():
    formula = network_formula(Scaled(1.3), image(20, 30))
    assert formula.fixed == {"H": 20, "W": 30}
    assert "another times 1.3, rounded" in formula.notes[0]
    with pytest.raises(TraceError, match=r"1\.3, rounded.*give dynamic= fewer names"):
        network_formula(Scaled(1.3), image(20, 30), dynamic=("B", "H"))


def test_a_batch_that_a_module_fixes_is_the_given_one():
    def one_by_one(self, x):
        assert x.shape[0] in (1, 2, 3), "few images"
        return [self.conv(part) for part in x.unbind(0)]

    formula = network_formula(Chooses(one_by_one), image(9, 9))
    assert formula.fixed == {"B": 1}
    assert formula.notes == ("Kept as a number, B=1: the module fixes its batch.",)
    with pytest.raises(TraceError, match=r"fixes B: .* Give dynamic= without B"):
        network_formula(Chooses(one_by_one), image(9, 9), dynamic="BHW")
    assert str(formula) == "108·(H - 2)·(W - 2)"


class Cell(nn.Module):
    """Torch's cell asks whether the batch is 1, to lay out memory."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(3, 5)

    def forward(self, x):
        return self.cell(x.mean((2, 3)))


def one_apart(self, x):
    return self.conv(x) if x.shape[0] == 1 else self.wide(x)


@pytest.mark.parametrize(
    ("module", "shape", "fixed", "expected"),
    [
        (Cell(), (1, 3, 17, 18), {"B": 1}, "120"),
        (Cell(), (2, 3, 17, 18), {}, "120·B"),
        (Chooses(one_apart), (1, 3, 17, 18), {"B": 1}, "108·(H - 2)·(W - 2)"),
        (Chooses(one_apart), (2, 3, 17, 18), {}, "432·B·(H - 2)·(W - 2)"),
    ],
)
def test_a_formula_holds_for_the_batch_that_was_given(module, shape, fixed, expected):
    formula = network_formula(module, torch.zeros(shape))
    assert str(formula) == expected
    assert formula.fixed == fixed
    assert bool(formula.notes) == bool(fixed)
    assert formula.evaluate(**formula.given) == int(
        profile(module, torch.zeros(shape)).total.multiplications
    )
    if fixed:
        assert "for those, trace it with a batch of 2" in formula.notes[0]
        with pytest.raises(TraceError, match=r"fixes B: .*Give dynamic= without B"):
            network_formula(module, torch.zeros(shape), dynamic="B")


def needs_values(self, x):
    return self.conv(x) if x.sum() > 0 else self.wide(x)


def size_of_values(self, x):
    return self.conv(x)[(x[:, :1, 2:, 2:] > 0).expand(-1, 4, -1, -1)].reshape(-1, 1) @ torch.ones(
        1, 3
    )


def breaks(self, x):
    raise RuntimeError("the third wheel came off")


@pytest.mark.parametrize(
    ("module", "inputs", "options", "message"),
    [
        (Chooses(needs_values), (torch.empty(1, 3, 9, 9),), {}, r"depends? on the values.*cond"),
        (Chooses(size_of_values), (torch.empty(1, 3, 9, 9),), {}, r"depends? on the values"),
        (Chooses(breaks), (image(9, 9),), {}, r"1×3×9×9 .*third wheel.*Check that module"),
        (nn.Conv2d(4, 8, 3), (torch.empty(1, 3, 9, 9),), {}, r"have 4 channels, but got 3"),
        (nn.Conv2d(4, 8, 3), (), {}, r"no tensor among the inputs: give"),
        (nn.LazyConv2d(8, 3), (image(9, 9),), {}, r"lazy layers.*run it once"),
        (nn.ReLU(), (image(9, 9),), {"dynamic": "BL"}, r"asks for L, .* give some of B, H, W"),
        (nn.ReLU(), (image(9, 9),), {"dynamic": "xyz"}, r"dynamic='x,y,z' names no sizes"),
        (nn.ReLU(), (image(9, 9),), {"dynamic": ()}, r"names no sizes: give 'auto'"),
    ],
)
def test_what_has_no_formula_says_why(module, inputs, options, message):
    with pytest.raises(TraceError, match=message):
        network_formula(module, *inputs, **options)


def test_a_failure_prints_nothing(capsys):
    with pytest.raises(
        TraceError, match=r"test_tracing_refuses\.py:\d+, `return self\.conv\(x\) if x\.sum"
    ):
        network_formula(Chooses(needs_values), torch.empty(1, 3, 9, 9))
    assert capsys.readouterr() == ("", "")


def test_bad_sizes_are_refused():
    formula = plan_formula(NETWORKS["osnet_x0_25"])
    for sizes, message in [
        ({"B": 1, "H": 64}, "needs W: give it"),
        ({"B": 1, "H": 64, "W": 64, "D": 2}, "no size D: its sizes are B, H, W"),
        ({"B": 0, "H": 64, "W": 64}, "B=0 holds 0"),
        ({"B": 1.5, "H": 64, "W": 64}, "B=1.5 is not made of whole numbers"),
        ({"B": True, "H": 64, "W": 64}, "B=True is not made of whole numbers"),
        ({"B": 1, "H": np.array([64, -1]), "W": 64}, "holds -1"),
        ({"B": 1, "H": np.array([64, 12]), "W": 64}, "H=12 is outside.*H ≥ 13"),
    ]:
        with pytest.raises(SpecError, match=message):
            formula.evaluate(**sizes)


def test_large_numbers_are_exact_or_refused():
    formula = plan_formula(NETWORKS["osnet_x0_25"])
    once = formula.evaluate(B=1, H=256, W=128)
    assert formula.evaluate(B=10**30, H=256, W=128) == 10**30 * once
    most = (2**63 - 1) // once
    found = formula.evaluate(B=np.array([1, most]), H=256, W=128)
    assert found.dtype == np.int64
    assert found.tolist() == [once, most * once]
    with pytest.raises(SpecError, match=r"pass 2\*\*63.*one by one as plain integers"):
        formula.evaluate(B=np.array([1, most + 1]), H=256, W=128)
    # no point is too large here, though the largest of each would be
    mixed = formula.evaluate(B=np.array([most, 1]), H=np.array([256, 10**6]), W=128)
    assert mixed[0] == most * once
    assert mixed[1] == formula.evaluate(B=1, H=10**6, W=128)


def test_arrays_broadcast_and_a_million_points_run():
    formula = plan_formula(NETWORKS["osnet_x1_0"])
    sides = np.arange(13, 1013)
    found = formula.evaluate(B=4, H=sides[:, None], W=sides[None, :])
    assert found.shape == (1000, 1000)
    for height, width in [(13, 13), (256, 128), (1012, 77)]:
        assert found[height - 13, width - 13] == formula.evaluate(B=4, H=height, W=width)
    assert formula.evaluate(B=[1, 2], H=64, W=np.int64(64)).shape == (2,)


def test_the_command_refuses_a_shape_in_one_message():
    with pytest.raises(TraceError, match="shape='1xthree' is no input shape: give one such as"):
        formula_command(nn.ReLU(), "1xthree")
    with pytest.raises(TraceError, match="1×4×64×64 does not fit: this network takes batch × 3"):
        formula_command(NETWORKS["osnet_x1_0"], "1x4x64x64")
    with pytest.raises(SpecError, match="H=12 is outside of what the formula holds for"):
        formula_command(NETWORKS["osnet_x1_0"], "1x3x12x64")
