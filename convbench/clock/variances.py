"""Variances of many cases taken together, and what Student's t says with them.

Each case's own variance is drawn towards the typical one by as much as their scatter allows (Smyth,
Linear models and empirical Bayes methods for assessing differential expression, 2004).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[np.float64]"

_MOST_WORTH: Final = 12.0
"""Degrees of freedom that other cases may add: with one each, alike variances may be chance."""
_MOST_FREEDOM: Final = 1e6


def moderated(own: Array, freedom: Array, most: float = math.inf) -> tuple[Array, Array, float]:
    """Return each case's variance drawn towards the typical one, its freedom, and the prior's.

    own: the variances as each case has them alone, nan where its degrees of freedom are 0. most:
    degrees of freedom that all cases have together; the prior can be worth no more. Where no case
    has any, the result is nan and 0.
    """
    told = freedom > 0
    if not told.any():
        return np.full(len(own), math.nan), np.zeros(len(own)), 0.0
    typical, prior = _prior(own[told], freedom[told])
    prior = min(prior, most, _MOST_WORTH)
    together = np.maximum(prior + freedom, np.finfo(float).tiny)
    drawn = (prior * typical + freedom * np.where(told, own, 0.0)) / together
    return drawn, prior + freedom, prior


def _prior(variances: Array, freedom: Array) -> tuple[float, float]:
    """Return the typical variance and the degrees of freedom that it is worth."""
    logs = np.log(variances) - special.digamma(freedom / 2) + np.log(freedom / 2)
    centre = float(np.mean(logs))
    if len(logs) == 1:
        return math.exp(centre), 0.0
    excess = float(np.var(logs, ddof=1) - np.mean(special.polygamma(1, freedom / 2)))
    # variances that differ no more than by chance are one for all
    alike = excess <= special.polygamma(1, _MOST_FREEDOM / 2)
    prior = _MOST_FREEDOM if alike else 2 * inverse_trigamma(excess)
    return math.exp(centre + special.digamma(prior / 2) - math.log(prior / 2)), prior


def inverse_trigamma(value: float) -> float:
    """Return x whose trigamma is the value, between 1e-6 and 1e6."""
    from scipy.optimize import brentq

    return float(brentq(lambda x: float(special.polygamma(1, x)) - value, 1e-6, _MOST_FREEDOM))


def prior(known: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the typical of several variances, and the degrees of freedom that it is worth.

    known: (variance, its degrees of freedom) a case. With one case or none it is worth nothing.
    """
    told = [(variance, freedom) for variance, freedom in known if freedom > 0]
    if len(told) < 2:  # noqa: PLR2004  a single one cannot tell how cases differ
        return 0.0, 0.0
    typical, worth = _prior(*map(np.asarray, zip(*told, strict=True)))
    return typical, min(worth, _MOST_WORTH)


def chance(value: float, error: float, freedom: float) -> float:
    """Return the two-sided p of Student's t."""
    return float(2 * special.stdtr(freedom, -abs(value / error))) if error else float(value == 0)


def quantile(confidence: float, freedom: float) -> float:
    """Return the two-sided quantile of Student's t."""
    return float(special.stdtrit(freedom, (1 + confidence) / 2))
