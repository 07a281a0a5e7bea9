"""Time against multiplications, log-log, with lines of equal multiply-accumulates a second."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from convbench.core import text as show
from convbench.report.axes import scatter_ends, whisker
from convbench.report.drawing import style
from convbench.report.formats.html import look
from convbench.report.formats.html.charts.chart import (
    Chart,
    Label,
    Note,
    Trace,
    arrows,
    layout,
    log_axis,
    log_ticks,
    marker,
    steady,
    text,
    title_above,
    whiskers,
)
from convbench.report.formats.html.facts import TIME, with_confidence

if TYPE_CHECKING:
    from convbench.report.axes import Ends
    from convbench.report.figuredata import Point, Scatter
    from convbench.report.formats.html.facts import Facts
    from convbench.report.formats.html.names import Names

_SHORTEST: Final = 0.05  # of the width: a shorter line in a corner says nothing
_TIME: Final = "time of a call, with its interval"
_FAINT: Final = "8C"  # whiskers stand back behind the marks


def scatter(data: Scatter, names: Names, facts: Facts) -> Chart:
    """Return the points of one group, each with its name."""
    across, up = scatter_ends(data)
    notes = [_note(point, data, facts) for point in data.points]
    return Chart(
        traces=[
            *_rates(across, up),
            *(t for i, point in enumerate(data.points) for t in _mark(i, point, names, up)),
        ],
        layout=layout(
            (68, 84, 24, 52),
            xaxis=log_axis("multiplications (1 MAC = 1 multiplication)", *across, showgrid=False),
            yaxis=log_axis(_TIME, *up, showgrid=False),
        ),
        narrow={"margin.l": 56, "margin.r": 74, "margin.t": 50, **title_above(_TIME)},
        height=540,
        narrow_height=430,
        notes=notes,
        ticks={
            "xaxis": log_ticks(*across, style.tick_count),
            "yaxis": log_ticks(*up, style.tick_seconds),
        },
        labels=[_label(point, names, up) for point in data.points],
    )


def _note(point: Point, data: Scatter, facts: Facts) -> Note:
    own = [
        ("multiplications", f"{point.multiplications:,}"),
        (TIME, with_confidence(point.seconds)),
        (
            "multiplications a second",
            show.count(point.multiplications / point.seconds.value),
        ),
    ]
    known = {"multiplications": point.multiplications}
    return Note(title=point.label, lines=facts.lines(data.title, point.label, own, **known))


def _mark(index: int, point: Point, names: Names, up: Ends) -> list[Trace]:
    number = names.number(point.series)
    own = names.look(number)
    colour, symbol = (own.hue, own.mark) if own else (style.COUNT_COLOUR, "circle")
    value, seen = point.seconds.value, whisker(point.seconds, up)
    mark = {
        "type": "scatter",
        "mode": "markers",
        "x": [point.multiplications],
        "y": [value],
        "error_y": whiskers(value, seen, colour + _FAINT),
        "marker": marker(symbol, colour, hollow=point.caveat),
        "customdata": [index],
        "hoverinfo": "none",
        "meta": number,
    }
    return [*arrows(seen, point.multiplications, colour, number, across=False), mark]


def _label(point: Point, names: Names, up: Ends) -> Label:
    seen = whisker(point.seconds, up)
    number = names.number(point.series)
    return Label(
        x=float(point.multiplications),
        y=point.seconds.value,
        low=seen.low if seen else point.seconds.value,
        high=seen.high if seen else point.seconds.value,
        text=text(point.label),
        colour=look.TEXT,
        name=number,
    )


def _rates(across: Ends, up: Ends) -> list[Trace]:
    """Return lines of equal MAC/s, named where they leave the axes at the top or the right."""
    (left, right), (low, high) = across, up
    first, last = math.floor(math.log10(left / high)), math.ceil(math.log10(right / low))
    lines: Trace = {"x": [], "y": []}
    ends: Trace = {"x": [], "y": [], "text": [], "textposition": []}
    for power in range(first, last + 1):
        rate = 10.0**power
        start, end = max(left, low * rate), min(right, high * rate)
        if end < start * (right / left) ** _SHORTEST:
            continue
        lines["x"] += [steady(start), steady(end), None]
        lines["y"] += [steady(start / rate), steady(end / rate), None]
        ends["x"].append(steady(end))
        ends["y"].append(steady(end / rate))
        ends["text"].append(f" {style.tick_rate(rate)}")
        ends["textposition"].append("top center" if end < right else "middle right")
    return [
        {
            **lines, "type": "scatter", "mode": "lines", "hoverinfo": "skip", "meta": None,
            "line": {"color": style.GRID, "width": 1.2},
        },
        {
            **ends, "type": "scatter", "mode": "text", "hoverinfo": "skip", "meta": None,
            "cliponaxis": False, "textfont": {"size": 11, "color": look.FAINT},
        },
    ]  # fmt: skip
