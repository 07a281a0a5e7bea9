"""Which cases of two sides belong together: by their identity, or by it but for one axis."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from convbench.comparing.sides import Side
from convbench.core import text as show
from convbench.core.errors import RunError
from convbench.runs.conditions import AXES
from convbench.runs.record import Record

BY: Final = ("device", *AXES)
"""The axes that two groups of cases may differ in and still be compared."""

Key = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A case on both sides, or on one of them."""

    left: Record | None
    right: Record | None

    @property
    def label(self) -> str:
        """The label of the case."""
        return self.sides[0].label

    @property
    def group(self) -> str:
        """The group that the case was measured in, on the left side if it is there."""
        return self.sides[0].group

    @property
    def sides(self) -> tuple[Record, ...]:
        """The records that there are, the left one first."""
        return tuple(record for record in (self.left, self.right) if record is not None)


def match(
    left: Iterable[Record], right: Iterable[Record], but: Collection[str] = ()
) -> tuple[Pair, ...]:
    """Pair the records of two sides, in the order of the left one, then what only the right has.

    but: axes in which the records of a pair may differ.

    Raises:
        RunError: two cases of one side that differ in these axes only.

    """
    first, second = _by_key(left, but), _by_key(right, but)
    keys = dict.fromkeys((*first, *second))
    return tuple(Pair(left=first.get(key), right=second.get(key)) for key in keys)


def _by_key(records: Iterable[Record], but: Collection[str]) -> dict[Key, Record]:
    found: dict[Key, Record] = {}
    for record in records:
        known = found.setdefault(identity(record, but), record)
        if known is not record and not (_counts_alone(but) and known.cost == record.cost):
            said = f" but for {', '.join(but)}" if but else ""
            raise RunError(
                f"{known.case} and {record.case} are the same case{said}, so which of them to "
                "compare is not defined: give a side that holds one of them."
            )
    return found


def _counts_alone(but: Collection[str]) -> bool:
    """Tell whether only counts are compared: they are the same under every condition."""
    return set(but) == set(BY)


def identity(record: Record, but: Collection[str] = ()) -> Key:
    """Return what makes a case what it is: what runs, in which slot, and how, but for some axes."""
    axes = tuple(getattr(record, axis) for axis in BY if axis not in but)
    block = bool(record.knobs.get("block"))
    return (record.kind, record.name, record.label, block, record.slot, record.input_shape, *axes)


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
    told = show.precision(value, kept[0].device) if by == "dtype" else value
    return replace(side, name=f"{by} {told}", records=kept)


def check_apart(left: Side, right: Side, by: str) -> None:
    """Raise RunError unless each side has one value of the axis, and they differ."""
    values = [{str(getattr(record, by)) for record in side.records} for side in (left, right)]
    if len(values[0]) != 1 or len(values[1]) != 1 or values[0] == values[1]:
        said = [", ".join(sorted(found)) or "nothing" for found in values]
        raise RunError(
            f"--by {by} with two runs needs one {by} in each, and two different ones: "
            f"{left.name} has {said[0]}, {right.name} has {said[1]}. Leave --by out to compare "
            "equal cases, or give one run that has both."
        )


def nearest(pairs: Sequence[Pair]) -> str:
    """Return in which axes cases of the two sides differ that are else the same, in words."""
    lefts = [pair.left for pair in pairs if pair.left and not pair.right]
    rights = [pair.right for pair in pairs if pair.right and not pair.left]
    found = set()
    for axis in BY:
        values: dict[Key, set[Any]] = {}
        for left in lefts:
            values.setdefault(identity(left, (axis,)), set()).add(getattr(left, axis))
        found |= {
            f"{axis} is {value} in one and {getattr(right, axis)} in the other"
            for right in rights
            for value in values.get(identity(right, (axis,)), ())
        }
    return "; ".join(sorted(found))
