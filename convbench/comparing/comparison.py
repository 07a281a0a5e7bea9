"""Two sides -> a Comparison: the results for every pair, every group and both environments."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from convbench.clock.variances import quantile
from convbench.comparing.clocks import EVENTS, lacking, one_clock, without_kernels
from convbench.comparing.environment import OF_THE_AXIS, Difference, environments
from convbench.comparing.judging import (
    Judged,
    Limits,
    disturbed,
    explained,
    holm,
    identical,
    judge,
    untimed,
)
from convbench.comparing.matching import BY, Pair, match
from convbench.comparing.noise import Noise, Shift, Timed, noise
from convbench.comparing.sides import Side
from convbench.comparing.tables import busy, of_logs, timed
from convbench.core.intervals import Verdict
from convbench.core.notebook_views import OneLine
from convbench.core.text import plural
from convbench.runs.record import Record
from convbench.runs.titles import Titles, titles


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A group's common shift, judged by itself: slower or faster only beyond the drift."""

    group: str
    shift: Shift
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(OneLine):
    """Two sides compared.

    by: the axis in which the sides differ; None for two runs of the same cases. differences: of
    the two fingerprints. rows: one for each pair, in the order of the left side. moved: one for
    each group whose shift is known. scale, unsettled: see `noise.Noise`. times: whether times were
    compared. titles: names of the groups for readers.
    """

    left: Side
    right: Side
    by: str | None
    limits: Limits
    differences: tuple[Difference, ...]
    rows: tuple[Judged, ...]
    moved: tuple[Moved, ...]
    scale: float
    unsettled: bool
    times: bool
    titles: Titles

    @property
    def in_short(self) -> str:
        """The two sides, and how many cases have each verdict."""
        verdicts = Counter(row.verdict for row in self.rows if row.verdict)
        found = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
        rows = plural(len(self.rows), "case")
        return f"{self.right.name} against {self.left.name}, {rows}: {found or 'no verdict'}"

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
    def counted(self) -> int:
        """How many cases have counts on both sides, derived or by a counter."""
        both = [row.pair.sides for row in self.shared]
        return sum(
            bool((a.cost and b.cost) or a.tallies.keys() & b.tallies.keys()) for a, b in both
        )

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

    limits: what matters, see `judging.Limits`. by: an axis in which the sides differ, so that
    nothing is taken for a common shift; of two modes event times are compared. allowed: fingerprint
    keys that may differ although they must match otherwise, or {"all"}. times: False to compare
    counts alone, which are the same under every condition: cases then match whatever they run
    under.

    Raises:
        RunError: a side with two cases of the same identity.

    """
    limits = limits or Limits()
    allowed |= OF_THE_AXIS.get(by or "", frozenset())
    differences = environments(left.header.fingerprint, right.header.fingerprint, allowed)
    blocked = any(item.in_the_way for item in differences)
    but = (BY if not times else ()) if by is None else (by,)
    matched = match(left.records, right.records, but)
    # what launching costs is what modes differ in, and kernel times do not have it
    pairs = [without_kernels(pair) if by == "mode" else one_clock(pair) for pair in matched]
    turned = {id(new) for new, pair in zip(pairs, matched, strict=True) if lacking(pair)}
    told = [pair for pair in pairs if times and all(map(timed, (pair.left, pair.right)))]
    same = {id(pair) for pair in told if pair.sides[0].judged == pair.sides[1].judged}
    judging = [pair for pair in told if not blocked and id(pair) not in same]
    found = noise(
        [_of(pair, left, right) for pair in judging],
        absolute=limits.absolute or by is not None,
        drift=limits.drift,
    )
    moved = _moved(found.shifts, judging, limits)
    judged = dict(zip(map(id, judging), _judged(judging, found, moved, limits), strict=True))
    rows = tuple(
        judged.get(id(pair))
        or (
            identical(pair)
            if id(pair) in same
            else untimed(pair, _why(pair, blocked=blocked, times=times))
        )
        for pair in pairs
    )
    rows = tuple(
        replace(row, notes=(*row.notes, EVENTS)) if row.verdict and id(row.pair) in turned else row
        for row in rows
    )
    if by is not None:  # another condition is no new version: what does not run there never did
        rows = tuple(
            replace(row, change="") if row.change in {"broken", "mended"} else row for row in rows
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
        unsettled=found.unsettled,
        times=times,
        titles=titles((pair.sides[0] for pair in pairs), but),
    )


def _of(pair: Pair, left: Side, right: Side) -> Timed:
    one, other = pair.sides
    return Timed(group=pair.group, left=left.samples(one), right=right.samples(other))


def _why(pair: Pair, *, blocked: bool, times: bool) -> str:
    """Return the code that says why the times of a pair are not compared."""
    if pair.right is None:
        return "only-left"
    if pair.left is None:
        return "only-right"
    if not (times and all(timed(one) or busy(one) for one in pair.sides)):
        return "not-timed"
    return "environment" if blocked else "busy"


def _judged(
    timed: Sequence[Pair], found: Noise, moved: Sequence[Moved], limits: Limits
) -> list[Judged]:
    chances = [effect.surprise if effect else 1.0 for effect in found.effects]
    sure = holm(chances, _misses(limits, groups=bool(moved)))
    verdicts = {item.group: item.verdict for item in moved}
    return [
        judge(pair, effect, sure=is_sure, moved=verdicts.get(pair.group), limits=limits)
        for pair, effect, is_sure in zip(timed, found.effects, sure, strict=True)
    ]


def _misses(limits: Limits, *, groups: bool) -> float:
    """Return the chance of a false verdict that rows may have, or groups: half of it each."""
    return (1 - limits.confidence) / (2 if groups else 1)


def _moved(shifts: Mapping[str, Shift], pairs: Sequence[Pair], limits: Limits) -> tuple[Moved, ...]:
    known = {group: shift for group, shift in shifts.items() if shift.known}
    records: dict[str, tuple[list[Record], list[Record]]] = {group: ([], []) for group in known}
    for pair in pairs:
        if pair.group in known:
            for held, record in zip(records[pair.group], pair.sides, strict=True):
                held.append(record)
    return tuple(
        Moved(
            group=group,
            shift=shift,
            verdict=_verdict(shift, len(known), disturbed(*records[group]), limits),
        )
        for group, shift in known.items()
    )


def _verdict(shift: Shift, groups: int, share: float, limits: Limits) -> Verdict:
    """Judge a common shift; other load disturbed this share of the group's processes."""
    if not shift.freedom:
        return "cannot tell"
    reach = quantile(limits.confidence, shift.freedom) * shift.error
    if abs(shift.value) + reach <= limits.edge:
        return "same"
    over_all = quantile(1 - _misses(limits, groups=True) / groups, shift.freedom) * shift.error
    if abs(shift.value) - over_all <= math.log1p(max(limits.drift, limits.threshold)):
        return "cannot tell"
    ends = shift.value - reach, shift.value + reach
    if explained(share, of_logs(shift.value, *ends, confidence=limits.confidence), limits):
        return "cannot tell"
    return "slower" if shift.value > 0 else "faster"
