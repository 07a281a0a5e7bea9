"""The pointwise convolution with groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import (
    WITHIN_GROUPS,
    Caveat,
    ConvType,
    Need,
    groups_divide,
    keeps_size_when_pointwise,
    knob,
    register,
)
from convbench.convs.pointwise import Pointwise
from convbench.core.costs import Step

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("pointwise_grouped")
@dataclass(frozen=True, kw_only=True)
class PointwiseGrouped(ConvType):
    """A 1×1 convolution with groups, for networks whose pointwise layers dominate.

    1/G of a pointwise convolution. Alone it exchanges nothing between the groups, so it pays only
    together with a channel shuffle or another layer that mixes them, as in ShuffleNet.
    """

    paper = "Zhang et al. (ShuffleNet), arXiv:1707.01083"

    groups: int = knob(2, symbol="G", help="parts the channels are split into")

    @property
    def caveat(self) -> Caveat:
        """Those of a 1×1 convolution and of groups."""
        if self.groups == 1:
            return Pointwise.caveat
        return Caveat(f"{Pointwise.caveat.text}, {WITHIN_GROUPS.text}", less=True)

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """Groups divide both channel counts; a 1×1 convolution gives the slot's output size."""
        yield from groups_divide(
            self.groups, in_channels=spec.in_channels, out_channels=spec.out_channels
        )
        yield from keeps_size_when_pointwise(spec)

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan one 1×1 convolution with the slot's stride."""
        conv = self.conv(
            spec,
            "grouped 1×1 convolution",
            spec.in_channels,
            spec.out_channels,
            tuple(axis.subsampled() for axis in spec.axes),
            groups=self.groups,
        )
        return (conv, *self.after(spec, spec.out_channels))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build one 1×1 convolution with the slot's stride."""
        from convbench.core import modules

        axes = [axis.subsampled() for axis in spec.axes]
        conv = modules.convolution(
            spec.in_channels, spec.out_channels, axes, groups=self.groups, bias=spec.bias
        )
        return modules.chain(conv, *modules.after(self, spec, spec.out_channels))
