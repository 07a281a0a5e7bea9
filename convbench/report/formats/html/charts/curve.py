"""1/N + 1/|K| over N, with the pairs of a run: counted on the curve, timed beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from convbench.core import text as show
from convbench.report.axes import curve_ends, whisker
from convbench.report.drawing import style
from convbench.report.drawing.curve import CURVES, spread
from convbench.report.formats.html import look
from convbench.report.formats.html.charts.chart import (
    Chart,
    Note,
    Trace,
    arrows,
    key,
    layout,
    legend,
    log_axis,
    log_ticks,
    marker,
    steady,
    text,
    title_above,
    whiskers,
)
from convbench.report.formats.html.facts import with_confidence

if TYPE_CHECKING:
    from convbench.report.axes import Ends
    from convbench.report.figuredata import Curve, CurvePoint
    from convbench.report.formats.html.names import Names

_OVER: Final = "depthwise_separable"
_RATIO: Final = "depthwise separable ÷ standard"
_STEPS: Final = 80
_COUNTERS: Final = ("x-thin-open", "cross-thin-open", "y-up-open", "y-down-open")


def curve(data: Curve, names: Names) -> Chart:
    """Return one curve for each number of taps, and every pair."""
    channels = sorted({point.channels for point in data.points})
    across, up = curve_ends(data)
    taps = sorted({point.taps for point in data.points})
    colours = {number: style.COLOURS[CURVES[i % len(CURVES)]] for i, number in enumerate(taps)}
    counters = list(dict.fromkeys(name for point in data.points for name, _ in point.counted))
    symbols = {name: _COUNTERS[i % len(_COUNTERS)] for i, name in enumerate(counters)}
    number = names.number(_OVER)
    points: list[Trace] = []
    notes: list[Note] = []
    for point, place in spread(data.points):
        points += _pair(point, (place, up), colours[point.taps], symbols, number, len(notes))
        notes.append(_note(point))
    return Chart(
        traces=[
            *(trace for taps_, colour in colours.items() for trace in _line(taps_, colour, across)),
            *points,
            *_keys(symbols),
        ],
        layout=layout(
            (58, 24, 64, 52),
            xaxis=log_axis(
                "output channels N", *across, showgrid=False, tickmode="array", tickvals=channels,
                ticktext=[f"{number:,}" for number in channels],
            ),
            yaxis=log_axis(_RATIO, *up),
            shapes=[_one()],
            showlegend=True,
            legend=legend(),
        ),
        narrow={"margin.t": 148, "margin.l": 48, **title_above(_RATIO)},
        height=460,
        narrow_height=480,
        notes=notes,
        ticks={"yaxis": log_ticks(*up, style.tick_ratio)},
    )  # fmt: skip


def _line(taps: int, colour: str, across: tuple[float, float]) -> list[Trace]:
    low, high = (math.log(end) for end in across)
    places = [math.exp(low + (high - low) * step / _STEPS) for step in range(_STEPS + 1)]
    shared = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "meta": None}
    return [
        {
            **shared, "x": [*across], "y": [1 / taps] * 2, "showlegend": False,
            "line": {"color": colour, "width": 1.2, "dash": "dot"},
        },
        {
            **shared, "x": [steady(place) for place in places],
            "y": [steady(1 / place + 1 / taps) for place in places], "showlegend": True,
            "name": f"1/N + 1/{taps} (|K| = {taps}; dotted: 1/{taps})",
            "line": {"color": colour, "width": 2},
        },
    ]  # fmt: skip


def _pair(
    point: CurvePoint,
    where: tuple[float, Ends],
    colour: str,
    symbols: dict[str, str],
    number: int | None,
    note: int,
) -> list[Trace]:
    shared = {
        "type": "scatter", "mode": "markers", "hoverinfo": "none", "meta": number,
        "showlegend": False, "customdata": [note],
    }  # fmt: skip
    at = [point.channels]
    traces: list[Trace] = [
        {**shared, "x": at, "y": [point.derived], "marker": marker("circle", colour, size=9)}
    ]
    traces += [
        {**shared, "x": at, "y": [value], "marker": _cross(symbols[name])}
        for name, value in point.counted
    ]
    if point.time:
        value, (place, up) = point.time.value, where
        seen = whisker(point.time, up)
        traces += [
            *arrows(seen, steady(place), style.TIME_COLOUR, number, across=False),
            {
                **shared, "x": [steady(place)], "y": [value],
                "error_y": whiskers(value, seen, style.TIME_COLOUR),
                "marker": marker("diamond", style.TIME_COLOUR, hollow=True, size=9),
            },
        ]  # fmt: skip
    return traces


def _cross(symbol: str) -> dict[str, object]:
    return {**marker(symbol, look.TEXT, size=12), "line": {"color": look.TEXT, "width": 1.6}}


def _keys(symbols: dict[str, str]) -> list[Trace]:
    hollow = marker("diamond", style.TIME_COLOUR, hollow=True)
    return [
        key("multiplications, derived", "circle", look.ONE),
        *(
            key(f"counted by {text(name)}", symbol, look.TEXT, marker=_cross(symbol))
            for name, symbol in symbols.items()
        ),
        key("time, with interval", "diamond", style.TIME_COLOUR, marker=hollow),
    ]


def _note(point: CurvePoint) -> Note:
    lines = [
        ("1/N + 1/|K|", show.ratio(1 / point.channels + 1 / point.taps)),
        ("multiplications, derived", show.ratio(point.derived)),
        *((f"counted by {name}", show.ratio(value)) for name, value in point.counted),
    ]
    if point.time:
        lines.append(("time", f"{with_confidence(point.time)}, {point.time.verdict}"))
    return Note(
        title=f"{_OVER} ÷ standard, N = {point.channels:,}, |K| = {point.taps:,}", lines=lines
    )


def _one() -> dict[str, object]:
    line = {"color": look.ONE, "width": 1.4}
    return {
        "type": "line", "y0": 1, "y1": 1, "xref": "paper", "x0": 0, "x1": 1, "line": line,
        "layer": "below",
    }  # fmt: skip
