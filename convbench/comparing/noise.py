"""How far times of unchanged cases lie apart, and what is left when that is taken away.

A run says of each case what a few fresh processes gave: y[i, p], the log of the median of case i in
process p. A rerun of the very same program differs from it in three ways, and each is met:

- **processes differ** in a case, by their memory's layout above all. Three processes say little
  of how much, so the variances of all cases are taken together: each is drawn towards the typical
  one by as much as their own scatter allows (Smyth, Linear models and empirical Bayes methods for
  assessing differential expression, 2004, sections 4 to 6). The moderated t has more degrees of
  freedom than 2 + 2;
- **what slows a whole process or a whole run** moves all cases of a group together: they share
  their processes. The median over the group's cases is that common shift. It is taken away from
  each case, and is judged by itself, since one run cannot tell a slow machine from a change that
  slows everything;
- **cases scatter between runs by more than processes explain**. Most cases of two runs are
  unchanged, so their scatter itself shows by how much: where the middle half of all t values is
  wider than theory has it, every interval is widened by as much (an empirical null: Efron,
  Large-scale simultaneous hypothesis testing, 2004).

The last two need cases to look at: FEWEST_FOR_A_SHIFT in a group, FEWEST_FOR_A_SCALE in all.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from convbench.timing.samples import Samples

FEWEST_FOR_A_SHIFT: Final = 8
FEWEST_FOR_A_SCALE: Final = 20
_MOST_FREEDOM: Final = 1e6
_LEAST_SPREAD: Final = 1e-4
"""Processes that agree to better than 0.01 % do so by chance, or by a coarse clock."""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A case with times on both sides; samples are one entry a process."""

    group: str
    left: tuple[Samples, ...]
    right: tuple[Samples, ...]


@dataclass(frozen=True, kw_only=True)
class Shift:
    """What moved a whole group: log of the factor, its standard error and degrees of freedom.

    cases: how many it rests on; 0 where there are too few to see a common shift, and the shift is
    then taken for 0.
    """

    value: float = 0.0
    error: float = 0.0
    freedom: float = 0.0
    cases: int = 0

    @property
    def known(self) -> bool:
        """Whether the group has enough cases to see it."""
        return self.cases > 0


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A case's log-ratio right / left: as it stands, and without the group's shift.

    error: standard error of `net`, widened by the scale; degrees of freedom of its t.
    """

    raw: float
    net: float
    error: float
    freedom: float

    @property
    def surprise(self) -> float:
        """Two-sided p of a net effect as large as this, were there none."""
        return chance(self.net, self.error, self.freedom)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the ends of the interval of the net log-ratio."""
        reach = quantile(confidence, self.freedom) * self.error
        return self.net - reach, self.net + reach


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What was found: effects in the order of the cases, None where nothing can be said.

    scale: by how much intervals were widened because unchanged cases scatter more than processes
    explain; 1 for not at all. prior_freedom: degrees of freedom that the other cases add to each.
    """

    effects: tuple[Effect | None, ...]
    shifts: Mapping[str, Shift]
    scale: float
    prior_freedom: float


def noise(cases: Sequence[Timed], *, absolute: bool = False) -> Noise:
    """Estimate the effect of every case.

    absolute: no common shift is taken away and no scale estimated: for sides that are meant to
    differ, such as two layouts, and for machines that are known to be steady.
    """
    tables = [_Table(case) for case in cases]
    shifts: dict[str, Shift] = {}
    groups: dict[str, list[_Table]] = defaultdict(list)
    for case, table in zip(cases, tables, strict=True):
        groups[case.group].append(table)
    for group, members in groups.items():
        enough = len(members) >= FEWEST_FOR_A_SHIFT and not absolute
        shifts[group] = _take_shift_away(members) if enough else Shift()
    own = np.array([table.variance for table in tables])
    drawn, worth, prior = moderated(own, np.array([float(table.freedom) for table in tables]))
    variances, freedom = drawn.tolist(), worth.tolist()
    effects = [
        None
        if not known
        else Effect(
            raw=table.raw,
            net=table.raw - shifts[case.group].value,
            error=math.sqrt(variance * table.inverse_sizes),
            freedom=known,
        )
        for case, table, variance, known in zip(cases, tables, variances, freedom, strict=True)
    ]
    scale = 1.0 if absolute else _scale([effect for effect in effects if effect])
    widened = tuple(
        effect
        and Effect(
            raw=effect.raw,
            net=effect.net,
            error=effect.error * scale,
            freedom=effect.freedom,
        )
        for effect in effects
    )
    return Noise(effects=widened, shifts=shifts, scale=scale, prior_freedom=prior)


class _Table:
    """Logs of the medians of one case's processes, by session, on both sides."""

    def __init__(self, case: Timed) -> None:
        self.sides = [
            {f"{n} {s.session}": math.log(s.median) for n, s in _numbered(side)}
            for side in (case.left, case.right)
        ]
        self.means = [float(np.mean(list(side.values()))) for side in self.sides]
        self.raw = self.means[1] - self.means[0]

    @property
    def inverse_sizes(self) -> float:
        return sum(1 / len(side) for side in self.sides)

    @property
    def freedom(self) -> int:
        return sum(len(side) - 1 for side in self.sides)

    @property
    def variance(self) -> float:
        """The variance between processes, of both sides together; nan where none shows it."""
        if not self.freedom:
            return math.nan
        squares = sum(
            (value - np.mean(list(side.values()))) ** 2
            for side in self.sides
            for value in side.values()
        )
        return max(float(squares) / self.freedom, _LEAST_SPREAD**2)


def _numbered(side: Sequence[Samples]) -> list[tuple[int, Samples]]:
    """Number samples that share a session's name, so that repeats of a run stay apart."""
    seen: dict[str, int] = defaultdict(int)
    numbered = []
    for samples in side:
        numbered.append((seen[samples.session], samples))
        seen[samples.session] += 1
    return numbered


def _take_shift_away(members: Sequence[_Table]) -> Shift:
    """Take what all cases of a group share out of every process, and return the shift of sides."""
    shares: list[list[float]] = []
    for side in (0, 1):
        processes = dict.fromkeys(name for table in members for name in table.sides[side])
        common = {
            name: float(
                np.median(
                    [
                        table.sides[side][name] - table.means[side]
                        for table in members
                        if name in table.sides[side]
                    ]
                )
            )
            for name in processes
        }
        for table in members:
            table.sides[side] = {
                name: value - common[name] for name, value in table.sides[side].items()
            }
        shares.append(list(common.values()))
    freedom = sum(len(side) - 1 for side in shares)
    value = float(np.median([table.raw for table in members]))
    if not freedom:
        return Shift(value=value, error=math.inf, freedom=0, cases=len(members))
    squares = sum(float(np.var(side)) * len(side) for side in shares)
    error = math.sqrt(squares / freedom * sum(1 / len(side) for side in shares))
    # the median over cases is itself uncertain, also where all processes agree
    spread = float(np.median([abs(table.raw - value) for table in members]))
    within = 1.2533 * 1.4826 * spread / math.sqrt(len(members))
    return Shift(value=value, error=math.hypot(error, within), freedom=freedom, cases=len(members))


def moderated(
    own: NDArray[np.float64], freedom: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return each case's variance drawn towards the typical one, its freedom, and the prior's.

    own: the variances as each case has them alone, nan where its degrees of freedom are 0. The
    result is nan and 0 where no case has any.
    """
    told = freedom > 0
    if not told.any():
        return np.full(len(own), math.nan), np.zeros(len(own)), 0.0
    typical, prior = _prior(own[told], freedom[told])
    drawn = np.where(
        told,
        (prior * typical + freedom * np.where(told, own, 0.0)) / (prior + freedom),
        typical,
    )
    return drawn, prior + freedom, prior


def _prior(variances: np.ndarray, freedom: np.ndarray) -> tuple[float, float]:
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


def _scale(effects: Sequence[Effect]) -> float:
    """Return how many times as wide as in theory the middle half of all t is; at least 1."""
    if len(effects) < FEWEST_FOR_A_SCALE:
        return 1.0
    wide = [abs(effect.net / effect.error) / quantile(0.5, effect.freedom) for effect in effects]
    return max(1.0, float(np.median(wide)))


def chance(value: float, error: float, freedom: float) -> float:
    """Return the two-sided p of Student's t."""
    return float(2 * special.stdtr(freedom, -abs(value / error))) if error else float(value == 0)


def quantile(confidence: float, freedom: float) -> float:
    """Return the two-sided quantile of Student's t."""
    return float(special.stdtrit(freedom, (1 + confidence) / 2))
