"""Comparison -> Document: the decision first, then what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convbench.clock.estimates import typical
from convbench.comparing.judging import REASONS, Judged
from convbench.comparing.points import points, shift_interval
from convbench.comparing.tables import lean, one_condition, timed
from convbench.core import text as show
from convbench.report.document import (
    Bullet,
    Bullets,
    Column,
    Document,
    Fold,
    Heading,
    Paragraph,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.comparing.comparison import Comparison
    from convbench.comparing.gate import Outcome
    from convbench.report.document import Block

DATA: Final = "comparison"
"""The table of all rows and columns, for the formats that are for data."""
_MANY: Final = 100
"""Rows of one verdict that a page shows; the others are counted, and in the data."""


def page(comparison: Comparison, outcome: Outcome) -> Document:
    """Return a comparison as a document: what it came to, the rows that differ, the rest folded."""
    blocks: list[Block] = [
        Paragraph(text=outcome.why),
        Bullets(items=tuple(points(comparison, outcome))),
        *_rows("Counts and cases that changed", comparison.changed, comparison),
        *_rows("Slower", comparison.found("slower"), comparison),
        *_rows("Faster", comparison.found("faster")[::-1], comparison),
        *_rows("Cannot tell", comparison.found("cannot tell"), comparison),
        *_folded("the same, within the threshold", comparison.found("same"), comparison),
        *_folded("not compared by the clock", _unjudged(comparison), comparison),
        *_groups(comparison),
        *_environment(comparison),
        *_method(comparison),
    ]
    title = f"{comparison.right.name} against {comparison.left.name}"
    data = _table(DATA, "Every row.", comparison.rows, comparison)
    return Document(title=title, blocks=tuple(blocks), data=(data,))


def _unjudged(comparison: Comparison) -> tuple[Judged, ...]:
    return tuple(row for row in comparison.rows if row.verdict is None and not row.change)


def _rows(title: str, rows: Sequence[Judged], comparison: Comparison) -> tuple[Block, ...]:
    if not rows:
        return ()
    return Heading(level=2, text=title), _first(title, rows, comparison)


def _folded(title: str, rows: Sequence[Judged], comparison: Comparison) -> tuple[Block, ...]:
    if not rows:
        return ()
    summary = f"{show.plural(len(rows), 'row')} {title}"
    return (Fold(summary=summary, blocks=(_first(title, rows, comparison),)),)


def _first(title: str, rows: Sequence[Judged], comparison: Comparison) -> Table:
    """Return a table of the first rows, named by its title; the others are counted."""
    more = len(rows) - _MANY
    caption = f"{more} more rows are in the data." if more > 0 else ""
    identity = title.lower().replace(",", "").replace(" ", "-")
    return _table(identity, caption, rows[:_MANY], comparison)


def _table(identity: str, caption: str, rows: Sequence[Judged], comparison: Comparison) -> Table:
    """Return rows as a table; what is empty or the same in all rows is left out, but for data."""
    left, right = ("left", "right")
    if comparison.by is not None:
        left, right = comparison.left.name, comparison.right.name
    taken = bool(comparison.moved)
    net = "net of the shift" if taken else "ratio"
    columns = (
        Column(name="case", key="label"),
        Column(name="where", key="group"),
        Column(name=left, key="left", kind="seconds"),
        Column(name=right, key="right", kind="seconds"),
        Column(name="ratio", key="raw", kind="ratio"),
        Column(name=net, key="ratio", kind="ratio"),
        Column(name="verdict", key="verdict"),
        Column(name="why", key="reasons"),
        Column(name="to know", key="notes"),
    )
    places = [
        (row.pair.group, record.slot) for row in comparison.rows if (record := row.pair.sides[0])
    ]
    alike = one_condition(places)
    cells = [_cells(row, row.pair.sides[0].slot if alike else row.pair.group) for row in rows]
    keep = [column.key for column in columns] if identity == DATA else []
    drop = ("verdict",) if taken else ("verdict", "raw")
    return lean(identity, caption, columns, cells, keep=keep, drop=drop)


def _cells(row: Judged, place: str) -> tuple[Any, ...]:
    pair = row.pair
    times = [
        typical(record.samples).value if record and timed(record) else None
        for record in (pair.left, pair.right)
    ]
    verdicts = [word for word in (row.change, row.verdict) if word]
    return (
        pair.label,
        place,
        *times,
        row.raw,
        row.ratio,
        ", ".join(verdicts) or "not compared",
        ", ".join(row.reasons),
        "; ".join(row.notes),
    )


def _groups(comparison: Comparison) -> tuple[Block, ...]:
    if not comparison.moved:
        return ()
    table = Table(
        id="groups",
        caption=(
            "What all cases of a group have in common, right / left, with its 95 % interval over "
            "processes. Rows are judged without it."
        ),
        columns=(
            Column(name="group", key="group"),
            Column(name="cases", key="cases", kind="integer"),
            Column(name="common shift", key="shift", kind="ratio"),
            Column(name="verdict", key="verdict"),
        ),
        rows=tuple(
            (item.group, item.shift.cases, shift_interval(item), item.verdict)
            for item in comparison.moved
        ),
    )
    return (Fold(summary="What moved whole groups", blocks=(table,)),)


def _environment(comparison: Comparison) -> tuple[Block, ...]:
    if comparison.left.header is comparison.right.header:
        return ()
    heading = Heading(level=2, text="Environments")
    if not comparison.differences:
        return heading, Paragraph(text="The fingerprints of both sides are the same.")
    words = {
        (True, False): "must match",
        (True, True): "must match, allowed to differ here",
        (False, False): "for your information",
        (False, True): "for your information",
    }
    table = Table(
        id="environments",
        caption="Keys in which the fingerprints differ. All others are the same.",
        columns=(
            Column(name="key", key="key"),
            Column(name="left", key="left"),
            Column(name="right", key="right"),
            Column(name="what it means", key="meaning"),
        ),
        rows=tuple(
            (item.key, str(item.left), str(item.right), words[item.must_match, item.allowed])
            for item in comparison.differences
        ),
    )
    return heading, table


def _method(comparison: Comparison) -> tuple[Block, ...]:
    used = dict.fromkeys(code for row in comparison.rows for code in row.reasons)
    items = tuple(Bullet(lead=code, text=f"{REASONS[code]}.") for code in used)
    widened = (
        f" Unchanged cases scatter more than their processes explain, so every interval is "
        f"{show.times(comparison.scale)} as wide."
        if comparison.scale > 1
        else ""
    )
    text = (
        "A row is slower or faster if its ratio is beyond the threshold and surely not 1, with all "
        "rows held against it (Holm's step-down test); same if its whole interval is within the "
        f"threshold; else the clock cannot tell.{widened}"
    )
    return Heading(level=2, text="How to read this"), Paragraph(text=text), Bullets(items=items)
