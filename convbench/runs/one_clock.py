"""Kernel times and event times of a GPU are not compared: records that have both kinds, or one.

A kernel time holds no launching and an event time does. Where some of the records to compare have
no kernel times, the event times of all are compared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from convbench.clock.samples import KERNEL, KERNEL_TIME, time_title

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convbench.runs.record import Record


def by_events(record: Record) -> Record:
    """Return the record without the times of its kernels: its event times are then compared.

    It has none where the stopwatch of kernels was asked for, and nothing else was timed.
    """
    if time_title(record.samples) == KERNEL_TIME:
        return replace(record, samples=(), also={})
    return replace(
        record, also={name: told for name, told in record.also.items() if name != KERNEL}
    )


def mixed(records: Iterable[Record | None]) -> bool:
    """Tell whether some of these have kernel times, and others only event times."""
    return len({record.kernels_alone for record in records if record and record.samples}) > 1
