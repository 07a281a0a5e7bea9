"""A pair of cases and the noise around them -> a verdict, with coded reasons.

The verdicts of the clock are four, always of the right side against the left one:

- **slower**, **faster**: the ratio lies beyond the threshold, as it stands and without the group's
  shift, and it surely differs from 1, even when all comparisons of this table are held against it
  (Holm, A simple sequentially rejective multiple test procedure, 1979). Or the whole group is, by
  more than runs drift;
- **same**: the whole interval of the ratio lies within the threshold;
- **ambiguous**: anything else. It is an answer: measure longer, in more processes, in more quiet.

What the program needs is judged apart, and exactly: a count that differs is **count changed**, and
a case that ran and no longer does is **broken**, whatever the clock says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from convbench.counting.tally import Tally
from convbench.timing.contamination import MANY, contaminated_share
from convbench.timing.stats import RatioInterval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.comparing.matching import Pair
    from convbench.comparing.noise import Effect
    from convbench.runs.record import Record

Verdict = Literal["faster", "slower", "same", "ambiguous"]
Change = Literal["", "count changed", "broken", "mended"]

REASONS: Final = {
    "beyond": "the ratio is beyond the threshold, and surely not 1 over all rows",
    "group": "the whole group is, by more than runs drift",
    "within": "the whole interval is within the threshold",
    "identical": "both sides hold the very same samples",
    "wide": "the interval reaches from within the threshold to beyond it",
    "many": "beyond the threshold by its own interval, but not sure over so many rows",
    "contaminated": "something else had a hand in many of its samples",
    "one-process": "a single process on both sides: how processes differ is not known",
    "environment": "the environments differ in what must match, so times do not compare",
    "shift": "the whole group moved, and what is left of the ratio without that says otherwise",
    "drift": "no common shift could be seen, and runs may drift by as much, or hide as much",
    "not-timed": "no times on one side",
    "only-left": "only the left side has it",
    "only-right": "only the right side has it",
}
"""What each code means."""
_OF_THE_AXES: Final = ("output_dtype", "device", "threads")
_COUNTS: Final = (
    "multiplications", "parameters", "additions", "elementwise", "multiplications_valid",
    "activations", "reads", "writes",
)  # fmt: skip
_MOST_COUNTS: Final = 3
"""Counts of one case that are named: where one changed, most others did."""
_EXPLAINED: Final = 1.0
"""By how much other work on the machine may lengthen the time of a contaminated case: twice."""
_MOST_DISTURBED: Final = 0.5
"""Share of contaminated samples from which their times say nothing of the case."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a difference must be to matter.

    threshold: the smallest relative change of a time that matters, 0.05 for 5 %. drift: how far
    two runs of the same program may lie apart as a whole. confidence: 1 - the chance of any false
    slower or faster in a table. absolute: the machine is calm: no common shift is taken away, and
    nothing drifts.
    """

    threshold: float = 0.05
    drift: float = 0.10
    confidence: float = 0.95
    absolute: bool = False

    @property
    def edge(self) -> float:
        """The threshold as a log-ratio."""
        return math.log1p(self.threshold)

    def beyond_drift(self, low: float, high: float) -> bool:
        """Tell whether a whole interval of log-ratios lies beyond what runs may drift."""
        return min(abs(low), abs(high)) > math.log1p(self.drift) and low * high > 0


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What is said of one pair.

    verdict: the clock's; None where it has nothing to say. reasons: codes, see REASONS. ratio:
    time right / left without the group's shift, with its interval; raw: as it stands. chance: the
    chance of so large a difference, were there none. change: what became of the counts and of the
    case itself. notes: in words, what changed.
    """

    pair: Pair
    verdict: Verdict | None
    reasons: tuple[str, ...]
    ratio: RatioInterval | None = None
    raw: float | None = None
    chance: float | None = None
    change: Change = ""
    notes: tuple[str, ...] = ()

    @property
    def ran(self) -> bool:
        """Whether the case ran on one side or both: not where it was skipped on both."""
        sides = (self.pair.left, self.pair.right)
        return any(record is not None and record.status == "ok" for record in sides)


def untimed(pair: Pair, reason: str) -> Judged:
    """Judge a pair whose times cannot be compared, for a reason: by its counts alone."""
    change, notes = changes(pair)
    return Judged(pair=pair, verdict=None, reasons=(reason,), change=change, notes=notes)


def judge(
    pair: Pair, effect: Effect | None, *, sure: bool, moved: Verdict | None, limits: Limits
) -> Judged:
    """Judge a pair that was timed on both sides.

    effect: None where nothing is known of how processes differ. sure: whether the effect is over
    all comparisons. moved: the verdict on the group as a whole; None where it has too few cases to
    see what they share.
    """
    assert pair.left is not None  # noqa: S101
    assert pair.right is not None  # noqa: S101
    change, notes = changes(pair)
    notes = (*notes, *_ran(pair.left, pair.right))
    if effect is None:
        return Judged(
            pair=pair, verdict="ambiguous", reasons=("one-process",), change=change, notes=notes
        )
    low, high = effect.interval(limits.confidence)
    verdict, reasons = _verdict(effect, low, high, sure=sure, moved=moved, limits=limits)
    dirty = _dirty(pair)
    if verdict != "same" and dirty >= MANY:
        most = replace(limits, drift=max(limits.drift, _EXPLAINED))
        explained = dirty > _MOST_DISTURBED or not most.beyond_drift(low, high)
        verdict = "ambiguous" if explained and "group" not in reasons else verdict
        reasons = (*reasons, "contaminated")
    return Judged(
        pair=pair,
        verdict=verdict,
        reasons=reasons,
        ratio=RatioInterval(
            value=math.exp(effect.net),
            low=math.exp(low),
            high=math.exp(high),
            confidence=limits.confidence,
            paired=False,
            verdict="cannot tell" if low <= 0 <= high else "slower" if low > 0 else "faster",
            processes=min(len(pair.left.samples), len(pair.right.samples)),
        ),
        raw=math.exp(effect.raw),
        chance=effect.surprise,
        change=change,
        notes=notes,
    )


def _verdict(  # noqa: PLR0911  a line for each reason
    effect: Effect, low: float, high: float, *, sure: bool, moved: Verdict | None, limits: Limits
) -> tuple[Verdict, tuple[str, ...]]:
    edge, net, raw = limits.edge, effect.net, effect.raw
    stands = abs(raw) > edge
    if moved in {"slower", "faster"} and stands and (raw > 0) == (moved == "slower"):
        return moved, ("group",)
    if -edge <= low and high <= edge:
        if moved is None and not limits.absolute:
            return "same", ("within", "drift")
        still = moved in {None, "same"} or not stands
        return ("same", ("within",)) if still else ("ambiguous", ("shift",))
    if abs(net) <= edge or not sure:
        own = (low > 0 or high < 0) and abs(net) > edge
        return "ambiguous", ("many" if own else "wide",)
    if not stands or raw * net < 0:
        return "ambiguous", ("shift",)
    if moved is None and not limits.absolute and not limits.beyond_drift(low, high):
        return "ambiguous", ("drift",)
    return ("slower" if net > 0 else "faster"), ("beyond",)


def _dirty(pair: Pair) -> float:
    """Return the contaminated share of the side that has more of it."""
    return max(
        contaminated_share(record.samples)
        for record in (pair.left, pair.right)
        if record is not None
    )


def identical(pair: Pair) -> Judged:
    """Judge a pair whose sides are the very same samples."""
    change, notes = changes(pair)
    return Judged(pair=pair, verdict="same", reasons=("identical",), change=change, notes=notes)


def changes(pair: Pair) -> tuple[Change, tuple[str, ...]]:
    """Return what became of the case and of its counts, and in words what differs."""
    left, right = pair.left, pair.right
    if right is None:
        return "", ()
    before = left.status if left else "not there"
    if before != right.status:
        said = f"{before} before, now {right.status}: {right.reason or 'it ran'}"
        if right.status in {"failed", "invalid"} or before == "ok":
            return "broken", (said,)
        return ("mended" if before in {"failed", "invalid"} else ""), (said,) if left else ()
    if left is None:
        return "", ()
    if left.cost and not right.cost:
        return "count changed", (f"multiplications {left.cost.multiplications:,} → not known",)
    counts = [item for item in _counts(left, right) if item[1] != item[2]]
    differing = [f"{name} {a:,} → {b:,}" for name, a, b in counts if a is not None is not b]
    lost = [
        f"{name}: not known on the {'left' if a is None else 'right'} side"
        for name, a, b in counts
        if a is None or b is None
    ]
    more = len(differing) - _MOST_COUNTS
    if more > 0:
        differing[_MOST_COUNTS:] = [f"and {more} more counts"]
    return ("count changed" if differing else ""), (*differing, *lost)


def _counts(left: Record, right: Record) -> list[tuple[str, int | None, int | None]]:
    found: list[tuple[str, int | None, int | None]] = [
        (name.replace("_", " "), getattr(left.cost, name, None), getattr(right.cost, name, None))
        for name in _COUNTS
    ]
    for counter in dict.fromkeys((*left.tallies, *right.tallies)):
        both = [record.tallies.get(counter) for record in (left, right)]
        a, b = (tally.macs if isinstance(tally, Tally) else None for tally in both)
        found.append((f"multiplications by {counter}", a, b))
    return found


def _ran(left: Record, right: Record) -> tuple[str, ...]:
    """Return in what the identity of what ran differs, such as the backend; not in the axes."""
    return tuple(
        f"{key}: {left.ran[key]} → {right.ran[key]}"
        for key in left.ran
        if key not in _OF_THE_AXES and key in right.ran and left.ran[key] != right.ran[key]
    )


def holm(chances: Sequence[float], misses: float) -> list[bool]:
    """Tell for every p whether it is sure when all of them are held against it."""
    order = sorted(range(len(chances)), key=lambda index: chances[index])
    sure = [False] * len(chances)
    for done, index in enumerate(order):
        if chances[index] * (len(chances) - done) > misses:
            break
        sure[index] = True
    return sure
