"""Cases over runs, a panel each: time with its interval, levels, and where they change."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from convbench.clock.samples import TIME
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
    runs = Axis((-0.6, max(1, len(data.runs)) - 0.4), places=tuple(enumerate(data.runs)))
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
        Rule(run - 0.5, "faint", 1.2, ":", upright=True) for run, _ in data.boundaries
    ]
    parts += [
        Line(
            (level.first - 0.5, level.last + 0.5), (level.seconds,) * 2, style.COUNT_COLOUR, 1.1,
            case=line.label,
        )
        for level in line.levels
    ]  # fmt: skip
    for point in line.points:
        parts += _point(point, line.label, ends, next(noted))
    for place, change in enumerate(line.changes):
        colour, dash, sign, _ = _CHANGES[change.kind]
        same = sum(other.run == change.run for other in line.changes[:place])
        parts.append(Rule(change.run - 0.5, colour, 1.6, dash, upright=True))
        parts.append(
            Words(
                change.run - 0.5, low + (0.99 - 0.15 * same) * (high - low),
                f"{sign} {change.text}", (-1 if change.run > middle else 1, -1), colour,
                boxed=True, case=line.label,
            )
        )  # fmt: skip
    for run, text in _thinned(data) if first else ():
        y, side = low + 0.01 * (high - low), (-1 if run > middle else 1, 1)
        parts.append(Words(run - 0.5, y, text[:30], side, "one", small=True))
    axis = Axis(ends, grid=True, show=style.tick_seconds, places=None if told else ())
    return Panel(runs, axis, tuple(parts), line.label)


def _point(point: TrendPoint, case: str, ends: Ends, note: int) -> Iterator[Part]:
    own = point.alone is None
    if point.seconds:
        yield Mark(
            point.run, point.seconds.value, "o", style.TIME_COLOUR if own else "faint", note,
            size=6, hollow=not own, seen=whisker(point.seconds, ends), case=case,
        )  # fmt: skip
        if point.alone is not None:
            yield Mark(point.run, point.alone, "o", style.COUNT_COLOUR, note, size=5, case=case)
    elif point.said:
        low, high = ends
        y = low + 0.02 * (high - low)
        yield Words(point.run, y, f"× {point.said[:12]}", (0, 1), case=case, note=note)


def _thinned(data: Trend) -> Iterator[tuple[int, str]]:
    """Yield the boundaries whose words have room: each a fifth of the width from the one before."""
    last = None
    for run, text in data.boundaries:
        if last is None or run - last > len(data.runs) / 5:
            last = run
            yield run, text


def _note(point: TrendPoint, line: TrendLine, data: Trend) -> Note:
    time = with_confidence(point.seconds) if point.seconds else point.said or "none"
    lines = [("run", data.runs[point.run]), (TIME, time)]
    if point.alone is not None:
        lines.append(("without the common shift of its group", show.seconds(point.alone)))
    lines += [("from here on", c.text) for c in line.changes if c.run == point.run]
    lines += [
        ("the environment changed", what) for run, what in data.boundaries if run == point.run
    ]
    return Note(line.label, tuple(lines))


def _keys(data: Trend) -> Iterator[Key]:
    points = [point for line in data.lines for point in line.points if point.seconds]
    whole = {point.alone is None for point in points}
    if False in whole:
        yield Key("without the common shift of its group", style.COUNT_COLOUR, "o")
        yield Key("as measured, with interval", "faint", "o", hollow=True)
    if True in whole:
        yield Key("measured, with interval", style.TIME_COLOUR, "o")
    for kind in dict.fromkeys(change.kind for line in data.lines for change in line.changes):
        colour, dash, _, words = _CHANGES[kind]
        yield Key(words, colour, dash=dash)
    if data.boundaries:
        yield Key("the environment changed", "faint", dash=":")
