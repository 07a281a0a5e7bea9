"""A figure's data -> PNG or PDF. The same data gives the same bytes with the same matplotlib."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

from convbench.report.figuredata import Bars, Curve, Ratios, Roofline, Scatter, Trend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure as Canvas

    from convbench.report.figuredata import FigureData

DPI: Final = 150

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
}
# Without these, matplotlib writes its own version and the time into the file.
_UNSAID: Final[dict[str, dict[str, Any]]] = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}


def draw(data: FigureData, form: Literal["png", "pdf"] = "png") -> bytes:
    """Return the figure as PNG, at 150 dots an inch on white, or as PDF, for print."""
    with _styled():
        canvas = _canvas(data)
        buffer = io.BytesIO()
        canvas.savefig(buffer, format=form, dpi=DPI, metadata=_UNSAID[form])
    return buffer.getvalue()


def figure(data: FigureData | Roofline) -> Canvas:
    """Return the figure as matplotlib's, known to no pyplot: nothing to close, no window."""
    with _styled():
        return _canvas(data)


@contextmanager
def _styled() -> Iterator[None]:
    # No pyplot: it would choose a backend and keep the figure. The styles are undone on leaving.
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]):
        yield


def _canvas(data: FigureData | Roofline) -> Canvas:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawn = _drawn(data)
    FigureCanvasAgg(drawn)
    return drawn


def _drawn(data: FigureData | Roofline) -> Canvas:
    match data:
        case Scatter():
            from convbench.report.drawing.scatter import scatter

            return scatter(data)
        case Ratios():
            from convbench.report.drawing.ratios import ratios

            return ratios(data)
        case Curve():
            from convbench.report.drawing.curve import curve

            return curve(data)
        case Bars():
            from convbench.report.drawing.bars import bars

            return bars(data)
        case Trend():
            from convbench.report.drawing.trend import trend

            return trend(data)
        case Roofline():
            from convbench.report.drawing.roofline import roofline

            return roofline(data)
