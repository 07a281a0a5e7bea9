"""Statistics over several processes: what one more process would say, and how ratios differ.

Rounds of one process share its memory layout, its threads and its luck; so what is estimated is
estimated over processes, and rounds only say what each process measured:

- **in a process** the time of a call is the lower quartile of its rounds. Whatever else runs on a
  machine only adds time to a sample, and adds it to some samples and not to others: low quantiles
  see through that, where medians and means do not;
- **over processes** it is the median of theirs, so the time printed is one that was measured. A
  **ratio** is the geometric mean over processes of the quotients within each: what slows a whole
  process slows both. A process that lies far from the others is left out of means and variances,
  and named: a disturbed process moves nothing;
- **how much processes differ** is told by few of them badly. So the variances of all cases of a
  group are taken together (`clock.variances`), with Student's t of the freedom that this gives;
- the interval of a **time** is where one more process would fall; that of a **ratio** is where its
  mean over all processes is; both as they would be in another hour: they drift from run to run, and
  ratios beside other work drift more, which no process of the same run can see (`_DRIFT`,
  `_BESIDE_OTHERS`).

A single process says nothing of others: its intervals are those of `stats`, of rounds, made wider
by what processes usually differ (`_ALONE`), and `processes` says 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, median, median_low
from typing import Final, TypeVar

from convbench.clock import stats
from convbench.clock.contamination import MANY, contaminated_share
from convbench.clock.samples import QUANTILE, Samples, of_process, time_title
from convbench.clock.stats import MARGIN
from convbench.core.intervals import Interval, RatioInterval, factor

_FENCE: Final = 4.0
"""Robust standard deviations from the others at which a process counts as disturbed."""
_LEAST_FENCE: Final = math.log(1.25)
"""And no process that is nearer to the others than this is disturbed."""
_FOR_ONE_LEFT_OUT: Final = 3
"""Processes for each one that may count as disturbed: more are another way to run, and scatter."""
_LEAST_SPREAD: Final = 0.002
"""Standard deviation of processes, relative, below which agreement is chance."""
_DRIFT: Final = 0.012
"""Standard deviation, on a log scale, of times and ratios from one run to another, which processes
of the same run cannot see: chosen so that the long reference of `python benchmarks/clock main-job`
lies in more than nine of ten intervals in every state of the machine."""
_BESIDE_OTHERS: Final = 0.015
"""More of it, for ratios beside other work, where a tenth of the samples or more had to wait for a
processor: it takes caches and memory bandwidth from some types more than from others."""
_ALONE: Final = 0.04
"""Standard deviation of processes, on a log scale, where a single one says nothing of it: 1 to
5.5 % were seen (`python benchmarks/clock estimators`)."""
_FROM_MAD: Final = 1.4826
"""From the median absolute deviation of normal values to their standard deviation."""


def typical(processes: Sequence[Samples], confidence: float = 0.95) -> Interval:
    """Return the time of a call of one case alone; see `Estimates.time`."""
    return Estimates({"": processes}).time("", confidence)


def compare(
    numerator: Sequence[Samples],
    denominator: Sequence[Samples],
    confidence: float = 0.95,
    margin: float = MARGIN,
) -> RatioInterval:
    """Return the ratio of two cases alone; see `Estimates.ratio`."""
    both = Estimates({"numerator": numerator, "denominator": denominator})
    return both.ratio("numerator", "denominator", confidence, margin)


def over_processes(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the median of what several processes say, each a positive number, and its interval."""
    found = _spread([math.log(value) for value in values])
    freedom = found.number - 1
    reach = _t(confidence, freedom) * math.sqrt(found.variance / found.number)
    return Interval.of_logs(
        *_about(found.centre, reach),
        confidence=confidence,
        processes=len(values),
        each=tuple(values),
    )


def _about(centre: float, reach: float) -> tuple[float, float, float]:
    return centre, centre - reach, centre + reach


class Estimates:
    """What the samples of a group's cases say: of each, and of each against another.

    Args:
        cases: samples by the case's name, one entry a process. Entries of one `session` were
            measured in the same process.

    """

    def __init__(self, cases: Mapping[str, Sequence[Samples]]) -> None:
        """Keep the samples; everything else is derived when it is asked for."""
        self.cases = {name: tuple(several) for name, several in cases.items()}
        self._priors: dict[str | None, tuple[float, float]] = {}

    def time(self, name: str, confidence: float = 0.95) -> Interval:
        """Return the seconds of a call, and where one more process would fall.

        Raises:
            ValueError: no samples of that name, a time of 0, or an impossible confidence.

        """
        stats.check_confidence(confidence)
        several = self._several(name)
        if len(several) == 1:
            return _alone(stats.quantile_interval(several[0].seconds, QUANTILE, confidence))
        found = _spread(list(self._logs[name].values()))
        sd, freedom = self._moderated(None, found)
        error = math.hypot(sd * math.sqrt(1 + 1 / found.number), _DRIFT)
        reach = _t(confidence, freedom) * error
        each = tuple(map(of_process, several))
        value = median_low(each)
        return Interval(
            value=value,
            low=min(value, factor(found.centre - reach)),
            high=max(value, factor(found.centre + reach)),
            confidence=confidence,
            processes=len(several),
            each=each,
        )

    def ratio(
        self, name: str, base: str, confidence: float = 0.95, margin: float = MARGIN
    ) -> RatioInterval:
        """Return how many times as long `name` takes as `base`.

        Processes in which both were measured are compared within each; where there are none, the
        two sides are estimated apart, and whatever else changed between them is in the ratio.

        Raises:
            ValueError: as `time`, rounds of one process that do not pair, or times of two kinds: a
                kernel time holds no launching, and an event time does.

        """
        stats.check_confidence(confidence)
        tops, bottoms = self._several(name), self._several(base)
        kinds = time_title(tops), time_title(bottoms)
        if kinds[0] != kinds[1]:
            raise ValueError(f"one has {kinds[0]} and the other {kinds[1]}, which do not compare")
        below = {samples.session: samples for samples in bottoms}
        pairs = [(top, below[top.session]) for top in tops if top.session in below]
        if len(pairs) == 1 or len(tops) == len(bottoms) == 1:
            top, bottom = pairs[0] if pairs else (tops[0], bottoms[0])
            wider = _alone(stats.ratio(top, bottom, confidence))
            return stats.judged(wider, min(len(top.seconds), len(bottom.seconds)), margin)
        if pairs:
            found = _spread(self._quotients(name, base))
            sd, freedom = self._moderated(base, found)
            error = math.hypot(sd / math.sqrt(found.number), self.drift)
            rounds = sum(len(top.seconds) for top, _ in pairs)
        else:
            found, error, freedom = self._apart(name, base)
            rounds = min(sum(len(s.seconds) for s in side) for side in (tops, bottoms))
        reach = _t(confidence, freedom) * error if freedom else 0.0
        interval = RatioInterval.of_logs(
            *_about(found.centre, reach),
            confidence=confidence if freedom else 0.0,
            paired=bool(pairs),
            verdict="cannot tell",
            processes=len(pairs) or min(len(tops), len(bottoms)),
            each=tuple(of_process(top) / of_process(bottom) for top, bottom in pairs),
        )
        # one process against several: how much processes differ is not known of that one
        return stats.judged(interval, rounds, margin) if freedom else interval

    def disturbed(self, name: str) -> tuple[float, ...]:
        """Return what the processes measured that lie far from the others, in seconds."""
        several = self._several(name)
        kept = _spread(list(self._logs[name].values())).kept
        return tuple(
            of_process(samples) for samples, good in zip(several, kept, strict=True) if not good
        )

    def _several(self, name: str) -> tuple[Samples, ...]:
        several = self.cases[name]
        if not several:
            raise ValueError(f"{name or 'typical'}: no process was measured; give samples of one")
        stats.check_times(several)
        return several

    @cached_property
    def _logs(self) -> dict[str, dict[str, float]]:
        """Log of the seconds of a call, by case and by process."""
        return {
            name: {samples.session: math.log(of_process(samples)) for samples in several}
            for name, several in self.cases.items()
            if several and min(samples.minimum for samples in several) > 0
        }

    @cached_property
    def drift(self) -> float:
        """How far ratios lie from those of another hour, whatever the processes of this one say."""
        samples = [one for several in self.cases.values() for one in several]
        beside = min(1.0, contaminated_share(samples) / MANY)
        return math.hypot(_DRIFT, _BESIDE_OTHERS * beside)

    def _quotients(self, name: str, base: str) -> list[float]:
        """Return the log-ratio of two cases in every process that measured both."""
        below = self._logs[base]
        return [log - below[at] for at, log in self._logs[name].items() if at in below]

    def _moderated(self, base: str | None, found: _Spread) -> tuple[float, float]:
        """Return a standard deviation and its freedom, drawn towards those of the group.

        base: where it is of ratios to it; None for that of times.
        """
        typical_variance, worth = self._prior(base)
        if not worth:
            return math.sqrt(found.variance), found.number - 1
        own = found.number - 1
        variance = (worth * typical_variance + own * found.variance) / (worth + own)
        return math.sqrt(variance), worth + own

    def _prior(self, base: str | None) -> tuple[float, float]:
        """Return what the cases of the group say of a variance, and what that is worth."""
        if base not in self._priors:
            values = [
                list(logs.values()) if base is None else self._quotients(name, base)
                for name, logs in self._logs.items()
                if name != base
            ]
            spreads = [_spread(several) for several in values if len(several) > 1]
            from convbench.clock.variances import (
                prior,  # NumPy and SciPy, not before they are used
            )

            self._priors[base] = prior([(s.variance, s.number - 1) for s in spreads])
        return self._priors[base]

    def _apart(self, name: str, base: str) -> tuple[_Spread, float, float]:
        """Return the difference of two cases that share no process, its error and freedom."""
        top, bottom = (_spread(list(self._logs[one].values())) for one in (name, base))
        found = _Spread(centre=top.centre - bottom.centre, variance=0.0, kept=())
        if min(top.number, bottom.number) < 2:  # noqa: PLR2004  how one differs is not known
            return found, 0.0, 0.0
        apart = top.variance / top.number + bottom.variance / bottom.number
        error = math.hypot(math.sqrt(apart), self.drift)
        return found, error, min(top.number, bottom.number) - 1


def _t(confidence: float, freedom: float) -> float:
    from convbench.clock.variances import quantile

    return quantile(confidence, freedom)


def near(logs: Sequence[float]) -> tuple[bool, ...]:
    """Tell of logs of the times of processes which are near the others; the rest is disturbed."""
    return _spread(logs).kept


def _alone(found: _Found) -> _Found:
    """Return the interval of one process's rounds, as wide as other processes make it."""
    if not found.confidence:
        return found
    reach = stats.normal(found.confidence) * _ALONE
    low = math.hypot(math.log(found.value / found.low), reach)
    high = math.hypot(math.log(found.high / found.value), reach)
    return replace(found, low=found.value * factor(-low), high=found.value * factor(high))


_Found = TypeVar("_Found", Interval, RatioInterval)


@dataclass(frozen=True, kw_only=True)
class _Spread:
    """Where processes lie, on a log scale: mean and variance of those kept."""

    centre: float
    variance: float
    kept: tuple[bool, ...]

    @property
    def number(self) -> int:
        return sum(self.kept)


def _spread(logs: Sequence[float]) -> _Spread:
    """Return the centre and variance of processes, without those that lie far from the others."""
    centre = median(logs)
    scale = _FROM_MAD * median(abs(log - centre) for log in logs)
    fence = max(_LEAST_FENCE, _FENCE * scale)
    kept = tuple(abs(log - centre) <= fence for log in logs)
    if len(logs) - sum(kept) > max(1, len(logs) // _FOR_ONE_LEFT_OUT):
        kept = (True,) * len(logs)  # so many are no accident
    good = [log for log, keep in zip(logs, kept, strict=True) if keep]
    mean = fmean(good)
    squares = sum((log - mean) ** 2 for log in good)
    variance = max(_LEAST_SPREAD**2, squares / max(1, len(good) - 1))
    return _Spread(centre=mean, variance=variance, kept=kept)
