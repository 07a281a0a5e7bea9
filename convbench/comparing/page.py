"""Comparison -> Document: the decision first, then what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from convbench.clock.estimates import typical
from convbench.clock.samples import TIME, joint_title
from convbench.comparing.comparison import Comparison
from convbench.comparing.gate import Outcome
from convbench.comparing.judging import REASONS, Judged
from convbench.comparing.points import points, shift_interval, shift_title
from convbench.comparing.tables import lean, percentage, timed
from convbench.core import text as show
from convbench.core.intervals import WORDS
from convbench.report.document import (
    Block,
    Bullet,
    Bullets,
    Column,
    Document,
    Fold,
    Heading,
    Paragraph,
    Table,
)

_MANY: Final = 100
"""Rows of one verdict that a page shows; the others are counted."""


def page(comparison: Comparison, outcome: Outcome) -> Document:
    """Return a comparison as a document: what it came to, the rows that differ, the rest folded."""
    blocks: list[Block] = [
        Paragraph(text=outcome.why),
        Bullets(items=tuple(points(comparison, outcome))),
        *_rows("Counts and cases that changed", comparison.changed, comparison),
        *_rows("Slower", comparison.found("slower"), comparison),
        *_rows("Faster", comparison.found("faster")[::-1], comparison),
        *_rows("Inconclusive", comparison.found("cannot tell"), comparison),
        *_folded("the same, within the threshold", comparison.found("same"), comparison),
        *_folded("without a comparison of times", _unjudged(comparison), comparison),
        *_groups(comparison),
        *_environment(comparison),
        *_method(comparison),
    ]
    title = f"{comparison.right.name} against {comparison.left.name}"
    return Document(title=title, blocks=tuple(blocks))


def _unjudged(comparison: Comparison) -> tuple[Judged, ...]:
    return tuple(row for row in comparison.rows if row.verdict is None and not row.change)


def _rows(title: str, rows: Sequence[Judged], comparison: Comparison) -> tuple[Block, ...]:
    if not rows:
        return ()
    return Heading(level=2, text=title), _table(title, rows, comparison)


def _folded(title: str, rows: Sequence[Judged], comparison: Comparison) -> tuple[Block, ...]:
    if not rows:
        return ()
    summary = f"{show.plural(len(rows), 'case')} {title}"
    return (Fold(summary=summary, blocks=(_table(title, rows, comparison),)),)


def _table(title: str, rows: Sequence[Judged], comparison: Comparison) -> Table:
    """Return the first rows as a table named by its title; what is empty in all is left out."""
    left, right = ("left", "right")
    if comparison.by is not None:
        left, right = comparison.left.name, comparison.right.name
    taken = bool(comparison.moved)
    net = "net ratio" if taken else "ratio"
    columns = (
        Column(name="case", key="label"),
        Column(name="slot", key="group"),
        Column(name=left, key="left", kind="seconds"),
        Column(name=right, key="right", kind="seconds"),
        Column(name="ratio", key="raw", kind="ratio"),
        Column(name=net, key="ratio", kind="ratio"),
        Column(name="why", key="reasons"),
        Column(name="notes", key="notes"),
    )
    cells = [_cells(row, comparison.titles.groups[row.pair.group]) for row in rows[:_MANY]]
    said = [f"The first {_MANY} of {len(rows):,} cases; in Python, Comparison.rows has all."]
    said = said if len(rows) > _MANY else []
    sides = [record for row in rows[:_MANY] for record in row.pair.sides if timed(record)]
    clock = joint_title(record.clock for record in sides)
    if clock != TIME:
        said.append(f"Times: {clock}.")
    drop = set() if taken else {"raw"}
    slots = {slot for _, slot, *_ in cells}
    if len(slots) == 1:
        said.insert(0, f"All in {slots.pop()}.")
        drop.add("group")
    identity = title.lower().replace(",", "").replace(" ", "-")
    return lean(identity, " ".join(said), columns, cells, drop=drop)


def _cells(row: Judged, place: str) -> tuple[Any, ...]:
    pair = row.pair
    times = [
        typical(record.judged).value if record and timed(record) else None
        for record in (pair.left, pair.right)
    ]
    return (
        pair.label,
        place,
        *times,
        row.raw,
        row.ratio,
        ", ".join(row.reasons),
        "; ".join(row.notes),
    )


def _groups(comparison: Comparison) -> tuple[Block, ...]:
    if not comparison.moved:
        return ()
    table = Table(
        id="groups",
        caption=(
            "Median ratio of all cases of a group, right / left, with its 95 % interval over "
            "processes. Cases are judged without it."
        ),
        columns=(
            Column(name="group", key="group"),
            Column(name="cases", key="cases", kind="integer"),
            Column(name="common shift", key="shift", kind="ratio"),
            Column(name="verdict", key="verdict"),
        ),
        rows=tuple(
            (
                shift_title(comparison, item), item.shift.cases, shift_interval(item),
                WORDS.get(item.verdict, item.verdict),
            )
            for item in comparison.moved
        ),
    )  # fmt: skip
    return (Fold(summary="Common shifts of groups", blocks=(table,)),)


def _environment(comparison: Comparison) -> tuple[Block, ...]:
    if comparison.left.header is comparison.right.header:
        return ()
    heading = Heading(level=2, text="Environments")
    if not comparison.differences and not comparison.frequencies:
        return heading, Paragraph(text="Both sides ran in the same environment.")
    words = {
        (True, False): "must match",
        (True, True): "must match, allowed to differ here",
        (False, False): "times are compared all the same",
        (False, True): "times are compared all the same",
    }
    rows = [
        (item.key, str(item.left), str(item.right), words[item.must_match, item.allowed])
        for item in comparison.differences
    ]
    rows += [
        (
            item.key, str(item.left), str(item.right),
            f"under load, medians of {show.plural(number, 'case')} in which it differs",
        )
        for item, number in comparison.frequencies.items()
    ]  # fmt: skip
    table = Table(
        id="environments",
        caption="Keys in which the environments differ.",
        columns=(
            Column(name="key", key="key"),
            Column(name="left", key="left"),
            Column(name="right", key="right"),
            Column(name="meaning", key="meaning"),
        ),
        rows=tuple(rows),
    )
    return heading, table


def _method(comparison: Comparison) -> tuple[Block, ...]:
    used = dict.fromkeys(code for row in comparison.rows for code in row.reasons)
    items = tuple(Bullet(lead=code, text=f"{REASONS[code]}.") for code in used)
    widened = (
        f" Cases vary more between these two sides than the variation between processes explains, "
        f"so every interval was widened by the factor {show.ratio(comparison.scale)}."
        if comparison.scale > 1
        else ""
    )
    net = (
        " The net ratio of a case is its ratio without the common shift of its group."
        if comparison.moved
        else ""
    )
    text = (
        "A case is slower or faster if its ratio is beyond the threshold of "
        f"{percentage(comparison.limits.threshold)} and differs from 1 significantly, after "
        "correction for all cases (Holm's step-down test). It is the same if its whole 95 % "
        "interval lies within the threshold. Otherwise it is inconclusive; what more measuring "
        f"could decide is said below.{net}{widened}"
    )
    return Heading(level=2, text="How to read this"), Paragraph(text=text), Bullets(items=items)
