"""Which cases of two sides belong together: by their identity, or by it but for one axis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from convbench.errors import RunError
from convbench.runs.conditions import AXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convbench.comparing.sides import Side
    from convbench.runs.record import Record

BY: Final = ("device", *AXES)
"""The axes that two groups of cases may differ in and still be compared."""

Key = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A case on both sides, or on one of them; `group` names what was measured together."""

    label: str
    group: str
    left: Record | None
    right: Record | None


def match(left: Iterable[Record], right: Iterable[Record], by: str | None) -> tuple[Pair, ...]:
    """Pair the records of two sides, in the order of the left one, then what only the right has."""
    first = {identity(record, by): record for record in left}
    second = {identity(record, by): record for record in right}
    return tuple(
        _pair(first.get(key), second.get(key), by) for key in dict.fromkeys((*first, *second))
    )


def _pair(left: Record | None, right: Record | None, by: str | None) -> Pair:
    one = left or right
    assert one is not None  # noqa: S101  a key comes from a record
    return Pair(label=one.label, group=_without(one.group, one, by), left=left, right=right)


def identity(record: Record, by: str | None = None) -> Key:
    """Return what makes a case what it is: what runs, in which slot, and how, but for one axis."""
    axes = tuple(getattr(record, axis) for axis in BY if axis != by)
    block = bool(record.knobs.get("block"))
    return (record.kind, record.name, record.label, block, record.slot, record.input_shape, *axes)


def _without(group: str, record: Record, by: str | None) -> str:
    """Return the group's label without the word of the axis that the sides differ in."""
    if by is None:
        return group
    value = getattr(record, by)
    words = {str(value), str(value).replace("_", " "), f"{value} threads", f"{value} thread",
             f"{value}'s allocator", f"{value} caches"}  # fmt: skip
    return " · ".join(part for part in group.split(" · ") if part not in words)


def split(side: Side, by: str, values: Sequence[str] | None) -> tuple[Side, Side]:
    """Return two parts of one side that differ in an axis.

    values: the two to compare, the first one to be compared with; by default the first two that
    the run has, in the order of the axis.

    Raises:
        RunError: the run has not both values.

    """
    have = list(dict.fromkeys(str(getattr(record, by)) for record in side.records))
    known = AXES.get(by)
    if known:
        have.sort(key=lambda value: known.index(value) if value in known else len(known))
    wanted = list(values or have[:2])
    if len(wanted) != 2 or wanted[0] == wanted[1] or not set(wanted) <= set(have):  # noqa: PLR2004
        asked = f"{by}={','.join(values)}" if values else by
        raise RunError(
            f"{side.name} cannot be compared with itself by {asked}: its cases have {by} "
            f"{', '.join(have) or 'nothing'}; give two of these, as in --by {by}=A,B, or a run "
            f"that was made with two (convbench run --{by} A,B)."
        )
    parts = [_part(side, by, value) for value in wanted]
    return parts[0], parts[1]


def _part(side: Side, by: str, value: str) -> Side:
    kept = tuple(record for record in side.records if str(getattr(record, by)) == value)
    return replace(side, name=f"{by} {value}", records=kept)


def nearest(pairs: Sequence[Pair]) -> str:
    """Return in which axes cases of the two sides differ that are else the same, in words."""
    lefts = [pair.left for pair in pairs if pair.left and not pair.right]
    rights = [pair.right for pair in pairs if pair.right and not pair.left]
    found = {
        f"{axis} is {getattr(left, axis)} in one and {getattr(right, axis)} in the other"
        for left in lefts
        for right in rights
        for axis in BY
        if identity(left, axis) == identity(right, axis)
    }
    return "; ".join(sorted(found))
