"""Grouped convolutions with a channel shuffle between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, Need, groups_divide, knob, register
from convbench.core.arithmetic import product
from convbench.core.costs import Step
from convbench.core.spec import Axis
from convbench.core.steps import Move

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("shuffled_grouped")
@dataclass(frozen=True, kw_only=True)
class ShuffledGrouped(ConvType):
    """A grouped convolution, a channel shuffle, and a second grouped convolution.

    The shuffle gives every group of the second layer channels of all groups of the first, so that
    the two layers together mix all channels. The first has the slot's stride and padding, the
    second keeps the size. (C + N)/(C·G) of the multiplications of a standard convolution: it pays
    in place of two standard layers, not of one.
    """

    paper = "Zhang et al. (ShuffleNet), arXiv:1707.01083, figure 1"

    groups: int = knob(2, symbol="G", help="parts the channels are split into")

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """Groups divide both channel counts."""
        return groups_divide(
            self.groups, in_channels=spec.in_channels, out_channels=spec.out_channels
        )

    def _second(self, spec: ConvSpec) -> tuple[Axis, ...]:
        """The second layer keeps the output size."""
        return tuple(
            Axis.same(axis.output, kernel=axis.kernel, dilation=axis.dilation) for axis in spec.axes
        )

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan grouped, shuffle, grouped."""
        channels = spec.out_channels
        shuffle = Move(
            label="channel shuffle",
            elements=product(spec.batch, channels, spec.output_positions),
        )
        return (
            self.conv(spec, "grouped convolution", spec.in_channels, channels, groups=self.groups),
            *self.after(spec, channels),
            shuffle,
            self.conv(
                spec,
                "grouped convolution",
                channels,
                channels,
                self._second(spec),
                groups=self.groups,
            ),
            *self.after(spec, channels),
        )

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build grouped, shuffle, grouped; as a block with batch norm and ReLU after each."""
        from convbench.core import modules

        channels, groups = spec.out_channels, self.groups
        return modules.chain(
            modules.convolution(
                spec.in_channels, channels, spec.axes, groups=groups, bias=spec.bias
            ),
            *modules.after(self, spec, channels),
            modules.Shuffle(groups),
            modules.convolution(
                channels, channels, self._second(spec), groups=groups, bias=spec.bias
            ),
            *modules.after(self, spec, channels),
        )
