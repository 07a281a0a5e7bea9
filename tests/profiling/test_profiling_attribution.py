"""Backward by module: the gradients stand in the module that multiplied forward, and none is lost.

Closed forms: each gradient of a product costs one forward, and an input that wants none has none.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from convbench.counting.engine.run import profile


class Written(nn.Module):
    def __init__(self, forward, **parts):
        super().__init__()
        self.written = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self.written(self, *inputs)


def by_module(found):
    tree = {part.name: part for _, part in found.by_module.walk()}
    inside = {name: sum(child.backward.multiplications for child in part.children)
              for name, part in tree.items()}  # fmt: skip
    own = {name: part.backward.multiplications - inside[name] for name, part in tree.items()}
    assert sum(own.values()) == found.backward.multiplications
    return {name: macs for name, macs in own.items() if macs}


def pairs_then_a_layer(self, x):
    q = self.q(x)
    return self.o((q[:, :, None] * q[:, None]).sum(-1))


def functional_then_a_layer(self, x):
    return self.point(functional.conv2d(x, self.weight, padding=1))


def product_then_norm(self, x):
    return self.norm(x @ self.matrix)


class Doubling(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        return gradient @ weight.T, x.transpose(-1, -2) @ gradient


def own_function_then_a_layer(self, x):
    return self.o(Doubling.apply(x, self.matrix).relu())


def two_branches(self, x):
    y = x @ self.matrix
    return self.one(y) + self.two(y)


def parameter(*shape):
    return nn.Parameter(torch.ones(*shape))


CASES = {
    # what: (module, input shape, backward multiplications by module; the input wants no gradient)
    "products by hand, then a layer": (
        lambda: Written(pairs_then_a_layer, q=nn.Linear(8, 8), o=nn.Linear(4, 8)),
        (1, 4, 8),
        {"q": 4 * 8 * 8, "": 2 * 4 * 4 * 8, "o": 2 * 4 * 4 * 8},
    ),
    "a functional convolution, then a layer": (
        lambda: Written(
            functional_then_a_layer, weight=parameter(8, 4, 3, 3), point=nn.Conv2d(8, 4, 1)
        ),
        (1, 4, 8, 8),
        {"": 8 * 4 * 9 * 64, "point": 2 * 8 * 4 * 64},
    ),
    "a matrix product, then a norm": (
        lambda: Written(product_then_norm, matrix=parameter(8, 6), norm=nn.LayerNorm(6)),
        (5, 8),
        {"": 5 * 8 * 6},
    ),
    "a function of one's own, then a layer": (
        lambda: Written(own_function_then_a_layer, matrix=parameter(8, 6), o=nn.Linear(6, 3)),
        (5, 8),
        {"": 2 * 5 * 8 * 6, "o": 2 * 5 * 6 * 3},
    ),
    "two branches of a product": (
        lambda: Written(
            two_branches, matrix=parameter(8, 6), one=nn.Linear(6, 3), two=nn.Linear(6, 3)
        ),
        (5, 8),
        {"": 5 * 8 * 6, "one": 2 * 5 * 6 * 3, "two": 2 * 5 * 6 * 3},
    ),
    "nested": (
        lambda: nn.Sequential(
            Written(two_branches, matrix=parameter(8, 6), one=nn.Linear(6, 4), two=nn.Linear(6, 4)),
            Written(product_then_norm, matrix=parameter(4, 4), norm=nn.LayerNorm(4)),
        ),
        (5, 8),
        {
            "0": 5 * 8 * 6,
            "0.one": 2 * 5 * 6 * 4,
            "0.two": 2 * 5 * 6 * 4,
            "1": 2 * 5 * 4 * 4,
        },
    ),
    "a checkpoint": (
        lambda: Written(
            lambda self, x: self.last(checkpoint(self.inside, self.first(x), use_reentrant=False)),
            first=nn.Linear(8, 6),
            inside=nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6)),
            last=nn.Linear(6, 2),
        ),
        (5, 8),
        {
            "first": 5 * 8 * 6,
            "inside.0": 3 * 5 * 6 * 6,
            "inside.2": 2 * 5 * 6 * 6,
            "last": 2 * 5 * 6 * 2,
        },
    ),
}


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_gradients_stand_where_the_product_does(case, real):
    make, shape, want = CASES[case]
    module = make()
    if real:
        module.register_forward_pre_hook(lambda _, given: bool(given[0].sum() > 1e9) or None)
    found = profile(module, torch.ones(shape), backward=True)
    assert ("for real" in found.how) is real
    assert by_module(found) == want


def transformer():
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True, dropout=0.0)
    return nn.Sequential(nn.Linear(4, 8), nn.TransformerEncoder(layer, 2), nn.Linear(8, 3))


def test_a_transformer():
    tokens, width = 2 * 7, 8
    found = profile(transformer(), torch.zeros(2, 7, 4), backward=True)
    one, attention = tokens * width * width, 2 * 7 * 7 * width
    want = {"0": tokens * 4 * 8, "2": 2 * tokens * 8 * 3}
    for i in (0, 1):
        want[f"1.layers.{i}.self_attn"] = 2 * (4 * one + 2 * attention)
        want[f"1.layers.{i}.linear1"] = want[f"1.layers.{i}.linear2"] = 2 * tokens * 8 * 16
    assert by_module(found) == want


class Detector(nn.Module):
    """One head on two levels of a pyramid, as detectors share it."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.down = nn.Conv2d(4, 4, 3, padding=1, stride=2, bias=False)
        self.head = nn.ModuleDict({"boxes": nn.Conv2d(4, 4, 1), "classes": nn.Conv2d(4, 6, 1)})

    def forward(self, x):
        first = self.body(x)
        levels = [first, self.down(first)]
        return [{name: layer(level) for name, layer in self.head.items()} for level in levels]


def test_a_detector():
    found = profile(Detector(), torch.zeros(1, 3, 8, 8), backward=True)
    assert by_module(found) == {
        "body": 4 * 3 * 9 * 64,
        "down": 2 * 4 * 4 * 9 * 16,
        "head.boxes": 2 * 4 * 4 * (64 + 16),
        "head.classes": 2 * 4 * 6 * (64 + 16),
    }
