"""A report for a terminal: what the numbers say, and the tables they rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench.core import text as show
from convbench.report.document import (
    Bullets,
    Code,
    Figure,
    Fold,
    Heading,
    Paragraph,
    Table,
    sections,
)
from convbench.report.formats.terminal.narrowing import narrowed
from convbench.report.formats.terminal.prose import prose
from convbench.report.renderers import SCREENS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType
    from rich.text import Text

    from convbench.report.document import Block, Document

_SHOWN: Final = frozenset({"results", "agreement", "overview", "left-out"})
"""Tables that are shown, but for those that are folded."""


@SCREENS.register("terminal")
def render(document: Document, console: Console) -> None:
    """Print the findings, one table a group of cases, and what was left out of the run.

    What is not shown is named at the end. Styles are the console's: none where it is no terminal,
    no colour where NO_COLOR is set.
    """
    for part in _Page(document, console).parts():
        console.print(part, highlight=False)


def print_document(document: Document, console: Console) -> None:
    """Print every block of a document but figures and folds, which are for a page."""
    for part in _Page(document, console).whole():
        console.print(part, highlight=False)


class _Page:
    """Turns a document into what rich prints, as wide as the console and in signs that it has."""

    def __init__(self, document: Document, console: Console) -> None:
        self.document = document
        self.console = console
        self.dropped: dict[str, None] = {}
        """Names of the columns that had no room in some table, in order."""

    def parts(self) -> Iterator[RenderableType]:
        """Yield what is printed, in order."""
        yield self._text(self.document.title, "bold")
        before, found = sections(self.document.blocks)
        for section in [before, *found] if before else found:
            yield from self._section(section)
        yield ""
        yield self._text(self._missing(), "dim")

    def whole(self) -> Iterator[RenderableType]:
        """Yield what is printed of every block, in order."""
        yield self._text(self.document.title, "bold")
        for block in self.document.blocks:
            if isinstance(block, Heading):
                yield from self._heading(block.text)
            elif isinstance(block, Table):
                yield ""
                yield from self._table(block)
            else:
                yield from self._words(block)
        if self.dropped:
            yield ""
            yield self._text(self._narrow(), "dim")

    def _section(self, section: Sequence[Block]) -> Iterator[RenderableType]:
        """Yield a section: whole where it has the findings, else the tables that are shown."""
        first = section[0]
        told = any(isinstance(block, Bullets) and block.id for block in section)
        heading = first.text if isinstance(first, Heading) else ""
        if told or not heading:
            if heading:
                yield from self._heading(heading)
            for block in section:
                yield from self._words(block)
            return
        kept = [b for b in section if isinstance(b, Table) and b.id in _SHOWN and b.rows]
        if kept:
            yield from self._heading(heading)
        for table in kept:
            yield from self._table(table)

    def _heading(self, text: str) -> Iterator[RenderableType]:
        yield ""
        yield self._text(text, "bold")

    def _words(self, block: Block) -> Iterator[RenderableType]:
        match block:
            case Paragraph():
                yield ""
                yield self._text(block.text)
            case Bullets():
                for item in block.items:
                    yield ""
                    lead = f"{item.lead}:" if item.lead else ""
                    yield prose(item.text, self.console, lead=lead, indent=2)
            case Code():
                yield ""
                yield prose(block.text, self.console, indent=2)

    def _table(self, table: Table) -> Iterator[RenderableType]:
        if table.caption:
            yield self._text(table.caption)
        found = narrowed(table, self.console)
        yield found.grid
        self.dropped.update(dict.fromkeys(found.dropped))
        for note in found.notes:
            yield self._text(note, "dim")

    def _text(self, text: str, style: str = "") -> Text:
        return prose(text, self.console, style=style)

    def _missing(self) -> str:
        """Return what a reader finds in other formats only."""
        blocks = self.document.blocks
        others = [b.id for b in blocks if isinstance(b, Table) and b.id not in _SHOWN]
        folds = sum(isinstance(block, Fold) for block in blocks)
        drawn = sum(isinstance(block, Figure) for block in self.document.walk())
        parts = [f"the tables {show.listing(list(dict.fromkeys(others)))}"] if others else []
        parts += [show.plural(folds, "folded part")] if folds else []
        parts += [show.plural(drawn, "figure")] if drawn else []
        missing = f"Not shown here: {show.listing(parts)}. " if parts else ""
        if self.dropped:
            missing += f"{self._narrow()} "
        return f"{missing}Other formats have all of it: --format markdown, or all."

    def _narrow(self) -> str:
        return f"Left out of tables for width: {', '.join(self.dropped)}."
