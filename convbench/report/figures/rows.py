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
    from collections.abc import Iterator

    from convbench.report import figuredata
    from convbench.report.figures.picture import Ends, Part

_ROOM_RATIOS: Final = 1.25
_BARS: Final = 1.12  # of the longest bar: as far as an interval goes, before its number
_ROOM_COUNTS: Final = 1.3  # for the number beside the longest bar
_ROOM_TIMES: Final = 1.2


def ratios(data: figuredata.Ratios) -> Picture:
    """Return multiplication ratio and time ratio of each case: promise and clock."""
    values = (v for pair in data.pairs for v in (pair.multiplications, pair.time.value))
    ends = around([1.0, *values], _ROOM_RATIOS)
    labels = tuple(pair.label for pair in data.pairs)
    parts = [part for row, pair in enumerate(data.pairs) for part in _pair(row, pair, ends)]
    panel = Panel(
        x=Axis(
            ends=ends,
            title=f"divided by {data.baseline} (1 = the same, left is less)",
            log=True,
            grid=True,
            show=style.tick_ratio,
        ),
        y=row_axis(labels),
        parts=(Rule(upright=True, at=1, colour="one"), *parts),
    )
    return Picture(
        title=data.title,
        panels=(panel,),
        height=1.6 + 0.3 * len(labels),
        pixels=120 + 28 * len(labels),
        keys=(
            Key(text="multiplications", symbol="s", colour=style.COUNT_COLOUR),
            Key(text="time (interval)", symbol="o", colour=style.TIME_COLOUR),
        ),
        notes=tuple(_pair_note(pair, data) for pair in data.pairs),
        rows=labels,
    )


def _pair(row: int, pair: figuredata.Pair, ends: Ends) -> Iterator[Part]:
    count, time = pair.multiplications, pair.time.value
    yield Line(x=(count, time), y=(row, row), colour="link", width=2.2, case=pair.label)
    looks = (("s", style.COUNT_COLOUR, count, None),
             ("o", style.TIME_COLOUR, time, whisker(pair.time, ends)))  # fmt: skip
    for symbol, colour, place, seen in looks:
        yield Mark(
            x=place, y=row, symbol=symbol, colour=colour, hollow=pair.caveat, seen=seen,
            across=True, case=pair.label, note=row,
        )  # fmt: skip


def _pair_note(pair: figuredata.Pair, data: figuredata.Ratios) -> Note:
    count, time = pair.multiplications, pair.time
    return Note(
        title=pair.label,
        lines=(
            (f"multiplications ÷ {data.baseline}", show.ratio(count)),
            (f"time ÷ {data.baseline}", f"{with_confidence(time)}, {time.verdict}"),
            ("time share ÷ count share", show.ratio(time.value / count) if count else "–"),
        ),
        group=data.title,
        case=pair.label,
        known={"ratio_multiplications": count},
    )


def bars(data: figuredata.Bars) -> Picture:
    """Return multiplications and time of networks side by side."""
    timed = [bar.seconds.value for bar in data.bars if bar.seconds]
    labels = tuple(bar.label for bar in data.bars)
    most = _ROOM_COUNTS * max(1, *(bar.multiplications for bar in data.bars))
    times = 0.0, _BARS * max(timed, default=1.0)
    panels = [
        Panel(
            x=Axis(
                ends=(0, most),
                title="multiplications (1 MAC = 1 multiplication)",
                grid=True,
                show=style.tick_count,
            ),
            y=row_axis(labels),
            parts=tuple(part for row, bar in enumerate(data.bars) for part in _count(row, bar)),
        )
    ]
    if timed:
        axis = Axis(
            ends=(0, _ROOM_TIMES * times[1]),
            title="time of a call, with its interval",
            grid=True,
            show=style.tick_seconds,
        )
        parts = tuple(part for row, bar in enumerate(data.bars) for part in _time(row, bar, times))
        panels.append(Panel(x=axis, y=row_axis(labels), parts=parts))
    return Picture(
        title=data.title,
        panels=tuple(panels),
        height=1.5 + 0.36 * len(labels),
        pixels=90 + 34 * len(labels),
        beside=True,
        notes=tuple(_bar_note(bar, data.title) for bar in data.bars),
        rows=labels,
    )


def _count(row: int, bar: figuredata.Bar) -> Iterator[Part]:
    count = float(bar.multiplications)  # it may exceed 64 bits
    yield Mark(
        x=count, y=row, symbol=BAR, colour=style.COUNT_COLOUR, across=True, case=bar.label, note=row
    )
    yield Words(x=count, y=row, text=show.count(bar.multiplications), case=bar.label)


def _time(row: int, bar: figuredata.Bar, ends: Ends) -> Iterator[Part]:
    if bar.seconds is None:
        yield Words(x=0, y=row, text="not timed", case=bar.label)
        return
    time, seen = bar.seconds.value, whisker(bar.seconds, ends)
    yield Mark(
        x=time, y=row, symbol=BAR, colour=style.TIME_COLOUR, seen=seen, across=True,
        case=bar.label, note=row,
    )  # fmt: skip
    end = seen.high if seen else time
    yield Words(x=end, y=row, text=show.seconds(time), case=bar.label)


def _bar_note(bar: figuredata.Bar, group: str) -> Note:
    time = with_confidence(bar.seconds) if bar.seconds else "not timed"
    return Note(
        title=bar.label,
        lines=(("multiplications", f"{bar.multiplications:,}"), (style.TIME, time)),
        group=group,
        case=bar.label,
        known={"multiplications": bar.multiplications},
    )
