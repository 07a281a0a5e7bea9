"""A Run in a notebook: what its numbers say, and a table for each group of cases."""

from __future__ import annotations

from collections.abc import Iterator

from convbench.core import text as show
from convbench.report.contents import contents
from convbench.report.document import Document, Heading, Paragraph, Table
from convbench.report.intervals import table_note
from convbench.runs.job import summary
from convbench.runs.record import Run
from convbench.ui.notebook.markup import box, fold, line, listing, table, warning


def html(run: Run) -> str:
    """Return the findings, and the tables of counts and of times, folded."""
    document = contents(run)
    parts = [line("", strong=document.title)]
    # What stands before the first section says that the run is not whole.
    parts += [warning(text, strong="Mind:") for text in _before(document)]
    parts.append(line(f"{show.plural(len(run.records), 'case')}: {_status(run)}"))
    # What follows its heading says what was counted and timed, or that there is nothing.
    parts += [line(text, small=True) for text in _after(document)]
    parts.append(listing((point.lead, point.text) for point in document.findings))
    parts += _tables(document)
    return box(*parts)


def _before(document: Document) -> Iterator[str]:
    for block in document.blocks:
        if isinstance(block, Heading):
            return
        if isinstance(block, Paragraph):
            yield block.text


def _after(document: Document) -> Iterator[str]:
    blocks = iter(document.blocks)
    for block in blocks:
        if isinstance(block, Heading):
            following = next(blocks, None)
            if isinstance(following, Paragraph):
                yield following.text
            return


def _status(run: Run) -> str:
    counts = summary(run).items()
    return show.listing([f"{number} {status}" for status, number in counts]) or "none"


def _tables(document: Document) -> Iterator[str]:
    names = {"overview": "All groups, one row each", "results": "Cost and time"}
    for block in document.walk():
        if isinstance(block, Table) and block.id in names and block.rows:
            inside = _table(block)
            note = table_note(block)
            inside += line(note, small=True) if note else ""
            summary = ": ".join(
                part for part in (names[block.id], block.title or block.part) if part
            )
            yield fold(summary, inside)


def _table(block: Table) -> str:
    rows = [
        [show.cell(value, column.kind) for column, value in zip(block.columns, row, strict=True)]
        for row in block.rows
    ]
    numeric = [index for index, column in enumerate(block.columns) if column.kind != "text"]
    caption = line(block.caption) if block.caption else ""
    return caption + table([column.name for column in block.columns], rows, numeric=numeric)
