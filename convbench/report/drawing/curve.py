"""1/N + 1/|K| over N, with the pairs of a run: counted on the curve, timed beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from convbench.report.axes import curve_ends, whisker
from convbench.report.drawing import style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from convbench.report.axes import Ends
    from convbench.report.figuredata import Curve, CurvePoint

_STEP = 1.06  # factor between times that share N, so that their whiskers stay apart
_REACH = 1.5  # and between the first and the last of them, so that they stay at their N
CURVES = (0, 2, 3, 5, 6, 7)
"""Places in `style.COLOURS` of the curves: not that of the times."""
_COUNTERS = ("x", "+", "1", "2", "3", "4")


def curve(data: Curve) -> Figure:
    """Draw one curve for each number of taps, and every pair."""
    figure = Figure(figsize=(9, 5.2), facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.set(xscale="log", yscale="log")
    channels = [point.channels for point in data.points]
    (low, high), up = curve_ends(data)
    axes.set_xlim(low, high)
    axes.set_ylim(*up)
    taps = sorted({point.taps for point in data.points})
    grid = np.geomspace(low, high, 200)
    for index, number in enumerate(taps):
        colour = style.COLOURS[CURVES[index % len(CURVES)]]
        axes.plot(grid, 1 / grid + 1 / number, color=colour, lw=1.5, label=_name(number), zorder=2)
        axes.axhline(1 / number, color=colour, lw=0.8, ls=":", zorder=1)
    counters = list(dict.fromkeys(name for point in data.points for name, _ in point.counted))
    for point, place in spread(data.points):
        colour = style.COLOURS[CURVES[taps.index(point.taps) % len(CURVES)]]
        _mark(axes, point, (place, up), colour, counters)
    axes.axhline(1, color="#555555", lw=1, zorder=1)
    axes.set_xticks(sorted(set(channels)), [f"{number:,}" for number in sorted(set(channels))])
    axes.minorticks_off()
    style.log_ticks(axes.yaxis, style.tick_ratio)
    axes.grid(axis="y", color=style.GRID, lw=0.7)
    axes.set_title(data.title, loc="left", fontsize=10)
    axes.set_xlabel("output channels N")
    axes.set_ylabel("depthwise separable ÷ standard")
    handles = [*axes.get_legend_handles_labels()[0], *_handles(counters)]
    figure.legend(handles=handles, loc="outside right upper", fontsize=8.5)
    return figure


def _name(taps: int) -> str:
    return f"1/N + 1/{taps} (|K| = {taps}; dotted: 1/{taps})"


def spread(points: tuple[CurvePoint, ...]) -> Iterator[tuple[CurvePoint, float]]:
    """Yield each point with the place of its time on the N axis, side by side where N is shared."""
    for channels in sorted({point.channels for point in points}):
        same = [point for point in points if point.channels == channels]
        step = min(_STEP, _REACH ** (1 / max(1, len(same) - 1)))
        for index, point in enumerate(same):
            yield point, channels * step ** (index - (len(same) - 1) / 2)


def _mark(
    axes: Axes, point: CurvePoint, at: tuple[float, Ends], colour: str, counters: list[str]
) -> None:
    axes.plot([point.channels], [point.derived], marker="o", color=colour, ms=6, zorder=3)
    for name, value in point.counted:
        marker = _COUNTERS[counters.index(name) % len(_COUNTERS)]
        axes.plot([point.channels], [value], marker=marker, color="black", ms=9, zorder=4)
    if point.time:
        time, (place, up) = point.time, at
        seen = whisker(time, up)
        style.arrows(axes, seen, place, style.TIME_COLOUR, across=False)
        axes.errorbar(
            [place], [time.value], yerr=style.lengths(time.value, seen),
            marker="D", ms=5.5, color=style.TIME_COLOUR, markerfacecolor="white", elinewidth=1.2,
            capsize=2.5, zorder=3,
        )  # fmt: skip


def _handles(counters: list[str]) -> list[Line2D]:
    looks = [("o", "#444444", "multiplications, derived", "#444444")]
    looks += [
        (_COUNTERS[index % len(_COUNTERS)], "black", f"counted by {style.plain(name)}", "black")
        for index, name in enumerate(counters)
    ]
    looks.append(("D", style.TIME_COLOUR, "time, with interval", "white"))
    return [
        Line2D([], [], marker=marker, color=colour, markerfacecolor=fill, linestyle="", label=label)
        for marker, colour, label, fill in looks
    ]
