r"""A table as booktabs: short ones float, long ones run over pages; each compiles by itself."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from convbench.core import text as show
from convbench.report.formats.latex.escaping import breakable, escape
from convbench.report.intervals import split, table_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.document import Table

PACKAGES: Final = "array,booktabs,longtable"
"""What a paper loads before it takes a table in."""
TURNED: Final = "pdflscape"
"""What it loads besides, for a table that is too wide for a page that stands upright."""

MOST_ROWS: Final = 30
"""A table with more runs over pages."""

_LONG_TEXT: Final = 26
"""Text beyond so many signs gets a column that breaks lines."""
_NARROWEST: Final = 13
"""Signs that such a column has at least."""
_HEAD: Final = 12
"""Signs in a line of a head, where the column below is no wider."""
_GAP: Final = 1.7
"""Signs that the space between two columns takes."""
# Size of type, and how many signs of it a line of 170 mm holds.
_SIZES: Final = (("small", 112), ("footnotesize", 126), ("scriptsize", 146), ("tiny", 190))
_TURNED: Final = 247 / 170
"""How much longer a line of a page is that lies on its side."""


@dataclass(frozen=True, kw_only=True)
class _Col:
    """A column as it is set: its head and cells as plain text, and its form."""

    head: tuple[str, ...]
    cells: tuple[str, ...]
    around: tuple[str, ...]
    """What is known around the values, where that stands in a column of its own."""
    numeric: bool
    width: int

    @property
    def split(self) -> bool:
        """Tell whether intervals stand in a column of their own, so that values line up."""
        return any(self.around)

    @property
    def wraps(self) -> bool:
        """Tell whether lines are broken in it."""
        return not self.numeric and self.width > _LONG_TEXT


def table(data: Table, name: str, title: str, note: str | None = None) -> str:
    r"""Return a file for \input: caption, label tab:<name>, the table, and its conventions.

    note: the conventions, where they are not those that the table says itself.
    """
    caption = ". ".join(part.rstrip(".") for part in (title, data.caption) if part)
    caption = caption or show.capital(data.id)
    head = rf"\caption{{{breakable(caption)}.}}\label{{tab:{name}}}"
    columns = [_column(data, index) for index in range(len(data.columns))]
    turned = _needed(columns) > _SIZES[-1][1]
    needs = f"{PACKAGES},{TURNED}" if turned else PACKAGES
    lines = [
        "% A table of a convbench report. It needs, in the preamble:",
        rf"%   \usepackage{{{needs}}}",
        *([r"\begin{landscape}"] if turned else []),
    ]
    if not data.rows or not columns:
        return "\n".join([*lines, r"\begin{table}", head, "No rows.", r"\end{table}", ""])
    size, spec = _layout(columns, _TURNED if turned else 1.0)
    body = [_row(columns, index) for index in range(len(data.rows))]
    top = [r"\toprule", _heads(columns), r"\midrule"]
    note = table_note(data) if note is None else note
    setting = rf"\{size}\setlength{{\tabcolsep}}{{3.5pt}}"
    if len(data.rows) > MOST_ROWS:
        lines += [
            rf"\begingroup{setting}",
            rf"\begin{{longtable}}{{{spec}}}",
            rf"{head}\\",
            *top,
            r"\endfirsthead",
            *top,
            r"\endhead",
            r"\bottomrule",
            r"\endfoot",
            *body,
            r"\end{longtable}",
            *([breakable(note), r"\par"] if note else []),
            r"\endgroup",
        ]
    else:
        lines += [
            r"\begin{table}",
            rf"\centering{setting}",
            head,
            rf"\begin{{tabular}}{{{spec}}}",
            *top,
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *([r"\par\medskip", rf"\raggedright {breakable(note)}\par"] if note else []),
            r"\end{table}",
        ]
    lines += [r"\end{landscape}"] if turned else []
    return "\n".join([*lines, ""])


def _column(data: Table, index: int) -> _Col:
    cells, around, numeric = split(data, index)
    whole = (" ".join(" ".join(part).split()) for part in zip(cells, around, strict=True))
    longest = max(map(len, whole), default=0)
    room = max(_HEAD, min(longest, _LONG_TEXT))
    head = tuple(textwrap.wrap(data.columns[index].head, room, break_long_words=False))
    return _Col(
        head=head,
        cells=cells,
        around=around,
        numeric=numeric,
        width=max(longest, *(len(line) for line in head), 1),
    )


def _needed(columns: Sequence[_Col]) -> float:
    """Return how many signs of a line the columns take at least."""
    return sum((_NARROWEST if column.wraps else column.width) + _GAP for column in columns)


def _layout(columns: Sequence[_Col], longer: float) -> tuple[str, str]:
    """Return the largest size of type in which all columns fit a line, and their form."""
    fixed = sum(column.width + _GAP for column in columns if not column.wraps)
    wrapping = [column for column in columns if column.wraps]
    sizes = [(size, room * longer) for size, room in _SIZES]
    size, room = next(((s, r) for s, r in sizes if _needed(columns) <= r), sizes[-1])
    left = max(room - fixed - _GAP * len(wrapping), _NARROWEST * len(wrapping))
    wanted = sum(min(column.width, left) for column in wrapping)
    spec = ""
    for column in columns:
        if column.wraps:
            share = max(_NARROWEST, left * min(column.width, left) / wanted)
            width = min(share, 1.15 * column.width) / room
            spec += rf">{{\raggedright\arraybackslash}}p{{{width:.3f}\linewidth}}"
        elif column.split:
            spec += r"r@{\ }l"
        else:
            spec += "r" if column.numeric else "l"
    return size, spec


def _heads(columns: Sequence[_Col]) -> str:
    return " & ".join(_stacked(column) for column in columns) + r" \\"


def _stacked(column: _Col) -> str:
    side = "r" if column.numeric else "l"
    text = r"\\".join(escape(line) for line in column.head)
    if column.head[1:]:
        text = rf"\shortstack[{side}]{{{text}}}"
    if column.split:
        return rf"\multicolumn{{2}}{{c}}{{{text}}}"
    # a head does not break lines or fill a paragraph as the cells below it do
    return rf"\multicolumn{{1}}{{{side}}}{{{text}}}"


def _row(columns: Sequence[_Col], index: int) -> str:
    cells = []
    for column in columns:
        text = column.cells[index]
        if column.split:
            cells += [_number(text), _number(column.around[index])]
        elif column.numeric:
            cells.append(_number(text))
        else:
            cells.append(breakable(text) if column.wraps else escape(text))
    return " & ".join(cells) + r" \\"


def _number(text: str) -> str:
    """Return a number and its unit, which stay on one line."""
    return escape(text.replace(" ", "\N{NO-BREAK SPACE}"))
