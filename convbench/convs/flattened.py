"""The flattened convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, register
from convbench.core.costs import Step
from convbench.core.spec import Axis

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("flattened")
@dataclass(frozen=True, kw_only=True)
class Flattened(ConvType):
    """One-dimensional filters in sequence: across the channels, then along each spatial axis.

    N·(C + K_h + K_w) weights: a pointwise convolution, then a depthwise one for each axis. Of the
    types with a K×K receptive field it needs the fewest multiplications and the most passes over
    memory, so it pays in multiplications more than in time.
    """

    paper = "Jin et al., Flattened convolutional neural networks, arXiv:1412.5474"

    def _passes(self, spec: ConvSpec) -> list[tuple[Axis, ...]]:
        """One set of axes for each spatial filter: earlier axes at output size, later at input."""
        return [
            (
                *(axis.pointwise_output() for axis in spec.axes[:turn]),
                spec.axes[turn],
                *(axis.pointwise_input() for axis in spec.axes[turn + 1 :]),
            )
            for turn in range(spec.dims)
        ]

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan the lateral filter, then one depthwise filter for each axis."""
        channels = spec.out_channels
        at_input = tuple(axis.pointwise_input() for axis in spec.axes)
        return (
            self.conv(spec, "1×1 convolution", spec.in_channels, channels, at_input),
            *(
                self.conv(
                    spec, f"depthwise along axis {turn}", channels, channels, axes, groups=channels
                )
                for turn, axes in enumerate(self._passes(spec))
            ),
            *self.after(spec, channels),
        )

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build the lateral filter, then one depthwise filter for each axis."""
        from convbench.core import modules

        channels = spec.out_channels
        at_input = [axis.pointwise_input() for axis in spec.axes]
        return modules.chain(
            modules.convolution(spec.in_channels, channels, at_input, bias=spec.bias),
            *(
                modules.convolution(channels, channels, axes, groups=channels, bias=spec.bias)
                for axes in self._passes(spec)
            ),
            *modules.after(self, spec, channels),
        )
