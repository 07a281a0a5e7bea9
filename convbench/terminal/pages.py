"""A document on a terminal: as wide as it is, tables with few lines, nothing of a name obeyed."""

from __future__ import annotations

import re
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from convbench.report import format as show_value
from convbench.report.document import (
    Bullet,
    Bullets,
    Code,
    Figure,
    Fold,
    Heading,
    Paragraph,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

    from convbench.report.document import Block, Document

_SHORT: Final = 17
"""Columns that are no wider keep their lines whole: a time of day, a commit, a verdict."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def show(document: Document, console: Console) -> None:
    """Print a document. Figures stay out, and so do folds: they are for a page."""
    console.print(plain(document.title, "bold"))
    for block in document.blocks:
        for part in _parts(block):
            console.print()
            console.print(part)


def plain(text: str, style: str = "") -> Text:
    """Return text that is shown as it stands: no markup, no control characters, one line."""
    return Text(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split())), style=style)


def _parts(block: Block) -> Iterator[RenderableType]:
    match block:
        case Heading():
            yield plain(block.text, "bold")
        case Paragraph():
            yield plain(block.text)
        case Bullets():
            yield Text("\n").join(_bullet(item) for item in block.items)
        case Code():
            yield Padding(Text(block.text), (0, 2))
        case Table():
            yield from _table(block)
        case Figure() | Fold():
            return


def _bullet(item: Bullet) -> Text:
    lead = Text.assemble(plain(item.lead, "bold"), ": ") if item.lead else Text()
    return Text.assemble("- ", lead, plain(item.text))


def _table(table: Table) -> Iterator[RenderableType]:
    if table.caption:
        yield plain(table.caption, "italic")
    if not table.rows:
        yield Text("No rows.")
        return
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, column in enumerate(table.columns):
        cells = [plain(show_value.cell(row[index], column.kind)) for row in table.rows]
        widest = max(cell.cell_len for cell in cells)
        number = column.kind != "text"
        # a number stays with its unit and its interval, and a short word is not cut in two
        fixed = number or widest <= _SHORT
        grid.add_column(
            _head(column.name, widest) if fixed else plain(column.name),
            justify="right" if number else "left",
            no_wrap=fixed,
            overflow="fold",
        )
    for row in table.rows:
        cells = [
            plain(show_value.cell(value, column.kind))
            for column, value in zip(table.columns, row, strict=True)
        ]
        grid.add_row(*cells)
    yield grid


def _head(name: str, width: int) -> Text:
    """Return a name over a column of this width, in as many lines as that takes."""
    return Text("\n").join(
        Text(line) for line in wrap(plain(name).plain, max(width, 1), break_long_words=False)
    )
