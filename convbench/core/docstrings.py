"""Docstrings in parts, and what they say of each field of a dataclass."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import Final, NamedTuple

from convbench.core.serialization import hints

SECTIONS: Final = ("Args", "Attributes", "Returns", "Yields", "Raises")
ITEM: Final = re.compile(r"^([*\w][\w., *]*): +(.*)", flags=re.DOTALL)
_HEAD: Final = re.compile(rf"^({'|'.join(SECTIONS)}):$")


class Part(NamedTuple):
    """A part of a docstring.

    kind: "text", "code", "list", or the name of a section. items: paragraphs, lines of code, points
    of a list, or "name: text" of a section.
    """

    kind: str
    items: tuple[str, ...]


def parts(doc: str) -> tuple[Part, ...]:
    """Return the parts of a docstring that `inspect.getdoc` has cleaned."""
    found: list[Part] = []
    blocks = re.split(r"\n\s*\n", doc.strip("\n"))
    for block in blocks:
        first, _, rest = block.partition("\n")
        if _HEAD.match(first):
            found.append(Part(first[:-1], _items(textwrap.dedent(rest))))
        elif block.startswith(("    ", ">>>")):
            found.append(Part("code", (textwrap.dedent(block),)))
        elif block.startswith("- ") or "\n- " in block:
            head, *points = re.split(r"(?:^|\n)- ", block)
            if head.strip():
                found.append(Part("text", (_joined(head),)))
            found.append(Part("list", tuple(map(_joined, points))))
        else:
            found.append(Part("text", (_joined(block),)))
    return tuple(found)


def _items(block: str) -> tuple[str, ...]:
    """Return the items of a section: what is indented belongs to the line above it."""
    items: list[str] = []
    for line in block.splitlines():
        if (items and line.startswith(" ")) or (items and not ITEM.match(line)):
            items[-1] += f" {line.strip()}"
        elif line.strip():
            items.append(line.strip())
    return tuple(items)


def _joined(text: str) -> str:
    return " ".join(text.split())


def documented(cls: type) -> dict[str, str]:
    """Return what is said of each field of a dataclass, or key of a typed dictionary.

    It is looked for in the class's section "Attributes:", and in its prose as "name: what it is.".
    A field of which nothing is said is left out.
    """
    names = list(hints(cls))
    said: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        doc = inspect.cleandoc(each.__doc__ or "")
        said |= _in_prose(doc, names)
        for part in parts(doc):
            if part.kind == "Attributes":
                said |= dict(_named(part.items))
    return {name: said[name] for name in names if name in said}


def _named(items: tuple[str, ...]) -> list[tuple[str, str]]:
    found = []
    for item in items:
        if match := ITEM.match(item):
            found += [(name.strip(), match[2]) for name in match[1].split(",")]
    return found


def _in_prose(doc: str, names: list[str]) -> dict[str, str]:
    """Return the texts of "name: text. other, third: text." where these are fields."""
    one = "|".join(map(re.escape, names))
    head = re.compile(rf"(?:(?<=[.?!] )|(?<=^))((?:{one})(?:, (?:{one}))*): ")
    found: dict[str, str] = {}
    for part in parts(doc):
        if part.kind != "text":
            continue
        pieces = head.split(part.items[0])
        for heads, text in zip(pieces[1::2], pieces[2::2], strict=True):
            found |= dict.fromkeys(heads.split(", "), text.strip())
    return found
