"""Promise and clock of every type of a group, as a drawing: squares are counts, circles times."""

from __future__ import annotations

import math
from typing import Final

from convbench.core import text as show
from convbench.report.groups import Group
from convbench.runs.frame import Row
from convbench_docs.svg import Drawing

_ROW: Final = 22.0
_NAMES: Final = 150.0
_WIDTH: Final = 620.0
_HEAD: Final = 34.0
_TICKS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


def drawing(group: Group) -> Drawing:
    """Return the ratios of a group's cases to its baseline, fastest first."""
    found = group.compared
    faster = sum(1 for row in found if row.time and row.time.verdict == "faster")
    fewer = sum(1 for row in found if row.multiplications and row.multiplications < 1)
    base = group.baseline_name
    pen = Drawing(
        _WIDTH,
        _HEAD + _ROW * len(found) + 40,
        name="promise-and-clock",
        title=f"Promise and clock against {base}",
        alt=(
            f"Ratios of {len(found)} types to {base}: {fewer} need fewer multiplications and "
            f"{faster} are faster. The table beneath has the numbers."
        ),
    )
    scale = _Scale(found)
    bottom = _HEAD + _ROW * len(found)
    for tick in scale.ticks:
        x = scale.at(tick)
        strong = tick == 1
        pen.line((x, _HEAD - 8), (x, bottom), strength=0.7 if strong else 0.15)
        pen.text((x, bottom + 16), f"{tick:g}", place="middle", size=11, strength=0.85)
    pen.rect((_NAMES, 6), (9, 9), fill="count")
    pen.text((_NAMES + 15, 15), "multiplications")
    pen.circle((_NAMES + 126, 10.5), 5, colour="time")
    pen.text((_NAMES + 136, 15), "time, with its interval")
    pen.text((_WIDTH - 10, bottom + 33), f"÷ {base}, logarithmic", place="end", size=11)
    for index, row in enumerate(found):
        _draw(pen, row, scale, _HEAD + _ROW * (index + 0.5))
    return pen


class _Scale:
    """Ratios along a line, by their logarithm."""

    def __init__(self, found: tuple[Row, ...]) -> None:
        values = [1.0]
        for row in found:
            if row.time and row.multiplications:
                values += [row.time.value, row.multiplications]
                values += [row.time.low, row.time.high] if row.time.usable else []
        self._low, self._high = min(values) / 1.15, max(values) * 1.15
        self.ticks = [tick for tick in _TICKS if self._low <= tick <= self._high]

    def at(self, value: float) -> float:
        """Return where a ratio lies."""
        share = math.log(value / self._low) / math.log(self._high / self._low)
        return _NAMES + share * (_WIDTH - _NAMES - 10)


def _draw(pen: Drawing, row: Row, scale: _Scale, y: float) -> None:
    time, count = row.time, row.multiplications
    if time is None or not count:
        return
    pen.text((_NAMES - 10, y + 4), row.record.label, place="end")
    if time.usable:
        pen.line((scale.at(time.low), y), (scale.at(time.high), y), colour="time", width=2)
    x = scale.at(count)
    filled = not row.record.caveat.less
    pen.rect(
        (x - 4.5, y - 4.5),
        (9, 9),
        fill="count",
        strength=1.0 if filled else 0.3,
        outline=0.6,
        says=f"{row.record.label}: multiplications {show.ratio(count)}",
    )
    pen.circle((scale.at(time.value), y), 5, colour="time", filled=filled)
