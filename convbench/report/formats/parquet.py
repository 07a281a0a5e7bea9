"""Parquet: each table of a document in typed columns, units and conventions beside them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from convbench.core import text as show
from convbench.core.extras import needed
from convbench.core.units import REAL
from convbench.report.renderers import RENDERERS
from convbench.report.table_data import flat_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from convbench.report.document import Column, Document
    from convbench.report.renderers import Files
    from convbench.report.table_data import Flat

SCHEMA: Final = "2"
"""Version of the files, in their metadata; raised when a column changes its meaning."""

_INT64: Final = 2**63
_DIGITS: Final = 76
"""Digits of the widest decimal there is."""


@RENDERERS.register("parquet")
def render(document: Document) -> Files:
    """Return parquet/<id>.parquet for every table; parts of one table are put together again.

    Counts are int64, or decimals where one is larger; seconds, ratios and shares float64; an
    interval is three columns, <key>, <key>_low and <key>_high. What is not a number of its column
    is null. The file says its table, caption and version, each column its unit, kind and note.
    Raises MissingExtraError without pyarrow. The same pyarrow gives the same bytes.
    """
    arrow = needed("pyarrow", extra="parquet", what="the format parquet")
    writer = needed("pyarrow.parquet", extra="parquet", what="the format parquet")
    files: dict[str, bytes] = {}
    for table in flat_tables(document):
        buffer = io.BytesIO()
        writer.write_table(_arrow(arrow, document.title, table), buffer, compression="zstd")
        files[f"parquet/{table.id}.parquet"] = buffer.getvalue()
    return files


def _arrow(arrow: Any, title: str, table: Flat) -> pa.Table:
    arrays, kinds = [], []
    for index, column in enumerate(table.columns):
        array = _array(arrow, column, [row[index] for row in table.rows])
        said = {"unit": column.unit, "kind": column.kind, "name": column.name}
        said |= {"note": column.note} if column.note else {}
        arrays.append(array)
        kinds.append(arrow.field(column.key, array.type, metadata=said))
    whole = {
        "convbench.schema": SCHEMA,
        "convbench.report": title,
        "convbench.table": table.id,
        "convbench.caption": table.caption,
    }
    return arrow.Table.from_arrays(arrays, schema=arrow.schema(kinds, metadata=whole))


def _array(arrow: Any, column: Column, values: Sequence[Any]) -> Any:
    """Return the values in the narrowest type of their kind that holds them all exactly."""
    there = [value for value in values if value is not None]
    real = column.kind in REAL
    # a column of text may hold numbers throughout, as that of a seed does
    if (there or real or column.kind != "text") and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in there
    ):
        if not real and all(isinstance(value, int) for value in there):
            return _whole(arrow, values, there)
        return arrow.array([None if v is None else float(v) for v in values], arrow.float64())
    if there and all(isinstance(value, bool) for value in there):
        return arrow.array(values, arrow.bool_())
    text = [v if v is None or isinstance(v, str) else show.cell(v, "text") for v in values]
    return arrow.array(text, arrow.string())


def _whole(arrow: Any, values: Sequence[Any], there: Sequence[int]) -> Any:
    if all(-_INT64 <= value < _INT64 for value in there):
        return arrow.array(values, arrow.int64())
    digits = max(len(str(abs(value))) for value in there)
    if digits > _DIGITS:  # no type holds it: the digits do
        return arrow.array([None if v is None else str(v) for v in values], arrow.string())
    from decimal import Decimal

    kind = arrow.decimal128(38, 0) if digits <= 38 else arrow.decimal256(_DIGITS, 0)  # noqa: PLR2004
    return arrow.array([None if value is None else Decimal(value) for value in values], kind)
