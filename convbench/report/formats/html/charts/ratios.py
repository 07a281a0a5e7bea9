"""Multiplication ratio and time ratio of each case, on one line: promise and clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convbench.core import text as show
from convbench.report.axes import ratios_ends, whisker
from convbench.report.drawing import style
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
    rows_axis,
    short_rows,
    text,
    whiskers,
)
from convbench.report.formats.html.facts import with_confidence

if TYPE_CHECKING:
    from convbench.report.axes import Ends
    from convbench.report.figuredata import Pair, Ratios
    from convbench.report.formats.html.facts import Facts
    from convbench.report.formats.html.names import Names


# ticks that nobody sees keep the names away from the marks
_APART = {"ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0,0,0,0)"}


def ratios(data: Ratios, names: Names, facts: Facts) -> Chart:
    """Return one row for each case, in the order given, the first at the top."""
    low, high = ends = ratios_ends(data)
    labels = [pair.label for pair in data.pairs]
    traces = [
        trace for row, pair in enumerate(data.pairs) for trace in _row(row, pair, names, ends)
    ]
    height = 120 + 28 * len(labels)
    title = f"divided by {text(data.baseline)} (1 = the same, left is less)"
    return Chart(
        traces=[
            *traces,
            key("multiplications", "square", style.COUNT_COLOUR),
            key("time (interval)", "circle", style.TIME_COLOUR),
        ],
        layout=layout(
            (10, 24, 40, 54),
            xaxis=log_axis(title, low, high, domain=[0.03, 1]),
            # a strip of its own for the mark that each type has in the other figures
            xaxis2={"domain": [0, 0.02], "range": [-1, 1], "visible": False, "fixedrange": True},
            yaxis=rows_axis(labels, automargin=True, anchor="x2", **_APART),
            shapes=[_one()],
            showlegend=True,
            legend=legend(),
        ),
        narrow={
            "yaxis.ticktext": short_rows(labels),
            "xaxis.title.text": f"÷ {text(data.baseline, 24)}",
            "xaxis.domain": [0.07, 1],
            "xaxis2.domain": [0, 0.05],
            "margin.r": 12,
        },
        height=height,
        narrow_height=height,
        notes=[_note(pair, data, facts) for pair in data.pairs],
        ticks={"xaxis": log_ticks(low, high, style.tick_ratio)},
        rows=[names.number(label) for label in labels],
        row_axes=["y"],
    )


def _one() -> dict[str, object]:
    line = {"color": look.ONE, "width": 1.4}
    return {
        "type": "line", "x0": 1, "x1": 1, "yref": "paper", "y0": 0, "y1": 1, "line": line,
        "layer": "below",
    }  # fmt: skip


def _note(pair: Pair, data: Ratios, facts: Facts) -> Note:
    own = [
        (f"multiplications ÷ {data.baseline}", show.ratio(pair.multiplications)),
        (
            f"time ÷ {data.baseline}",
            f"{with_confidence(pair.time)}, {pair.time.verdict}",
        ),
        (
            "time share ÷ count share",
            show.ratio(pair.time.value / pair.multiplications) if pair.multiplications else "–",
        ),
    ]
    known = {"ratio_multiplications": pair.multiplications}
    lines = facts.lines(data.title, pair.label, own, **known)
    # the case's own numbers name the same two ratios; the figure says of what
    again = {"multiplications ÷ baseline", "time ÷ baseline"}
    return Note(title=pair.label, lines=[line for line in lines if line[0] not in again])


def _row(row: int, pair: Pair, names: Names, ends: Ends) -> list[Trace]:
    number = names.number(pair.label)
    value, seen = pair.time.value, whisker(pair.time, ends)
    shared = {"type": "scatter", "meta": number, "showlegend": False}
    point = {**shared, "mode": "markers", "y": [row], "customdata": [row], "hoverinfo": "none"}
    traces: list[Trace] = [
        {
            **shared, "mode": "lines", "x": [pair.multiplications, pair.time.value],
            "y": [row, row], "line": {"color": look.LINK, "width": 2.4}, "hoverinfo": "skip",
        },
        {
            **point, "x": [pair.multiplications],
            "marker": marker("square", style.COUNT_COLOUR, hollow=pair.caveat),
        },
        {
            **point, "x": [value],
            "error_x": whiskers(value, seen, style.TIME_COLOUR),
            "marker": marker("circle", style.TIME_COLOUR, hollow=pair.caveat),
        },
    ]  # fmt: skip
    traces += arrows(seen, row, style.TIME_COLOUR, number, across=True)
    look_ = names.look(number)
    if look_:
        mark = marker(look_.mark, look_.hue, hollow=pair.caveat, size=9)
        traces.append({**point, "x": [0], "xaxis": "x2", "marker": mark, "cliponaxis": False})
    return traces
