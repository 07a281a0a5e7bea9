"""The model of an operator's time: a sum of terms, corrected by what its neighbours showed.

For each family of operators (see `terms`):

1. seconds = Σ coefficient · amount, with coefficients that are not negative, found by
   non-negative least squares (`scipy.optimize.nnls`), reweighted so that the error is relative,
   as much of a prediction that is too low as of one that is too high, and so that a few disturbed
   samples do not decide;
2. what is left, log(measured / predicted), is smoothed over the logarithms of the sizes by
   Gaussian-process regression with an exponential kernel: a shape gets the mean correction of
   the shapes that are like it, and none where nothing like it was timed.

The errors are those of shapes that were held out (`FOLDS`-fold cross-validation of both steps).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from convbench.core.serialization import Stored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

FOLDS: Final = 10
REACH: Final = 6.0
"""Distance, in doublings of sizes added up as squares, over which corrections are alike."""
SPREAD: Final = 0.20
NOISE: Final = 0.04
"""Standard deviations of a correction and of a measured time, as logarithms."""
ROBUST: Final = 0.3
"""Error, as a logarithm, from which a sample counts less."""
ROUNDS: Final = 8
_FAR: Final = 20.0
HELP: Final = 0.05
SUPPORT: Final = 4
"""Samples in which a term must occur: fewer say nothing of what it costs in others."""


@dataclass(frozen=True, kw_only=True)
class Family(Stored):
    """What was fitted for one family of operators.

    Attributes:
        terms: names of the terms.
        coefficients: seconds a unit of each, not negative.
        places: the coordinates of the samples.
        weights: of each sample's neighbourhood in a correction.
        errors: log(measured / predicted) of each sample when it was held out.

    """

    terms: tuple[str, ...]
    coefficients: tuple[float, ...]
    places: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    errors: tuple[float, ...]

    def seconds(self, amounts: Mapping[str, float], place: Sequence[float]) -> float:
        """Return the predicted time of one call."""
        import numpy as np

        base = sum(
            coefficient * amounts.get(name, 0.0)
            for name, coefficient in zip(self.terms, self.coefficients, strict=True)
        )
        likeness = _likeness(np.array([place]), np.array(self.places))
        correction = float((likeness @ np.array(self.weights))[0])
        return float(base * np.exp(correction))

    def outside(self, place: Sequence[float], margin: float = 0.6) -> bool:
        """Return whether a size is above those that were timed by more than `margin` doublings.

        Below them a time tends to that of a call, which is a term.
        """
        highs = [max(column) + margin for column in zip(*self.places, strict=True)]
        return any(value > high for value, high in zip(place, highs, strict=True))

    def quantiles(self, coverage: float) -> tuple[float, float]:
        """Return the held-out errors between which this share lies, as logarithms."""
        return quantiles(self.errors, coverage)


def quantiles(errors: Sequence[float], coverage: float) -> tuple[float, float]:
    """Return the errors between which a share of them lies: at most 0, and at least 0."""
    import numpy as np

    tail = (1 - coverage) / 2
    rank = max(0.0, tail - 0.5 / len(errors))  # no more precise than so many samples say
    low, high = np.quantile(errors, [rank, 1 - rank])
    return min(0.0, float(low)), max(0.0, float(high))


def fit(
    amounts: Sequence[Mapping[str, float]],
    places: Sequence[Sequence[float]],
    seconds: Sequence[float],
    others: Sequence[tuple[Mapping[str, float], float]] = (),
) -> Family:
    """Fit a family to samples: their terms, their coordinates and their measured times.

    others: terms and times of samples of families that are alike. They help with the coefficients,
    each with `HELP` of the weight of an own sample, and have no part in corrections and errors.
    """
    import numpy as np

    seen = Counter(name for one in amounts for name in one)
    enough = min(SUPPORT, len(amounts))
    names = tuple(sorted(name for name, times in seen.items() if times >= enough))

    def rows(given: Sequence[Mapping[str, float]]) -> Any:
        return np.array([[one.get(name, 0.0) for name in names] for one in given])

    matrix = rows(amounts)
    alike = (
        rows([one for one, _ in others]) / np.array([[time] for _, time in others])
        if others
        else matrix[:0]
    )
    where, times = np.array(places, dtype=float), np.array(seconds, dtype=float)
    errors = np.zeros(len(times))
    folds = np.random.default_rng(0).permutation(len(times)) % min(FOLDS, len(times))
    for fold in np.unique(folds):
        kept = folds != fold
        coefficients, weights = _fitted(matrix[kept], where[kept], times[kept], alike)
        base = np.maximum(matrix[~kept] @ coefficients, _LEAST)
        predicted = np.log(base) + _likeness(where[~kept], where[kept]) @ weights
        errors[~kept] = np.log(times[~kept]) - predicted
    coefficients, weights = _fitted(matrix, where, times, alike)
    return Family(
        terms=names,
        coefficients=tuple(map(float, coefficients)),
        places=tuple(tuple(map(float, place)) for place in where),
        weights=tuple(map(float, weights)),
        errors=tuple(map(float, errors)),
    )


_LEAST: Final = 1e-8


@dataclass(frozen=True, kw_only=True)
class Context(Stored):
    """What operators take among others beyond what they take alone.

    Attributes:
        terms: names of the terms.
        coefficients: seconds a unit of each, not negative.
        errors: log(measured / predicted) of each network when it was held out.

    """

    terms: tuple[str, ...] = ()
    coefficients: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()

    def seconds(self, amounts: Mapping[str, float]) -> float:
        """Return the additional time of an operator."""
        return sum(c * amounts[name] for name, c in zip(self.terms, self.coefficients, strict=True))


def fit_context(
    amounts: Sequence[Mapping[str, float]], alone: Sequence[float], seconds: Sequence[float]
) -> Context:
    """Fit networks: the summed terms of each, its operators' times alone, and its measured time."""
    import numpy as np
    from scipy.optimize import nnls

    names = tuple(amounts[0])
    matrix = np.array([[one[name] for name in names] for one in amounts])
    base, times = np.array(alone), np.array(seconds)
    scale = np.maximum(matrix.max(axis=0), 1e-30)

    def found(kept: Any) -> Any:
        rows = matrix[kept] / scale / times[kept][:, None]
        return nnls(rows, np.maximum(times[kept] - base[kept], 0) / times[kept])[0] / scale

    errors = np.zeros(len(times))
    folds = np.arange(len(times)) % min(FOLDS, len(times))
    for fold in np.unique(folds):
        out = folds == fold
        errors[out] = np.log(times[out] / (base[out] + matrix[out] @ found(~out)))
    return Context(
        terms=names,
        coefficients=tuple(map(float, found(folds >= 0))),
        errors=tuple(map(float, errors)),
    )


def _fitted(matrix: Any, where: Any, times: Any, alike: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients of the terms and the weights of the correction.

    alike: rows of samples of other families, divided by their times.
    """
    import numpy as np
    from scipy.linalg import cho_factor, cho_solve
    from scipy.optimize import nnls

    relative = np.vstack([matrix / times[:, None], alike])
    part = np.repeat([1.0, HELP], [len(times), len(alike)])
    scale = relative.max(axis=0)
    scale[scale == 0] = 1
    relative = relative / scale
    trust = np.sqrt(part)
    for _ in range(ROUNDS):
        found, _ = nnls(relative * trust[:, None], trust, maxiter=1000 * relative.shape[1])
        ratio = np.clip(relative @ found, 1 / _FAR, _FAR)
        error = np.abs(np.log(ratio))
        trust = np.sqrt(part * np.minimum(1, ROBUST / np.maximum(error, 1e-9)) / ratio)
    coefficients = found / scale
    left = np.log(times / np.maximum(matrix @ coefficients, _LEAST))
    noise = NOISE**2 * np.eye(len(times))
    weights = cho_solve(cho_factor(_likeness(where, where) + noise), left)
    return coefficients, weights


def _likeness(left: Any, right: Any) -> Any:
    import numpy as np

    distance = np.sqrt(((left[:, None] - right[None]) ** 2).sum(axis=-1))
    return SPREAD**2 * np.exp(-distance / REACH)
