"""How far the axes of a figure go, and what of an interval has room on them.

Axes follow the estimates. An interval that would leave them is cut, with an arrow where it goes on;
one that no table shows is not drawn at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from convbench.core import text as show
from convbench.report.figuredata import Bars, Curve, Ratios, Roofline, Scatter, TrendLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convbench.core.intervals import Interval, RatioInterval

Ends = tuple[float, float]
_Drawn = Scatter | Ratios | Curve | Bars

_ROOM: Final = 1.6  # free factor on either side of the outermost points
_ROOM_RATIOS: Final = 1.25
_ROOM_ROOFLINE: Final = 2.2
_BARS: Final = 1.12  # of the longest bar: as far as an interval goes, before its number
_LEVELS: Final = 0.25  # of the height, above and below: for what stands beside lines
_LEAST_HEIGHT: Final = 0.12  # of the highest time


class Whisker(NamedTuple):
    """An interval as it is drawn: from `low` to `high`, cut where it goes on beyond them."""

    low: float
    high: float
    cut_low: bool
    cut_high: bool


def whisker(interval: Interval | RatioInterval, ends: Ends) -> Whisker | None:
    """Return what is drawn of an interval on an axis with these ends; None for nothing."""
    if not show.known(interval):
        return None
    low, high = ends
    return Whisker(
        min(max(interval.low, low), interval.value),
        max(min(interval.high, high), interval.value),
        interval.low < low,
        interval.high > high,
    )


def scatter_ends(data: Scatter) -> tuple[Ends, Ends]:
    """Return the ends of the axis of multiplications, and of that of seconds."""
    across = [float(point.multiplications) for point in data.points]
    return around(across), around([point.seconds.value for point in data.points])


def around(values: Sequence[float]) -> Ends:
    """Return the ends of a log axis that has room around its outermost values."""
    low, high = min(values), max(values)
    room = max(_ROOM, (high / low) ** 0.08)
    return low / room, high * room


def ratios_ends(data: Ratios) -> Ends:
    """Return the ends of the axis of ratios; 1 is on it."""
    values = [1.0, *(v for pair in data.pairs for v in (pair.multiplications, pair.time.value))]
    return min(values) / _ROOM_RATIOS, max(values) * _ROOM_RATIOS


def curve_ends(data: Curve) -> tuple[Ends, Ends]:
    """Return the ends of the axis of channels, and of that of ratios; 1 is on it."""
    channels = [point.channels for point in data.points]
    across = min(channels) / 2, max(channels) * 2.0
    values = [1.0]
    for point in data.points:
        values += [point.derived, 1 / point.taps, 1 / across[0] + 1 / point.taps]
        values += [value for _, value in point.counted]
        values += [point.time.value] if point.time else []
    values = [value for value in values if value > 0]
    return across, (min(values) / _ROOM_RATIOS, max(values) * _ROOM_RATIOS)


def bars_ends(data: Bars) -> Ends:
    """Return how far the intervals of times go; the axis is longer by the room for a number."""
    return 0.0, _BARS * max((bar.seconds.value for bar in data.bars if bar.seconds), default=1.0)


def trend_ends(line: TrendLine) -> Ends:
    """Return the ends of the axis of seconds of a case over runs; (0, 1) without any time."""
    values = [point.seconds.value for point in line.points if point.seconds]
    values += [point.alone for point in line.points if point.alone is not None]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    height = max(high - low, _LEAST_HEIGHT * high) or 1.0
    return max(0.0, low - (1 + _LEVELS) * height), high + (1 + 1.5 * _LEVELS) * height


def roofline_ends(data: Roofline) -> tuple[Ends, Ends]:
    """Return the ends of the axis of MACs a byte, and of that of MACs a second."""
    ridge = data.multiplications_per_second / data.bytes_per_second
    across = [point.intensity for point in data.points] + [ridge]
    up = [point.rate for point in data.points]
    top = max(*up, data.multiplications_per_second)
    return (
        (min(across) / _ROOM_ROOFLINE, max(across) * _ROOM_ROOFLINE),
        (min(up) / _ROOM_ROOFLINE, top * _ROOM_ROOFLINE),
    )


def said(data: _Drawn) -> str:
    """Return what the caption of a figure must say of the intervals that it does not show whole."""
    found = list(_shown(data))
    text = ""
    if not all(show.known(interval) for interval, _ in found):
        text += " Without a whisker: processes too far apart for an interval."
    marks = [whisker(interval, ends) for interval, ends in found]
    if any(mark and (mark.cut_low or mark.cut_high) for mark in marks):
        text += " An arrowhead: the interval goes on."
    return text


def _shown(data: _Drawn) -> Iterator[tuple[Interval | RatioInterval, Ends]]:
    match data:
        case Scatter():
            yield from ((point.seconds, scatter_ends(data)[1]) for point in data.points)
        case Ratios():
            yield from ((pair.time, ratios_ends(data)) for pair in data.pairs)
        case Curve():
            times = (point.time for point in data.points if point.time)
            yield from ((time, curve_ends(data)[1]) for time in times)
        case Bars():
            yield from ((bar.seconds, bars_ends(data)) for bar in data.bars if bar.seconds)
