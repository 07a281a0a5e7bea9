"""Weights that are made for each sample: making them counts, and so does using them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import Forward, forward


def _apply_each(x: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Convolve each sample with its own kernel, as groups of one convolution."""
    batch, channels, height, width = x.shape
    outputs = kernels.shape[1]
    result = functional.conv2d(
        x.reshape(1, batch * channels, height, width),
        kernels.reshape(batch * outputs, channels, *kernels.shape[3:]),
        padding=1,
        groups=batch,
    )
    return result.reshape(batch, outputs, height, width)


@forward(
    "dynamic/dynamic convolution",
    "2*2*8 + 2*4*2 + 2*4 * 6*8*3*3 + 2*6*8 * 3*3 * 10*10",
    (2, 8, 10, 10),
    note="attention over 4 kernels (8 to 2 to 4), their mix for each sample, the convolution",
    down=lambda: nn.Linear(8, 2),
    up=lambda: nn.Linear(2, 4),
    kernels=(4, 6, 8, 3, 3),
)
def _dynamic(self: Any, x: torch.Tensor) -> torch.Tensor:
    hidden = torch.relu(self.down(x.mean((2, 3))))
    attention = torch.softmax(self.up(hidden), dim=1)
    mixed = attention @ self.kernels.reshape(4, -1)
    return _apply_each(x, mixed.reshape(-1, 6, 8, 3, 3))


@forward(
    "dynamic/CondConv",
    "2*8*3 + 2*3 * 6*8*3*3 + 2*6*8 * 3*3 * 10*10",
    (2, 8, 10, 10),
    note="routing to 3 experts, their mix for each sample by einsum, the convolution",
    route=lambda: nn.Linear(8, 3),
    kernels=(3, 6, 8, 3, 3),
)
def _condconv(self: Any, x: torch.Tensor) -> torch.Tensor:
    routing = torch.sigmoid(self.route(x.mean((2, 3))))
    mixed = torch.einsum("be,eoikl->boikl", routing, self.kernels)
    return _apply_each(x, mixed)


@case("dynamic/vmap over samples", "2*6*8 * 3*3 * 10*10", note="a kernel for each sample, by vmap")
def _vmap() -> Program:
    def forward(_: Any, x: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
        def one(sample: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
            return functional.conv2d(sample[None], kernel, padding=1)[0]

        result: torch.Tensor = torch.vmap(one)(x, kernels)
        return result

    return Forward(forward), (torch.randn(2, 8, 10, 10), torch.randn(2, 6, 8, 3, 3))


@forward(
    "dynamic/hypernetwork",
    "5 * 4*4*3*3 + 1*4*4 * 3*3 * 10*10",
    lambda: (torch.randn(1, 4, 10, 10), torch.randn(5)),
    note="a linear layer makes the kernel from 5 numbers, then it is used",
    maker=lambda: nn.Linear(5, 4 * 4 * 3 * 3),
)
def _hypernetwork(self: Any, x: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
    kernel = self.maker(code).reshape(4, 4, 3, 3)
    return functional.conv2d(x, kernel, padding=1)
