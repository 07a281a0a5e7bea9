"""Effects of cases between two sides, and the variation of unchanged cases beside them.

y[i, p] is the log of the time of case i in process p (`clock.estimates.of_process`); outliers were
left out before (`units`). A rerun of the same program differs for three reasons:

- **variation between processes**, by their memory's layout above all. The variances of all cases
  are pooled, and each is shrunk towards the typical one (Smyth, Linear models and empirical Bayes
  methods for assessing differential expression, 2004, sections 4 to 6): the moderated t has more
  degrees of freedom than the processes alone. Where a side is several runs, runs take the place of
  processes;
- **a shift common to a group**, whose cases share their processes: the median over the group's
  cases. It is subtracted from each case and judged separately, since a slower machine and a change
  that slows every case look the same in one pair of runs;
- **variation between runs** beyond that between processes. Most cases of two runs are unchanged, so
  where the middle half of all t values is wider than theory has it, every interval is widened by
  that factor (an empirical null: Efron, Large-scale simultaneous hypothesis testing, 2004). A
  factor that the allowed drift cannot explain is change rather than noise: `unsettled`.

The last two need FEWEST_FOR_A_SHIFT cases in a group, and FEWEST_FOR_A_SCALE in all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from convbench.clock.samples import Samples
from convbench.clock.variances import chance, moderated, quantile
from convbench.comparing import units
from convbench.comparing.frequencies import NONE, Span
from convbench.comparing.units import FEWEST_FOR_A_SHIFT, Array

FEWEST_FOR_A_SCALE: Final = 8
LEAST_SPREAD: Final = 1e-4
"""Processes that agree to better than 0.01 % do so by chance, or by a coarse clock."""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A case with times on both sides; a side is its runs, and a run one entry a process.

    span: what equal frequencies of a GPU may be worth.
    """

    group: str
    left: tuple[tuple[Samples, ...], ...]
    right: tuple[tuple[Samples, ...], ...]
    span: Span = NONE


@dataclass(frozen=True, kw_only=True)
class Shift:
    """The common shift of a group: log of the factor, its standard error and degrees of freedom.

    cases: how many it is estimated from; 0 where there are too few, and the shift is then 0.
    """

    value: float = 0.0
    error: float = 0.0
    freedom: float = 0.0
    cases: int = 0

    @property
    def known(self) -> bool:
        """Whether the group has enough cases to estimate it."""
        return self.cases > 0


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A case's log-ratio right / left: as it stands, and without the group's shift.

    error: standard error of `net`, widened by the scale; degrees of freedom of its t. disturbed:
    how many units of the left and of the right side were left out. span, net_span: what equal
    frequencies of a GPU may be worth, in `raw` and in `net`.
    """

    raw: float
    net: float
    error: float
    freedom: float
    disturbed: tuple[int, int] = (0, 0)
    span: Span = NONE
    net_span: Span = NONE

    @property
    def surprise(self) -> float:
        """Two-sided p of a net effect as large as this, were there none but by frequencies."""
        return chance(self.net_span.beyond(self.net), self.error, self.freedom)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the ends of the interval of the net log-ratio."""
        reach = quantile(confidence, self.freedom) * self.error
        return self.net - reach, self.net + reach


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What was found: effects in the order of the cases, None where nothing can be said.

    scale: by how much intervals were widened because unchanged cases scatter more than processes
    explain; 1 for not at all. prior_freedom: degrees of freedom that the other cases add to each.
    unsettled: so many cases differ by so much that noise and change cannot be separated; intervals
    are widened no further.
    """

    effects: tuple[Effect | None, ...]
    shifts: Mapping[str, Shift]
    scale: float
    prior_freedom: float
    unsettled: bool = False


def noise(cases: Sequence[Timed], *, absolute: bool = False, drift: float = 0.10) -> Noise:
    """Estimate the effect of every case.

    drift: the relative change common to all cases that two runs of one program may show. absolute:
    no common shift is subtracted and no scale estimated: for sides that are meant to differ, such
    as two layouts, and for machines that are known to be steady.
    """
    raw, net, variances, freedom, sizes = (np.zeros(len(cases)) for _ in range(5))
    disturbed = np.zeros((len(cases), 2), dtype=int)
    shifts: dict[str, Shift] = {}
    independent = 0.0
    for group, members in units.members(case.group for case in cases).items():
        found = _group([cases[index] for index in members], absolute=absolute)
        raw[members], net[members], shifts[group] = found.raw, found.net, found.shift
        variances[members], freedom[members] = found.variances, found.freedom
        sizes[members], disturbed[members] = found.inverse_sizes, found.disturbed
        # Cases of a group share their processes: untaken away, they are as good as one case.
        independent += float(np.max(found.freedom)) * (len(members) - 1 if found.shift.known else 1)
    drawn, total, prior = moderated(variances, freedom, independent)
    errors = np.sqrt(drawn * sizes)
    known = total > 0
    # what frequencies explain is no noise; a case of which they may explain all tells of none
    spans = [case.span.apart if shifts[case.group].known else case.span for case in cases]
    beyond = np.array([span.beyond(float(one)) for span, one in zip(spans, net, strict=True)])
    told = known & ~((beyond == 0) & (net != 0))
    scale, worth = (1.0, math.inf) if absolute else _scale(beyond[told], errors[told], total[told])
    most = max(1.0, math.log1p(drift) / 2 / float(np.median(errors[known]))) if known.any() else 1.0
    effects = tuple(
        Effect(
            raw=float(raw[index]),
            net=float(net[index]),
            error=float(errors[index]) * min(scale, most),
            freedom=1 / (1 / float(total[index]) + 1 / worth),
            disturbed=(int(disturbed[index, 0]), int(disturbed[index, 1])),
            span=cases[index].span,
            net_span=spans[index],
        )
        if known[index]
        else None
        for index in range(len(cases))
    )
    return Noise(
        effects=effects,
        shifts=shifts,
        scale=min(scale, most),
        prior_freedom=prior,
        unsettled=scale > most,
    )


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Estimates for the cases of one group, an entry a case."""

    raw: Array
    net: Array
    variances: Array
    freedom: Array
    inverse_sizes: Array
    disturbed: NDArray[np.int64]
    shift: Shift


def _group(cases: Sequence[Timed], *, absolute: bool) -> _Group:
    several = any(len(side) > 1 for case in cases for side in (case.left, case.right))
    whole = [
        units.of_runs(side) if several else units.of_processes([run for (run,) in side])
        for side in ([case.left for case in cases], [case.right for case in cases])
    ]
    sides = [units.calm(table) for table in whole]
    counts = [np.isfinite(side).sum(axis=1) for side in sides]
    (left, *_), (right, *_) = centred = [units.centred(side) for side in sides]
    deviations = [about for _, about in centred]
    raw = right - left
    seen = [units.shared(side) for side in sides]
    enough = len(cases) >= FEWEST_FOR_A_SHIFT and all(map(np.any, seen)) and not absolute
    if enough:
        # Without the case itself: else it would draw what is taken from it towards itself.
        own = [
            about - np.where(those, units.middle_of_others(about), 0.0)
            for about, those in zip(deviations, seen, strict=True)
        ]
        net = raw - units.middle_of_others(raw[:, None])[:, 0]
        shift = _shift(
            raw, [about[:, those] for about, those in zip(deviations, seen, strict=True)]
        )
    else:
        own, net, shift = deviations, raw, Shift()
    squares = sum(
        np.nansum((side - units.mean(side, axis=1)[:, None]) ** 2, axis=1) for side in own
    )
    freedom = sum(count - 1.0 for count in counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        variances = np.where(freedom > 0, np.maximum(squares / freedom, LEAST_SPREAD**2), np.nan)
    return _Group(
        raw=raw,
        net=net,
        variances=variances,
        freedom=np.asarray(freedom),
        inverse_sizes=sum(1 / count for count in counts),
        disturbed=np.stack(
            [
                np.isfinite(table).sum(axis=1) - count
                for table, count in zip(whole, counts, strict=True)
            ],
            axis=1,
        ),
        shift=shift,
    )


def _shift(raw: Array, deviations: Sequence[Array]) -> Shift:
    """Return what a group's cases share, with its error over units."""
    value = float(np.median(raw))
    common = [units.middle(side, axis=0) for side in deviations]
    freedom = sum(len(side) - 1 for side in common)
    if not freedom:
        return Shift(value=value, error=math.inf, freedom=0, cases=len(raw))
    squares = sum(float(np.sum((side - np.mean(side)) ** 2)) for side in common)
    error = math.sqrt(squares / freedom * sum(1 / len(side) for side in common))
    # the median over cases is itself uncertain, also where all processes agree
    spread = 1.4826 * float(np.median(np.abs(raw - value)))
    return Shift(
        value=value,
        error=math.hypot(error, 1.2533 * spread / math.sqrt(len(raw))),
        freedom=freedom,
        cases=len(raw),
    )


def _scale(net: Array, errors: Array, freedom: Array) -> tuple[float, float]:
    """Return how many times as wide as in theory the middle half of all t is, and its own worth.

    At least 1. Its worth is in degrees of freedom: a median of n absolute values is as good as a
    standard deviation of 0.37 n values.
    """
    if len(net) < FEWEST_FOR_A_SCALE:
        return 1.0, math.inf
    wide = np.abs(net / errors) / special.stdtrit(freedom, 0.75)
    return max(1.0, float(np.median(wide))), 0.37 * len(net)
