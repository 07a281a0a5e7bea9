"""Cases over runs, a panel each: time with its interval, levels, and where they change."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from convbench.core import text as show
from convbench.report.figuredata import TrendLine
from convbench.report.figures import style
from convbench.report.figures.picture import (
    Axis,
    Key,
    Line,
    Mark,
    Note,
    Panel,
    Picture,
    Rule,
    Words,
    whisker,
    with_confidence,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convbench.report.figuredata import Trend, TrendPoint
    from convbench.report.figures.picture import Dash, Ends, Part

_LEVELS: Final = 0.25  # of the height, above and below: for what stands beside lines
_LEAST_HEIGHT: Final = 0.12  # of the highest time
_CHANGES: Final[dict[str, tuple[str, Dash, str, str]]] = {
    "slower": (style.COLOURS[1], "-", "▲", "slower from here on"),
    "faster": (style.COLOURS[2], "-", "▼", "faster from here on"),
    "count": (style.COLOURS[3], "-.", "#", "its count changed"),
}
"""Colour, line, sign and words of each kind of change."""
_NOTHING: Final = TrendLine(label="", points=())


def trend(data: Trend) -> Picture:
    """Return a panel for each case, in the order given, all over the same runs."""
    runs = Axis(ends=(-0.6, max(1, len(data.runs)) - 0.4), places=tuple(enumerate(data.runs)))
    noted = count()
    panels = tuple(
        _panel(line, data, runs, noted, first=place == 0)
        for place, line in enumerate(data.lines or (_NOTHING,))
    )
    return Picture(
        title=data.title,
        panels=panels,
        height=1.5 + 1.75 * len(panels),
        pixels=110 + 190 * len(panels),
        keys=tuple(_keys(data)),
        notes=tuple(_note(point, line, data) for line in data.lines for point in line.points),
    )


def _ends(line: TrendLine) -> Ends:
    """Return the ends of the axis of seconds; (0, 1) without any time."""
    values = [point.seconds.value for point in line.points if point.seconds]
    values += [point.alone for point in line.points if point.alone is not None]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    height = max(high - low, _LEAST_HEIGHT * high) or 1.0
    return max(0.0, low - (1 + _LEVELS) * height), high + (1 + 1.5 * _LEVELS) * height


def _panel(line: TrendLine, data: Trend, runs: Axis, noted: count[int], *, first: bool) -> Panel:
    low, high = ends = _ends(line)
    told = any(point.seconds or point.alone is not None for point in line.points)
    middle = len(data.runs) / 2
    parts: list[Part] = [
        Rule(upright=True, at=run - 0.5, colour="faint", width=1.2, dash=":")
        for run, _ in data.boundaries
    ]
    parts += [
        Line(
            x=(level.first - 0.5, level.last + 0.5), y=(level.seconds,) * 2,
            colour=style.COUNT_COLOUR, width=1.1, case=line.label,
        )
        for level in line.levels
    ]  # fmt: skip
    for point in line.points:
        parts += _point(point, line.label, ends, next(noted))
    for place, change in enumerate(line.changes):
        colour, dash, sign, _ = _CHANGES[change.kind]
        same = sum(other.run == change.run for other in line.changes[:place])
        parts.append(Rule(upright=True, at=change.run - 0.5, colour=colour, width=1.6, dash=dash))
        parts.append(
            Words(
                x=change.run - 0.5, y=low + (0.99 - 0.15 * same) * (high - low),
                text=f"{sign} {change.text}", side=(-1 if change.run > middle else 1, -1),
                colour=colour, boxed=True, case=line.label,
            )
        )  # fmt: skip
    for run, text in _thinned(data) if first else ():
        parts.append(
            Words(
                x=run - 0.5, y=low + 0.01 * (high - low), text=text[:30], colour="one",
                side=(-1 if run > middle else 1, 1), small=True,
            )
        )  # fmt: skip
    axis = Axis(ends=ends, grid=True, show=style.tick_seconds, places=None if told else ())
    return Panel(x=runs, y=axis, parts=tuple(parts), title=line.label)


def _point(point: TrendPoint, case: str, ends: Ends, note: int) -> Iterator[Part]:
    own = point.alone is None
    if point.seconds:
        yield Mark(
            x=point.run, y=point.seconds.value, symbol="o", size=6, hollow=not own,
            colour=style.TIME_COLOUR if own else "faint", seen=whisker(point.seconds, ends),
            case=case, note=note,
        )  # fmt: skip
        if point.alone is not None:
            yield Mark(
                x=point.run, y=point.alone, symbol="o", size=5, colour=style.COUNT_COLOUR,
                case=case, note=note,
            )  # fmt: skip
    elif point.said:
        low, high = ends
        y = low + 0.02 * (high - low)
        yield Words(x=point.run, y=y, text=f"× {point.said[:12]}", side=(0, 1), case=case)


def _thinned(data: Trend) -> Iterator[tuple[int, str]]:
    """Yield the boundaries whose words have room: each a fifth of the width from the one before."""
    last = None
    for run, text in data.boundaries:
        if last is None or run - last > len(data.runs) / 5:
            last = run
            yield run, text


def _note(point: TrendPoint, line: TrendLine, data: Trend) -> Note:
    time = with_confidence(point.seconds) if point.seconds else point.said or "none"
    lines = [("run", data.runs[point.run]), (style.TIME, time)]
    if point.alone is not None:
        lines.append(("without what moved its whole group", show.seconds(point.alone)))
    lines += [("from here on", c.text) for c in line.changes if c.run == point.run]
    lines += [
        ("the environment changed", what) for run, what in data.boundaries if run == point.run
    ]
    return Note(title=line.label, lines=tuple(lines))


def _keys(data: Trend) -> Iterator[Key]:
    points = [point for line in data.lines for point in line.points if point.seconds]
    whole = {point.alone is None for point in points}
    if False in whole:
        text = "without what moved its whole group"
        yield Key(text=text, symbol="o", colour=style.COUNT_COLOUR)
        yield Key(text="as measured, with interval", symbol="o", colour="faint", hollow=True)
    if True in whole:
        yield Key(text="measured, with interval", symbol="o", colour=style.TIME_COLOUR)
    for kind in dict.fromkeys(change.kind for line in data.lines for change in line.changes):
        colour, dash, _, words = _CHANGES[kind]
        yield Key(text=words, colour=colour, dash=dash)
    if data.boundaries:
        yield Key(text="the environment changed", colour="faint", dash=":")
