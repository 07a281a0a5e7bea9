"""Two sides -> a Comparison: the results for every pair, every group and both environments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median, median_low

from convbench.clock.variances import quantile
from convbench.comparing.clocks import EVENTS, lacking, one_clock, pool, without_kernels
from convbench.comparing.environment import OF_THE_AXIS, Difference, environments
from convbench.comparing.frequencies import FREQUENCIES, Frequency, Span, differing, span
from convbench.comparing.judging import (
    Disturbed,
    Judged,
    Limits,
    disturbed,
    explained,
    holm,
    identical,
    judge,
    tally,
    untimed,
)
from convbench.comparing.matching import BY, Pair, match
from convbench.comparing.noise import Noise, Shift, Timed, noise
from convbench.comparing.sides import Side
from convbench.comparing.tables import busy, of_logs, timed
from convbench.core.intervals import Verdict
from convbench.core.notebook_views import OneLine
from convbench.core.text import plural
from convbench.runs.titles import Titles, titles


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A group's common shift, judged by itself: slower or faster only beyond the drift.

    clock: what the times are called whose shift it is, see `Record.clock`.
    """

    group: str
    clock: str
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
        found, rows = tally(self.rows), plural(len(self.rows), "case")
        return f"{self.right.name} against {self.left.name}, {rows}: {found or 'no verdict'}"

    @property
    def frequencies(self) -> dict[Frequency, int]:
        """The frequencies of a GPU under load that differ, medians over cases, in how many."""
        found: dict[str, list[Frequency]] = {}
        for row in self.rows:
            for one in row.frequencies:
                found.setdefault(one.key, []).append(one)
        return {
            Frequency(
                key, median_low(one.left for one in some), median_low(one.right for one in some)
            ): len(some)
            for key in FREQUENCIES
            if (some := found.get(key, []))
        }

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
    keys that may differ although they must match otherwise, or {"all"}; and `FREQUENCIES` of a GPU
    that were meant to differ; those of two conditions always may. times: False to compare counts
    alone, which are the same under every condition: cases then match whatever they run under.

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
    unlike = [_frequencies(pair) if by is None else () for pair in judging]
    spans = [span(several, allowed) for several in unlike]
    found = noise(
        [_of(pair, left, right, apart) for pair, apart in zip(judging, spans, strict=True)],
        absolute=limits.absolute or by is not None,
        drift=limits.drift,
    )
    moved = _moved(found.shifts, judging, spans, limits)
    results = _judged(judging, found, moved, limits)
    judged = {
        id(pair): replace(
            row, frequencies=frequencies, notes=(*row.notes, *_said(row, frequencies))
        )
        for pair, row, frequencies in zip(judging, results, unlike, strict=True)
    }
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
        moved=tuple(moved.values()),
        scale=found.scale,
        unsettled=found.unsettled,
        times=times,
        titles=titles((pair.sides[0] for pair in pairs), but),
    )


def _of(pair: Pair, left: Side, right: Side, apart: Span) -> Timed:
    one, other = pair.sides
    return Timed(group=pool(one), left=left.samples(one), right=right.samples(other), span=apart)


def _why(pair: Pair, *, blocked: bool, times: bool) -> str:
    """Return the code that says why the times of a pair are not compared."""
    if pair.right is None:
        return "only-left"
    if pair.left is None:
        return "only-right"
    if not (times and all(timed(one) or busy(one) for one in pair.sides)):
        return "not-timed"
    return "environment" if blocked else "busy"


def _frequencies(pair: Pair) -> tuple[Frequency, ...]:
    return differing(*([record] for record in pair.sides))


def _said(row: Judged, frequencies: Sequence[Frequency]) -> list[str]:
    """Return what a row says of frequencies: nothing where they matter to no verdict."""
    told = row.verdict in {"slower", "faster"} or "clock" in row.reasons
    return [one.words for one in frequencies] if told else []


def _judged(
    timed: Sequence[Pair], found: Noise, moved: Mapping[str, Moved], limits: Limits
) -> list[Judged]:
    chances = [effect.surprise if effect else 1.0 for effect in found.effects]
    sure = holm(chances, _misses(limits, groups=bool(moved)))
    verdicts = {name: item.verdict for name, item in moved.items()}
    return [
        judge(pair, effect, sure=is_sure, moved=verdicts.get(pool(pair.sides[0])), limits=limits)
        for pair, effect, is_sure in zip(timed, found.effects, sure, strict=True)
    ]


def _misses(limits: Limits, *, groups: bool) -> float:
    """Return the chance of a false verdict that rows may have, or groups: half of it each."""
    return (1 - limits.confidence) / (2 if groups else 1)


def _moved(
    shifts: Mapping[str, Shift], pairs: Sequence[Pair], spans: Sequence[Span], limits: Limits
) -> dict[str, Moved]:
    """Return the known shifts, each judged, by what they are the shift of, see `clocks.pool`."""
    known = {name: shift for name, shift in shifts.items() if shift.known}
    members: dict[str, list[tuple[Pair, Span]]] = {}
    for pair, apart in zip(pairs, spans, strict=True):
        members.setdefault(pool(pair.sides[0]), []).append((pair, apart))
    found = {}
    for name, shift in known.items():
        several = [pair for pair, _ in members[name]]
        lows, highs = zip(*(apart for _, apart in members[name]), strict=True)
        dirty = disturbed(*zip(*(pair.sides for pair in several), strict=True))
        first = several[0].sides[0]
        # a shift is the median over cases, so what clocks explain of it is that over theirs
        verdict = _verdict(shift, len(known), dirty, Span(median(lows), median(highs)), limits)
        found[name] = Moved(group=first.group, clock=first.clock, shift=shift, verdict=verdict)
    return found


def _verdict(shift: Shift, groups: int, dirty: Disturbed, apart: Span, limits: Limits) -> Verdict:
    """Judge a common shift.

    dirty: how much the group's processes were disturbed. apart: what equal frequencies of a GPU may
    be worth.
    """
    if not shift.freedom:
        return "cannot tell"
    reach = quantile(limits.confidence, shift.freedom) * shift.error
    whole = of_logs(
        shift.value, shift.value - reach, shift.value + reach, confidence=limits.confidence
    )
    if limits.within(apart.widened(whole)):
        return "same"
    over_all = quantile(1 - _misses(limits, groups=True) / groups, shift.freedom) * shift.error
    left = abs(apart.beyond(shift.value))
    if left - over_all <= math.log1p(max(limits.drift, limits.threshold)):
        return "cannot tell"
    if explained(dirty, apart.least(whole), limits):
        return "cannot tell"
    return "slower" if shift.value > 0 else "faster"
