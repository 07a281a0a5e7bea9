"""Statistics of samples: medians and ratios, each with an interval that says what it reached.

Two methods, each chosen for its coverage at 5 to 40 rounds of skewed times with spikes:

- a median, and the median of paired ratios: the interval between two order statistics. Whatever
  the distribution, the true median lies between the k-th smallest and the k-th largest of n
  values with probability 1 - 2 P(Bin(n, 1/2) < k): exact, with no resampling. The percentile
  bootstrap of a median covers less than it claims here (91 % at n = 8 where it says 95 %);
- a ratio of two medians from different sessions: the percentile bootstrap of that ratio, which
  does cover what it claims.

Both take the rounds as independent draws of **one process**. What differs from one process to the
next (the layout of memory above all) is not in these intervals; `clock.estimates` has those.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from statistics import NormalDist, median, quantiles
from typing import TYPE_CHECKING

from convbench.core.intervals import Interval, RatioInterval, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convbench.clock.samples import Samples

MARGIN = 0.05
"""Of practical equality: two times are the same where their ratio surely differs by no more."""
FEWEST_ROUNDS_FOR_A_VERDICT = 5
RESAMPLES = 2000
_SUREST = 0.999
_QUARTILES_NEED = 4


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the median of independent values, and the interval of order statistics around it.

    Raises:
        ValueError: no values, or a confidence that is not between 0 and 1.

    """
    check_confidence(confidence)
    if not values:
        raise ValueError("median_interval: values is empty; give at least one")
    ordered = sorted(values)
    rank, reached = _rank(len(ordered), confidence)
    return Interval(
        value=median(ordered),
        low=ordered[rank - 1],
        high=ordered[-rank],
        confidence=reached,
    )


def quantile_interval(values: Sequence[float], share: float, confidence: float = 0.95) -> Interval:
    """Return a quantile of independent values, one of them, and an interval of order statistics.

    The number of values below the true quantile is binomial, so the interval reaches its confidence
    whatever the distribution, up to what so few values can reach.

    Raises:
        ValueError: no values, or a confidence that is not between 0 and 1.

    """
    from scipy.special import bdtr

    check_confidence(confidence)
    if not values:
        raise ValueError("quantile_interval: values is empty; give at least one")
    ordered = sorted(values)
    count = len(ordered)
    at = int(share * (count - 1))
    low, high = 0, count - 1
    tail = (1 - confidence) / 2
    while low < at and bdtr(low + 1, count, share) <= tail:
        low += 1
    while high > at and 1 - bdtr(high - 1, count, share) <= tail:
        high -= 1
    # the true quantile lies between the two with the chance that low + 1 to high values are below
    reached = float(bdtr(high, count, share) - bdtr(low, count, share)) if high > low else 0.0
    return Interval(value=ordered[at], low=ordered[low], high=ordered[high], confidence=reached)


def ratio(
    numerator: Samples,
    denominator: Samples,
    confidence: float = 0.95,
    seed: int = 0,
    margin: float = MARGIN,
) -> RatioInterval:
    """Return how many times as long the numerator takes as the denominator.

    Samples of one session are paired by round, so what slows both at once cancels: the value is
    then exp of the median log-ratio, which need not be the ratio of the two medians. Samples of
    different sessions are resampled apart, and the value is the ratio of their medians.

    Args:
        numerator: the one in question.
        denominator: the one it is compared with.
        confidence: wanted; the result says what was reached.
        seed: of the resampling; without effect on paired samples, where nothing is drawn.
        margin: of practical equality, see `verdict`.

    Raises:
        ValueError: a time of 0, or one session with different numbers of rounds.

    """
    check_confidence(confidence)
    check_times((numerator, denominator))
    paired = numerator.session == denominator.session
    interval = (
        exponential(median_interval(paired_logs(numerator, denominator), confidence))
        if paired
        else _unpaired(numerator.seconds, denominator.seconds, confidence, seed)
    )
    found = RatioInterval(
        value=interval.value,
        low=interval.low,
        high=interval.high,
        confidence=interval.confidence,
        paired=paired,
        verdict="cannot tell",
    )
    return judged(found, min(len(numerator.seconds), len(denominator.seconds)), margin)


def outliers(values: Sequence[float]) -> tuple[int, ...]:
    """Return the indices of values outside Tukey's far fences: 3 interquartile ranges away.

    They are to be flagged and shown, never dropped. Fewer than 4 values have no outliers.
    """
    if len(values) < _QUARTILES_NEED:
        return ()
    first, _, third = quantiles(values, n=4, method="inclusive")
    reach = 3 * (third - first)
    return tuple(
        index
        for index, value in enumerate(values)
        if value < first - reach or value > third + reach
    )


def paired_logs(numerator: Samples, denominator: Samples) -> list[float]:
    """Return the log-ratio of every round of one session; ValueError where rounds do not pair."""
    counts = len(numerator.seconds), len(denominator.seconds)
    if counts[0] != counts[1]:
        raise ValueError(
            f"ratio: session {numerator.session!r} has {counts[0]} rounds of one competitor and "
            f"{counts[1]} of the other; give samples whose rounds pair up",
        )
    pairs = zip(numerator.seconds, denominator.seconds, strict=True)
    return [math.log(a / b) for a, b in pairs]


def exponential(logs: Interval) -> Interval:
    """Return the interval whose logarithm this is."""
    return Interval.of_logs(logs.value, logs.low, logs.high, confidence=logs.confidence)


def _unpaired(
    numerator: Sequence[float],
    denominator: Sequence[float],
    confidence: float,
    seed: int,
) -> Interval:
    import numpy as np

    draw = np.random.default_rng(seed)
    tops, bottoms = (
        np.median(draw.choice(np.asarray(side), size=(RESAMPLES, len(side))), axis=1)
        for side in (numerator, denominator)
    )
    value = median(numerator) / median(denominator)
    tail = (1 - confidence) / 2
    low, high = np.quantile(tops / bottoms, [tail, 1 - tail])
    # No resample leaves the range of its sample, so no claim may exceed what that range supports.
    fewest = min(len(numerator), len(denominator))
    return Interval(
        value=value,
        low=min(value, float(low)),
        high=max(value, float(high)),
        confidence=min(confidence, _rank(fewest, confidence)[1]),
    )


@cache
def _rank(count: int, confidence: float) -> tuple[int, float]:
    """Return k, so that [k-th smallest, k-th largest] is narrow and reaches the confidence.

    With it the confidence reached; it is below what was asked only where already k = 1, the whole
    range, does not reach it.
    """
    # From the middle outwards: of thousands of values, only so many are looked at as it takes.
    total = 2**count
    rank = (count + 1) // 2
    ways = math.comb(count, rank)  # of 2**count, in which exactly `rank` values fall short
    outside = total - (ways if 2 * rank == count else 0)
    reached = 1 - outside / total
    while rank > 1 and reached < confidence:
        ways = ways * rank // (count - rank + 1)
        rank -= 1
        outside -= 2 * ways
        reached = 1 - outside / total
    return rank, reached


def verdict(interval: Interval | RatioInterval, rounds: int, margin: float = MARGIN) -> Verdict:
    """Return what an interval of a ratio says, if that many rounds may say anything.

    "same" where all of it lies between 1 / (1 + margin) and 1 + margin, whether 1 is in it or not:
    a difference too small to matter. "faster" or "slower" where it leaves out 1. Else "cannot
    tell".
    """
    if rounds < FEWEST_ROUNDS_FOR_A_VERDICT:
        return "cannot tell"
    if 1 / (1 + margin) <= interval.low and interval.high <= 1 + margin:
        return "same"
    if interval.low <= 1 <= interval.high:
        return "cannot tell"
    return "faster" if interval.high < 1 else "slower"


def judged(found: RatioInterval, rounds: int, margin: float = MARGIN) -> RatioInterval:
    """Return the ratio with its `verdict`."""
    return replace(found, verdict=verdict(found, rounds, margin))


def normal(confidence: float) -> float:
    """Return the two-sided quantile of the normal distribution: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + min(confidence, _SUREST)) / 2)


def check_times(several: Iterable[Samples]) -> None:
    """Raise ValueError where a sample took no time."""
    for samples in several:
        if samples.minimum <= 0:
            raise ValueError(
                "a sample took 0 s, so the stopwatch is too coarse for the block of "
                f"{samples.block} calls; measure again with a larger block",
            )


def check_confidence(confidence: float) -> None:
    """Raise ValueError for a confidence that is not between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r}: give a share between 0 and 1, such as 0.95")
