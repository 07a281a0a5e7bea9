"""Values with how sure they are: an interval around a value, and around a ratio of times."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal, Self

from convbench.core.serialization import Least

Verdict = Literal["faster", "slower", "same", "cannot tell"]
WORDS: Final = {"cannot tell": "inconclusive"}
"""What a verdict is called for readers, where that is not its name in files and in Python."""
WIDEST = 2.0
"""An interval whose ends differ by more than this factor helps nobody and is not shown."""
_MOST_LOG: Final = 700.0


def factor(log: float) -> float:
    """Return the ratio that has this natural logarithm, within what a float and its inverse hold.

    That is e^±700: an interval from few runs, or a file that was changed by hand, may reach beyond.
    """
    return math.exp(min(max(log, -_MOST_LOG), _MOST_LOG))


@dataclass(frozen=True, kw_only=True)
class _Around:
    """A value and the interval around it.

    Attributes:
        value: the estimate, in the unit of the values.
        low: lower end, `low <= value`; null in a file if the interval is not `usable`.
        high: upper end, `value <= high`; null likewise.
        confidence: the actual confidence. It is above the requested one if no narrower pair of
            order statistics reaches that, and below it if there are too few values (5 values reach
            at most 0.9375, a single one 0).

    """

    value: float
    low: Annotated[float, float | None]
    high: Annotated[float, float | None]
    confidence: Annotated[float, Least(0)]

    @classmethod
    def of_logs(cls, value: float, low: float, high: float, **more: Any) -> Self:
        """Return the interval whose value and ends have these logarithms."""
        return cls(value=factor(value), low=factor(low), high=factor(high), **more)

    @property
    def usable(self) -> bool:
        """Whether there is an interval, and it spans no more than a factor of 2."""
        return self.confidence > 0 and self.low > 0 and self.high <= WIDEST * self.low


@dataclass(frozen=True, kw_only=True)
class Interval(_Around):
    """A value and the interval around it: `value`, `low`, `high` and `confidence` it reaches.

    Attributes:
        processes: number of processes. With 1 the interval does not cover the difference between
            processes; with more it does, see `clock.estimates`.
        each: the value of every process, in the same unit; () if it was not stored.

    """

    processes: int = 1
    each: tuple[float, ...] = ()

    @property
    def half_width(self) -> float:
        """The larger of the distances to the two ends, relative: 0.04 for ±4 %."""
        return max(self.high / self.value, self.value / self.low) - 1


@dataclass(frozen=True, kw_only=True)
class RatioInterval(_Around):
    """The time of a numerator divided by that of a denominator; below 1 the numerator is faster.

    Attributes:
        paired: whether both were timed in the same processes. If not, the ratio includes whatever
            else changed between their processes.
        verdict: the numerator is "faster" or "slower" than the denominator, the "same" within 5 %,
            or "cannot tell"; see `clock.stats.verdict`.
        processes: number of processes.
        each: the ratio in every process; () if it was not stored.

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
        """Half of the interval's width, relative: 0.01 for ±1 %."""
        return math.sqrt(self.high / self.low) - 1
