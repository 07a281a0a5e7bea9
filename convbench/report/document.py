"""Document: what a report says, before anyone decides how it looks.

Headings, paragraphs, tables and figures as data. All text is plain text: a renderer escapes it, so
that names that users chose stay names. Values in tables are raw; `core.text.cell` shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convbench.report.figuredata import FigureData

Kind = Literal["text", "integer", "count", "seconds", "ratio", "share", "bytes"]
"""What a column holds. seconds and ratio also take an Interval or a RatioInterval."""

SECTION: Final = 2
"""Level of the heading of a section."""
FINDINGS: Final = "findings"
"""`id` of the points that say what the numbers of a run come to."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: its name for readers, its key for files, the kind of its values.

    `note` says the unit or convention, and stands with the table.
    """

    name: str
    key: str
    kind: Kind = "text"
    note: str = ""

    @property
    def head(self) -> str:
        """The name, with the note where there is one."""
        return f"{self.name} ({self.note})" if self.note else self.name


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A heading; level 2 is a section of the report, 3 a part of it."""

    level: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Bullet:
    """One point of a list; `lead` is what it is about and stands out.

    `answer` is what a reader takes away, in a few words, where the point has such a thing: `text`
    says all of it too, so that a format may leave the answer out or show it large.
    """

    text: str
    lead: str = ""
    answer: str = ""


@dataclass(frozen=True, kw_only=True)
class Bullets:
    """A list of points; `id` names one that a format may look for, such as FINDINGS."""

    items: tuple[Bullet, ...]
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Code:
    """Text to be copied as it is, such as a command."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of raw values.

    Tables of one `id` have the same columns and are parts of one whole; `part` says which (the
    group of cases). A format for data may put them together again.
    """

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    part: str = ""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure as data; `id` is its file name without suffix, `alt` what it shows in words."""

    id: str
    caption: str
    alt: str
    data: FigureData


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Blocks that a reader opens when wanted; a format that cannot fold shows them."""

    summary: str
    blocks: tuple[Block, ...]


Block = Heading | Paragraph | Bullets | Code | Table | Figure | Fold


@dataclass(frozen=True, kw_only=True)
class Document:
    """A report. `data` are tables too wide for a page, for the formats that are for data.

    `scope` is one line on what was run, for a format that has a place for it beside the title; the
    blocks say it too.
    """

    title: str
    blocks: tuple[Block, ...]
    data: tuple[Table, ...] = ()
    scope: str = ""

    def walk(self) -> Iterator[Block]:
        """Yield every block in reading order, those inside folds too."""
        yield from _walk(self.blocks)

    @property
    def findings(self) -> tuple[Bullet, ...]:
        """The points that say what the numbers come to; empty where the document has none."""
        return next(
            (b.items for b in self.walk() if isinstance(b, Bullets) and b.id == FINDINGS), ()
        )


def sections(blocks: Iterable[Block]) -> tuple[list[Block], list[list[Block]]]:
    """Return the blocks before any heading of a section, and those from each to the next."""
    before: list[Block] = []
    found: list[list[Block]] = []
    for block in blocks:
        if isinstance(block, Heading) and block.level <= SECTION:
            found.append([])
        (found[-1] if found else before).append(block)
    return before, found


def _walk(blocks: tuple[Block, ...]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Fold):
            yield from _walk(block.blocks)
