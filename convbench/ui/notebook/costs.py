"""A Cost in a notebook: each count with what it is, never a number without its convention."""

from __future__ import annotations

from typing import Any, Final

from convbench.core.arithmetic import is_array, is_symbolic
from convbench.core.costs import FIELDS, Cost
from convbench.report.formats.latex.escaping import escape as latex_escape
from convbench.ui.notebook.markup import box, line, table

CONVENTION: Final = "1 MAC = 1 multiplication; of one forward pass of the whole batch."


def html(cost: Cost) -> str:
    """Return a table of the counts that are there."""
    rows = [
        (name.replace("_", " "), _shown(value), FIELDS[name].note) for name, value in _rows(cost)
    ]
    head = line(CONVENTION, strong="Cost")
    return box(head, table(("what", "count", "meaning"), rows, numeric=(1,)))


def latex(cost: Cost) -> str:
    """Return the counts as an array, for paper and for front ends without HTML."""
    rows = [
        rf"\text{{{latex_escape(name.replace('_', ' '))}}} & {_maths(value)}"
        for name, value in _rows(cost)
    ]
    body = r" \\ ".join([*rows, rf"\text{{{latex_escape(CONVENTION)}}} &"])
    return rf"$\displaystyle \begin{{array}}{{lr}} {body} \end{{array}}$"


def _rows(cost: Cost) -> list[tuple[str, Any]]:
    """Return the fields with their values; what does not apply is left out."""
    found = [(name, getattr(cost, name)) for name in FIELDS]
    return [(name, value) for name, value in found if not isinstance(value, tuple) or value]


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " × ".join(map(_shown, value))
    if is_array(value):
        return f"{value.size:,} values, {int(value.min()):,} to {int(value.max()):,}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _maths(value: Any) -> str:
    if isinstance(value, tuple):
        return r" \times ".join(map(_maths, value))
    if is_symbolic(value) and not isinstance(value, int):
        import sympy

        return str(sympy.latex(value))
    return (
        _shown(value).replace(",", "{,}")
        if isinstance(value, int)
        else (rf"\text{{{latex_escape(_shown(value))}}}")
    )
