"""Text for a screen: nothing in it steers the terminal, and every sign is one it can show."""

from __future__ import annotations

import unicodedata
from typing import Final

STAND_INS: Final = {
    "×": "x", "÷": "/", "·": "*", "±": "+/-", "≥": ">=", "≤": "<=", "≠": "!=", "≈": "~",
    "→": "->", "←": "<-", "µ": "u", "μ": "u", "–": "-", "—": "-", "−": "-", "…": "...",
    "“": '"', "”": '"', "‘": "'", "’": "'", "²": "2", "³": "3", "°": "deg",
    "✓": "ok", "✗": "wrong:", "∞": "infinity",
    "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ",
}  # fmt: skip
"""What stands for a sign where the encoding of a screen does not have it."""

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def legible(text: str, encoding: str) -> str:
    """Return the text in one line, in signs of the encoding, without what steers a terminal."""
    return "".join(_sign(sign, encoding) for sign in " ".join(text.split()))


def _sign(sign: str, encoding: str) -> str:
    if " " <= sign <= "~":
        return sign
    if unicodedata.category(sign) in _UNSEEN:
        sign = "\N{REPLACEMENT CHARACTER}"
    if _has(encoding, sign):
        return sign
    if sign in STAND_INS:
        return STAND_INS[sign]
    base = unicodedata.normalize("NFKD", sign)[0]
    return base if _has(encoding, base) and not base.isspace() else "?"


def _has(encoding: str, sign: str) -> bool:
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
