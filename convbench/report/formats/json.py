"""JSON: the whole document as data, in the order it is read; its schema is published.

The types say what each field is, and `convbench schema report` prints it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, is_dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from convbench.core import text as show
from convbench.core.intervals import Interval, RatioInterval
from convbench.core.serialization import tag
from convbench.report.document import Block, Bullet, Table
from convbench.report.figuredata import FigureData
from convbench.report.renderers import RENDERERS

if TYPE_CHECKING:
    from convbench.report.document import Document
    from convbench.report.renderers import Files

TAGGED: Final[tuple[type, ...]] = (*get_args(Block), *get_args(FigureData))
"""Whose objects say which of several they are, under "type"."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the pages of a report say, in their order, with raw values.

    One multiplication is one multiply-accumulate; counts are of one forward pass of the whole
    batch; times are seconds of one call.

    Attributes:
        schema: version of this format. It is raised when a field changes its meaning or goes.
        title: of the report.
        scope: one line on what was run; may be empty.
        findings: what the numbers come to, in sentences: the same points as the list "findings" in
            blocks. Empty where the report has none.
        blocks: the report, in reading order.
        data: tables too wide for a page, and the parts of tables that are too long for it. "cases"
            has every case with every column.

    """

    schema: Literal[2] = 2
    title: str
    scope: str
    findings: tuple[Bullet, ...]
    blocks: tuple[Block, ...]
    data: tuple[Table, ...]


@RENDERERS.register("json")
def render(document: Document) -> Files:
    """Return report.json. Values are raw, intervals are objects, a missing value is null."""
    names = [item.name for item in fields(Report) if item.name != "schema"]
    whole = plain(Report(**{name: getattr(document, name) for name in names}))
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1)
    return {"report.json": f"{text}\n".encode()}


def _row(table: Table, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column.key: _cell(value) for column, value in zip(table.columns, row, strict=True)}


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str | Real | Interval | RatioInterval):
        return plain(value)
    return show.cell(value, "text")


def plain(value: Any) -> Any:
    """Return a value of a document as JSON types; what is not finite is null.

    A dataclass becomes an object of its fields, without those that came later and say nothing new;
    one of several says its `type` besides. An interval that spans more than a factor of 2 has no
    ends, and the rows of a table are by column.
    """
    if is_dataclass(value):
        named = {
            item.name: told
            for item in fields(value)
            if not (item.metadata.get("added") and getattr(value, item.name) == item.default)
            for told in (getattr(value, item.name),)
        }
        if isinstance(value, Interval | RatioInterval) and not value.usable:
            named |= {"low": None, "high": None}
        if isinstance(value, Table):
            named["rows"] = [_row(value, row) for row in value.rows]
        tagged = {"type": tag(type(value))} if isinstance(value, TAGGED) else {}
        return tagged | {name: plain(item) for name, item in named.items()}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if math.isfinite(value) else None
