"""Values with how sure they are: an interval around a value, and around a ratio of times."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from convbench.core.serialization import Least

Verdict = Literal["faster", "slower", "same", "cannot tell"]
WIDEST = 2.0
"""An interval whose ends differ by more than this factor helps nobody and is not shown."""


@dataclass(frozen=True, kw_only=True)
class _Around:
    """A value and the interval around it.

    Attributes:
        value: the estimate, in the unit of the values.
        low: lower end, `low <= value`; null in a file where the ends tell nothing, see `usable`.
        high: upper end, `value <= high`; likewise.
        confidence: what the interval really reaches. It exceeds what was asked where the next
            narrower pair of order statistics would fall short, and falls below it where there are
            too few values (5 reach 0.9375 at most; a single one reaches 0).

    """

    value: float
    low: Annotated[float, float | None]
    high: Annotated[float, float | None]
    confidence: Annotated[float, Least(0)]

    @classmethod
    def of_logs(cls, value: float, low: float, high: float, **more: Any) -> Self:
        """Return the interval whose value and ends have these logarithms."""
        return cls(value=math.exp(value), low=math.exp(low), high=math.exp(high), **more)

    @property
    def usable(self) -> bool:
        """Whether the ends tell anything: there is an interval, of no more than a factor of 2."""
        return self.confidence > 0 and self.low > 0 and self.high <= WIDEST * self.low


@dataclass(frozen=True, kw_only=True)
class Interval(_Around):
    """A value and the interval around it: `value`, `low`, `high` and `confidence` it reaches.

    Attributes:
        processes: how many processes it rests on. With 1 it says nothing of what another process
            would give; with more it is about them, see `clock.estimates`.
        each: what every process measured, in the unit of the values and in their order; () where
            nobody kept it.

    """

    processes: int = 1
    each: tuple[float, ...] = ()

    @property
    def half_width(self) -> float:
        """The larger of the distances to the two ends, relative: 0.04 for ±4 %."""
        return max(self.high / self.value, self.value / self.low) - 1


@dataclass(frozen=True, kw_only=True)
class RatioInterval(_Around):
    """How many times as long the numerator takes as the denominator; below 1 it is the faster one.

    Attributes:
        paired: whether rounds of one session were compared with one another. Where False the two
            come from different sessions, and whatever else changed between these is in the ratio.
        verdict: the numerator is "faster" or "slower" than the denominator, "same" as far as that
            matters (see `verdict`), or the clock "cannot tell".
        processes: how many processes it rests on, as in `Interval`.
        each: the ratio in every process, as in `Interval`.

    """

    paired: bool
    verdict: Verdict
    processes: Annotated[int, Least(1)] = 1
    each: tuple[float, ...] = ()

    def inverse(self) -> RatioInterval:
        """Return denominator / numerator: 2.0 (1.8–2.5) for 0.5 (0.4–0.55)."""
        turned: dict[Verdict, Verdict] = {"faster": "slower", "slower": "faster"}
        return replace(
            self, value=1 / self.value, low=1 / self.high, high=1 / self.low,
            each=tuple(1 / one for one in self.each),
            verdict=turned.get(self.verdict, self.verdict),
        )  # fmt: skip

    @property
    def half_width(self) -> float:
        """Half of the interval's width, relative: 0.01 where it is 1 % to either side."""
        return math.sqrt(self.high / self.low) - 1
