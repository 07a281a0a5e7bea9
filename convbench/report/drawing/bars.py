"""Networks side by side: multiplications and time, two bars with their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from convbench.core import text as show
from convbench.report.axes import bars_ends, whisker
from convbench.report.drawing import style

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from convbench.report.figuredata import Bars

_ROOM = 1.16  # for the number beside the longest bar


def bars(data: Bars) -> Figure:
    """Draw the networks in the order given, the first at the top."""
    timed = any(bar.seconds for bar in data.bars)
    figure = Figure(
        figsize=(9, 1.5 + 0.36 * len(data.bars)), facecolor="white", layout="constrained"
    )
    left, *right = figure.subplots(1, 2 if timed else 1, sharey=True, squeeze=False)[0]
    names = [style.plain(bar.label) for bar in data.bars]
    counts = [float(bar.multiplications) for bar in data.bars]  # may exceed 64 bits
    left.barh(range(len(names)), counts, color=style.COUNT_COLOUR)
    for row, bar in enumerate(data.bars):
        _number(left, float(bar.multiplications), row, show.count(bar.multiplications))
    _finish(left, "multiplications (1 MAC = 1 multiplication)", style.tick_count)
    left.set_xlim(0, 1.28 * max(1.0, *counts))
    for axes in right:
        _times(axes, data)
    left.set_yticks(range(len(names)), names)
    left.set_ylim(len(names) - 0.5, -0.5)
    figure.suptitle(style.plain_title(data.title), x=0.01, ha="left", fontsize=10)
    return figure


def _times(axes: Axes, data: Bars) -> None:
    ends = bars_ends(data)
    for row, bar in enumerate(data.bars):
        if bar.seconds is None:
            _number(axes, 0, row, "not timed")
            continue
        time, seen = bar.seconds, whisker(bar.seconds, ends)
        axes.barh([row], [time.value], color=style.TIME_COLOUR)
        axes.errorbar(
            [time.value], [row], xerr=style.lengths(time.value, seen),
            color="black", elinewidth=1.2, capsize=2.5,
        )  # fmt: skip
        style.arrows(axes, seen, row, "black", across=True)
        end, gap = (seen.high, 9 if seen.cut_high else 5) if seen else (time.value, 5)
        _number(axes, end, row, show.seconds(time.value), gap)
    axes.set_xlim(0, _ROOM * ends[1])
    _finish(axes, "time of a call, with its interval", style.tick_seconds)


def _number(axes: Axes, x: float, row: int, text: str, gap: int = 5) -> None:
    axes.annotate(text, (x, row), (gap, 0), textcoords="offset points", va="center", fontsize=8.5)


def _finish(axes: Axes, name: str, ticks: Callable[[float], str]) -> None:
    axes.set_xlabel(name)
    axes.grid(axis="x", color=style.GRID, lw=0.7)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(style.few_ticks())
    axes.xaxis.set_major_formatter(style.formatter(ticks))
