"""Until which batch a slot is timed whose suite says batch = "saturate".

The batch doubles until no case of the slot gains `GAIN` in throughput, or until memory does not
hold any of them. What comes after is skipped, with that reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from convbench.clock.estimates import typical
from convbench.core import text as show
from convbench.runs.one_clock import by_events, mixed
from convbench.runs.record import Record

GAIN: Final = 0.1
"""A share: a batch saturates where twice of it has not so much more throughput."""
UNLESS: Final = "unless the throughput has saturated"
BEGINS: Final = "saturated: "
"""How the reason begins of a case that need not be timed."""


def throughput(record: Record) -> float:
    """Return inputs a second; 0 without a time, or where a call took none."""
    seconds = typical(record.judged).value if record.judged else 0.0
    return record.input_shape[0] / seconds if seconds > 0 else 0.0


def gain(now: Record, before: Record) -> float | None:
    """Return the share by which the throughput of a case grew from one batch to the next.

    Of kernel times, or of event times where a batch has only these; None where one has no time.
    """
    both = (now, before)
    after, earlier = map(throughput, map(by_events, both) if mixed(both) else both)
    return after / earlier - 1 if after and earlier else None


def enough(before: Sequence[Sequence[Record]]) -> str:
    """Return why no larger batch of a slot is timed; empty where the next one is.

    before: the records of the smaller batches, the smallest first.
    """
    if not before:
        return ""
    if told := next((one.reason for one in before[-1] if one.reason.startswith(BEGINS)), ""):
        return told
    now, earlier = (
        {record.label: record for record in records if record.status == "ok"}
        for records in (before[-1], before[-2] if before[1:] else ())
    )
    batch = before[-1][0].input_shape[0]
    if not any(map(throughput, now.values())):
        return f"{BEGINS}at batch {batch} no case has a time"
    found = {label: gain(now[label], earlier[label]) for label in now if label in earlier}
    gains = {label: share for label, share in found.items() if share is not None}
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
