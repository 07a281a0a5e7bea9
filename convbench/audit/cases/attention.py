"""Attention, bilinear forms and recurrent layers: contractions that networks also hold."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import Forward, forward, image


@case(
    "attention/scaled_dot_product_attention",
    "2*3 * 7*9*4 + 2*3 * 7*9*5",
    note="queries times keys and weights times values, 3 heads; scaling and softmax apart",
)
def _dot_product() -> Program:
    def forward(_: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return functional.scaled_dot_product_attention(q, k, v)

    shapes = (2, 3, 7, 4), (2, 3, 9, 4), (2, 3, 9, 5)
    return Forward(forward), tuple(torch.randn(*shape) for shape in shapes)


@case("attention/causal", "2*3 * 8*8*4 + 2*3 * 8*8*4", note="masked products are counted")
def _causal() -> Program:
    def forward(_: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    return Forward(forward), tuple(torch.randn(2, 3, 8, 4) for _ in range(3))


@forward(
    "attention/MultiheadAttention",
    "3 * 2*7 * 8*8 + 2 * 2*7*7*8 + 2*7 * 8*8",
    (2, 7, 8),
    note="three projections, two products of 7 x 7 x 8 over all heads, one projection",
    attention=lambda: nn.MultiheadAttention(8, 2, batch_first=True),
)
def _multihead(self: Any, x: torch.Tensor) -> Any:
    result: torch.Tensor = self.attention(x, x, x, need_weights=False)[0]
    return result


@case("attention/by hand", "3 * 2*7 * 8*8 + 2 * 2*2*7*7*4", note="linear layers, @ and softmax")
def _by_hand() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        q, k, v = (
            part.reshape(2, 7, 2, 4).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1)
        )
        weights = torch.softmax(q @ k.transpose(-2, -1) * 0.5, dim=-1)
        return (weights @ v).transpose(1, 2).reshape(2, 7, 8)

    return Forward(forward, qkv=nn.Linear(8, 24)), image(2, 7, 8)


@case(
    "attention/TransformerEncoderLayer",
    "3 * 2*7 * 8*8 + 2 * 2*7*7*8 + 2*7 * 8*8 + 2*7 * 8*16 + 2*7 * 16*8",
    note="attention, and a feed-forward of 16",
)
def _encoder() -> Program:
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True, dropout=0.0)
    return layer, image(2, 7, 8)


@case(
    "attention/Bilinear",
    "5 * 6 * 3*4 + 5 * 6 * 4",
    note="for each of 5 samples and 6 outputs: the first input times a 3 x 4 matrix, then times "
    "the second input",
)
def _bilinear() -> Program:
    return nn.Bilinear(3, 4, 6), (torch.randn(5, 3), torch.randn(5, 4))


@case(
    "attention/LSTM",
    "6*2 * 4*5*3 + 6*2 * 4*5*5",
    note="6 steps of a batch of 2: four gates of 5 from 3 inputs and from 5 states; the gates' own "
    "products are elementwise",
)
def _lstm() -> Program:
    return nn.LSTM(3, 5), image(6, 2, 3)


@case("attention/GRU", "6*2 * 3*5*3 + 6*2 * 3*5*5", note="as the LSTM, with three gates")
def _gru() -> Program:
    return nn.GRU(3, 5), image(6, 2, 3)


@case("attention/LSTMCell", "2 * 4*5*3 + 2 * 4*5*5")
def _lstm_cell() -> Program:
    return nn.LSTMCell(3, 5), image(2, 3)


@case("attention/embedding then linear", "2*6 * 4*7", note="a look-up multiplies nothing")
def _embedding() -> Program:
    layers = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 7))
    return layers, (torch.randint(0, 10, (2, 6)),)
