"""Cases on two log axes, each with its name: time against count, and rates under a roofline."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from convbench.core import text as show
from convbench.report.figures import style
from convbench.report.figures.picture import (
    Axis,
    Line,
    Mark,
    Note,
    Panel,
    Picture,
    Whisker,
    Words,
    around,
    whisker,
    with_confidence,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convbench.report.figuredata import Point, Roofline, RooflinePoint, Scatter
    from convbench.report.figures.picture import Ends

_ROOM: Final = 1.6
_ROOM_ROOFLINE: Final = 2.2
_INTENSITY: Final = "multiply-accumulates for each byte moved at least"
_RATE: Final = "multiply-accumulates a second, with the interval"
_NEAR_ROOF: Final = 1.5
"""Ceilings nearer than this factor share a name."""
_SHORTEST: Final = 0.05  # of the width: a shorter line in a corner says nothing


def scatter(data: Scatter) -> Picture:
    """Return time against multiplications, with lines of equal multiply-accumulates a second."""
    across = _ends([float(point.multiplications) for point in data.points])
    up = _ends([point.seconds.value for point in data.points])
    marks = [
        _mark(i, point, data.series, (point.multiplications, point.seconds.value),
              whisker(point.seconds, up))
        for i, point in enumerate(data.points)
    ]  # fmt: skip
    panel = Panel(
        Axis(across, "multiplications (1 MAC = 1 multiplication)", log=True, show=style.tick_count),
        Axis(up, f"{data.clock}, with its interval", log=True, show=style.tick_seconds),
        (*_rates(across, up), *marks),
    )
    notes = tuple(_note(point, data) for point in data.points)
    return Picture(title=data.title, panels=(panel,), height=6.2, pixels=540, notes=notes)


def _ends(values: Sequence[float]) -> Ends:
    return around(values, max(_ROOM, (max(values) / min(values)) ** 0.08))


def _mark(
    note: int,
    point: Point | RooflinePoint,
    series: Sequence[str],
    at: tuple[float, float],
    seen: Whisker | None,
) -> Mark:
    colour, symbol = style.look(point.series, series)
    return Mark(
        float(at[0]), at[1], symbol, colour, note, hollow=point.caveat, seen=seen, faint=True,
        label=point.label, case=point.series,
    )  # fmt: skip


def _note(point: Point, data: Scatter) -> Note:
    return Note(
        point.label,
        (
            ("multiplications", f"{point.multiplications:,}"),
            (data.clock, with_confidence(point.seconds)),
            ("multiplications a second", show.count(point.multiplications / point.seconds.value)),
        ),
        group=data.group,
        case=point.label,
        known={"multiplications": point.multiplications},
    )


def _rates(across: Ends, up: Ends) -> Iterator[Line | Words]:
    """Yield lines of equal MAC/s, named where they leave the axes at the top or the right."""
    (left, right), (low, high) = across, up
    first, last = math.floor(math.log10(left / high)), math.ceil(math.log10(right / low))
    for power in range(first, last + 1):
        rate = 10.0**power
        start, end = max(left, low * rate), min(right, high * rate)
        if end < start * (right / left) ** _SHORTEST:
            continue
        yield Line((start, end), (start / rate, end / rate), "grid", 1)
        side = (0, 1) if end < right else (1, 0)
        yield Words(end, end / rate, style.tick_rate(rate), side, "faint", small=True)


def roofline(data: Roofline) -> Picture:
    """Return the ceilings of the device and each case below those of the memory that holds it."""
    peak, copied = data.multiplications_per_second, data.bytes_per_second
    slopes = [("memory", copied), *((level.name, level.bytes_per_second) for level in data.levels)]
    across = around([*(x.intensity for x in data.points), peak / copied], _ROOM_ROOFLINE)
    rates = [point.rate for point in data.points]
    up = min(rates) / _ROOM_ROOFLINE, max(*rates, peak) * _ROOM_ROOFLINE
    roof: list[Line] = []
    names: list[Words] = []
    together: list[tuple[str, float]] = []  # too near one another for a name each
    for name, rate in sorted(slopes, key=lambda slope: slope[1]):
        ridge, start = peak / rate, max(across[0], up[0] / rate)
        if start >= ridge:
            continue  # none of it lies within the axes
        end = across[1] if name == "memory" else ridge
        width = 1.8 if name == "memory" else 1.0
        line = Line((start, ridge, end), (start * rate, peak, peak), "roof", width, wall=True)
        if together and rate < _NEAR_ROOF * together[-1][1]:
            names.pop()
        else:
            together = []
        together.append((name, rate))
        roof.append(line)
        at = start * (ridge / start) ** 0.08
        names.append(
            Words(at, at * rate, _held(together), (1, 1), "roof", small=True,
                  along=(ridge, ridge * rate))
        )  # fmt: skip
    rate_ = style.tick_rate(float(f"{peak:.3g}"))
    names.append(Words(across[1], peak, f"measured\npeak:\n{rate_}", colour="roof", small=True))
    marks = [
        _mark(i, point, data.series, (point.intensity, point.rate), _rate_ends(point))
        for i, point in enumerate(data.points)
    ]
    panel = Panel(
        Axis(across, _INTENSITY, log=True, grid=True, show=style.tick_ratio),
        Axis(up, _RATE, log=True, grid=True, show=style.tick_rate),
        (*roof, *names, *marks),
    )
    hollow = any(point.caveat for point in data.points)
    return Picture(
        title=data.title, panels=(panel,), height=6.2, pixels=540, left=0.13,
        foot="hollow: sees or mixes less of its input" if hollow else "",
        notes=tuple(_roof_note(point, data) for point in data.points),
    )  # fmt: skip


def _held(levels: Sequence[tuple[str, float]]) -> str:
    """Return which level holds the bytes at what rate, of one or of several with like rates."""
    units = (" ", " k", " M", " G", " T")
    rates = [f"{style.short(float(f'{rate:.3g}'), units)}B/s" for _, rate in levels]
    if len(levels) > 1:
        return ", ".join(f"{name}: {rate}" for (name, _), rate in zip(levels, rates, strict=True))
    name = levels[0][0]
    said = "measured copy, no cache holds it" if name == "memory" else f"{name} holds it"
    return f"{said}: {rates[0]}"


def _roof_note(point: RooflinePoint, data: Roofline) -> Note:
    return Note(
        point.label,
        (
            ("multiplications for each byte", show.ratio(point.intensity)),
            ("multiplications a second", show.count(point.rate)),
            ("of the peak", show.percent(point.rate / data.multiplications_per_second)),
            (data.clock, with_confidence(point.seconds)),
        ),
        group=data.group,
        case=point.label,
    )


def _rate_ends(point: RooflinePoint) -> Whisker | None:
    count, time = point.multiplications, point.seconds
    if not show.known(time):
        return None
    return Whisker(count / time.high, count / time.low, cut_low=False, cut_high=False)
