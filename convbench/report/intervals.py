"""What the numbers beside a value are, in words: a table that is read alone says so itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.core import text as show
from convbench.core.intervals import Interval, RatioInterval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.document import Table

Split = tuple[tuple[str, ...], tuple[str, ...], bool]
_COUNTED = "1 MAC = 1 multiplication, taps on padding included."


@dataclass(frozen=True)
class Written:
    """A cell of a column whose head names the unit: a number, and what is known around it."""

    text: str
    around: str = ""

    def __str__(self) -> str:
        """Return both, as they stand beside one another."""
        return f"{self.text} {self.around}".rstrip()


def table_note(table: Table) -> str:
    """Return the conventions that a table needs beside it: of its columns, counts, intervals."""
    said = [
        f"{show.capital(column.name)}: {column.note}." for column in table.columns if column.note
    ]
    if any(column.key in {"multiplications", "derived", "macs"} for column in table.columns):
        said.append(_COUNTED)
    cells = [value for row in table.rows for value in row]
    around = [value for value in cells if isinstance(value, Interval | RatioInterval)]
    times = [value for value in around if isinstance(value, Interval) and show.known(value)]
    ratios = [value for value in around if isinstance(value, RatioInterval) and show.known(value)]
    if times:
        said.append(f"± behind a time: {_time(times)}.")
    if ratios:
        said.append(f"In parentheses behind a ratio: {_ratio(ratios)}.")
    if any(len(value.each) > 1 and not show.known(value) for value in around):
        said.append("Processes in parentheses: what they measured, too far apart for an interval.")
    return " ".join(said)


def split(table: Table, index: int) -> Split:
    """Return a column's values as text, what is known around each, and whether it holds numbers.

    So a format may give what is around values a column of its own, where values line up.
    """
    kind, values = table.columns[index].kind, [row[index] for row in table.rows]
    both = [
        (value.text, value.around)
        if isinstance(value, Written)
        else show.parts(value)
        if isinstance(value, Interval | RatioInterval)
        else (show.cell(value, kind), "")
        for value in values
    ]
    numeric = kind != "text" or all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )
    return tuple(text for text, _ in both), tuple(around for _, around in both), numeric


def _time(found: Sequence[Interval]) -> str:
    if max(value.processes for value in found) > 1:
        return f"where one more process would fall ({_basis(found)})"
    from convbench.runs.columns import LOW_QUANTILE  # numpy comes with it

    return f"the interval of the {LOW_QUANTILE} of its rounds ({_basis(found)})"


def _ratio(found: Sequence[RatioInterval]) -> str:
    if max(value.processes for value in found) > 1:
        return f"where it would be over all processes ({_basis(found)})"
    return f"the interval of its median over rounds ({_basis(found)})"


def _basis(found: Sequence[Interval] | Sequence[RatioInterval]) -> str:
    """Return what all of them reach, and on how many processes they rest."""
    processes = sorted({value.processes for value in found})
    span = (
        show.plural(processes[0], "process", "processes")
        if len(processes) == 1
        else f"{processes[0]} to {processes[-1]} processes"
    )
    reached = min(value.confidence for value in found)
    least = "" if len({show.confidence(value.confidence) for value in found}) == 1 else "at least "
    return f"{least}{show.confidence(reached)}, {span}"
