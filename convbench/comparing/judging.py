"""A pair of cases and the noise around them -> a verdict, with coded reasons.

The verdicts of the clock are four, always of the right side against the left one:

- **slower**, **faster**: the ratio lies beyond the threshold, with and without the common shift of
  its group, and it differs from 1 significantly, after correction for all cases (Holm, A simple
  sequentially rejective multiple test procedure, 1979). Or the common shift of the group is beyond
  the allowed drift between runs;
- **same**: the whole interval of the ratio lies within the threshold, which is the margin of
  practical equality here (`clock.stats.verdict`);
- **cannot tell**, shown as "inconclusive": anything else. Measure longer, in more processes, or on
  a quieter machine.

Counts are compared separately, and exactly: a count that differs is **count changed**, and a case
that ran and now fails is **broken**, whatever its times say. A case whose times a busy machine made
invalid is not broken, but inconclusive.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from convbench.clock import stats
from convbench.clock.contamination import HELD, LOAD, SHARED, disturbed_by
from convbench.clock.samples import joint_title
from convbench.clock.stats import FEWEST_ROUNDS_FOR_A_VERDICT
from convbench.comparing.exact import Change, changes, other_kernels, ran
from convbench.comparing.frequencies import NONE, Frequency, differing, span
from convbench.comparing.matching import Pair
from convbench.comparing.noise import Effect
from convbench.comparing.tables import NOT_MEASURED, busy, of_logs
from convbench.core.intervals import WORDS, RatioInterval, Verdict, factor
from convbench.report.doubts import CAUSES
from convbench.runs.record import Record

REASONS: Final = {
    "beyond": "the ratio is beyond the threshold, significantly so after correction for all cases",
    "group": "the common shift of its group is beyond the allowed drift between runs",
    "within": "the whole interval of the ratio lies within the threshold",
    "identical": "both sides hold the same samples",
    "wide": "the interval of the ratio lies partly within the threshold and partly beyond it; "
    "measure longer, or in more processes",
    "many": "beyond the threshold by its own interval, but not significantly so after correction "
    "for all cases; measure in more processes",
    "contaminated": "other load on the machine disturbed most samples of many of its processes; "
    "measure on a quieter machine",
    "held-down": f"{CAUSES[HELD].what} during most samples of many of its processes; "
    f"{CAUSES[HELD].remedy}",
    "shared": f"{CAUSES[SHARED].what} meanwhile; {CAUSES[SHARED].remedy}",
    "clock": "the clock of the GPU under load differs from run to run by more than it varies in "
    "one, which may explain the ratio or hide a change; lock one clock for all, as root with "
    "nvidia-smi -lgc MHZ (of the memory: -lmc MHZ), and measure again",
    "busy": "not measured on a side: the machine was busy during every sample; measure again on a "
    "quieter machine",
    "one-process": "one process on each side, so the variation between processes is unknown; "
    "measure in more processes",
    "few-rounds": f"a side has fewer than {FEWEST_ROUNDS_FOR_A_VERDICT} rounds; measure longer",
    "environment": "the environments differ in a key that must match, so times are not compared",
    "shift": "all cases of its group shifted together, and the verdict would differ with and "
    "without that common shift; compare with a repeat of the run",
    "drift": "no common shift was subtracted (fewer than 8 cases in its group, or two conditions "
    "are compared), so drift between runs may cause, or hide, a change of this size",
    "not-timed": "no times on one side, or on both",
    "only-left": "only the left side has this case",
    "only-right": "only the right side has this case",
}
"""What each code means."""
_EXPLAINED: Final = 1.0
"""By how much other work on the machine may lengthen the time of a contaminated case: twice."""
_MANY_DISTURBED: Final = 0.25
"""Share of disturbed processes from which they are too many to be left out."""
_MOST_DISTURBED: Final = 0.5
"""Share of disturbed processes from which a case is inconclusive."""
_CODES: Final = {HELD: "held-down", SHARED: "shared", LOAD: "contaminated"}
"""The reason for each that may disturb a process, see `contamination.disturbed_by`."""


_VERDICTS: Final = ("slower", "faster", "same", "cannot tell")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a difference must be to matter.

    threshold: the margin of practical equality, the smallest relative change of a time that
    matters: 0.05 for 5 %. drift: the relative change common to all cases that two runs of the same
    program may show. confidence: 1 - the probability of any false slower or faster in a table.
    absolute: the machine is steady: no common shift is subtracted, and no drift allowed for.
    """

    threshold: float = stats.MARGIN
    drift: float = 0.10
    confidence: float = 0.95
    absolute: bool = False

    @property
    def edge(self) -> float:
        """The threshold as a log-ratio."""
        return math.log1p(self.threshold)

    def within(self, ratio: RatioInterval) -> bool:
        """Tell whether a whole interval lies within the threshold."""
        return ratio.low >= 1 / (1 + self.threshold) and ratio.high <= 1 + self.threshold

    def beyond_drift(self, ratio: RatioInterval) -> bool:
        """Tell whether a whole interval lies beyond the allowed drift, to either side."""
        return ratio.low > 1 + self.drift or ratio.high < 1 / (1 + self.drift)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The result for one pair.

    verdict: of its times; None where they are not compared. reasons: codes, see REASONS. ratio:
    time right / left without the group's common shift, with its interval; raw: with it. chance: the
    p-value of the ratio. change: of the counts and of the case itself. notes: in words, what
    changed. frequencies: of a GPU under load, those that differ.
    """

    pair: Pair
    verdict: Verdict | None
    reasons: tuple[str, ...]
    ratio: RatioInterval | None = None
    raw: float | None = None
    chance: float | None = None
    change: Change = ""
    notes: tuple[str, ...] = ()
    frequencies: tuple[Frequency, ...] = ()

    @property
    def clock(self) -> str:
        """What the times are called that were compared, see `clock.samples.time_title`."""
        return joint_title(record.clock for record in self.pair.sides)

    @property
    def ran(self) -> bool:
        """Whether the case ran on one side or both: not where it was skipped on both."""
        return any(record.status == "ok" for record in self.pair.sides)


def tally(rows: Sequence[Judged]) -> str:
    """Return how many cases have each verdict: 2 slower, 30 same; verdicts without any left out.

    Where some have kernel times of a GPU and others event times, each are counted by themselves.
    """
    clocks: dict[str, Counter[str]] = {}
    for row in rows:
        if row.verdict:
            clocks.setdefault(row.clock, Counter())[row.verdict] += 1
    told = {
        clock: ", ".join(
            f"{number[name]:,} {WORDS.get(name, name)}" for name in _VERDICTS if number[name]
        )
        for clock, number in clocks.items()
    }
    if len(told) == 1:
        return "".join(told.values())
    return "; ".join(f"{said} ({clock})" for clock, said in told.items())


def untimed(pair: Pair, reason: str) -> Judged:
    """Judge a pair whose times cannot be compared, for a reason: by its counts alone."""
    change, notes = changes(pair)
    sides = [name for name, one in (("left", pair.left), ("right", pair.right)) if busy(one)]
    if sides:
        notes = (*notes, f"{NOT_MEASURED} ({' and '.join(sides)})")
    verdict: Verdict | None = "cannot tell" if reason == "busy" else None
    return Judged(pair=pair, verdict=verdict, reasons=(reason,), change=change, notes=notes)


def judge(
    pair: Pair, effect: Effect | None, *, sure: bool, moved: Verdict | None, limits: Limits
) -> Judged:
    """Judge a pair that was timed on both sides.

    effect: None where the variation between processes is unknown. sure: whether the effect is
    significant after correction for all cases. moved: the verdict on the group's common shift; None
    where the group has too few cases to estimate it.
    """
    change, notes = changes(pair)
    notes = (*notes, *ran(*pair.sides))
    if effect is None:
        return Judged(
            pair=pair, verdict="cannot tell", reasons=("one-process",), change=change, notes=notes
        )
    rounds = min(sum(len(samples.seconds) for samples in record.judged) for record in pair.sides)
    ratio = _ratio(pair, effect, rounds, limits)
    verdict, reasons = (
        _verdict(effect, ratio, sure=sure, moved=moved, limits=limits)
        if rounds >= FEWEST_ROUNDS_FOR_A_VERDICT
        else ("cannot tell", ("few-rounds",))
    )
    if verdict != "same":
        verdict, reasons = _doubted(pair, ratio, verdict, reasons, limits)
    if verdict in {"slower", "faster"}:
        notes = (*notes, *other_kernels(*pair.sides))
    return Judged(
        pair=pair,
        verdict=verdict,
        reasons=reasons,
        ratio=ratio,
        raw=factor(effect.raw),
        chance=effect.surprise,
        change=change,
        notes=(*notes, *_left_out(effect)),
    )


def _ratio(pair: Pair, effect: Effect, rounds: int, limits: Limits) -> RatioInterval:
    """Return the net effect with its interval, and the verdict of that alone."""
    processes = min(len(record.judged) for record in pair.sides)
    ends, confidence = effect.interval(limits.confidence), limits.confidence
    found = of_logs(effect.net, *ends, confidence=confidence, processes=processes)
    return stats.judged(found, rounds, limits.threshold)


def _verdict(  # noqa: PLR0911  a line for each reason
    effect: Effect, ratio: RatioInterval, *, sure: bool, moved: Verdict | None, limits: Limits
) -> tuple[Verdict, tuple[str, ...]]:
    edge, net, raw, span = limits.edge, effect.net, effect.raw, effect.net_span
    stands = abs(effect.span.beyond(raw)) > edge
    if moved in {"slower", "faster"} and stands and (raw > 0) == (moved == "slower"):
        return moved, ("group",)
    if ratio.verdict == "same":
        if not limits.within(span.widened(ratio)):
            return "cannot tell", ("clock",)
        if moved is None and not limits.absolute:
            return "same", ("within", "drift")
        still = moved in {None, "same"} or not stands
        return ("same", ("within",)) if still else ("cannot tell", ("shift",))
    if abs(span.beyond(net)) <= edge or not sure:
        own = ratio.verdict != "cannot tell" and abs(net) > edge
        return "cannot tell", (("clock" if span != NONE else "many") if own else "wide",)
    if not stands or raw * net < 0:
        return "cannot tell", ("shift" if abs(raw) <= edge or raw * net < 0 else "clock",)
    if moved is None and not limits.absolute and not limits.beyond_drift(span.least(ratio)):
        return "cannot tell", ("clock" if limits.beyond_drift(ratio) else "drift",)
    return ("slower" if net > 0 else "faster"), ("beyond",)


def _doubted(
    pair: Pair, ratio: RatioInterval, verdict: Verdict, reasons: tuple[str, ...], limits: Limits
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict and its reasons, inconclusive where too many processes were disturbed."""
    found = disturbed(*([record] for record in pair.sides))
    if found.share <= _MANY_DISTURBED:
        return verdict, reasons
    doubted = explained(found, ratio, limits) and "group" not in reasons
    return "cannot tell" if doubted else verdict, (*reasons, found.code)


class Disturbed(NamedTuple):
    """The share of a side's processes that were disturbed, and the code of what disturbed most."""

    share: float
    code: str = ""


def disturbed(*sides: Sequence[Record]) -> Disturbed:
    """Return how much the side was disturbed that was disturbed more, by its processes."""
    found = []
    for side in sides:
        marks = [disturbed_by(one, record.flags) for record in side for one in record.judged]
        causes = Counter(filter(None, marks))
        most = [_CODES[cause] for cause, _ in causes.most_common(1)]
        found.append(Disturbed(causes.total() / max(1, len(marks)), *most))
    return max(found, key=lambda one: one.share)


def excuse(
    left: Sequence[Record],
    right: Sequence[Record],
    ratio: RatioInterval,
    limits: Limits,
    *,
    net: bool,
) -> str:
    """Return the code of what may explain a significant ratio of two sides; "" for nothing.

    It is what disturbed their processes, or clocks of a GPU that differ. net: whether a common
    shift was subtracted.
    """
    found = disturbed(left, right)
    if explained(found, ratio, limits):
        return found.code
    apart = span(differing(left, right))
    if apart == NONE:
        return ""
    apart = apart.apart if net else apart
    least, edge = apart.least(ratio), 1 + limits.threshold
    remains = least.low > edge if ratio.value > 1 else least.high < 1 / edge
    return "" if remains else "clock"


def explained(found: Disturbed, ratio: RatioInterval, limits: Limits) -> bool:
    """Tell whether what disturbed so many processes may explain a ratio."""
    if found.share <= _MANY_DISTURBED:
        return False
    most = replace(limits, drift=max(limits.drift, _EXPLAINED))
    return found.share > _MOST_DISTURBED or not most.beyond_drift(ratio)


def _left_out(effect: Effect) -> tuple[str, ...]:
    """Return in words how many processes, or runs, were left out as outliers."""
    said = [
        f"{number} {name}"
        for name, number in zip(("left", "right"), effect.disturbed, strict=True)
        if number
    ]
    return (f"disturbed processes left out: {', '.join(said)}",) if said else ()


def identical(pair: Pair) -> Judged:
    """Judge a pair whose sides are the very same samples."""
    change, notes = changes(pair)
    return Judged(pair=pair, verdict="same", reasons=("identical",), change=change, notes=notes)


def holm(chances: Sequence[float], misses: float) -> list[bool]:
    """Tell for every p-value whether it is significant by Holm's step-down test of all of them."""
    order = sorted(range(len(chances)), key=lambda index: chances[index])
    sure = [False] * len(chances)
    for done, index in enumerate(order):
        if chances[index] * (len(chances) - done) > misses:
            break
        sure[index] = True
    return sure
