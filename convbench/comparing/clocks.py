"""One kind of time for a case on both sides, or in all runs: kernel times, or else event times.

A kernel time holds no launching and an event time does, so no ratio is made of the two. Where one
side has no kernel times of a case, as where they could not be captured, or as a CPU has none, its
event times are compared on both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from convbench.clock.samples import EVENT_TIME
from convbench.comparing.matching import identity
from convbench.runs.one_clock import by_events, mixed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.comparing.matching import Key, Pair
    from convbench.runs.record import Record, Run

EVENTS: Final = "event times: the kernels were not timed on both sides"
"""What is said of a pair whose kernel times one side lacks."""


def pool(record: Record) -> str:
    """Return the name of the cases whose common shift a record shares: its group's, of its clock.

    What slows the launches of a GPU slows no kernels.
    """
    return f"{record.group} · {EVENT_TIME}" if record.clock == EVENT_TIME else record.group


def lacking(pair: Pair) -> bool:
    """Tell whether a GPU's kernel times of a pair are missing on one side alone."""
    return mixed(pair.sides) and all(one.device.startswith("cuda") for one in pair.sides)


def without_kernels(pair: Pair) -> Pair:
    """Return the pair with event times on both sides."""
    left, right = (by_events(one) if one else None for one in (pair.left, pair.right))
    return replace(pair, left=left, right=right)


def one_clock(pair: Pair) -> Pair:
    """Return the pair with one kind of time on both sides."""
    return without_kernels(pair) if mixed(pair.sides) else pair


def one_clock_each(runs: Sequence[Run]) -> list[Run]:
    """Return runs in which each case has one kind of time wherever it was timed.

    It is the kind of the last run that timed it: an earlier one that has only event time is then
    left out, so that one capture that failed hides nothing.
    """
    known: dict[Key, list[Record]] = {}
    for run in runs:
        for record in run.records:
            if record.samples:
                known.setdefault(identity(record), []).append(record)
    by_kernels = {
        key: records[-1].kernels_alone for key, records in known.items() if mixed(records)
    }

    def turned(record: Record) -> Record:
        kernels = by_kernels.get(identity(record))
        if kernels is None or record.kernels_alone is kernels:
            return record
        return replace(record, samples=(), also={}) if kernels else by_events(record)

    return [replace(run, records=tuple(map(turned, run.records))) for run in runs]
