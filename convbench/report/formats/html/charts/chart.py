"""What all charts share: the parts of a chart, text that Plotly shows as it is, axes and ticks."""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from convbench.report.drawing import style
from convbench.report.formats.html import look

if TYPE_CHECKING:
    from collections.abc import Callable

    from convbench.report.axes import Whisker
    from convbench.report.formats.html.facts import Line

Trace = dict[str, Any]
Tick = tuple[float, str, int]
"""A place on an axis, its text, and its rank: 0 for a power of ten, 1 for 2 and 5, 2 for others."""

SHORT: Final = 20
"""Characters of a name where space is short."""
_POWERS: Final = ((1, 0), (2, 1), (5, 1), (3, 2), (4, 2), (6, 2), (7, 2), (8, 2), (9, 2))


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a pointer at a mark shows: the case, what it gives up, and all its numbers."""

    title: str
    lines: list[Line]


@dataclass(frozen=True, kw_only=True)
class Label:
    """A name to be written beside a point; `names` are its number, or nothing."""

    x: float
    y: float
    low: float
    high: float
    text: str
    colour: str
    name: int | None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart as the script draws it.

    Attributes:
        traces: Plotly's; `meta` of each is the number of the name that it belongs to, or None, and
            `customdata` the place in `notes` for each of its points.
        layout: Plotly's, for a wide place.
        narrow: what is different in a narrow one, by the path of the setting: "xaxis.domain".
        height: in pixels; in a narrow place `narrow_height`.
        ticks: those that an axis may have; the script takes as many as have room.
        rows: the number of the name of each row, for charts that have rows.
        row_axes: the axes on which `rows` are counted.

    """

    traces: list[Trace]
    layout: dict[str, Any]
    height: int
    narrow_height: int
    narrow: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    ticks: dict[str, list[Tick]] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)
    rows: list[int | None] = field(default_factory=list)
    row_axes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the chart as what JSON can hold."""
        return asdict(self)


def text(plain: str, longest: int = 48) -> str:
    """Return a name that Plotly shows as it is: in one line, shortened, and no markup in it.

    Nor is anything between dollar signs a formula.
    """
    return html.escape(style.plain(plain, longest), quote=False).replace("$", "&#36;")


def axis(title: str, **more: Any) -> dict[str, Any]:
    """Return what every axis looks like; lines and ticks stand back behind the marks."""
    return {
        "title": {"text": title, "font": {"size": 13}, "standoff": 10},
        "gridcolor": style.GRID,
        "linecolor": look.AXIS,
        "tickcolor": look.AXIS,
        "zeroline": False,
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        **more,
    }


def log_axis(title: str, low: float, high: float, **more: Any) -> dict[str, Any]:
    """Return a logarithmic axis from `low` to `high`, which has its ticks from `ticks`."""
    ends = [round(math.log10(end), 6) for end in (low, high)]
    return axis(title, type="log", range=ends, **more)


def steady(value: float) -> float:
    """Return a computed place in 7 digits: the last ones are not the same on every machine."""
    return float(f"{value:.7g}")


def rows_axis(labels: list[str], **more: Any) -> dict[str, Any]:
    """Return an axis with one row for each label, the first at the top."""
    return axis(
        "",
        tickmode="array",
        tickvals=list(range(len(labels))),
        ticktext=[text(label) for label in labels],
        range=[len(labels) - 0.4, -0.6],
        showgrid=False,
        fixedrange=True,
        **{"ticks": "", "showline": False, **more},
    )


def short_rows(labels: list[str]) -> list[str]:
    """Return the texts of `rows_axis` where space is short."""
    return [text(label, SHORT) for label in labels]


def title_above(title: str) -> dict[str, Any]:
    """Return settings that put the vertical axis' title above the chart, where space is short."""
    return {
        "yaxis.title.text": "",
        "title": {
            "text": title,
            "font": {"size": 13},
            "x": 0.01,
            "xanchor": "left",
            "y": 0.99,
            "yanchor": "top",
        },
    }


def log_ticks(low: float, high: float, show: Callable[[float], str]) -> list[Tick]:
    """Return every tick of one significant digit from `low` to `high`, in order."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [
        (float(f"{digit}e{power}"), show(float(f"{digit}e{power}")), rank)
        for power in powers
        for digit, rank in _POWERS
    ]
    return sorted(tick for tick in ticks if low <= tick[0] <= high)


def linear_ticks(high: float, show: Callable[[float], str]) -> dict[str, Any]:
    """Return few round ticks from 0 to `high`, as settings of an axis."""
    places = [float(v) for v in style.few_ticks().tick_values(0, high) if 0 <= v <= high]
    return {
        "tickmode": "array",
        "tickvals": places,
        "ticktext": [show(value) if value > 0 else "0" for value in places],
        "range": [0, high],
    }


def whiskers(value: float, seen: Whisker | None, colour: str) -> dict[str, Any]:
    """Return error bars of one point; none where there is no interval."""
    found = style.lengths(value, seen)
    if found is None:
        return {"visible": False}
    (below,), (above,) = found
    return {
        "type": "data",
        "symmetric": False,
        "array": [above],
        "arrayminus": [below],
        "color": colour,
        "thickness": 1.4,
        "width": 3.5,
    }


def arrows(
    seen: Whisker | None, at: float, colour: str, meta: int | None, *, across: bool
) -> list[Trace]:
    """Return arrowheads where a whisker is cut; `across` for one from left to right."""
    if seen is None:
        return []
    signs = ("triangle-left", "triangle-right") if across else ("triangle-down", "triangle-up")
    ends = ((seen.low, seen.cut_low), (seen.high, seen.cut_high))
    return [
        {
            "type": "scatter", "mode": "markers", "x": [end if across else at],
            "y": [at if across else end], "marker": marker(sign, colour, size=8),
            "hoverinfo": "skip", "meta": meta, "showlegend": False, "cliponaxis": False,
        }
        for (end, cut), sign in zip(ends, signs, strict=True)
        if cut
    ]  # fmt: skip


def marker(symbol: str, colour: str, *, hollow: bool = False, size: float = 10) -> dict[str, Any]:
    """Return a mark; a hollow one is filled with the colour of the page."""
    return {
        "symbol": symbol,
        "size": size,
        "color": look.PAPER if hollow else colour,
        "line": {"color": colour, "width": 1.8},
        "opacity": 1,
    }


def key(name: str, symbol: str, colour: str, **more: Any) -> Trace:
    """Return an entry of the legend that draws nothing."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [None],
        "y": [None],
        "name": name,
        "marker": marker(symbol, colour),
        "showlegend": True,
        "hoverinfo": "skip",
        "meta": None,
        **more,
    }


def layout(margin: tuple[int, int, int, int], **more: Any) -> dict[str, Any]:
    """Return what every chart looks like; `margin` is left, right, top and bottom in pixels."""
    left, right, top, bottom = margin
    return {
        "margin": {"l": left, "r": right, "t": top, "b": bottom, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12.5, "color": look.TEXT},
        "showlegend": False,
        "hovermode": "closest",
        "hoverdistance": 24,
        "dragmode": "zoom",
        "uirevision": "kept",
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": look.AXIS,
            "activecolor": look.TEXT,
        },
        **more,
    }


def legend(**more: Any) -> dict[str, Any]:
    """Return a legend above the chart whose entries cannot be switched off."""
    return {
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "itemclick": False,
        "itemdoubleclick": False,
        "bgcolor": "rgba(0,0,0,0)",
        **more,
    }
