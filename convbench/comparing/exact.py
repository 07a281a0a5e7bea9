"""What is compared exactly: whether a case runs, its counts, and how it ran."""

from __future__ import annotations

from typing import Final, Literal

from convbench.clock.contamination import choices
from convbench.clock.cuda_kernels import short
from convbench.comparing.matching import Pair
from convbench.comparing.tables import busy
from convbench.core.costs import FIELDS, SUMMED
from convbench.core.text import listing, whole
from convbench.counting.tally import Tally
from convbench.runs.record import Record

Change = Literal["", "count changed", "broken", "mended"]

_FAILED: Final = frozenset({"failed", "invalid"})
_OF_THE_AXES: Final = ("output_dtype", "device", "threads")
_COUNTS: Final = tuple(sorted(SUMMED, key=lambda name: FIELDS[name].padded))
"""What does not depend on the padding is named first."""
_MOST_COUNTS: Final = 3
"""Counts of one case that are named: where one changed, most others did."""
_MOST_KERNELS: Final = 3


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


def other_kernels(left: Record, right: Record) -> tuple[str, ...]:
    """Return in words which kernels only one side ran; nothing where that is not known of both.

    On a CPU these are implementations of oneDNN and operators of ATen. Of a GPU's libraries, which
    choose anew in every process, it is the most frequent choice of each side.
    """
    (before, _), (after, _) = sides = _kernels(left), _kernels(right)
    if not before or not after or before.keys() == after.keys():
        return ()
    gone, new = (
        {key: name for key, name in own.items() if key not in other}
        for own, other in ((before, after), (after, before))
    )
    if {*gone.values()} & {*new.values()}:  # alike but for what a short name leaves out
        gone, new = ({key: key for key in names} for names in (gone, new))
    said = [
        f"{listing([*dict.fromkeys(names.values())], _MOST_KERNELS) or 'none of these'}{often}"
        for names, (_, often) in zip((gone, new), sides, strict=True)
    ]
    return (f"other kernels: {said[0]} before, {said[1]} after",)


def _kernels(record: Record) -> tuple[dict[str, str], str]:
    """Return what ran by its whole name, each with one for readers; and in how many processes."""
    told = record.execution.kernels if record.execution else ()
    words = {one.implementation: one.words for one in told}
    found = {
        f"{one.operator}, {one.backend} {one.implementation}": (
            f"{one.words}, reorder" if one.reorder else one.words
        )
        for one in told
        if not one.chosen
    }
    choice = [*choices(record.judged).values()]
    chosen = choice[0][0].kernels if choice else [k.implementation for k in told if k.chosen]
    found |= {name: words.get(name) or short(name) for name in chosen}
    of = sum(map(len, choice))
    return found, f" in {len(choice[0])} of {of} processes" if len(choice) > 1 else ""
