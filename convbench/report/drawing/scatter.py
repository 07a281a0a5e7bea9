"""Time against multiplications, log-log, with lines of equal multiply-accumulates a second."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from convbench.report.axes import scatter_ends, whisker
from convbench.report.drawing import style
from convbench.report.drawing.labels import Box, Label, place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg

    from convbench.report.axes import Whisker
    from convbench.report.figuredata import Point, Scatter

_MARKER = 6.5
_TEXT = 8.0
_FAINT = 0.55  # whiskers stand back behind the marks
_SHORTEST = 0.05  # of the width: a shorter line in a corner says nothing


def scatter(data: Scatter) -> Figure:
    """Draw the points of one group, each with its name."""
    figure = Figure(figsize=(9, 6.2), facecolor="white", layout=None)
    figure.subplots_adjust(left=0.09, right=0.88, top=0.9, bottom=0.1)
    # Labels are placed in pixels, so they must be measured at the size that is saved.
    figure.set_dpi(150)
    axes = figure.add_subplot()
    axes.set(xscale="log", yscale="log")
    across, up = scatter_ends(data)
    axes.set_xlim(*across)
    axes.set_ylim(*up)
    style.log_ticks(axes.xaxis, style.tick_count)
    style.log_ticks(axes.yaxis, style.tick_seconds)
    axes.set_xlabel("multiplications (1 MAC = 1 multiplication)")
    axes.set_ylabel("time of a call, with its interval")
    figure.suptitle(style.plain_title(data.title), x=0.09, y=0.985, ha="left", fontsize=10)
    _rates(axes)
    for point in data.points:
        _mark(axes, point, data)
    _names(axes, data)
    return figure


def _mark(axes: Axes, point: Point, data: Scatter) -> None:
    colour, marker = style.look(point.series, data.series)
    middle, seen = point.seconds, _whisker(point, data)
    style.arrows(axes, seen, point.multiplications, (colour, _FAINT), across=False)
    axes.errorbar(
        [point.multiplications],
        [middle.value],
        yerr=style.lengths(middle.value, seen),
        color=colour,
        marker=marker,
        markersize=_MARKER,
        markerfacecolor="white" if point.caveat else colour,
        markeredgecolor=colour,
        markeredgewidth=1.3,
        elinewidth=1,
        ecolor=(colour, _FAINT),
        capsize=2,
        zorder=4,
    )


def _whisker(point: Point, data: Scatter) -> Whisker | None:
    return whisker(point.seconds, scatter_ends(data)[1])


def _rates(axes: Axes) -> None:
    """Draw lines of equal MAC/s, named where they leave the axes at the top or the right."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    first, last = math.floor(math.log10(left / high)), math.ceil(math.log10(right / low))
    for power in range(first, last + 1):
        rate = 10.0**power
        start, end = max(left, low * rate), min(right, high * rate)
        if end < start * (right / left) ** _SHORTEST:
            continue
        axes.plot([start, end], [start / rate, end / rate], color=style.GRID, lw=1, zorder=1)
        top = end < right
        axes.annotate(
            style.tick_rate(rate),
            xy=(end, end / rate),
            xytext=(0, 3) if top else (4, 0),
            textcoords="offset points",
            ha="center" if top else "left",
            va="bottom" if top else "center",
            fontsize=7.5,
            color=style.FAINT,
            annotation_clip=False,
        )


def _names(axes: Axes, data: Scatter) -> None:
    canvas = FigureCanvasAgg(cast("Figure", axes.figure))
    renderer: RendererAgg = canvas.get_renderer()  # type: ignore[no-untyped-call]
    half = _MARKER * axes.figure.dpi / 72 / 2 + 1
    labels, obstacles = [], []
    for point in data.points:
        colour, _ = style.look(point.series, data.series)
        at = float(point.multiplications)
        seen, value = _whisker(point, data), point.seconds.value
        below, above = (seen.low, seen.high) if seen else (value, value)
        ends = axes.transData.transform([(at, below), (at, value), (at, above)])
        (x, low), (_, middle), (_, high) = ((float(a), float(b)) for a, b in ends)
        labels.append(Label(style.plain(point.label), x, middle, style.darker(colour)))
        obstacles.append(Box(x - half, middle - half, x + half, middle + half))
        obstacles.append(Box(x - 3, low - 1, x + 3, high + 1))
    place(axes, renderer, labels, obstacles, _TEXT)
