"""Convolutions as blocks of networks compose them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from convbench.audit.case import Program, case
from convbench.audit.cases.parts import Forward, conv, forward, image


@case("composed/depthwise separable", "8*1 * 3*3 * 12*12 + 16*8 * 12*12")
def _separable() -> Program:
    layers = nn.Sequential(conv(8, 8, 3, padding=1, groups=8), conv(8, 16))
    return layers, image(1, 8, 12, 12)


@case("composed/lite 3x3", "16*8 * 12*12 + 16*1 * 3*3 * 12*12")
def _lite() -> Program:
    layers = nn.Sequential(
        conv(8, 16), conv(16, 16, 3, padding=1, groups=16), nn.BatchNorm2d(16), nn.ReLU()
    )
    return layers, image(1, 8, 12, 12)


@case(
    "composed/conv, batch norm, relu",
    "16*8 * 3*3 * 12*12",
    note="batch norm and ReLU are elementwise",
)
def _block() -> Program:
    layers = nn.Sequential(conv(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
    return layers, image(1, 8, 12, 12)


@case("composed/3x1 then 1x3", "8*8 * 3*1 * 12*12 + 16*8 * 1*3 * 12*12")
def _spatially_separable() -> Program:
    layers = nn.Sequential(conv(8, 8, (3, 1), padding=(1, 0)), conv(8, 16, (1, 3), padding=(0, 1)))
    return layers, image(1, 8, 12, 12)


@case("composed/flattened", "16*8 * 12*12 + 16*1 * 3*1 * 12*12 + 16*1 * 1*3 * 12*12")
def _flattened() -> Program:
    layers = nn.Sequential(
        conv(8, 16),
        conv(16, 16, (3, 1), padding=(1, 0), groups=16),
        conv(16, 16, (1, 3), padding=(0, 1), groups=16),
    )
    return layers, image(1, 8, 12, 12)


@forward(
    "composed/ShuffleNet unit",
    "8*4 * 12*12 + 8*1 * 3*3 * 12*12 + 16*2 * 12*12",
    (1, 16, 12, 12),
    note="grouped 1x1, shuffle, depthwise, grouped 1x1, added to the input",
    first=lambda: conv(16, 8, groups=4),
    norm1=lambda: nn.BatchNorm2d(8),
    middle=lambda: conv(8, 8, 3, padding=1, groups=8),
    norm2=lambda: nn.BatchNorm2d(8),
    last=lambda: conv(8, 16, groups=4),
    norm3=lambda: nn.BatchNorm2d(16),
)
def _shufflenet(self: Any, x: torch.Tensor) -> torch.Tensor:
    narrow = torch.relu(self.norm1(self.first(x)))
    mixed = nn.functional.channel_shuffle(narrow, 4)
    wide: torch.Tensor = self.norm3(self.last(self.norm2(self.middle(mixed))))
    return torch.relu(x + wide)


@forward(
    "composed/partial",
    "4*4 * 3*3 * 12*12",
    (1, 16, 12, 12),
    note="a quarter of 16 channels is convolved, the rest passes by",
    conv=lambda: conv(4, 4, 3, padding=1),
)
def _partial(self: Any, x: torch.Tensor) -> torch.Tensor:
    seen, passed = x.split([4, 12], dim=1)
    return torch.cat([self.conv(seen), passed], dim=1)


@case("composed/upsample then conv", "6*8 * 3*3 * 10*10", note="the resize is interpolation")
def _resize() -> Program:
    layers = nn.Sequential(nn.Upsample(scale_factor=2), conv(8, 6, 3, padding=1))
    return layers, image(1, 8, 5, 5)


@case("composed/bilinear upsample then conv", "6*8 * 3*3 * 10*10", note="the resize is apart")
def _bilinear_resize() -> Program:
    layers = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), conv(8, 6, 3, padding=1))
    return layers, image(1, 8, 5, 5)


@case("composed/subpixel", "24*8 * 3*3 * 5*5", note="6 · 2² channels, then a pixel shuffle")
def _subpixel() -> Program:
    layers = nn.Sequential(conv(8, 24, 3, padding=1), nn.PixelShuffle(2))
    return layers, image(1, 8, 5, 5)


@forward(
    "composed/squeeze and excitation",
    "16*16 * 3*3 * 12*12 + 4*16 + 16*4",
    (1, 16, 12, 12),
    note="the gate's multiplication of the feature map is elementwise",
    conv=lambda: conv(16, 16, 3, padding=1),
    down=lambda: nn.Linear(16, 4),
    up=lambda: nn.Linear(4, 16),
)
def _squeeze(self: Any, x: torch.Tensor) -> torch.Tensor:
    wide: torch.Tensor = self.conv(x)
    gate = self.up(torch.relu(self.down(wide.mean((2, 3)))))
    return wide * torch.sigmoid(gate)[:, :, None, None]


@case("composed/residual with average pool and head", "8*8 * 3*3 * 12*12 + 8*10")
def _residual() -> Program:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = x + self.conv(x)
        pooled = nn.functional.adaptive_avg_pool2d(mixed, 1).flatten(1)
        head: torch.Tensor = self.head(pooled)
        return head

    parts = {"conv": conv(8, 8, 3, padding=1), "head": nn.Linear(8, 10)}
    return Forward(forward, **parts), image(1, 8, 12, 12)
