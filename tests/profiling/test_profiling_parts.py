"""Sums of parts of one product, samples of one tensor, and products that are added by index.

A table of facts: (forward, multiplications in products by hand by a closed form), of x and y of
2 x 9 x 8. Every way of counting must agree.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.counting.engine.run import profile
from convbench.formulas.tracing import network_formula

B, N, D = 2, 9, 8
ALL = B * N * D


class Written(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.written = forward

    def forward(self, x, y):
        return self.written(x, y)


def one_by_one(x, y):
    product = x * y
    total = product[:, 0]
    for place in range(1, N):
        total = total + product[:, place]
    return total


def onto_zeros(x, y):
    product, total = x * y, torch.zeros_like(x[:, 0])
    for place in range(N):
        total += product[:, place]
    return total


def halves(x, y):
    product = x * y
    return (product[..., :4] + product[..., 4:]).sum(-1)


def pairs(x, y):
    product = x * y
    return (product[:, 0] + product[:, 1]) + (product[:, 2] + product[:, 3])


def whole_and_part(x, y):
    product = x * y
    return product.sum(1), product[:, 0] + product[:, 1]


def doubled(x, y):
    product = x * y
    return product + product


def the_same_part(x, y):
    product = x * y
    return product[:, 0] + product[:, 0]


def sampled(levels, points):
    """Return deformable attention of one tensor: points at each of several levels."""

    def forward(x, y):
        image = x.transpose(1, 2).reshape(B, D, 3, 3)
        weights = y[..., : levels * points].softmax(-1)
        found = [
            torch.stack(
                [
                    functional.grid_sample(image, y.new_zeros(B, N, 1, 2), align_corners=False)
                    for _ in range(points)
                ],
                -1,
            )
            for _ in range(levels)
        ]
        stacked = torch.stack(found, -2).flatten(-3)
        return (stacked * weights[:, None]).sum(-1)

    return forward


def sampled_levels(x, y):
    """DETR's: each level is a part of one tensor."""
    parts = x.transpose(1, 2).split([6, 3], 2)
    found = [
        functional.grid_sample(
            part.reshape(B, D, -1, 3), y.new_zeros(B, N, 1, 2), align_corners=False
        )
        for part in parts
    ]
    return (torch.stack(found, -2).flatten(-2) * y[..., :2].softmax(-1)[:, None]).sum(-1)


SOURCE, TARGET = torch.tensor([0, 1, 2, 2, 4]), torch.tensor([1, 1, 0, 3, 3])
MESSAGES = 5 * D


def passed(weigh, add):
    """Return messages along five edges from rows of x, weighed by y and added up."""

    def forward(x, y):
        source, target = SOURCE.to(x.device), TARGET.to(x.device)
        return add(torch.zeros_like(x[0]), target, x[0][source] * weigh(y[0], source, target))

    return forward


def index_add(out, at, messages):
    return out.index_add_(0, at, messages)


def scatter_add(out, at, messages):
    return out.scatter_add(0, at[:, None].expand_as(messages), messages)


def index_put(out, at, messages):
    return out.index_put((at,), messages, accumulate=True)


FACTS = {
    "chunks": (lambda x, y: sum((x * y.sigmoid()).chunk(2, -1)), ALL),
    "rows one by one": (one_by_one, ALL),
    "rows onto zeros": (onto_zeros, ALL),
    "unbind": (lambda x, y: sum((x * y).unbind(1)), ALL),
    "two rows of one product": (lambda x, y: sum((x * y).unbind(1)[:2]), 2 * B * D),
    "joined to an empty cache": (
        lambda x, y: torch.cat([torch.tensor([], device=x.device), x * y], dim=-2).sum(1),
        ALL,
    ),
    "a cache that begins empty": (
        lambda x, y: (torch.cat([x.new_zeros(0), x], dim=-2) * y).sum(1),
        ALL,
    ),
    "two by two": (pairs, 4 * B * D),
    "trapezoids": (lambda x, y: torch.trapz(x * y, dim=-1), ALL),
    "halves, summed": (halves, ALL),
    "halves of a view": (lambda x, y: sum((x * y).view(B, N, 2, 4).unbind(2)), ALL),
    "whole and part": (whole_and_part, ALL),
    "a product twice": (doubled, 0),
    "a part twice": (the_same_part, 0),
    "a gate of what is added": (
        lambda x, y: sum((x * y.mean(1, keepdim=True).sigmoid()).split(3, 1)),
        0,
    ),
    "a gate that varies where it is added": (
        lambda x, y: sum((x * y.mean(1, keepdim=True).sigmoid()).chunk(2, -1)),
        ALL,
    ),
    "four levels of a point": (sampled(4, 1), 4 * ALL),
    "a level of four points": (sampled(1, 4), 4 * ALL),
    "two levels of three points": (sampled(2, 3), 6 * ALL),
    "levels of one tensor": (sampled_levels, 2 * ALL),
    "levels of different tensors": (
        lambda x, y: (
            torch.stack([x.relu(), y.tanh()], -1) * (x + y)[..., :2].softmax(-1)[:, :, None]
        ).sum(-1),
        0,
    ),
    "edges": (passed(lambda y, source, target: y[source, :1], index_add), MESSAGES),
    "edges of their own": (passed(lambda y, source, target: y[:5, :1], scatter_add), MESSAGES),
    "where it is added": (passed(lambda y, source, target: y[target, :1], index_add), 0),
    "where it is scattered": (
        passed(lambda y, source, target: y.index_select(0, target)[:, :1], scatter_add),
        0,
    ),
    "where it is put": (passed(lambda y, source, target: y[target][:, :1], index_put), 0),
}


@pytest.mark.parametrize("case", FACTS)
def test_every_way_says_the_same(case):
    forward, macs = FACTS[case]
    inputs = torch.ones(B, N, D), torch.ones(B, N, D)

    def asking(x, y):
        return forward(x, y) if bool((x == 1).all()) else x

    found = profile(Written(forward), *inputs)
    assert found.complete, found.unsupported
    assert found.counts().by_hand == found.total.multiplications == macs
    real = profile(Written(asking), *inputs)
    assert "for real" in real.how
    assert real.total.multiplications == macs
    formula = network_formula(Written(forward), *inputs)
    assert formula.complete, formula.unsupported
    assert formula.evaluate(**formula.given, **formula.fixed) == macs
    wanted = [item.clone().requires_grad_() for item in inputs]
    trained = profile(Written(forward), *wanted, backward=True)
    assert trained.forward.multiplications == macs
    assert trained.backward.multiplications == 2 * macs


class Experts(nn.Module):
    """Mixtral's block: each expert takes its own rows, weighs them and puts them back."""

    def __init__(self, add):
        super().__init__()
        self.add, self.gate = add, nn.Linear(6, 3, bias=False)
        self.experts = nn.ModuleList(nn.Linear(6, 6, bias=False) for _ in range(3))

    def forward(self, x):
        rows = x.reshape(-1, 6)
        weights, chosen = self.gate(rows).softmax(-1).topk(2, -1)
        out = torch.zeros_like(rows)
        for number, expert in enumerate(self.experts):
            row, turn = torch.where(chosen == number)
            out = self.add(out, row, expert(rows[row]) * weights[row, turn, None])
        return out


def added_to_rows(out, row, found):
    out[row] += found
    return out


@pytest.mark.parametrize("add", [added_to_rows, index_add, scatter_add, index_put])
@pytest.mark.parametrize("backward", [False, True])
def test_experts_are_a_blend_however_they_are_added(add, backward):
    found = profile(Experts(add), torch.randn(2, 5, 6), backward=backward)
    assert found.forward.multiplications == 10 * 6 * 3 + 20 * 6 * 6
    assert found.counts().by_hand == 0
