"""The bottleneck."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import SQUEEZES, Caveat, ConvType, Need, knob, register
from convbench.core.arithmetic import divides, exact
from convbench.core.costs import Step

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("bottleneck")
@dataclass(frozen=True, kw_only=True)
class Bottleneck(ConvType):
    """1×1 down to N/reduction channels, K×K there, 1×1 up again: ResNet's block.

    As a block it has batch norm and ReLU, and adds its input where shapes agree. The K×K layer
    needs 1/reduction² of the multiplications of a standard one, so the pointwise layers become a
    large share of the whole. It pays where channels are many.
    """

    paper = "He et al. (ResNet), arXiv:1512.03385, figure 5"

    reduction: int = knob(4, symbol="r", help="N divided by the channels in the middle")

    @property
    def caveat(self) -> Caveat:
        """Without a reduction nothing is squeezed."""
        return Caveat() if self.reduction == 1 else SQUEEZES

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """The reduction divides N."""
        yield Need(
            divides(self.reduction, spec.out_channels),
            f"reduction={self.reduction} does not divide out_channels={spec.out_channels}: "
            "give one that does",
        )

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan down, across, up; then the identity where it fits."""
        middle = exact(spec.out_channels, self.reduction)
        at_input = tuple(axis.pointwise_input() for axis in spec.axes)
        at_output = tuple(axis.pointwise_output() for axis in spec.axes)
        path = (
            self.conv(spec, "1×1 convolution down", spec.in_channels, middle, at_input),
            *self.after(spec, middle, size=spec.input_size),
            self.conv(spec, "convolution", middle, middle),
            *self.after(spec, middle),
            self.conv(spec, "1×1 convolution up", middle, spec.out_channels, at_output),
            *self.after(spec, spec.out_channels, "batch_norm"),
        )
        return (*self.with_identity(spec, *path), *self.after(spec, spec.out_channels, "relu"))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build down, across, up; as a block with batch norm, ReLU and the identity."""
        from convbench.core import modules

        middle = spec.out_channels // self.reduction
        at_input = [axis.pointwise_input() for axis in spec.axes]
        at_output = [axis.pointwise_output() for axis in spec.axes]
        path = modules.chain(
            modules.convolution(spec.in_channels, middle, at_input, bias=spec.bias),
            *modules.after(self, spec, middle),
            modules.convolution(middle, middle, spec.axes, bias=spec.bias),
            *modules.after(self, spec, middle),
            modules.convolution(middle, spec.out_channels, at_output, bias=spec.bias),
            *modules.after(self, spec, spec.out_channels, "batch_norm"),
        )
        return modules.with_identity(self, spec, path, "relu")
