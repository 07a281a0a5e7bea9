"""How long each counter takes on OSNet, beside the plain forward pass: compare the ratios."""

import pytest

from convbench import count
from convbench.counting.base import asked_in_runs
from convbench.networks.base import NETWORKS

NAME = "osnet_x0_25"


@pytest.fixture(scope="module")
def network():
    """The module and an input of its own size."""
    import torch

    return NETWORKS[NAME].build().eval(), torch.zeros(1, 3, *NETWORKS[NAME].input_size)


@pytest.mark.benchmark(group="counting")
@pytest.mark.parametrize("counter", asked_in_runs())
def test_counter(benchmark, network, counter):
    """Count once."""
    module, inputs = network
    tally = benchmark.pedantic(
        count, args=(module, inputs), kwargs={"counter": counter}, rounds=5, warmup_rounds=1
    )
    assert tally.macs == NETWORKS[NAME].cost().multiplications


@pytest.mark.benchmark(group="counting")
def test_plain_forward(benchmark, network):
    """Run the network once, for comparison."""
    import torch

    module, inputs = network
    with torch.inference_mode():
        benchmark.pedantic(module, args=(inputs,), rounds=5, warmup_rounds=1)
