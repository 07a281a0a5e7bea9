"""A Profile in a notebook: its totals in words, and the tree of its modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convbench.ui.notebook.markup import box, fold, line, table, warning
from convbench.ui.terminal.profile import short, summary

if TYPE_CHECKING:
    from convbench.counting.engine.profile import Profile

_OPEN: Final = 40
"""Modules up to which the tree is shown at once."""
_INDENT: Final = "\N{EM SPACE}"


def html(profile: Profile) -> str:
    """Return the totals, operators without a rule first, and one row a module."""
    parts = [line("", strong=profile.name)]
    if not profile.complete:
        names = ", ".join(f"{name} (×{calls})" for name, calls in profile.unsupported.items())
        parts.append(warning(f"No counting rule for {names}.", strong="A lower bound."))
    parts += [line(said) for said in summary(profile)]
    rows = []
    for level, part in profile.by_module.walk():
        name = part.name.rpartition(".")[2] or part.kind
        counts = part.counts
        rows.append(
            (
                f"{_INDENT * level}{name}",
                part.kind,
                f"{counts.multiplications:,}",
                f"{counts.elementwise + counts.normalisation:,}",
                f"{part.parameters:,}",
                f"{short(counts.bytes_moved)}B",
            )
        )
    heads = ("module", "kind", "MACs forward", "elementwise", "parameters", "bytes moved")
    tree = table(heads, rows, numeric=(2, 3, 4, 5))
    parts.append(tree if len(rows) <= _OPEN else fold(f"{len(rows)} modules", tree))
    return box(*parts)
