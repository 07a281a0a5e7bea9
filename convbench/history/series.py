"""A case over runs: the same case in each of them, by its identity; and its exact changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convbench.clock.samples import Samples, joint_title
from convbench.comparing.clocks import pool
from convbench.comparing.exact import Change, changes
from convbench.comparing.matching import Key, Pair, identity
from convbench.comparing.tables import timed
from convbench.comparing.units import calm, members, of_processes
from convbench.history.shares import Floats
from convbench.runs.record import Record, Run


@dataclass(frozen=True, kw_only=True)
class Series:
    """A case, and its record in every run; None where a run has not got it.

    name: the case's own name, as in its newest run.
    """

    name: str
    label: str
    group: str
    records: tuple[Record | None, ...]

    @property
    def clock(self) -> str:
        """What its times are called, see `clock.samples.time_title`."""
        return joint_title(one.clock for one in self.records if one is not None and timed(one))

    @cached_property
    def pool(self) -> str:
        """What its common shift is that of, see `comparing.clocks.pool`."""
        return next((pool(one) for one in self.records if one and timed(one)), self.group)

    @property
    def times(self) -> int:
        """How many runs have a time of it."""
        return sum(timed(record) for record in self.records)


@dataclass(frozen=True, kw_only=True)
class Event:
    """A change of a case at run `run`, against the run before that had the case."""

    series: int
    run: int
    change: Change
    notes: tuple[str, ...]


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
            group=record.group,
            records=tuple(table.get(key) for table in tables),
        )
        for key, record in newest.items()
    )


def events(cases: Sequence[Series]) -> tuple[Event, ...]:
    """Return the changes of counts, and the cases that broke or run again, by case and by run.

    A count is compared with that of the last run that ran the case, also over runs that did not.
    """
    return tuple(event for index, case in enumerate(cases) for event in _of(index, case))


def _of(index: int, case: Series) -> Iterator[Event]:
    last: Record | None = None
    ran: Record | None = None
    for run, record in enumerate(case.records):
        if record is None:
            continue
        compared = [last] if ran is last or record.status != "ok" else [last, ran]
        for before in compared if run else ():  # the first run of all has nothing before it
            change, notes = changes(Pair(left=before, right=record))
            if change:
                yield Event(series=index, run=run, change=change, notes=notes)
        last = record
        ran = record if record.status == "ok" else ran


def logs(cases: Sequence[Series]) -> Floats:
    """Return logs of the times of processes, [case, run, process]; nan where there is none.

    Cases of a group have what they were measured in together at the same place. Processes that
    were disturbed are left out, as `comparing.units` has it.
    """
    runs = len(cases[0].records) if cases else 0
    blocks = [
        (rows, run, calm(of_processes([_samples(cases[row].records[run]) for row in rows])))
        for rows in members(case.pool for case in cases).values()
        for run in range(runs)
    ]
    width = max((block.shape[1] for *_, block in blocks), default=0)
    values = np.full((len(cases), runs, max(1, width)), np.nan)
    for rows, run, block in blocks:
        values[rows, run, : block.shape[1]] = block
    return values


def _samples(record: Record | None) -> tuple[Samples, ...]:
    return record.judged if record is not None and timed(record) else ()
