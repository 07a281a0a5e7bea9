"""Plain text as Markdown and HTML that read as that text, whatever the text is."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Final

from convbench.core.errors import ConvbenchError

_SPECIAL: Final = re.compile(r"[\\`*_\[\](){}|$~#!:+=^-]")
_NUMBERED: Final = re.compile(r"^(\s*\d+)\.")  # begins a list
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class DocsError(ConvbenchError):
    """A page of the documentation that cannot be made."""


def markup(text: str) -> str:
    """Return plain text as HTML, in one line."""
    return html.escape(_CONTROL.sub(" ", text), quote=True)


def plain(text: str) -> str:
    """Return plain text as Markdown, in one line, in a table or not.

    What means something to Markdown becomes a character reference, which no extension reads.
    """
    one_line = re.sub(r"\s+", " ", _CONTROL.sub(" ", text))
    parts = re.split(r"(&[a-z#0-9]+;)", html.escape(one_line, quote=True))
    safe = "".join(
        part if part.startswith("&") else _SPECIAL.sub(lambda m: f"&#{ord(m[0])};", part)
        for part in parts
    )
    return _NUMBERED.sub(r"\1&#46;", safe)


def code(text: str) -> str:
    """Return text in the type of a program, in a line."""
    return f"<code>{plain(text)}</code>"


def fence(text: str, language: str = "text") -> str:
    """Return text as it is, as a block; the fence is longer than any within."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{text}\n{marks}"


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of plain text, each as one line of Markdown."""
    return [plain(part) for part in re.split(r"\n\s*\n", text) if part.strip()]


def bullets(items: Sequence[str]) -> str:
    """Return a list; items are Markdown already."""
    return "\n".join(f"- {item}" for item in items)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: str = "") -> str:
    """Return a table; cells are Markdown already.

    numbers: one sign a column, "r" for those to be set to the right, "l" for others; left for none.

    Raises:
        DocsError: a row that has not as many cells as there are headers.

    """
    wrong = next((row for row in rows if len(row) != len(headers)), None)
    if wrong is not None:
        raise DocsError(
            f"a row of {len(wrong)} cells in a table of {len(headers)} columns: give each column "
            "one."
        )
    sides = numbers or "l" * len(headers)
    rule = ["--:" if side == "r" else ":--" for side in sides]
    lines = [headers, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def anchor(name: str) -> str:
    """Return a name as part of an id: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"
