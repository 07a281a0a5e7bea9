"""A Profile in a notebook: its totals in words, and the tree of its modules."""

from __future__ import annotations

from typing import Final

from convbench.counting.engine.columns import module_table
from convbench.counting.engine.profile import Profile
from convbench.ui.notebook.markup import box, fold, line, table, warning
from convbench.ui.terminal.profile import summary

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
    columns, found = module_table(profile)
    shown = list(columns.values())
    rows = [
        (
            f"{_INDENT * level}{part.name.rpartition('.')[2] or part.kind}",
            part.kind,
            *(column.text(value, full=True) for column, value in zip(shown, values, strict=True)),
        )
        for level, part, values in found
    ]
    heads = ("module", "kind", *(column.title for column in shown))
    numeric = [index for index, column in enumerate(shown, start=2) if column.numeric]
    tree = table(heads, rows, numeric=numeric)
    parts.append(tree if len(rows) <= _OPEN else fold(f"{len(rows)} modules", tree))
    parts.append(line("; ".join(f"{c.title}: {c.note}" for c in shown), small=True))
    return box(*parts)
