"""Derived against counted, once for each slot and type: a data type or layout changes no count.

What agrees is said in one sentence; what does not, row by row and with its reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from convbench.core import text as show
from convbench.counting.agreement import Agreement, judge
from convbench.counting.tally import Tally
from convbench.report.document import Bullet, Bullets, Column, Heading, Table
from convbench.runs.frame import counters
from convbench.runs.titles import slot_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.document import Block
    from convbench.runs.record import Record, Run

NOT_COUNTED: Final = "not counted"
_MOST_CASES: Final = 6
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
    found = [item for item in agreements(run) if item.explanations]
    if not found:
        return ()
    table = Table(
        id="agreement",
        caption="Multiplications by formula, and what each counter says of the program that ran.",
        columns=(
            Column(name="slot", key="slot"),
            Column(name="case", key="label"),
            Column(name="by formula", key="derived", kind="integer"),
            *(Column(name=name, key=f"agreement_{name}") for name in counters(run)),
            Column(name="cases", key="cases", kind="integer"),
        ),
        rows=tuple(_row(item) for item in found),
    )
    heading = Heading(level=2, text="Where a counter does not agree with the formula, and why")
    return heading, _explanations(found), table


def _row(item: Counted) -> tuple[Any, ...]:
    verdicts = (
        f"{verdict}: {macs:,}" if verdict in {"differs", "lower bound"} and macs is not None
        else verdict
        for verdict, macs in zip(item.verdicts, item.macs, strict=True)
    )  # fmt: skip
    return (item.slot, item.label, item.derived, *verdicts, item.cases)


def _explanations(found: Sequence[Counted]) -> Bullets:
    """Return the reasons; cases with one reason share a point."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for item in found:
        for name, text in item.explanations:
            reasons.setdefault((name, text), []).append(f"{item.label} in {item.slot}")
    return Bullets(
        items=tuple(
            Bullet(lead=f"{name}, {show.listing(where, _MOST_CASES)}", text=text)
            for (name, text), where in reasons.items()
        )
    )
