"""What is multiplied decides: activations, gates and masks of one's own are no contractions.

A table of facts: (forward, multiplications in products by hand, by a closed form), of x and y of
2 x 4 x 6 x 5 and an index. Each is counted by shapes, by a formula and by a real run.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.counting.engine.run import profile
from convbench.formulas.tracing import network_formula
from convbench.ui.terminal.profile import summary

B, C, H, W = 2, 4, 6, 5
ALL = B * C * H * W


class Written(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.each = nn.Parameter(torch.ones(C, 1, 1))
        self.other = nn.Parameter(torch.ones(C, 1, 1))
        self.beta = nn.Parameter(torch.ones(()))
        self.maps = nn.ParameterList(torch.ones(H, W) for _ in range(C))
        self.table = nn.Parameter(torch.ones(C, H, W))
        self.norm = nn.BatchNorm2d(C)
        self.register_buffer("cos", torch.ones(H, W))
        self.register_buffer("sin", torch.ones(H, W))
        self.register_buffer("at", torch.tensor([0, 1, 0, 2]))
        self.register_buffer("shown", torch.ones(H, W, dtype=torch.bool))
        self.written = forward
        self.eval()

    def forward(self, x, y):
        return self.written(self, x, y)


def pooled(x):
    return functional.adaptive_avg_pool2d(x, 1)


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.04 * x**3)))


def in_place(x):
    x = x + 0
    return x.mul_(x.sigmoid())


def layer_norm(self, x, _):
    centred = x - x.mean(1, keepdim=True)
    return pooled(centred * (centred.var(1, keepdim=True).add_(1e-6)).rsqrt_())


def entropy(x):
    p = x.sigmoid()
    return -(p * torch.log(p + 1e-9)).sum((1, 2, 3))


def variance(x):
    centred = x - x.mean((2, 3), keepdim=True)
    return (centred * torch.clone(centred)).mean((2, 3))


def coordinates(self, x, _):
    at = torch.stack(torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij"), -1)
    return x[:, 0] + (at * torch.tensor([W, 1])).sum(-1)


def float_coordinates(self, x, _):
    at = torch.stack(torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij"), -1).float()
    return x[:, 0] + (at * torch.tensor([W, 1]).float()).sum(-1)


def dropped(self, x, _):
    kept = (torch.rand_like(x) > 0.5).to(x.dtype) / 0.5
    return pooled(x * kept)


def chosen(self, x, _):
    hot = functional.one_hot(self.at, 3).to(x.dtype)
    return (x[:, :, None, 0, 0] * hot).sum(1)


def sknet(self, x, y):
    u, v = x.relu(), y.tanh()
    gates = (pooled(x) + pooled(y))[:, None].repeat(1, 2, 1, 1, 1).softmax(1)
    return (torch.stack([u, v], 1) * gates).sum(1)


def sknet_joined(self, x, y):
    u, v = x.relu(), y.tanh()
    gates = (pooled(x) + pooled(y))[:, None].repeat(1, 2, 1, 1, 1).softmax(1)
    return (torch.cat([u, v], 1).view(B, 2, C, H, W) * gates).sum(1)


def sknet_one_by_one(self, x, y):
    u, v = x.relu(), y.tanh()
    gates = (pooled(x) + pooled(y))[:, None].repeat(1, 2, 1, 1, 1).softmax(1)
    return u * gates[:, 0] + v * gates[:, 1]


def resnest(self, x, y):
    gates = pooled(y).reshape(B, 2, C // 2, 1, 1).softmax(1)
    return (x.reshape(B, 2, C // 2, H, W) * gates).sum(1)


def resnest_split(self, x, y):
    gates = pooled(y).reshape(B, 2, C // 2, 1, 1).softmax(1)
    return sum(part * gates[:, i] for i, part in enumerate(x.split(C // 2, 1)))


def resnest_stacked(self, x, y):
    gates = pooled(y).reshape(B, 2, C // 2, 1, 1).softmax(1)
    return torch.stack([part * gates[:, i] for i, part in enumerate(x.chunk(2, 1))]).sum(0)


def rotated(self, x, _):
    one, two = x.chunk(2, 1)
    return one * self.cos - two * self.sin, one * self.sin + two * self.cos


def rows(self, x, y):
    out = torch.zeros_like(x[:, 0])
    for i in range(C):
        out[:, int(i % H)] += (x[:, i] * self.table[i]).sum(1)
    return out


def added_rows(self, x, _):
    out = torch.zeros_like(x[0])
    for i in range(C):
        out[(0, 1, 0, 2)[i]] += x[0, i] * self.table[i]
    return out


def added_by_index(self, x, _):
    return torch.zeros_like(x[0]).index_add_(0, self.at, x[0] * self.table)


def put_by_index(self, x, _):
    return torch.zeros_like(x[0]).index_put_((self.at,), x[0] * self.table, accumulate=True)


def scatter_added(self, x, _):
    at = self.at[:, None, None].expand(C, H, W)
    return torch.zeros_like(x[0]).scatter_add_(0, at, x[0] * self.table)


def largest(self, x, _):
    at = self.at[:, None, None].expand(C, H, W)
    return torch.zeros_like(x[0]).scatter_reduce(0, at, x[0] * self.table, "amax")


def onto(self, x, y):
    out = y[:, 0]
    for i in range(C):
        out = out + x[:, i] * self.maps[i]
    return out


def gated_part(self, x, y):
    out = torch.zeros_like(x)
    out[:, :2] = x[:, :2] * pooled(y)[:, :2].sigmoid()
    out[:, 2:] = x[:, 2:]
    return pooled(out)


def partly(self, x, y):
    out = torch.zeros_like(x)
    out[:, 2:] = x[:, 2:]
    out[:, :2] = x[:, :2] * y[:, :2]
    return pooled(out)


def turned(self, x, y):
    out = torch.zeros_like(x[:, 0])
    for i in range(H):
        out[:, i] = x[:, 0, i] * self.table[0, 0]
    return out.sum(1)


ELEMENTWISE = {
    "a gated part": gated_part,
    "one scale for all, written one by one": turned,
    "swish, pooled": lambda self, x, _: pooled(x * torch.sigmoid(x)),
    "swish in place, pooled": lambda self, x, _: pooled(in_place(x)),
    "swish with a learned slope": lambda self, x, _: pooled(x * torch.sigmoid(self.beta * x)),
    "hard swish": lambda self, x, _: (x * functional.relu6(x + 3) / 6).mean((2, 3)),
    "mish": lambda self, x, _: (x * torch.tanh(functional.softplus(x))).mean((2, 3)),
    "gelu": lambda self, x, _: gelu(x).mean((2, 3)),
    "gelu by erf": lambda self, x, _: (x * 0.5 * (1 + torch.erf(x / 1.4))).sum(1),
    "a rectified part": lambda self, x, _: (x * (x > 0).float()).mean((2, 3)),
    "its own norm as a gate": lambda self, x, _: pooled(x * torch.sigmoid(self.norm(x))),
    "its own softmax": lambda self, x, _: (x * x.flatten(2).softmax(-1).view_as(x)).sum((2, 3)),
    "a squeezed swish": lambda self, x, _: pooled(
        (x * pooled(x).sigmoid()) * torch.sigmoid(x * pooled(x).sigmoid())
    ),
    "the same slice": lambda self, x, _: (x[:, 1:] * x[:, 1:].sigmoid()).sum(1),
    "a square of a copy": lambda self, x, _: (x * x.clone().abs()).sum(1),
    "a variance": lambda self, x, _: variance(x),
    "an entropy": lambda self, x, _: entropy(x),
    "an RMS norm": lambda self, x, _: pooled(
        x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-6) * self.each
    ),
    "an RMS norm, by a power": lambda self, x, _: pooled(
        self.each * (x * (x.square().mean(1, keepdim=True) + 1e-6).pow(-0.5))
    ),
    "a layer norm": layer_norm,
    "a norm of vectors": lambda self, x, _: (
        x * (1 / torch.linalg.vector_norm(x, dim=1, keepdim=True).clamp(min=1e-6))
    ).sum((2, 3)),
    "shares of a sum": lambda self, x, _: (x * x.sum(1).reciprocal()[:, None]).mean((2, 3)),
    "a bool mask": lambda self, x, _: (x * self.shown).sum((2, 3)),
    "a mask as floats": lambda self, x, _: (x * self.shown.to(x.dtype)).sum((2, 3)),
    "what a mask leaves": lambda self, x, _: (x * (1 - (x > 0).float())).sum((2, 3)),
    "a triangle": lambda self, x, _: (x * torch.tril(torch.ones(H, W))).sum((2, 3)),
    "a trace": lambda self, x, _: (x[..., :5, :] * torch.eye(5)).sum((2, 3)),
    "a trace of many": lambda self, x, _: (
        x[..., :5, :] * torch.eye(5).unsqueeze(0).repeat(B, C, 1, 1)
    ).sum((2, 3)),
    "a mask, flipped": lambda self, x, _: (x * (x > 0).float().flip(3)).sum((2, 3)),
    "a mask, tiled": lambda self, x, _: (
        x * (x[:, :2] > 0).to(x.dtype).repeat_interleave(2, 1)
    ).sum((2, 3)),
    "a choice": chosen,
    "dropout": dropped,
    "dropout by rounding": lambda self, x, _: pooled(x / 0.8 * (torch.rand_like(x) + 0.8).floor()),
    "dropout by a uniform tensor": lambda self, x, _: pooled(
        x * torch.empty_like(x).uniform_(0.8, 1.8).floor_()
    ),
    "noise that scales": lambda self, x, _: (x * (1 + 0.1 * torch.randn_like(x))).mean((2, 3)),
    "noise of a spread that was learned": lambda self, x, y: pooled(
        x + (0.5 * y).exp() * torch.randn(B, C, H, W)
    ),
    "a draw of a standard normal": lambda self, x, y: pooled(
        x + y.exp() * torch.normal(torch.zeros(B, C, H, W), torch.ones(B, C, H, W))
    ),
    "Gumbel noise that scales": lambda self, x, _: pooled(
        x * -torch.log(-torch.log(torch.rand_like(x)))
    ),
    "a mask, rectified": lambda self, x, _: (x * functional.relu((x > 0).float())).sum(1),
    "coordinates": coordinates,
    "coordinates as floats": float_coordinates,
    "SKNet": sknet,
    "SKNet, joined": sknet_joined,
    "SKNet, one by one": sknet_one_by_one,
    "one scale for all": lambda self, x, y: sum(x[:, i] * self.table[0] for i in range(C)),
    "one scale for all, at once": lambda self, x, y: (x * self.table[0]).sum(1),
    "one scale for all, stacked": lambda self, x, y: torch.stack(
        [x[:, i] * self.table[0] for i in range(C)]
    ).sum(0),
    "rotary positions of halves": rotated,
    "the largest product": largest,
}
CONTRACTIONS = {
    "two tensors": (lambda self, x, y: (x * torch.sigmoid(y)).mean((2, 3)), ALL),
    "two tensors, one with noise": (
        lambda self, x, y: (x * (y + torch.randn_like(y))).mean((2, 3)),
        ALL,
    ),
    "a draw around another": (
        lambda self, x, y: (x * torch.normal(y, torch.ones_like(y))).mean((2, 3)),
        ALL,
    ),
    "two tensors, one rounded": (lambda self, x, y: (x * y.floor()).mean((2, 3)), ALL),
    "a masked product": (lambda self, x, y: (x * y * self.shown).sum((2, 3)), ALL),
    "a product whose mask is first": (lambda self, x, y: (self.shown * x * y).sum(1), ALL),
    "different slices": (lambda self, x, y: (x[:, 1:] * x[:, :-1].sigmoid()).sum(1), ALL * 3 // 4),
    "outer with itself": (
        lambda self, x, y: (x.flatten(2)[:, :, None] * x.flatten(2)[:, None]).mean(-1),
        B * C * C * H * W,
    ),
    "its own mean as a gate": (lambda self, x, y: (x * x.mean(1, keepdim=True)).sum((2, 3)), ALL),
    "another's norm": (
        lambda self, x, y: (x * y.square().mean(1, keepdim=True).rsqrt()).sum((2, 3)),
        ALL,
    ),
    "averaged locally": (lambda self, x, y: functional.avg_pool2d(x * y, (2, 1)), ALL),
    "averaged to 2 x 5": (lambda self, x, y: functional.adaptive_avg_pool2d(x * y, (2, 5)), ALL),
    "ResNeSt": (resnest, ALL),
    "ResNeSt, split": (resnest_split, ALL),
    "ResNeSt, stacked": (resnest_stacked, ALL),
    "CBAM's gate of positions, pooled": (
        lambda self, x, y: pooled(x * torch.sigmoid(y.mean(1, keepdim=True))),
        ALL,
    ),
    "two products of one": (lambda self, x, y: (x * y + x * self.table).sum((2, 3)), 2 * ALL),
    "a product and an offset": (lambda self, x, y: (x * y + self.each).sum(1), ALL),
    "a product and another tensor": (lambda self, x, y: (x * y - x).sum(1), ALL),
    "onto a tensor": (onto, ALL),
    "onto a map": (
        lambda self, x, y: sum((x[:, i] * self.maps[i] for i in range(C)), self.cos),
        ALL,
    ),
    "activated slices": (
        lambda self, x, y: sum(x[:, i].relu() * self.table[i] for i in range(C)),
        ALL,
    ),
    "a part of products": (partly, ALL // 2),
    "a part of a sum": (lambda self, x, y: (x * y)[:, :1].sum((2, 3)), ALL // C),
    "rows": (rows, ALL),
    "rows added": (added_rows, ALL // B),
    "rows added by index": (added_by_index, ALL // B),
    "rows put by index": (put_by_index, ALL // B),
    "rows scattered": (scatter_added, ALL // B),
}
FACTS = {**{name: (forward, 0) for name, forward in ELEMENTWISE.items()}, **CONTRACTIONS}


def inputs():
    return torch.ones(B, C, H, W), torch.ones(B, C, H, W)


@pytest.mark.parametrize("case", FACTS)
def test_profile(case):
    forward, macs = FACTS[case]
    found = profile(Written(forward), *inputs())
    assert found.how == "shapes"
    assert found.complete, found.unsupported
    assert found.counts().by_hand == macs
    assert found.total.multiplications == macs


@pytest.mark.parametrize("case", FACTS)
def test_a_real_run(case):
    forward, macs = FACTS[case]

    def asking(self, x, y):
        return forward(self, x, y) if bool((x == 1).all()) else x

    found = profile(Written(asking), *inputs())
    assert "for real" in found.how
    assert found.total.multiplications == macs


@pytest.mark.parametrize("case", FACTS)
def test_formula(case):
    forward, macs = FACTS[case]
    formula = network_formula(Written(forward), *inputs())
    assert formula.complete, formula.unsupported
    assert formula.evaluate(**formula.given, **formula.fixed) == macs
    assert set(formula.by_operator) == ({"mul"} if macs else set())


@pytest.mark.parametrize("case", FACTS)
def test_backward_costs_two_forwards(case):
    forward, macs = FACTS[case]
    x, y = inputs()
    module = Written(forward).requires_grad_(requires_grad=True)
    found = profile(module, x.requires_grad_(), y.requires_grad_(), backward=True)
    assert found.forward.multiplications == macs
    mapped = "map" in case or "tensor" in case
    assert found.backward.multiplications == 2 * macs or mapped


class Swish(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(x)


@pytest.mark.parametrize("activation", [nn.SiLU, Swish])
def test_an_activation_of_ones_own_costs_what_torchs_does(activation):
    net = nn.Sequential(nn.Conv2d(3, 8, 3), activation(), nn.AdaptiveAvgPool2d(1))
    image = torch.zeros(1, 3, 18, 18)
    assert profile(net, image).total.multiplications == 55_296
    assert network_formula(net, image).evaluate(B=1, H=18, W=18) == 55_296


class Scores(nn.Module):
    """Queries and keys multiplied by one layer, summed by the next."""

    def __init__(self):
        super().__init__()
        self.pairs, self.pool = Pairs(), nn.AdaptiveAvgPool1d(1)

    def forward(self, x, y):
        return self.pool(self.pairs(x, y))


class Pairs(nn.Module):
    def forward(self, x, y):
        return x * y


def test_products_stand_where_they_are_multiplied_and_apart():
    found = profile(Scores(), torch.ones(2, 3, 4), torch.ones(2, 3, 4))
    tree = {part.name: part.counts for _, part in found.by_module.walk()}
    assert tree["pairs"].multiplications == tree["pairs"].by_hand == 24
    assert tree["pool"].multiplications == 0
    assert found.by_operator["mul"].by_hand == 24
    frame = found.to_frame()
    assert frame["by_hand"].sum() == 24
    assert frame.loc[frame["operator"] == "mul", "calls"].sum() == 1
    assert "24 of them in products by hand" in "\n".join(summary(found))
