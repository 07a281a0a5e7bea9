"""A document on a terminal: as wide as it is, tables with few lines, nothing of a name obeyed."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from convbench.core import text as show_value
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
from convbench.report.formats.plain import legible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from rich.console import Console, RenderableType

    from convbench.report.document import Block, Document

_SHORT: Final = 19
"""Columns that are no wider keep their lines whole: a time of day, a commit, a verdict."""


NARROW: Final = 110
"""Columns of a terminal below which some of a table give way to the others."""


def show(document: Document, console: Console, giving_way: Collection[str] = ()) -> None:
    """Print a document. Figures stay out, and so do folds: they are for a page.

    giving_way: keys of columns that a narrow terminal has no room for.
    """
    page = _Page(console.encoding, giving_way if console.width < NARROW else ())
    console.print(page.plain(document.title, "bold"))
    for block in document.blocks:
        for part in page.parts(block):
            console.print()
            console.print(part)


class _Page:
    """Turns blocks into what rich prints, in signs that the encoding has."""

    def __init__(self, encoding: str, giving_way: Collection[str]) -> None:
        self.encoding = encoding
        self.giving_way = giving_way

    def plain(self, text: str, style: str = "") -> Text:
        """Return text that is shown as it stands, in one line: nothing in it is obeyed."""
        return Text(legible(text, self.encoding), style=style)

    def parts(self, block: Block) -> Iterator[RenderableType]:
        """Yield what is printed of a block."""
        match block:
            case Heading():
                yield self.plain(block.text, "bold")
            case Paragraph():
                yield self.plain(block.text)
            case Bullets():
                yield Text("\n").join(self._bullet(item) for item in block.items)
            case Code():
                yield Padding(Text(block.text), (0, 2))
            case Table():
                yield from self._table(block)
            case Figure() | Fold():
                return

    def _bullet(self, item: Bullet) -> Text:
        lead = Text.assemble(self.plain(item.lead, "bold"), ": ") if item.lead else Text()
        return Text.assemble("- ", lead, self.plain(item.text))

    def _table(self, table: Table) -> Iterator[RenderableType]:
        if table.caption:
            yield self.plain(table.caption, "italic")
        if not table.rows:
            yield Text("No rows.")
            return
        kept = [i for i, column in enumerate(table.columns) if column.key not in self.giving_way]
        grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for index in kept:
            column = table.columns[index]
            cells = [self.plain(show_value.cell(row[index], column.kind)) for row in table.rows]
            widest = max(cell.cell_len for cell in cells)
            number = column.kind != "text"
            # a number stays with its unit and its interval, and a short word is not cut in two
            fixed = number or widest <= _SHORT
            grid.add_column(
                self._head(column.name, widest) if fixed else self.plain(column.name),
                justify="right" if number else "left",
                no_wrap=fixed,
                overflow="fold",
            )
        for row in table.rows:
            grid.add_row(
                *(self.plain(show_value.cell(row[i], table.columns[i].kind)) for i in kept)
            )
        yield grid

    def _head(self, name: str, width: int) -> Text:
        """Return a name over a column of this width, in as many lines as that takes."""
        return Text("\n").join(
            Text(line)
            for line in wrap(self.plain(name).plain, max(width, 1), break_long_words=False)
        )
