"""The tables of one group as one: what a case costs, how long it takes, and both ratios."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from convbench.report.document import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convbench.report.document import Block, Document

MERGED: Final = ("latency", "ratios", "cost")
"""Tables of a group that are merged, case by case; the first there is says which cases, in which
order."""

_KEY: Final = "label"
ORDER: Final = (
    "label", "multiplications", "ratio_multiplications", "seconds", "ratio_seconds", "verdict",
)  # fmt: skip
"""Keys of the columns that come first, in this order."""

SHORT: Final = {
    "ratio_multiplications": "count ÷",
    "seconds": "time",
    "ratio_seconds": "time ÷",
    "gap": "time share ÷ count share",
}
"""Names of columns that must be narrow, by key; the captions of the tables say what ÷ is."""


def merged(document: Document, section: Sequence[Block]) -> Iterator[Table]:
    """Yield the merged table of each group whose first table stands in the section.

    Groups that a report folds are left to formats that can.
    """
    blocks = [b for b in document.blocks if isinstance(b, Table) and b.id in MERGED and b.rows]
    groups: dict[str, list[Table]] = {}
    for table in sorted(blocks, key=lambda block: MERGED.index(block.id)):
        groups.setdefault(table.part, []).append(table)
    for block in section:
        tables = groups.get(block.part, []) if isinstance(block, Table) else []
        if not tables or tables[0] is not block:
            continue
        yield from [_joined(tables)] if all(map(_has_keys, tables)) else tables


def _has_keys(table: Table) -> bool:
    """Tell whether each row of a table has a case of its own to be found by."""
    if not table.columns or table.columns[0].key != _KEY:
        return False
    return len({row[0] for row in table.rows}) == len(table.rows)


def _joined(tables: Sequence[Table]) -> Table:
    columns: dict[str, Column] = {}
    values: dict[str, dict[str, Any]] = {}
    for table in tables:
        for column in table.columns:
            name = SHORT.get(column.key, column.name)
            columns.setdefault(column.key, replace(column, name=name))
        for row in table.rows:
            found = values.setdefault(row[0], {})
            for column, value in zip(table.columns, row, strict=True):
                found.setdefault(column.key, value)
    keys = sorted(columns, key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))
    cases = [row[0] for row in tables[0].rows]
    return Table(
        id=tables[0].id,
        caption=_caption(tables),
        columns=tuple(columns[key] for key in keys),
        rows=tuple(tuple(values[case].get(key) for key in keys) for case in cases),
        part=tables[0].part,
    )


def _caption(tables: Sequence[Table]) -> str:
    """Return what 1 is, and what is counted: a merged table has no section around it that says."""
    found = " ".join(table.caption for table in tables if table.caption)
    counted = "count: multiplications (1 MAC = 1 multiplication); time: of one call."
    return f"{found} {counted}".strip()
