"""Two sides -> a Comparison: what every pair, every group and both environments say."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from convbench.comparing.environment import OF_THE_AXIS, Difference, environments
from convbench.comparing.judging import Judged, Limits, Verdict, holm, judge, untimed
from convbench.comparing.matching import Pair, match
from convbench.comparing.noise import Noise, Shift, Timed, noise, quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convbench.comparing.sides import Side

ALL_KEYS: Final = "all"
"""Given as allowed: every key may differ."""


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A group's common shift, judged by itself: slower or faster only beyond the drift."""

    group: str
    shift: Shift
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What two sides say of one another.

    by: the axis in which the sides differ; None for two runs of the same cases. differences: of
    the two fingerprints. rows: one for each pair, in the order of the left side. moved: one for
    each group whose shift is known. scale: see `noise.Noise`. times: whether times were judged.
    """

    left: Side
    right: Side
    by: str | None
    limits: Limits
    differences: tuple[Difference, ...]
    rows: tuple[Judged, ...]
    moved: tuple[Moved, ...]
    scale: float
    times: bool

    @property
    def in_the_way(self) -> tuple[Difference, ...]:
        """The keys for which times do not compare."""
        return tuple(item for item in self.differences if item.in_the_way)

    @property
    def shared(self) -> tuple[Judged, ...]:
        """The rows of cases that both sides have."""
        return tuple(row for row in self.rows if row.pair.left and row.pair.right)

    @property
    def rows_apart(self) -> tuple[Pair, ...]:
        """The pairs that only one side has."""
        return tuple(row.pair for row in self.rows if not (row.pair.left and row.pair.right))

    def found(self, verdict: Verdict) -> tuple[Judged, ...]:
        """Return the rows of a verdict, the largest ratio first."""
        rows = [row for row in self.rows if row.verdict == verdict]
        return tuple(sorted(rows, key=lambda row: -row.ratio.value if row.ratio else 0.0))

    @property
    def changed(self) -> tuple[Judged, ...]:
        """The rows whose counts changed, or that no longer run."""
        return tuple(row for row in self.rows if row.change in {"count changed", "broken"})


def compare(
    left: Side,
    right: Side,
    *,
    limits: Limits | None = None,
    by: str | None = None,
    allowed: frozenset[str] = frozenset(),
    times: bool = True,
) -> Comparison:
    """Compare the right side with the left one.

    limits: what matters, see `judging.Limits`. by: an axis in which the sides may differ, so that
    nothing is taken for a common shift. allowed: fingerprint keys that may differ although they
    must match otherwise, or {"all"}. times: False to compare counts alone.
    """
    limits = limits or Limits()
    if by is not None:
        limits = replace(limits, absolute=True, drift=0.0)
    allowed |= OF_THE_AXIS.get(by or "", frozenset())
    differences = environments(left.header.fingerprint, right.header.fingerprint, allowed)
    if ALL_KEYS in allowed:
        differences = tuple(replace(item, allowed=True) for item in differences)
    blocked = any(item.in_the_way for item in differences)
    pairs = match(left.records, right.records, by)
    timed = [pair for pair in pairs if _timed(pair)] if times and not blocked else []
    found = noise([_of(pair) for pair in timed], absolute=limits.absolute)
    moved = _moved(found.shifts, limits)
    judged = iter(_judged(timed, found, moved, limits))
    chosen = {id(pair) for pair in timed}
    rows = tuple(
        next(judged) if id(pair) in chosen else untimed(pair, _why(pair, blocked=blocked))
        for pair in pairs
    )
    return Comparison(
        left=left,
        right=right,
        by=by,
        limits=limits,
        differences=differences,
        rows=rows,
        moved=moved,
        scale=found.scale,
        times=times,
    )


def _timed(pair: Pair) -> bool:
    return all(
        record is not None
        and record.status == "ok"
        and record.samples
        and min(samples.minimum for samples in record.samples) > 0
        for record in (pair.left, pair.right)
    )


def _of(pair: Pair) -> Timed:
    assert pair.left is not None  # noqa: S101
    assert pair.right is not None  # noqa: S101
    return Timed(group=pair.group, left=pair.left.samples, right=pair.right.samples)


def _why(pair: Pair, *, blocked: bool) -> str:
    """Return the code that says why the times of a pair are not compared."""
    if pair.right is None:
        return "only-left"
    if pair.left is None:
        return "only-right"
    return "environment" if blocked and _timed(pair) else "not-timed"


def _judged(
    timed: Sequence[Pair], found: Noise, moved: Sequence[Moved], limits: Limits
) -> list[Judged]:
    sure = holm(
        [effect.surprise if effect else 1.0 for effect in found.effects], 1 - limits.confidence
    )
    restless = {item.group for item in moved if item.verdict != "same"}
    rows = []
    for pair, effect, is_sure in zip(timed, found.effects, sure, strict=True):
        known = limits.absolute or found.shifts[pair.group].known
        row = judge(pair, effect, sure=is_sure, known=known, limits=limits)
        if pair.group in restless:
            row = replace(row, reasons=(*row.reasons, "shift"))
        rows.append(row)
    return rows


def _moved(shifts: Mapping[str, Shift], limits: Limits) -> tuple[Moved, ...]:
    known = {group: shift for group, shift in shifts.items() if shift.known}
    return tuple(
        Moved(group=group, shift=shift, verdict=_verdict(shift, len(known), limits))
        for group, shift in known.items()
    )


def _verdict(shift: Shift, groups: int, limits: Limits) -> Verdict:
    if not shift.freedom:
        return "ambiguous"
    reach = quantile(limits.confidence, shift.freedom) * shift.error
    if abs(shift.value) + reach <= limits.edge:
        return "same"
    over_all = quantile(1 - (1 - limits.confidence) / groups, shift.freedom) * shift.error
    if abs(shift.value) - over_all > math.log1p(max(limits.drift, limits.threshold)):
        return "slower" if shift.value > 0 else "faster"
    return "ambiguous"
