"""A figure as it is to be drawn: panels with their axes, and the things that stand in them.

It is made of a figure's data, and drawn by matplotlib and by the page for a browser alike; neither
knows what it draws. Sizes are in points. A colour is one of `style`, or the name of a role: "text",
"one" (the line at 1), "link", "grid", "faint".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from convbench.core import text as show

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convbench.core.intervals import Interval, RatioInterval

Ends = tuple[float, float]
Dash = Literal["-", "-.", ":", ""]
BAR: Final = "bar"
_WIDE: Final = 60
"""Signs below an axis that have room beside one another."""


class Whisker(NamedTuple):
    """An interval as it is drawn: from `low` to `high`, cut where it goes on beyond them."""

    low: float
    high: float
    cut_low: bool
    cut_high: bool

    @property
    def cuts(self) -> tuple[tuple[float, bool], ...]:
        """Where it goes on, and whether that is at its high end."""
        ends = ((self.low, self.cut_low, False), (self.high, self.cut_high, True))
        return tuple((end, high) for end, cut, high in ends if cut)


@dataclass(frozen=True)
class Axis:
    """An axis from one end to the other; `show` says what a tick reads.

    places: where its ticks are and what they read, if they are not to be chosen.
    """

    ends: Ends
    title: str = ""
    log: bool = False
    grid: bool = False
    show: Callable[[float], str] = str
    places: tuple[tuple[float, str], ...] | None = None


@dataclass(frozen=True)
class Mark:
    """A mark at a point; its whisker is upright, or `across` from left to right.

    symbol: as matplotlib names it, or BAR for a bar from 0 on. A `faint` one has a whisker that
    stands back. label: a name to be written beside it, where it covers nothing. case: what it
    belongs to. note: its place in `Picture.notes`.
    """

    x: float
    y: float
    symbol: str
    colour: str
    note: int
    size: float = 6.5
    hollow: bool = False
    seen: Whisker | None = None
    across: bool = False
    faint: bool = False
    label: str = ""
    case: str = ""


@dataclass(frozen=True)
class Line:
    """A line through points; where it is a `wall`, no name is written across it."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    colour: str
    width: float
    case: str = ""
    wall: bool = False


@dataclass(frozen=True)
class Rule:
    """A line through the whole panel: `upright` at a place on the axis of x, or level."""

    at: float
    colour: str
    width: float = 1.0
    dash: Dash = "-"
    upright: bool = False


@dataclass(frozen=True)
class Words:
    """Words at a point, to its `side`: (1, 0) is right of it, (0, 1) above it, and so on.

    along: another point; the words are turned as the line to it is. boxed: on white. case, note: as
    of a mark.
    """

    x: float
    y: float
    text: str
    side: tuple[int, int] = (1, 0)
    colour: str = "text"
    small: bool = False
    boxed: bool = False
    along: tuple[float, float] | None = None
    case: str = ""
    note: int | None = None


@dataclass(frozen=True)
class Key:
    """An entry of the legend: a mark, or a line where `symbol` is empty."""

    text: str
    colour: str
    symbol: str = ""
    dash: Dash = "-"
    hollow: bool = False


@dataclass(frozen=True)
class Note:
    """What is said of a mark in full: lines of its own, and all numbers of a case.

    The case is that of `group` and `case`, empty for none, which has the values that are `known`.
    """

    title: str
    lines: tuple[tuple[str, str], ...]
    group: str = ""
    case: str = ""
    known: Mapping[str, float] = field(default_factory=dict)


Part = Mark | Line | Rule | Words


@dataclass(frozen=True)
class Panel:
    """A pair of axes and what stands in them, the last on top."""

    x: Axis
    y: Axis
    parts: tuple[Part, ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Panels, one below the other or `beside` it.

    height: in inches, where it is 9 inches wide. pixels: its height on a page. rows: the cases in
    the rows of every panel, from the top. left: share of the width before the axes of a picture
    that has labels. foot: said below it.
    """

    title: str
    panels: tuple[Panel, ...]
    height: float
    pixels: int
    beside: bool = False
    keys: tuple[Key, ...] = ()
    notes: tuple[Note, ...] = ()
    rows: tuple[str, ...] = ()
    left: float = 0.09
    foot: str = ""

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks of all panels."""
        parts = (part for panel in self.panels for part in panel.parts)
        return tuple(part for part in parts if isinstance(part, Mark))

    @property
    def labelled(self) -> bool:
        """Tell whether names are written beside marks."""
        return any(mark.label for mark in self.marks)


def whisker(interval: Interval | RatioInterval, ends: Ends) -> Whisker | None:
    """Return what is drawn of an interval on an axis with these ends; None for nothing.

    Axes follow the estimates: what would leave them is cut, and what no table shows is not drawn.
    """
    if not show.known(interval):
        return None
    low, high = ends
    return Whisker(
        min(max(interval.low, low), interval.value),
        max(min(interval.high, high), interval.value),
        interval.low < low,
        interval.high > high,
    )


def around(values: Iterable[float], room: float) -> Ends:
    """Return the ends of a log axis with a free factor on either side of its outermost values."""
    found = list(values)
    return min(found) / room, max(found) * room


def steady(value: float) -> float:
    """Return a computed place in 7 digits: the last ones are not the same on every machine."""
    return float(f"{value:.7g}")


def row_axis(labels: Sequence[str]) -> Axis:
    """Return an axis with one row for each label, the first at the top."""
    return Axis((len(labels) - 0.4, -0.6), places=tuple(enumerate(labels)))


def thinned(places: Sequence[tuple[float, str]], most: int) -> list[tuple[float, str]]:
    """Return at most so many places, evenly; the last, which people look for, is one of them."""
    step = math.ceil(len(places) / most) or 1
    return sorted(places[::-1][::step])


def crowded(texts: Sequence[str]) -> bool:
    """Tell whether the words of ticks have no room beside one another, unless they are turned."""
    return sum(map(len, texts)) > _WIDE


def with_confidence(value: Interval | RatioInterval) -> str:
    """Return a value with its interval and what that reaches: 424 µs ±8 %, 95 % interval."""
    reached = show.confidence(value.confidence)
    return f"{show.cell(value, 'text')}{f', {reached} interval' if show.known(value) else ''}"
