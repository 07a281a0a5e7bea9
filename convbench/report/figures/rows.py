"""Cases in rows, the first at the top: both ratios on one line, or two bars with their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench.core import text as show
from convbench.report.figures import style
from convbench.report.figures.picture import (
    BAR,
    Axis,
    Key,
    Line,
    Mark,
    Note,
    Panel,
    Picture,
    Rule,
    Words,
    around,
    row_axis,
    whisker,
    with_confidence,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convbench.report import figuredata
    from convbench.report.figures.picture import Ends, Part

_ROOM_RATIOS: Final = 1.25
_BESIDE: Final = 0.1
"""Share of the width of a waterfall for the number beside its longest bar."""
_FLOATING: Final = 9.0
"""Thickness of the bar of a factor, in points."""
_BARS: Final = 1.12  # of the longest bar: as far as an interval goes, before its number
_SIGN: Final = 0.035  # of a narrow panel's width: a sign of the number beside a bar


def ratios(data: figuredata.Ratios) -> Picture:
    """Return multiplication ratio and time ratio of each case: promise and clock."""
    values = (v for pair in data.pairs for v in (pair.multiplications, pair.time.value))
    ends = around([1.0, *values], _ROOM_RATIOS)
    labels = tuple(pair.label for pair in data.pairs)
    parts = [part for row, pair in enumerate(data.pairs) for part in _pair(row, pair, ends)]
    title = f"divided by {data.baseline} (1 = the same, left is less)"
    panel = Panel(
        Axis(ends, title, log=True, grid=True, show=style.tick_ratio),
        row_axis(labels),
        (Rule(1, "one", upright=True), *parts),
    )
    return Picture(
        title=data.title,
        panels=(panel,),
        height=1.6 + 0.3 * len(labels),
        pixels=120 + 28 * len(labels),
        keys=(
            Key("multiplications", style.COUNT_COLOUR, "s"),
            Key("time (interval)", style.TIME_COLOUR, "o"),
        ),
        notes=tuple(_pair_note(pair, data) for pair in data.pairs),
        rows=labels,
    )


def _pair(row: int, pair: figuredata.Pair, ends: Ends) -> Iterator[Part]:
    count, time = pair.multiplications, pair.time.value
    yield Line((count, time), (row, row), "link", 2.2, case=pair.label)
    looks = (("s", style.COUNT_COLOUR, count, None),
             ("o", style.TIME_COLOUR, time, whisker(pair.time, ends)))  # fmt: skip
    for symbol, colour, place, seen in looks:
        yield Mark(
            place, row, symbol, colour, row, hollow=pair.caveat, seen=seen, across=True,
            case=pair.label,
        )  # fmt: skip


def _pair_note(pair: figuredata.Pair, data: figuredata.Ratios) -> Note:
    count, time = pair.multiplications, pair.time
    return Note(
        pair.label,
        (
            (f"multiplications ÷ {data.baseline}", show.ratio(count)),
            (f"time ÷ {data.baseline}", f"{with_confidence(time)}, {time.verdict}"),
        ),
        group=data.group,
        case=pair.label,
        known={"ratio_multiplications": count},
    )


def waterfall(data: figuredata.Waterfall) -> Picture:
    """Return the way from the ratio of multiplications to that of times, a factor in each row."""
    places = [data.multiplications]
    for factor in data.factors:
        places.append(places[-1] * factor.value)
    low, high = around([1.0, *places], _ROOM_RATIOS)
    ends = low, high * (high / low) ** _BESIDE
    labels = ("multiplications", *(factor.label for factor in data.factors), "time (interval)")
    last = len(labels) - 1
    parts: list[Part] = [
        Line((at, at), (row, row + 1), "link", 1.2) for row, at in enumerate(places)
    ]
    for row, factor in enumerate(data.factors, start=1):
        before, after = places[row - 1], places[row]
        colour = style.TIME_COLOUR if factor.value > 1 else style.COUNT_COLOUR
        parts += [
            Line((before, after), (row, row), colour, _FLOATING),
            Words(max(before, after), row, f"  × {show.significant(factor.value, 3)}"),
        ]
    time = data.time
    parts += [
        Mark(places[0], 0, "s", style.COUNT_COLOUR, 0, across=True),
        Words(places[0], 0, f"  {show.ratio(places[0])}"),
        Mark(time.value, last, "o", style.TIME_COLOUR, 0, seen=whisker(time, ends), across=True),
        Words(max(time.value, time.high if show.known(time) else 0), last,
              f"  {show.ratio(time.value)}"),
    ]  # fmt: skip
    axis = Axis(
        ends, f"divided by {data.baseline} (1 = the same, left is less)", log=True,
        grid=True, show=style.tick_ratio,
    )  # fmt: skip
    note = Note(
        data.label,
        (
            (f"multiplications ÷ {data.baseline}", show.ratio(data.multiplications)),
            *((f"× {factor.label}", show.ratio(factor.value)) for factor in data.factors),
            (f"= time ÷ {data.baseline}", with_confidence(time)),
        ),
        group=data.group,
        case=data.label,
        known={"ratio_multiplications": data.multiplications},
    )
    return Picture(
        title=data.title,
        panels=(Panel(axis, row_axis(labels), (Rule(1, "one", upright=True), *parts)),),
        height=1.6 + 0.3 * len(labels),
        pixels=120 + 28 * len(labels),
        notes=(note,),
        rows=labels,
    )


def bars(data: figuredata.Bars) -> Picture:
    """Return multiplications and time of networks side by side."""
    timed = [bar.seconds.value for bar in data.bars if bar.seconds]
    labels = tuple(bar.label for bar in data.bars)
    most = _with_words(
        max(1, *(bar.multiplications for bar in data.bars)),
        (show.count(bar.multiplications) for bar in data.bars),
    )
    times = 0.0, _BARS * max(timed, default=1.0)
    name = "multiplications (1 MAC = 1 multiplication)"
    counts = Axis((0, most), name, grid=True, show=style.tick_count)
    parts = tuple(part for row, bar in enumerate(data.bars) for part in _count(row, bar))
    panels = [Panel(counts, row_axis(labels), parts)]
    if timed:
        name = f"{data.clock}, with its interval"
        ends = 0, _with_words(times[1], map(show.seconds, timed))
        axis = Axis(ends, name, grid=True, show=style.tick_seconds)
        parts = tuple(part for row, bar in enumerate(data.bars) for part in _time(row, bar, times))
        panels.append(Panel(axis, row_axis(labels), parts))
    return Picture(
        title=data.title,
        panels=tuple(panels),
        height=1.5 + 0.36 * len(labels),
        pixels=90 + 34 * len(labels),
        beside=True,
        notes=tuple(_bar_note(bar, data) for bar in data.bars),
        rows=labels,
    )


def _with_words(longest: float, texts: Iterable[str]) -> float:
    """Return the end of an axis that has room for any of the texts beside its longest bar."""
    return longest / (1 - _SIGN * max(map(len, texts)))


def _count(row: int, bar: figuredata.Bar) -> Iterator[Part]:
    count = float(bar.multiplications)  # it may exceed 64 bits
    yield Mark(count, row, BAR, style.COUNT_COLOUR, row, across=True, case=bar.label)
    yield Words(count, row, show.count(bar.multiplications), case=bar.label)


def _time(row: int, bar: figuredata.Bar, ends: Ends) -> Iterator[Part]:
    if bar.seconds is None:
        yield Words(0, row, "not timed", case=bar.label)
        return
    time, seen = bar.seconds.value, whisker(bar.seconds, ends)
    yield Mark(time, row, BAR, style.TIME_COLOUR, row, seen=seen, across=True, case=bar.label)
    yield Words(seen.high if seen else time, row, show.seconds(time), case=bar.label)


def _bar_note(bar: figuredata.Bar, data: figuredata.Bars) -> Note:
    time = with_confidence(bar.seconds) if bar.seconds else "not timed"
    return Note(
        bar.label,
        (("multiplications", f"{bar.multiplications:,}"), (data.clock, time)),
        group=data.group,
        case=bar.label,
        known={"multiplications": bar.multiplications},
    )
