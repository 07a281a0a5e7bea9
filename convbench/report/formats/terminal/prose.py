"""Sentences in lines of a terminal: a line never ends between a number and its unit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rich.text import Text

from convbench.report.legible import legible

if TYPE_CHECKING:
    from rich.console import Console

_UNIT: Final = re.compile(r"(?<=[\d×]) (?=(?:%|[kMGTPE]?B|[nµum]?s|[kMGTPE])(?!\w))")
"""978.9 M, ±6 %, 220 µs"""
_NOUN: Final = re.compile(r"(?<![\d.,])(\d{1,3}) (?=[a-z]{1,9}\b)")
"""1 thread, 10 processes; together never longer than the narrowest column of text."""
_GLUE: Final = "\ue000"
"""Stands for a blank at which no line is broken: it has the width of one, and is in no text."""


def prose(
    text: str, console: Console, *, lead: str = "", style: str = "", indent: int = 0, hang: int = 0
) -> Text:
    """Return a text in lines no wider than the console, in signs that it has.

    Two blanks or more are kept: they line up numbers below one another.
    lead: stands out before the text. style: of the text, in words of rich. indent: blanks before
    each line; hang: blanks more before each but the first.
    """
    whole = Text()
    if lead:
        whole.append(legible(lead, console.encoding), "bold").append(" ")
    parts = re.split("( {2,})", text)
    kept = (part if part.isspace() else legible(part, console.encoding) for part in parts)
    whole.append("".join(kept), style)
    found = lines(whole, console, console.width - indent - hang)
    for number, line in enumerate(found):
        if line:
            line.pad_left(indent + (hang if number else 0))
    return Text("\n").join(found)


def lines(text: Text, console: Console, width: int) -> list[Text]:
    """Return a text in lines of so many columns at most."""
    glued = text.copy()
    glued.plain = _NOUN.sub(rf"\1{_GLUE}", _UNIT.sub(_GLUE, text.plain))
    found = glued.wrap(console, max(1, width))
    for line in found:
        line.rstrip()
        line.plain = line.plain.replace(_GLUE, " ")
    return list(found)
