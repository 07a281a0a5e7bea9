"""The choices of an estimator: within a process, over processes, and the error of the latter."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convbench.clock.variances import prior, quantile

Array = np.ndarray
Within = Callable[[Array], Array]
"""From seconds [..., round] to a value [...]."""

FENCE = 1.25
_LEAST_SPREAD = 0.002


def ordered_at(share: float) -> Within:
    """Return the quantile that is one of the values, the lower of two."""
    return lambda seconds: np.sort(seconds, axis=-1)[..., int(share * (seconds.shape[-1] - 1))]


def middle(below: float, above: float) -> Within:
    """Return the mean of the rounds without a share of the lowest and one of the highest."""

    def mean(seconds: Array) -> Array:
        count = seconds.shape[-1]
        kept = slice(int(below * count), count - int(above * count))
        return np.sort(seconds, axis=-1)[..., kept].mean(axis=-1)

    return mean


WITHIN: dict[str, Within] = {
    "minimum": ordered_at(0),
    "10 % quantile": ordered_at(0.1),
    "lower quartile": ordered_at(0.25),
    "median": ordered_at(0.5),
    "mean of the lower half": middle(0, 0.5),
    "mean of the middle half": middle(0.25, 0.25),
}


@dataclass(frozen=True)
class Centre:
    """A centre over processes.

    Attributes:
        of: from logs [draw, process, case] to centres [draw, case].
        variance: n times the square of its standard error, [draw, case].
        lost: processes that add no degree of freedom, of n.

    """

    of: Callable[[Array], Array]
    variance: Callable[[Array], Array]
    lost: Callable[[int], int] = lambda _: 1


def _trimmed(each: Callable[[int], int]) -> Centre:
    """Return the mean without some of the lowest and highest (Tukey and McLaughlin, 1963)."""

    def of(logs: Array) -> Array:
        count = logs.shape[1]
        return np.sort(logs, axis=1)[:, each(count) : count - each(count)].mean(axis=1)

    def variance(logs: Array) -> Array:
        count = logs.shape[1]
        ordered = np.sort(logs, axis=1)
        pulled = np.clip(ordered, ordered[:, [each(count)]], ordered[:, [count - each(count) - 1]])
        return pulled.var(axis=1, ddof=1) / (1 - 2 * each(count) / count) ** 2

    return Centre(of, variance, lambda count: 1 + 2 * each(count))


def _pairs(logs: Array) -> Array:
    """Return the median of the means of all pairs (Hodges and Lehmann, 1963)."""
    first, second = np.triu_indices(logs.shape[1])
    return np.median((logs[:, first] + logs[:, second]) / 2, axis=1)


def _near(logs: Array) -> Array:
    """Return nan for what lies 4 robust deviations and 1.25 times away from the others."""
    away = np.abs(logs - np.median(logs, axis=1, keepdims=True))
    fence = np.maximum(math.log(FENCE), 4 * 1.4826 * np.median(away, axis=1, keepdims=True))
    return np.where(away <= fence, logs, np.nan)


def _fenced(logs: Array) -> Array:
    return np.nanvar(_near(logs), axis=1, ddof=1)


OVER: dict[str, Centre] = {
    "mean": Centre(lambda logs: logs.mean(axis=1), lambda logs: logs.var(axis=1, ddof=1)),
    "mean of those near the others": Centre(lambda logs: np.nanmean(_near(logs), axis=1), _fenced),
    "mean without highest and lowest": _trimmed(lambda _: 1),
    "mean of the middle half": _trimmed(lambda count: count // 4),
    # of normal values, the error of these is so many times that of a mean
    "median of pairs' means": Centre(_pairs, lambda logs: math.pi / 3 * _fenced(logs)),
    "median": Centre(
        lambda logs: np.median(logs, axis=1), lambda logs: math.pi / 2 * _fenced(logs)
    ),
}


def intervals(
    logs: Array, centre: Centre, *, one_more: bool = False, apart: float = 0.0
) -> tuple[Array, Array]:
    """Return centres and half-widths [draw, case], variances taken together in each draw.

    one_more: of where one more process falls, not of the centre. apart: standard deviation of what
    one run cannot know of another.
    """
    count = logs.shape[1]
    variance = np.maximum(centre.variance(logs), _LEAST_SPREAD**2)
    own = count - centre.lost(count)
    reach = np.empty_like(variance)
    for draw, values in enumerate(variance):
        typical, worth = prior([(float(value), own) for value in values])
        drawn = (worth * typical + own * values) / (worth + own)
        error = np.sqrt(drawn * (1 / count + one_more) + apart**2)
        reach[draw] = quantile(0.95, worth + own) * error
    return centre.of(logs), reach
