"""The sub-pixel convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, Need, register
from convbench.core.arithmetic import Quantity, product, same
from convbench.core.costs import Step
from convbench.core.spec import Axis
from convbench.core.steps import Move

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("subpixel")
@dataclass(frozen=True, kw_only=True)
class Subpixel(ConvType):
    """A standard convolution to N·scale^dims channels at low resolution, then a pixel shuffle.

    All arithmetic happens on the small grid: as many multiplications as resize_conv, and as many as
    a transposed convolution with a kernel scale times as large. It pays in super-resolution, as the
    last layer.
    """

    paper = "Shi et al. (ESPCN), arXiv:1609.05158"
    upsamples = True

    def _axes(self, spec: ConvSpec) -> tuple[Axis, ...]:
        """Keep the small grid's size."""
        return tuple(
            Axis.same(size, kernel=axis.kernel, dilation=axis.dilation)
            for size, axis in zip(spec.input_size, spec.axes, strict=True)
        )

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """The output is exactly the input enlarged by the scale."""
        for axis in spec.axes:
            yield Need(
                same(axis.input, axis.output),
                f"a pixel shuffle gives {axis.input} positions and the slot wants {axis.output}: "
                "use padding='same'",
            )

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan the convolution to many channels, then the shuffle."""
        scale: Quantity = 1 if spec.scale is None else spec.scale
        many = product(spec.out_channels, *(scale,) * spec.dims)
        shuffle = Move(
            label="pixel shuffle",
            elements=product(spec.batch, many, spec.input_positions),
            spread=scale,
            dims=spec.dims,
        )
        conv = self.conv(spec, "convolution", spec.in_channels, many, self._axes(spec))
        return (conv, shuffle, *self.after(spec, spec.out_channels))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build the convolution, then the shuffle."""
        from convbench.core import modules

        scale: int = 1 if spec.scale is None else spec.scale
        many = spec.out_channels * scale**spec.dims
        return modules.chain(
            modules.convolution(spec.in_channels, many, self._axes(spec), bias=spec.bias),
            modules.SpreadChannels(scale, spec.dims),
            *modules.after(self, spec, spec.out_channels),
        )
