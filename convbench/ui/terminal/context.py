"""Layers in context, as a page for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convbench.core import text as show
from convbench.report.document import Column, Document, Paragraph, Table

if TYPE_CHECKING:
    from convbench.clock.layers_in_context import Context
    from convbench.core.intervals import Interval

_COLUMNS = (
    Column(name="layer", key="label"),
    Column(name="alone", key="alone", kind="seconds"),
    Column(name="after", key="after", kind="seconds"),
    Column(name="inside", key="seconds", kind="seconds"),
    Column(name="share", key="ratio", kind="share"),
)


def page(found: Context) -> Document:
    """Return what it says first, then every layer in the order of the calls."""
    rows = tuple(
        (f"{layer.name} {layer.kind}", layer.alone, layer.after, layer.inside,
         layer.inside.value / found.whole.value)
        for layer in found.layers
    )  # fmt: skip
    said = (
        f"Its layers alone add up to {_percent(found.alone_share)} of it, inside it to "
        f"{_percent(found.inside_share)}; the rest is what happens between them.",
        "alone: over and over; after: its producer ran right before; inside: within the whole, and "
        "its share of it. ±: where one more process would fall. Interleaved, in several processes; "
        "“after” is a single call a sample, so it holds what calling costs without a loop.",
        *found.notes,
    )
    first, *others = (Paragraph(text=text) for text in said)
    return Document(
        title=f"The whole takes {show.seconds(found.whole)} a call.",
        blocks=(first, Table(id="layers", caption="", columns=_COLUMNS, rows=rows), *others),
    )


def _percent(share: Interval) -> str:
    value = f"{share.value:.0%}"
    return f"{value} ({share.low:.0%} to {share.high:.0%})" if share.usable else value
