"""Clock frequencies of a GPU that differ between two sides, and which ratios they may explain.

Only frequencies read while cases were timed are compared, never those of an idle GPU. Those of a
side vary over the middle half of its samples; two sides differ where these ranges do not overlap.

The time of a kernel is a sum of parts that follow the clock of the multiprocessors, that of the
memory, or neither. So at equal frequencies the ratio of two times would be multiplied by a factor
between the least and the greatest of 1 and, of each frequency that differs, right / left. Where in
between is not known: a verdict counts only if it holds over that whole `Span`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median_low
from typing import Final, NamedTuple

from convbench.core.intervals import RatioInterval
from convbench.runs.record import Record

FREQUENCIES: Final = {"sm_clock_mhz": "SM clock", "memory_clock_mhz": "memory clock"}
"""By the name of the field of `clock.samples.Samples`."""
_QUARTER: Final = 4


class Frequency(NamedTuple):
    """A frequency that differs: its key in `FREQUENCIES`, and the median of each side in MHz."""

    key: str
    left: int
    right: int

    @property
    def words(self) -> str:
        """Both in words: SM clock 1,980 → 1,200 MHz."""
        return f"{FREQUENCIES[self.key]} {self.left:,} → {self.right:,} MHz"


class Span(NamedTuple):
    """The logs of the least and of the greatest factor that equal frequencies may be worth."""

    low: float = 0.0
    high: float = 0.0

    @property
    def apart(self) -> Span:
        """The same of a log-ratio less that of other cases, each of which may follow clocks."""
        width = self.high - self.low
        return Span(-width, width)

    def beyond(self, value: float) -> float:
        """Return the part of a log-ratio that the frequencies cannot explain; 0 for none."""
        return max(0.0, value + self.low) if value > 0 else min(0.0, value + self.high)

    def least(self, ratio: RatioInterval) -> RatioInterval:
        """Return the ratio with as much as possible of it explained by the frequencies."""
        return ratio.over(math.exp(-self.low if ratio.value > 1 else -self.high))

    def widened(self, ratio: RatioInterval) -> RatioInterval:
        """Return the ratio with every value in its interval that equal frequencies may give."""
        return replace(
            ratio, low=ratio.low * math.exp(self.low), high=ratio.high * math.exp(self.high)
        )


NONE: Final = Span()
"""Of frequencies that do not differ."""


def differing(left: Iterable[Record], right: Iterable[Record]) -> tuple[Frequency, ...]:
    """Return the frequencies in which the samples that the times of two sides rest on differ."""
    sides = [[samples for record in side for samples in record.judged] for side in (left, right)]
    found = []
    for key in FREQUENCIES:
        told = [[mhz for one in side for mhz in getattr(one, key) if mhz] for side in sides]
        if all(told):
            (low, high), (other_low, other_high) = map(_middle_half, told)
            if high < other_low or other_high < low:
                found.append(Frequency(key, *map(median_low, told)))
    return tuple(found)


def _middle_half(values: Sequence[int]) -> tuple[int, int]:
    ordered, left_out = sorted(values), (len(values) - 1) // _QUARTER
    return ordered[left_out], ordered[-1 - left_out]


def span(frequencies: Iterable[Frequency], allowed: frozenset[str] = frozenset()) -> Span:
    """Return what equal frequencies may be worth. allowed: keys that were meant to differ."""
    logs = [math.log(one.right / one.left) for one in frequencies if one.key not in allowed]
    return Span(min(0.0, *logs), max(0.0, *logs)) if logs else NONE
