"""Elementwise products that a later sum takes in: contractions, and what only looks like one.

A product is a contraction where two different tensors of numbers are multiplied and both vary along
the axis that is summed. An activation of one's own, a square, a mask, an index and a gate that is
the same for all that is summed are elementwise, however they are written.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import Forward, forward, image, same


def _swish(x: torch.Tensor) -> torch.Tensor:
    return x * torch.sigmoid(x)


def _hard_swish(x: torch.Tensor) -> torch.Tensor:
    return x * functional.relu6(x + 3) / 6


@forward(
    "products/own swish, then pool",
    "8*3 * 3*3 * 16*16",
    (1, 3, 16, 16),
    note="the convolution alone: x times sigmoid(x) is an activation",
    conv=lambda: same(3, 8),
)
def _swish_pool(self: Any, x: torch.Tensor) -> Any:
    return functional.adaptive_avg_pool2d(_swish(self.conv(x)), 1)


@forward(
    "products/own hard swish, gated, then pool",
    "16*8 * 10*10 + 16*4 + 4*16 + 16*5",
    (1, 8, 10, 10),
    note="as in MobileNetV3: a 1x1, the two layers of a squeeze and excitation, a head; the gate "
    "is one number for each channel, the same for all positions that are averaged",
    expand=lambda: nn.Conv2d(8, 16, 1, bias=False),
    squeeze=lambda: nn.Conv2d(16, 4, 1, bias=False),
    excite=lambda: nn.Conv2d(4, 16, 1, bias=False),
    head=lambda: nn.Linear(16, 5),
)
def _gated(self: Any, x: torch.Tensor) -> Any:
    x = _hard_swish(self.expand(x))
    gate = self.excite(torch.relu(self.squeeze(x.mean((2, 3), keepdim=True))))
    x = x * functional.relu6(gate + 3) / 6
    return self.head(x.mean((2, 3)))


@forward(
    "products/integer index arithmetic",
    "2*16 * 4*7",
    lambda: (torch.randint(0, 4, (2, 16, 2)),),
    note="places in a table are row times width plus column; the layer on what is looked up",
    table=lambda: nn.Embedding(16, 4),
    layer=lambda: nn.Linear(4, 7),
)
def _indices(self: Any, places: torch.Tensor) -> Any:
    strides = torch.tensor([4, 1], device=places.device)
    return self.layer(self.table((places * strides).sum(-1)))


@forward(
    "products/squared distances",
    "24*6*10",
    (24, 6),
    note="of 24 vectors of 6 numbers to 10 words of a codebook, by |x|2 - 2xw + |w|2: the product "
    "in the middle; a norm is a square of one tensor",
    words=(10, 6),
)
def _distances(self: Any, x: torch.Tensor) -> Any:
    norms = (x * x).sum(1, keepdim=True) + (self.words * self.words).sum(1)
    return norms - 2 * torch.matmul(x, self.words.t())


@forward(
    "products/variance by hand, then a layer",
    "2*5 * 8*6",
    (2, 5, 8),
    note="a layer normalisation written out: the variance is a square",
    layer=lambda: nn.Linear(8, 6),
)
def _variance(self: Any, x: torch.Tensor) -> Any:
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred * centred).mean(-1, keepdim=True)
    return self.layer(centred * torch.rsqrt(variance + 1e-5))


@forward(
    "products/mean of what a mask shows",
    "2*7 * 8*8 + 2 * 8*3",
    lambda: (torch.randn(2, 7, 8), torch.ones(2, 7, dtype=torch.bool)),
    note="two layers; a mask of zeros and ones leaves tokens out of a mean",
    body=lambda: nn.Linear(8, 8),
    head=lambda: nn.Linear(8, 3),
)
def _masked(self: Any, x: torch.Tensor, shown: torch.Tensor) -> Any:
    mask = shown.unsqueeze(-1).to(x.dtype)
    mean = (self.body(x) * mask).sum(1) / mask.sum(1)
    return self.head(mean)


_ROWS = (0, 1, 0, 2)


@forward(
    "products/weighted rows, added in place",
    "4 * 6*5",
    (4, 6, 5),
    note="4 planes of 6 x 5, each with weights of its own, added to rows of a result",
    weight=(4, 6, 5),
)
def _in_place(self: Any, x: torch.Tensor) -> Any:
    result = torch.zeros_like(x)
    for plane, row in enumerate(_ROWS):
        result[row] += x[plane] * self.weight[plane]
    return result


@forward(
    "products/weighted rows, index_add_",
    "4 * 6*5",
    (4, 6, 5),
    note="the same sum as one call",
    weight=(4, 6, 5),
)
def _by_index(self: Any, x: torch.Tensor) -> Any:
    rows = torch.tensor(_ROWS, device=x.device)
    return torch.zeros_like(x).index_add_(0, rows, x * self.weight)


def _branches(forward: Any) -> Program:
    module = Forward(forward, one=same(4, 6), other=same(4, 6), gate=nn.Linear(6, 12))
    return module, image(1, 4, 10, 10)


def _gates(self: Any, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    gates: torch.Tensor = self.gate((one + other).mean((2, 3)))
    return gates.reshape(-1, 2, 6, 1, 1).softmax(1)


@case(
    "products/gated branches, stacked",
    "2 * 6*4 * 3*3 * 10*10 + 6*12",
    note="two convolutions and the layer that makes their gates (SKNet): a blend of two tensors",
)
def _stacked() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        one, other = self.one(x), self.other(x)
        return (torch.stack([one, other], 1) * _gates(self, one, other)).sum(1)

    return _branches(forward)


@case(
    "products/gated branches, added",
    "2 * 6*4 * 3*3 * 10*10 + 6*12",
    note="the same blend as a*x + b*y",
)
def _added() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        one, other = self.one(x), self.other(x)
        gates = _gates(self, one, other)
        return one * gates[:, 0] + other * gates[:, 1]

    return _branches(forward)


def _pairs() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        query = self.query(x)
        return self.last((query[:, :, None] * query[:, None]).sum(-1))

    return Forward(forward, query=nn.Linear(8, 8), last=nn.Linear(4, 8)), image(1, 4, 8)


@case(
    "products/every pair of tokens, then a layer",
    "4 * 8*8 + 4*4*8 + 4 * 4*8",
    note="4 tokens of 8: a layer, each token times each, summed, another layer",
)
def _pairs_forward() -> Program:
    return _pairs()


@case(
    "products/every pair of tokens, backward",
    "2 * 4 * 8*8 + 3 * 4*4*8 + 3 * 4 * 4*8",
    backward=True,
    note="the first layer has no gradient of its input; the product has two gradients",
)
def _pairs_backward() -> Program:
    return _pairs()
