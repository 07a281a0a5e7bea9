"""Time ratios over the batch, a line a type: where a line crosses 1, the batch decides."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from convbench.clock.samples import short_title
from convbench.report.figures import style
from convbench.report.figures.picture import (
    Axis,
    Key,
    Line,
    Mark,
    Note,
    Panel,
    Picture,
    Rule,
    around,
    steady,
    whisker,
    with_confidence,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convbench.report.figuredata import Batches, BatchLine, BatchPoint
    from convbench.report.figures.picture import Ends, Part

_ROOM: Final = 1.25
_APART: Final = 1.03
"""Factor between the marks of two types at one batch, so that their whiskers stay apart."""


def batches(data: Batches) -> Picture:
    """Return one line for each type, over the batches that any of them has."""
    points = [point for line in data.lines for point in line.points]
    across = around((point.batch for point in points), 1.5)
    up = around((1.0, *(point.time.value for point in points)), _ROOM)
    places = tuple((number, f"{number:,}") for number in sorted({p.batch for p in points}))
    noted = count()
    middle = (len(data.lines) - 1) / 2
    parts = [
        part
        for place, line in enumerate(data.lines)
        for part in _line(line, data, up, _APART ** (place - middle), noted)
    ]
    panel = Panel(
        Axis(across, "images in a batch", log=True, places=places),
        Axis(up, _divided(data), log=True, grid=True, show=style.tick_ratio),
        (Rule(1, "one"), *parts),
    )
    looks = ((line, style.look(line.series, data.series)) for line in data.lines)
    return Picture(
        title=data.title,
        panels=(panel,),
        height=4.6,
        pixels=420,
        keys=tuple(Key(line.label, colour, symbol) for line, (colour, symbol) in looks),
        notes=tuple(_note(line, point, data) for line in data.lines for point in line.points),
    )


def _line(
    line: BatchLine, data: Batches, up: Ends, aside: float, noted: count[int]
) -> Iterator[Part]:
    colour, symbol = style.look(line.series, data.series)
    places = tuple(steady(point.batch * aside) for point in line.points)
    ratios = tuple(point.time.value for point in line.points)
    yield Line(places, ratios, colour, 1.2, case=line.series)
    for place, point in zip(places, line.points, strict=True):
        yield Mark(
            place, point.time.value, symbol, colour, next(noted), seen=whisker(point.time, up),
            case=line.series,
        )  # fmt: skip


def _note(line: BatchLine, point: BatchPoint, data: Batches) -> Note:
    ratio = f"{with_confidence(point.time)}, {point.time.verdict}"
    return Note(f"{line.label}, batch {point.batch:,}", ((_divided(data), ratio),))


def _divided(data: Batches) -> str:
    return f"{short_title(data.clock)} ÷ {data.baseline}"
