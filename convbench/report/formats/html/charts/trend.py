"""Cases over runs, a panel each: time with its interval, levels, and where they change."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from convbench.core import text as show
from convbench.report.axes import trend_ends, whisker
from convbench.report.drawing import style
from convbench.report.formats.html import look
from convbench.report.formats.html.charts.chart import (
    Chart,
    Note,
    Trace,
    arrows,
    axis,
    key,
    layout,
    legend,
    marker,
    text,
    whiskers,
)
from convbench.report.formats.html.facts import TIME, with_confidence

if TYPE_CHECKING:
    from convbench.report.axes import Ends
    from convbench.report.figuredata import Trend, TrendLine, TrendPoint
    from convbench.report.formats.html.names import Names

_COLOURS: Final = {
    "slower": style.COLOURS[1],
    "faster": style.COLOURS[2],
    "count": style.COLOURS[3],
}
_WAYS: Final = {"slower": "▲", "faster": "▼", "count": "#"}
_PANEL: Final = 190
"""Height of a panel in pixels."""
_GAP: Final = 0.3
"""Share of a panel above it, for its title."""
_MOST_LABELS: Final = 10


def trend(data: Trend, names: Names) -> Chart:
    """Return a panel for each case, in the order given, all over the same runs."""
    panels = max(1, len(data.lines))
    traces: list[Trace] = []
    notes: list[Note] = []
    shapes: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    for place, line in enumerate(data.lines):
        suffix = "" if place == 0 else str(place + 1)
        top = 1 - place / panels
        axes[f"yaxis{suffix}"] = _axis(line, [top - (1 - _GAP) / panels, top - _GAP / 3 / panels])
        said.append(_title(line, top))
        number = names.number(line.label)
        for point in line.points:
            traces += _point(point, suffix, number, len(notes), trend_ends(line))
            notes.append(_note(point, line, data))
        traces += [_level(level, suffix, number) for level in line.levels]
        for change in line.changes:
            shapes.append(_upright(change.run, f"y{suffix} domain", _COLOURS[change.kind], "solid"))
            said.append(_change(change, suffix, late=change.run > len(data.runs) / 2))
    shapes += [_upright(run, "paper", look.FAINT, "dot") for run, _ in data.boundaries]
    height = 110 + _PANEL * panels
    return Chart(
        traces=[*traces, *_keys(data)],
        layout=layout(
            (70, 16, 50, 90),
            xaxis=_runs(data, f"y{panels}" if panels > 1 else "y"),
            **axes,
            shapes=shapes,
            annotations=said,
            showlegend=True,
            legend=legend(),
        ),
        narrow={"margin.t": 110, "margin.l": 58},
        height=height,
        narrow_height=height + 60,
        notes=notes,
    )


def _runs(data: Trend, anchor: str) -> dict[str, Any]:
    step = math.ceil(len(data.runs) / _MOST_LABELS) or 1
    # counted from the newest, which is the one that people look for
    places = sorted(range(len(data.runs) - 1, -1, -step))
    return axis(
        "", tickmode="array", tickvals=places, ticktext=[text(data.runs[p], 24) for p in places],
        range=[-0.6, max(1, len(data.runs)) - 0.4], showgrid=False, fixedrange=True,
        tickangle=-30 if len(places) > 1 else 0, anchor=anchor,
    )  # fmt: skip


def _axis(line: TrendLine, domain: list[float]) -> dict[str, Any]:
    values = any(p.seconds or p.alone is not None for p in line.points)
    low, high = trend_ends(line)
    ticks = [float(v) for v in style.few_ticks().tick_values(low, high) if low <= v <= high]
    return axis(
        "", domain=[max(0.0, end) for end in domain], range=[low, high], tickmode="array",
        tickvals=ticks if values else [], ticktext=[style.tick_seconds(v) for v in ticks],
        fixedrange=True,
    )  # fmt: skip


def _point(
    point: TrendPoint, suffix: str, number: int | None, note: int, ends: Ends
) -> list[Trace]:
    shared = {
        "type": "scatter", "mode": "markers", "x": [point.run], "yaxis": f"y{suffix}",
        "customdata": [note], "hoverinfo": "none", "meta": number, "showlegend": False,
    }  # fmt: skip
    if point.seconds is None:
        away = {"mode": "text", "y": [0], "text": [f"× {text(point.said or 'no time', 12)}"]}
        return [{**shared, **away, "textposition": "top center"}]
    own = point.alone is None
    colour = style.TIME_COLOUR if own else look.FAINT
    value, seen = point.seconds.value, whisker(point.seconds, ends)
    heads = arrows(seen, point.run, colour, number, across=False)
    traces: list[Trace] = [
        *({**head, "yaxis": f"y{suffix}"} for head in heads),
        {
            **shared, "y": [value], "error_y": whiskers(value, seen, colour),
            "marker": marker("circle", colour, hollow=not own),
        },
    ]  # fmt: skip
    if point.alone is not None:
        mark = marker("circle", style.COUNT_COLOUR, size=8)
        traces.append({**shared, "y": [point.alone], "marker": mark})
    return traces


def _level(level: Any, suffix: str, number: int | None) -> Trace:
    return {
        "type": "scatter", "mode": "lines", "x": [level.first - 0.5, level.last + 0.5],
        "y": [level.seconds] * 2, "yaxis": f"y{suffix}", "hoverinfo": "skip", "meta": number,
        "line": {"color": style.COUNT_COLOUR, "width": 1.6}, "showlegend": False,
    }  # fmt: skip


def _upright(run: int, across: str, colour: str, dash: str) -> dict[str, Any]:
    return {
        "type": "line", "x0": run - 0.5, "x1": run - 0.5, "yref": across, "y0": 0, "y1": 1,
        "line": {"color": colour, "width": 1.6, "dash": dash}, "layer": "below",
    }  # fmt: skip


def _title(line: TrendLine, top: float) -> dict[str, Any]:
    return {
        "text": text(line.label, 90), "xref": "paper", "x": 0, "xanchor": "left", "yref": "paper",
        "y": top, "yanchor": "top", "showarrow": False, "font": {"size": 12.5},
    }  # fmt: skip


def _change(change: Any, suffix: str, *, late: bool) -> dict[str, Any]:
    return {
        "text": f"{_WAYS[change.kind]} {text(change.text)}", "x": change.run - 0.5,
        "xanchor": "right" if late else "left", "yref": f"y{suffix} domain", "y": 0.97,
        "yanchor": "top", "showarrow": False, "font": {"size": 12, "color": look.TEXT},
    }  # fmt: skip


def _note(point: TrendPoint, line: TrendLine, data: Trend) -> Note:
    lines = [("run", data.runs[point.run])]
    lines.append((TIME, with_confidence(point.seconds) if point.seconds else point.said or "none"))
    if point.alone is not None:
        lines.append(("without what moved its whole group", show.seconds(point.alone)))
    lines += [("from here on", c.text) for c in line.changes if c.run == point.run]
    lines += [
        ("the environment changed", what) for run, what in data.boundaries if run == point.run
    ]
    return Note(title=line.label, lines=lines)


def _keys(data: Trend) -> list[Trace]:
    points = [p for line in data.lines for p in line.points if p.seconds]
    whole = {p.alone is None for p in points}
    keys = []
    if False in whole:
        keys.append(key("without what moved its whole group", "circle", style.COUNT_COLOUR))
        keys.append(key("as measured, with interval", "circle-open", look.FAINT))
    if True in whole:
        keys.append(key("measured, with interval", "circle", style.TIME_COLOUR))
    if data.boundaries:
        keys.append(key("the environment changed", "line-ns-open", look.FAINT))
    return keys
