"""Convolutions that no module stands for: functions called on a weight."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import Forward, image


@case("functional/F.conv2d", "1*6*8 * 3*3 * 10*10")
def _conv2d() -> Program:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, self.weight)

    return Forward(forward, weight=torch.randn(6, 8, 3, 3)), image(1, 8, 12, 12)


@case("functional/torch.conv2d", "1*6*8 * 3*3 * 10*10")
def _torch_conv2d() -> Program:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.conv2d(x, self.weight)

    return Forward(forward, weight=torch.randn(6, 8, 3, 3)), image(1, 8, 12, 12)


@case("functional/torch.convolution", "1*6*8 * 3*3 * 10*10")
def _torch_convolution() -> Program:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        ones, zeros = [1, 1], [0, 0]
        transposed = False
        return torch.convolution(x, self.weight, None, ones, zeros, ones, transposed, zeros, 1)

    return Forward(forward, weight=torch.randn(6, 8, 3, 3)), image(1, 8, 12, 12)


@case("functional/F.conv_transpose2d", "1*8*6 * 3*3 * 5*5")
def _transposed() -> Program:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return functional.conv_transpose2d(x, self.weight, stride=2)

    return Forward(forward, weight=torch.randn(8, 6, 3, 3)), image(1, 8, 5, 5)


@case("functional/grouped F.conv2d", "1*6*4 * 3*3 * 10*10")
def _grouped() -> Program:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, self.weight, groups=2)

    return Forward(forward, weight=torch.randn(6, 4, 3, 3)), image(1, 8, 12, 12)


@case("functional/F.conv2d, same", "1*6*8 * 3*3 * 12*12")
def _same() -> Program:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, self.weight, padding="same")

    return Forward(forward, weight=torch.randn(6, 8, 3, 3)), image(1, 8, 12, 12)


@case("functional/F.linear", "3*5*7")
def _linear() -> Program:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight, self.bias)

    return Forward(forward, weight=torch.randn(7, 5), bias=torch.randn(7)), image(3, 5)


@case("functional/conv1d, conv3d", "1*6*4 * 3 * 8 + 1*2*1 * 2*2*2 * 3*3*3")
def _other_dims() -> Program:
    def forward(self: Any, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return functional.conv1d(x, self.line), functional.conv3d(y, self.block)

    module = Forward(forward, line=torch.randn(6, 4, 3), block=torch.randn(2, 1, 2, 2, 2))
    return module, (torch.randn(1, 4, 10), torch.randn(1, 1, 4, 4, 4))
