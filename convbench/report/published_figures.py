"""Others' figures beside ours, compared at the precision that they are printed with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from convbench.runs.record import Record, Run

Meeting = Literal["met", "not met", "not compared"]

QUANTITIES: Final = {
    "multiplications": "multiplications",
    "mult-adds": "multiplications",
    "multadds": "multiplications",
    "macs": "multiplications",
    "parameters": "parameters",
    "params": "parameters",
}
"""What a published quantity is called here; one that is not listed is shown and not compared."""

_FIGURE: Final = re.compile(r"\s*([\d,]+(?:\.(\d+))?)\s*([kKMGB]?)\b")
_UNITS: Final = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One published figure of one network or type, and ours."""

    label: str
    quantity: str
    printed: str
    source: str
    derived: int | None
    meeting: Meeting


def figures(run: Run) -> tuple[Figure, ...]:
    """Return every published figure of a run once, however many cases carry it."""
    found: dict[Figure, None] = {}
    for record in run.records:
        for quantity, (printed, source) in record.published.items():
            found[_figure(record, quantity, printed, source)] = None
    return tuple(found)


def _figure(record: Record, quantity: str, printed: str, source: str) -> Figure:
    field = QUANTITIES.get(quantity.strip().lower())
    derived = int(getattr(record.cost, field)) if field and record.cost else None
    # A published figure is for one image; the derived count is for the whole batch.
    batch = record.input_shape[0] if record.input_shape else 1
    if derived is not None and field == "multiplications" and batch > 1:
        derived = derived // batch
    return Figure(
        label=record.label,
        quantity=quantity,
        printed=printed,
        source=source,
        derived=derived,
        meeting=meets(derived, printed),
    )


def meets(derived: int | None, printed: str) -> Meeting:
    """Compare a derived number with a figure as printed: 978,875,392 meets "978.9 M".

    It is met where the two differ by at most half a unit of the last digit printed. A figure with
    decimals and without a unit could mean anything, and is not compared.
    """
    match = _FIGURE.match(printed)
    if derived is None or match is None:
        return "not compared"
    number, decimals, unit = match.groups()
    if decimals and not unit:
        return "not compared"
    last = _UNITS[unit] / 10 ** len(decimals or "")
    gap = abs(derived - float(number.replace(",", "")) * _UNITS[unit])
    return "met" if gap <= last / 2 * (1 + 1e-9) else "not met"
