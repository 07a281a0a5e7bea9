"""Types that are slower than the baseline at one batch and faster at another, in a sentence."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from convbench.core import text as show
from convbench.report.phrases import against
from convbench.runs.conditions import AXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.groups import Group
    from convbench.runs.frame import Row


def flips(types: Sequence[Group]) -> str:
    """Return where the batch decides which is faster, by the first example; "" where nowhere.

    Only verdicts that name one as faster count, of cases that differ in the batch alone.
    """
    found: dict[tuple[Any, ...], list[tuple[int, Group, Row]]] = {}
    for group in types:
        for row in group.compared:
            spec, time = row.record.spec, row.time
            if spec is not None and time is not None and time.verdict in {"faster", "slower"}:
                conditions = tuple(getattr(row.record, axis) for axis in ("device", *AXES))
                block = bool(row.record.knobs.get("block"))
                key = row.record.label, block, replace(spec, batch=1), conditions
                found.setdefault(key, []).append((spec.batch, group, row))
    changes = [
        (one, other)
        for batches in found.values()
        for one, other in pairwise(sorted(batches, key=lambda item: item[0]))
        if _verdict(one[2]) != _verdict(other[2])
    ]
    if not changes:
        return ""
    (_, group, row), (batch, _, other) = changes[0]
    if row.time is None or other.time is None or row.baseline is None:
        return ""
    name, ratio = row.baseline.label, show.ratio(other.time.value)
    others = len(changes) - 1
    changing = "changes" if others == 1 else "change"
    more = f" {show.plural(others, 'other verdict')} {changing} with the batch." if others else ""
    return (
        f"The batch decides: in {group.title}, {row.record.label} {against(row.time, name)}; at "
        f"batch {batch} it is {other.time.verdict} (time ratio {ratio}, "
        f"{show.evidence(other.time)}).{more}"
    )


def _verdict(row: Row) -> str:
    return row.time.verdict if row.time else ""
