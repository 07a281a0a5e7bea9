"""Multiplication ratio and time ratio of each case, on one line: promise and clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from convbench.report.axes import ratios_ends, whisker
from convbench.report.drawing import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convbench.report.axes import Ends
    from convbench.report.figuredata import Pair, Ratios


def ratios(data: Ratios) -> Figure:
    """Draw one row for each case, in the order given, the first at the top."""
    height = 1.6 + 0.3 * len(data.pairs)
    figure = Figure(figsize=(9, height), facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    ends = ratios_ends(data)
    axes.set_xlim(*ends)
    axes.axvline(1, color="#555555", lw=1, zorder=1)
    for row, pair in enumerate(data.pairs):
        _row(axes, row, pair, ends)
    style.log_ticks(axes.xaxis, style.tick_ratio)
    axes.set_yticks(range(len(data.pairs)), [style.plain(pair.label) for pair in data.pairs])
    axes.set_ylim(len(data.pairs) - 0.4, -0.6)
    axes.grid(axis="x", color=style.GRID, lw=0.7)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"divided by {style.plain(data.baseline)} (1 = the same, left is less)")
    figure.suptitle(style.plain_title(data.title), x=0.01, ha="left", fontsize=10)
    figure.legend(handles=_handles(), loc="outside lower right", ncols=2, fontsize=8.5)
    return figure


def _row(axes: Axes, row: int, pair: Pair, ends: Ends) -> None:
    time, seen = pair.time, whisker(pair.time, ends)
    style.arrows(axes, seen, row, style.TIME_COLOUR, across=True)
    axes.plot([pair.multiplications, time.value], [row, row], color="#BBBBBB", lw=2.2, zorder=2)
    fill = "white" if pair.caveat else None
    axes.plot(
        [pair.multiplications], [row], marker="s", markersize=6.5, color=style.COUNT_COLOUR,
        markerfacecolor=fill or style.COUNT_COLOUR, markeredgewidth=1.3, zorder=3,
    )  # fmt: skip
    axes.errorbar(
        [time.value], [row], xerr=style.lengths(time.value, seen),
        marker="o", markersize=6.5, color=style.TIME_COLOUR, markeredgewidth=1.3,
        markerfacecolor=fill or style.TIME_COLOUR, elinewidth=1.2, capsize=2.5, zorder=4,
    )  # fmt: skip


def _handles() -> list[Line2D]:
    looks = (("s", style.COUNT_COLOUR, "multiplications"),
             ("o", style.TIME_COLOUR, "time (interval)"))  # fmt: skip
    return [
        Line2D([], [], marker=marker, color=colour, linestyle="", label=label)
        for marker, colour, label in looks
    ]
