"""What the tables of a comparison and of a history have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convbench.report.document import Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from convbench.report.document import Column
    from convbench.runs.record import Record


def timed(record: Record | None) -> bool:
    """Tell whether a case ran and has times."""
    return (
        record is not None
        and record.status == "ok"
        and bool(record.samples)
        and min(samples.minimum for samples in record.samples) > 0
    )


def one_condition(cases: Iterable[tuple[str, str]]) -> bool:
    """Tell whether cases, each a group and its slot, run under one condition: slots name them."""
    return len({group.removeprefix(slot) for group, slot in cases}) == 1


def lean(
    identity: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    *,
    keep: Collection[str] = (),
    drop: Collection[str] = (),
) -> Table:
    """Return a table without the columns that say nothing.

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
