"""How much of a run stands on the page of its report: a person opens it. The rest is data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from convbench.report.document import Fold, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convbench.report.document import Block

MANY_GROUPS: Final = 6
"""A run with more groups has no details here, draws its main group alone, and has one fold for its
small groups."""
MOST_GROUPS: Final = 120
"""Groups that have a table on the page: more than the largest suite has."""
MOST_ROWS: Final = 200
"""Rows of a table on the page."""


def in_file(identity: str) -> str:
    """Return where all rows of a table are, in words."""
    return f"tables/{identity}.csv, which the csv format writes"


def cut(blocks: Iterable[Block]) -> tuple[tuple[Block, ...], tuple[Table, ...]]:
    """Return blocks with the first rows of long tables, and the other rows as tables of that id.

    The caption of such a table says how many rows it has and where all of them are.
    """
    page: list[Block] = []
    rest: list[Table] = []
    for block in blocks:
        if isinstance(block, Fold):
            inside, more = cut(block.blocks)
            page.append(replace(block, blocks=inside))
            rest += more
        elif isinstance(block, Table) and len(block.rows) > MOST_ROWS:
            said = f"The first {MOST_ROWS} of {len(block.rows):,} rows; all are in "
            caption = f"{block.caption} {said}{in_file(block.id)}.".strip()
            page.append(replace(block, caption=caption, rows=block.rows[:MOST_ROWS]))
            rest.append(replace(block, rows=block.rows[MOST_ROWS:]))
        else:
            page.append(block)
    return tuple(page), tuple(rest)
