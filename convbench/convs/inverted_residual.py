"""The inverted residual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, knob, register
from convbench.core.costs import Step

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("inverted_residual")
@dataclass(frozen=True, kw_only=True)
class InvertedResidual(ConvType):
    """1×1 up to expansion·C channels, depthwise K×K there, 1×1 down to N: MobileNetV2's block.

    As a block it has batch norm and ReLU6 (none after the last, which is linear), and adds its
    input where shapes agree. Because of the wide middle it needs more multiplications than
    depthwise separable, and moves much more memory; it pays in accuracy for each parameter on
    phones.
    """

    paper = "Sandler et al. (MobileNetV2), arXiv:1801.04381, table 1"

    expansion: int = knob(6, symbol="t", help="channels in the middle for each input channel")

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan up, depthwise, down; then the identity where it fits."""
        middle = self.expansion * spec.in_channels
        at_input = tuple(axis.pointwise_input() for axis in spec.axes)
        at_output = tuple(axis.pointwise_output() for axis in spec.axes)
        return self.with_identity(
            spec,
            self.conv(spec, "1×1 convolution up", spec.in_channels, middle, at_input),
            *self.after(spec, middle, "batch_norm", "relu6", size=spec.input_size),
            self.conv(spec, "depthwise convolution", middle, middle, groups=middle),
            *self.after(spec, middle, "batch_norm", "relu6"),
            self.conv(spec, "1×1 convolution down", middle, spec.out_channels, at_output),
            *self.after(spec, spec.out_channels, "batch_norm"),
        )

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build up, depthwise, down; as a block with batch norm, ReLU6 and the identity."""
        from convbench.core import modules

        middle = self.expansion * spec.in_channels
        at_input = [axis.pointwise_input() for axis in spec.axes]
        at_output = [axis.pointwise_output() for axis in spec.axes]
        path = modules.chain(
            modules.convolution(spec.in_channels, middle, at_input, bias=spec.bias),
            *modules.after(self, spec, middle, "batch_norm", "relu6"),
            modules.convolution(middle, middle, spec.axes, groups=middle, bias=spec.bias),
            *modules.after(self, spec, middle, "batch_norm", "relu6"),
            modules.convolution(middle, spec.out_channels, at_output, bias=spec.bias),
            *modules.after(self, spec, spec.out_channels, "batch_norm"),
        )
        return modules.with_identity(self, spec, path)
