"""Units: of what columns hold, and what a size in one is in another."""

from __future__ import annotations

import re
from typing import Final, Literal

Kind = Literal["text", "integer", "count", "seconds", "ratio", "share", "bytes", "flops", "rate"]
"""What a column of a table holds. A share is a fraction: 0.05 is 5 %; a rate is of bytes."""
Unit = Literal["", "1", "s", "B", "FLOP/s", "B/s"]
UNITS: Final[dict[Kind, Unit]] = {
    "text": "",
    "integer": "1",
    "count": "1",
    "seconds": "s",
    "ratio": "1",
    "share": "1",
    "bytes": "B",
    "flops": "FLOP/s",
    "rate": "B/s",
}
"""The unit of a column's raw values."""

REAL: Final[frozenset[Kind]] = frozenset({"seconds", "ratio", "share", "flops", "rate"})
"""Kinds of real numbers; those of whole numbers are integer, count and bytes."""

_BITS_OF_A_BYTE: Final = 8


def itemsize(dtype: str) -> int | None:
    """Return the bytes of one element: 4 for "float32", 1 for "float8_e4m3fn"; None if unknown."""
    bits = re.search(r"\d+", dtype)
    return int(bits.group()) // _BITS_OF_A_BYTE or None if bits else None
