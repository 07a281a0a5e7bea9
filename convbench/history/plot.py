"""Cases over runs as a figure's data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from convbench.clock.samples import TIME
from convbench.comparing.tables import busy, timed
from convbench.core import text as show
from convbench.core.intervals import factor
from convbench.history.history import History
from convbench.history.series import Series
from convbench.report.document import Figure
from convbench.report.figuredata import Trend, TrendChange, TrendLevel, TrendLine, TrendPoint

_MOST_KEYS: Final = 3
_COMMIT: Final = 7


def trend_figure(history: History, chosen: Sequence[int]) -> Figure | None:
    """Return the chosen cases over all runs; None where none of them has a time."""
    lines = tuple(_line(history, index) for index in chosen if history.cases[index].times)
    if not lines:
        return None
    boundaries = tuple(
        (run, show.listing([item.key for item in history.in_the_way(run)], _MOST_KEYS))
        for run in range(len(history.runs))
        if history.in_the_way(run)
    )
    trend = Trend(
        title="Time of a call from run to run",
        runs=tuple(_name(history, run) for run in range(len(history.runs))),
        lines=lines,
        boundaries=boundaries,
    )
    return Figure(
        id="history",
        caption=(
            "Time of a call in every run, the oldest first. Whiskers: 95 % interval of the run; "
            "lines: mean level between change points. Each panel has its own scale, which does not "
            "start at 0."
        ),
        alt=_alt(trend),
        data=trend,
    )


def _name(history: History, run: int) -> str:
    entry = history.runs[run]
    commit = str(entry.run.header.fingerprint.get("git_commit") or "")[:_COMMIT]
    day = f"{entry.started:%m-%d %H:%M}"
    return f"{run + 1} · {day}" + (f" · {commit}" if commit else "")


def _line(history: History, index: int) -> TrendLine:
    case = history.cases[index]
    alone = history.alone[index]
    points = []
    for run, record in enumerate(case.records):
        if record is None:
            continue
        if timed(record):
            net = float(alone[run])
            points.append(
                TrendPoint(
                    run=run,
                    seconds=history.rows[run][record.case].seconds,
                    alone=factor(net) if math.isfinite(net) else None,
                )
            )
        else:
            failed = record.status if record.status != "ok" else "not timed"
            said = "machine busy" if busy(record) else failed
            points.append(TrendPoint(run=run, seconds=None, said=said))
    changes = [
        TrendChange(
            run=level.run,
            kind="slower" if level.value > 0 else "faster",
            text=by_how_much(level.value),
        )
        for level in history.levels(index)
    ]
    changes += [
        TrendChange(run=event.run, kind="count", text="count changed")
        for event in history.changed(index)
        if event.change == "count changed"
    ]
    return TrendLine(
        label=f"{case.label} in {history.titles.groups[case.group]}" + _clock(case),
        points=tuple(points),
        levels=_levels(points, [level.run for level in history.levels(index)]),
        changes=tuple(sorted(changes, key=lambda change: change.run)),
    )


def _clock(case: Series) -> str:
    """Return how a case's times are called, where they are not simply the time of a call."""
    return "" if case.clock == TIME else f", {case.clock}"


def _levels(points: Sequence[TrendPoint], changes: Sequence[int]) -> tuple[TrendLevel, ...]:
    values = {point.run: point.alone or point.seconds.value for point in points if point.seconds}
    found = []
    ends = [0, *changes, max(values, default=0) + 1]
    for start, stop in pairwise(ends):
        runs = [run for run in values if start <= run < stop]
        if runs:
            middle = math.exp(float(np.mean([math.log(values[run]) for run in runs])))
            found.append(TrendLevel(first=min(runs), last=max(runs), seconds=middle))
    return tuple(found)


def by_how_much(value: float) -> str:
    """Return a log-ratio in words: 10 % slower, 4.2 % faster."""
    way = "slower" if value > 0 else "faster"
    return f"{show.share(abs(factor(value) - 1))} {way}"


def _alt(trend: Trend) -> str:
    said = []
    for line in trend.lines:
        parts = [f"{change.text} from run {change.run + 1} on" for change in line.changes]
        times = [point.seconds.value for point in line.points if point.seconds]
        span = f"{show.seconds(min(times))} to {show.seconds(max(times))}"
        said.append(f"{line.label}: {span}, {show.listing(parts) or 'no change'}")
    runs = show.plural(len(trend.runs), "run")
    text = f"Time of a call over {runs}, a panel a case. {'; '.join(said)}."
    if trend.boundaries:
        before = show.listing([f"run {run + 1} ({text})" for run, text in trend.boundaries], 5)
        text += f" The environment changed before {before}."
    return text
