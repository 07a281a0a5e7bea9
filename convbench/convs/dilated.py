"""The dilated convolution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, knob, register
from convbench.core.costs import Step
from convbench.core.spec import Axis

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("dilated")
@dataclass(frozen=True, kw_only=True)
class Dilated(ConvType):
    """A convolution whose taps are spread by a rate, with padding that keeps the slot's output.

    As many multiplications and parameters as standard and a wider receptive field: 3×3 at rates
    1, 2, 3 sees 3, 5, 7 elements a side; stacked at 1, 2, 4 it sees 3, 7, 15. It pays where context
    matters and resolution must stay (segmentation). Its memory accesses are not contiguous, so it
    may take more time than a standard convolution with as many multiplications.
    """

    paper = (
        "Yu and Koltun, Multi-scale context aggregation by dilated convolutions, arXiv:1511.07122"
    )

    rate: int = knob(2, help="factor by which taps are spread")

    def _axes(self, spec: ConvSpec) -> tuple[Axis, ...]:
        """Spread the taps; what the reach grows by, the padding grows by."""
        spread = []
        for axis in spec.axes:
            grown = (axis.reach - 1) * (self.rate - 1)
            spread.append(
                replace(
                    axis,
                    dilation=axis.dilation * self.rate,
                    pad_low=axis.pad_low + grown // 2,
                    pad_high=axis.pad_high + grown - grown // 2,
                )
            )
        return tuple(spread)

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan one convolution with spread taps."""
        conv = self.conv(
            spec, "dilated convolution", spec.in_channels, spec.out_channels, self._axes(spec)
        )
        return (conv, *self.after(spec, spec.out_channels))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build one convolution with spread taps."""
        from convbench.core import modules

        conv = modules.convolution(
            spec.in_channels, spec.out_channels, self._axes(spec), bias=spec.bias
        )
        return modules.chain(conv, *modules.after(self, spec, spec.out_channels))
