"""CSV: each table of a document as raw values, for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from convbench.report.document import Table
from convbench.report.renderers import RENDERERS
from convbench.timing.stats import Interval, RatioInterval

if TYPE_CHECKING:
    from convbench.report.document import Document
    from convbench.report.renderers import Files


@RENDERERS.register("csv")
def render(document: Document) -> Files:
    """Return tables/<id>.csv for every table; parts of one table are put together again.

    Values are raw: seconds, whole counts, ratios with all digits. An interval becomes three
    columns, <key>, <key>_low and <key>_high. A missing value is empty.
    """
    parts: dict[str, list[Table]] = {}
    for block in [*document.walk(), *document.data]:
        if isinstance(block, Table):
            parts.setdefault(block.id, []).append(block)
    return {f"tables/{name}.csv": _csv(tables) for name, tables in parts.items()}


def _csv(tables: list[Table]) -> bytes:
    rows = [
        {**({"group": table.part} if table.part else {}), **_raw(table, row)}
        for table in tables
        for row in table.rows
    ]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    columns = columns or [column.key for column in tables[0].columns]
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    return frame.to_csv(index=False, lineterminator="\n").encode()


def _raw(table: Table, row: tuple[Any, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column, value in zip(table.columns, row, strict=True):
        if isinstance(value, Interval | RatioInterval):
            values[column.key] = value.value
            values[f"{column.key}_low"] = value.low
            values[f"{column.key}_high"] = value.high
        else:
            values[column.key] = value
    return values
