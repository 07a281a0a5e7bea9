"""What a reader can follow through the page: the types and networks of a run, and their looks.

A name is known on the page by its number, so that nothing that a user wrote is ever a selector.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from convbench.report.figuredata import Scatter
from convbench.report.figures import picture, style
from convbench.report.formats.html.look import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convbench.report.document import Document

_LISTED = re.compile(r", | and ")


class Look(NamedTuple):
    """How a type looks in every figure: the place of its colour in `style.COLOURS`, its mark."""

    colour: int
    mark: str

    @property
    def hue(self) -> str:
        """The colour as the pictures have it."""
        return style.COLOURS[self.colour]


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names in the order of the page; `labels` leads from a case's label to its number."""

    names: tuple[str, ...]
    labels: dict[str, int]
    looks: dict[int, Look]

    def number(self, label: str) -> int | None:
        """Return the number of the name that a label belongs to; None where it has none."""
        return self.labels.get(label)

    def look(self, number: int | None) -> Look | None:
        """Return how a name looks; None for a network, which has no mark of its own."""
        return None if number is None else self.looks.get(number)

    def mentioned(self, text: str) -> tuple[int, ...]:
        """Return the numbers of a text that is a label, or a listing of nothing but labels."""
        if text in self.labels:
            return (self.labels[text],)
        parts = [part for part in _LISTED.split(text) if part]
        if parts and all(part in self.labels for part in parts):
            return tuple(dict.fromkeys(self.labels[part] for part in parts))
        return ()


def names_of(document: Document) -> Names:
    """Return the names of a document: types first, as the figures order them, then the others."""
    figures = document.figures.values()
    cases = list(_cases(document))
    series = next((data.series for data in figures if isinstance(data, Scatter)), ())
    series = series or tuple(sorted({name for kind, name, _ in cases if kind == "type"}))
    pictures = [picture(data) for data in figures]
    titles = (panel.title for drawn in pictures for panel in drawn.panels)
    labels = {title: title for title in titles if title}  # a case may have no mark in its panel
    labels |= {mark.label or mark.case: mark.case for drawn in pictures for mark in drawn.marks}
    labels |= {label: name for _, name, label in cases}
    order = dict.fromkeys(series) | dict.fromkeys(name for _, name, _ in cases)
    order |= dict.fromkeys(labels.values())
    numbers = {name: index for index, name in enumerate(order)}
    return Names(
        names=tuple(order),
        labels={**numbers, **{label: numbers[name] for label, name in labels.items()}},
        looks={numbers[name]: _look(name, series) for name in series},
    )


def _look(name: str, series: tuple[str, ...]) -> Look:
    colour, marker = style.look(name, series)
    return Look(style.COLOURS.index(colour), MARKS[marker])


def _cases(document: Document) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, name, label) of every case that the table of all cases holds."""
    for row in case_rows(document):
        if row.get("name") and row.get("label"):
            yield str(row.get("kind", "")), str(row["name"]), str(row["label"])


def case_rows(document: Document) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of all cases as dictionaries; nothing where there is none."""
    for table in document.data:
        if table.id == "cases":
            keys = [column.key for column in table.columns]
            yield from (dict(zip(keys, row, strict=True)) for row in table.rows)
