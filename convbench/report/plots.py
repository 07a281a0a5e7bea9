"""From groups to figures, as data: which cases, which numbers, which words beside them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from convbench.clock.samples import TIME, short_title
from convbench.core import text as show
from convbench.counting.tally import Tally
from convbench.machine.ceilings import MEMORY
from convbench.report.device import at_clock
from convbench.report.document import Figure
from convbench.report.figuredata import (
    Bar,
    Bars,
    Curve,
    CurvePoint,
    Pair,
    Point,
    Ratios,
    Roof,
    Roofline,
    RooflinePoint,
    Scatter,
    Waterfall,
    WaterfallStep,
)
from convbench.report.figures import said
from convbench.report.groups import Group, clock_of, multiplications
from convbench.runs.columns import bytes_moved
from convbench.runs.gap import FACTORS
from convbench.runs.titles import slot_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.runs.frame import Row
    from convbench.runs.record import Record

_FEWEST: Final = 2
"""Cases that a figure needs to compare anything."""
_HOLLOW: Final = " Hollow: types that see or mix less of their input than the baseline."


def series(all_groups: Sequence[Group]) -> tuple[str, ...]:
    """Return the names that share out the colours: all of the run, so that none changes its own.

    Not all registered types: what is installed where a report is made again may differ.
    """
    return tuple(
        sorted(
            {row.record.name for group in all_groups if group.kind == "type" for row in group.rows}
        )
    )


def scatter_figure(group: Group, number: int, names: tuple[str, ...]) -> Figure | None:
    """Return time against multiplications of a group; None with too few cases to show."""
    shown = [row for row in group.ranked if multiplications(row) and row.seconds]
    if len(shown) < _FEWEST:
        return None
    points = tuple(
        Point(
            label=row.record.label,
            series=row.record.name,
            multiplications=multiplications(row),
            seconds=row.seconds,
            caveat=row.record.caveat.less,
        )
        for row in shown
        if row.seconds
    )
    first, last = shown[0], shown[-1]
    title = group.title_by(group.clock)
    data = Scatter(title=title, group=group.label, points=points, series=names, clock=group.clock)
    return Figure(
        id=f"time-against-multiplications-{number}",
        caption=(
            f"{show.capital(group.clock)} against multiplications: {title}. Grey lines: "
            "equal rates; "
            f"whiskers: 95 % intervals.{said(data)}{_hollow(points)}"
        ),
        alt=(
            f"Log-log scatter of {show.plural(len(points), 'case')}: from {first.record.label}, "
            f"the fastest, with {show.count(multiplications(first))} multiplications, to "
            f"{last.record.label}, the slowest, with {show.count(multiplications(last))}."
        ),
        data=data,
    )


def _hollow(marks: Sequence[Point | Pair | RooflinePoint]) -> str:
    return _HOLLOW if any(mark.caveat for mark in marks) else ""


def ratios_figure(group: Group, number: int) -> Figure | None:
    """Return both ratios of a group, case by case; None where nothing has both."""
    pairs = tuple(
        Pair(
            label=row.record.label,
            multiplications=row.multiplications,
            time=row.time,
            caveat=row.record.caveat.less,
        )
        for row in sorted(group.compared, key=lambda row: row.multiplications or 0.0)
        if row.time and row.multiplications
    )
    if not pairs:
        return None
    faster = sum(pair.time.verdict == "faster" for pair in pairs)
    fewer = sum(pair.multiplications < 1 for pair in pairs)
    base, clock = group.baseline_name, clock_of(group.compared)
    title = group.title_by(clock)
    data = Ratios(title=title, group=group.label, baseline=base, pairs=pairs)
    return Figure(
        id=f"promise-and-clock-{number}",
        caption=(
            f"Multiplications (squares) and {short_title(clock)} (circles, "
            f"with interval) divided by those of {base}: {title}. Left of 1 is less."
            f"{said(data)}{_hollow(pairs)}"
        ),
        alt=(
            f"Paired ratios of {show.plural(len(pairs), 'case')} to {base}: fewer multiplications "
            f"in {fewer}, faster in {faster}."
        ),
        data=data,
    )


def waterfall_figure(row: Row) -> Figure | None:
    """Return the factors between a row's two ratios; None where they are not known."""
    found, time = row.gap, row.time
    if not found.factors or time is None or row.baseline is None:
        return None
    factors = tuple(
        WaterfallStep(label=FACTORS[one.key].name, value=one.value)
        for one in found.factors
        if one.key != "multiplications"
    )
    name, base = row.record.label, row.baseline.label
    data = Waterfall(
        title=f"{name} against {base}: {slot_title(row.record)}",
        group=row.record.group,
        label=name,
        baseline=base,
        multiplications=found["multiplications"].value,
        factors=factors,
        time=time,
    )
    return Figure(
        id="from-multiplications-to-time",
        caption=(
            f"From the ratio of multiplications of {name} to {base} to that of their times, factor "
            f"by factor; a bar to the right costs time.{said(data)}"
        ),
        alt=(
            f"Waterfall from {show.ratio(data.multiplications)} to {show.ratio(time.value)}: "
            f"{show.listing([f'{one.label} {show.ratio(one.value)}' for one in factors])}."
        ),
        data=data,
    )


def roofline_figure(group: Group, number: int, names: tuple[str, ...]) -> Figure | None:
    """Return the cases of a group below the ceilings of their device; None without these."""
    shown = [row for row in group.ranked if row.ceiling]
    points = tuple(point for row in shown if (point := _roofline_point(row)))
    limit = shown[0].ceiling if shown else None
    if not points or limit is None:
        return None
    title = group.title_by(group.clock)
    data = Roofline(
        title=title,
        group=group.label,
        multiplications_per_second=limit.multiplications_per_second,
        bytes_per_second=limit.bytes_per_second,
        points=points,
        series=names,
        levels=tuple(
            Roof(name=level.name, bytes_per_second=level.bytes_per_second)
            for level in limit.levels
            if level.name != MEMORY
        ),
        clock=group.clock,
    )
    best = max(points, key=lambda point: point.rate)
    share = show.percent(best.rate / data.multiplications_per_second)
    return Figure(
        id=f"roofline-{number}",
        caption=(
            "Multiplications a second against those for each byte moved at least, under the "
            f"measured ceilings of the device{at_clock(limit)}: {title}.{said(data)}"
            f"{_hollow(points)}"
        ),
        alt=(
            f"Log-log roofline with {show.plural(len(points), 'case')}: {best.label} is nearest to "
            f"the peak, with {share} of it."
        ),
        data=data,
    )


def _roofline_point(row: Row) -> RooflinePoint | None:
    """Return a case under its ceilings; None for one that says nothing of them."""
    record, moved = row.record, bytes_moved(row.record)
    if record.cost is None or row.seconds is None or not moved or record.direction != "forward":
        return None
    if not record.cost.multiplications_valid:
        return None
    return RooflinePoint(
        label=record.label,
        series=record.name,
        multiplications=int(record.cost.multiplications_valid),
        bytes_moved=moved,
        seconds=row.seconds,
        caveat=record.caveat.less,
    )


def curve_figure(all_groups: Sequence[Group]) -> Figure | None:
    """Return 1/N + 1/|K| and the pairs of a run beside it; None where there are none."""
    families: dict[str, list[tuple[CurvePoint, str]]] = {}
    for group in all_groups:
        if point := _curve_point(group):
            families.setdefault(_family(group), []).append(point)
    if not families:
        return None
    # slots that differ in more than N say nothing about N: the family with the most of it is shown
    title, found = max(families.items(), key=lambda item: len({p.channels for p, _ in item[1]}))
    points, clock, without = _by_one_clock(found)
    title += without
    data = Curve(points=points, title=title)
    channels = sorted({point.channels for point in points})
    return Figure(
        id="separable-against-its-curve",
        caption=(
            "Depthwise separable divided by standard over the output channels N: multiplications "
            f"and {short_title(clock)}, with its interval: {title}.{said(data)}"
        ),
        alt=(
            f"Curve of 1/N + 1/|K| with {show.plural(len(points), 'pair')} of this run at "
            f"N = {show.listing([str(number) for number in channels])}."
        ),
        data=data,
    )


def _by_one_clock(
    found: Sequence[tuple[CurvePoint, str]],
) -> tuple[tuple[CurvePoint, ...], str, str]:
    """Return points with times by the clock of most of them, its name, and what a title adds.

    found: points with the clock of each.
    """
    clocks = Counter(clock for point, clock in found if point.time)
    clock = max(clocks, key=lambda name: clocks[name], default=TIME)
    left = sum(clocks.values()) - clocks[clock]
    points = tuple(point if by == clock else replace(point, time=None) for point, by in found)
    return (
        points,
        clock,
        f"; not shown: {show.plural(left, 'time')} by another clock" if left else "",
    )


def _family(group: Group) -> str:
    """Name what slots share when they differ in the output channels alone."""
    record = group.rows[0].record
    if (spec := record.spec) is None:
        return group.title
    one = spec.title.replace(f"→{spec.out_channels},", "→N,", 1)
    return group.title.replace(spec.title, one, 1)


def _curve_point(group: Group) -> tuple[CurvePoint, str] | None:
    separable = group.find("depthwise_separable") if group.kind == "type" else None
    standard = group.find("standard")
    if separable is None or standard is None or separable.record.spec is None:
        return None
    if separable.baseline is not standard.record or not separable.multiplications:
        return None
    spec = separable.record.spec
    taps = 1
    for axis in spec.axes:
        taps *= int(axis.kernel)
    point = CurvePoint(
        channels=int(spec.out_channels),
        taps=taps,
        derived=separable.multiplications,
        counted=_counted(separable.record, standard.record),
        time=separable.time,
    )
    return point, separable.record.clock


def _counted(separable: Record, standard: Record) -> tuple[tuple[str, float], ...]:
    found: list[tuple[str, float]] = []
    for name, tally in separable.tallies.items():
        below = standard.tallies.get(name)
        if not (isinstance(tally, Tally) and isinstance(below, Tally)):
            continue
        if tally.complete and below.complete and below.macs:
            found.append((name, tally.macs / below.macs))
    return tuple(found)


def networks_figure(group: Group) -> Figure | None:
    """Return networks side by side, widest last; None where there is nothing to compare."""
    shown = sorted(group.derived, key=_width)
    if len(shown) < _FEWEST:
        return None
    timed = {id(row): row.seconds for row in group.ranked}
    bars = tuple(
        Bar(
            label=row.record.label,
            multiplications=multiplications(row),
            seconds=timed.get(id(row)),
        )
        for row in shown
    )
    title = group.title_by(group.clock)
    small, large = group.derived[0], group.derived[-1]
    data = Bars(title=title, group=group.label, bars=bars, clock=group.clock)
    return Figure(
        id="networks-by-width",
        caption=(
            f"Multiplications of one forward pass of the batch, and {group.clock} with its "
            f"interval: {title}.{said(data)}"
        ),
        alt=(
            f"Bars of {show.plural(len(bars), 'network')}, from {small.record.label} with "
            f"{show.count(multiplications(small))} multiplications to {large.record.label} with "
            f"{show.count(multiplications(large))}."
        ),
        data=data,
    )


def _width(row: Row) -> tuple[float, int]:
    """Return the width knob, which a run on disk may hold as "3/4", and then the count."""
    try:
        width = float(Fraction(str(row.record.knobs.get("width", 0))))
    except (ValueError, ZeroDivisionError):
        width = 0.0
    return width, multiplications(row)
