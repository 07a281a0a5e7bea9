"""Forward and backward together.

A layer in the middle costs three forwards: itself, the gradient of its input, the gradient of its
weight. The first layer costs two: nobody asks for the gradient of the image.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import Forward, conv, forward, image


@case("backward/first layer", "2 * 16*8 * 3*3 * 10*10", backward=True)
def _first() -> Program:
    return nn.Conv2d(8, 16, 3), image(1, 8, 12, 12)


@case(
    "backward/input wants a gradient",
    "3 * 16*8 * 3*3 * 10*10",
    backward=True,
    note="the image is a leaf that requires a gradient",
)
def _wanted() -> Program:
    return conv(8, 16, 3), (torch.randn(1, 8, 12, 12, requires_grad=True),)


@case("backward/two layers", "2 * 8*3 * 3*3 * 12*12 + 3 * 16*8 * 3*3 * 12*12", backward=True)
def _two() -> Program:
    layers = nn.Sequential(conv(3, 8, 3, padding=1), nn.ReLU(), conv(8, 16, 3, padding=1))
    return layers, image(1, 3, 12, 12)


@case("backward/grouped", "2 * 8*3 * 12*12 + 3 * 16*2 * 3*3 * 10*10", backward=True)
def _grouped() -> Program:
    return nn.Sequential(conv(3, 8), conv(8, 16, 3, groups=4)), image(1, 3, 12, 12)


@case("backward/depthwise", "2 * 16*3 * 12*12 + 3 * 16*1 * 3*3 * 10*10", backward=True)
def _depthwise() -> Program:
    return nn.Sequential(conv(3, 16), conv(16, 16, 3, groups=16)), image(1, 3, 12, 12)


@forward(
    "backward/inverted residual",
    "2 * 4*3 * 10*10 + 3 * 24*4 * 10*10 + 3 * 24*1 * 3*3 * 10*10 + 3 * 4*24 * 10*10",
    (1, 3, 10, 10),
    backward=True,
    stem=lambda: conv(3, 4),
    expand=lambda: conv(4, 24),
    depthwise=lambda: conv(24, 24, 3, padding=1, groups=24),
    norm=lambda: nn.BatchNorm2d(24),
    project=lambda: conv(24, 4),
)
def _inverted(self: Any, x: torch.Tensor) -> torch.Tensor:
    x = self.stem(x)
    wide = self.norm(self.depthwise(torch.relu(self.expand(x))))
    result: torch.Tensor = x + self.project(torch.relu(wide))
    return result


@case("backward/stride 2, dilated", "2 * 8*3 * 12*12 + 3 * 16*8 * 3*3 * 4*4", backward=True)
def _strided() -> Program:
    layers = nn.Sequential(conv(3, 8), conv(8, 16, 3, stride=2, dilation=2))
    return layers, image(1, 3, 12, 12)


@case("backward/transposed", "2 * 8*3 * 5*5 + 3 * 8*6 * 3*3 * 5*5", backward=True)
def _transposed() -> Program:
    layers = nn.Sequential(conv(3, 8), nn.ConvTranspose2d(8, 6, 3, stride=2, bias=False))
    return layers, image(1, 3, 5, 5)


@case("backward/transposed, grouped", "2 * 8*3 * 5*5 + 3 * 8*3 * 3*3 * 5*5", backward=True)
def _transposed_grouped() -> Program:
    upsample = nn.ConvTranspose2d(8, 12, 3, stride=2, groups=4, bias=False)
    return nn.Sequential(conv(3, 8), upsample), image(1, 3, 5, 5)


@case("backward/1d and linear", "2 * 2*6*4 * 5*16 + 3 * 2*6*7", backward=True)
def _line() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        return self.head(self.conv(x).mean(2))

    module = Forward(forward, conv=nn.Conv1d(4, 6, 5, bias=False), head=nn.Linear(6, 7))
    return module, image(2, 4, 20)


@case("backward/3d grouped", "2 * 4*2 * 5*5*5 + 3 * 4*2 * 2*2*2 * 4*4*4", backward=True)
def _volume() -> Program:
    layers = nn.Sequential(nn.Conv3d(2, 4, 1, bias=False), nn.Conv3d(4, 4, 2, groups=2, bias=False))
    return layers, image(1, 2, 5, 5, 5)


@forward(
    "backward/frozen trunk",
    "16*8 * 3*3 * 10*10 + 2 * 16*10",
    (1, 8, 12, 12),
    backward=True,
    note="the trunk has no gradient at all: its own forward, then two forwards of the head",
    trunk=lambda: conv(8, 16, 3).requires_grad_(requires_grad=False),
    head=lambda: nn.Linear(16, 10),
)
def _frozen(self: Any, x: torch.Tensor) -> Any:
    return self.head(self.trunk(x).mean((2, 3)))


@case("backward/called twice", "2 * 8*8 * 3*3 * 10*10 + 3 * 8*8 * 3*3 * 10*10", backward=True)
def _twice() -> Program:
    def forward(self: Any, x: torch.Tensor) -> Any:
        return self.conv(torch.relu(self.conv(x)))

    return Forward(forward, conv=conv(8, 8, 3, padding=1)), image(1, 8, 10, 10)


@case("backward/matrix product", "2 * 6*5*4 + 3 * 6*4*3", backward=True)
def _matmul() -> Program:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = (x @ self.first) @ self.second
        return result

    return Forward(forward, first=torch.randn(5, 4), second=torch.randn(4, 3)), image(6, 5)
