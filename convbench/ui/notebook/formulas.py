"""A network's formula in a notebook: what it is of, where it holds, and whether it is all."""

from __future__ import annotations

import html as entities

from convbench.core import text as show
from convbench.formulas.tracing.formula import NetworkFormula
from convbench.formulas.tracing.writing import text
from convbench.ui.notebook.markup import box, line, listing, warning

_MATHS = '<div style="overflow-x:auto">{}</div>'


def html(formula: NetworkFormula) -> str:
    """Return the formula as mathematics, and beside it what no formula should stand without."""
    head = box(line("of one forward pass; 1 MAC = 1 multiplication", strong="Multiplications"))
    # The only part in which mathematics is looked for: made from symbols, and escaped as text.
    shown = _MATHS.format(entities.escape(formula._repr_latex_()))
    parts = [line(f"{show.plural(formula.parameters, 'parameter')}")]
    if not formula.complete:
        names = ", ".join(f"{name} (×{calls})" for name, calls in formula.unsupported.items())
        parts.insert(0, warning(f"No rule for {names}.", strong="A lower bound."))
    known = [("holds where", text(condition)) for condition in formula.constraints]
    known += [("fixed", f"{name} = {number}") for name, number in formula.fixed.items()]
    known += [("note", note) for note in formula.notes]
    if known:
        parts.append(listing(known))
    if formula.source:
        parts.append(line(formula.source, small=True))
    return head + shown + box(*parts)
