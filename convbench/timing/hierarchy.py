"""Statistics over several processes: what one more fresh process would say, and how ratios differ.

Rounds of one process share its memory layout, its threads and its luck. Ten fresh processes can
give medians that lie 80 % apart where each claims 2 %. So, wherever there are several processes,
the interval is that of processes, and rounds only sharpen what each of them says:

- a **time** gets a prediction interval: where the median of one more process falls. With medians
  m of P processes it is mean(log m) ± t · sd(log m) · sqrt(1 + 1/P), t of P - 1 degrees of freedom
  (Hahn and Meeker, Statistical Intervals), and no narrower than what the rounds of one
  of them leave open. Medians of processes have a longer tail than normal ones: made at 95 % it held
  86 to 92 % of held-out processes (`python benchmarks/clock held-out`), so t is taken for half the
  misses that are asked for. It does not shrink to nothing with P, for the next process is as free
  as those before it. Where processes fall into two modes, three can all be of one and know nothing
  of the other: take 5;
- a **ratio** gets a confidence interval: where its mean over all processes is. Processes are drawn
  with replacement, then rounds within each (a hierarchical bootstrap); the statistic is the mean
  over processes of the median paired log-ratio. A percentile bootstrap of few clusters is too
  narrow, so it is expanded about its estimate by t/z · sqrt(P/(P - 1)) (Hesterberg, What Teachers
  Should Know about the Bootstrap, 2015, "expanded percentile interval").

With a single process both fall back on `stats`, and `processes` says 1.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist, fmean, median, stdev
from typing import TYPE_CHECKING

from convbench.timing import stats
from convbench.timing.stats import Interval, RatioInterval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from convbench.timing.samples import Samples

RESAMPLES = 1000


def typical(processes: Sequence[Samples], confidence: float = 0.95) -> Interval:
    """Return the time of a call in seconds, and where one more process's median would fall.

    Raises:
        ValueError: no processes, a time of 0 in one of several, or an impossible confidence.

    """
    if not processes:
        raise ValueError("typical: no process was measured; give the samples of at least one")
    stats.check_confidence(confidence)
    if len(processes) == 1:
        return stats.median_interval(processes[0].seconds, confidence)
    _check(processes)
    logs = [math.log(samples.median) for samples in processes]
    centre = fmean(logs)
    made = _t(len(logs), (1 + confidence) / 2)  # half the misses, for the tail; see above
    reach = made * stdev(logs) * math.sqrt(1 + 1 / len(logs))
    # Medians that agree by chance say less than each of them leaves open by itself.
    within = [stats.median_interval(samples.seconds, confidence) for samples in processes]
    reach = max(reach, median(math.log(each.high / each.low) / 2 for each in within))
    return Interval(
        value=math.exp(centre),
        low=math.exp(centre - reach),
        high=math.exp(centre + reach),
        confidence=confidence,
        processes=len(logs),
    )


def compare(
    numerator: Sequence[Samples],
    denominator: Sequence[Samples],
    confidence: float = 0.95,
    seed: int = 0,
) -> RatioInterval:
    """Return how many times as long the numerator takes as the denominator.

    Processes in which both were measured are paired, round by round; where they share none, each
    side is resampled apart and whatever else changed between them is in the ratio.

    Args:
        numerator: samples of the one in question, one a process.
        denominator: samples of the one it is compared with, one a process.
        confidence: wanted; the result says what was reached.
        seed: of the resampling.

    Raises:
        ValueError: a side without samples, a time of 0, rounds of a session that do not pair, or
            an impossible confidence.

    """
    stats.check_confidence(confidence)
    if not numerator or not denominator:
        raise ValueError("compare: a side has no samples; give at least one process each")
    _check((*numerator, *denominator))
    below = {samples.session: samples for samples in denominator}
    pairs = [(top, below[top.session]) for top in numerator if top.session in below]
    if len(pairs) == 1 or (len(numerator) == len(denominator) == 1):
        top, bottom = pairs[0] if pairs else (numerator[0], denominator[0])
        return stats.ratio(top, bottom, confidence, seed)
    if pairs:
        centre, low, high = _paired(pairs, confidence, seed)
        clusters = len(pairs)
        rounds = sum(len(top.seconds) for top, _ in pairs)
    else:
        centre, low, high = _unpaired(numerator, denominator, confidence, seed)
        clusters = min(len(numerator), len(denominator))
        rounds = min(sum(len(s.seconds) for s in side) for side in (numerator, denominator))
    interval = Interval(
        value=math.exp(centre),
        low=math.exp(low),
        high=math.exp(high),
        confidence=confidence if clusters > 1 else 0.0,
        processes=clusters,
    )
    return RatioInterval(
        value=interval.value,
        low=interval.low,
        high=interval.high,
        confidence=interval.confidence,
        paired=bool(pairs),
        # one process against several: how much processes differ is not known of that one
        verdict=stats.verdict(interval, rounds) if clusters > 1 else "cannot tell",
        processes=clusters,
    )


def _paired(
    pairs: Sequence[tuple[Samples, Samples]], confidence: float, seed: int
) -> tuple[float, float, float]:
    import numpy as np

    logs = [np.asarray(stats.paired_logs(top, bottom)) for top, bottom in pairs]
    centre = fmean(float(np.median(values)) for values in logs)
    draws = _resampled(logs, np.random.default_rng(seed))
    return _expanded(centre, draws, len(logs), confidence)


def _unpaired(
    numerator: Sequence[Samples], denominator: Sequence[Samples], confidence: float, seed: int
) -> tuple[float, float, float]:
    import numpy as np

    draw = np.random.default_rng(seed)
    tops, bottoms = (
        [np.log(np.asarray(samples.seconds)) for samples in side]
        for side in (numerator, denominator)
    )
    centre = fmean(float(np.median(values)) for values in tops)
    centre -= fmean(float(np.median(values)) for values in bottoms)
    draws = _resampled(tops, draw) - _resampled(bottoms, draw)
    return _expanded(centre, draws, min(len(tops), len(bottoms)), confidence)


def _resampled(
    clusters: Sequence[NDArray[np.float64]], draw: np.random.Generator
) -> NDArray[np.float64]:
    """Return RESAMPLES means over drawn clusters of the median of drawn values."""
    import numpy as np

    # Medians of drawn rounds first, a row a cluster; then which clusters a resample is made of.
    medians = np.stack(
        [
            np.median(values[draw.integers(0, len(values), (RESAMPLES, len(values)))], axis=1)
            for values in clusters
        ]
    )
    chosen = draw.integers(0, len(clusters), (len(clusters), RESAMPLES))
    means: NDArray[np.float64] = np.take_along_axis(medians, chosen, axis=0).mean(axis=0)
    return means


def _expanded(
    centre: float, draws: NDArray[np.float64], clusters: int, confidence: float
) -> tuple[float, float, float]:
    import numpy as np

    tail = (1 - confidence) / 2
    low, high = (float(end) for end in np.quantile(draws, [tail, 1 - tail]))
    if clusters < 2:  # noqa: PLR2004  nothing is known of how processes differ
        return centre, min(centre, low), max(centre, high)
    z = NormalDist().inv_cdf(1 - tail)
    factor = _t(clusters, confidence) / z * math.sqrt(clusters / (clusters - 1))
    return (
        centre,
        min(centre, centre + factor * (low - centre)),
        max(centre, centre + factor * (high - centre)),
    )


@cache
def _t(count: int, confidence: float) -> float:
    """Return the two-sided quantile of Student's t with `count` - 1 degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(count - 1, (1 + confidence) / 2))


def _check(processes: Sequence[Samples]) -> None:
    for samples in processes:
        if samples.minimum <= 0:
            raise ValueError(
                "a sample took 0 s, so the stopwatch is too coarse for the block of "
                f"{samples.block} calls; measure again with a larger block",
            )
