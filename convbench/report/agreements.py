"""Derived against counted, once for each slot and type: a data type or layout changes no count."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convbench.counting.agreement import Agreement, judge
from convbench.counting.tally import Tally
from convbench.runs.frame import counters

if TYPE_CHECKING:
    from convbench.runs.record import Record, Run

NOT_COUNTED = "not counted"
_MOST_OPERATORS = 4
_OUR_BASIS = "input positions"


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What all counters say of one type in one slot.

    verdicts: a verdict for each counter of the run, in their order, or "not counted". explanations:
    (counter, sentence) for each verdict that is neither an agreement nor missing. macs: each
    counter's MACs, None where it gave none. cases: how many cases of the run say exactly this.
    """

    slot: str
    label: str
    derived: int
    verdicts: tuple[str, ...]
    macs: tuple[int | None, ...]
    explanations: tuple[tuple[str, str], ...]
    cases: int


def agreements(run: Run) -> tuple[Counted, ...]:
    """Return one entry for each distinct (slot, label, count, verdicts), in the order of the run.

    Cases without a derived cost have nothing to be compared with and are left out, as are skipped
    ones that no counter saw.
    """
    names = counters(run)
    found = Counter(
        _counted(record, names)
        for record in run.records
        if record.cost and (record.status != "skipped" or record.tallies)
    )
    return tuple(replace(one, cases=number) for one, number in found.items())


def _counted(record: Record, names: tuple[str, ...]) -> Counted:
    derived = int(record.cost.multiplications) if record.cost else 0
    judged = {name: judge(derived, tally) for name, tally in record.tallies.items()}
    return Counted(
        slot=record.slot,
        label=record.label,
        derived=derived,
        verdicts=tuple(judged[n].verdict if n in judged else NOT_COUNTED for n in names),
        macs=tuple(_macs(record, name) for name in names),
        explanations=tuple(
            (name, _explain(record, name, agreement))
            for name, agreement in judged.items()
            if agreement.verdict != "agrees"
        ),
        cases=1,
    )


def _macs(record: Record, name: str) -> int | None:
    tally = record.tallies.get(name)
    return tally.macs if isinstance(tally, Tally) else None


def _explain(record: Record, name: str, agreement: Agreement) -> str:
    """Return the sentence of the verdict, with what the counter itself says of its count."""
    tally = record.tallies[name]
    text = agreement.text or f"{name} gives no reason"
    if not isinstance(tally, Tally) or agreement.verdict != "differs":
        return text
    largest = sorted(tally.by_operator.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{operator} {macs:,}" for operator, macs in largest[:_MOST_OPERATORS]]
    if len(largest) > _MOST_OPERATORS:
        parts.append(f"{len(largest) - _MOST_OPERATORS} more operators")
    by_operator = f"; by operator: {', '.join(parts)}" if parts else ""
    basis = tally.convention.transposed
    # Ours is the input; a counter with another basis is wrong by a factor that this explains.
    other = basis and basis != _OUR_BASIS
    basis = f"; it counts transposed convolutions on the {basis}" if other else ""
    return f"{text}{by_operator}{basis}"
