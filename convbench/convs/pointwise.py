"""The pointwise convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import Caveat, ConvType, Need, keeps_size_when_pointwise, register
from convbench.core.costs import Step

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("pointwise")
@dataclass(frozen=True, kw_only=True)
class Pointwise(ConvType):
    """A 1×1 convolution: a matrix product at every position, which mixes only channels.

    B·N·C·|O| multiplications, 1/|K| of the standard ones; it sees no neighbouring positions. It
    pays as one half of a factorised convolution, and to change the number of channels before an
    expensive layer.
    """

    paper = "Lin et al. (Network in Network), arXiv:1312.4400"
    caveat = Caveat("sees no neighbours", less=True)

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """A 1×1 convolution gives the slot's output size."""
        return keeps_size_when_pointwise(spec)

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan one 1×1 convolution with the slot's stride."""
        conv = self.conv(
            spec,
            "1×1 convolution",
            spec.in_channels,
            spec.out_channels,
            tuple(axis.subsampled() for axis in spec.axes),
        )
        return (conv, *self.after(spec, spec.out_channels))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build one 1×1 convolution with the slot's stride."""
        from convbench.core import modules

        axes = [axis.subsampled() for axis in spec.axes]
        conv = modules.convolution(spec.in_channels, spec.out_channels, axes, bias=spec.bias)
        return modules.chain(conv, *modules.after(self, spec, spec.out_channels))
