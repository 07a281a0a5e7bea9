"""A picture of cases in rows, as a drawing: multiplications and time of every type of a group."""

from __future__ import annotations

import math
from typing import Final

from convbench.report.document import Figure
from convbench.report.figures import picture
from convbench.report.figures.picture import Key, Line, Mark, Panel, Rule
from convbench.report.figures.style import COUNT_COLOUR, TIME_COLOUR
from convbench_docs.svg import Colour, Drawing

_ROW: Final = 22.0
_NAMES: Final = 148.0
_WIDTH: Final = 500.0
_HEAD: Final = 34.0
_TICKS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_COLOURS: Final[dict[str, Colour]] = {COUNT_COLOUR: "count", TIME_COLOUR: "time"}


def drawing(figure: Figure, title: str) -> Drawing:
    """Return a figure of ratios, case by case."""
    made = picture(figure.data)
    (panel,) = made.panels
    bottom = _HEAD + _ROW * len(made.rows)
    pen = Drawing(
        _WIDTH,
        bottom + 40,
        name="promise-and-clock",
        title=title,
        alt=figure.alt,
    )
    for value in _TICKS:
        if panel.x.ends[0] <= value <= panel.x.ends[1]:
            x = _across(panel, value)
            pen.line((x, _HEAD - 8), (x, bottom), strength=0.15)
            pen.text((x, bottom + 16), panel.x.show(value), place="middle", size=11, strength=0.85)
    pen.text((_WIDTH - 10, bottom + 33), panel.x.title, place="end", size=11)
    for index, key in enumerate(made.keys):
        _key(pen, key, _NAMES + 126 * index)
    for row, label in enumerate(made.rows):
        pen.text((_NAMES - 10, _down(row) + 4), label, place="end")
    for part in panel.parts:
        if isinstance(part, Rule):
            x = _across(panel, part.at)
            pen.line((x, _HEAD - 8), (x, bottom), strength=0.7)
        elif isinstance(part, Line):
            ends = [(_across(panel, x), _down(y)) for x, y in zip(part.x, part.y, strict=True)]
            pen.line(ends[0], ends[1], strength=0.25, width=2)
        elif isinstance(part, Mark):
            _mark(pen, part, panel, says=": ".join((part.case, *made.notes[part.note].lines[0])))
    return pen


def _across(panel: Panel, value: float) -> float:
    low, high = panel.x.ends
    share = math.log(value / low) / math.log(high / low)
    return _NAMES + share * (_WIDTH - _NAMES - 10)


def _down(row: float) -> float:
    return _HEAD + _ROW * (row + 0.5)


def _key(pen: Drawing, key: Key, x: float) -> None:
    _symbol(pen, key.symbol, key.colour, (x + 4.5, 10.5))
    pen.text((x + 15, 15), key.text)


def _mark(pen: Drawing, mark: Mark, panel: Panel, says: str) -> None:
    y = _down(mark.y)
    if mark.seen:
        ends = [(_across(panel, end), y) for end in (mark.seen.low, mark.seen.high)]
        pen.line(ends[0], ends[1], colour=_COLOURS[mark.colour], width=2)
    at = _across(panel, mark.x), y
    _symbol(pen, mark.symbol, mark.colour, at, hollow=mark.hollow, says=says)


def _symbol(
    pen: Drawing,
    symbol: str,
    colour: str,
    at: tuple[float, float],
    *,
    hollow: bool = False,
    says: str = "",
) -> None:
    if symbol == "s":
        corner, strength = (at[0] - 4.5, at[1] - 4.5), 0.3 if hollow else 1.0
        pen.rect(corner, (9, 9), fill=_COLOURS[colour], strength=strength, outline=0.6, says=says)
    else:
        pen.circle(at, 5, colour=_COLOURS[colour], filled=not hollow)
