"""The table of all cases with all columns, for the formats that are for data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convbench.core.units import REAL
from convbench.report.document import Column, Table
from convbench.runs.columns import COLUMNS, FrameColumn, of_backend, of_counter
from convbench.runs.columns_gpu import OF_A_GPU
from convbench.runs.frame import columns_of, values_of

if TYPE_CHECKING:
    from convbench.runs.record import Run


def cases_table(run: Run) -> Table:
    """Return the frame of a run as a table: every case with every column."""
    columns = columns_of(run)
    return Table(
        id="cases",
        caption="Every case with every column; times in seconds, counts of one forward pass of "
        "the whole batch.",
        columns=tuple(
            Column(name=column.name, key=column.name, kind=column.kind, note=column.note)
            for column in columns
        ),
        rows=tuple(zip(*(values_of(run, column) for column in columns), strict=True)),
    )


def case_schema() -> dict[str, Any]:
    """Return the JSON Schema of a row of that table: its columns, and what they hold."""
    of_any = (*of_counter("[^ ]+"), of_backend(".+"))
    return {
        "description": 'A row of the table "cases"; a value that is missing is null.',
        "type": "object",
        "additionalProperties": False,
        "required": list(COLUMNS),
        "properties": {
            **{name: _value(column) for name, column in COLUMNS.items()},
            **{name: _value(column) for name, column in OF_A_GPU.items()},
        },
        "patternProperties": {f"^{column.name}$": _value(column) for column in of_any},
    }


def _value(column: FrameColumn) -> dict[str, Any]:
    number = "number" if column.kind in REAL else "integer"
    found: dict[str, Any] = {"type": ["string" if column.kind == "text" else number, "null"]}
    return {**found, "description": column.note} if column.note else found
