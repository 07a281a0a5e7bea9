"""Derived against counted, once for each slot and type: a data type or layout changes no count.

What agrees is said in one sentence; what does not, row by row and with its reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from convbench.core.once import once
from convbench.counting.agreement import Agreement, judge
from convbench.counting.tally import Tally
from convbench.report.document import Column, Heading, Table
from convbench.runs.frame import counters
from convbench.runs.titles import slot_title

if TYPE_CHECKING:
    from convbench.report.document import Block
    from convbench.runs.record import Record, Run

NOT_COUNTED: Final = "not counted"
_MOST_OPERATORS = 4
_OUR_BASIS = "input positions"


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What all counters say of one type in one slot, which is named for readers.

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


@once
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
        slot=slot_title(record),
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


def disagreements(run: Run) -> tuple[Block, ...]:
    """Return every count that does not agree with the formula, and why; nothing where all do."""
    names = counters(run)
    rows = tuple(
        (item.slot, item.label, item.derived, name, item.verdicts[at], item.macs[at], item.cases,
         text)
        for item in agreements(run)
        for at, name, text in ((names.index(name), name, text) for name, text in item.explanations)
    )  # fmt: skip
    columns = (
        Column(name="slot", key="slot"),
        Column(name="case", key="label"),
        Column(name="by formula", key="derived", kind="integer"),
        Column(name="counter", key="counter"),
        Column(name="verdict", key="verdict"),
        Column(name="counted", key="macs", kind="integer"),
        Column(name="cases", key="cases", kind="integer"),
        Column(name="why", key="reason"),
    )
    heading = Heading(level=2, text="Where a counter does not agree with the formula")
    table = Table(id="agreement", caption="", columns=columns, rows=rows)
    return (heading, table) if rows else ()
