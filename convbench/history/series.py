"""A case over runs: the same case in each of them, by its identity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convbench.comparing.matching import identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.comparing.matching import Key
    from convbench.history.shares import Floats
    from convbench.runs.record import Record, Run


@dataclass(frozen=True, kw_only=True)
class Series:
    """A case, and its record in every run; None where a run has not got it.

    name: the case's own name, as in its newest run.
    """

    name: str
    label: str
    slot: str
    group: str
    records: tuple[Record | None, ...]

    @property
    def times(self) -> int:
        """How many runs have a time of it."""
        return sum(timed(record) for record in self.records)


def timed(record: Record | None) -> bool:
    """Tell whether a run has a time of the case that can be believed."""
    return (
        record is not None
        and record.status == "ok"
        and bool(record.samples)
        and min(samples.minimum for samples in record.samples) > 0
    )


def series(runs: Sequence[Run]) -> tuple[Series, ...]:
    """Return every case that some run has: those of the newest run first, in its order."""
    tables = [{identity(record): record for record in run.records} for run in runs]
    newest: dict[Key, Record] = {}
    for table in reversed(tables):
        for key, record in table.items():
            newest.setdefault(key, record)
    return tuple(
        Series(
            name=record.case,
            label=record.label,
            slot=record.slot,
            group=record.group,
            records=tuple(table.get(key) for table in tables),
        )
        for key, record in newest.items()
    )


def logs(cases: Sequence[Series]) -> Floats:
    """Return logs of the medians of processes, [case, run, process]; nan where there is no time.

    Cases of a group have what they were measured in together at the same place.
    """
    runs = len(cases[0].records) if cases else 0
    places: dict[tuple[str, int], dict[str, int]] = {}
    cells: list[tuple[int, int, int, float]] = []
    for index, case in enumerate(cases):
        for run, record in enumerate(case.records):
            if record is None or not timed(record):
                continue
            known = places.setdefault((case.group, run), {})
            for samples in record.samples:
                place = known.setdefault(samples.session, len(known))
                cells.append((index, run, place, math.log(samples.median)))
    width = max((len(known) for known in places.values()), default=1)
    values = np.full((len(cases), runs, width), np.nan)
    for index, run, place, value in cells:
        values[index, run, place] = value
    return values
