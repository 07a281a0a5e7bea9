"""Tables as data: parts of one put together, intervals in three columns, units by their names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from convbench.core.intervals import Interval, RatioInterval
from convbench.report.document import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convbench.report.document import Document

GROUP: Final = Column(name="group", key="group", note="the group of cases the row belongs to")
"""First column of a table that was put together from parts."""


@dataclass(frozen=True, kw_only=True)
class Flat:
    """A table of scalars: every row has a value, or None, for each of the columns."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]


def flat_tables(document: Document) -> tuple[Flat, ...]:
    """Return every table of the document, its `data` too, in reading order.

    Tables of one id become one, with the group of each row first. An interval becomes three
    columns, <key>, <key>_low and <key>_high; one that spans more than a factor of 2 has no ends.
    """
    parts: dict[str, list[Table]] = {}
    for block in [*document.walk(), *document.data]:
        if isinstance(block, Table):
            parts.setdefault(block.id, []).append(block)
    return tuple(_joined(tables) for tables in parts.values())


def _joined(tables: list[Table]) -> Flat:
    if len(tables) == 1 and not tables[0].part and not _intervals(tables[0]):  # as it is
        (table,) = tables
        return Flat(id=table.id, caption=table.caption, columns=table.columns, rows=table.rows)
    rows = [row for table in tables for row in _scalars(table)]
    columns = {column.key: column for row in rows for column, _ in row.values()}
    columns = columns or {column.key: column for column in tables[0].columns}
    return Flat(
        id=tables[0].id,
        caption=tables[0].caption,
        columns=tuple(columns.values()),
        rows=tuple(tuple(row[key][1] if key in row else None for key in columns) for row in rows),
    )


def _intervals(table: Table) -> bool:
    """Tell whether any value is an interval."""
    kinds = {kind for column in zip(*table.rows, strict=True) for kind in set(map(type, column))}
    return not kinds.isdisjoint({Interval, RatioInterval})


def _scalars(table: Table) -> Iterator[dict[str, tuple[Column, Any]]]:
    """Yield of every row its values and their columns, by the columns' keys."""
    ends = [[_end(column, name) for name in ("low", "high")] for column in table.columns]
    for row in table.rows:
        found: list[tuple[Column, Any]] = [(GROUP, table.part)] if table.part else []
        for column, two, value in zip(table.columns, ends, row, strict=True):
            if isinstance(value, Interval | RatioInterval):
                numbers = (value.low, value.high) if value.usable else (None, None)
                found += [(column, value.value), *zip(two, numbers, strict=True)]
            else:
                found.append((column, value))
        yield {column.key: (column, value) for column, value in found}


def _end(column: Column, end: str) -> Column:
    note = f"{'lower' if end == 'low' else 'upper'} end of the interval of {column.key}"
    return replace(column, name=f"{column.name}, {end}", key=f"{column.key}_{end}", note=note)
