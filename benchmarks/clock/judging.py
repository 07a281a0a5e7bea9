"""What runs said of their cases, held against a long quiet reference.

Everything here takes runs that were made and says what held; nothing is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from claim import Claim, at_least, at_most
from running import TWIN

from convbench.core.intervals import Interval, RatioInterval
from convbench.runs.frame import Row, rows
from convbench.runs.record import Run

CLEAR, SMALL = 1.25, 1.10
"""Ratios truly beyond these are to be told."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How wide the intervals may be in the median: high divided by low."""

    ratios: float
    times: float


QUIET = Limits(ratios=1.15, times=1.25)
BUSY = Limits(ratios=1.30, times=1.50)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a run says of one of its cases, and what is true.

    Attributes:
        where: run, group and case.
        twin: whether it is its baseline under another name.
        wanted: whether it was to be timed.
        seconds: of a call; None where the run has none.
        ratio: to the baseline; None for the baseline, and where the run has none.
        true_seconds: by the reference; None where it has none.
        true_ratio: by the reference; None for the baseline, and where it has none.

    """

    where: str
    twin: bool = False
    wanted: bool = True
    seconds: Interval | None = None
    ratio: RatioInterval | None = None
    true_seconds: float | None = None
    true_ratio: float | None = None

    @property
    def said(self) -> str:
        """What is true and what was said, in a line."""
        true = "" if self.true_ratio is None else f"truly {self.true_ratio:.3f}, "
        if self.ratio is None:
            return f"{self.where}: {true}no ratio"
        low, high = self.ratio.low, self.ratio.high
        return f"{self.where}: {true}said {self.ratio.verdict} ({low:.3f} to {high:.3f})"

    @property
    def said_of_time(self) -> str:
        """The same of the time."""
        if self.seconds is None or self.true_seconds is None:
            return f"{self.where}: no time"
        low, high = self.seconds.low, self.seconds.high
        return (
            f"{self.where}: truly {self.true_seconds * 1e6:.1f} µs, said {low * 1e6:.1f} to "
            f"{high * 1e6:.1f} µs"
        )

    def right(self) -> bool:
        """Tell whether the verdict has the direction of the truth."""
        if self.ratio is None or self.true_ratio is None:
            return False
        return self.ratio.verdict == ("faster" if self.true_ratio < 1 else "slower")

    def wrong(self) -> bool:
        """Tell whether a verdict was given and is another."""
        return self.ratio is not None and self.ratio.verdict != "cannot tell" and not self.right()

    def beyond(self, factor: float) -> bool:
        """Tell whether the truth differs from 1 by more than the factor."""
        return self.true_ratio is not None and abs(math.log(self.true_ratio)) > math.log(factor)


def threads_of(run: Run) -> set[int]:
    """Return the numbers of threads that a run's cases were timed with."""
    return {record.threads for record in run.records if record.samples}


def truth(references: Iterable[Run]) -> dict[str, Row]:
    """Return the rows of the references by case; a case's name says its number of threads."""
    return {row.record.case: row for reference in references for row in rows(reference)}


def look(name: str, run: Run, truth: Mapping[str, Row]) -> Iterator[Case]:
    """Yield the cases of a run, each beside the same case of the reference."""
    for row in rows(run):
        true = truth.get(row.record.case)
        yield Case(
            where=f"{name}, {row.record.slot}, {row.record.label}",
            twin=row.record.name == TWIN,
            wanted=row.record.status != "skipped",
            seconds=row.seconds if row.record.status == "ok" else None,
            ratio=row.time,
            true_seconds=true.seconds.value if true and true.seconds else None,
            true_ratio=true.time.value if true and true.time else None,
        )


def claims(cases: Sequence[Case], limits: Limits | None) -> Iterator[Claim]:
    """Yield what is claimed of ratios, intervals and times. limits: None where states are mixed."""
    yield from _told(cases)
    yield from _covered(cases)
    if limits:
        yield from _spans(cases, limits)
    twins = [case for case in cases if case.twin and case.ratio]
    different = [c for c in twins if c.ratio and c.ratio.verdict in {"faster", "slower"}]
    yield at_most(
        "a case timed against itself under two names is called faster or slower (at most 5 %)",
        len(different), len(twins), 0.05, [case.said for case in different],
    )  # fmt: skip
    wanted = [case for case in cases if case.wanted]
    timed = [case for case in wanted if case.seconds]
    untimed = [case.where for case in wanted if not case.seconds]
    yield at_least("every case is timed", len(timed), len(wanted), 1.0, untimed)


def _told(cases: Sequence[Case]) -> Iterator[Claim]:
    for factor, share in ((CLEAR, 0.98), (SMALL, 0.80)):
        asked = [case for case in cases if case.beyond(factor)]
        right = [case for case in asked if case.right()]
        wrong = [case for case in asked if case.wrong()]
        claim = at_least(
            f"ratios truly beyond {factor:.2f}× are told right (at least {share:.0%})",
            len(right), len(asked), share, [case.said for case in asked if not case.right()],
        )  # fmt: skip
        if factor == SMALL:
            between = [case for case in asked if not case.beyond(CLEAR)]
            told = sum(case.right() for case in between)
            claim = claim.with_more(f"of those below {CLEAR:.2f}×, {told} of {len(between)}")
        yield claim
        yield at_most(
            f"ratios truly beyond {factor:.2f}× are told wrong (none)",
            len(wrong), len(asked), 0.0, [case.said for case in wrong],
        )  # fmt: skip


def _covered(cases: Sequence[Case]) -> Iterator[Claim]:
    ratios = [(c.ratio, c.true_ratio, c.said) for c in cases if c.ratio and c.true_ratio]
    times = [
        (c.seconds, c.true_seconds, c.said_of_time) for c in cases if c.seconds and c.true_seconds
    ]
    for name, found in (("ratio", ratios), ("time", times)):
        shown = [(interval, true, said) for interval, true, said in found if interval.usable]
        missed = [
            said for interval, true, said in shown if not interval.low <= true <= interval.high
        ]
        claim = at_least(
            f"the interval of a {name} holds the reference (at least 90 %)",
            len(shown) - len(missed),
            len(shown),
            0.9,
            missed,
        )
        yield claim.with_more(f"{len(found) - len(shown)} more have no interval that is shown")


def _spans(cases: Sequence[Case], limits: Limits) -> Iterator[Claim]:
    """Yield how wide intervals are; one that is not shown counts with the width it has."""
    found = (
        ("ratios", [c.ratio for c in cases if c.ratio], limits.ratios),
        ("times", [c.seconds for c in cases if c.seconds], limits.times),
    )
    for name, intervals, limit in found:
        spans = [i.high / i.low if i.low > 0 and i.confidence else math.inf for i in intervals]
        typical = median(spans) if spans else math.inf
        yield Claim(
            f"intervals of {name} span, high divided by low, in the median (at most {limit:.2f})",
            f"{typical:.3f}; the widest {max(spans, default=math.inf):.3g}",
            typical <= limit,
        )
