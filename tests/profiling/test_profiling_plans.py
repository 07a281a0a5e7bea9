"""What is counted from the operators is what the plans derive, field by field."""

import random

import pytest
import torch

from convbench.convs.base import TYPES, make
from convbench.counting.engine.run import profile
from convbench.networks.base import NETWORKS
from convbench.testing import COUNTS, draw_slot

ODD = [(57, 33), (31, 100), (13, 13)]
FIELDS = ("multiplications", "multiplications_valid", "additions", "parameters", "elementwise")
BESIDES = {"dynamic": lambda kind, spec: spec.batch * kind.experts}
"""Elementwise operations that a module does and its plan leaves out: the attention's division by
the temperature."""
SLOTS = 25


@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_network_counts_as_its_plan(name):
    network = NETWORKS[name]
    module = network.build().eval()
    for batch, size in ((1, network.input_size), *enumerate(ODD, start=1)):
        counted = profile(module, torch.zeros(batch, 3, *size))
        derived = network.cost(batch, size)
        assert counted.how == "shapes"
        assert counted.complete, counted.unsupported
        got = {field: getattr(counted.total, field) for field in COUNTS}
        assert got == {field: getattr(derived, field) for field in COUNTS}, (batch, size)


@pytest.mark.parametrize("block", [False, True], ids=["bare", "block"])
@pytest.mark.parametrize("name", list(TYPES))
def test_a_type_counts_as_its_plan(name, block):
    kind, choose, tried = make(name, {"block": block}), random.Random(f"{name} {block}"), 0
    while tried < SLOTS:
        spec = draw_slot(kind, choose.randint)
        if spec is None:
            continue
        tried += 1
        counted = profile(kind.build(spec).eval(), torch.zeros(spec.input_shape))
        derived = kind.cost(spec)
        want = {field: getattr(derived, field) for field in FIELDS}
        want["elementwise"] += BESIDES.get(name, lambda *_: 0)(kind, spec)
        assert {field: getattr(counted.total, field) for field in FIELDS} == want, spec.label
        assert counted.how == "shapes"
        assert counted.complete, counted.unsupported


def test_a_batch_multiplies_everything_but_the_weights():
    module, size = NETWORKS["osnet_x0_25"].build().eval(), (64, 32)
    one = profile(module, torch.zeros(1, 3, *size)).total
    five = profile(module, torch.zeros(5, 3, *size)).total
    for field in ("multiplications", "multiplications_valid", "elementwise", "activations"):
        assert getattr(five, field) == 5 * getattr(one, field)
    assert five.parameters == one.parameters
    assert one.reads < five.reads < 5 * one.reads, "weights are read once"
