"""The partial convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from convbench.convs.base import Caveat, ConvType, Need, register
from convbench.core.arithmetic import Quantity, divides, exact, is_symbolic, product, same
from convbench.core.costs import Step
from convbench.core.errors import SpecError, quoted
from convbench.core.steps import Move

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("partial")
@dataclass(frozen=True, kw_only=True)
class Partial(ConvType):
    """A standard convolution over the first C·fraction channels; the others pass unchanged.

    fraction² of the multiplications, with the contiguous memory access of a standard convolution:
    designed for short time, where depthwise is designed for few multiplications. It pays as the
    spatial half of a block whose pointwise layers mix the channels afterwards (FasterNet).
    """

    paper = "Chen et al. (FasterNet), arXiv:2303.03667, section 3.2"

    fraction: Fraction = field(
        default=Fraction(1, 4),
        metadata={"symbol": "f", "help": "share of the channels that is convolved"},
    )

    def __post_init__(self) -> None:
        """Turn 0.25, '1/4' and the like into a fraction."""
        super().__post_init__()
        if is_symbolic(self.fraction):
            return
        try:
            fraction = Fraction(str(self.fraction)).limit_denominator(4096)
        except (ValueError, ZeroDivisionError):
            raise SpecError(
                f"fraction={quoted(self.fraction)} of partial is not a number: give 1/4, or 0.25."
            ) from None
        if not 0 < fraction <= 1:
            raise SpecError(f"fraction={self.fraction} of partial: give more than 0, at most 1.")
        object.__setattr__(self, "fraction", fraction)

    def _convolved(self, channels: Quantity) -> Quantity:
        if is_symbolic(self.fraction):
            return channels * self.fraction
        return exact(channels * self.fraction.numerator, self.fraction.denominator)

    @property
    def caveat(self) -> Caveat:
        """The whole of the channels is a standard convolution."""
        if self.fraction == 1:
            return Caveat()
        return Caveat("passes part of the channels through untouched", less=True)

    def forced_outputs(self, in_channels: Quantity, stride: int = 1) -> Quantity:
        """N = C."""
        del stride
        return in_channels

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """N = C, the size stays, and the fraction gives whole channels."""
        yield Need(
            same(spec.in_channels, spec.out_channels),
            f"channels that pass unchanged keep their number, and the slot turns "
            f"{spec.in_channels} into {spec.out_channels}: make them equal",
        )
        for axis in spec.axes:
            yield Need(
                same(axis.input, axis.output),
                f"channels that pass unchanged keep their size, and the slot turns {axis.input} "
                f"positions into {axis.output}: use stride 1 and padding='same'",
            )
        if not is_symbolic(self.fraction):
            yield Need(
                divides(self.fraction.denominator, spec.in_channels * self.fraction.numerator),
                f"fraction={self.fraction} of in_channels={spec.in_channels} is no whole number: "
                "give another fraction",
            )

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan the convolution of a part, and the move that joins it with the rest."""
        part = self._convolved(spec.in_channels)
        join = Move(
            label="join with the other channels",
            elements=product(spec.batch, spec.in_channels, spec.input_positions),
        )
        conv = self.conv(spec, "convolution of the first channels", part, part)
        return (conv, join, *self.after(spec, spec.out_channels))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build the convolution of a part, joined with the rest."""
        from convbench.core import modules

        part = self._convolved(spec.in_channels)
        conv = modules.convolution(part, part, spec.axes, bias=spec.bias)
        return modules.chain(
            modules.FirstChannels(part, conv), *modules.after(self, spec, spec.out_channels)
        )
