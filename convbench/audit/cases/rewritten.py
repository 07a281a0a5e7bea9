"""Convolutions written as something else."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import Forward, forward, image


@forward("rewritten/1x1 as einsum", "1*6*8 * 10*10", (1, 8, 10, 10), weight=(6, 8))
def _einsum(self: Any, x: torch.Tensor) -> Any:
    return torch.einsum("oc,bchw->bohw", self.weight, x)


@forward("rewritten/1x1 as matmul", "2*6*8 * 10*10", (2, 8, 10, 10), weight=(6, 8))
def _matmul(self: Any, x: torch.Tensor) -> Any:
    return torch.matmul(self.weight, x.flatten(2)).reshape(2, 6, 10, 10)


@forward("rewritten/1x1 as @", "1*6*8 * 10*10", (1, 8, 10, 10), weight=(6, 8))
def _at(self: Any, x: torch.Tensor) -> Any:
    return (self.weight @ x.flatten(2)).reshape(1, 6, 10, 10)


@case("rewritten/1x1 as linear, channels last", "1*6*8 * 10*10")
def _linear() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        last: torch.Tensor = self.linear(x.permute(0, 2, 3, 1))
        return last.permute(0, 3, 1, 2)

    return Forward(forward, linear=nn.Linear(8, 6, bias=False)), image(1, 8, 10, 10)


@forward(
    "rewritten/unfold and matmul", "1*6*8 * 3*3 * 10*10", (1, 8, 12, 12), weight=(6, 8 * 3 * 3)
)
def _unfold(self: Any, x: torch.Tensor) -> Any:
    columns = functional.unfold(x, 3)
    return (self.weight @ columns).reshape(1, 6, 10, 10)


@forward(
    "rewritten/FFT",
    "4 * 1*6*8 * 12*7",
    (1, 8, 12, 12),
    note="the complex contraction over channels at the 12 x 7 half-spectrum frequencies, four "
    "real multiplications each; the three transforms are apart",
    weight=(6, 8, 3, 3),
)
def _fft(self: Any, x: torch.Tensor) -> Any:
    spectrum = torch.fft.rfft2(x)
    kernel = torch.fft.rfft2(self.weight, s=(12, 12))
    product = torch.einsum("bchw,ochw->bohw", spectrum, kernel.conj())
    return torch.fft.irfft2(product, s=(12, 12))


@forward(
    "rewritten/involution",
    "1*4*8 * 10*10 + 1*18*4 * 10*10 + 1*8 * 3*3 * 10*10",
    (1, 8, 10, 10),
    note="two 1x1 convolutions make a kernel for each position and 2 groups; then the products "
    "with the 3 x 3 patch, which a sum takes in, as counted",
    reduce=lambda: nn.Conv2d(8, 4, 1, bias=False),
    span=lambda: nn.Conv2d(4, 2 * 3 * 3, 1, bias=False),
)
def _involution(self: Any, x: torch.Tensor) -> Any:
    kernel = self.span(torch.relu(self.reduce(x))).reshape(1, 2, 1, 9, 10, 10)
    patches = functional.unfold(x, 3, padding=1).reshape(1, 2, 4, 9, 10, 10)
    return (kernel * patches).sum(dim=3).reshape(1, 8, 10, 10)


@forward(
    "rewritten/shift and multiply",
    "1*8*1 * 3*3 * 10*10",
    (1, 8, 10, 10),
    note="a depthwise 3x3 as nine shifted copies, each times its tap, added up: the products are "
    "summed, so they count",
    weight=(8, 3, 3),
)
def _shift(self: Any, x: torch.Tensor) -> Any:
    padded = functional.pad(x, (1, 1, 1, 1))
    result = torch.zeros_like(x)
    for row in range(3):
        for column in range(3):
            tap = self.weight[:, row, column].reshape(1, 8, 1, 1)
            shifted = padded[:, :, row : row + 10, column : column + 10]
            result = result + shifted * tap
    return result


@forward(
    "rewritten/deformable",
    "1*18*8 * 3*3 * 10*10 + 1*6*8 * 3*3 * 10*10",
    (1, 8, 10, 10),
    note="the convolution that makes 2 offsets for each of 9 taps, and the main one on the samples "
    "taken there; the bilinear interpolation is apart",
    offset=lambda: nn.Conv2d(8, 18, 3, padding=1, bias=False),
    weight=(6, 8 * 3 * 3),
)
def _deformable(self: Any, x: torch.Tensor) -> Any:
    offsets = self.offset(x).reshape(1, 9, 2, 10, 10).permute(0, 1, 3, 4, 2)
    line = torch.linspace(-1, 1, 10, dtype=x.dtype, device=x.device)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    grid = torch.stack([columns, rows], dim=-1)
    sampled = [
        functional.grid_sample(x, grid[None] + offsets[:, tap] * 0.1, align_corners=True)
        for tap in range(9)
    ]
    columns_of_taps = torch.stack(sampled, dim=2).reshape(1, 8 * 9, 100)
    return (self.weight @ columns_of_taps).reshape(1, 6, 10, 10)


@forward("rewritten/tensordot", "1*6*8 * 10*10", (1, 8, 10, 10), weight=(6, 8))
def _tensordot(self: Any, x: torch.Tensor) -> Any:
    return torch.tensordot(self.weight, x, dims=([1], [1]))


@case("rewritten/strided windows and einsum", "1*6*8 * 3*3 * 10*10")
def _windows() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        windows = x.unfold(2, 3, 1).unfold(3, 3, 1)
        return torch.einsum("bchwij,ocij->bohw", windows, self.weight)

    return Forward(forward, weight=torch.randn(6, 8, 3, 3)), image(1, 8, 12, 12)


@case("rewritten/baddbmm", "3*4*5*6", note="a batch of matrix products on top of a bias")
def _baddbmm() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        return torch.baddbmm(self.bias, x, self.weight)

    module = Forward(forward, bias=torch.randn(3, 4, 6), weight=torch.randn(3, 5, 6))
    return module, image(3, 4, 5)


@case("rewritten/matrix times vector", "7*5 + 7", note="then a dot product of what came out")
def _vectors() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        return torch.dot(self.last, torch.mv(self.weight, x))

    return Forward(forward, weight=torch.randn(7, 5), last=torch.randn(7)), image(5)
