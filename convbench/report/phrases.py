"""Phrases that say what a ratio says, and no more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench.report import format as show
from convbench.report.caveats import named
from convbench.timing.stats import FEWEST_ROUNDS_FOR_A_VERDICT, RatioInterval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.runs.frame import Row

MOST_NAMES: Final = 4
"""Names in one sentence; the others are counted."""
_SAME: Final = 1e-9


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


def cannot_tell(row: Row, other: Row) -> bool:
    """Tell whether two rows were timed and the clock cannot tell which is faster."""
    found = row.against(other)
    return found is not None and found.verdict in {"cannot tell", "same"}


def surely_faster(row: Row, other: Row) -> bool:
    """Tell whether the first row is faster, by the interval."""
    found = row.against(other)
    return found is not None and found.verdict == "faster"


def basis(row: Row) -> str:
    """Return what the time of a row rests on: 95 % interval, 3 processes, 90 rounds."""
    samples = row.record.samples
    rounds = show.plural(sum(len(process.seconds) for process in samples), "round")
    parts = [show.plural(len(samples), "process", "processes"), rounds]
    if row.seconds and row.seconds.confidence:
        of = " for one more process" if row.seconds.processes > 1 else ""
        parts.insert(0, f"{show.confidence(row.seconds.confidence)} interval{of}")
    return ", ".join(parts)


def against(time: RatioInterval, baseline: str) -> str:
    """Return what a time ratio says: is 2.4× faster than standard (95 % interval 2.3–2.5)."""
    if time.verdict == "cannot tell":
        why = "the interval contains 1"
        if not time.low <= 1 <= time.high:
            why = f"fewer than {FEWEST_ROUNDS_FOR_A_VERDICT} rounds"
        reached = f", {show.confidence(time.confidence)} interval" if time.confidence else ""
        ratio_text = show.ratio(time)
        return (
            f"cannot be told from {baseline} by the clock ({why}: time ratio {ratio_text}{reached})"
        )
    faster = time.verdict == "faster"
    factor, _, interval = show.times_interval(time, inverse=faster).partition(" ")
    return f"is {factor} {time.verdict} than {baseline} {interval}"


def multiplications_against(share: float, baseline: str) -> str:
    """Return what a multiplication ratio says: needs 7.9× fewer multiplications than standard."""
    if abs(share - 1) < _SAME:
        return f"needs as many multiplications as {baseline}"
    if share > 1:
        return f"needs {show.times(share)} the multiplications of {baseline}"
    if not share:
        return "needs no multiplications"
    return f"needs {show.times(1 / share)} fewer multiplications than {baseline}"
