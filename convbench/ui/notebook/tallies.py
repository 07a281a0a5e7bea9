"""A Tally in a notebook: the count in its convention, and what the counter did not know."""

from __future__ import annotations

from typing import Final

from convbench.counting.tally import Tally
from convbench.report.formats.latex.escaping import escape as latex_escape
from convbench.ui.notebook.markup import box, fold, line, table, warning

_UNIT: Final = "1 MAC = 1 multiply-accumulate of convolutions and matrix products."


def html(tally: Tally) -> str:
    """Return the count, unknown operators before anything else, and its parts."""
    bound = "" if tally.complete else "≥ "
    parts = [line(f"MACs, counted by {tally.counter}", strong=f"{bound}{tally.macs:,}")]
    if not tally.complete:
        parts.append(warning(_unknown(tally), strong="A lower bound."))
    parts.append(line(_convention(tally), small=True))
    if tally.by_operator:
        rows = [(name, f"{macs:,}") for name, macs in _dearest(tally.by_operator)]
        parts.append(table(("operator", "MACs"), rows, numeric=(1,)))
    modules = {name: macs for name, macs in tally.by_module.items() if name}
    if modules:
        rows = [(name, f"{macs:,}") for name, macs in modules.items()]
        inside = table(("module", "MACs"), rows, numeric=(1,))
        parts.append(fold(f"By module ({len(modules)})", inside))
    if tally.elementwise:
        rows = [(name, f"{count:,}") for name, count in _dearest(tally.elementwise)]
        inside = table(("operator", "in the counter's own unit"), rows, numeric=(1,))
        parts.append(fold("Counted beside MACs", inside))
    return box(*parts)


def latex(tally: Tally) -> str:
    """Return the count with its sign, its counter and its convention."""
    sign = "" if tally.complete else r"\geq "
    number = f"{tally.macs:,}".replace(",", "{,}")
    lines = [rf"{sign}{number}\ \text{{MACs ({latex_escape(tally.counter)})}}"]
    if not tally.complete:
        lines.append(rf"\text{{A lower bound. {latex_escape(_unknown(tally))}}}")
    lines.append(rf"\text{{{latex_escape(_UNIT)}}}")
    body = r" \\ ".join(lines)
    return rf"$\displaystyle \begin{{array}}{{l}} {body} \end{{array}}$"


def _unknown(tally: Tally) -> str:
    names = ", ".join(f"{name} (×{calls})" for name, calls in tally.unsupported.items())
    return f"The counter does not know {names}: each may hide multiplications."


def _convention(tally: Tally) -> str:
    said = tally.convention
    source = f" ({said.source})" if said.source else ""
    return (
        f"{_UNIT} The counter itself reports {said.unit}; for elementwise work it adds "
        f"{said.elementwise}; transposed convolutions on the {said.transposed}{source}."
    )


def _dearest(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
