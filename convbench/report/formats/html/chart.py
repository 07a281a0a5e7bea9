"""A picture -> what Plotly draws, with the numbers that a pointer at each mark shows.

Everything is drawn in the colours of a light page; the script puts others in their place on a dark
one. Every text is escaped here, since Plotly reads a little HTML of its own in what it is given.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from convbench.report.figures import style
from convbench.report.figures.picture import Mark, Rule, crowded, thinned
from convbench.report.formats.html import look
from convbench.report.formats.html.traces import Trace, key, marker, stroke, text, traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convbench.report.figures.picture import Axis, Panel, Picture
    from convbench.report.formats.html.facts import Facts
    from convbench.report.formats.html.facts import Line as Fact
    from convbench.report.formats.html.names import Names

Tick = tuple[float, str, int]
"""A place on an axis, its text, and its rank: 0 for a power of ten, 1 for 2 and 5, 2 for others."""

_POWERS: Final = ((1, 0), (2, 1), (5, 1), (3, 2), (4, 2), (6, 2), (7, 2), (8, 2), (9, 2))
_SHORT: Final = 20
"""Characters of a name where space is short."""
_MOST_PLACES: Final = 10
_WIDE: Final = 756
"""Pixels of which `Picture.left` is the share that names of ticks have, in a wide place."""
_NARROW: Final = 680
"""The same in a narrow one."""
_GAP: Final = 0.3
"""Share of a panel above it, for its title."""
_LOOK: Final[dict[str, Any]] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": "system-ui, sans-serif", "size": 12.5, "color": look.TEXT},
    # above the chart; its entries cannot be switched off
    "legend": {
        "orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom",
        "itemclick": False, "itemdoubleclick": False, "bgcolor": "rgba(0,0,0,0)",
    },
    "hovermode": "closest",
    "hoverdistance": 24,
    "dragmode": "zoom",
    "uirevision": "kept",
    "bargap": 0.34,
    "modebar": {
        "bgcolor": "rgba(0,0,0,0)", "color": look.ROLES["axis"], "activecolor": look.TEXT,
    },
}  # fmt: skip
_STRIP: Final = {"range": [-1, 1], "visible": False, "fixedrange": True}


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a pointer at a mark shows: the case, what it gives up, and all its numbers."""

    title: str
    lines: list[Fact]


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
        labels: names to be written beside points, with the ends of the whisker there; `name` is the
            number of the name.
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
    labels: list[dict[str, Any]] = field(default_factory=list)
    rows: list[int | None] = field(default_factory=list)
    row_axes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the chart as what JSON can hold."""
        return asdict(self)


def drawn(picture: Picture, names: Names, facts: Facts) -> Chart:
    """Return a picture for Plotly; `facts` are asked for what is known of its cases."""
    panels = [(str(i + 1) if i else "", panel) for i, panel in enumerate(picture.panels)]
    parts = [(suffix, part) for suffix, panel in panels for part in panel.parts]
    strip = list(_strip(picture, names))
    return Chart(
        traces=[
            *({**t, **_on(s, picture)} for s, part in parts for t in traces(part, names)),
            *strip,
            *map(key, picture.keys),
        ],
        layout=_layout(picture, panels, strip=bool(strip)),
        narrow=_narrow(picture, strip=bool(strip)),
        height=picture.pixels,
        narrow_height=_narrow_height(picture),
        notes=[
            Note(title=n.title, lines=facts.lines(n.group, n.case, [*n.lines], **n.known))
            for n in picture.notes
        ],
        ticks={
            f"{letter}axis{suffix}": log_ticks(*axis.ends, axis.show)
            for suffix, panel in panels
            for letter, axis in (("x", panel.x), ("y", panel.y))
            if axis.log and axis.places is None
        },
        labels=[_label(mark, names) for mark in picture.marks if mark.label],
        rows=[names.number(label) for label in picture.rows],
        row_axes=[f"y{suffix}" for suffix, _ in panels] if picture.rows else [],
    )


def log_ticks(low: float, high: float, show: Callable[[float], str]) -> list[Tick]:
    """Return every tick of one significant digit from `low` to `high`, in order."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [
        (float(f"{digit}e{power}"), show(float(f"{digit}e{power}")), rank)
        for power in powers
        for digit, rank in _POWERS
    ]
    return sorted(tick for tick in ticks if low <= tick[0] <= high)


def _on(suffix: str, picture: Picture) -> Trace:
    """Return on which axes the traces of a panel lie; panels below one another share that of x."""
    if not suffix:
        return {}
    return {"yaxis": f"y{suffix}", **({"xaxis": f"x{suffix}"} if picture.beside else {})}


def _layout(picture: Picture, panels: list[tuple[str, Panel]], *, strip: bool) -> dict[str, Any]:
    keys = len(picture.keys)
    margin = {
        "l": 10 if picture.rows else round(_WIDE * picture.left),
        "r": 84 if picture.labelled else 24,
        "t": 40 + 8 * max(0, keys - 2) if keys else 24 if picture.labelled else 8,
        "b": 90 if picture.panels[-1].title else 54,
        "pad": 0,
    }
    number = len(panels)
    stacked = [
        _title(panel.title, 1 - place / number)
        for place, (_, panel) in enumerate(panels)
        if panel.title
    ]
    rules = [(p, suffix) for suffix, panel in panels for p in panel.parts if isinstance(p, Rule)]
    return {
        "margin": margin,
        **_LOOK,
        "showlegend": bool(keys),
        **_axes(picture, panels, strip=strip),
        "shapes": [_rule(rule, suffix) for rule, suffix in rules],
        "annotations": stacked,
    }


def _axes(picture: Picture, panels: list[tuple[str, Panel]], *, strip: bool) -> dict[str, Any]:
    """Return the axes of all panels; those below one another share that of x, at the bottom."""
    number = len(panels)
    axes: dict[str, Any] = {}
    for place, (suffix, panel) in enumerate(panels):
        across: dict[str, Any] = {}
        up: dict[str, Any] = {}
        if picture.beside and number > 1:
            left, right = place / number, (place + 1) / number
            across["domain"] = [left + 0.015 * place, right - 0.015 * (number - 1 - place)]
            across["anchor"], up["anchor"] = f"y{suffix}", f"x{suffix}"
            up["showticklabels"] = not place
        elif panel.title:
            top = 1 - place / number
            up["domain"] = [max(0.0, top - (1 - _GAP) / number), top - _GAP / 3 / number]
            across["anchor"] = f"y{suffix}"
        elif strip:
            # a strip of its own for the mark that each type has in the other figures
            axes["xaxis2"] = {"domain": [0, 0.02], **_STRIP}
            across["domain"], up["anchor"] = [0.03, 1], "x2"
        axes[f"xaxis{suffix if picture.beside else ''}"] = _axis(panel.x, across)
        axes[f"yaxis{suffix}"] = _axis(panel.y, up, rows=bool(picture.rows))
    return axes


def _narrow_height(picture: Picture) -> int:
    if picture.rows:
        return picture.pixels * len(picture.panels)
    return picture.pixels + 20 * len(picture.keys) - (110 if picture.labelled else 0)


def _narrow(picture: Picture, *, strip: bool) -> dict[str, Any]:
    """Return what is different where space is short."""
    first = picture.panels[0]
    if not picture.rows:
        top = (50 if first.y.title else 30) + 20 * len(picture.keys)
        left = round(_NARROW * picture.left)
        found: dict[str, Any] = {"margin.l": left, "margin.r": 16, "margin.t": top}
        if first.y.title:  # above the chart
            found["yaxis.title.text"] = ""
            found["title"] = {
                "text": text(first.y.title), "font": {"size": 13}, "x": 0.01, "xanchor": "left",
                "y": 0.99, "yanchor": "top",
            }  # fmt: skip
        return found
    short = [text(label, _SHORT) for label in picture.rows]
    title = first.x.title.partition(" (")[0]
    found = {"yaxis.ticktext": short, "xaxis.title.text": text(title), "margin.r": 12}
    if strip:
        found |= {"xaxis.domain": [0.07, 1], "xaxis2.domain": [0, 0.05]}
    for place, panel in enumerate(picture.panels):
        if not panel.x.log:
            ticks = _round_ticks(panel.x)[::2]
            axis = f"xaxis{place + 1 if place else ''}"
            found[f"{axis}.tickvals"], found[f"{axis}.ticktext"] = zip(*ticks, strict=True)
    if len(picture.panels) > 1:  # the second below the first
        found |= {
            "xaxis.domain": [0, 1], "yaxis.domain": [0.57, 1], "xaxis2.domain": [0, 1],
            "yaxis2.domain": [0, 0.43], "yaxis2.showticklabels": True, "yaxis2.ticktext": short,
        }  # fmt: skip
    return found


def _axis(axis: Axis, more: dict[str, Any], *, rows: bool = False) -> dict[str, Any]:
    """Return an axis; lines and ticks stand back behind the marks."""
    found = {
        "title": {"text": text(axis.title, 90), "font": {"size": 13}, "standoff": 10},
        "gridcolor": look.ROLES["grid"], "linecolor": look.ROLES["axis"],
        "tickcolor": look.ROLES["axis"], "zeroline": False, "showline": True, "ticks": "outside",
        "ticklen": 4, "showgrid": axis.grid, "fixedrange": not axis.log, "range": [*axis.ends],
    }  # fmt: skip
    if axis.log:
        # a little longer: Plotly drops what rounding puts beyond an end, such as words there
        low, high = (math.log10(end) for end in axis.ends)
        found |= {"type": "log", "range": [round(low - 1e-6, 6), round(high + 1e-6, 6)]}
    if rows:
        # ticks that nobody sees keep the names away from the marks
        found |= {"showline": False, "automargin": True, "ticklen": 6,
                  "tickcolor": "rgba(0,0,0,0)"}  # fmt: skip
    if axis.places is not None:
        places = axis.places if rows else thinned(axis.places, _MOST_PLACES)
        texts = [text(name, 48 if rows else 24) for _, name in places]
        found |= {"tickangle": -30 if not rows and crowded(texts) else 0}
    elif axis.log:
        return {**found, **more}  # the script chooses the ticks
    else:
        places = _round_ticks(axis)
        texts = [name for _, name in places]
    found |= {"tickmode": "array", "tickvals": [at for at, _ in places], "ticktext": texts}
    return {**found, **more}


def _round_ticks(axis: Axis) -> list[tuple[float, str]]:
    return [(v, axis.show(v) if v > 0 else "0") for v in style.round_values(*axis.ends)]


def _title(title: str, top: float) -> dict[str, Any]:
    return {
        "text": text(title, 90), "xref": "paper", "x": 0, "xanchor": "left", "yref": "paper",
        "y": top, "yanchor": "top", "showarrow": False, "font": {"size": 12.5},
    }  # fmt: skip


def _rule(rule: Rule, suffix: str) -> dict[str, Any]:
    at, across = (rule.at, rule.at), (0, 1)
    (x0, x1), (y0, y1) = (at, across) if rule.upright else (across, at)
    return {
        "type": "line", "x0": x0, "x1": x1, "xref": "x" if rule.upright else "x domain",
        "y0": y0, "y1": y1, "yref": f"y{suffix} domain" if rule.upright else f"y{suffix}",
        "line": stroke(rule.colour, rule.width, rule.dash), "layer": "below",
    }  # fmt: skip


def _strip(picture: Picture, names: Names) -> Iterator[Trace]:
    """Yield the looks of the cases in rows, where they have one in other figures."""
    if len(picture.panels) > 1:
        return
    hollow = {mark.y: mark.hollow for mark in picture.marks}
    for row, label in enumerate(picture.rows):
        number = names.number(label)
        own = names.look(number)
        if own:
            mark = marker(own.mark, own.hue, 6, hollow=hollow.get(row, False))
            yield {
                "type": "scatter", "mode": "markers", "x": [0], "y": [row], "xaxis": "x2",
                "marker": mark, "customdata": [row], "hoverinfo": "none", "meta": number,
                "showlegend": False, "cliponaxis": False,
            }  # fmt: skip


def _label(mark: Mark, names: Names) -> dict[str, Any]:
    low, high = (mark.seen.low, mark.seen.high) if mark.seen else (mark.y, mark.y)
    return {
        "x": mark.x, "y": mark.y, "low": low, "high": high, "text": text(mark.label),
        "colour": look.TEXT, "name": names.number(mark.case),
    }  # fmt: skip
