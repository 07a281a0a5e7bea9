"""The table of all cases with all columns, for the formats that are for data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench.report.document import Column, Table
from convbench.report.phrases import TIME
from convbench.runs.columns import is_whole
from convbench.runs.frame import frame

if TYPE_CHECKING:
    from convbench.core.units import Kind
    from convbench.runs.record import Run

_BYTES: Final = frozenset({"bytes_moved", "pool_bytes"})
_INTEGERS: Final = frozenset({"threads", "processes", "rounds", "calls_per_sample"})
_SHARES: Final = frozenset({"contaminated_share"})
NOTES: Final = {
    "multiplications": "of one forward pass of the whole batch, taps on padding included",
    "multiplications_valid": "the same without taps on padding",
    "elementwise": "operations that are never part of multiplications",
    "bytes_moved": "the least an unfused program moves",
    "activations": "output elements of convolutions and linear layers",
    "ratio_multiplications": "divided by those of the case in baseline",
    "ratio_parameters": "divided by those of the case in baseline",
    "seconds_median": f"of one call: {TIME}",
    "seconds_low": "lower end of the interval of seconds_median",
    "seconds_high": "upper end of the interval of seconds_median",
    "seconds_confidence": "what the interval of seconds_median reaches",
    "seconds_processes": "seconds of one call in each process, in the order of session",
    "ratio_seconds": "divided by the time of the case in baseline",
    "ratio_seconds_low": "lower end of the interval of ratio_seconds",
    "ratio_seconds_high": "upper end of the interval of ratio_seconds",
    "ratio_seconds_confidence": "what the interval of ratio_seconds reaches",
    "ratio_seconds_processes": "the same in each process that timed both",
}
"""What columns mean, where the name and the unit leave it open."""


def cases_table(run: Run) -> Table:
    """Return `frame(run)` as a table: every case with every column."""
    table = frame(run)
    plain = table.astype(object).where(table.notna(), None)
    return Table(
        id="cases",
        caption="Every case with every column; times in seconds.",
        columns=tuple(
            Column(name=name, key=name, kind=_kind(name), note=_note(name))
            for name in map(str, table.columns)
        ),
        rows=tuple(plain.itertuples(index=False, name=None)),
    )


def _kind(name: str) -> Kind:  # noqa: PLR0911  (one line for each kind)
    if name in _BYTES:
        return "bytes"
    if name in _INTEGERS:
        return "integer"
    if name.endswith("_processes"):
        return "text"
    if name in _SHARES or name.endswith("_confidence"):
        return "share"
    if name.startswith("seconds_"):
        return "seconds"
    if name.startswith("ratio_"):
        return "ratio"
    if is_whole(name):
        return "count"
    return "ratio" if name == "page_faults_per_call" else "text"


def _note(name: str) -> str:
    if name.startswith("macs_"):
        return f"multiply-accumulates that the counter {name.removeprefix('macs_')} reports"
    return NOTES.get(name, "")
