"""The variance of unchanged cases from run to run, estimated from all cases.

- The yardstick of a case is its standard error by processes within a run, which no change between
  runs enters; variances of all cases are shrunk towards the typical one (`comparing.noise`). Where
  every run has one process, all cases have the same yardstick.
- In this unit the variance from run to run has one typical value over cases, with as many degrees
  of freedom as the cases agree on it. It is estimated from differences of consecutive runs (von
  Neumann and others, The mean square successive difference, 1941), without the largest ones of each
  case, since a change is in one difference only. Of the cases' variances the middle half is used,
  so that the quarter that changed most has no influence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from scipy import special

from convbench.clock.variances import inverse_trigamma, moderated
from convbench.comparing.noise import FEWEST_FOR_A_SCALE, LEAST_SPREAD
from convbench.comparing.units import mean
from convbench.history.shares import Floats

MOST_FREEDOM: Final = 12.0
"""What the other cases may add to a case's own degrees of freedom: scatter has a longer tail than
a normal one, and then even a thousand cases do not make its variance known."""
_KEPT: Final = 0.75
_DRAWS: Final = 4000
_NORMAL_QUARTILES: Final = 1.349


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """Means of runs in units of each case, and what is known of how they scatter.

    units: [case, run], log of the time over `yardstick`; nan where there is none. yardstick:
    [case], in logs. within: [case, run], in units², what the run's own processes leave open of its
    mean; 0 where it has one. variance: the typical one of a unit from run to run. freedom: the
    degrees of freedom it is worth to a case; 0 where there are too few cases to learn it from.
    """

    units: Floats
    yardstick: Floats
    within: Floats
    variance: float
    freedom: float


def scatter(values: Floats) -> Scatter:
    """Learn the scatter from [case, run, process], the groups' shares taken away already."""
    means = mean(values, axis=-1)
    yardstick, told = _yardstick(values, means)
    units = means / yardstick[:, None]
    within = _within(values, means) / yardstick[:, None] ** 2
    variance, freedom = _between(units)
    if told:  # the variance of a run is at least that of its mean over processes
        variance = max(variance, 1.0)
    return Scatter(
        units=units, yardstick=yardstick, within=within, variance=variance, freedom=freedom
    )


def _within(values: Floats, means: Floats) -> Floats:
    """Return the squared standard error of every run's mean by its own processes alone."""
    number = np.isfinite(values).sum(axis=-1)
    squares = (np.nan_to_num(values - means[..., None]) ** 2).sum(axis=-1)
    return np.asarray(squares / np.maximum(number * (number - 1), 1))


def _yardstick(values: Floats, means: Floats) -> tuple[Floats, bool]:
    """Return the standard error of a run's mean by its processes, and whether any has several."""
    number = np.isfinite(values).sum(axis=-1)
    freedom = np.maximum(number - 1, 0).sum(axis=-1).astype(float)
    if not freedom.any():
        return np.ones(len(values)), False
    rest = np.nan_to_num(values - means[..., None])
    own = (rest**2).sum(axis=(-1, -2)) / np.maximum(freedom, 1)
    drawn, _, _ = moderated(
        np.where(freedom > 0, np.maximum(own, LEAST_SPREAD**2), np.nan), freedom
    )
    inverse = mean(np.where(number > 0, 1 / np.maximum(number, 1), np.nan), axis=-1)
    return np.sqrt(drawn * np.nan_to_num(inverse, nan=1.0)), True


def _between(units: Floats) -> tuple[float, float]:
    """Return the typical variance from run to run, and its worth in degrees of freedom."""
    logs, widths = [], []
    for line in units:
        runs = line[np.isfinite(line)]
        if len(runs) > 1:
            kept = _kept(np.diff(runs)[None, :])[0]
            middle, width = _by_chance(len(runs))
            logs.append(math.log(max(kept, LEAST_SPREAD**2)) - middle)
            widths.append(width)
    if len(logs) < FEWEST_FOR_A_SCALE:
        return 1.0, 0.0
    low, middle, high = np.quantile(logs, [0.25, 0.5, 0.75])
    excess = ((high - low) / _NORMAL_QUARTILES) ** 2 - float(np.mean(np.square(widths)))
    alike = excess <= special.polygamma(1, MOST_FREEDOM / 2)
    freedom = MOST_FREEDOM if alike else 2 * inverse_trigamma(excess)
    # variances are spread as v · f / chi² of f: their median is not v
    at_half = float(special.chdtri(freedom, 0.5))
    return math.exp(middle + math.log(at_half / freedom)), freedom


def _kept(differences: Floats) -> Floats:
    """Return half the mean square of the smaller differences, a row each."""
    number = max(1, int(_KEPT * differences.shape[1]))
    squares = np.sort(differences**2, axis=1)[:, :number]
    return np.asarray(squares.mean(axis=1) / 2)


@cache
def _by_chance(runs: int) -> tuple[float, float]:
    """Return the median and the width of the log of `_kept` for so many runs of variance 1."""
    draws = np.random.default_rng(0).standard_normal((_DRAWS, runs))
    logs = np.log(_kept(np.diff(draws, axis=1)))
    low, middle, high = np.quantile(logs, [0.25, 0.5, 0.75])
    return float(middle), float((high - low) / _NORMAL_QUARTILES)
