r"""LaTeX for papers: every table by itself, and a whole report that compiles.

Made for pdflatex and lualatex, with packages that every distribution has. All that is written is
ASCII, so it does not matter which encoding or font a paper chooses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from convbench.report.document import Bullets, Code, Figure, Fold, Heading, Paragraph, Table
from convbench.report.figures import draw
from convbench.report.formats.latex.escaping import breakable, escape
from convbench.report.formats.latex.tables import PACKAGES, TURNED, table
from convbench.report.renderers import RENDERERS, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convbench.report.document import Block, Document
    from convbench.report.one_table import OneTable
    from convbench.report.renderers import Files

_SECTIONS: Final = {2: "section", 3: "subsection"}
_SECTION: Final = 2
_SPACE: Final = r"~\allowbreak{}"
_NAME: Final = re.compile(r"[^A-Za-z0-9-]+")

# Floats stay where they stand in the text: a long run has more than LaTeX can hold back.
_HEAD: Final = r"""\documentclass[a4paper,10pt]{article}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[margin=20mm]{geometry}
\usepackage{%s}
\usepackage{graphicx}
\usepackage{caption}
\usepackage{float}
\floatplacement{table}{H}
\floatplacement{figure}{H}
\captionsetup{font=small,labelfont=bf}
\setlength{\emergencystretch}{3em}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt plus 1pt}
\title{%s}
\author{}
\date{}
\begin{document}
\maketitle
"""


@RENDERERS.register("latex")
def render(document: Document) -> Files:
    r"""Return report.tex, latex/<table>.tex for \input, and figures/<id>.pdf.

    A table that has parts is a file for each, numbered in reading order: latex/cost-1.tex.
    """
    page = _Page(document)
    lines = [
        _HEAD % (f"{PACKAGES},{TURNED}", breakable(document.title)),
        *page.blocks(document.blocks),
    ]
    text = "\n".join([*lines, r"\end{document}", ""])
    return {"report.tex": text.encode("ascii"), **page.files}


@TABLES.register("latex")
def render_one(one: OneTable) -> Files:
    r"""Return table-<id>.tex for \input, as `render` writes tables."""
    name = _NAME.sub("-", one.shown.id)
    return {f"table-{name}.tex": table(one.shown, name, "", one.note).encode("ascii")}


class _Page:
    """Turns blocks into LaTeX, and gathers the files that they refer to."""

    def __init__(self, document: Document) -> None:
        self.files: dict[str, bytes] = {}
        tables = [block.id for block in document.walk() if isinstance(block, Table)]
        self._numbered = {name for name in tables if tables.count(name) > 1}
        self._number: dict[str, int] = {}
        self._section = ""

    def blocks(self, blocks: tuple[Block, ...]) -> Iterator[str]:
        """Yield the lines of blocks in order."""
        for block in blocks:
            yield from self._block(block)
            yield ""

    def _block(self, block: Block) -> Iterator[str]:
        match block:
            case Heading():
                if block.level == _SECTION:
                    self._section = block.text
                yield rf"\{_SECTIONS.get(block.level, 'paragraph')}{{{breakable(block.text)}}}"
            case Paragraph():
                yield breakable(block.text)
            case Bullets():
                yield from _bullets(block)
            case Code():
                yield from _code(block.text)
            case Table():
                yield rf"\input{{latex/{self._table(block)}}}"
            case Figure():
                yield from self._figure(block)
            case Fold():
                yield rf"\subsection{{{breakable(block.summary)}}}"
                yield from self.blocks(block.blocks)

    def _table(self, block: Table) -> str:
        """Keep the file of a table and return its name."""
        name = _NAME.sub("-", block.id)
        if block.id in self._numbered:
            self._number[block.id] = self._number.get(block.id, 0) + 1
            name = f"{name}-{self._number[block.id]}"
        named, part = self._section, block.title or block.part
        title = named if part.lower() in named.lower() else ": ".join(filter(None, (named, part)))
        self.files[f"latex/{name}.tex"] = table(block, name, title).encode("ascii")
        return name

    def _figure(self, block: Figure) -> Iterator[str]:
        name = _NAME.sub("-", block.id)
        self.files[f"figures/{name}.pdf"] = draw(block.data, "pdf")
        yield from (
            r"\begin{figure}",
            r"\centering",
            rf"\includegraphics[width=\linewidth,height=0.8\textheight,keepaspectratio]"
            rf"{{figures/{name}.pdf}}",
            rf"\caption{{{breakable(block.caption)}}}\label{{fig:{name}}}",
            r"\end{figure}",
        )


def _bullets(block: Bullets) -> Iterator[str]:
    if not block.items:
        return
    yield r"\begin{itemize}"
    for item in block.items:
        lead = rf"\textbf{{{breakable(item.lead)}:}} " if item.lead else ""
        yield rf"\item {lead}{breakable(item.text)}"
    yield r"\end{itemize}"


def _code(text: str) -> Iterator[str]:
    """Yield the text as it is, in a fixed width; verbatim could be ended by what is in it."""
    yield r"\begin{quote}\ttfamily\raggedright"
    for line in text.split("\n"):
        # every space is kept, and a line may be broken at each
        words = (escape(word, code=True) for word in line.split(" "))
        yield rf"\mbox{{}}{_SPACE.join(words)}\\"
    yield r"\end{quote}"
