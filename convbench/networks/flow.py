"""A feature map on its way through a network's plan, and the parts that most networks repeat."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from convbench.convs.pointwise import Pointwise
from convbench.convs.standard import Standard
from convbench.core.arithmetic import Quantity
from convbench.core.costs import Step
from convbench.core.spec import Axis, ConvSpec
from convbench.core.steps import Elementwise, Pool


class Map(NamedTuple):
    """A feature map of shape (batch, channels, *size)."""

    batch: Quantity
    channels: Quantity
    size: tuple[Quantity, ...]


class Part(NamedTuple):
    """Some steps, and the map that they leave."""

    steps: tuple[Step, ...]
    out: Map


def named(prefix: str, steps: Iterable[Step], *names: str) -> tuple[Step, ...]:
    """Label the steps "prefix.name", one name for each step."""
    return tuple(
        replace(step, label=f"{prefix}.{name}") for step, name in zip(steps, names, strict=True)
    )


def elementwise(label: str, x: Map, operation: str) -> Elementwise:
    """Return one elementwise operation on the whole map."""
    return Elementwise(
        label=label, operation=operation, batch=x.batch, channels=x.channels, size=x.size
    )


def slot(
    x: Map, out: Quantity, *, kernel: int = 1, stride: int = 1, bias: bool = False
) -> ConvSpec:
    """Return the slot of a convolution of x whose padding keeps the size, but for the stride."""
    return ConvSpec(
        batch=x.batch,
        in_channels=x.channels,
        out_channels=out,
        input_size=x.size,
        kernel_size=kernel,
        stride=stride,
        padding=kernel // 2,
        bias=bias,
    )


def conv_norm(
    name: str,
    x: Map,
    out: Quantity,
    *,
    kernel: int = 1,
    stride: int = 1,
    norm: str = "batch_norm",
    relu: bool = True,
) -> Part:
    """Plan a convolution, its normalisation and ReLU: name.conv, name.bn (any norm), name.relu."""
    place = slot(x, out, kernel=kernel, stride=stride)
    y = Map(x.batch, out, place.output_size)
    kind = Pointwise() if kernel == 1 else Standard()
    steps = (*named(name, kind.plan(place), "conv"), elementwise(f"{name}.bn", y, norm))
    return Part((*steps, elementwise(f"{name}.relu", y, "relu")) if relu else steps, y)


def pool(label: str, x: Map, *, kernel: int, stride: int, padding: int = 0) -> Part:
    """Plan an average or maximum over windows."""
    axes = tuple(
        Axis.over(length, kernel=kernel, stride=stride, pad_low=padding, pad_high=padding)
        for length in x.size
    )
    step = Pool(label=label, batch=x.batch, channels=x.channels, axes=axes)
    return Part((step,), x._replace(size=tuple(axis.output for axis in axes)))
