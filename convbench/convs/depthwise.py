"""The depthwise convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import Caveat, ConvType, Need, knob, register
from convbench.core.arithmetic import Quantity, same
from convbench.core.costs import Step

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("depthwise")
@dataclass(frozen=True, kw_only=True)
class Depthwise(ConvType):
    """Every input channel is convolved with its own m filters and no other channel: G = C, N = m·C.

    B·C·m·|K|·|O| multiplications, 1/C of a standard convolution to as many channels. It moves as
    many elements as the standard one and computes little with each, so memory and call overhead
    limit it, not arithmetic. It pays where the caches hold the layer, but rarely by the ratio of
    the multiplications.
    """

    paper = (
        "Sifre, Rigid-motion scattering for image classification, thesis 2014; "
        "Chollet (Xception), arXiv:1610.02357"
    )
    caveat = Caveat("mixes no channels", less=True)

    multiplier: int = knob(1, symbol="m", help="output channels for each input channel")

    def forced_outputs(self, in_channels: Quantity, stride: int = 1) -> Quantity:
        """N = m·C."""
        del stride
        return self.multiplier * in_channels

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """N = m·C."""
        yield Need(
            same(spec.out_channels, self.multiplier * spec.in_channels),
            f"a depthwise convolution gives {self.multiplier} × {spec.in_channels} channels and "
            f"the slot wants {spec.out_channels}: change out_channels or multiplier, or use "
            "depthwise_separable",
        )

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan one convolution with as many groups as channels."""
        conv = self.conv(
            spec,
            "depthwise convolution",
            spec.in_channels,
            self.multiplier * spec.in_channels,
            groups=spec.in_channels,
        )
        return (conv, *self.after(spec, spec.out_channels))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build one convolution with as many groups as channels."""
        from convbench.core import modules

        conv = modules.convolution(
            spec.in_channels, spec.out_channels, spec.axes, groups=spec.in_channels, bias=spec.bias
        )
        return modules.chain(conv, *modules.after(self, spec, spec.out_channels))
