"""Phrases that say what a ratio says, and no more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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


def less(ahead: Sequence[Row], what: str) -> str:
    """Return which types are ahead because they do less, as a sentence; empty for none.

    what: "cheaper", "faster".
    """
    if not ahead:
        return ""
    names = show.listing([named(row.record) for row in ahead], MOST_NAMES)
    be, kind = ("are", "full replacements") if ahead[1:] else ("is", "full replacement")
    return f" {names} {be} {what} still, but no {kind}."


def verdict(row: Row, other: Row) -> Verdict | None:
    """Return what the clock says of a row beside another; None where they do not compare."""
    found = row.against(other)
    return found.verdict if found else None


def tied(row: Row, other: Row) -> bool:
    """Tell whether neither of two rows is faster: they are the same, or cannot be told apart."""
    return verdict(row, other) in {"same", "cannot tell"}


def undecided(rows: Sequence[Row], best: Row) -> list[tuple[str, list[Row]]]:
    """Return the rows that may be as fast as another, under what may be said of them.

    A tie is claimed only of a ratio whose interval is shown.
    """
    found: dict[str, list[Row]] = {}
    for row in rows:
        ratio = row.against(best)
        if ratio and ratio.verdict == "same":
            found.setdefault(f"as fast within {WITHIN} as", []).append(row)
        elif ratio and ratio.verdict == "cannot tell":
            known = "statistically tied with" if show.known(ratio) else "inconclusive against"
            found.setdefault(known, []).append(row)
    return sorted(found.items())


def rounds_of(record: Record) -> int:
    """Return how many rounds its time rests on, of all processes together."""
    return sum(len(process.seconds) for process in record.judged)


def kinds_of(flags: Sequence[str]) -> tuple[str, ...]:
    """Return what flags are, without their numbers: contaminated, disturbed."""
    return tuple(dict.fromkeys(flag.partition(":")[0] for flag in flags))


def tallied(rows: Sequence[Row]) -> str:
    """Return how often the rows have each verdict of the clock: faster in 3 and slower in 1.

    Where some have kernel times of a GPU and others event times, each are counted by themselves.
    """
    words = {"faster": "faster", "slower": "slower", "same": "as fast",
             "cannot tell": "inconclusive"}  # fmt: skip
    clocks: dict[str, list[str]] = {}
    for row in rows:
        if row.time:
            clocks.setdefault(row.record.clock, []).append(row.time.verdict)
    told = {
        clock: show.listing(
            [f"{word} in {found.count(one)}" for one, word in words.items() if one in found]
        )
        for clock, found in clocks.items()
    }
    if len(told) == 1:
        return "".join(told.values())
    return "; ".join(f"by {clock} {said}" for clock, said in told.items())


def against(time: RatioInterval, baseline: str) -> str:
    """Return what a time ratio says: is 2.4× faster than standard (95 % interval 2.3–2.5)."""
    ratio = f"time ratio {show.ratio(time.value)}, {show.evidence(time)}"
    if time.verdict == "same":
        return f"is as fast as {baseline} within {WITHIN} ({ratio})"
    if time.verdict == "cannot tell":
        if not time.low <= 1 <= time.high:
            few = f"fewer than {FEWEST_ROUNDS_FOR_A_VERDICT} rounds"
            return f"has {few}, too few to be called faster or slower than {baseline} ({ratio})"
        if show.known(time):
            return f"is statistically tied with {baseline} ({ratio})"
        return f"is inconclusive against {baseline} ({ratio})"
    faster = time.verdict == "faster"
    factor, _, evidence = show.times_interval(time, inverse=faster).partition(" ")
    return f"is {factor} {time.verdict} than {baseline} {evidence}"


def multiplications_against(share: float, baseline: str = "") -> str:
    """Return what a multiplication ratio says: needs 7.9× fewer multiplications than standard.

    Without a baseline, which the rest of the sentence names: needs 7.9× fewer multiplications.
    """
    than, of, as_ = (f" {word} {baseline}" if baseline else "" for word in ("than", "of", "as"))
    if abs(share - 1) < _SAME:
        return f"needs as many multiplications{as_}"
    if share > 1:
        return f"needs {show.times(share)} the multiplications{of}"
    if not share:
        return "needs no multiplications"
    return f"needs {show.times(1 / share)} fewer multiplications{than}"


def both(row: Row) -> str:
    """Return what both ratios of a row say."""
    base = row.baseline.label if row.baseline else "the baseline"
    if row.time is None:
        text = multiplications_against(row.multiplications or 0.0, base)
        return f"{text}; time: {row.no_time}"
    return f"{multiplications_against(row.multiplications or 0.0)} and {against(row.time, base)}"
