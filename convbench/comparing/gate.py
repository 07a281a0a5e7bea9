"""A Comparison -> a headline and an exit status, for a gate in continuous integration.

None of the statuses is 1 or 2: Python, make and argument parsers end with these when something else
went wrong, and a gate must not take that for a result. Inconclusive cases alone do not fail a gate,
as skipped tests do not fail a test run: the headline says how many there are, and `strict` makes
them fail.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from convbench.comparing.comparison import Comparison
from convbench.comparing.judging import REASONS, Limits, tally
from convbench.comparing.tables import busy, timed
from convbench.core import text as show
from convbench.core.errors import RunError

OK: Final = 0
REGRESSION: Final = 3
CANNOT_TELL: Final = 4
INCOMPARABLE: Final = 5
STATUSES: Final = {
    OK: "no regression in what could be compared",
    REGRESSION: "something is slower, a count changed, or a case no longer runs",
    CANNOT_TELL: "with --strict: a case or a group is inconclusive",
    INCOMPARABLE: "environments differ in a key that must match, or a side lacks cases or times",
}
"""What each exit status means."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A preset: limits, whether inconclusive cases fail, and whether times are compared at all."""

    what: str
    threshold: float = Limits.threshold
    drift: float = Limits.drift
    strict: bool = False
    times: bool = True


GATES: Final = {
    "ci": Gate(
        what="shared machines: fails on significant changes beyond 10 %, never on inconclusive "
        "cases",
        threshold=0.10,
        drift=0.30,
    ),
    "steady": Gate(
        what="a machine of your own with fixed clocks: threshold 3 %, inconclusive cases fail",
        threshold=0.03,
        drift=0.05,
        strict=True,
    ),
    "counts": Gate(what="counts alone, exactly; times are not compared", times=False),
}
"""The presets of --gate."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a comparison ends: the exit status, and the headline."""

    status: int
    why: str


def gate(name: str) -> Gate:
    """Return a preset by name; RunError for one that there is not."""
    if name not in GATES:
        known = "; ".join(f"{known} ({item.what})" for known, item in GATES.items())
        raise RunError(f"There is no gate {name!r}. There are {known}.")
    return GATES[name]


def outcome(
    comparison: Comparison, *, strict: bool = False, gated: bool = True, partial: bool = False
) -> Outcome:
    """Return how a comparison ends.

    What holds in whatever environment, a changed count or a case that no longer runs, goes before
    what is incomparable; and that goes before what is inconclusive. gated: False where slower is a
    finding and no regression, as between two layouts. partial: a side may lack cases, or times,
    that the other has.
    """
    wrong = _wrong(comparison) if gated else []
    if wrong:
        said = f"Regression: {show.listing(wrong)}. {_judged(comparison)}".strip()
        return Outcome(status=REGRESSION, why=said)
    why = _incomparable(comparison)
    lacking = [] if why or partial or not gated else _lacking(comparison)
    if lacking:
        why = (
            f"{', '.join(lacking)}. What both sides have is compared all the same; where one side "
            "is meant to be a part of the other, give --partial"
        )
    if why:
        return Outcome(status=INCOMPARABLE, why=f"Incomparable: {why}.")
    unsure = _unsure(comparison) if strict else []
    if unsure:
        why = f"{', '.join(unsure)}, which fails with --strict and --gate steady"
        said = f"Not passed: {why}.{_reason(comparison)}"
        return Outcome(status=CANNOT_TELL, why=said)
    return Outcome(status=OK, why=_passed(comparison, gated=gated))


def _wrong(comparison: Comparison) -> list[str]:
    changes = Counter(row.change for row in comparison.rows)
    slower = sum(item.verdict == "slower" for item in comparison.moved)
    kinds = (
        (changes["count changed"], "case has changed counts", "cases have changed counts"),
        (changes["broken"], "case no longer runs", "cases no longer run"),
        (len(comparison.found("slower")), "case is slower", "cases are slower"),
        (slower, "group is slower as a whole", "groups are slower as a whole"),
    )
    return [show.plural(number, one, many) for number, one, many in kinds if number]


def _passed(comparison: Comparison, *, gated: bool) -> str:
    """Return the headline of a comparison without a regression: what could be judged, and how."""
    counts = ""
    if comparison.counted and not comparison.changed:
        all_of = "all " if comparison.counted > 1 else ""
        cases = show.plural(comparison.counted, "case")
        counts = f"the counts of {all_of}{cases} are the same"
    if not comparison.times:
        return f"No regression was found: {counts}. Times were not compared, as requested."
    rows = sum(row.verdict is not None for row in comparison.rows)
    if not rows:
        return (
            f"Only counts could be compared: {counts or 'some changed, see below'}. No case has "
            "times on both sides."
        )
    judged = rows - len(comparison.found("cannot tell"))
    rest = f"{_reason(comparison)}{f' {show.capital(counts)}.' if counts else ''}"
    if not judged:
        return f"Inconclusive. {_judged(comparison)}{rest}"
    if 2 * judged < rows:
        return f"Mostly inconclusive. {_judged(comparison)}{rest}"
    if not gated:
        return f"{show.capital(tally(comparison.rows))}."
    return f"No regression was found. {_judged(comparison)}".strip()


def _judged(comparison: Comparison) -> str:
    """Return how many cases could be judged by their times, and how; empty where all could."""
    rows = [row for row in comparison.rows if row.verdict]
    judged = [row for row in rows if row.verdict != "cannot tell"]
    if len(judged) == len(rows):
        return ""
    said = f": {tally(judged)}" if judged else ""
    cases = show.plural(len(rows), "case")
    return f"{f'{len(judged):,}' if judged else 'None'} of {cases} could be judged by time{said}."


def _reason(comparison: Comparison) -> str:
    """Return the most frequent reason for an inconclusive case, as a sentence after a blank."""
    codes = Counter(row.reasons[-1] for row in comparison.found("cannot tell"))
    return "".join(
        f" Main reason ({show.plural(number, 'case')}): {REASONS[code]}."
        for code, number in codes.most_common(1)
    )


def _incomparable(comparison: Comparison) -> str:
    """Return why nothing could be compared at all; empty where something was."""
    if not comparison.shared:
        return "the two sides have no case in common"
    if comparison.times and comparison.in_the_way:
        keys = ", ".join(item.key for item in comparison.in_the_way)
        return f"times are not compared between environments that differ in {keys}"
    judged = any(row.verdict for row in comparison.rows)
    if not comparison.counted and not (comparison.times and judged):
        return "no case has counts" + (" or times" if comparison.times else "") + " on both sides"
    if comparison.unsettled:
        return (
            "so many cases differ that random variation and real changes cannot be separated; if "
            "most cases were changed on purpose, give --absolute"
        )
    return ""


def _lacking(comparison: Comparison) -> list[str]:
    """Return in words what the left side has and the right one does not, so that none can pass."""
    gone = sum(
        row.pair.right is None and (row.pair.left is not None and row.pair.left.status == "ok")
        for row in comparison.rows
    )
    untimed = sum(
        timed(row.pair.left) and not timed(row.pair.right) and not busy(row.pair.right)
        for row in comparison.shared
    )
    told = [row for row in comparison.shared if timed(row.pair.left) and timed(row.pair.right)]
    single = told and all("one-process" in row.reasons for row in told)
    kinds = {
        f"{show.plural(gone, 'case is', 'cases are')} on the left side only": gone,
        f"{show.plural(untimed, 'case has', 'cases have')} times on the left side only": (
            untimed if comparison.times else 0
        ),
        "no time can be judged with one process on each side": single if comparison.times else 0,
        "a run is not finished": comparison.left.unfinished + comparison.right.unfinished,
    }
    return [text for text, number in kinds.items() if number]


def _unsure(comparison: Comparison) -> list[str]:
    """Return in words what is inconclusive."""
    rows = len(comparison.found("cannot tell"))
    groups = sum(item.verdict == "cannot tell" for item in comparison.moved)
    kinds = {
        f"{show.plural(rows, 'case is', 'cases are')} inconclusive": rows,
        f"the common shift of {show.plural(groups, 'group')} is inconclusive": groups,
    }
    return [*(text for text, number in kinds.items() if number), *_lacking(comparison)]
