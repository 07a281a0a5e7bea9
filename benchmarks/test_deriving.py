"""How long it takes to derive: one cost, every cost of a slot, a network, a sweep of shapes."""

import numpy as np
import pytest

from convbench import ConvSpec, cost, formula
from convbench.convs.base import TYPES, make
from convbench.networks.base import NETWORKS

SLOT = ConvSpec(in_channels=64, out_channels=64, input_size=(56, 56), kernel_size=3, padding="same")


@pytest.mark.benchmark(group="deriving")
def test_one_cost(benchmark):
    """A depthwise separable convolution, in integers."""
    found = benchmark(cost, "depthwise_separable", SLOT)
    assert found.multiplications == 64 * 56 * 56 * (9 + 64)


@pytest.mark.benchmark(group="deriving")
def test_every_type(benchmark):
    """Every type that fits the slot."""
    kinds = [kind for kind in map(make, TYPES) if kind.fits(SLOT) is None]
    assert len(benchmark(lambda: [kind.cost(SLOT) for kind in kinds])) == len(kinds)


@pytest.mark.benchmark(group="deriving")
def test_osnet(benchmark):
    """OSNet x1.0 at 256×128, about 200 steps."""
    assert benchmark(NETWORKS["osnet_x1_0"].cost).multiplications == 978_875_392


@pytest.mark.benchmark(group="deriving")
def test_a_million_shapes(benchmark):
    """A plan over arrays: a thousand numbers of input channels times a thousand of output."""
    spec = ConvSpec(
        in_channels=np.arange(1, 1001)[:, None],
        out_channels=np.arange(1, 1001)[None, :],
        input_size=(56, 56),
        kernel_size=3,
        padding="same",
    )
    found = benchmark(cost, "depthwise_separable", spec)
    assert found.multiplications.shape == (1000, 1000)
    assert found.multiplications[63, 63] == cost("depthwise_separable", SLOT).multiplications


@pytest.mark.benchmark(group="deriving")
def test_a_formula(benchmark):
    """The plan in symbols, simplified."""
    assert str(benchmark(formula, "depthwise_separable", ratio_to="standard")) == "1/N + K**(-2)"
