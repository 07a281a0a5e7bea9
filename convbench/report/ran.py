"""What ran in each case of a group: a table of implementations, calls and reorders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench.report.document import Column, Table
from convbench.runs.columns import COLUMNS, OBSERVED

if TYPE_CHECKING:
    from convbench.report.groups import Group

_COLUMNS: Final = {
    "implementations": "what took most of a pass",
    "calls": "library calls",
    "reorders": "reorders",
    "seconds_calls": "time in calls",
    "seconds_reorders": "time in reorders",
}


def ran_tables(group: Group, caption: str = "") -> tuple[Table, ...]:
    """Return the table of a group; none where nothing is known of any of its cases.

    caption: in the place of the one that says what the columns are.
    """
    known = [row for row in group.timed if row.record.execution]
    if not known:
        return ()
    of_frame = [COLUMNS[key] for key in _COLUMNS]
    rows = []
    for row in known:
        values = [column.value(row) for column in of_frame]
        if row.record.execution and row.record.execution.reason:
            values[0] = row.record.execution.words
        rows.append((row.record.label, *values))
    return (
        Table(
            id="ran",
            caption=caption
            or (
                "What ran in one pass: library calls, those that only move data between memory "
                f"layouts (reorders), and time in them ({OBSERVED}; without an interval). The time "
                "of a call also holds dispatch and allocation around them."
            ),
            columns=(
                Column(name="case", key="label"),
                *(
                    Column(name=name, key=key, kind=COLUMNS[key].kind)
                    for key, name in _COLUMNS.items()
                ),
            ),
            rows=tuple(rows),
            part=group.label,
            title=group.title,
        ),
    )
