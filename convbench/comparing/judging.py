"""A pair of cases and the noise around them -> a verdict, with coded reasons.

The verdicts of the clock are four, always of the right side against the left one:

- **slower**, **faster**: the ratio lies beyond the threshold, as it stands and without the group's
  shift, and it surely differs from 1, even when all comparisons of this table are held against it
  (Holm, A simple sequentially rejective multiple test procedure, 1979). Or the whole group is, by
  more than runs drift;
- **same**: the whole interval of the ratio lies within the threshold, which is the margin of
  practical equality here (`clock.stats.verdict`);
- **cannot tell**: anything else. It is an answer: measure longer, in more processes, in more quiet.

What the program needs is judged apart, and exactly: a count that differs is **count changed**, and
a case that ran and no longer does is **broken**, whatever the clock says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from convbench.clock import stats
from convbench.clock.contamination import contaminated_share
from convbench.clock.samples import QUANTILE
from convbench.clock.stats import FEWEST_ROUNDS_FOR_A_VERDICT
from convbench.comparing.exact import changes, ran
from convbench.core.intervals import RatioInterval, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.comparing.exact import Change
    from convbench.comparing.matching import Pair
    from convbench.comparing.noise import Effect

REASONS: Final = {
    "beyond": "the ratio is beyond the threshold, and surely not 1 over all rows",
    "group": "the whole group is, by more than runs drift",
    "within": "the whole interval is within the threshold",
    "identical": "both sides hold the very same samples",
    "wide": "the interval reaches from within the threshold to beyond it",
    "many": "beyond the threshold by its own interval, but not sure over so many rows",
    "contaminated": "something else had a hand in most samples of many of its processes",
    "one-process": "a single process on both sides: how processes differ is not known",
    "few-rounds": f"a side has fewer than {FEWEST_ROUNDS_FOR_A_VERDICT} rounds",
    "environment": "the environments differ in what must match, so times do not compare",
    "shift": "the whole group moved, and what is left of the ratio without that says otherwise",
    "drift": "no common shift could be seen, and runs may drift by as much, or hide as much",
    "not-timed": "no times on one side",
    "only-left": "only the left side has it",
    "only-right": "only the right side has it",
}
"""What each code means."""
_EXPLAINED: Final = 1.0
"""By how much other work on the machine may lengthen the time of a contaminated case: twice."""
_SEEN_THROUGH: Final = 1 - QUANTILE
"""Share of contaminated samples up to which the low quantile of a process is a clean one."""
_MANY_DISTURBED: Final = 0.25
"""Share of processes with more than that from which they are too many to be left out."""
_MOST_DISTURBED: Final = 0.5
"""Share of such processes from which times say nothing of the case."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a difference must be to matter.

    threshold: the margin of practical equality, the smallest relative change of a time that
    matters: 0.05 for 5 %. drift: how far two runs of the same program may lie apart as a whole.
    confidence: 1 - the chance of any false slower or faster in a table. absolute: the machine is
    calm: no common shift is taken away, and nothing drifts.
    """

    threshold: float = stats.MARGIN
    drift: float = 0.10
    confidence: float = 0.95
    absolute: bool = False

    @property
    def edge(self) -> float:
        """The threshold as a log-ratio."""
        return math.log1p(self.threshold)

    def beyond_drift(self, ratio: RatioInterval) -> bool:
        """Tell whether a whole interval lies beyond what runs may drift, to either side."""
        return ratio.low > 1 + self.drift or ratio.high < 1 / (1 + self.drift)


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
        return any(record.status == "ok" for record in self.pair.sides)


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
    change, notes = changes(pair)
    notes = (*notes, *ran(*pair.sides))
    if effect is None:
        return Judged(
            pair=pair, verdict="cannot tell", reasons=("one-process",), change=change, notes=notes
        )
    rounds = min(sum(len(samples.seconds) for samples in record.samples) for record in pair.sides)
    ratio = _ratio(pair, effect, rounds, limits)
    verdict, reasons = (
        _verdict(effect, ratio, sure=sure, moved=moved, limits=limits)
        if rounds >= FEWEST_ROUNDS_FOR_A_VERDICT
        else ("cannot tell", ("few-rounds",))
    )
    if verdict != "same":
        verdict, reasons = _doubted(pair, ratio, verdict, reasons, limits)
    return Judged(
        pair=pair,
        verdict=verdict,
        reasons=reasons,
        ratio=ratio,
        raw=math.exp(effect.raw),
        chance=effect.surprise,
        change=change,
        notes=(*notes, *_left_out(effect)),
    )


def _ratio(pair: Pair, effect: Effect, rounds: int, limits: Limits) -> RatioInterval:
    """Return the net effect with its interval, and what that alone says."""
    found = RatioInterval.of_logs(
        effect.net,
        *effect.interval(limits.confidence),
        confidence=limits.confidence,
        paired=False,
        verdict="cannot tell",
        processes=min(len(record.samples) for record in pair.sides),
    )
    return stats.judged(found, rounds, limits.threshold)


def _verdict(  # noqa: PLR0911  a line for each reason
    effect: Effect, ratio: RatioInterval, *, sure: bool, moved: Verdict | None, limits: Limits
) -> tuple[Verdict, tuple[str, ...]]:
    edge, net, raw = limits.edge, effect.net, effect.raw
    stands = abs(raw) > edge
    if moved in {"slower", "faster"} and stands and (raw > 0) == (moved == "slower"):
        return moved, ("group",)
    if ratio.verdict == "same":
        if moved is None and not limits.absolute:
            return "same", ("within", "drift")
        still = moved in {None, "same"} or not stands
        return ("same", ("within",)) if still else ("cannot tell", ("shift",))
    if abs(net) <= edge or not sure:
        own = ratio.verdict != "cannot tell" and abs(net) > edge
        return "cannot tell", ("many" if own else "wide",)
    if not stands or raw * net < 0:
        return "cannot tell", ("shift",)
    if moved is None and not limits.absolute and not limits.beyond_drift(ratio):
        return "cannot tell", ("drift",)
    return ("slower" if net > 0 else "faster"), ("beyond",)


def _doubted(
    pair: Pair, ratio: RatioInterval, verdict: Verdict, reasons: tuple[str, ...], limits: Limits
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and its reasons where too many processes were disturbed to see through."""
    dirty = _dirty(pair)
    if dirty <= _MANY_DISTURBED:
        return verdict, reasons
    most = replace(limits, drift=max(limits.drift, _EXPLAINED))
    explained = dirty > _MOST_DISTURBED or not most.beyond_drift(ratio)
    doubted = explained and "group" not in reasons
    return "cannot tell" if doubted else verdict, (*reasons, "contaminated")


def _left_out(effect: Effect) -> tuple[str, ...]:
    """Return in words how many processes, or runs, were too far from the others to count."""
    said = [
        f"{number} {name}"
        for name, number in zip(("left", "right"), effect.disturbed, strict=True)
        if number
    ]
    return (f"disturbed, not counted: {', '.join(said)}",) if said else ()


def _dirty(pair: Pair) -> float:
    """Return the share of processes too contaminated to see through, of the side with more."""
    return max(
        sum(contaminated_share([one]) > _SEEN_THROUGH for one in record.samples)
        / len(record.samples)
        for record in pair.sides
    )


def identical(pair: Pair) -> Judged:
    """Judge a pair whose sides are the very same samples."""
    change, notes = changes(pair)
    return Judged(pair=pair, verdict="same", reasons=("identical",), change=change, notes=notes)


def holm(chances: Sequence[float], misses: float) -> list[bool]:
    """Tell for every p whether it is sure when all of them are held against it."""
    order = sorted(range(len(chances)), key=lambda index: chances[index])
    sure = [False] * len(chances)
    for done, index in enumerate(order):
        if chances[index] * (len(chances) - done) > misses:
            break
        sure[index] = True
    return sure
