"""The depthwise separable convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, register
from convbench.core.costs import Step

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("depthwise_separable")
@dataclass(frozen=True, kw_only=True)
class DepthwiseSeparable(ConvType):
    """A depthwise convolution, then a pointwise one: first over positions, then over channels.

    B·|O|·C·(|K| + N) multiplications; its ratio to standard is 1/N + 1/|K|, so about 1/9 for 3×3
    and many channels. Nearly all of the arithmetic is in the pointwise half, which is a fast matrix
    product; the depthwise half is limited by memory. It pays on CPUs and phones, and on GPUs by
    less than the ratio of the multiplications.
    """

    paper = "Howard et al. (MobileNet), arXiv:1704.04861, section 3.1"

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan depthwise (the slot's stride and padding), then pointwise."""
        channels = spec.in_channels
        at_output = tuple(axis.pointwise_output() for axis in spec.axes)
        return (
            self.conv(spec, "depthwise convolution", channels, channels, groups=channels),
            *self.after(spec, channels),
            self.conv(spec, "1×1 convolution", channels, spec.out_channels, at_output),
            *self.after(spec, spec.out_channels),
        )

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build depthwise, then pointwise; as a block with batch norm and ReLU after each."""
        from convbench.core import modules

        channels = spec.in_channels
        at_output = [axis.pointwise_output() for axis in spec.axes]
        return modules.chain(
            modules.convolution(channels, channels, spec.axes, groups=channels, bias=spec.bias),
            *modules.after(self, spec, channels),
            modules.convolution(channels, spec.out_channels, at_output, bias=spec.bias),
            *modules.after(self, spec, spec.out_channels),
        )
