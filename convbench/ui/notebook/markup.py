"""HTML for a notebook: escaped, light on style, and read as text where mathematics is set."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
# A notebook sets what stands between these as mathematics; an element in between breaks the pair.
_MATHS: Final = re.compile(r"[$\\]")
_WARNING: Final = "border-left:4px solid #D55E00;padding:0.2em 0.6em;margin:0.4em 0"
_TABLE: Final = "border-collapse:collapse;margin:0.4em 0"
_CELL: Final = "padding:0.15em 0.7em;vertical-align:top;"
_NUMBER: Final = "text-align:right;white-space:nowrap"


def escape(text: object) -> str:
    """Return plain text as HTML that reads as that text, and is no mathematics."""
    shown = _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", str(text))
    return _MATHS.sub(lambda match: f"<span>{match.group()}</span>", html.escape(shown))


def box(*parts: str) -> str:
    """Return parts in one element, in which no mathematics is looked for."""
    return f'<div class="convbench mathjax_ignore tex2jax_ignore">{"".join(parts)}</div>'


def line(text: str, *, strong: str = "", small: bool = False) -> str:
    """Return a line of text; `strong` stands out at its start."""
    lead = f"<strong>{escape(strong)}</strong> " if strong else ""
    size = ' style="font-size:85%;opacity:0.8"' if small else ""
    return f"<div{size}>{lead}{escape(text)}</div>"


def warning(text: str, *, strong: str) -> str:
    """Return what must not be overlooked."""
    return (
        f'<div role="note" style="{_WARNING}"><strong>{escape(strong)}</strong> '
        f"{escape(text)}</div>"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, numeric: Sequence[int]) -> str:
    """Return a table of text; the columns in `numeric` are aligned to the right."""

    def cells(tag: str, values: Sequence[object]) -> str:
        return "".join(
            f'<{tag} style="{_CELL + (_NUMBER if index in numeric else "text-align:left")}">'
            f"{escape(value)}</{tag}>"
            for index, value in enumerate(values)
        )

    head = f"<thead><tr>{cells('th', heads)}</tr></thead>"
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<table style="{_TABLE}">{head}<tbody>{body}</tbody></table>'


def fold(summary: str, inside: str) -> str:
    """Return what is opened when wanted."""
    return f"<details><summary>{escape(summary)}</summary>{inside}</details>"


def listing(points: Iterable[tuple[str, str]]) -> str:
    """Return (lead, text) pairs as a list."""
    items = "".join(
        f"<li>{f'<strong>{escape(lead)}:</strong> ' if lead else ''}{escape(text)}</li>"
        for lead, text in points
    )
    return f"<ul>{items}</ul>"
