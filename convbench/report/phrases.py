"""Phrases that say what a ratio says, and no more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from convbench.clock.stats import FEWEST_ROUNDS_FOR_A_VERDICT, MARGIN
from convbench.core import text as show
from convbench.core.intervals import RatioInterval, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.runs.frame import Row
    from convbench.runs.record import Record

MOST_NAMES: Final = 4
"""Names in one sentence; the others are counted."""
WITHIN: Final = show.percent(MARGIN)
"""Of practical equality, in words."""
_SAME: Final = 1e-9


def named(record: Record) -> str:
    """Return the label with what the type gives up: pointwise (sees no neighbours)."""
    text = record.caveat.text
    return f"{record.label} ({text})" if text else record.label


def less(ahead: Sequence[Row], one: str, many: str) -> str:
    """Return which types are ahead because they do less, as a sentence; empty for none.

    `one` and `many` are the verb for one type and for several: "needs fewer", "need fewer".
    """
    if not ahead:
        return ""
    names = show.listing([named(row.record) for row in ahead], MOST_NAMES)
    return (
        f"{names} {many} still, but do less."
        if ahead[1:]
        else f"{names} {one} still, but does less."
    )


def verdict(row: Row, other: Row) -> Verdict | None:
    """Return what the clock says of a row beside another; None where they do not compare."""
    found = row.against(other)
    return found.verdict if found else None


def tied(row: Row, other: Row) -> bool:
    """Tell whether neither of two rows is faster: they are the same, or cannot be told apart."""
    return verdict(row, other) in {"same", "cannot tell"}


def rounds_of(record: Record) -> int:
    """Return how many rounds all processes together timed."""
    return sum(len(process.seconds) for process in record.samples)


def basis(row: Row) -> str:
    """Return what the time of a row rests on: 95 % interval, 10 processes, 90 rounds."""
    samples = row.record.samples
    parts = [show.plural(len(samples), "process", "processes")]
    parts.append(show.plural(rounds_of(row.record), "round"))
    if row.seconds and show.known(row.seconds):
        of = " for one more process" if row.seconds.processes > 1 else ""
        parts.insert(0, f"{show.confidence(row.seconds.confidence)} interval{of}")
    return ", ".join(parts)


def tallied(verdicts: Sequence[Verdict]) -> str:
    """Return how often each verdict was given: faster in 1, slower in 0 and so on."""
    words = {"faster": "faster", "slower": "slower", "same": "the same",
             "cannot tell": "cannot be told"}  # fmt: skip
    return show.listing([f"{words[one]} in {verdicts.count(one)}" for one in get_args(Verdict)])


def against(time: RatioInterval, baseline: str) -> str:
    """Return what a time ratio says: is 2.4× faster than standard (95 % interval 2.3–2.5)."""
    ratio = f"time ratio {show.ratio(time.value)}, {show.evidence(time)}"
    if time.verdict == "same":
        return f"is as fast as {baseline}, within {WITHIN} ({ratio})"
    if time.verdict == "cannot tell":
        if not time.low <= 1 <= time.high:
            ratio = f"fewer than {FEWEST_ROUNDS_FOR_A_VERDICT} rounds: {ratio}"
        elif show.known(time):
            ratio = f"the interval contains 1: {ratio}"
        return f"cannot be told from {baseline} by the clock ({ratio})"
    faster = time.verdict == "faster"
    factor, _, evidence = show.times_interval(time, inverse=faster).partition(" ")
    return f"is {factor} {time.verdict} than {baseline} {evidence}"


def multiplications_against(share: float, baseline: str) -> str:
    """Return what a multiplication ratio says: needs 7.9× fewer multiplications than standard."""
    if abs(share - 1) < _SAME:
        return f"needs as many multiplications as {baseline}"
    if share > 1:
        return f"needs {show.times(share)} the multiplications of {baseline}"
    if not share:
        return "needs no multiplications"
    return f"needs {show.times(1 / share)} fewer multiplications than {baseline}"
