"""Document -> one page of HTML, with all that it needs inside it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from convbench.core.extras import needed
from convbench.report.figures import style
from convbench.report.formats import csv
from convbench.report.formats.html import look
from convbench.report.table_data import flat_tables

if TYPE_CHECKING:
    from convbench.report.document import Document

CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_EARLY: Final = ("theme.js",)
"""Scripts that run before anything is shown."""
_SCRIPTS: Final = ("state.js", "tables.js", "labels.js", "figures.js", "follow.js", "start.js")
"""Those that run when the page is there, in this order, as one script."""
_MOST_INSIDE: Final = 1 << 23
"""Bytes of a table as CSV that a page holds for readers to keep: some ten thousand cases."""
# What ends a script or starts a comment inside one, and what is a line's end to JavaScript alone.
_UNSAFE: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028",
                  "\u2029": "\\u2029"}  # fmt: skip


def page(document: Document) -> str:
    """Return the page. The same document gives the same text with the same Plotly.

    Raises:
        MissingExtraError: Plotly or Jinja is not installed.

    """
    template = _environment().get_template("page.html.jinja")
    offline = needed("plotly.offline", extra="html", what="the format html")
    plotly = _script(str(offline.get_plotlyjs()))
    from convbench.report.formats.html.view import view

    shown = view(document)
    early, script = _joined(_EARLY), _joined(_SCRIPTS)
    text: str = template.render(
        view=shown,
        css=_read("page.css"),
        palette=list(zip(style.COLOURS, (look.DARK[c] for c in style.COLOURS), strict=True)),
        shapes=look.SHAPES,
        early=early,
        plotly=plotly,
        script=script,
        hashes=[_hash(text) for text in (early, plotly, script)],
        data=embed({"charts": shown.charts, "names": shown.names.names, "dark": look.DARK}),
        downloads=list(_downloads(document)),
    )
    return text


def embed(data: Any) -> str:
    """Return data as JSON that is harmless inside a script element, whatever the texts in it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escaped in _UNSAFE.items():
        text = text.replace(character, escaped)
    return text


def _environment() -> Any:
    """Return Jinja, set so that no text of a document is ever markup."""
    jinja2 = needed("jinja2", extra="html", what="the format html")
    return jinja2.Environment(
        loader=jinja2.PackageLoader("convbench.report.formats", "html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _visible(value: Any) -> Any:
    """Return text with a visible mark for what a page may not hold; what is markup already stays.

    Jinja takes markup for text too, so the exact class is asked for.
    """
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value


def _read(name: str) -> str:
    return (files("convbench.report.formats.html") / name).read_text(encoding="utf-8")


def _joined(names: tuple[str, ...]) -> str:
    inside = "\n".join(_read(f"script/{name}") for name in names)
    return _script(f'"use strict";\n(() => {{\n{inside}}})();\n')


def _script(text: str) -> str:
    """Return a script as a browser sees it, so that its hash is the one that the browser takes."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if "</script" in text.lower() or "<!--" in text:
        text = text.replace("</", "<\\/").replace("<!--", "<\\!--")
    return f"\n{text}\n"


def _hash(text: str) -> str:
    """Return the hash of a script as a content security policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _downloads(document: Document) -> list[tuple[str, int, str]]:
    """Return (name, rows, address) of each table too large for the page, as CSV.

    The address holds the table itself; it is empty where that is too much for a page.
    """
    wide = dict.fromkeys(table.id for table in document.data if table.rows)
    written = csv.render(document) if wide else {}
    rows = {flat.id: len(flat.rows) for flat in flat_tables(document)}
    return [
        (
            f"{name}.csv",
            rows[name],
            f"data:text/csv;charset=utf-8;base64,{base64.b64encode(content).decode()}"
            if len(content := written[f"tables/{name}.csv"]) <= _MOST_INSIDE
            else "",
        )
        for name in wide
    ]
