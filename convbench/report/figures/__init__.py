"""Figures: data -> a picture, which says what is drawn and where -> matplotlib's; PNG, SVG or PDF.

    picture           what a picture is made of
    scatter, rows, …  a picture of each kind of data
    style             colours, marks, ticks
    canvas, labels    a picture -> matplotlib's figure

The page for a browser draws the same pictures. matplotlib is imported only when something is drawn.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from convbench.core import text as show
from convbench.core.intervals import Interval, RatioInterval
from convbench.report.figuredata import (
    Bars,
    Batches,
    Curve,
    Ratios,
    Roofline,
    Scatter,
    Trend,
    Waterfall,
)
from convbench.report.figures.batches import batches
from convbench.report.figures.curve import curve
from convbench.report.figures.rows import bars, ratios, waterfall
from convbench.report.figures.scatter import roofline, scatter
from convbench.report.figures.trend import trend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from matplotlib.figure import Figure as Canvas

    from convbench.report.figuredata import FigureData
    from convbench.report.figures.picture import Picture

DPI: Final = 150
Form = Literal["png", "svg", "pdf"]
"""What a figure is written as. SVG and PDF hold their text as text."""
FORMS: Final[tuple[Form, ...]] = get_args(Form)

# On top of matplotlib's own defaults, so that a user's matplotlibrc changes nothing here.
_STYLE: Final[dict[str, Any]] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#888888",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "legend.frameon": False,
    "text.parse_math": False,  # a name that a user chose may hold a dollar sign
    "pdf.fonttype": 42,  # TrueType, which publishers ask for
    "svg.fonttype": "none",
    "svg.hashsalt": "convbench",
}
# Without these, matplotlib writes its own version and the time into the file.
UNSAID: Final[dict[str, dict[str, Any]]] = {
    "png": {"Software": None},
    "svg": {"Creator": None, "Date": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}
_PICTURES: Final[dict[type, Callable[[Any], Picture]]] = {
    Scatter: scatter,
    Ratios: ratios,
    Curve: curve,
    Bars: bars,
    Trend: trend,
    Roofline: roofline,
    Waterfall: waterfall,
    Batches: batches,
}


def picture(data: FigureData) -> Picture:
    """Return what is drawn of a figure's data."""
    return _PICTURES[type(data)](data)


def draw(data: FigureData, form: Form = "png") -> bytes:
    """Return the figure on white: as PNG of 150 dots an inch, or as SVG or PDF, for print.

    The same data gives the same bytes with the same matplotlib.
    """
    with styled():
        buffer = io.BytesIO()
        _drawn(data).savefig(buffer, format=form, dpi=DPI, metadata=UNSAID[form])
    return buffer.getvalue()


def drawn(figures: Mapping[str, FigureData], forms: Sequence[Form]) -> dict[str, bytes]:
    """Return figures/<id>.<form>: every figure, by its id, in all of these forms."""
    return {
        f"figures/{name}.{form}": draw(data, form)
        for name, data in figures.items()
        for form in forms
    }


def figure(data: FigureData) -> Canvas:
    """Return the figure as matplotlib's, known to no pyplot: nothing to close, no window."""
    with styled():
        return _drawn(data)


def said(data: FigureData) -> str:
    """Return what the caption of a figure must say of the intervals that it does not show whole."""
    tuples = (value for value in vars(data).values() if isinstance(value, tuple))
    items = (data, *(item for several in tuples for item in several if is_dataclass(item)))
    values = (value for item in items for value in vars(item).values())
    text = ""
    around = (value for value in values if isinstance(value, Interval | RatioInterval))
    without = [value.processes for value in around if not show.known(value)]
    if without:
        far = "processes too far apart for an interval" if max(without) > 1 else "no interval"
        text += f" Without a whisker: {far}."
    if any(mark.seen and mark.seen.cuts for mark in picture(data).marks):
        text += " An arrowhead: the interval goes on."
    return text


@contextmanager
def styled() -> Iterator[None]:
    """Let matplotlib draw in convbench's style; the styles are undone on leaving."""
    # No pyplot: it would choose a backend and keep the figure.
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


def _drawn(data: FigureData) -> Canvas:
    from convbench.report.figures import canvas

    return canvas.drawn(picture(data))
