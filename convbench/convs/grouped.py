"""The grouped convolution."""

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
    knob,
    register,
)
from convbench.core.costs import Step

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("grouped")
@dataclass(frozen=True, kw_only=True)
class Grouped(ConvType):
    """Channels are split into G groups that are convolved independently (block-diagonal weights).

    1/G of the multiplications and parameters of a standard convolution. It was introduced to
    spread a network over two GPUs. It pays when each group still has enough channels to keep the
    device busy (ResNeXt's 4 to 64), and less when there are many small groups.
    """

    paper = (
        "Krizhevsky et al., ImageNet classification with deep CNNs, NeurIPS 2012; "
        "Xie et al. (ResNeXt), arXiv:1611.05431"
    )

    groups: int = knob(2, symbol="G", help="parts the channels are split into")

    @property
    def caveat(self) -> Caveat:
        """One group is a standard convolution."""
        return Caveat() if self.groups == 1 else WITHIN_GROUPS

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """Groups divide both channel counts."""
        return groups_divide(
            self.groups, in_channels=spec.in_channels, out_channels=spec.out_channels
        )

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan one convolution with groups."""
        conv = self.conv(
            spec, "grouped convolution", spec.in_channels, spec.out_channels, groups=self.groups
        )
        return (conv, *self.after(spec, spec.out_channels))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build one convolution with groups."""
        from convbench.core import modules

        conv = modules.convolution(
            spec.in_channels, spec.out_channels, spec.axes, groups=self.groups, bias=spec.bias
        )
        return modules.chain(conv, *modules.after(self, spec, spec.out_channels))
