"""What the predictions are tried on: layers of published networks, varied, and pairs of types.

Another way to shapes than the calibration's, which draws them log-uniformly: here a layer of a
network is taken and its channels, its size and its batch are varied a little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import nn

from convbench import ConvSpec, build

# (channels, size) of the stages of ResNet, MobileNetV2, OSNet and ShuffleNet
STAGES = (
    (64, 56), (128, 28), (256, 14), (512, 7), (24, 56), (32, 28), (96, 14), (160, 7), (320, 7),
    (144, 56), (192, 28), (384, 14), (576, 14), (960, 7), (16, 64), (64, 64), (96, 32), (128, 16),
    (58, 28), (116, 28), (232, 14), (464, 7), (240, 28), (480, 14), (32, 112), (16, 112), (48, 96),
)  # fmt: skip
MOST = 900_000_000
"""Multiplications of a shape."""
MOST_ELEMENTS = 5_000_000
NETWORKS = {
    "osnet_x0_25": (3, 256, 128), "osnet_x0_5": (3, 256, 128), "osnet_x0_75": (3, 256, 128),
    "osnet_x1_0": (3, 256, 128), "torchvision.models:resnet18": (3, 224, 224),
    "torchvision.models:mobilenet_v2": (3, 224, 224),
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A module to time. kind: of what it is; make: the module; size: of its input."""

    kind: str
    make: Callable[[], nn.Module]
    size: tuple[int, ...]
    channels_last: bool = False
    text: str = ""


def _stage(random: Random) -> tuple[int, int, int]:
    """Return channels, a size and a batch near those of a stage of a network."""
    channels, size = random.choice(STAGES)
    step = 8 if random.random() < 0.8 else 1
    channels = max(step, round(channels * random.uniform(0.7, 1.4) / step) * step)
    return (
        channels,
        max(4, round(size * random.uniform(0.7, 1.3))),
        random.choice((1, 1, 1, 2, 4, 16)),
    )


def _conv(random: Random, kind: str) -> tuple[dict[str, Any], tuple[int, ...], float]:
    channels, size, batch = _stage(random)
    outputs = round(channels * random.choice((0.25, 0.5, 1, 1, 2, 4)) / 4) * 4 or 4
    kernel, groups, stride = random.choice((3, 3, 3, 5, 7)), 1, random.choice((1, 1, 1, 2))
    options: dict[str, Any] = {}
    if kind == "pointwise":
        kernel = 1
    elif kind == "grouped":
        groups = random.choice((2, 3, 4, 8))
        channels = max(1, round(channels / groups / 4)) * 4 * groups
        outputs = max(1, round(outputs / groups / 4)) * 4 * groups
        kernel = random.choice((1, 3, 3))
    elif kind == "depthwise":
        groups = outputs = channels
    elif kind == "depthwise with a multiplier":
        groups, outputs = channels, channels * 2
    elif kind == "dilated":
        options["dilation"], stride = 2, 1
    elif kind == "few channels":
        channels, size = 3, random.randint(48, 130)
    dilation = options.get("dilation", 1)
    options |= {"kernel_size": kernel, "stride": stride, "groups": groups, "bias": False,
                "padding": dilation * (kernel - 1) // 2,
                "in_channels": channels, "out_channels": outputs}  # fmt: skip
    work = batch * (size / stride) ** 2 * channels // groups * outputs * kernel**2
    largest = batch * size**2 * max(channels, outputs / stride**2)
    return options, (batch, channels, size, size), work if largest < MOST_ELEMENTS else MOST + 1


CONVOLUTIONS = ("standard", "standard", "pointwise", "pointwise", "grouped", "depthwise",
                "depthwise", "depthwise with a multiplier", "dilated", "few channels")  # fmt: skip
TYPES = ("depthwise_separable", "bottleneck", "inverted_residual", "ghost", "lite",
         "spatially_separable", "shuffled_grouped", "shufflenet_unit")  # fmt: skip
OTHERS: dict[str, Callable[[int], nn.Module]] = {
    "batch norm": nn.BatchNorm2d,
    "relu": lambda _: nn.ReLU(),
    "relu6 in place": lambda _: nn.ReLU6(inplace=True),
    "maximum pool": lambda _: nn.MaxPool2d(3, 2, 1),
    "average pool": lambda _: nn.AvgPool2d(2, 2),
    "global pool": lambda _: nn.AdaptiveAvgPool2d(1),
    "nearest": lambda _: nn.Upsample(scale_factor=2),
    "sigmoid": lambda _: nn.Sigmoid(),
}


def shapes(seed: int, number: int) -> list[Shape]:
    """Return so many shapes: 60 % convolutions, 20 % blocks of types, and the rest of others."""
    random = Random(seed)  # noqa: S311  of shapes
    found: list[Shape] = []
    while len(found) < number:
        last = random.random() < 0.5
        share = len(found) % 20
        if share < 11:
            kind = CONVOLUTIONS[len(found) % len(CONVOLUTIONS)]
            options, size, work = _conv(random, kind)
            if work <= MOST:
                found.append(
                    Shape(kind, lambda o=options: nn.Conv2d(**o), size, last, str(options))
                )
        elif share < 12:
            channels, size, batch = _stage(random)
            kernel, padding = random.choice(((2, 0), (4, 1)))
            outputs = max(4, channels // 2)
            if batch * size**2 * channels * outputs * kernel**2 <= MOST:
                found.append(Shape(
                    "transposed",
                    lambda c=channels, n=outputs, k=kernel, p=padding: nn.ConvTranspose2d(
                        c, n, k, 2, p
                    ),
                    (batch, channels, size, size), last, f"{channels}→{outputs} k{kernel}",
                ))  # fmt: skip
        elif share < 16:
            made = _type(random, TYPES[len(found) % len(TYPES)])
            if made is not None:
                name, spec = made
                found.append(Shape(
                    f"block: {name}", lambda n=name, s=spec: build(n, s, block=True),
                    spec.input_shape, last, spec.label,
                ))  # fmt: skip
        elif share < 17:
            inputs, outputs = random.choice((512, 768, 1024, 1280)), random.choice((100, 751, 1000))
            rows = random.choice((1, 4, 16))
            found.append(Shape("linear", lambda i=inputs, o=outputs: nn.Linear(i, o),
                               (rows, inputs), text=f"{inputs}→{outputs}"))  # fmt: skip
        else:
            kind = list(OTHERS)[len(found) // 20 % len(OTHERS)]
            channels, size, batch = _stage(random)
            channels = channels // 4 * 4 or 4
            if batch * channels * size**2 * 4 < MOST_ELEMENTS:
                found.append(Shape(kind, lambda k=kind, c=channels: OTHERS[k](c),
                                   (batch, channels, size, size), last, ""))  # fmt: skip
    return found


def _type(random: Random, name: str) -> tuple[str, ConvSpec] | None:
    from convbench.convs.base import make

    channels, size, batch = _stage(random)
    channels = max(16, channels // 16 * 16)
    spec = ConvSpec(in_channels=channels, out_channels=channels, input_size=(size, size),
                    kernel_size=3, padding="same", batch=batch)  # fmt: skip
    kind = make(name, {"block": True})
    if kind.fits(spec) or kind.cost(spec).multiplications > MOST:
        return None
    return (name, spec) if batch * channels * size**2 * 6 < 2 * MOST_ELEMENTS else None


def pairs(seed: int, number: int) -> Iterator[ConvSpec]:
    """Yield slots for a standard and a depthwise separable convolution."""
    random = Random(seed)  # noqa: S311  of shapes
    made = 0
    while made < number:
        channels, size, batch = _stage(random)
        outputs = round(channels * random.choice((0.5, 1, 1, 2)) / 8) * 8 or 8
        spec = ConvSpec(in_channels=channels, out_channels=outputs, input_size=(size, size),
                        kernel_size=random.choice((3, 3, 3, 5)), padding="same", batch=batch,
                        stride=random.choice((1, 1, 1, 2)))  # fmt: skip
        work = spec.batch * spec.output_positions * channels * outputs * spec.kernel_size[0] ** 2
        if work <= MOST and batch * size**2 * max(channels, outputs) < MOST_ELEMENTS:
            made += 1
            yield spec


def real(shape: Shape, seed: int) -> tuple[nn.Module, torch.Tensor]:
    """Return the module and its input with random numbers, in the shape's layout."""
    torch.manual_seed(seed)
    module, inputs = shape.make().eval(), torch.randn(shape.size)
    if shape.channels_last and inputs.ndim == 4:
        module = module.to(memory_format=torch.channels_last)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    return module, inputs
