"""Convolutions that no module stands for: functions called on a weight."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import Forward, forward


@forward("functional/F.conv2d", "1*6*8 * 3*3 * 10*10", (1, 8, 12, 12), weight=(6, 8, 3, 3))
def _conv2d(self: Any, x: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(x, self.weight)


@forward("functional/torch.conv2d", "1*6*8 * 3*3 * 10*10", (1, 8, 12, 12), weight=(6, 8, 3, 3))
def _torch_conv2d(self: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.conv2d(x, self.weight)


@forward("functional/torch.convolution", "1*6*8 * 3*3 * 10*10", (1, 8, 12, 12), weight=(6, 8, 3, 3))
def _torch_convolution(self: Any, x: torch.Tensor) -> torch.Tensor:
    ones, zeros = [1, 1], [0, 0]
    transposed = False
    return torch.convolution(x, self.weight, None, ones, zeros, ones, transposed, zeros, 1)


@forward("functional/F.conv_transpose2d", "1*8*6 * 3*3 * 5*5", (1, 8, 5, 5), weight=(8, 6, 3, 3))
def _transposed(self: Any, x: torch.Tensor) -> torch.Tensor:
    return functional.conv_transpose2d(x, self.weight, stride=2)


@forward("functional/grouped F.conv2d", "1*6*4 * 3*3 * 10*10", (1, 8, 12, 12), weight=(6, 4, 3, 3))
def _grouped(self: Any, x: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(x, self.weight, groups=2)


@forward("functional/F.conv2d, same", "1*6*8 * 3*3 * 12*12", (1, 8, 12, 12), weight=(6, 8, 3, 3))
def _same(self: Any, x: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(x, self.weight, padding="same")


@forward("functional/F.linear", "3*5*7", (3, 5), weight=(7, 5), bias=(7,))
def _linear(self: Any, x: torch.Tensor) -> torch.Tensor:
    return functional.linear(x, self.weight, self.bias)


@case("functional/conv1d, conv3d", "1*6*4 * 3 * 8 + 1*2*1 * 2*2*2 * 3*3*3")
def _other_dims() -> Program:
    def forward(self: Any, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return functional.conv1d(x, self.line), functional.conv3d(y, self.block)

    module = Forward(forward, line=torch.randn(6, 4, 3), block=torch.randn(2, 1, 2, 2, 2))
    return module, (torch.randn(1, 4, 10), torch.randn(1, 1, 4, 4, 4))
