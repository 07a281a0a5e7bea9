"""A document as the template wants it: sections, cards, and cells with the values they sort by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from convbench.core import text as show
from convbench.core.intervals import Interval, RatioInterval
from convbench.report.document import (
    Bullets,
    Document,
    Fold,
    Heading,
    Paragraph,
    Table,
    sections,
)
from convbench.report.figures import picture
from convbench.report.formats.html.chart import drawn
from convbench.report.formats.html.facts import Facts
from convbench.report.formats.html.names import Names, names_of

if TYPE_CHECKING:
    from convbench.report.document import Block, Bullet, Column
    from convbench.report.formats.html.names import Look

MANY_ROWS: Final = 20
"""A longer table shows its first rows until a reader asks for all of them."""
_CASE: Final = "label"
_FOLDED: Final = frozenset({"caveat", "remarks"})
"""What stands below the name of a case where its own column has no room."""
_KEPT: Final = frozenset(
    {
        _CASE,
        "seconds",
        "seconds_kernel",
        "seconds_events",
        "ratio_seconds",
        "ratio",
        "verdict",
        "reason",
        "fastest",
        "factor_rest",
    }
)
"""Columns that are shown however narrow the page is, and so is the first one."""
_LONG: Final = 24
"""Signs of a text; a column with longer ones is the first to go."""
_AROUND: Final = (Interval, RatioInterval)
_MENTIONS: Final = frozenset({"cheapest", "fastest"})
"""Columns of text that name cases of other rows."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell: its text, its raw value where it sorts by one, and the names it is about.

    around: what is known around a value, in a line of its own where space is short.
    """

    text: str
    around: str
    value: str
    names: tuple[int, ...]
    look: Look | None
    number: bool
    head: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row, the names that it is about, and what may be said below the first of its cells."""

    cells: tuple[Cell, ...]
    names: tuple[int, ...]
    folded: str


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table as shown; `caption` is of its own, or the heading that it stands under.

    spare: numbers, from 1 on, of the columns that are hidden where there is no room for all, the
    least important first. folds: the number of the one whose texts then stand below the cases.
    """

    id: str
    caption: str
    quiet: bool
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    long: bool
    spare: tuple[int, ...]
    folds: int


@dataclass(frozen=True, kw_only=True)
class Part:
    """A section of the page: its heading and everything up to the next one."""

    id: str
    title: str
    cards: tuple[Bullet, ...]
    blocks: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class View:
    """What the template shows. `notes` stand before the first section: the run is not whole."""

    title: str
    scope: str
    notes: tuple[str, ...]
    parts: tuple[Part, ...]
    names: Names
    charts: dict[str, Any]
    most_columns: int


def view(document: Document) -> View:
    """Return a document as the template wants it."""
    names = names_of(document)
    facts = Facts(document)
    before, found = sections(document.blocks)
    used: set[str] = set()
    return View(
        title=plain(document.title),
        scope=plain(document.scope),
        notes=tuple(block.text for block in before if isinstance(block, Paragraph)),
        parts=tuple(_part(section, names, used) for section in found),
        names=names,
        charts={
            name: drawn(picture(data), names, facts).to_json()
            for name, data in document.figures.items()
        },
        most_columns=max(
            (len(b.columns) for b in document.walk() if isinstance(b, Table)), default=0
        ),
    )


def plain(text: str) -> str:
    """Return a text in one line."""
    return " ".join(text.split())


def _part(section: list[Block], names: Names, used: set[str]) -> Part:
    heading, *blocks = section
    title = plain(heading.text) if isinstance(heading, Heading) else ""
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
    number = 2
    chosen = slug
    while chosen in used:
        chosen, number = f"{slug}-{number}", number + 1
    used.add(chosen)
    points = [item for block in blocks if isinstance(block, Bullets) for item in block.items]
    return Part(
        id=chosen,
        title=title,
        cards=tuple(item for item in points if item.answer),
        blocks=tuple(_shown(blocks, names, title)),
    )


def _shown(blocks: Iterable[Block], names: Names, above: str) -> list[Any]:
    """Return blocks without what the cards say, and tables as grids."""
    found: list[Any] = []
    for block in blocks:
        if isinstance(block, Heading):
            above = plain(block.text)
        found += _one(block, names, above)
    return found


def _one(block: Block, names: Names, above: str) -> list[Any]:
    match block:
        case Bullets():
            rest = tuple(item for item in block.items if not item.answer)
            return [("bullets", rest)] if rest else []
        case Table():
            return [("table", grid(block, names, above))]
        case Fold():
            inside = _shown(block.blocks, names, plain(block.summary))
            return [("fold", plain(block.summary), inside)]
        case _:
            return [(type(block).__name__.lower(), block)]


def grid(table: Table, names: Names, above: str) -> Grid:
    """Return a table with its cells as text and as values; `above` is the heading over it."""
    return Grid(
        id=plain(table.id),
        caption=plain(table.caption or table.title or above),
        quiet=not table.caption and table.title.lower() in above.lower(),
        columns=table.columns,
        rows=tuple(_row(table, row, names) for row in table.rows),
        long=len(table.rows) > MANY_ROWS,
        spare=_spare(table),
        folds=1 + next((i for i, c in enumerate(table.columns) if c.key in _FOLDED), -1),
    )


def _spare(table: Table) -> tuple[int, ...]:
    """Return the columns to hide: long texts, numbers, others; of each those on the right first."""
    found = []
    for place, column in enumerate(table.columns):
        if not place or column.key in _KEPT:
            continue
        values = [row[place] for row in table.rows]
        text = column.kind == "text" or any(isinstance(value, _AROUND) for value in values)
        long = column.kind == "text" and any(len(str(value)) > _LONG for value in values)
        found.append((not long, text, -place))
    return tuple(1 - place for _, _, place in sorted(found))


def _row(table: Table, row: tuple[Any, ...], names: Names) -> Row:
    cells = tuple(
        _cell(value, column, names, head=index == 0)
        for index, (column, value) in enumerate(zip(table.columns, row, strict=True))
    )
    about = [
        cell.names for cell, column in zip(cells, table.columns, strict=True) if column.key == _CASE
    ]
    folded = (cell.text for cell, c in zip(cells, table.columns, strict=True) if c.key in _FOLDED)
    return Row(
        cells=cells,
        names=next(iter(about), ()),
        folded=next(folded, "").removeprefix(show.MISSING),
    )


def _cell(value: Any, column: Column, names: Names, *, head: bool) -> Cell:
    mention = column.key == _CASE or column.key in _MENTIONS
    about = names.mentioned(value) if mention and isinstance(value, str) else ()
    only = names.look(about[0]) if len(about) == 1 else None
    text, around = (
        show.parts(value)
        if isinstance(value, _AROUND)
        else (
            plain(show.cell(value, column.kind)),
            "",
        )
    )
    return Cell(
        text=text,
        around=around,
        value=_raw(value),
        names=about,
        look=only,
        number=column.kind != "text",
        head=head,
    )


def _raw(value: Any) -> str:
    """Return what a cell sorts by: a number with all its digits; nothing for text or a gap."""
    if isinstance(value, _AROUND):
        value = value.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return repr(value)
