"""Document: what a report says, before anyone decides how it looks.

Headings, paragraphs, tables and figures as data. All text is plain text: a renderer escapes it, so
that names that users chose stay names. Values in tables are raw; `format.cell` shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convbench.timing.stats import Interval, RatioInterval

Kind = Literal["text", "integer", "count", "seconds", "ratio", "share", "bytes"]
"""What a column holds. seconds and ratio also take an Interval or a RatioInterval."""

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
class Point:
    """A case in the plane of multiplications and seconds per call.

    `caveat` marks one that does less than the baseline does, as `caveats` says.
    """

    label: str
    series: str
    multiplications: int
    seconds: Interval
    caveat: bool = False


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """Time against multiplications. `series` are all names of the run: each has its own look."""

    title: str
    points: tuple[Point, ...]
    series: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two ratios of a case to its baseline: multiplications, and time with its interval."""

    label: str
    multiplications: float
    time: RatioInterval
    caveat: bool = False


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """Time ratio beside multiplication ratio, one row a case; `baseline` is what 1 means."""

    title: str
    baseline: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A pair depthwise separable / standard: channels N, taps |K|, and its ratios."""

    channels: int
    taps: int
    derived: float
    counted: tuple[tuple[str, float], ...]
    time: RatioInterval | None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The ratio 1/N + 1/|K| over N, and the pairs of a run beside it."""

    points: tuple[CurvePoint, ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A network: its multiplications and, where it was timed, seconds per call."""

    label: str
    multiplications: int
    seconds: Interval | None


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Networks of one group, in the order to be shown."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True)
class TrendPoint:
    """A case in one run: seconds per call as measured, and without what moved its whole group.

    run: place in `Trend.runs`, from 0 on. seconds: None where the run has no time of it. alone:
    None where it cannot be told. said: of a run without a time, why (failed, skipped).
    """

    run: int
    seconds: Interval | None
    alone: float | None = None
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class TrendChange:
    """From run `run` on something is otherwise than before; `text` says what in a few words."""

    run: int
    kind: Literal["slower", "faster", "count"]
    text: str


@dataclass(frozen=True, kw_only=True)
class TrendLevel:
    """The usual time in seconds from run `first` to run `last`, both within."""

    first: int
    last: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TrendLine:
    """A case over the runs, oldest first; `levels` are between its change points."""

    label: str
    points: tuple[TrendPoint, ...]
    levels: tuple[TrendLevel, ...] = ()
    changes: tuple[TrendChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Cases over runs, a panel each; `runs` are names, the oldest first.

    boundaries: places in `runs` before which the environment changed, with what of it did.
    """

    title: str
    runs: tuple[str, ...]
    lines: tuple[TrendLine, ...]
    boundaries: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class RooflinePoint:
    """A case under the ceilings of its device.

    multiplications: without taps on padding, which a kernel may leave out. bytes_moved: the least
    that an unfused program moves.
    """

    label: str
    series: str
    multiplications: int
    bytes_moved: int
    seconds: Interval
    caveat: bool = False

    @property
    def intensity(self) -> float:
        """Multiply-accumulates for each byte moved."""
        return self.multiplications / self.bytes_moved

    @property
    def rate(self) -> float:
        """Multiply-accumulates a second that were reached."""
        return self.multiplications / self.seconds.value


@dataclass(frozen=True, kw_only=True)
class Roofline:
    """What cases of one group reach of a device's measured ceilings; not part of a report.

    multiplications_per_second: of a large product or convolution. bytes_per_second: of a copy that
    no cache holds.
    """

    title: str
    multiplications_per_second: float
    bytes_per_second: float
    points: tuple[RooflinePoint, ...]
    series: tuple[str, ...]


FigureData = Scatter | Ratios | Curve | Bars | Trend


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


def _walk(blocks: tuple[Block, ...]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Fold):
            yield from _walk(block.blocks)
