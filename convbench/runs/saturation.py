"""Until which batch a slot is timed whose suite says batch = "saturate".

The batch doubles until no case of the slot gains `GAIN` in throughput, or until memory does not
hold any of them. What comes after is skipped, with that reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from convbench.clock.estimates import typical
from convbench.core import text as show
from convbench.runs.record import Record

GAIN: Final = 0.1
"""A share: a batch saturates where twice of it has not so much more throughput."""
UNLESS: Final = "unless the throughput has saturated"
BEGINS: Final = "saturated: "
"""How the reason begins of a case that need not be timed."""


def throughputs(records: Iterable[Record]) -> dict[str, float]:
    """Return the inputs a second of every case that has a time, by label."""
    timed = [record for record in records if record.status == "ok" and record.samples]
    found = {record.label: (record, typical(record.judged).value) for record in timed}
    return {
        label: record.input_shape[0] / seconds
        for label, (record, seconds) in found.items()
        if seconds > 0
    }


def enough(before: Sequence[Sequence[Record]]) -> str:
    """Return why no larger batch of a slot is timed; empty where the next one is.

    before: the records of the smaller batches, the smallest first.
    """
    if not before:
        return ""
    if told := next((one.reason for one in before[-1] if one.reason.startswith(BEGINS)), ""):
        return told
    now = throughputs(before[-1])
    batch = before[-1][0].input_shape[0]
    if not now:
        return f"{BEGINS}at batch {batch} no case has a time"
    earlier = throughputs(before[-2]) if before[1:] else {}
    gains = {label: now[label] / earlier[label] - 1 for label in now if label in earlier}
    if not gains:
        return ""
    most = max(gains, key=lambda label: gains[label])
    if gains[most] >= GAIN:
        return ""
    return (
        f"{BEGINS}from batch {before[-2][0].input_shape[0]} to {batch} no case gained "
        f"{show.percent(GAIN)} of throughput ({most} had the most, {_signed(gains[most])})"
    )


def _signed(share: float) -> str:
    return f"{'+' if share >= 0 else '−'}{show.percent(abs(share))}"
