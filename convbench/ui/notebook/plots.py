"""The figures of a run, for a notebook: each as matplotlib's Figure, known to no pyplot."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from matplotlib.figure import Figure

from convbench.core.errors import RunError
from convbench.core.registry import unknown
from convbench.report.document import Figure as Drawn
from convbench.report.figuredata import FigureData
from convbench.report.figures import DPI, figure
from convbench.report.findings import main_group
from convbench.report.groups import Group, groups, telling
from convbench.report.plots import (
    curve_figure,
    networks_figure,
    ratios_figure,
    roofline_figure,
    scatter_figure,
    series,
    waterfall_figure,
)
from convbench.report.why import telling_row
from convbench.runs.record import Run


def plot(run: Run, name: str, group: str | None = None) -> Figure:
    """Return the figure `name` of a run; see `Run.plot`."""
    if not isinstance(name, str) or name not in PLOTS:
        raise unknown("plot", name, PLOTS)
    drawn = figure(PLOTS[name](run, groups(run), group))
    # A notebook that never imported pyplot knows no figure; it does know this method.
    drawn._repr_png_ = partial(_png, drawn)  # type: ignore[attr-defined]
    return drawn


def _png(drawn: Figure) -> bytes:
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _data(run: Run, name: str, made: Drawn | None, why: str) -> FigureData:
    if made is None:
        raise _lacking(run, name, why)
    return made.data


def _ratio(run: Run, found: Sequence[Group], group: str | None) -> FigureData:
    chosen = _chosen(found, group)
    why = f"no case of {chosen.label} has a time beside its baseline's"
    return _data(run, "ratio", ratios_figure(chosen, 1), why)


def _scatter(run: Run, found: Sequence[Group], group: str | None) -> FigureData:
    chosen = _chosen(found, group)
    made = scatter_figure(chosen, 1, _series(chosen, found))
    return _data(run, "scatter", made, f"fewer than 2 cases of {chosen.label} were timed")


def _curve(run: Run, found: Sequence[Group], group: str | None) -> FigureData:
    shown = found if group is None else (_chosen(found, group),)
    why = "no group holds both depthwise_separable and standard as its baseline"
    return _data(run, "curve", curve_figure(shown), why)


def _networks(run: Run, found: Sequence[Group], group: str | None) -> FigureData:
    nets = [each for each in found if each.kind == "network"]
    made = networks_figure(_chosen(nets, group)) if nets else None
    return _data(run, "networks", made, "it holds fewer than 2 networks with a cost")


def _roofline(run: Run, found: Sequence[Group], group: str | None) -> FigureData:
    chosen = _chosen(found, group)
    machine = run.header.machine
    if not machine.ceilings:
        raise _lacking(run, "roofline", machine.failed or "its header holds no measured ceilings")
    why = (
        f"no forward pass of {chosen.label} was timed on a device, data type and threads whose "
        "ceiling was measured"
    )
    made = roofline_figure(chosen, 1, _series(chosen, found))
    return _data(run, "roofline", made, why)


def _waterfall(run: Run, found: Sequence[Group], group: str | None) -> FigureData:
    chosen = _chosen(found, group)
    row = telling_row(chosen)
    why = next((row.gap.reason for row in chosen.compared), "nothing has a time ratio")
    return _data(run, "waterfall", waterfall_figure(row) if row else None, why)


PLOTS: Final[dict[str, Callable[[Run, Sequence[Group], str | None], Any]]] = {
    "ratio": _ratio,
    "scatter": _scatter,
    "curve": _curve,
    "networks": _networks,
    "roofline": _roofline,
    "waterfall": _waterfall,
}
"""What `Run.plot` can draw, by name."""


def _series(chosen: Group, found: Sequence[Group]) -> tuple[str, ...]:
    """Return the names that share out the colours; networks have theirs to themselves."""
    if chosen.kind == "type":
        return series(found)
    return tuple(dict.fromkeys(row.record.name for row in chosen.rows))


def _chosen(found: Sequence[Group], group: str | None) -> Group:
    """Return the group asked for, or the most telling one, of types where there are any."""
    if group is not None:
        for each in found:
            if each.label == group:
                return each
        raise unknown("group", group, [each.label for each in found])
    if main := main_group(found):
        return main
    if not found:
        raise RunError("There is nothing to plot: the run holds no cases. Finish it with --resume.")
    return telling(found, 1)[0]


def _lacking(run: Run, name: str, why: str) -> RunError:
    rest = ", ".join(other for other in PLOTS if other != name)
    of = f" of {run.path}" if run.path else ""
    return RunError(f"There is no plot {name!r}{of}: {why}. Try another: {rest}.")
