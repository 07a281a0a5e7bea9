"""What is no second tensor: norms, masks, coordinates, spread gates, the same elements elsewhere.

A table of facts: (forward, multiplications by a closed form beside those of one 1 x 1 convolution),
of h, that convolution's output of 2 x 4 x 6 x 5, and its input x. Every way of counting must agree.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.counting.engine.run import profile
from convbench.formulas.tracing import network_formula

SHAPE = B, C, H, W = 2, 4, 6, 5
ALL = B * C * H * W


class Written(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.conv = nn.Conv2d(C, C, 1, bias=False)
        self.norm = nn.RMSNorm(W)
        self.scale = nn.Parameter(torch.ones(W))
        self.written = forward

    def forward(self, x, shown):
        return self.written(self, self.conv(x), x, shown)


def pooled(x):
    return functional.adaptive_avg_pool2d(x, 1)


def llama(self, h):
    wide = h.to(torch.float64)
    normed = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
    return (self.scale * normed.to(h.dtype)).mean(2)


def standardised(h):
    variance, mean = torch.var_mean(h, -1, keepdim=True)
    return ((h - mean) * (variance + 1e-5).rsqrt()).mean(2)


NORMS = {
    "RMSNorm": (lambda self, h, x, m: self.norm(h).mean(2), 0),
    "RMSNorm, over its own axis": (lambda self, h, x, m: self.norm(h).mean((2, 3)), 0),
    "rms_norm": (lambda self, h, x, m: functional.rms_norm(h, (W,), self.scale).sum(), 0),
    "rms_norm without a weight": (lambda self, h, x, m: functional.rms_norm(h, (W,)).mean(1), 0),
    "Llama's": (lambda self, h, x, m: llama(self, h), 0),
    "one over a norm": (lambda self, h, x, m: (h * (1 / h.norm(dim=-1, keepdim=True))).mean(2), 0),
    "one over a maximum": (
        lambda self, h, x, m: (h * h.abs().amax(-1, keepdim=True).reciprocal()).mean(2),
        0,
    ),
    "var_mean": (lambda self, h, x, m: standardised(h), 0),
    "the norm of a view": (
        lambda self, h, x, m: (
            h.flatten(2) * torch.rsqrt(h.square().flatten(2).mean(-1, keepdim=True))
        ).mean(1),
        0,
    ),
    "another's norm": (
        lambda self, h, x, m: (h * (1 / x.norm(dim=-1, keepdim=True))).mean(2),
        ALL,
    ),
}


def ones_written(self, h, x, m):
    kept = x.new_zeros(SHAPE)
    kept[:, 0] = 1.0
    return pooled(h * kept)


def numbers_written(self, h, x, m):
    kept = torch.zeros_like(x)
    kept[:, 0] = x[:, 1]
    return pooled(h * kept)


def numbers_added(self, h, x, m):
    kept = torch.zeros_like(x)
    kept[:, 0].add_(x[:, 1])
    return pooled(h * kept)


def copied_to_a_view(self, h, x, m):
    kept = torch.zeros(SHAPE, device=x.device)
    kept.view(B, -1).copy_(x.view(B, -1))
    return pooled(h * kept)


def dropped_blocks(self, h, x, m):
    drawn = (torch.rand_like(h) < 0.1).to(h.dtype)
    return pooled(h * (1 - functional.max_pool2d(drawn, 3, 1, 1)))


def straight_through(self, h, x, m):
    soft = x.sigmoid()
    return pooled(h * (soft + ((soft > 0.5).float() - soft).detach()))


def gate(x):
    return torch.sigmoid(pooled(x))


def coordinates(x):
    return torch.arange(C, dtype=x.dtype, device=x.device).view(1, C, 1, 1)


MASKS = {
    "integers": (lambda self, h, x, m: (h * m.expand(SHAPE).float()).sum((2, 3)), 0),
    "integers as they are": (lambda self, h, x, m: pooled(h * m), 0),
    "what integers leave": (lambda self, h, x, m: pooled(h * (1.0 - m.float())), 0),
    "integers by their sum": (
        lambda self, h, x, m: (h * (m.float() / m.float().sum((2, 3), keepdim=True))).sum((2, 3)),
        0,
    ),
    "scatter_": (
        lambda self, h, x, m: pooled(
            h * torch.zeros_like(x).scatter_(1, x.argmax(1, keepdim=True), 1.0)
        ),
        0,
    ),
    "scatter": (
        lambda self, h, x, m: pooled(
            h * torch.zeros(SHAPE, device=x.device).scatter(1, x.argmax(1, keepdim=True), 1)
        ),
        0,
    ),
    "ones written to zeros": (ones_written, 0),
    "numbers written to zeros": (numbers_written, ALL),
    "numbers added to zeros": (numbers_added, ALL),
    "numbers copied to a view of zeros": (copied_to_a_view, ALL),
    "a hard choice": (
        lambda self, h, x, m: pooled(h * functional.gumbel_softmax(x, hard=True, dim=1).detach()),
        0,
    ),
    "a soft choice": (
        lambda self, h, x, m: pooled(h * functional.gumbel_softmax(x, dim=1).detach()),
        ALL,
    ),
    "straight through": (straight_through, 0),
    "DropBlock": (dropped_blocks, 0),
    "a maximum of masks": (
        lambda self, h, x, m: pooled(h * (x > 0).float().amax(1, keepdim=True)),
        0,
    ),
    "a mask turned around": (lambda self, h, x, m: pooled(h * (x > 0).float().flip(-1)), 0),
    "a mask made larger": (
        lambda self, h, x, m: pooled(
            h * functional.interpolate((x[:, :, ::2] > 0).float(), size=(H, W))
        ),
        0,
    ),
    "a gate repeated": (lambda self, h, x, m: pooled(h * gate(x).repeat(1, 1, H, W)), 0),
    "a gate interpolated": (
        lambda self, h, x, m: pooled(h * functional.interpolate(gate(x), size=(H, W))),
        0,
    ),
    "a gate interpolated by lines": (
        lambda self, h, x, m: pooled(
            h * functional.interpolate(pooled(x), size=(H, W), mode="bilinear").sigmoid()
        ),
        0,
    ),
    "a gate expanded before": (
        lambda self, h, x, m: pooled(h * torch.sigmoid(pooled(x).expand(SHAPE))),
        0,
    ),
    "a gate repeated, summed where it varies": (
        lambda self, h, x, m: (h * gate(x).repeat(1, 1, H, W)).sum(1),
        ALL,
    ),
    "a soft argmax": (lambda self, h, x, m: (h.softmax(1) * coordinates(x)).sum(1), 0),
    "a disparity": (
        lambda self, h, x, m: (h.softmax(1) * coordinates(x).repeat(B, 1, H, W)).sum(1),
        0,
    ),
    "odd coordinates": (lambda self, h, x, m: (h.softmax(1) * (coordinates(x) * 2 + 1)).sum(1), 0),
    "real coordinates": (
        lambda self, h, x, m: (
            h.softmax(1) * torch.linspace(-1, 1, C, device=x.device).view(1, C, 1, 1)
        ).sum(1),
        ALL,
    ),
}


def focal(loss):
    def forward(self, h, x, m):
        target = (x > 0).float()
        p = torch.sigmoid(h)
        right = p * target + (1 - p) * (1 - target)
        return (loss(h, target, reduction="none") * (1 - right) ** 2).mean()

    return forward


def there_and_back(there, back):
    return lambda self, h, x, m: pooled(h * back(torch.sigmoid(there(h)))), 0


def cut(way):
    return lambda self, h, x, m: pooled(h[:, :2] * torch.sigmoid(way(h))), 0


ROUTES = {
    "permute": there_and_back(lambda h: h.permute(0, 2, 3, 1), lambda h: h.permute(0, 3, 1, 2)),
    "transpose": there_and_back(lambda h: h.transpose(1, 2), lambda h: h.transpose(1, 2)),
    "movedim": there_and_back(lambda h: h.movedim(1, -1), lambda h: h.movedim(-1, 1)),
    "several axes": there_and_back(
        lambda h: h.movedim((1, 2), (0, 1)), lambda h: h.movedim((0, 1), (1, 2))
    ),
    "flip": there_and_back(lambda h: h.flip(-1), lambda h: h.flip(-1)),
    "flip, one by one": there_and_back(lambda h: h.flip(2, 3), lambda h: h.flip(3).flip(2)),
    "roll": there_and_back(lambda h: h.roll((-1, -2), (2, 3)), lambda h: h.roll((1, 2), (2, 3))),
    "roll, flat": there_and_back(lambda h: h.roll(3), lambda h: h.roll(-3)),
    "tokens": there_and_back(
        lambda h: h.permute(0, 2, 3, 1).reshape(-1, C),
        lambda h: h.view(B, H, W, C).permute(0, 3, 1, 2),
    ),
    "chunk": cut(lambda h: h.chunk(2, 1)[0]),
    "narrow": cut(lambda h: h.narrow(1, 0, 2)),
    "split": cut(lambda h: h.split([2, 2], 1)[0]),
    "tensor_split": cut(lambda h: h.tensor_split(2, 1)[0]),
    "slices of slices": cut(lambda h: h[:, :3][:, :-1]),
    "a slice of what was moved": cut(lambda h: h.permute(0, 2, 3, 1)[..., :2].permute(0, 3, 1, 2)),
    "a half by its index": cut(lambda h: h.unflatten(1, (2, 2))[:, 0]),
    "the other half": (cut(lambda h: h.chunk(2, 1)[1])[0], ALL // 2),
    "rolled away": (there_and_back(lambda h: h, lambda h: h.roll(1, -1))[0], ALL),
    "flipped along another axis": (
        there_and_back(lambda h: h.flip(-1), lambda h: h.flip(-2))[0],
        ALL,
    ),
    "focal loss": (focal(functional.binary_cross_entropy_with_logits), 0),
    "a focal square": (focal(functional.mse_loss), 0),
    "a smooth focal loss": (focal(functional.smooth_l1_loss), 0),
}
FACTS = {
    f"{kind}: {name}": fact
    for kind, facts in (("norm", NORMS), ("mask", MASKS), ("route", ROUTES))
    for name, fact in facts.items()
}


@pytest.mark.parametrize("case", FACTS)
def test_every_way_says_the_same(case):
    forward, macs = FACTS[case]
    inputs = torch.ones(SHAPE), torch.ones(B, 1, H, W, dtype=torch.long)

    def asking(self, h, x, m):
        return forward(self, h, x, m) if bool((x == 1).all()) else x

    macs += ALL * C
    found = profile(Written(forward), *inputs)
    assert found.complete, found.unsupported
    assert found.how == "shapes"
    assert found.total.multiplications == macs
    real = profile(Written(asking), *inputs)
    assert "for real" in real.how
    assert real.total.multiplications == macs
    formula = network_formula(Written(forward), *inputs)
    assert formula.complete, formula.unsupported
    assert formula.evaluate(**formula.given, **formula.fixed) == macs


@pytest.mark.parametrize("case", [name for name, (_, macs) in FACTS.items() if not macs])
def test_backward_has_no_products_either(case):
    forward, _ = FACTS[case]
    inputs = torch.ones(SHAPE), torch.ones(B, 1, H, W, dtype=torch.long)
    found = profile(Written(forward), *inputs, backward=True)
    assert found.counts().by_hand == 0
    assert found.forward.multiplications == ALL * C
    assert found.backward.multiplications == ALL * C


def test_zeros_that_a_layer_writes_to_are_numbers():
    def forward(self, h, x, m):
        out = torch.zeros(B * C, H, W)
        out.baddbmm_(x.flatten(0, 1), torch.ones(B * C, W, W))
        return pooled(h * out.view(SHAPE))

    found = profile(Written(forward), torch.ones(SHAPE), torch.ones(B, 1, H, W, dtype=torch.long))
    assert found.counts().by_hand == ALL
