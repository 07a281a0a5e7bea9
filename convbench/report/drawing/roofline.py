"""Multiply-accumulates a second against those for each byte, under what the device can do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from convbench.core import text as show
from convbench.report.axes import roofline_ends
from convbench.report.drawing import style
from convbench.report.drawing.labels import Box, Label, place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.text import Annotation

    from convbench.report.figuredata import Roofline, RooflinePoint

_MARKER: Final = 6.5
_TEXT: Final = 8.0
_FAINT: Final = 0.55
_STEPS: Final = 60
_ROOF: Final = "#444444"


def roofline(data: Roofline) -> Figure:
    """Draw the ceilings of the device and each case below them, or above where caches help."""
    figure = Figure(figsize=(9, 6.2), facecolor="white", layout=None)
    figure.subplots_adjust(left=0.13, right=0.88, top=0.92, bottom=0.1)
    figure.set_dpi(150)  # the size in pixels that names are placed for
    axes = figure.add_subplot()
    axes.set(xscale="log", yscale="log")
    ridge = data.multiplications_per_second / data.bytes_per_second
    across, up = roofline_ends(data)
    axes.set_xlim(*across)
    axes.set_ylim(*up)
    style.log_ticks(axes.xaxis, style.tick_ratio)
    style.log_ticks(axes.yaxis, style.tick_rate)
    axes.grid(color=style.GRID, lw=0.6)
    axes.set_xlabel("multiply-accumulates for each byte moved (an unfused program's least)")
    axes.set_ylabel("multiply-accumulates a second, with the interval")
    figure.suptitle(style.plain_title(data.title), x=0.13, y=0.985, ha="left", fontsize=10)
    said = _roof(axes, data, ridge)
    if any(point.caveat for point in data.points):
        figure.text(
            0.97, 0.012, "hollow: sees or mixes less of its input", ha="right", fontsize=_TEXT,
            color=style.FAINT,
        )  # fmt: skip
    for point in data.points:
        _mark(axes, point, data)
    _names(axes, data, said)
    return figure


def _ends(point: RooflinePoint) -> tuple[float, float]:
    """Return the rates at the two ends of the interval of the time; the rate twice without."""
    count, time = point.multiplications, point.seconds
    return (count / time.high, count / time.low) if show.known(time) else (point.rate, point.rate)


def _roof(axes: Axes, data: Roofline, ridge: float) -> Annotation:
    """Draw both ceilings and what they are; return the words that lie among the cases."""
    left, right = axes.get_xlim()
    low, _ = axes.get_ylim()
    start = max(left, low / data.bytes_per_second)
    peak = data.multiplications_per_second
    axes.plot([start, ridge, right], [start * data.bytes_per_second, peak, peak],
              color=_ROOF, lw=1.8, zorder=2)  # fmt: skip
    axes.annotate(
        f"measured\npeak:\n{style.tick_rate(float(f'{peak:.3g}'))}", (right, peak), (5, 0),
        textcoords="offset points", va="center", fontsize=_TEXT, color=_ROOF,
        annotation_clip=False,
    )  # fmt: skip
    copied = style.short(float(f"{data.bytes_per_second:.3g}"), (" ", " k", " M", " G", " T"))
    # Beside the lower part of the slope, and turned as it is.
    at = start * (ridge / start) ** 0.08
    ends = axes.transData.transform([(x, x * data.bytes_per_second) for x in (at, ridge)])
    (x0, y0), (x1, y1) = ((float(x), float(y)) for x, y in ends)
    return axes.annotate(
        f"measured copy, no cache holds it: {copied}B/s", (at, at * data.bytes_per_second), (-4, 4),
        textcoords="offset points", ha="left", va="bottom", fontsize=_TEXT, color=_ROOF,
        rotation=math.degrees(math.atan2(y1 - y0, x1 - x0)), rotation_mode="anchor",
    )  # fmt: skip


def _mark(axes: Axes, point: RooflinePoint, data: Roofline) -> None:
    colour, marker = style.look(point.series, data.series)
    low, high = _ends(point)
    whisker = [[point.rate - low], [high - point.rate]] if show.known(point.seconds) else None
    axes.errorbar(
        [point.intensity],
        [point.rate],
        yerr=whisker,
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


def _names(axes: Axes, data: Roofline, said: Annotation) -> None:
    canvas = FigureCanvasAgg(cast("Figure", axes.figure))
    renderer: RendererAgg = canvas.get_renderer()  # type: ignore[no-untyped-call]
    half = _MARKER * axes.figure.dpi / 72 / 2 + 1
    labels: list[Label] = []
    obstacles = [Box(*said.get_window_extent(renderer).extents), *_along(axes, data)]
    for point in data.points:
        colour, _ = style.look(point.series, data.series)
        low, high = _ends(point)
        ends = axes.transData.transform([(point.intensity, y) for y in (low, point.rate, high)])
        (x, bottom), (_, middle), (_, top) = ((float(a), float(b)) for a, b in ends)
        labels.append(Label(style.plain(point.label), x, middle, style.darker(colour)))
        obstacles.append(Box(x - half, middle - half, x + half, middle + half))
        obstacles.append(Box(x - 3, bottom - 1, x + 3, top + 1))
    place(axes, renderer, labels, obstacles, _TEXT)


def _along(axes: Axes, data: Roofline) -> list[Box]:
    """Return small boxes along the ceilings, so that no name is struck through by them."""
    left, right = axes.get_xlim()
    places = [left * (right / left) ** (step / _STEPS) for step in range(_STEPS + 1)]
    roof = [min(x * data.bytes_per_second, data.multiplications_per_second) for x in places]
    pixels = axes.transData.transform(list(zip(places, roof, strict=True)))
    return [Box(float(x) - 3, float(y) - 3, float(x) + 3, float(y) + 3) for x, y in pixels]
