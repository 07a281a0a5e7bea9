"""What is compared exactly: whether a case runs, its counts, and how it ran."""

from __future__ import annotations

from typing import Final, Literal

from convbench.comparing.matching import Pair
from convbench.comparing.tables import busy
from convbench.core.costs import FIELDS, SUMMED
from convbench.core.text import whole
from convbench.counting.tally import Tally
from convbench.runs.record import Record

Change = Literal["", "count changed", "broken", "mended"]

_FAILED: Final = frozenset({"failed", "invalid"})
_OF_THE_AXES: Final = ("output_dtype", "device", "threads")
_COUNTS: Final = tuple(sorted(SUMMED, key=lambda name: FIELDS[name].padded))
"""What does not depend on the padding is named first."""
_MOST_COUNTS: Final = 3
"""Counts of one case that are named: where one changed, most others did."""


def changes(pair: Pair) -> tuple[Change, tuple[str, ...]]:
    """Return what changed of the case and of its counts, and in words what differs.

    A case whose times a busy machine made invalid ran: it is not broken, and its counts hold.
    One that the left side does not have is not broken either.
    """
    left, right = pair.left, pair.right
    if right is None:
        return "", ()
    now = _state(right)
    reason = f": {right.reason}" if now != "ok" else ""
    if left is None:
        return "", ((f"{now}{reason}",) if now in _FAILED else ())
    before = _state(left)
    if before != now:
        said = (f"{before} before, now {now}{reason}",)
        if now in _FAILED or before == "ok":
            return "broken", said
        return ("mended" if before in _FAILED else ""), said
    if left.cost and not right.cost:
        return "count changed", (f"multiplications {whole(left.cost.multiplications)} → not known",)
    counts = [item for item in _counts(left, right) if item[1] != item[2]]
    differing = [
        f"{name} {whole(a)} → {whole(b)}" for name, a, b in counts if a is not None is not b
    ]
    lost = [
        f"{name}: not known on the {'left' if a is None else 'right'} side"
        for name, a, b in counts
        if a is None or b is None
    ]
    more = len(differing) - _MOST_COUNTS
    if more > 0:
        differing[_MOST_COUNTS:] = [f"and {more} more counts"]
    return ("count changed" if differing else ""), (*differing, *lost)


def _state(record: Record) -> str:
    return "ok" if busy(record) else record.status


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


def ran(left: Record, right: Record) -> tuple[str, ...]:
    """Return in what the identity of what ran differs, such as the backend; not in the axes."""
    return tuple(
        f"{key}: {left.ran[key]} → {right.ran[key]}"
        for key in left.ran
        if key not in _OF_THE_AXES and key in right.ran and left.ran[key] != right.ran[key]
    )
