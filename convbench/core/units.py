"""Units: what a size in one is in another."""

from __future__ import annotations

import re
from typing import Final

_BITS_OF_A_BYTE: Final = 8


def itemsize(dtype: str) -> int | None:
    """Return the bytes of one element: 4 for "float32", 1 for "float8_e4m3fn"; None if unknown."""
    bits = re.search(r"\d+", dtype)
    return int(bits.group()) // _BITS_OF_A_BYTE or None if bits else None
