"""Shapes to calibrate on: what networks are made of, drawn log-uniformly over their ranges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from random import Random

    from torch import Tensor, nn

MOST_MULTIPLICATIONS: Final = 1_000_000_000
MOST_ELEMENTS: Final = 6_000_000
"""Of a tensor: 24 MB, what networks have at batch 8."""

CONVOLUTIONS: Final[dict[str, int]] = {
    "standard": 22, "few channels": 12, "pointwise": 24, "grouped": 28, "depthwise": 18,
    "multiplied": 8, "dilated": 4, "transposed": 18,
}  # fmt: skip
"""Kinds of convolutions, and how many of a deck of samples each is."""
_OFTEN: Final = {"linear": 8, "batch norm": 6, "concatenate": 4, "global pool": 4,
                 "channel shuffle": 3, "slice": 3, "other layout": 6, "nearest": 8, "bilinear": 6,
                 "maximum pool": 6, "maximum pool 2": 4, "average pool": 5,
                 "average pool 3": 5}  # fmt: skip
"""Of each other call a deck has two samples; of these it has more."""
_GROWS: Final = ("nearest", "bilinear")


@dataclass(frozen=True)
class Sample:
    """A call to time.

    Attributes:
        make: makes the module.
        shapes: of its inputs.
        channels_last: layout of weights and inputs with two spatial axes.

    """

    make: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    channels_last: bool


def draw(random: Random) -> Iterator[Sample]:
    """Yield samples without end: decks of all kinds, each in random order."""
    others = {kind: _OFTEN.get(kind, 2) for kind in ("linear", *elementwise())}
    deck = [kind for kind, times in {**CONVOLUTIONS, **others}.items() for _ in range(times)]
    while True:
        random.shuffle(deck)
        yield from (_within_limits(random, kind) for kind in deck)


def _within_limits(random: Random, kind: str) -> Sample:
    channels_last = random.random() < 0.5  # noqa: PLR2004
    while True:
        if kind == "linear":
            rows = random.choice((1, 1, 2, 4, 8, 16, 32))
            inputs, outputs = (_channels(random, 16, 2048) for _ in "io")
            return Sample(_linear(inputs, outputs), ((rows, inputs),), channels_last=False)
        found = (_convolution if kind in CONVOLUTIONS else _elementwise)(random, kind)
        if found is not None:
            return Sample(*found, channels_last=channels_last)


_Drawn = tuple[Callable[[], "nn.Module"], tuple[tuple[int, ...], ...]] | None


def draw_network(random: Random) -> Iterator[Sample]:
    """Yield networks without end, to learn how operators differ among others from alone.

    Blocks of a few kinds in a row, up to 20, each with batch norm and ReLU.
    """
    from torch import nn

    while True:
        channels = 8 * math.ceil(_log(random, 8, 320) / 8)
        size, number = _log(random, 6, 64), _log(random, 1, 20)
        kinds = [
            random.choice(("standard", "bottleneck", "inverted", "lite")) for _ in range(number)
        ]
        expansion = {"standard": 9 * channels, "bottleneck": 1.1 * channels,
                     "inverted": 9 * channels, "lite": channels + 9}  # fmt: skip
        work = sum(channels * expansion[kind] for kind in kinds) * size**2
        weights = sum(channels * expansion[kind] for kind in kinds)
        if work > MOST_MULTIPLICATIONS or weights > 3 * MOST_ELEMENTS:
            continue
        yield Sample(
            lambda c=channels, k=tuple(kinds): nn.Sequential(*(_block(kind, c) for kind in k)),  # type: ignore[misc]
            ((random.choice((1, 1, 1, 2, 4)), channels, size, size),),
            channels_last=random.random() < 0.25,  # noqa: PLR2004
        )


def _block(kind: str, channels: int) -> nn.Module:
    """Return a block of a network that keeps its channels and sizes."""
    from torch import nn

    def unit(inputs: int, outputs: int, kernel: int, groups: int = 1) -> list[nn.Module]:
        layer = nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=False)
        return [layer, nn.BatchNorm2d(outputs), nn.ReLU()]

    inner = {"bottleneck": max(8, channels // 4), "inverted": 4 * channels}.get(kind, channels)
    if kind == "standard":
        return nn.Sequential(*unit(channels, channels, 3))
    if kind == "lite":
        return nn.Sequential(*unit(channels, channels, 1), *unit(channels, channels, 3, channels))
    body = nn.Sequential(
        *unit(channels, inner, 1), *unit(inner, inner, 3, inner if kind == "inverted" else 1),
        *unit(inner, channels, 1)[:2],
    )  # fmt: skip
    return residual()(body)


@cache
def residual() -> type[nn.Module]:
    """Return the class of a block whose input is added to its output."""
    from torch import nn

    class Residual(nn.Module):
        """Add the input."""

        def __init__(self, body: nn.Module) -> None:
            super().__init__()
            self.body = body

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.body(x)
            return out.add_(x)

    return Residual


def _linear(inputs: int, outputs: int) -> Callable[[], nn.Module]:
    from torch import nn

    return lambda: nn.Linear(inputs, outputs)


def _convolution(random: Random, kind: str) -> _Drawn:  # noqa: C901  (one branch a kind)
    """Draw a convolution; None for one beyond the limits."""
    from torch import nn

    size, batch, inputs, outputs = (
        _size(random),
        _batch(random),
        _channels(random),
        _channels(random),
    )
    options: dict[str, Any] = {"bias": random.random() < 0.3}  # noqa: PLR2004
    kernel, groups, dilation = _kernel(random), 1, 1
    layer: Callable[..., nn.Module] = nn.Conv2d
    options["stride"] = random.choices((1, 2), (75, 25))[0]
    if kind == "few channels":  # as the first layer of a network
        inputs, size = 3, _size(random, 24, 256)
    elif kind == "pointwise":
        kernel, inputs, outputs = (1, 1), *(_channels(random, 3, 2048) for _ in "io")
        options["stride"] = random.choices((1, 2), (88, 12))[0]
        batch = random.choices((1, 2, 4, 8, 16, 32), (50, 7, 7, 8, 14, 14))[0]
        if random.random() < 0.08:  # noqa: PLR2004  a gate's
            size = 1, 1
    elif kind == "grouped":
        groups = random.choice((2, 2, 3, 4, 4, 8, 8, 16, 32))
        inputs, outputs = (_channels(random, 1, max(2, 1024 // groups)) * groups for _ in "io")
        if random.random() < 0.4:  # noqa: PLR2004
            kernel = (1, 1)
    elif kind == "depthwise":
        groups, outputs = inputs, inputs
    elif kind == "multiplied":
        groups = inputs = _channels(random, 3, 384)
        outputs = inputs * random.choice((2, 2, 3, 4))
    elif kind == "dilated":
        dilation = random.choice((2, 2, 3, 4))
    elif kind == "transposed":
        layer, size = nn.ConvTranspose2d, _size(random, 4, 80)
        taps, stride, padding, extra = random.choice(
            ((2, 2, 0, 0), (3, 2, 1, 1), (4, 2, 1, 0), (4, 4, 0, 0), (5, 2, 2, 1), (3, 1, 1, 0),
             (5, 1, 2, 0))
        )  # fmt: skip
        inputs, outputs, kernel = min(inputs, 512), min(outputs, 512), (taps, taps)
        options.update(stride=stride, padding=padding, output_padding=extra)
    if kind != "transposed":
        options["padding"] = tuple(dilation * (k - 1) // 2 for k in kernel)
        options["dilation"] = dilation
        out = [(n - 1) // options["stride"] + 1 for n in size]
        positions = math.prod(out)
    else:
        positions = math.prod(size)
        out = [n * options["stride"] for n in size]
    weights = inputs // groups * outputs * math.prod(kernel)
    largest = max(weights, batch * inputs * math.prod(size), batch * outputs * math.prod(out))
    too_small = any(dilation * (k - 1) // 2 >= n for k, n in zip(kernel, size, strict=True))
    if too_small or largest > MOST_ELEMENTS or batch * positions * weights > MOST_MULTIPLICATIONS:
        return None
    options.update(kernel_size=kernel, groups=groups)
    return lambda: layer(inputs, outputs, **options), ((batch, inputs, *size),)


def _elementwise(random: Random, kind: str) -> _Drawn:
    """Draw an elementwise call; None for one beyond the limits."""
    make, number = elementwise()[kind]
    shape = (_batch(random), 4 * math.ceil(_channels(random, 4) / 4), *_size(random))
    if math.prod(shape) * (4 if kind in _GROWS else 1) > MOST_ELEMENTS:
        return None
    return lambda: make(shape[1]), (shape,) * number


@cache
def elementwise() -> dict[str, tuple[Callable[[int], nn.Module], int]]:
    """Return what makes the module of each elementwise call of so many channels, and its inputs."""
    import torch
    from torch import nn

    class Call(nn.Module):
        """A function as a module."""

        def __init__(self, call: Callable[..., Tensor]) -> None:
            super().__init__()
            self.call = call

        def forward(self, *inputs: Tensor) -> Tensor:
            return self.call(*inputs)

    def a(kind: Callable[..., nn.Module], *args: Any, **options: Any) -> tuple[Any, int]:
        return (lambda _: kind(*args, **options)), 1

    def of(inputs: int, call: Callable[..., Tensor]) -> tuple[Any, int]:
        return (lambda _: Call(call)), inputs

    def shuffle(x: Tensor) -> Tensor:
        batch, channels, *size = x.shape
        return x.view(batch, 2, channels // 2, *size).transpose(1, 2).reshape(x.shape)

    def other(x: Tensor) -> Tensor:
        layouts = torch.contiguous_format, torch.channels_last
        return x.contiguous(memory_format=layouts[x.is_contiguous()])

    return {
        "batch norm": (nn.BatchNorm2d, 1),
        "relu": a(nn.ReLU),
        "relu in place": a(nn.ReLU, inplace=True),
        "relu6": a(nn.ReLU6),
        "relu6 in place": a(nn.ReLU6, inplace=True),
        "sigmoid": a(nn.Sigmoid),
        "hardswish": a(nn.Hardswish),
        "silu": a(nn.SiLU),
        "add": of(2, torch.add),
        "add in place": of(2, torch.Tensor.add_),
        "multiply": of(2, torch.mul),
        "gate": of(2, lambda x, y: x * y[:, :, :1, :1]),
        "concatenate": of(2, lambda x, y: torch.cat((x, y), 1)),
        "maximum pool": a(nn.MaxPool2d, 3, 2, 1),
        "maximum pool 2": a(nn.MaxPool2d, 2, 2),
        "average pool": a(nn.AvgPool2d, 2, 2),
        "average pool 3": a(nn.AvgPool2d, 3, 2, 1),
        "global pool": a(nn.AdaptiveAvgPool2d, 1),
        "nearest": a(nn.Upsample, scale_factor=2),
        "bilinear": a(nn.Upsample, scale_factor=2, mode="bilinear"),
        "channel shuffle": of(1, shuffle),
        "pixel shuffle": a(nn.PixelShuffle, 2),
        "slice": of(1, lambda x: x[:, : x.shape[1] // 2].contiguous()),
        "pad": a(nn.ZeroPad2d, (0, 1, 0, 1)),
        "other layout": of(1, other),
        "view": of(1, lambda x: x.permute(0, 1, 3, 2)),
    }


def _log(random: Random, low: float, high: float) -> int:
    return round(math.exp(random.uniform(math.log(low), math.log(high))))


def _channels(random: Random, low: int = 3, high: int = 1024) -> int:
    """Draw a number; most of networks are multiples of 16, some of 8, few are none of either."""
    number = _log(random, low, high)
    multiple = random.choices((16, 8, 4, 1), (58, 24, 8, 10))[0]
    return max(low, round(number / multiple) * multiple or multiple)


def _size(random: Random, low: int = 4, high: int = 160) -> tuple[int, int]:
    side = _log(random, low, high)
    if random.random() < 0.3:  # noqa: PLR2004  as in re-identification: twice as high as wide
        return min(2 * side, high), side
    return side, side


def _batch(random: Random) -> int:
    return random.choices((1, 2, 4, 8, 16, 32), (60, 10, 10, 10, 5, 5))[0]


def _kernel(random: Random) -> tuple[int, int]:
    k = random.choices((3, 5, 7, 2), (66, 18, 11, 5))[0]
    if random.random() < 0.12:  # noqa: PLR2004
        return random.choice(((k, 1), (1, k)))
    return k, k
