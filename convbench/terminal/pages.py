"""A document on a terminal: as wide as it is, tables with few lines, nothing of a name obeyed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

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

    from convbench.report.document import Block, Column, Document

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
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in table.columns:
        number = column.kind != "text"
        grid.add_column(
            plain(column.name), justify="right" if number else "left", overflow="fold"
        )  # fmt: skip
    for row in table.rows:
        cells = zip(table.columns, row, strict=True)
        grid.add_row(*(_cell(value, column) for column, value in cells))
    yield grid if table.rows else Text("No rows.")


def _cell(value: Any, column: Column) -> Text:
    """Return a cell; a number stays on one line with its unit and its interval."""
    text = plain(show_value.cell(value, column.kind))
    if column.kind != "text":
        return Text(text.plain.replace(" ", "\N{NO-BREAK SPACE}"))
    return text
