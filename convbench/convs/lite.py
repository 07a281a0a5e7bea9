"""OSNet's Lite convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, register
from convbench.core.costs import Step

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("lite")
@dataclass(frozen=True, kw_only=True)
class Lite(ConvType):
    """A pointwise convolution (linear), then a depthwise one: OSNet's Lite 3×3.

    B·(|I|·C·N + |O|·N·|K|) multiplications and (C + |K|)·N weights. The order is the reverse of
    depthwise separable, so the depthwise half works on the *output* channels: more expensive than
    depthwise separable where the slot has more output than input channels or a stride, cheaper
    where it has fewer. It pays where depthwise separable does, in blocks with few channels.
    """

    paper = "Zhou et al. (OSNet), arXiv:1905.00953, section 3.1"

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan pointwise at the input size, then depthwise with the slot's stride and padding."""
        channels = spec.out_channels
        at_input = tuple(axis.pointwise_input() for axis in spec.axes)
        return (
            self.conv(spec, "1×1 convolution", spec.in_channels, channels, at_input),
            self.conv(spec, "depthwise convolution", channels, channels, groups=channels),
            *self.after(spec, channels),
        )

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build pointwise, then depthwise; as a block with batch norm and ReLU after both."""
        from convbench.core import modules

        channels = spec.out_channels
        at_input = [axis.pointwise_input() for axis in spec.axes]
        return modules.chain(
            modules.convolution(spec.in_channels, channels, at_input, bias=spec.bias),
            modules.convolution(channels, channels, spec.axes, groups=channels, bias=spec.bias),
            *modules.after(self, spec, channels),
        )
