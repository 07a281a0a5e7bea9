"""Cases over runs, one above the other: time with its interval, levels, and where they change."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import blended_transform_factory

from convbench.report.axes import trend_ends, whisker
from convbench.report.drawing import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from convbench.report.figuredata import Trend, TrendLine

Style = Literal["-", "-.", ":", ""]
_COLOURS: Final = {
    "slower": style.COLOURS[1],
    "faster": style.COLOURS[2],
    "count": style.COLOURS[3],
}
_LINES: Final[dict[str, Style]] = {"slower": "-", "faster": "-", "count": "-."}
_WAYS: Final = {"slower": "▲", "faster": "▼", "count": "#"}
_MOST_LABELS: Final = 14
"""Names of runs that fit below the figure."""


def trend(data: Trend) -> Figure:
    """Draw a panel for each case, in the order given, all over the same runs."""
    panels = max(1, len(data.lines))
    figure = Figure(figsize=(9, 1.5 + 1.75 * panels), facecolor="white", layout="constrained")
    several = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
    for axes, line in zip(several, data.lines, strict=False):
        _panel(axes, line, len(data.runs))
        for run, _ in data.boundaries:
            axes.axvline(run - 0.5, color=style.FAINT, lw=1.2, ls=":", zorder=1)
    _boundaries(several[0], data)
    _runs(several[-1], data.runs)
    figure.suptitle(style.plain_title(data.title), x=0.01, ha="left", fontsize=10)
    figure.legend(handles=_handles(data), loc="outside lower left", ncols=3, fontsize=8.5)
    return figure


def _panel(axes: Axes, line: TrendLine, runs: int) -> None:
    ends = trend_ends(line)
    axes.set_ylim(*ends)
    timed = [point for point in line.points if point.seconds]
    alone = [point for point in timed if point.alone is not None]
    for point in timed:
        assert point.seconds is not None  # noqa: S101
        own = point.alone is None
        colour = style.TIME_COLOUR if own else style.FAINT
        seen = whisker(point.seconds, ends)
        style.arrows(axes, seen, point.run, colour, across=False)
        axes.errorbar(
            [point.run], [point.seconds.value], yerr=style.lengths(point.seconds.value, seen),
            marker="o", ms=6, color=colour, markerfacecolor=colour if own else "white",
            elinewidth=1.1, capsize=2.5, zorder=2,
        )  # fmt: skip
    axes.plot(
        [point.run for point in alone], [point.alone or 0.0 for point in alone],
        marker="o", ms=5, color=style.COUNT_COLOUR, linestyle="", zorder=4,
    )  # fmt: skip
    for level in line.levels:
        axes.plot(
            [level.first - 0.5, level.last + 0.5], [level.seconds] * 2,
            color=style.COUNT_COLOUR, lw=1.4, alpha=0.65, zorder=3,
        )  # fmt: skip
    across = blended_transform_factory(axes.transData, axes.transAxes)
    for place, change in enumerate(line.changes):
        colour = _COLOURS[change.kind]
        axes.axvline(change.run - 0.5, color=colour, lw=1.6, ls=_LINES[change.kind], zorder=1)
        same = sum(other.run == change.run for other in line.changes[:place])
        late = change.run > runs / 2
        axes.annotate(
            f"{_WAYS[change.kind]} {style.plain(change.text)}",
            (change.run - 0.5, 0.97 - 0.15 * same), (-4 if late else 4, 0), xycoords=across,
            textcoords="offset points", va="top", ha="right" if late else "left", fontsize=8.5,
            color=style.darker(colour), zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
        )  # fmt: skip
    for point in line.points:
        if point.said:
            axes.annotate(
                f"× {style.plain(point.said, 12)}", (point.run, 0.04), xycoords=across,
                ha="center", va="bottom", fontsize=8, color="#333333",
            )  # fmt: skip
    axes.set_title(style.plain_title(line.label), loc="left", fontsize=9)
    axes.grid(axis="y", color=style.GRID, lw=0.7)
    axes.yaxis.set_major_locator(style.few_ticks())
    if not timed and not alone:
        axes.set_yticks([])
    axes.yaxis.set_major_formatter(style.formatter(style.tick_seconds))


def _boundaries(axes: Axes, data: Trend) -> None:
    across = blended_transform_factory(axes.transData, axes.transAxes)
    shown = _thinned([run for run, _ in data.boundaries], len(data.runs))
    for run, text in data.boundaries:
        if run in shown:
            late = run > len(data.runs) / 2
            axes.annotate(
                style.plain(text, 30), (run - 0.5, 0.03), (-3 if late else 3, 0), xycoords=across,
                textcoords="offset points", ha="right" if late else "left", va="bottom",
                fontsize=7.5, color="#555555", zorder=5,
            )  # fmt: skip


def _thinned(places: list[int], runs: int) -> set[int]:
    """Return the places whose words have room: each a fifth of the width from the one before."""
    kept: list[int] = []
    for place in places:
        if not kept or place - kept[-1] > runs / 5:
            kept.append(place)
    return set(kept)


def _runs(axes: Axes, names: tuple[str, ...]) -> None:
    step = math.ceil(len(names) / _MOST_LABELS) or 1
    # counted from the newest, which is the one that people look for
    places = sorted(range(len(names) - 1, -1, -step))
    axes.set_xticks(
        places, [style.plain(names[place], 30) for place in places],
        rotation=30 if len(places) > 1 else 0, ha="right" if len(places) > 1 else "center",
        rotation_mode="anchor", fontsize=8,
    )  # fmt: skip
    axes.set_xlim(-0.6, max(1, len(names)) - 0.4)


def _handles(data: Trend) -> list[Line2D]:
    points = [point for line in data.lines for point in line.points if point.seconds]
    whole = {point.alone is None for point in points}
    handles = []
    if False in whole:
        handles.append(_handle("without what moved its whole group", style.COUNT_COLOUR, "o"))
        handles.append(_handle("as measured, with interval", style.FAINT, "o", fill="white"))
    if True in whole:
        handles.append(_handle("measured, with interval", style.TIME_COLOUR, "o"))
    kinds = dict.fromkeys(change.kind for line in data.lines for change in line.changes)
    words = {"slower": "slower from here on", "faster": "faster from here on",
             "count": "its count changed"}  # fmt: skip
    handles += [_handle(words[kind], _COLOURS[kind], line=_LINES[kind]) for kind in kinds]
    if data.boundaries:
        handles.append(_handle("the environment changed", style.FAINT, line=":"))
    return handles


def _handle(text: str, colour: str, marker: str = "", line: Style = "", fill: str = "") -> Line2D:
    return Line2D(
        [], [], color=colour, marker=marker, linestyle=line, label=text,
        markerfacecolor=fill or colour,
    )  # fmt: skip
