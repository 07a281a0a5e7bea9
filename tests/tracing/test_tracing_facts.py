"""What formulas read like, what they hold for, and what their trace leaves alone."""

import copy
import random
import subprocess
import sys

import numpy as np
import pytest
import sympy
import torch
from conftest_root import ROOT
from torch import nn
from tracing.tracing_nets import (
    Chooses,
    Counts,
    Fixed,
    Patches,
    Products,
    SamePadding,
    Scaled,
    Shared,
    Tokens,
)

from convbench.formulas.tracing import formula_command, network_formula, plan_formula
from convbench.formulas.tracing.sizes import canonical, floor_div
from convbench.formulas.tracing.writing import text
from convbench.networks.base import NETWORKS

OSNET = (
    "64·B·(147·⌈H/2⌉·⌈W/2⌉ + 3572·⌈H/4⌉·⌈W/4⌉ + 9102·⌊(H + 3)/8⌋·⌊(W + 3)/8⌋ "
    "+ 16488·⌊(H + 3)/16⌋·⌊(W + 3)/16⌋ + 4560)"
)


def image(*sizes):
    return torch.empty(1, 3, *sizes, device="meta")


FACTS = [
    # (module, input, formula)
    (nn.Conv2d(3, 8, 3), image(20, 30), "216·B·(H - 2)·(W - 2)"),
    (nn.Conv2d(3, 8, 3, stride=2, padding=1), image(20, 30), "216·B·⌈H/2⌉·⌈W/2⌉"),
    (nn.Conv2d(3, 8, 3, stride=4), image(20, 30), "216·B·⌊(H + 1)/4⌋·⌊(W + 1)/4⌋"),
    (nn.Conv2d(3, 8, 3, padding="same"), image(20, 30), "216·B·H·W"),
    (nn.Conv2d(3, 8, 3), torch.empty(3, 20, 30), "216·(H - 2)·(W - 2)"),
    (nn.ConvTranspose2d(3, 8, 3, stride=2), image(20, 30), "216·B·H·W"),
    (nn.Conv1d(3, 8, 3, stride=3, padding=1), torch.empty(1, 3, 20), "72·B·⌈L/3⌉"),
    (nn.Conv3d(3, 8, 3, dilation=2), torch.empty(2, 3, 9, 8, 7), "648·B·(D - 4)·(H - 4)·(W - 4)"),
    (nn.Linear(10, 5), torch.empty(1, 10), "50·B"),
    (Scaled(1.5), image(9, 9), "108·B·(⌊3·H/2⌋ - 2)·(⌊3·W/2⌋ - 2)"),
    (Tokens(), torch.zeros(1, 11, dtype=torch.long), "32·B·L·(L + 81)"),
    (
        Patches(),
        image(32, 24),
        "32·B·((⌊H/8⌋·⌊W/8⌋ + 1)^2 + 160·⌊H/8⌋·⌊W/8⌋ + 64)",
    ),
    (nn.ReLU(), image(9, 9), "0"),
    (SamePadding(), image(33, 34), "8·B·(27·⌈H/2⌉·⌈W/2⌉ + 25·⌈H/4⌉·⌈W/4⌉)"),
]


@pytest.mark.parametrize(("module", "example", "expected"), FACTS)
def test_a_formula_reads_like_this(module, example, expected):
    module = module.to(example.device).eval()
    assert str(network_formula(module, example)) == expected


def test_osnet_reads_like_this():
    formula = plan_formula(NETWORKS["osnet_x1_0"])
    assert str(formula) == OSNET
    assert text(formula.by_operator["conv2d"]).endswith("+ 464)")
    assert text(formula.by_operator["linear"]) == "262144·B"
    assert list(map(text, formula.constraints)) == ["H ≥ 13", "W ≥ 13"]
    assert formula.evaluate(B=1, H=256, W=128) == 978_875_392
    assert formula.parameters == 2_169_508
    assert formula._repr_latex_().startswith(
        r"$\displaystyle 64 \cdot B \cdot (147 \cdot \left\lceil \frac{H}{2} \right\rceil"
    )


@pytest.mark.parametrize("name", ["osnet_x1_0", "osnet_x0_5"])
def test_a_trace_and_a_plan_give_the_same_formula(name):
    """Not only equal values: the same expression, constraints and parameters."""
    with torch.device("meta"):
        module = NETWORKS[name].build().eval()
    traced, planned = network_formula(module, image(64, 64)), plan_formula(NETWORKS[name])
    assert traced.multiplications == planned.multiplications
    assert traced.by_operator == planned.by_operator
    assert traced.constraints == planned.constraints
    assert traced.parameters == planned.parameters
    draw = np.random.default_rng(5)
    batches, heights, widths = draw.integers(1, 50, 1000), *draw.integers(13, 900, (2, 1000))
    found = traced.evaluate(B=batches, H=heights, W=widths)
    numbers = zip(batches.tolist(), heights.tolist(), widths.tolist(), strict=True)
    for index, (batch, height, width) in enumerate(numbers):
        if index % 25 == 0:  # a plan in integers takes a while
            plan = NETWORKS[name].cost(batch, (height, width))
            assert found[index] == plan.multiplications
        assert found[index] == traced.evaluate(B=batch, H=height, W=width)
    swept = NETWORKS[name].cost(batches, (heights, widths)).multiplications
    assert np.array_equal(found, swept)


def test_rounded_quotients_have_one_form():
    """Every way to write a size, against integers."""
    size = sympy.Symbol("H", integer=True, positive=True)
    ways = [
        (floor_div(size - 1, 2) + 1, lambda h: -(-h // 2)),
        (-floor_div(-size, 2), lambda h: -(-h // 2)),
        (floor_div(floor_div(size - 1, 4) - 1, 2) + 1, lambda h: ((h - 1) // 4 - 1) // 2 + 1),
        (floor_div(6 * size + 4, 4), lambda h: (6 * h + 4) // 4),
        (floor_div(2 * floor_div(size, 3) + 5, 4), lambda h: (2 * (h // 3) + 5) // 4),
        (floor_div(3 - 5 * size, 7), lambda h: (3 - 5 * h) // 7),
        (canonical(sympy.ceiling((size - 5) / 3) * 2, {size: size}), lambda h: -((5 - h) // 3) * 2),
    ]
    for expression, meaning in ways:
        for number in range(1, 60):
            assert expression.subs(size, number) == meaning(number), (expression, number)
    assert ways[0][0] == ways[1][0]


def test_the_module_is_left_as_it_was():
    module = Counts().train()
    module.norm.eval()
    before = copy.deepcopy(module.state_dict())
    weights = [weight.data_ptr() for weight in module.parameters()]
    attributes = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    formula = network_formula(module, torch.empty(1, 3, 9, 9))
    assert str(formula) == "108·B·(H - 2)·(W - 2)"
    assert module.calls == 0
    assert module.seen == []
    assert module.training
    assert not module.norm.training
    assert [weight.data_ptr() for weight in module.parameters()] == weights
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert attributes == {k: v for k, v in vars(module).items() if not k.startswith("_")}


def test_nothing_is_computed(monkeypatch):
    """A network that would need a hundred gigabytes is traced."""
    module = nn.Conv2d(3, 100_000, 3).to("meta")
    monkeypatch.setattr(nn.init, "kaiming_uniform_", None)
    formula = network_formula(module, image(10_000, 10_000))
    assert formula.evaluate(B=1, H=10_000, W=10_000) == 27 * 100_000 * 9_998**2


def test_parameters_are_counted_once():
    formula = network_formula(Shared(), torch.empty(1, 4, 30, 31))
    assert formula.parameters == 4 * 4 * 9 + 4
    assert len(formula.by_operator) == 1


def test_operators_have_formulas_of_their_own():
    formula = network_formula(Products(), torch.empty(1, 3, 9, 11))
    assert sum(formula.by_operator.values()).equals(sympy.expand(formula.multiplications))
    assert {"conv2d", "bmm", "matmul", "baddbmm", "addmm"} <= set(formula.by_operator)


def test_an_unknown_operator_makes_a_lower_bound():
    module = Chooses(lambda self, x: torch.linalg.svdvals(self.conv(x)))
    formula = network_formula(module, torch.empty(1, 3, 9, 9))
    assert formula.unsupported == {"linalg_svdvals": 1}
    assert not formula.complete
    assert str(formula) == "≥ 108·B·(H - 2)·(W - 2)"
    assert formula._repr_latex_().startswith(r"$\displaystyle \geq ")
    lines = formula_command(module, "1x3x9x9")
    assert "value: ≥ 5,292 at B=1, H=9, W=9" in lines
    assert "unknown operators, which may multiply too: linalg_svdvals ×1" in lines


def test_the_command_says_it_all():
    lines = formula_command(NETWORKS["osnet_x1_0"], "1x3x256x128")
    assert lines[0] == f"multiplications = {OSNET}"
    assert "sizes: B batch, H height, W width" in lines
    assert "value: 978,875,392 at B=1, H=256, W=128" in lines
    assert "parameters: 2,169,508" in lines
    assert "holds for: H ≥ 13, W ≥ 13" in lines
    assert "  linear: 262144·B" in lines
    fixed = formula_command(Fixed(), (1, 3, 16, 12))
    assert fixed[0] == "multiplications = 21696·B"
    assert any(line.startswith("note: Kept as numbers, H=16 and W=12") for line in fixed)


@pytest.mark.parametrize("draw", [random.random, np.random.rand])
def test_a_formula_of_one_draw_says_so(draw):
    module = Chooses(lambda self, x: self.conv(x) if draw() < 2 else x)
    (note,) = network_formula(module, torch.empty(1, 3, 9, 9)).notes
    assert note.startswith("Random numbers were drawn that may decide which layers run: ")
    noisy = Chooses(lambda self, x: self.conv(x) + torch.rand(()))
    assert not network_formula(noisy, torch.empty(1, 3, 9, 9)).notes


def test_what_is_imported_meanwhile_has_drawn_nothing():
    """The first trace of a process imports torch's compiler, and that NumPy's random numbers."""
    code = (
        "from convbench.counting.engine.process_state import drawn\n"
        "before = drawn()\n"
        "import numpy.random\n"
        "assert drawn() == before\n"
        "numpy.random.rand()\n"
        "assert drawn() != before"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
