"""A picture -> matplotlib's figure."""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from convbench.report.figures import DPI, style
from convbench.report.figures.labels import Box, Label, place
from convbench.report.figures.picture import BAR, Line, Mark, Rule, Words, crowded, thinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis as Scale
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.text import Annotation

    from convbench.report.figures.picture import Axis, Key, Panel, Part, Picture

_WIDTH: Final = 9.0
_ROLES: Final = {
    "text": "#000000", "one": "#555555", "link": "#BBBBBB", "grid": "#DDDDDD", "faint": "#888888",
    "roof": "#444444",
}  # fmt: skip
_EDGE: Final = 1.3
_FAINT: Final = 0.55  # whiskers stand back behind the marks
_TEXT, _SMALL, _LABEL = 8.5, 7.5, 8.0
_MOST_PLACES: Final = 14
"""Words that fit below the axis."""
_LONGEST: Final = 30
_NARROW: Final = 1000.0
_STEPS: Final = 60


def drawn(picture: Picture) -> Figure:
    """Return the picture, 9 inches wide, as a figure that is known to no pyplot."""
    # Names are placed in pixels, so they must be measured at the size that is saved.
    made: dict[str, Any] = {"dpi": DPI} if picture.labelled else {"layout": "constrained"}
    figure = Figure(figsize=(_WIDTH, picture.height), facecolor="white", **made)
    canvas = FigureCanvasAgg(figure)
    number = len(picture.panels)
    rows, columns = (1, number) if picture.beside else (number, 1)
    several = figure.subplots(
        rows, columns, sharex=not picture.beside, sharey=picture.beside, squeeze=False
    ).flat
    title = {"x": 0.01}
    if picture.labelled:
        figure.subplots_adjust(left=picture.left, right=0.88, top=0.92, bottom=0.1)
        title = {"x": picture.left, "y": 0.985}
    figure.suptitle(style.plain(picture.title, 110), ha="left", fontsize=10, **title)
    for axes, panel in zip(several, picture.panels, strict=True):
        words = _panel(axes, panel, picture)
        if picture.labelled:
            renderer: RendererAgg = canvas.get_renderer()  # type: ignore[no-untyped-call]
            _labels(axes, panel, renderer, words)
    if picture.keys:
        square = picture.panels[0].x.log and not picture.rows
        figure.legend(
            handles=[_key(key) for key in picture.keys], fontsize=8.5,
            loc="outside right upper" if square else "outside lower right",
            ncols=1 if square else 3,
        )  # fmt: skip
    if picture.foot:
        figure.text(0.97, 0.012, picture.foot, ha="right", fontsize=_LABEL, color=_ROLES["faint"])
    return figure


def _colour(name: str) -> str:
    return _ROLES.get(name, name)


def _panel(axes: Axes, panel: Panel, picture: Picture) -> list[Annotation]:
    """Draw a panel and return the words that are turned."""
    _axis(axes, "x", panel.x)
    _axis(axes, "y", panel.y)
    if picture.rows:
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    axes.set_title(style.plain(panel.title, 110), loc="left", fontsize=9)
    found = [_part(axes, part) for part in panel.parts]
    return [words for words in found if words is not None]


def _axis(axes: Axes, name: str, axis: Axis) -> None:
    scale: Scale = getattr(axes, f"{name}axis")
    axes.set(**{f"{name}scale": "log" if axis.log else "linear", f"{name}lim": axis.ends})
    scale.set_label_text(style.plain(axis.title, 110))
    if axis.grid:
        scale.grid(visible=True, color=_ROLES["grid"], lw=0.7)
    if axis.places is not None:
        across = name == "x"
        places = thinned(axis.places, _MOST_PLACES) if across else axis.places
        names = [style.plain(text, _LONGEST if across else 48) for _, text in places]
        turned = across and crowded(names)
        more: dict[str, Any] = {
            "rotation": 30, "ha": "right", "rotation_mode": "anchor", "fontsize": 8
        }  # fmt: skip
        scale.set_ticks([at for at, _ in places], names, **(more if turned else {}))
        scale.set_minor_locator(NullLocator())
        return
    scale.set_major_formatter(FuncFormatter(partial(_tick, axis.show)))
    if not axis.log:
        scale.set_major_locator(MaxNLocator(nbins=5))
        return
    # A span of less than three decades has ticks at 1, 2 and 5, any wider one at powers of ten.
    subs = (1.0, 2.0, 5.0) if axis.ends[1] / axis.ends[0] < _NARROW else (1.0,)
    scale.set_major_locator(LogLocator(subs=subs, numticks=12))
    scale.set_minor_locator(LogLocator(subs=tuple(range(2, 10)), numticks=50))
    scale.set_minor_formatter(NullFormatter())


def _tick(show: Callable[[float], str], value: float, _position: int | None) -> str:
    return show(value) if value > 0 else "0"


def _part(axes: Axes, part: Part) -> Annotation | None:
    """Draw one thing; return it where it is words that are turned, which no name may cover."""
    colour = _colour(part.colour)
    match part:
        case Words():
            return _words(axes, part)
        case Line():
            axes.plot(part.x, part.y, color=colour, lw=part.width, zorder=2, solid_capstyle="butt")
        case Rule():
            draw = axes.axvline if part.upright else axes.axhline
            draw(part.at, color=colour, lw=part.width, ls=part.dash, zorder=1)
        case Mark():
            _mark(axes, part, colour)
    return None


def _mark(axes: Axes, mark: Mark, colour: str) -> None:
    """Draw a mark with its whisker, and arrowheads where that is cut."""
    shade: Any = (colour, _FAINT) if mark.faint else colour
    look: dict[str, Any] = {
        "marker": mark.symbol, "ms": mark.size, "color": colour, "markeredgewidth": _EDGE,
        "markerfacecolor": "white" if mark.hollow else colour, "zorder": 4,
    }  # fmt: skip
    if mark.symbol == BAR:
        axes.barh([mark.y], [mark.x], color=colour)
        shade, look = _ROLES["text"], {}
    if mark.seen or look:
        middle = mark.x if mark.across else mark.y
        ends = [[middle - mark.seen.low], [mark.seen.high - middle]] if mark.seen else None
        look["xerr" if mark.across else "yerr"] = ends
        axes.errorbar([mark.x], [mark.y], ecolor=shade, elinewidth=1.1, capsize=2.5, **look)
    for end, high in mark.seen.cuts if mark.seen else ():
        x, y = (end, mark.y) if mark.across else (mark.x, end)
        sign = (">" if high else "<") if mark.across else ("^" if high else "v")
        axes.plot([x], [y], marker=sign, ms=5.5, color=shade, clip_on=False, zorder=5)


def _words(axes: Axes, words: Words) -> Annotation | None:
    (across, up), colour = words.side, _colour(words.colour)
    turned = 0.0
    if words.along:
        (x0, y0), (x1, y1) = axes.transData.transform([(words.x, words.y), words.along])
        turned = math.degrees(math.atan2(y1 - y0, x1 - x0))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8}
    made = axes.annotate(
        "\n".join(style.plain(line) for line in words.text.split("\n")),
        (words.x, words.y), (-4 if turned else 4.5 * across, 3 * up), textcoords="offset points",
        ha=("center", "left", "right")[across], va=("center", "bottom", "top")[up],
        fontsize=_SMALL if words.small else _TEXT, zorder=5, annotation_clip=False,
        color=colour if words.colour in _ROLES else style.darker(colour),
        rotation=turned, rotation_mode="anchor", bbox=box if words.boxed else None,
    )  # fmt: skip
    return made if words.along else None


def _key(key: Key) -> Line2D:
    colour = _colour(key.colour)
    return Line2D(
        [], [], color=colour, label=style.plain(key.text, 110), marker=key.symbol,
        linestyle="" if key.symbol else key.dash, markeredgewidth=_EDGE,
        markerfacecolor="white" if key.hollow else colour,
    )  # fmt: skip


def _labels(axes: Axes, panel: Panel, renderer: RendererAgg, words: list[Annotation]) -> None:
    """Write the names of marks where they cover no mark, whisker, wall or turned words."""

    def pixels(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(float(x), float(y)) for x, y in axes.transData.transform(points)]

    marks = [part for part in panel.parts if isinstance(part, Mark)]
    obstacles = [Box(*found.get_window_extent(renderer).extents) for found in words]
    for wall in (part for part in panel.parts if isinstance(part, Line) and part.wall):
        corners = pixels(list(zip(wall.x, wall.y, strict=True)))
        obstacles += [Box(x - 3, y - 3, x + 3, y + 3) for x, y in _along(corners)]
    labels = []
    for mark in marks:
        below, above = (mark.seen.low, mark.seen.high) if mark.seen else (mark.y, mark.y)
        (x, low), (_, middle), (_, high) = pixels([(mark.x, y) for y in (below, mark.y, above)])
        labels.append(Label(style.plain(mark.label), x, middle, style.darker(mark.colour)))
        half = mark.size * DPI / 72 / 2 + 1
        obstacles.append(Box(x - half, middle - half, x + half, middle + half))
        obstacles.append(Box(x - 3, low - 1, x + 3, high + 1))
    place(axes, renderer, labels, obstacles, _LABEL)


def _along(corners: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield places along a line, near one another."""
    for (x0, y0), (x1, y1) in itertools.pairwise(corners):
        for step in range(_STEPS + 1):
            yield x0 + (x1 - x0) * step / _STEPS, y0 + (y1 - y0) * step / _STEPS
