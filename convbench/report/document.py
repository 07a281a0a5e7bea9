"""Document: what a report says, before anyone decides how it looks.

Headings, paragraphs, tables and figures as data. All text is plain text: a renderer escapes it, so
that names that users chose stay names. Values in tables are raw; `core.text.cell` shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from convbench.core.intervals import Interval, RatioInterval
from convbench.core.serialization import Least
from convbench.core.units import UNITS, Kind, Unit
from convbench.report.figuredata import FigureData

if TYPE_CHECKING:
    from convbench.report.figures import Form

Cell: TypeAlias = bool | float | str | Interval | RatioInterval | None
"""A raw value in a file; null where there is none, or one that is not finite."""

SECTION: Final = 2
"""Level of the heading of a section."""
FINDINGS: Final = "findings"
"""`id` of the points that say what the numbers of a run come to."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        name: for readers.
        key: of its values in files.
        kind: what the values are. A share is a fraction: 0.05 is 5 %. seconds and ratio also take
            an Interval or a RatioInterval. A column of text may hold plain numbers.
        note: unit or convention, in words; may be empty. It stands with the table.
        unit: of the raw values: seconds, bytes, 1 for plain numbers; empty for text.

    """

    name: str
    key: str
    kind: Kind = "text"
    note: str = ""
    unit: Unit = field(init=False)

    def __post_init__(self) -> None:
        """Take the unit of the kind."""
        object.__setattr__(self, "unit", UNITS[self.kind])

    @property
    def head(self) -> str:
        """The name, with the note where there is one."""
        return f"{self.name} ({self.note})" if self.note else self.name


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A heading. level: 2 is a section of the report, 3 a part of it."""

    level: Annotated[int, Least(2)]
    text: str


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A paragraph. text: plain."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Bullet:
    """One point of a list.

    Attributes:
        text: what it says, as plain text.
        lead: what it is about; it stands out, and may be empty.
        answer: what a reader takes away, in a few words; empty where the point has no such thing.
            The text says all of it too, so that a format may leave the answer out or show it large.

    """

    text: str
    lead: str = ""
    answer: str = ""


@dataclass(frozen=True, kw_only=True)
class Bullets:
    """A list of points.

    id: "findings" for what the numbers come to; empty for any other list.
    """

    items: tuple[Bullet, ...]
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Code:
    """Code. text: to be copied as it is, such as a command."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of raw values.

    Attributes:
        id: name of the table. Tables of one id have the same columns and are parts of one whole,
            which a format for data may put together again.
        part: which part: the group of cases. Empty where the table is whole.
        title: the name of the part for readers; empty where the table is whole.
        caption: what it holds.
        columns: in the order of a page.
        rows: raw values, in a file by the key of their column; every row has every key.

    """

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: Annotated[tuple[tuple[Any, ...], ...], list[dict[str, Cell]]]
    part: str = ""
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure as data. id: its file name without suffix. alt: what it shows, in words."""

    id: str
    caption: str
    alt: str
    data: FigureData


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Blocks that a reader opens when wanted; a format that cannot fold shows them."""

    summary: str
    blocks: tuple[Block, ...]


def folded(summary: str, blocks: Iterable[Block | None]) -> tuple[Fold, ...]:
    """Return a fold of the blocks there are; nothing where there are none."""
    found = tuple(block for block in blocks if block)
    return (Fold(summary=summary, blocks=found),) if found else ()


Block = Heading | Paragraph | Bullets | Code | Table | Figure | Fold


@dataclass(frozen=True, kw_only=True)
class Document:
    """A report.

    `data` are tables too wide for a page, and the parts of tables that are too long for it, for the
    formats that are for data.
    `scope` is one line on what was run, for a format that has a place for it beside the title; the
    blocks say it too. `forms` are what figures are written as, by a format that writes them to
    files.
    """

    title: str
    blocks: tuple[Block, ...]
    data: tuple[Table, ...] = ()
    scope: str = ""
    forms: tuple[Form, ...] = ("png",)

    def walk(self) -> Iterator[Block]:
        """Yield every block in reading order, those inside folds too."""
        yield from _walk(self.blocks)

    @property
    def figures(self) -> dict[str, FigureData]:
        """The data of every figure, by its id."""
        return {block.id: block.data for block in self.walk() if isinstance(block, Figure)}

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
