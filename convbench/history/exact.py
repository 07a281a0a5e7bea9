"""What needs no clock: counts that changed from one run to the next, and cases that broke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.comparing.exact import Change, changes
from convbench.comparing.matching import Pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convbench.history.series import Series
    from convbench.runs.record import Record


@dataclass(frozen=True, kw_only=True)
class Event:
    """What run `run` says otherwise of a case than the run before that had it."""

    series: int
    run: int
    change: Change
    notes: tuple[str, ...]


def events(cases: Sequence[Series]) -> tuple[Event, ...]:
    """Return what became of counts and of cases, by case and then by run.

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
