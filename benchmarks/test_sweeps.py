"""How long a million takes: specs of a convolution type, and points of a network's formula."""

import numpy as np
import pytest

from convbench.formulas.sweeps import sweep
from convbench.formulas.tracing import plan_formula
from convbench.networks.base import NETWORKS

GRID = {
    "in_channels": range(8, 808, 8),
    "out_channels": range(8, 808, 8),
    "input_size": ["14x14", "28x28", "56x56", "112x112", "224x224"],
    "kernel_size": [1, 3, 5, 7, 9],
    "stride": [1, 2],
    "padding": ["same", 4],
}
"""100 · 100 · 5 · 5 · 2 · 2 = a million combinations, and every one has an output."""


@pytest.mark.benchmark(group="sweeps")
@pytest.mark.parametrize("name", ["standard", "depthwise_separable", "bottleneck", "dynamic"])
def test_a_million_specs(benchmark, name):
    """Every count of a million slots, in a DataFrame."""
    assert len(benchmark(sweep, name, **GRID)) == 1_000_000


@pytest.mark.benchmark(group="sweeps")
def test_a_million_specs_with_a_ratio(benchmark):
    """The same, and its ratio to standard."""
    frame = benchmark(sweep, "depthwise_separable", ratio_to="standard", **GRID)
    assert frame["ratio"].notna().all()


@pytest.mark.benchmark(group="sweeps")
def test_a_million_points_of_a_network(benchmark):
    """OSNet x1.0 at a million batches, heights and widths, exactly."""
    draw = np.random.default_rng(0)
    formula = plan_formula(NETWORKS["osnet_x1_0"])
    sizes = {"B": draw.integers(1, 129, 10**6)}
    sizes["H"], sizes["W"] = draw.integers(13, 1025, (2, 10**6))
    found = benchmark(formula.evaluate, **sizes)
    assert found[7] == formula.evaluate(**{name: int(size[7]) for name, size in sizes.items()})


@pytest.mark.benchmark(group="sweeps")
def test_the_formula_of_a_plan(benchmark):
    """OSNet x1.0's plan in symbols, simplified."""
    formula = benchmark(plan_formula, NETWORKS["osnet_x1_0"])
    assert formula.evaluate(B=1, H=256, W=128) == 978_875_392
