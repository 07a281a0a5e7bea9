"""CSV: each table of a document as raw values, for other programs."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any, Final

from convbench.report.document import Document
from convbench.report.renderers import RENDERERS, TABLES
from convbench.report.table_data import flat_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convbench.report.one_table import OneTable
    from convbench.report.renderers import Files

# What a spreadsheet takes for a formula. "@256×128 b1" is none: no function begins with a digit,
# and without an operator, a bracket or a mark behind it nothing can be calculated or called.
_FORMULA: Final = re.compile(r"'*(?:[=+\-＝＋－＠\t\r\n]|@(?!\d[\w× ]*\Z))")


_END: Final = "\r\n"


@RENDERERS.register("csv")
def render(document: Document) -> Files:
    """Return tables/<id>.csv for every table; parts of one table are put together again.

    Values are raw: seconds, whole counts, ratios with all digits. An interval becomes three
    columns, <key>, <key>_low and <key>_high. A missing value is empty. Text that a spreadsheet
    would run as a formula has an apostrophe in front: see `harmless`.
    """
    return {
        f"tables/{table.id}.csv": text_of((c.key for c in table.columns), table.rows).encode()
        for table in flat_tables(document)
    }


@TABLES.register("csv")
def render_one(table: OneTable) -> Files:
    """Return table-<id>.csv with raw values, as `render` does."""
    (flat,) = flat_tables(Document(title="", blocks=(table.raw,)))
    text = text_of((column.key for column in flat.columns), flat.rows)
    return {f"table-{flat.id}.csv": text.encode()}


def text_of(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return CSV with its head, lines ending in a line feed; None is empty, floats are exact."""
    lines: list[str] = []
    # With both its characters in the line's end, a lone carriage return is quoted too: unquoted
    # it would begin a row for most readers.
    writer = csv.writer(_Lines(lines), lineterminator=_END)
    for row in (tuple(columns), *rows):
        writer.writerow([harmless(one) if isinstance(one, str) else one for one in row])
    return "\n".join([*lines, ""])


class _Lines:
    """A file of lines: what is written at once, without its end."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, line: str) -> None:
        self._lines.append(line.removesuffix(_END))


def harmless(value: Any) -> Any:
    r"""Return text that a spreadsheet would take for a formula with an apostrophe in front.

    Numbers stay numbers, negative ones too, and so does all other text. A program gets the text
    back by taking one apostrophe off what begins with apostrophes and then =, +, -, @, a tab or a
    line break; json and parquet hold it as it is.

    >>> harmless("=1+1"), harmless("standard"), harmless(-1)
    ("'=1+1", 'standard', -1)
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
