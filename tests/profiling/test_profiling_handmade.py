"""The convention for products by hand: one answer for one piece of arithmetic, however written.

A table of facts: (forward, multiplications by a closed form), of inputs x, y of 2 x 5 x 8.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.counting.engine.run import profile
from convbench.formulas.tracing import network_formula

B, N, D = 2, 5, 8
ALL = B * N * D
PAIRS = B * N * N * D


class Written(nn.Module):
    """A forward of one's own of two inputs, with a few weights of the shapes that the cases use."""

    def __init__(self, forward):
        super().__init__()
        self.row = nn.Parameter(torch.ones(D))
        self.column = nn.Parameter(torch.ones(N, 1))
        self.each = nn.Parameter(torch.ones(N, D))
        self.taps = nn.Parameter(torch.ones(3))
        self.rate = nn.Parameter(torch.ones(()))
        self.one, self.two = nn.Linear(D, D, bias=False), nn.Linear(D, D, bias=False)
        self.register_buffer("blur", torch.ones(3))
        self.register_buffer("at", torch.zeros(N, dtype=torch.long))
        self.written = forward

    def forward(self, x, y):
        return self.written(self, x, y)


def by_taps(weights):
    def forward(self, x, _):
        out = 0
        for tap in range(3):
            out = out + x[:, :, tap : tap + 6] * getattr(self, weights)[tap]
        return out

    return forward


def onto_a_part(self, x, _):
    out = torch.zeros_like(x[:, 0])
    for turn in range(N):
        out[:, :4] += x[:, turn, :4] * self.each[turn, :4]
    return out


def pairs(x, y):
    return x[:, :, None] * y[:, None]


TAPS = 3 * B * N * 6
CONTRACTIONS = {
    "sum": (lambda self, x, y: pairs(x, y).sum(-1), PAIRS),
    "scaled by a number": (lambda self, x, y: (pairs(x, y) * 0.3).sum(-1), PAIRS),
    "divided by a number": (lambda self, x, y: (pairs(x, y) / 3).sum(-1), PAIRS),
    "scaled by a weight": (lambda self, x, y: (pairs(x, y) * self.rate).sum(-1), PAIRS),
    "mean": (lambda self, x, y: pairs(x, y).mean(-1), PAIRS),
    "masked in between": (
        lambda self, x, y: pairs(x, y).masked_fill(pairs(x, y) > 0, 0).sum(-1),
        PAIRS,
    ),
    "reshaped in between": (lambda self, x, y: (x * y).reshape(-1, D).sum(-1), ALL),
    "moved in between": (lambda self, x, y: (x * y).permute(0, 2, 1).contiguous().sum(1), ALL),
    "in place": (lambda self, x, y: x.clone().mul_(y).sum(-1), ALL),
    "one half, then the other": (
        lambda self, x, y: [(x * y)[..., :3].sum(-1), (x * y)[..., 3:].sum(-1)],
        ALL,
    ),
    "halves of the same products": (
        lambda self, x, y: [part.sum(-1) for part in (x * y).split(4, -1)],
        ALL,
    ),
    "summed twice, multiplied once": (
        lambda self, x, y: [part.sum(-1) for part in [x * y] * 2],
        ALL,
    ),
    "stacked": (
        lambda self, x, y: torch.stack([x[:, i] * self.each[i] for i in range(N)]).sum(0),
        ALL,
    ),
    "concatenated": (
        lambda self, x, y: torch.cat([x[:, i : i + 1] * self.each[i] for i in range(N)], 1).sum(1),
        ALL,
    ),
    "one by one": (lambda self, x, y: sum(x[:, i] * self.each[i] for i in range(N)), ALL),
    "subtracted": (lambda self, x, y: x[:, 0] * self.each[0] - x[:, 1] * self.each[1], 2 * B * D),
    "onto a part of zeros": (onto_a_part, B * N * 4),
    "added by index": (
        lambda self, x, y: torch.zeros_like(x[0]).index_add(0, self.at, x[0] * self.each),
        N * D,
    ),
    "scattered": (
        lambda self, x, y: torch.zeros_like(x[0]).scatter_add(
            0, self.at[:, None].expand(N, D), x[0] * self.each
        ),
        N * D,
    ),
    "taps that are numbers": (by_taps("taps"), TAPS),
    "taps that are no parameters": (by_taps("blur"), TAPS),
    "parts of two inputs": (lambda self, x, y: sum(x[:, i] * y[:, i] for i in range(N)), ALL),
}
ELEMENTWISE = {
    "a gate": lambda self, x, y: x * torch.sigmoid(y),
    "a gate that is pooled": lambda self, x, y: (x * torch.sigmoid(y[:, :, :1])).mean(-1),
    "an expanded gate": lambda self, x, y: (x * y[:, :, :1].expand_as(x)).sum(-1),
    "a scale and a residual": lambda self, x, y: x * self.row + y,
    "two layer scales": lambda self, x, y: x * self.row + y * self.each,
    "two gated branches": lambda self, x, y: x * torch.sigmoid(x) + y * torch.sigmoid(y),
    "a blend": lambda self, x, y: x * self.taps[0] + y * (1 - self.taps[0]),
    "a norm": lambda self, x, y: x / (x * x).sum(-1, keepdim=True).sqrt(),
    "a norm by pow": lambda self, x, y: x / x.pow(2).sum(-1, keepdim=True).sqrt(),
    "a variance": lambda self, x, y: (x * x).mean(-1),
    "numbers": lambda self, x, y: 2 * x + 3 * x,
    "a product that something replaced": lambda self, x, y: (x * y).fill_(1).sum(-1),
}


def inputs():
    return torch.zeros(B, N, D), torch.zeros(B, N, D)


@pytest.mark.parametrize("case", CONTRACTIONS)
def test_products_that_are_summed_are_macs(case):
    forward, macs = CONTRACTIONS[case]
    if case == "one half, then the other":
        macs = 3 * B * N + 5 * B * N
    found = profile(Written(forward), *inputs())
    assert found.complete, found.unsupported
    assert found.total.multiplications == macs
    assert found.total.elementwise >= macs


@pytest.mark.parametrize("case", ELEMENTWISE)
def test_other_products_are_elementwise(case):
    found = profile(Written(ELEMENTWISE[case]), *inputs())
    assert found.complete, found.unsupported
    assert found.total.multiplications == 0
    assert found.total.elementwise > 0


@pytest.mark.parametrize("case", {**CONTRACTIONS, **ELEMENTWISE})
def test_a_formula_says_the_same(case):
    forward = CONTRACTIONS[case][0] if case in CONTRACTIONS else ELEMENTWISE[case]
    module = Written(forward).eval()
    formula = network_formula(module, *inputs())
    assert formula.complete, formula.unsupported
    sizes = {**formula.given, **formula.fixed}
    assert formula.evaluate(**sizes) == profile(module, *inputs()).total.multiplications


@pytest.mark.parametrize("case", {**CONTRACTIONS, **ELEMENTWISE})
def test_a_run_for_real_says_the_same(case):
    forward = CONTRACTIONS[case][0] if case in CONTRACTIONS else ELEMENTWISE[case]

    def asking(self, x, y):
        return forward(self, x, y) if bool((x == 0).all()) else x

    found = profile(Written(asking), *inputs())
    assert "for real" in found.how
    assert found.total.multiplications == profile(Written(forward), *inputs()).total.multiplications


def test_two_scaled_layers_are_the_layers():
    def forward(self, x, _):
        return self.one(x) * self.row + self.two(x) * self.each

    assert profile(Written(forward), *inputs()).total.multiplications == 2 * ALL * D


def test_a_gate_before_pooling_is_elementwise_on_every_way():
    """Torch runs a pooling to 1 x 1 as a mean; that must not make a gate of channels a product."""

    class Gated(nn.Module):
        def forward(self, x):
            gate = torch.sigmoid(x.mean((2, 3), keepdim=True))
            return functional.adaptive_avg_pool2d(x * gate, 1)

    image = torch.zeros(2, 4, 6, 5, requires_grad=True)
    assert profile(Gated(), image).total.multiplications == 0
    assert profile(Gated(), image, backward=True).total.multiplications == 0
    assert str(network_formula(Gated(), image.detach())) == "0"


def test_a_pooled_contraction_is_one_on_every_way():
    class Bilinear(nn.Module):
        def forward(self, x):
            return functional.adaptive_avg_pool2d(x * torch.relu(x).flip(-1), 1)

    image = torch.zeros(2, 4, 6, 5)
    macs = 2 * 4 * 6 * 5
    assert profile(Bilinear(), image).total.multiplications == macs
    assert profile(Bilinear(), image, backward=True).forward.multiplications == macs
    assert network_formula(Bilinear(), image).evaluate(B=2, H=6, W=5) == macs


@pytest.mark.parametrize("case", ["sum", "mean", "stacked", "taps that are numbers"])
def test_only_gradients_that_are_wanted_are_counted(case):
    forward, macs = CONTRACTIONS[case]
    x, y = inputs()
    module = Written(forward).requires_grad_(requires_grad=False)
    found = profile(module, x.requires_grad_(), y, backward=True)
    assert found.forward.multiplications == macs
    assert found.backward.multiplications == macs
