"""A table in so many columns of text: what does not fit is left out by priority, and said.

Whole columns go, the least important first; no number is broken over lines, and a value goes
together with its interval. Where not even the first columns fit, the rows become lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.box import Box
from rich.cells import cell_len
from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

from convbench.core import text as show
from convbench.report.formats.terminal.prose import lines
from convbench.report.intervals import split
from convbench.report.legible import legible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, JustifyMethod, RenderableType

    from convbench.report.document import Table

_FIRST: Final = (
    "label", "type", "group", "title", "status", "reason", "seconds",
    "seconds_kernel", "seconds_events", "time", "s", "ms", "us", "ns",
    "fastest", "verdict", "ratio_seconds", "ratio", "speedup", "ratio_multiplications",
    "macs_ratio", "factor_multiplications", "factor_rest", "factor_kernels",
    "what", "cheapest", "seconds_baseline", "seconds_kernel_baseline",
    "seconds_events_baseline", "slot", "multiplications", "macs",
    "parameters", "cases", "gap", "caveat",
)  # fmt: skip
"""Keys that are kept first, in this order; any other after, from left to right."""
_NEVER: Final = frozenset(
    {
        "seconds",
        "seconds_kernel",
        "seconds_events",
        "time",
        "s",
        "ms",
        "us",
        "ns",
        "fastest",
        "verdict",
    }
)
"""Keys of columns that are never left out, nor is the first column: a table is a list before."""

_GAP: Final = 2
_WIDE: Final = 24
"""Text beyond this breaks lines, down to _NARROW or its longest word where space is short."""
_NARROW: Final = 15
_HEAD: Final = 9
_TALL: Final = 3
"""Lines of a row from which on rows are set apart."""
_LINE: Final = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_STYLES: Final = {"faster": "green", "slower": "red"}


@dataclass(frozen=True, kw_only=True)
class _Strip:
    """A column of text. of: the key of the value that it belongs to."""

    of: str
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
        if self.numeric or longest <= _WIDE:
            return max(head, longest)
        word = max(cell_len(word) for cell in self.cells for word in cell.split())
        return max(head, min(longest, max(_NARROW, min(word, _WIDE))))


@dataclass(frozen=True, kw_only=True)
class Narrowed:
    """A table that fits; names of the columns that did not, and what those of text say."""

    grid: RenderableType
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def narrowed(table: Table, console: Console) -> Narrowed:
    """Return the table no wider than the console, in signs that it has."""
    encoding = console.encoding
    strips = [
        strip for index in range(len(table.columns)) for strip in _strips(table, index, encoding)
    ]
    strips = [s for s in strips if s is strips[0] or any(c != _dash(encoding) for c in s.cells)]
    kept: list[_Strip] = []
    for value in sorted({strip.of: None for strip in strips}, key=lambda of: _rank(of, strips)):
        whole = [strip for strip in strips if strip.of == value]
        if _total([*kept, *whole]) <= console.width:
            kept += whole
        elif value in _NEVER or not kept or not any(strip.numeric for strip in strips):
            return Narrowed(grid=Group(*_lists(strips, console)))
    shown = [strip for strip in strips if strip in kept]
    gone = [strip for strip in strips if strip not in kept]
    numbers = dict.fromkeys(strip.of for strip in gone if strip.numeric)
    return Narrowed(
        grid=_grid(shown, console),
        dropped=tuple(next(s.name for s in gone if s.of == of) for of in numbers),
        notes=tuple(_note(strip, strips[0].cells, encoding) for strip in gone if not strip.numeric),
    )


def _grid(shown: Sequence[_Strip], console: Console) -> Grid:
    widths = _widths(shown, console.width)
    heads = [_broken(strip.name, room, console) for strip, room in zip(shown, widths, strict=True)]
    deepest = max(map(len, heads), default=1)
    rows = [
        [_broken(cell, room, console) for cell, room in zip(cells, widths, strict=True)]
        for cells in zip(*(strip.cells for strip in shown), strict=True)
    ]
    apart = any(len(cell) >= _TALL for row in rows for cell in row)
    # What divides two columns is a blank too.
    grid = Grid(box=_LINE, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False,
                header_style="bold", leading=int(apart))  # fmt: skip
    for strip, room, head in zip(shown, widths, heads, strict=True):
        side: JustifyMethod = "right" if strip.numeric else "left"
        low = "\n".join([*[""] * (deepest - len(head)), *head])
        grid.add_column(Text(low), width=room, justify=side, no_wrap=True)
    for row in rows:
        grid.add_row(*(Text("\n".join(cell), _STYLES.get(" ".join(cell), "")) for cell in row))
    return grid


def _broken(text: str, room: int, console: Console) -> list[str]:
    return [line.plain for line in lines(Text(text), console, room)] or [""]


def _lists(strips: Sequence[_Strip], console: Console) -> Iterator[Text]:
    """Yield each row as a list of its values, every one with its name."""
    first, *others = strips
    for place, cell in enumerate(first.cells):
        yield Text("\n").join(lines(Text(cell, "bold"), console, console.width))
        for strip in others:
            if strip.cells[place] != _dash(console.encoding):
                for number, line in enumerate(
                    lines(Text(f"{strip.name}: {strip.cells[place]}"), console, console.width - 4)
                ):
                    line.pad_left(4 if number else 2)
                    yield line


def _dash(encoding: str) -> str:
    return legible(show.MISSING, encoding)


def _rank(of: str, strips: Sequence[_Strip]) -> int:
    """Return where a value stands among those that are kept; the first column comes before all."""
    if of == strips[0].of:
        return -1
    return _FIRST.index(of) if of in _FIRST else len(_FIRST)


def _strips(table: Table, index: int, encoding: str) -> list[_Strip]:
    """Return a column as text; intervals are a column of their own, right of their values."""
    column = table.columns[index]
    texts, around, numeric = split(table, index)
    cells = tuple(legible(text, encoding) for text in texts)
    name = legible(column.name, encoding)
    strips = [_Strip(of=column.key, name=name, cells=cells, numeric=numeric or any(around))]
    if any(around):
        ends = tuple(legible(_bare(end) or show.MISSING, encoding) for end in around)
        head = legible("±", encoding) if column.kind == "seconds" else "interval"
        strips.append(_Strip(of=column.key, name=head, cells=ends, numeric=True))
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
