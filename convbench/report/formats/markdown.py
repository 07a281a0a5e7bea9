"""Markdown as GitHub shows it, with the figures as PNG files beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from tabulate import tabulate

from convbench.core import text as show
from convbench.report.document import (
    Bullets,
    Code,
    Document,
    Figure,
    Fold,
    Heading,
    Paragraph,
    Table,
)
from convbench.report.figures import drawn
from convbench.report.renderers import RENDERERS, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convbench.report.document import Block, Column
    from convbench.report.figures import Form
    from convbench.report.one_table import OneTable
    from convbench.report.renderers import Files

_LEFT: Final = frozenset({"text"})
# Characters that mean something to Markdown, to HTML or to GitHub's mathematics.
_SPECIAL: Final = re.compile(r"([\\`*\[\]|$~#])")
# An underscore inside a word means nothing; anywhere else it may start or end emphasis.
_EDGE_UNDERSCORE: Final = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_WIDEST: Final = 170
"""Signs of a line beyond which padding makes no column: editors break it."""
_PADDING: Final = re.compile(r" {2,}|-{4,}")
# What makes a list, a rule or a heading where it starts a line.
_AT_START: Final = re.compile(r"^([-+=]|\d+(?=[.)](?:\s|$)))")


@RENDERERS.register("markdown")
def render(document: Document) -> Files:
    """Return report.md, and figures/<id>.png for every figure, or the forms that were asked for.

    The page shows the first that a browser can show. Where none is, PNG is written too.
    """
    shown: Form = next((form for form in document.forms if form != "pdf"), "png")
    lines = [f"# {escape(document.title)}", *(markdown(block) for block in document.blocks)]
    page = "\n\n".join(lines) + "\n"
    for name in document.figures:
        page = page.replace(f"](figures/{name}.png)", f"](figures/{name}.{shown})")
    forms = tuple(dict.fromkeys((shown, *document.forms)))
    return {"report.md": page.encode(), **drawn(document.figures, forms)}


@TABLES.register("markdown")
def render_one(table: OneTable) -> Files:
    """Return table-<id>.md: caption, table, and what its numbers are."""
    parts = [_table(table.shown), *([escape(table.note)] if table.note else [])]
    return {f"table-{table.shown.id}.md": ("\n\n".join(parts) + "\n").encode()}


def escape(text: str) -> str:
    """Return plain text as Markdown that reads as that text, in one line, in a table or not."""
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(r"\\\1", text)
    text = _EDGE_UNDERSCORE.sub(r"\\_", text)
    return _AT_START.sub(_escape_start, text)


def _escape_start(match: re.Match[str]) -> str:
    start = match.group()
    return start + "\\" if start.isdigit() else "\\" + start


def markdown(block: Block) -> str:  # noqa: PLR0911  (one line for each kind of block)
    """Return one block as Markdown, without a line break at its end."""
    match block:
        case Heading():
            return f"{'#' * block.level} {escape(block.text)}"
        case Paragraph():
            return escape(block.text)
        case Bullets():
            return "\n".join(_bullet(item.lead, item.text) for item in block.items)
        case Code():
            return _code(block.text)
        case Table():
            return _table(block)
        case Figure():
            alt = escape(block.alt)
            return f"![{alt}](figures/{block.id}.png)\n\n*{escape(block.caption)}*"
        case Fold():
            inner = "\n\n".join(map(_tight, _together(block.blocks)))
            summary = f"<summary>{escape(block.summary)}</summary>"
            return f"<details>{summary}\n\n{inner}\n\n</details>"


class _Title(str):
    """What the rows below it, up to the next one, are of; alone in its row."""

    __slots__ = ()


def _together(blocks: Sequence[Block]) -> Iterator[Block]:
    """Yield blocks with neighbouring tables of one id as one: a row with its title before each."""
    for _, several in groupby(blocks, lambda each: isinstance(each, Table) and each.id):
        found = list(several)
        tables = [block for block in found if isinstance(block, Table)]
        if not tables[1:]:
            yield from found
            continue
        columns = {column.key: column for table in tables for column in table.columns}
        rows: list[tuple[Any, ...]] = []
        for table in tables:
            rows.append((_Title(table.title),))
            keys = [column.key for column in table.columns]
            named = (dict(zip(keys, row, strict=True)) for row in table.rows)
            rows += [tuple(row.get(key) for key in columns) for row in named]
        yield replace(tables[0], columns=tuple(columns.values()), rows=tuple(rows), title="")


def _tight(block: Block) -> str:
    """Return a block inside a fold, whose source nobody reads: tables are not padded."""
    return _table(block, widest=0) if isinstance(block, Table) else markdown(block)


def _shrink(match: re.Match[str]) -> str:
    return " " if match.group().startswith(" ") else "---"


def _bullet(lead: str, text: str) -> str:
    return f"- **{escape(lead)}:** {escape(text)}" if lead else f"- {escape(text)}"


def _code(text: str) -> str:
    """Return a fenced block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _table(table: Table, widest: int = _WIDEST) -> str:
    """Return a table, padded where its lines are no longer than `widest`."""
    caption = f"{escape(table.caption)}\n\n" if table.caption else ""
    if not table.rows:
        return f"{caption}No rows."
    rows = [
        [
            _cell(show.cell(value, column.kind), column)
            for column, value in zip(table.columns, row, strict=True)
        ]
        if not isinstance(row[0], _Title)
        else [f"**{escape(row[0])}**"]
        for row in table.rows
    ]
    text = tabulate(
        rows,
        headers=[escape(column.head) for column in table.columns],
        tablefmt="pipe",
        colalign=["left" if column.kind in _LEFT else "right" for column in table.columns],
        disable_numparse=True,
    )
    padded = len(text.partition("\n")[0]) <= widest
    return caption + (text if padded else _PADDING.sub(_shrink, text))


def _cell(text: str, column: Column) -> str:
    """Return the text of a cell; a number and its unit stay on one line where space is short."""
    text = escape(text)
    return text if column.kind in _LEFT else text.replace(" ", "\N{NO-BREAK SPACE}")
