"""Names of groups for readers: what all groups share is said once, and left out of each name.

`Record.group` and `Record.slot` are the short forms, which identify a case and are what `--only`
is matched with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields

from convbench.core.slot_names import sizes
from convbench.runs.code import UNKNOWN
from convbench.runs.conditions import Condition
from convbench.runs.record import Record

_AXES = tuple(item.name for item in fields(Condition))


@dataclass(frozen=True, kw_only=True)
class Titles:
    """Names of the groups of some records.

    Attributes:
        shared: conditions under which all were timed: "cpu, float32, channels first, 1 thread".
        groups: the readable name of each group, by its short one; of code that of what timed it.

    """

    shared: str
    groups: dict[str, str]


def titles(records: Iterable[Record], but: Collection[str] = ()) -> Titles:
    """Return the names of the groups of these records; each is unique, as the short one is.

    but: axes that no name says, because the records are compared across them.
    """
    firsts: dict[str, Record] = {}
    for record in records:
        firsts.setdefault(record.group, record)
    words = {
        group: {axis: text for axis, text in _condition(record).items() if axis not in but}
        for group, record in firsts.items()
    }
    shared = set.intersection(*(set(each.items()) for each in words.values())) if words else set()
    own = {
        group: [text for axis, text in each.items() if (axis, text) not in shared]
        for group, each in words.items()
        if firsts[group].kind != "code"
    }
    every = next(iter(words.values()), {})
    return Titles(
        shared=", ".join(text for axis, text in every.items() if (axis, text) in shared),
        groups={
            group: ", ".join([slot_title(record), *own.get(group, ())])
            for group, record in firsts.items()
        },
    )


def slot_title(record: Record) -> str:
    """Return the readable name of a record's slot: 64→64, 3×3, 56×56, batch 16.

    Of a network "networks, 256×128, batch 1"; of code the name of what timed it.
    """
    if record.kind == "network":
        batch, _, *size = record.input_shape
        return f"networks, {sizes(size)}, batch {batch}"
    if record.spec is None:
        return record.slot
    return f"{record.spec.title}, blocks" if record.knobs.get("block") else record.spec.title


def _condition(record: Record) -> dict[str, str]:
    condition = Condition(**{axis: getattr(record, axis) for axis in _AXES})
    said = {axis: text.replace("_", " ") for axis, text in condition.words.items()}
    return {axis: text for axis, text in said.items() if text != UNKNOWN}
