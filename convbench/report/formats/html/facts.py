"""All numbers of a case, as a pointer at its mark shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convbench.clock.samples import TIME
from convbench.core import text as show
from convbench.core.intervals import Interval, RatioInterval
from convbench.report.document import Column
from convbench.report.figures.picture import with_confidence
from convbench.report.formats.html.names import case_rows
from convbench.report.launching import CLOCKS
from convbench.report.results import COUNTS, RESULTS, TIMING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.core.units import Kind
    from convbench.report.document import Document

Line = tuple[str, str]
"""What a number is, and the number with its unit."""

_RATIOS: Final = (
    RESULTS[1],
    Column(name="multiplications ÷ baseline", key="ratio_multiplications", kind="ratio"),
)
_PLAIN: Final = (RESULTS[3], *COUNTS)
_TIMES: Final = (*TIMING[1:-1], *CLOCKS)
TIME_RATIO: Final = "time ÷ baseline"


class Facts:
    """The rows of the table of all cases, found by their group and label."""

    def __init__(self, document: Document) -> None:
        """Read the table once; a document without it knows nothing more than its figures."""
        self._cases: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in case_rows(document):
            self._cases.setdefault((str(row.get("group")), str(row.get("label"))), []).append(row)

    def lines(self, group: str, label: str, own: list[Line], **known: float) -> list[Line]:
        """Return every number of a case, those that its figure shows first.

        `own` are the lines of the figure. `known` are raw values by the columns of the table: of
        several cases with one label, the one that has them is meant.
        """
        found = self._cases.get((group, label), [])
        fit = [row for row in found if all(row.get(key) == known[key] for key in known)]
        row = next(iter(fit or found), None)
        if row is None:
            return own
        said = {_kind(name) for name, _ in own}
        return [*own, *(line for line in _lines(row) if _kind(line[0]) not in said)]


def _kind(name: str) -> str:
    """Return what a number is; of a ratio, whatever it is divided by."""
    of, divided, _ = name.partition(" ÷ ")
    return of + divided


def _lines(row: dict[str, Any]) -> list[Line]:
    """Return the ratios first, then counts, then what the time rests on."""
    lines = _told(row, _RATIOS)
    if row.get("ratio_seconds") is not None:
        lines.append((TIME_RATIO, with_confidence(_ratio(row)) + _more(row.get("verdict"))))
    lines += _told(row, _PLAIN)
    for key, value in row.items():
        if key.startswith("macs_") and value is not None:
            counter = key.removeprefix("macs_")
            verdict = row.get(f"agreement_{counter}")
            lines.append((f"counted by {counter}", f"{value:,}" + _more(verdict)))
    if row.get("seconds_median") is not None:
        lines.append((row.get("clock") or TIME, with_confidence(_interval(row))))
        spread = row.get("seconds_mad")
        if spread is not None and row["seconds_median"]:
            lines.append(("spread", show.share(spread / row["seconds_median"])))
    lines += _told(row, _TIMES)
    if row.get("flags"):
        lines.append(("flags", str(row["flags"])))
    return lines


def _told(row: dict[str, Any], columns: Sequence[Column]) -> list[Line]:
    """Return what a row says, by the names that tables of a report have; counts in full."""
    found = [column for column in columns if row.get(column.key) is not None]
    kinds: dict[Kind, Kind] = {"count": "integer"}
    return [(c.name, show.cell(row[c.key], kinds.get(c.kind, c.kind))) for c in found]


def _more(text: Any) -> str:
    return f", {text}" if text else ""


def _interval(row: dict[str, Any]) -> Interval:
    return Interval(value=row["seconds_median"], **_around(row, "seconds", row["seconds_median"]))


def _ratio(row: dict[str, Any]) -> RatioInterval:
    return RatioInterval(
        value=row["ratio_seconds"],
        paired=True,
        verdict=row.get("verdict") or "cannot tell",
        **_around(row, "ratio_seconds", row["ratio_seconds"]),
    )


def _around(row: dict[str, Any], name: str, value: float) -> dict[str, Any]:
    """Return what the columns of a time or ratio say beside its value."""
    return {
        "low": _or(row.get(f"{name}_low"), value),
        "high": _or(row.get(f"{name}_high"), value),
        "confidence": _or(row.get(f"{name}_confidence"), 0.0),
        "each": tuple(map(float, (row.get(f"{name}_processes") or "").split())),
    }


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
