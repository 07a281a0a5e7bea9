"""The modules of published experiments: stacks of equal blocks, for inference, without norms."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


def stack(block: Any, number: int, *arguments: int) -> nn.Module:
    """Return `number` blocks one after the other, each made by `block(*arguments)`."""
    return nn.Sequential(*(block(*arguments) for _ in range(number)))


def widened(narrow: int, wide: int) -> nn.Module:
    """Return two 1×1 convolutions, narrow → wide → narrow channels."""
    return nn.Sequential(nn.Conv2d(narrow, wide, 1), nn.Conv2d(wide, narrow, 1))


def pointwise(channels: int, groups: int) -> nn.Module:
    """Return a 1×1 convolution with groups."""
    return nn.Conv2d(channels, channels, 1, groups=groups)


def spatial(channels: int, groups: int) -> nn.Module:
    """Return a 3×3 convolution with groups, whose output is as large as its input."""
    return nn.Conv2d(channels, channels, 3, padding=1, groups=groups)


def series(channels: int, number: int) -> nn.Module:
    """Return so many 1×1 convolutions one after the other."""
    return nn.Sequential(*(nn.Conv2d(channels, channels, 1) for _ in range(number)))


class Parallel(nn.Module):
    """So many 1×1 convolutions of the same input, added."""

    def __init__(self, channels: int, number: int) -> None:
        """Make them, from `channels` to as many."""
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(number))

    def forward(self, x: Tensor) -> Tensor:
        """Add what they give."""
        first, *others = self.branches
        y: Tensor = first(x)
        for one in others:
            y = y + one(x)
        return y


class Bottleneck(nn.Module):
    """1×1 to a quarter of the channels, 3×3, and 1×1 back, with or without ReLU and shortcut."""

    def __init__(self, channels: int, relu: int, shortcut: int) -> None:
        """Make the three convolutions; relu and shortcut: 1 for with, 0 for without."""
        super().__init__()
        inner = channels // 4
        self.reduce = nn.Conv2d(channels, inner, 1)
        self.conv = nn.Conv2d(inner, inner, 3, padding=1)
        self.expand = nn.Conv2d(inner, channels, 1)
        self.act: nn.Module = nn.ReLU(inplace=True) if relu else nn.Identity()
        self.shortcut = bool(shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Run the three convolutions, with a ReLU after each where there are any."""
        y: Tensor = self.expand(self.act(self.conv(self.act(self.reduce(x)))))
        out: Tensor = self.act(y + x if self.shortcut else y)
        return out


class Partial(nn.Module):
    """A 3×3 convolution of the first quarter of the channels; the others are copied.

    As the authors' code runs it at inference: the convolution is written into a copy of the input.
    """

    def __init__(self, channels: int) -> None:
        """Make the convolution."""
        super().__init__()
        self.part = channels // 4
        self.conv = nn.Conv2d(self.part, self.part, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of which the first quarter of the channels is convolved."""
        x = x.clone()
        x[:, : self.part] = self.conv(x[:, : self.part])
        return x
