"""Docstrings as Markdown; `convbench.core.docstrings` takes them apart."""

from __future__ import annotations

import re
from typing import Final

from convbench.core import docstrings
from convbench.core.docstrings import ITEM, Part, parts
from convbench.core.serialization import hints
from convbench_docs.text import DocsError, bullets, code, fence, plain

_STRESSED: Final = re.compile(r"(?<![\w&#;])&#42;(\w[\w ]*\w)&#42;(?!\w)")  # after `plain`
_IN_CODE: Final = re.compile(r"`([^`]+)`")


def prose(text: str) -> str:
    """Return a paragraph of a docstring as Markdown: plain but for `code` and *emphasis*."""
    pieces = _IN_CODE.split(text)
    return "".join(
        code(piece) if turn % 2 else _STRESSED.sub(r"<em>\1</em>", plain(piece))
        for turn, piece in enumerate(pieces)
    )


def markdown(doc: str, without: tuple[str, ...] = ()) -> str:
    """Return a docstring as Markdown.

    without: fields that are shown elsewhere: their section, or the paragraph that begins with one
    of them, is left out.
    """
    blocks = []
    for part in parts(doc):
        if without and (part.kind == "Attributes" or _begins_with(part, without)):
            continue
        match part.kind:
            case "text":
                blocks.append(prose(part.items[0]))
            case "code":
                session = part.items[0].startswith(">>>")
                blocks.append(fence(part.items[0], "python" if session else "text"))
            case "list":
                blocks.append(bullets([prose(item) for item in part.items]))
            case _:
                blocks.append(f"**{part.kind}**\n\n{bullets([_entry(i) for i in part.items])}")
    return "\n\n".join(blocks)


def _begins_with(part: Part, names: tuple[str, ...]) -> bool:
    match = ITEM.match(part.items[0]) if part.kind == "text" else None
    return match is not None and match[1].partition(",")[0] in names


def _entry(item: str) -> str:
    match = ITEM.match(item)
    return f"{code(match[1])}: {prose(match[2])}" if match else prose(item)


def documented(cls: type) -> dict[str, str]:
    """Return what is said of each field of a dataclass, in the order of the fields.

    Raises:
        DocsError: a field of which nothing is said.

    """
    said = docstrings.documented(cls)
    if missing := [name for name in hints(cls) if name not in said]:
        raise DocsError(
            f"{cls.__module__}.{cls.__qualname__} says nothing of its {', '.join(missing)}: write "
            "it in the class's docstring."
        )
    return said
