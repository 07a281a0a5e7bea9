"""A Comparison -> an exit status, for a gate that neither cries wolf nor looks away.

None of the statuses is 1 or 2: Python, make and argument parsers end with these when something else
went wrong, and a gate must not take that for a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from convbench.comparing.judging import Limits
from convbench.comparing.tables import timed
from convbench.core import text as show
from convbench.core.errors import RunError

if TYPE_CHECKING:
    from convbench.comparing.comparison import Comparison

OK: Final = 0
REGRESSION: Final = 3
CANNOT_TELL: Final = 4
INCOMPARABLE: Final = 5
STATUSES: Final = {
    OK: "no regression was found",
    REGRESSION: "something is slower, a count changed, or a case no longer runs",
    CANNOT_TELL: "with --strict: something could not be told",
    INCOMPARABLE: "environments that must match and do not, or too little that both sides have",
}
"""What each exit status means."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A preset: what matters, whether "cannot tell" fails, and whether times are judged at all."""

    what: str
    threshold: float = Limits.threshold
    drift: float = Limits.drift
    strict: bool = False
    times: bool = True


GATES: Final = {
    "ci": Gate(
        what="shared machines: fails on what is sure beyond 10 %, never on what cannot be told",
        threshold=0.10,
        drift=0.30,
    ),
    "steady": Gate(
        what="a machine of your own with fixed clocks: 3 %, and what cannot be told fails",
        threshold=0.03,
        drift=0.05,
        strict=True,
    ),
    "counts": Gate(what="counts alone, exactly; times are not judged", times=False),
}
"""The presets of --gate."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a comparison ends: the exit status, and in words why."""

    status: int
    why: str


def gate(name: str) -> Gate:
    """Return a preset by name; RunError for one that there is not."""
    if name not in GATES:
        known = "; ".join(f"{known} ({item.what})" for known, item in GATES.items())
        raise RunError(f"There is no gate {name!r}. There are {known}.")
    return GATES[name]


def outcome(  # noqa: PLR0911  a line for each way to end
    comparison: Comparison, *, strict: bool = False, gated: bool = True, partial: bool = False
) -> Outcome:
    """Return how a comparison ends.

    What is sure whatever the environment, a changed count or a case that no longer runs, goes
    before what does not compare; and that goes before what cannot be told. gated: False where
    slower is a finding and no regression, as between two layouts. partial: a side may lack cases,
    or times, that the other has.
    """
    wrong = _wrong(comparison) if gated else []
    if wrong:
        return Outcome(status=REGRESSION, why=f"Regression: {', '.join(wrong)}.")
    if not comparison.shared:
        return Outcome(status=INCOMPARABLE, why="Incomparable: the sides share no case.")
    if comparison.times and comparison.in_the_way:
        keys = ", ".join(item.key for item in comparison.in_the_way)
        return Outcome(
            status=INCOMPARABLE,
            why=f"Incomparable: times do not compare while these differ: {keys}.",
        )
    nothing = _nothing(comparison)
    if nothing:
        return Outcome(status=INCOMPARABLE, why=f"Incomparable: {nothing}.")
    lacking = [] if partial or not gated else _lacking(comparison)
    if lacking:
        return Outcome(
            status=INCOMPARABLE,
            why=f"Incomparable: {', '.join(lacking)}. What both have is compared all the same; "
            "where one side is meant to be a part of the other, say --partial.",
        )
    unsure = _unsure(comparison) if strict else []
    if unsure:
        return Outcome(
            status=CANNOT_TELL, why=f"Cannot tell, and --strict asks for more: {', '.join(unsure)}."
        )
    return Outcome(status=OK, why="No regression was found." if gated else "Compared.")


def _wrong(comparison: Comparison) -> list[str]:
    kinds = {
        "count changed": sum(row.change == "count changed" for row in comparison.rows),
        "no longer running": sum(row.change == "broken" for row in comparison.rows),
        "slower": len(comparison.found("slower")),
        "slower as a whole group": sum(item.verdict == "slower" for item in comparison.moved),
    }
    return [f"{number} {kind}" for kind, number in kinds.items() if number]


def _nothing(comparison: Comparison) -> str:
    """Return why nothing could be compared at all; empty where something was."""
    judged = any(row.verdict for row in comparison.rows)
    if not comparison.counted and not (comparison.times and judged):
        return "no case has counts" + (" or times" if comparison.times else "") + " on both sides"
    if comparison.unsettled:
        return (
            "so many cases differ that it cannot be told what unchanged ones do; if the whole "
            "program was changed, say --absolute"
        )
    return ""


def _lacking(comparison: Comparison) -> list[str]:
    """Return in words what the left side has and the right one does not, so that none can pass."""
    gone = sum(
        row.pair.right is None and row.pair.left is not None and row.pair.left.status == "ok"
        for row in comparison.rows
    )
    untimed = sum(timed(row.pair.left) and not timed(row.pair.right) for row in comparison.shared)
    told = [row for row in comparison.shared if timed(row.pair.left) and timed(row.pair.right)]
    single = told and all("one-process" in row.reasons for row in told)
    kinds = {
        f"{show.plural(gone, 'case is', 'cases are')} on the left side only": gone,
        f"{show.plural(untimed, 'case has', 'cases have')} times on the left side only": (
            untimed if comparison.times else 0
        ),
        "no time can be judged, with one process a side": single if comparison.times else 0,
        "a run is not finished": comparison.left.unfinished + comparison.right.unfinished,
    }
    return [text for text, number in kinds.items() if number]


def _unsure(comparison: Comparison) -> list[str]:
    """Return in words what could not be told."""
    rows = len(comparison.found("cannot tell"))
    groups = sum(item.verdict == "cannot tell" for item in comparison.moved)
    kinds = {
        f"{show.plural(rows, 'row', 'rows')} cannot be told": rows,
        f"{show.plural(groups, 'group', 'groups')} moved as a whole": groups,
    }
    return [*(text for text, number in kinds.items() if number), *_lacking(comparison)]
