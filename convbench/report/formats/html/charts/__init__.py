"""A figure's data -> what Plotly draws, one file for each kind of figure.

Everything is drawn in the colours of a light page; the script puts others in their place on a dark
one. Every text is escaped here, since Plotly reads a little HTML of its own in what it is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convbench.report.figuredata import Bars, Curve, Ratios, Scatter, Trend
from convbench.report.formats.html.charts.bars import bars
from convbench.report.formats.html.charts.curve import curve
from convbench.report.formats.html.charts.ratios import ratios
from convbench.report.formats.html.charts.scatter import scatter
from convbench.report.formats.html.charts.trend import trend

if TYPE_CHECKING:
    from convbench.report.figuredata import FigureData
    from convbench.report.formats.html.charts.chart import Chart
    from convbench.report.formats.html.facts import Facts
    from convbench.report.formats.html.names import Names


def drawn(data: FigureData, names: Names, facts: Facts) -> Chart:
    """Return a figure for Plotly, with the numbers that a pointer at each mark shows."""
    match data:
        case Scatter():
            return scatter(data, names, facts)
        case Ratios():
            return ratios(data, names, facts)
        case Curve():
            return curve(data, names)
        case Bars():
            return bars(data, names, facts)
        case Trend():
            return trend(data, names)
