"""JSON: the whole document as data, in the order it is read; its schema is published.

`schemas/report.schema.json` says what each field is, and `convbench schema report` prints it.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final

from convbench.core import text as show
from convbench.core.intervals import Interval, RatioInterval
from convbench.report.document import Fold, Table
from convbench.report.figuredata import FigureData
from convbench.report.flat import UNITS
from convbench.report.renderers import RENDERERS

if TYPE_CHECKING:
    from convbench.report.document import Block, Column, Document
    from convbench.report.renderers import Files

SCHEMA: Final = 2
"""Version of report.json, and of its schema; raised when a field changes or goes."""


@RENDERERS.register("json")
def render(document: Document) -> Files:
    """Return report.json. Values are raw, intervals are objects, a missing value is null."""
    whole = {
        "schema": SCHEMA,
        "title": document.title,
        "scope": document.scope,
        "findings": [plain(point) for point in document.findings],
        "blocks": [_block(block) for block in document.blocks],
        "data": [_block(table) for table in document.data],
    }
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1)
    return {"report.json": f"{text}\n".encode()}


def _block(block: Block) -> dict[str, Any]:
    kind = type(block).__name__.lower()
    if isinstance(block, Fold):
        blocks = [_block(inner) for inner in block.blocks]
        return {"type": kind, "summary": block.summary, "blocks": blocks}
    if isinstance(block, Table):
        return {
            "type": kind,
            "id": block.id,
            "part": block.part,
            "caption": block.caption,
            "columns": [_column(column) for column in block.columns],
            "rows": [_row(block, row) for row in block.rows],
        }
    return {"type": kind, **plain(block)}


def _column(column: Column) -> dict[str, str]:
    return {**plain(column), "unit": UNITS[column.kind]}


def _row(table: Table, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column.key: _cell(value) for column, value in zip(table.columns, row, strict=True)}


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str | Real | Interval | RatioInterval):
        return plain(value)
    return show.cell(value, "text")


def plain(value: Any) -> Any:
    """Return a value of a document as JSON types; what is not finite is null.

    A dataclass becomes an object of its fields; one of a figure says its `type` besides, and an
    interval that spans more than a factor of 2 has no ends.
    """
    if is_dataclass(value):
        named = {item.name: plain(getattr(value, item.name)) for item in fields(value)}
        if isinstance(value, Interval | RatioInterval) and not value.usable:
            named |= {"low": None, "high": None}
        if isinstance(value, FigureData):
            return {"type": type(value).__name__.lower(), **named}
        return named
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if math.isfinite(value) else None
