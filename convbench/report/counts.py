"""The sections on counts: whether formula and counters agree, and what each case costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convbench.core import text as show
from convbench.report.agreements import NOT_COUNTED, Counted, agreements
from convbench.report.document import Bullet, Bullets, Column, Fold, Heading, Paragraph, Table
from convbench.report.groups import Group, telling
from convbench.runs.columns import LISTED, derived
from convbench.runs.frame import Row, counters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.report.document import Block
    from convbench.runs.record import Run

OPEN_GROUPS: Final = 3
"""Groups shown unfolded where a run has more than MANY_GROUPS of them."""
MANY_GROUPS: Final = 6
_LONG_TABLE: Final = 60
_MOST_CASES: Final = 6

_COUNTS: Final = tuple(
    Column(name=described.title, key=name, kind="bytes" if described.kind == "bytes" else "count")
    for name, described in LISTED.items()
)
COST_COLUMNS: Final = (
    Column(name="case", key="label"),
    _COUNTS[0],
    Column(name="÷ baseline", key="ratio_multiplications", kind="ratio"),
    *_COUNTS[1:],
)


def agreement_section(run: Run) -> tuple[Block, ...]:
    """Return the table of counts case by case, and the explanation of each disagreement."""
    heading = Heading(level=2, text="Do the counts agree?")
    found, names = agreements(run), counters(run)
    if not found:
        return heading, Paragraph(text="No case of this run has a derived count to compare.")
    if not names:
        return heading, Paragraph(text="No counter was run, so nothing checks the derived counts.")
    table = Table(
        id="agreement",
        caption=(
            "Derived multiplications, and what each counter says of the program that ran. Cases "
            "that differ only in what no count depends on (data type, layout) share a row."
        ),
        columns=(
            Column(name="slot", key="slot"),
            Column(name="case", key="label"),
            Column(name="derived", key="derived", kind="integer"),
            *(Column(name=name, key=f"agreement_{name}") for name in names),
            Column(name="cases", key="cases", kind="integer"),
        ),
        rows=tuple(_agreement_row(item) for item in found),
    )
    long = len(table.rows) > _LONG_TABLE
    shown = Fold(summary=f"All {len(table.rows)} rows", blocks=(table,)) if long else table
    return heading, *_explanations(found), shown


def _agreement_row(item: Counted) -> tuple[Any, ...]:
    verdicts = (
        f"{verdict}: {macs:,}" if verdict in {"differs", "lower bound"} and macs is not None
        else verdict
        for verdict, macs in zip(item.verdicts, item.macs, strict=True)
    )  # fmt: skip
    return (item.slot, item.label, item.derived, *verdicts, item.cases)


def _explanations(found: Sequence[Counted]) -> tuple[Block, ...]:
    """Return every disagreement with its reason; cases with one reason share a point."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for item in found:
        for name, text in item.explanations:
            reasons.setdefault((name, text), []).append(f"{item.label} in {item.slot}")
    missing = sum(NOT_COUNTED in item.verdicts for item in found)
    more = (
        f" Without a count by at least one counter, since the case stopped before it: "
        f"{show.plural(missing, 'row')}."
        if missing
        else ""
    )
    if not reasons:
        every = "Every count that was made agrees with the formula, to the last unit."
        return (Paragraph(text=f"{every}{more}"),)
    items = tuple(
        Bullet(lead=f"{name}, {show.listing(where, _MOST_CASES)}", text=text)
        for (name, text), where in reasons.items()
    )
    return Paragraph(text=f"Where a counter does not agree with the formula, and why.{more}"), (
        Bullets(items=items)
    )


def cost_section(all_groups: Sequence[Group]) -> tuple[Block, ...]:
    """Return what each case costs by formula, one table for each group that differs."""
    heading = Heading(level=2, text="Cost by formula")
    tables: dict[tuple[tuple[Any, ...], ...], list[Group]] = {}
    for group in all_groups:
        content = tuple(_cost_row(row) for row in group.rows if row.record.cost)
        if content:
            tables.setdefault(tuple(sorted(content, key=lambda row: row[1])), []).append(group)
    if not tables:
        return heading, Paragraph(text="No case of this run has a derived cost.")
    notes = (f"“{show.capital(one.title)}”: {one.note}." for one in LISTED.values())
    legend = Paragraph(
        text="Counts of one forward pass of the whole batch; “÷ baseline” is the ratio of "
        f"multiplications to the group's baseline. {' '.join(notes)}"
    )
    parts = [(shared[0], _cost_blocks(rows, shared)) for rows, shared in tables.items()]
    return heading, legend, *folded(parts)


def _cost_row(row: Row) -> tuple[Any, ...]:
    found = derived(row.record)
    first, *others = (found[name] for name in LISTED)
    return (row.record.label, first, row.multiplications, *others)


def _cost_blocks(rows: tuple[tuple[Any, ...], ...], shared: Sequence[Group]) -> tuple[Block, ...]:
    first, *others = shared
    base = first.baseline
    text = f"Baseline: {base.record.label}." if base else "This group has no baseline in the run."
    if others:
        text += f" The same numbers hold for {show.listing([group.label for group in others])}."
    table = Table(id="cost", caption="", columns=COST_COLUMNS, rows=rows, part=first.label)
    return Paragraph(text=text), table


def folded(parts: Sequence[tuple[Group, tuple[Block, ...]]]) -> tuple[Block, ...]:
    """Return the parts of a section by group, each under its heading.

    Where there are more than MANY_GROUPS, the most telling OPEN_GROUPS come first and the others
    are folded, so that a long run still reads.
    """
    if len(parts) <= MANY_GROUPS:
        return tuple(block for group, inside in parts for block in _headed(group, inside))
    first = telling([group for group, _ in parts], OPEN_GROUPS)
    blocks: list[Block] = []
    for chosen in first:
        blocks += next(_headed(group, inside) for group, inside in parts if group is chosen)
    blocks += [
        Fold(summary=group.label, blocks=inside)
        for group, inside in parts
        if not any(group is chosen for chosen in first)
    ]
    return tuple(blocks)


def _headed(group: Group, inside: tuple[Block, ...]) -> list[Block]:
    return [Heading(level=3, text=group.label), *inside]
