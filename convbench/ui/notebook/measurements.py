"""A Measurement in a notebook: a table of times and ratios, each with its interval."""

from __future__ import annotations

from convbench.clock.measurement import Measurement
from convbench.ui.notebook.markup import box, line, table


def html(found: Measurement) -> str:
    """Return the table, what its intervals are, and the notes."""
    said = [line(text, small=True) for text in (found.basis, *found.notes)]
    return box(table(found.heads, found.table, numeric=(1, 2)), *said)
