"""What the pages of a comparison and of a history have in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from convbench.clock.contamination import hopeless
from convbench.core.intervals import RatioInterval
from convbench.report.document import Column, Table
from convbench.runs.record import Record

NOT_MEASURED: Final = "not measured: machine busy"
"""Of a case whose times the load of the machine made invalid."""


def timed(record: Record | None) -> bool:
    """Tell whether a case ran and has times."""
    return (
        record is not None
        and record.status == "ok"
        and bool(record.judged)
        and min(samples.minimum for samples in record.judged) > 0
    )


def busy(record: Record | None) -> bool:
    """Tell whether a case ran and has no valid time because the machine was busy all the while."""
    return record is not None and record.status == "invalid" and hopeless(record.judged)


def percentage(share: float) -> str:
    """Return a limit as it was given: 5 %, 2.5 %."""
    return f"{100 * share:.4g} %"


def of_logs(
    value: float, low: float, high: float, *, confidence: float, processes: int = 1
) -> RatioInterval:
    """Return a ratio of two sides with its interval, given as logs; it is not judged yet."""
    return RatioInterval.of_logs(
        value, low, high, confidence=confidence, paired=False, verdict="cannot tell",
        processes=processes,
    )  # fmt: skip


def lean(
    identity: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    *,
    keep: Collection[str] = (),
    drop: Collection[str] = (),
) -> Table:
    """Return a table without its empty columns.

    keep: keys of columns that stay though they are empty. drop: of those that go in any case.
    """
    used = [
        index
        for index, column in enumerate(columns)
        if column.key in keep
        or (column.key not in drop and any(row[index] not in {None, ""} for row in rows))
    ]
    return Table(
        id=identity,
        caption=caption,
        columns=tuple(columns[index] for index in used),
        rows=tuple(tuple(row[index] for index in used) for row in rows),
    )
