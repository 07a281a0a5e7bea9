"""The standard convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, register
from convbench.cost import Step

if TYPE_CHECKING:
    from torch import nn

    from convbench.spec import ConvSpec


@register("standard")
@dataclass(frozen=True, kw_only=True)
class Standard(ConvType):
    """Every output channel sees every input channel through its own |K| taps.

    The yardstick of all others: B·N·C·|K|·|O| multiplications. It does the most arithmetic for each
    element it moves, so it comes closest to a device's peak. It pays wherever arithmetic is cheap
    and traffic is dear: on most GPUs, and where channels are few.
    """

    paper = "LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 1998"

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan one convolution."""
        conv = self.conv(spec, "convolution", spec.in_channels, spec.out_channels)
        return (conv, *self.after(spec, spec.out_channels))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build one convolution."""
        from convbench import modules

        return modules.chain(
            modules.convolution(spec.in_channels, spec.out_channels, spec.axes, bias=spec.bias),
            *modules.after(self, spec, spec.out_channels),
        )
