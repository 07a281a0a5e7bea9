"""What a Profile shows: names, visits, shared weights; and every column sums to the totals."""

import json

import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.counting.engine.counts import NAMES
from convbench.counting.engine.run import profile
from convbench.networks.base import NETWORKS

CONV = 4 * 4 * 9 * 64
IMAGE = torch.zeros(1, 4, 8, 8)


def conv():
    return nn.Conv2d(4, 4, 3, padding=1, bias=False)


def tree(found):
    return {part.name: part for _, part in found.by_module.walk()}


class Shares(nn.Module):
    """One layer by two names, one called twice, two with one weight, one that never runs."""

    def __init__(self):
        super().__init__()
        self.first = conv()
        self.again = self.first
        self.often, self.tied, self.unused = conv(), conv(), nn.Linear(7, 7)
        self.tied.weight = self.often.weight

    def forward(self, x):
        x = self.again(self.first(x))
        for _ in range(3):
            x = self.often(x)
        return self.tied(x) + functional.conv2d(x, self.first.weight, padding="same")


def test_shared_modules_and_weights():
    found = profile(Shares(), IMAGE)
    parts = tree(found)
    assert found.total.multiplications == 7 * CONV
    assert found.parameters == 2 * 144 + 56
    assert parts["first"].visits == 2
    assert parts["first"].counts.multiplications == 2 * CONV
    assert "again" not in parts, "the first name is the module's"
    assert parts["often"].visits == 3
    assert parts["often"].counts.multiplications == 3 * CONV
    assert parts["often"].parameters == parts["tied"].parameters == 144
    assert parts["tied"].counts.multiplications == CONV
    assert parts["unused"].visits == parts["unused"].counts.multiplications == 0
    assert parts[""].own.multiplications == CONV, "a functional call is its caller's"
    assert parts[""].parameters == 2 * 144 + 56


def test_shared_weights_are_shared_in_the_backward_pass_too():
    found = profile(Shares(), IMAGE, backward=True)
    assert found.parameters == found.total.parameters == 2 * 144 + 56
    assert found.by_module.parameters == 2 * 144 + 56
    assert found.backward.multiplications == 13 * CONV, "all but the image's gradient"


def test_a_call_of_forward_alone_is_its_callers():
    class Direct(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = conv()

        def forward(self, x):
            return self.layer.forward(x)

    parts = tree(profile(Direct(), IMAGE))
    assert parts["layer"].visits == 0
    assert parts[""].own.multiplications == CONV


def test_an_error_that_a_model_catches_does_not_move_the_names():
    class Tries(nn.Module):
        def __init__(self):
            super().__init__()
            self.wrong, self.right = nn.Conv2d(5, 4, 1), conv()

        def forward(self, x):
            try:
                return self.wrong(x)
            except RuntimeError:
                return self.right(x) + functional.conv2d(x, self.right.weight, padding=1)

    parts = tree(profile(Tries(), IMAGE))
    assert parts["right"].counts.multiplications == CONV
    assert parts[""].own.multiplications == CONV


CONTEXTS = {
    "no_grad": torch.no_grad(),
    "inference mode": torch.inference_mode(),
    "autocast": torch.autocast("cpu", dtype=torch.bfloat16),
    "anomalies": torch.autograd.set_detect_anomaly(mode=False),
}


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("where", ["inside", "outside"])
def test_contexts_change_no_count(context, where):
    class Within(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(conv(), nn.ReLU(), nn.Conv2d(4, 2, 1))

        def forward(self, x):
            if where == "outside":
                return self.layers(x)
            with CONTEXTS[context]:
                return self.layers(x)

    module = Within()
    if where == "inside":
        found = profile(module, IMAGE)
    else:
        with CONTEXTS[context]:
            found = profile(module, IMAGE)
    assert found.how == "shapes"
    assert found.total.multiplications == CONV + 4 * 2 * 64
    assert found.complete, found.unsupported


def test_other_shapes_of_input_and_output():
    class Forms(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = conv()

        def forward(self, pair, named):
            return {"a": [self.layer(pair[0])], "b": (self.layer(named["x"]), None)}

    found = profile(Forms(), (IMAGE, 3), {"x": IMAGE})
    assert found.total.multiplications == 2 * CONV
    both = profile(Forms(), (IMAGE, 3), {"x": IMAGE}, backward=True)
    assert both.backward.multiplications == 2 * CONV


def test_vmap_counts_every_sample():
    class Mapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = nn.Parameter(torch.zeros(5, 4, 4, 3, 3))

        def forward(self, x):
            one = lambda image, weight: functional.conv2d(image, weight, padding=1)  # noqa: E731
            return torch.vmap(one)(x, self.weights)

    found = profile(Mapped(), torch.zeros(5, 1, 4, 8, 8))
    assert found.total.multiplications == 5 * CONV
    assert found.complete, found.unsupported


@pytest.fixture(scope="module")
def network():
    return profile(NETWORKS["osnet_x0_25"].build(), torch.zeros(2, 3, 64, 32), backward=True)


def test_the_columns_of_the_frame_sum_to_the_totals(network):
    frame = network.to_frame()
    assert len(frame) == len(network.rows)
    for side, cost in (("forward", network.forward), ("backward", network.backward)):
        part = frame[frame["pass"] == side]
        assert part["multiplications"].sum() == cost.multiplications
        assert part["multiplications_valid"].sum() == cost.multiplications_valid
        assert part["additions"].sum() == cost.additions
        assert (part["normalisation"] + part["elementwise"]).sum() == cost.elementwise
        for name in ("reads", "writes", "activations"):
            assert part[name].sum() == getattr(cost, name)
    assert frame["multiplications"].sum() == network.total.multiplications
    beyond = frame["bytes_moved"] - 4 * (frame["reads"] + frame["writes"])
    # what is not float32: the indices, of 8 bytes, of which maximum each of 2·16·16·8 was
    indexed = frame["operator"] == "max_pool2d_with_indices_backward"
    assert beyond[indexed].tolist() == [4 * 4096]
    assert (beyond[~indexed] == 0).all()


def test_operators_and_json_sum_to_the_totals(network):
    total = network.counts()
    by_operator, rows = network.by_operator, json.loads(json.dumps(network.to_json()))["rows"]
    for name in NAMES:
        assert sum(getattr(counts, name) for counts in by_operator.values()) == getattr(total, name)
        assert sum(row[name] for row in rows) == getattr(total, name)
    dearest = [counts.multiplications for counts in by_operator.values()]
    assert dearest == sorted(dearest, reverse=True)


def test_the_tree_adds_up(network):
    for _, part in network.by_module.walk():
        inside = [part.own, *(child.counts for child in part.children)]
        for name in NAMES:
            whole = sum(getattr(counts, name) for counts in inside)
            assert getattr(part.counts, name) == whole, part.name
        assert part.parameters >= max((c.parameters for c in part.children), default=0)
    root = network.by_module
    assert root.counts.cost(root.parameters) == network.forward
    assert root.backward == network.counts(backward=True)
    assert root.parameters == network.parameters
    assert sum(1 for _ in root.walk()) == len(list(NETWORKS["osnet_x0_25"].build().modules()))


def test_bytes_follow_the_data_type():
    module = conv()
    single = profile(module, IMAGE).counts()
    half = profile(module.bfloat16(), IMAGE.bfloat16()).counts()
    assert single.bytes_moved == 2 * half.bytes_moved == 4 * (single.reads + single.writes)
    assert half.intensity == 2 * single.intensity == 2 * 2 * CONV / single.bytes_moved
    assert single.reads == 256 + 144
    assert single.writes == single.activations == 256
