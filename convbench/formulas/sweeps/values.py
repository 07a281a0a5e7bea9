"""What a caller gives a sweep for one field, as a list of values that are checked."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from convbench.core.errors import SpecError, quoted
from convbench.core.spec import MAX_DIMS, PER_AXIS

_NUMBERS: Final = (*PER_AXIS, "scale", "in_channels", "out_channels", "batch")


MOST: Final = 50_000_000
"""Combinations that one sweep takes: its table holds about 150 bytes for each."""
_MOST_UNSIZED: Final = 1_000_000
"""Values that are taken of what has no length, such as a generator, which may have no end."""


def number_of(field: str, given: Any) -> int:
    """Return how many values a caller gives, where that is known before they are listed; else 1."""
    if isinstance(given, str) or (field in PER_AXIS and isinstance(given, tuple)):
        return 1
    try:
        return len(given)
    except OverflowError:  # a range beyond all lists
        return MOST + 1
    except TypeError:  # a value, an array of one, or what has no length
        return 1


def entries(field: str, given: Any) -> list[Any]:
    """Return the values of a field: ints, tuples of one int an axis, 'same', or a knob's values.

    Raises SpecError, naming the field and the value, for one that cannot be or an empty list.
    """
    found = [_entry(field, value) for value in _listed(field, given)]
    if not found:
        raise SpecError(f"{field}={quoted(given)} has no values: give at least one.")
    return found


def _listed(field: str, given: Any) -> list[Any]:
    if isinstance(given, bytes | bytearray | Mapping | AbstractSet):
        raise SpecError(f"{field}={quoted(given)} is no list of values: give a value, or a list.")
    if hasattr(given, "ndim"):  # an array: a list of numbers, or a row for each value
        given = given.tolist()
        return [tuple(row) if isinstance(row, list) else row for row in _as_list(given)]
    if field in PER_AXIS and isinstance(given, tuple) and not any(map(_is_compound, given)):
        return [given]
    if not _is_compound(given) or isinstance(given, str):
        return [given]
    if hasattr(given, "__len__"):
        return [*given]
    listed = list(itertools.islice(given, _MOST_UNSIZED + 1))
    if len(listed) > _MOST_UNSIZED:
        raise SpecError(
            f"{field}={quoted(given)} has no length and gives more than {_MOST_UNSIZED:,} values: "
            "give a list."
        )
    return listed


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_compound(value: Any) -> bool:
    return isinstance(value, str) or hasattr(value, "__iter__")


def _entry(field: str, value: Any) -> Any:
    if field == "bias":
        if not isinstance(value, bool):
            raise SpecError(f"bias={quoted(value)} is neither True nor False: give one of them.")
        return value
    if field not in _NUMBERS:
        return value.item() if hasattr(value, "item") and not getattr(value, "ndim", 0) else value
    if field == "padding" and value == "same":
        return value
    if field in PER_AXIS and isinstance(value, str):
        value = tuple(value.split("x"))
    if field in PER_AXIS and isinstance(value, list | tuple):
        axes = tuple(_whole(field, value, item) for item in value)
        if not 1 <= len(axes) <= MAX_DIMS:
            raise SpecError(
                f"{field}={quoted(value)}: give one to {MAX_DIMS} numbers, one an axis."
            )
        return axes if len(axes) > 1 else axes[0]
    return _whole(field, value, value)


def _whole(field: str, value: Any, item: Any) -> int:
    low = 0 if field == "padding" else 1
    shown = "x".join(value) if isinstance(value, tuple) and isinstance(item, str) else value
    try:
        if isinstance(item, bool):
            raise TypeError
        number = int(item) if isinstance(item, str) else operator.index(item)
    except (TypeError, ValueError):
        also = ", '3x5' or 'same'" if field == "padding" else ", or '56x28' for each axis"
        raise SpecError(
            f"{field}={quoted(shown)} is not a whole number: give an integer of at least {low}"
            f"{also if field in PER_AXIS else ''}."
        ) from None
    if not low <= number < 2**31:
        raise SpecError(f"{field}={quoted(shown)} holds {number}: give {low} to 2147483647.")
    return number


def axes_of(values: Mapping[str, list[Any]]) -> int:
    """Return the number of spatial axes of a sweep; SpecError where its values disagree."""
    counts = {len(v) if isinstance(v, tuple) else 1: v for v in values["input_size"]}
    if len(counts) > 1:
        shown = " and ".join(f"{label('input_size', v)} ({n})" for n, v in counts.items())
        raise SpecError(
            f"input_size has values of different numbers of axes, {shown}: give all of one sweep "
            "the same, as in ['56x56', '112x112']; a single number is a single axis."
        )
    (dims,) = counts
    for field in PER_AXIS[1:]:
        for value in values.get(field, []):
            if isinstance(value, tuple) and len(value) != dims:
                raise SpecError(
                    f"{field}={label(field, value)} has {len(value)} numbers and input_size "
                    f"{dims}: give one number, or one for each axis of input_size."
                )
    return dims


def label(field: str, value: Any) -> Any:
    """Return a value as it stands in a table with others of its field that are no plain ints."""
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return str(value) if field in PER_AXIS else value
