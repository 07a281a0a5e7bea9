"""A table in so many columns of text: what does not fit is left out by priority, and said."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from rich.box import Box
from rich.cells import cell_len
from rich.table import Table as Grid
from rich.text import Text

from convbench.core import text as show
from convbench.report.intervals import split
from convbench.report.legible import legible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import JustifyMethod

    from convbench.report.document import Table

_FIRST: Final = (
    "label", "group", "title", "status", "reason", "seconds", "verdict", "ratio_seconds", "fastest",
    "ratio_multiplications", "ratio_seconds:ends", "seconds:ends", "ratio", "ratio:ends", "what",
    "cheapest", "seconds_baseline",
    "slot", "multiplications", "parameters", "cases",
)  # fmt: skip
"""Keys that are kept first, in this order; `:ends` is the interval of a key. Any other after."""

_GAP: Final = 2
_WIDE: Final = 24
"""Text beyond this breaks lines, down to _NARROW where space is short."""
_NARROW: Final = 15
_HEAD: Final = 9
_LINE: Final = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_STYLES: Final = {"faster": "green", "slower": "red"}


@dataclass(frozen=True, kw_only=True)
class _Strip:
    """A column of text."""

    key: str
    name: str
    cells: tuple[str, ...]
    numeric: bool

    @property
    def wide(self) -> int:
        """Columns that it takes where nothing is broken but its head."""
        return max(self.least, *(cell_len(cell) for cell in self.cells), 1)

    @property
    def least(self) -> int:
        """Columns that it takes at least."""
        words = max((cell_len(word) for word in self.name.split()), default=1)
        longest = max((cell_len(cell) for cell in self.cells), default=1)
        head = min(cell_len(self.name), max(words, _HEAD))
        return max(head, longest if self.numeric or longest <= _WIDE else _NARROW)


@dataclass(frozen=True, kw_only=True)
class Narrowed:
    """A table that fits; names of the columns that did not, and what those of text say."""

    grid: Grid
    dropped: tuple[str, ...]
    notes: tuple[str, ...]


def narrowed(table: Table, width: int, encoding: str) -> Narrowed:
    """Return the table no wider than `width`, in signs of the encoding."""
    strips = [
        strip for index in range(len(table.columns)) for strip in _strips(table, index, encoding)
    ]
    strips = [strip for strip in strips if any(cell != _dash(encoding) for cell in strip.cells)]
    kept: list[_Strip] = []
    for strip in sorted(strips, key=_rank):
        if _total([*kept, strip]) <= width or not kept:
            kept.append(strip)
    shown = [strip for strip in strips if strip in kept]
    # What divides two columns is a blank too.
    grid = Grid(box=_LINE, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False,
                header_style="bold")  # fmt: skip
    widths = _widths(shown, width)
    heads = [wrap(strip.name, room) or [""] for strip, room in zip(shown, widths, strict=True)]
    deepest = max(map(len, heads), default=1)
    for strip, room, head in zip(shown, widths, heads, strict=True):
        side: JustifyMethod = "right" if strip.numeric else "left"
        low = "\n".join([*[""] * (deepest - len(head)), *head])
        grid.add_column(Text(low), width=room, justify=side, overflow="fold")
    for cells in zip(*(strip.cells for strip in shown), strict=True):
        grid.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
    gone = [strip for strip in strips if strip not in kept]
    return Narrowed(
        grid=grid,
        dropped=tuple(strip.name for strip in gone if strip.numeric),
        notes=tuple(_note(strip, strips[0].cells, encoding) for strip in gone if not strip.numeric),
    )


def _dash(encoding: str) -> str:
    return legible(show.MISSING, encoding)


def _rank(strip: _Strip) -> int:
    return _FIRST.index(strip.key) if strip.key in _FIRST else len(_FIRST)


def _strips(table: Table, index: int, encoding: str) -> list[_Strip]:
    """Return a column as text; an interval is a column of its own, which may be left out."""
    column = table.columns[index]
    texts, around, numeric = split(table, index)
    cells = tuple(legible(text, encoding) for text in texts)
    name = legible(column.name, encoding)
    strips = [_Strip(key=column.key, name=name, cells=cells, numeric=numeric or any(around))]
    if any(around):
        ends = tuple(legible(_bare(end) or show.MISSING, encoding) for end in around)
        of = f"{legible('±', encoding) if column.kind == 'seconds' else 'interval'} of {name}"
        strips.append(_Strip(key=f"{column.key}:ends", name=of, cells=ends, numeric=True))
    return strips


def _bare(around: str) -> str:
    """Return what stands behind a value as it stands in a column of its own."""
    return around.strip("()").removeprefix("processes: ")


def _total(strips: Sequence[_Strip]) -> int:
    return sum(strip.least + _GAP for strip in strips) - _GAP


def _widths(strips: Sequence[_Strip], width: int) -> list[int]:
    """Return the width of each column: what is left over goes to text that breaks lines."""
    widths = [strip.least for strip in strips]
    left = width - _total(strips)
    for _ in range(left):
        lines = [strip.wide / room for strip, room in zip(strips, widths, strict=True)]
        if max(lines, default=1.0) <= 1:
            break
        widths[lines.index(max(lines))] += 1
    return [min(room, width) for room in widths]


def _note(strip: _Strip, cases: Sequence[str], encoding: str) -> str:
    """Return what a column of text says, and of which cases."""
    said: dict[str, list[str]] = {}
    for case, cell in zip(cases, strip.cells, strict=True):
        if cell != _dash(encoding):
            said.setdefault(cell, []).append(case)
    points = (f"{text} ({show.listing(found, 4)})" for text, found in said.items())
    return f"{strip.name}: {'; '.join(points)}."
