"""1/N + 1/|K| over N, with the pairs of a run: counted on the curve, timed beside it."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Final

from convbench.core import text as show
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
    around,
    steady,
    whisker,
    with_confidence,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convbench.report.figuredata import Curve, CurvePoint
    from convbench.report.figures.picture import Ends

_STEP: Final = 1.06  # factor between times that share N, so that their whiskers stay apart
_REACH: Final = 1.5  # and between the first and the last of them, so that they stay at their N
_ROOM: Final = 1.25
_STEPS: Final = 80
_CURVES: Final = tuple(style.COLOURS[place] for place in (0, 2, 3, 5, 6, 7))
"""Colours of the curves: not that of the times."""
_COUNTERS: Final = ("x", "+", "1", "2", "3", "4")
_CASE: Final = "depthwise_separable"


def curve(data: Curve) -> Picture:
    """Return one curve for each number of taps, and every pair."""
    across, up = _ends(data)
    colours = dict(zip(sorted({p.taps for p in data.points}), cycle(_CURVES), strict=False))
    counters = dict.fromkeys(name for point in data.points for name, _ in point.counted)
    symbols = dict(zip(counters, cycle(_COUNTERS), strict=False))
    places = tuple((number, f"{number:,}") for number in sorted({p.channels for p in data.points}))
    spread = list(_spread(data.points))
    panel = Panel(
        Axis(across, "output channels N", log=True, places=places),
        Axis(up, "depthwise separable ÷ standard", log=True, grid=True, show=style.tick_ratio),
        (
            Rule(1, "one"),
            *(Rule(1 / taps, colour, 0.8, ":") for taps, colour in colours.items()),
            *(_line(taps, colour, across) for taps, colour in colours.items()),
            *(
                mark
                for note, (point, place) in enumerate(spread)
                for mark in _marks(point, place, up, colours[point.taps], symbols, note)
            ),
        ),
    )
    return Picture(
        title=data.title,
        panels=(panel,),
        height=5.2,
        pixels=460,
        keys=(
            *(
                Key(f"1/N + 1/{taps} (|K| = {taps}; dotted: 1/{taps})", colour)
                for taps, colour in colours.items()
            ),
            Key("multiplications, derived", "one", "o"),
            *(Key(f"counted by {name}", "text", symbol) for name, symbol in symbols.items()),
            Key("time, with interval", style.TIME_COLOUR, "D", hollow=True),
        ),
        notes=tuple(_note(point) for point, _ in spread),
    )


def _ends(data: Curve) -> tuple[Ends, Ends]:
    """Return the ends of the axis of channels, and of that of ratios; 1 is on it."""
    across = around((point.channels for point in data.points), 2)
    values = [1.0]
    for point in data.points:
        values += [point.derived, 1 / point.taps, 1 / across[0] + 1 / point.taps]
        values += [value for _, value in point.counted]
        values += [point.time.value] if point.time else []
    return across, around((value for value in values if value > 0), _ROOM)


def _line(taps: int, colour: str, across: Ends) -> Line:
    low, high = across
    places = [low * (high / low) ** (step / _STEPS) for step in range(_STEPS + 1)]
    heights = tuple(1 / place + 1 / taps for place in places)
    return Line(tuple(places), heights, colour, 1.5)


def _spread(points: tuple[CurvePoint, ...]) -> Iterator[tuple[CurvePoint, float]]:
    """Yield each point with the place of its time on the N axis, side by side where N is shared."""
    for channels in sorted({point.channels for point in points}):
        same = [point for point in points if point.channels == channels]
        step = min(_STEP, _REACH ** (1 / max(1, len(same) - 1)))
        for index, point in enumerate(same):
            yield point, steady(channels * step ** (index - (len(same) - 1) / 2))


def _marks(
    point: CurvePoint, place: float, up: Ends, colour: str, symbols: dict[str, str], note: int
) -> Iterator[Mark]:
    at = float(point.channels)
    yield Mark(at, point.derived, "o", colour, note, size=6, case=_CASE)
    for name, value in point.counted:
        yield Mark(at, value, symbols[name], "text", note, size=8.5, case=_CASE)
    if point.time:
        yield Mark(
            place, point.time.value, "D", style.TIME_COLOUR, note, size=5.5, hollow=True,
            seen=whisker(point.time, up), case=_CASE,
        )  # fmt: skip


def _note(point: CurvePoint) -> Note:
    lines = [
        ("1/N + 1/|K|", show.ratio(1 / point.channels + 1 / point.taps)),
        ("multiplications, derived", show.ratio(point.derived)),
        *((f"counted by {name}", show.ratio(value)) for name, value in point.counted),
    ]
    if point.time:
        lines.append(("time", f"{with_confidence(point.time)}, {point.time.verdict}"))
    title = f"{_CASE} ÷ standard, N = {point.channels:,}, |K| = {point.taps:,}"
    return Note(title, tuple(lines))
