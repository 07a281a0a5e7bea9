"""Networks side by side: multiplications and time, two bars with their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convbench.core import text as show
from convbench.report.axes import bars_ends, whisker
from convbench.report.drawing import style
from convbench.report.formats.html import look
from convbench.report.formats.html.charts.chart import (
    Chart,
    Note,
    Trace,
    arrows,
    axis,
    layout,
    linear_ticks,
    rows_axis,
    short_rows,
    whiskers,
)
from convbench.report.formats.html.facts import TIME, with_confidence

if TYPE_CHECKING:
    from convbench.report.axes import Ends
    from convbench.report.figuredata import Bar, Bars
    from convbench.report.formats.html.facts import Facts
    from convbench.report.formats.html.names import Names

_ROOM = 1.3  # for the number beside the longest bar
_ROOM_TIMES = 1.2


def bars(data: Bars, names: Names, facts: Facts) -> Chart:
    """Return the networks in the order given, the first at the top."""
    timed = any(bar.seconds for bar in data.bars)
    labels = [bar.label for bar in data.bars]
    ends = bars_ends(data)
    traces: list[Trace] = []
    for row, bar in enumerate(data.bars):
        traces += _row(row, bar, names, ends if timed else None)
    height = 90 + 34 * len(labels)
    return Chart(
        traces=traces,
        layout=layout((10, 16, 8, 54), bargap=0.34, **_axes(data, timed=timed)),
        narrow={
            "yaxis.ticktext": short_rows(labels),
            "xaxis.title.text": "multiplications",
            **(_stacked(labels) if timed else {}),
        },
        height=height,
        narrow_height=2 * height if timed else height,
        notes=[_note(bar, data, facts) for bar in data.bars],
        rows=[names.number(label) for label in labels],
        row_axes=["y", "y2"] if timed else ["y"],
    )


def _axes(data: Bars, *, timed: bool) -> dict[str, Any]:
    labels = [bar.label for bar in data.bars]
    most = _ROOM * max(1, *(bar.multiplications for bar in data.bars))
    name = "multiplications (1 MAC = 1 multiplication)"
    axes = {
        "xaxis": axis(name, **linear_ticks(most, style.tick_count), fixedrange=True),
        "yaxis": rows_axis(labels, automargin=True),
    }
    if timed:
        ticks = linear_ticks(_ROOM_TIMES * bars_ends(data)[1], style.tick_seconds)
        name = "time of a call, with its interval"
        axes["xaxis"]["domain"] = [0, 0.485]
        axes["xaxis2"] = axis(name, **ticks, fixedrange=True, domain=[0.515, 1], anchor="y2")
        axes["yaxis2"] = rows_axis(labels, anchor="x2", showticklabels=False, automargin=True)
    return axes


def _stacked(labels: list[str]) -> dict[str, Any]:
    """Return what puts the times below the multiplications, where both do not fit side by side."""
    return {
        "xaxis.domain": [0, 1], "yaxis.domain": [0.57, 1], "xaxis2.domain": [0, 1],
        "yaxis2.domain": [0, 0.43], "yaxis2.showticklabels": True,
        "yaxis2.ticktext": short_rows(labels),
    }  # fmt: skip


def _note(bar: Bar, data: Bars, facts: Facts) -> Note:
    own = [("multiplications", f"{bar.multiplications:,}")]
    own.append((TIME, with_confidence(bar.seconds) if bar.seconds else "not timed"))
    known = {"multiplications": bar.multiplications}
    return Note(title=bar.label, lines=facts.lines(data.title, bar.label, own, **known))


def _row(row: int, bar: Bar, names: Names, ends: Ends | None) -> list[Trace]:
    number = names.number(bar.label)
    traces = _bar(
        row, bar.multiplications, number, style.COUNT_COLOUR, {},
        bar.multiplications, show.count(bar.multiplications),
    )  # fmt: skip
    if ends and bar.seconds:
        value, seen = bar.seconds.value, whisker(bar.seconds, ends)
        times = _bar(
            row, value, number, style.TIME_COLOUR, {"error_x": whiskers(value, seen, look.TEXT)},
            seen.high if seen else value, show.seconds(value),
        )  # fmt: skip
        times += arrows(seen, row, look.TEXT, number, across=True)
        traces += [{**trace, "xaxis": "x2", "yaxis": "y2"} for trace in times]
    elif ends:
        traces.append({**_number(row, 0, "not timed", number), "xaxis": "x2", "yaxis": "y2"})
    return traces


def _bar(
    row: int,
    length: float,
    number: int | None,
    colour: str,
    whisker: dict[str, Any],
    end: float,
    said: str,
) -> list[Trace]:
    return [
        {
            "type": "bar", "orientation": "h", "x": [length], "y": [row], "width": 0.66,
            "marker": {"color": colour}, "customdata": [row], "hoverinfo": "none",
            "meta": number, **whisker,
        },
        _number(row, end, said, number),
    ]  # fmt: skip


def _number(row: int, place: float, said: str, number: int | None) -> Trace:
    return {
        "type": "scatter", "mode": "text", "x": [place], "y": [row], "text": [f" {said}"],
        "textposition": "middle right", "cliponaxis": False, "hoverinfo": "skip", "meta": number,
        "textfont": {"size": 12},
    }  # fmt: skip
