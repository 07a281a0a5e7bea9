"""Change points: from which run on a case takes longer, or less long, than before.

A series of runs is split in two where the runs before and after differ most significantly, and each
part is split again (binary segmentation: Scott and Knott, A cluster analysis method for grouping
means in the analysis of variance, 1974; of performance histories: Daly and others, The use of
change point detection to identify software performance regressions in a continuous integration
system, 2020). Splits are tried within many windows of runs, see `windows`, to find a change that is
reverted a few runs later.

The replicates are runs, not processes. The common shift of the group is subtracted before
(`shares`), and the variance of an unchanged case from run to run is estimated from all cases
(`scatter`), or from the processes of the runs compared where theirs is larger. A split is a change
point if

- its t is significant after correction for **all cases and all splits** (Holm): with nothing
  changed at all, the probability of any change point in the whole history is at most
  1 - confidence;
- the levels before and after, up to the next change points, differ as significantly and by more
  than the threshold; where the group has too few cases for a common shift, the whole interval is
  beyond the allowed drift;
- each level has two runs or more, or is the first or the latest one: a single slower run in the
  middle is no change;
- nothing else explains it, such as other load on the machine, by the rule of a comparison of the
  runs before with those after (`comparing.judging.excuse`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from convbench.clock.variances import chance, quantile
from convbench.comparing.judging import Limits
from convbench.comparing.tables import of_logs
from convbench.comparing.units import middle
from convbench.core.intervals import RatioInterval
from convbench.history.scatter import Scatter, scatter
from convbench.history.shares import Floats

Excuse = Callable[[int, int, int, int, RatioInterval], str]


_LEAST: Final = 1e-12
"""A variance that is taken for none: of runs that agree to the last digit."""
_FEWEST: Final = 3
"""Two runs alone have nothing to confirm which of them is usual; three are the least, if there are
three."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """A change point of one series: from run `run` on, by what log-ratio, and its interval.

    chance: of so large a difference of these levels, were there none. excuse: the code of what else
    may explain it, see `comparing.judging.REASONS`; "" for nothing.
    """

    series: int
    run: int
    value: float
    low: float
    high: float
    chance: float
    excuse: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """All change points, by series and then by run.

    doubted: what would be some, but for an excuse.
    tested: how many comparisons they were held against. smallest: the log-ratio from which a
    change of a typical series is significant, at the latest run and half way; inf where none is.
    """

    levels: tuple[Level, ...]
    tested: int
    smallest: tuple[float, float]
    doubted: tuple[Level, ...] = ()


def find(
    values: Floats,
    known: NDArray[np.bool_],
    limits: Limits,
    excuse: Excuse = lambda *_: "",
) -> Found:
    """Find the change points of many series.

    values: logs of times, [series, run, process], the groups' shares taken away; nan where there
    is none. known: for each series, whether its group has a common shift. excuse: what else may
    explain the ratio of two stretches of runs of a series, given as start, split and stop.
    """
    learnt = scatter(values)
    tries = windows(values.shape[1])
    tested = _Tests(learnt, tries)
    bound = tested.bound(1 - limits.confidence)
    sure = tested.valid & (tested.chance < bound)
    levels, doubted = [], []
    for series in np.nonzero(sure.any(axis=1))[0].tolist():
        one = _Series(learnt, series, limits, bound, known=bool(known[series]), excuse=excuse)
        candidates = [
            (float(tested.chance[series, index]), -abs(float(tested.t[series, index])), index)
            for index in np.nonzero(sure[series])[0].tolist()
            if abs(float(tested.effect[series, index])) > limits.edge
        ]
        order = [tries[index].tolist() for _, _, index in sorted(candidates)]
        levels += one.levels(order)
        doubted += one.doubted
    number = int(tested.valid.sum())
    return Found(
        levels=tuple(levels),
        tested=number,
        smallest=_smallest(learnt, number, limits.confidence),
        doubted=tuple(doubted),
    )


@cache
def windows(runs: int) -> NDArray[np.int64]:
    """Return rows (first, split, end) of runs: [first, split) is compared with [split, end).

    The stretches are seeded intervals: of every length runs / sqrt(2)^j, evenly laid so that they
    overlap (Kovács and others, Seeded binary segmentation, 2023, definition 1, decay 1/sqrt(2)).
    A long one finds a small change that lasts, a short one a change that was reverted.
    Their number grows with runs · log(runs), so that many comparisons cost little.
    """
    stretches: dict[tuple[int, int], None] = {}
    shrink, step = 1.0, 0
    while runs > 1:
        length = max(min(_FEWEST, runs), runs * shrink)
        number = 2 * math.ceil(2 ** (step / 2) - 1e-9) - 1
        for index in range(number):
            first = index * (runs - length) / max(1, number - 1)
            stretches[math.floor(first + 1e-9), math.ceil(first + length - 1e-9)] = None
        if length <= min(_FEWEST, runs):
            break
        step += 1
        shrink /= math.sqrt(2)
    rows = [(first, split, end) for first, end in stretches for split in range(first + 1, end)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


class _Tests:
    """Every series at every split: arrays [series, split]."""

    def __init__(self, learnt: Scatter, tries: NDArray[np.int64]) -> None:
        units = learnt.units
        told = np.isfinite(units)
        centred = units - np.nan_to_num(middle(units, axis=1))[:, None]
        sums = [
            np.concatenate([np.zeros((len(units), 1)), np.cumsum(part, axis=1)], axis=1)
            for part in (
                told.astype(float),
                np.nan_to_num(centred),
                np.nan_to_num(centred) ** 2,
                learnt.within,
            )
        ]
        first, split, end = tries.T
        before, after = (
            [part[:, stop] - part[:, start] for part in sums]
            for start, stop in ((first, split), (split, end))
        )
        number = before[0] + after[0]
        fewest = min(3, units.shape[1])
        enough = (before[0] > 0) & (after[0] > 0) & (number >= fewest)
        left, right = np.maximum(before[0], 1), np.maximum(after[0], 1)
        squares = before[2] - before[1] ** 2 / left + after[2] - after[1] ** 2 / right
        freedom = learnt.freedom + number - 2
        self.valid = enough & (freedom > 0)
        variance = learnt.freedom * learnt.variance + np.maximum(squares, 0.0)
        variance = np.maximum(variance / np.maximum(freedom, 1), _LEAST)
        error = _error(variance, (left, right), (before[3], after[3]))
        difference = after[1] / right - before[1] / left
        self.effect = difference * learnt.yardstick[:, None]
        self.t = difference / error
        chances = 2 * special.stdtr(np.maximum(freedom, 1), -np.abs(self.t))
        self.chance = np.where(self.valid, chances, 1.0)

    def bound(self, misses: float) -> float:
        """Return below which p-value one is significant, corrected for all of them (Holm)."""
        chances = self.chance[self.valid]
        order = np.sort(chances)
        fails = np.nonzero(order * np.arange(len(order), 0, -1) > misses)[0]
        return float(order[fails[0]]) if len(fails) else math.inf


class _Series:
    """One series, split at significant changes."""

    def __init__(
        self,
        learnt: Scatter,
        series: int,
        limits: Limits,
        bound: float,
        *,
        known: bool,
        excuse: Excuse,
    ) -> None:
        self._series, self._learnt, self._limits = series, learnt, limits
        self._bound, self._known, self._excuse = bound, known, excuse
        self.doubted: list[Level] = []
        self._units = learnt.units[series]
        self._unit = float(learnt.yardstick[series])

    def levels(self, order: list[list[int]]) -> list[Level]:
        """Return the change points; `order` has the significant splits, smallest p-value first."""
        points = self._placed(self._split(order, 0, len(self._units)))
        while True:
            stretches = [*zip([0, *points], points, [*points[1:], len(self._units)], strict=False)]
            levels = [self._level(*stretch) for stretch in stretches]
            weak = [level for level in levels if not self._counts(level)]
            doubted = [] if weak else [
                replace(level, excuse=why)
                for level, stretch in zip(levels, stretches, strict=True)
                if (why := self._excused(level, stretch))
            ]  # fmt: skip
            if not weak + doubted:
                return levels
            weakest = max(weak or doubted, key=lambda level: (level.chance, -abs(level.value)))
            self.doubted += [level for level in doubted if level is weakest]
            points = self._placed([point for point in points if point != weakest.run])

    def _split(self, order: list[list[int]], start: int, stop: int) -> list[int]:
        for first, split, end in order:
            if start <= first and end <= stop and self._shown(start, split, stop):
                return [*self._split(order, start, split), split, *self._split(order, split, stop)]
        return []

    def _placed(self, points: list[int]) -> list[int]:
        """Move each point to where, between its neighbours, it leaves the least scatter."""
        ends = [0, *points, len(self._units)]
        for index in range(1, len(ends) - 1):
            start, stop = ends[index - 1], ends[index + 1]
            ends[index] = min(
                [split for split in range(start + 1, stop) if self._shown(start, split, stop)],
                key=lambda split: (self._squares(start, split) + self._squares(split, stop), split),
            )
        return ends[1:-1]

    def _shown(self, start: int, split: int, stop: int) -> bool:
        """Tell whether both parts have two runs, or one at an end of the history."""
        left, right = (len(self._told(*part)) for part in ((start, split), (split, stop)))
        return left > (start > 0) and right > (stop < len(self._units))

    def _squares(self, start: int, stop: int) -> float:
        runs = self._told(start, stop)
        return float(((runs - runs.mean()) ** 2).sum()) if len(runs) else math.inf

    def _told(self, start: int, stop: int) -> Floats:
        runs = self._units[start:stop]
        return np.asarray(runs[np.isfinite(runs)])

    def _level(self, start: int, split: int, stop: int) -> Level:
        before, after = self._told(start, split), self._told(split, stop)
        freedom = self._learnt.freedom + len(before) + len(after) - 2
        squares = self._squares(start, split) + self._squares(split, stop)
        variance = (self._learnt.freedom * self._learnt.variance + squares) / freedom
        within = [
            self._learnt.within[self._series, first:last].sum()
            for first, last in ((start, split), (split, stop))
        ]
        error = self._unit * float(_error(variance, (len(before), len(after)), within))
        value = self._unit * float(after.mean() - before.mean())
        reach = quantile(self._limits.confidence, freedom) * error
        return Level(
            series=self._series,
            run=split,
            value=value,
            low=value - reach,
            high=value + reach,
            chance=chance(value, error, freedom),
        )

    def _counts(self, level: Level) -> bool:
        if abs(level.value) <= self._limits.edge or level.chance >= self._bound:
            return False
        beyond = min(abs(level.low), abs(level.high)) > math.log1p(self._limits.drift)
        return self._known or (level.low * level.high > 0 and beyond)

    def _excused(self, level: Level, stretch: tuple[int, int, int]) -> str:
        ratio = of_logs(level.value, level.low, level.high, confidence=self._limits.confidence)
        return self._excuse(self._series, *stretch, ratio)


def _error(variance: Any, numbers: Sequence[Any], within: Sequence[Any]) -> Any:
    """Return the standard error of a difference of two levels, each of a number of runs.

    within: sums of the runs' squared standard errors by their processes, used where larger.
    """
    parts = zip(numbers, within, strict=True)
    return np.sqrt(sum(np.maximum(variance / n, own / n**2) for n, own in parts))


def _smallest(learnt: Scatter, tested: int, confidence: float) -> tuple[float, float]:
    """Return the smallest significant change of a typical series, at the last run and half way."""
    runs = learnt.units.shape[1]
    freedom = learnt.freedom + runs - 2
    if not tested or freedom <= 0 or runs < 2:  # noqa: PLR2004
        return math.inf, math.inf
    reach = quantile(1 - (1 - confidence) / tested, freedom)
    unit = float(np.median(learnt.yardstick)) * math.sqrt(learnt.variance)
    half = runs // 2
    return (
        reach * unit * math.sqrt(1 + 1 / (runs - 1)),
        reach * unit * math.sqrt(1 / half + 1 / (runs - half)),
    )
