"""A profile as a tree in the terminal, and as Markdown, CSV or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from convbench.core import text as show
from convbench.core.serialization import harmless
from convbench.counting.engine.columns import COLUMNS, SHOWN, module_table
from convbench.report.formats.csv import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import JustifyMethod

    from convbench.counting.engine.columns import ProfileColumn
    from convbench.counting.engine.profile import ModuleCost, Profile

DEAR: Final = 0.05
"""Share of the MACs from which a layer stands out."""
_GAP: Final = 1
_LABEL: Final = 28
"""Signs that the names of modules take before a column is left out."""


def tree(
    profile: Profile,
    columns: Sequence[str] = SHOWN,
    *,
    depth: int | None = None,
    sort: str | None = None,
    width: int = 80,
) -> tuple[Table, list[str]]:
    """Return the modules as a table `width` signs wide, and the columns it has no room for.

    Modules are indented, and the dearest layers stand out. Columns are kept in their order. Raises
    as `module_table` does.
    """
    chosen, rows = module_table(profile, columns, depth=depth, sort=sort)
    labels = [_label(part, level) for level, part, _ in rows]
    longest = max(map(cell_len, labels))
    room = width - min(longest, _LABEL)
    kept: list[tuple[ProfileColumn, int, list[str]]] = []
    dropped = []
    for index, column in enumerate(chosen.values()):
        cells = [column.text(values[index]) for *_, values in rows]
        wide = max(map(cell_len, (column.title, *cells)))
        if wide + _GAP <= room:
            kept.append((column, wide, cells))
            room -= wide + _GAP
        else:
            dropped.append(column.name)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    taken = sum(wide + _GAP for _, wide, _ in kept)
    name = min(longest, max(width - taken, _LABEL))
    table.add_column("module", no_wrap=True, overflow="ellipsis", width=name)
    for column, wide, _ in kept:
        side: JustifyMethod = "right" if column.numeric else "left"
        table.add_column(column.title, justify=side, no_wrap=True, width=wide)
    whole = max(profile.counts(backward=False).multiplications, 1)
    for at, (label, (_, part, _)) in enumerate(zip(labels, rows, strict=True)):
        spent = part.counts.multiplications
        dear = not part.children and spent / whole >= DEAR
        style = "bold" if dear else ("" if spent else "dim")
        table.add_row(Text(label), *(Text(cells[at]) for *_, cells in kept), style=style)
    return table, dropped


def page(
    profile: Profile,
    columns: Sequence[str] | None = None,
    *,
    depth: int | None = None,
    sort: str | None = None,
    width: int = 80,
) -> Iterator[Table | str]:
    """Yield what a terminal shows: the tree, what its columns are where chosen, and the totals."""
    table, dropped = tree(profile, columns or SHOWN, depth=depth, sort=sort, width=width)
    yield table
    if dropped:
        yield (
            f"not shown, for the terminal is {width} wide: {', '.join(dropped)}; choose with "
            "--columns, or write --format markdown"
        )
    for column in module_table(profile, columns, depth=0).columns.values() if columns else ():
        yield f"{column.title}: {column.note}"
    yield from summary(profile)


def _label(part: ModuleCost, level: int) -> str:
    name = part.name.rpartition(".")[2] or part.kind
    again = f" ×{part.visits}" if part.visits > 1 else ""
    text = name if part.kind == name else f"{name} {part.kind}"
    return "  " * level + harmless(text) + again


def _number(number: int, noun: str) -> str:
    """Return a total with its noun; of a bound that is 0 the digit too: ≥ 0 multiplications."""
    return show.plural(number, noun) if number else f"0 {noun}s"


def summary(profile: Profile) -> list[str]:
    """Return the totals, in lines; a lower bound is said to be one."""
    bound = "" if profile.complete else "≥ "
    forward, backward = profile.counts(backward=False), profile.counts(backward=True)
    still = profile.by_module.frozen
    frozen = f", {still:,} of them frozen" if still else ""
    lines = [
        f"{bound}{_number(forward.multiplications, 'multiplication')} (= MACs) forward, taps on "
        f"padding included; {forward.multiplications_valid:,} without them",
    ]
    if backward.multiplications:
        times = backward.multiplications / max(forward.multiplications, 1)
        lines.append(
            f"{bound}{_number(backward.multiplications, 'multiplication')} backward, "
            f"{times:.3f} × forward"
        )
    lines += [
        f"{_number(profile.parameters, 'parameter')}{frozen}; "
        f"{_number(forward.activations, 'activation')} (outputs of convolutions "
        "and matrix products)",
        f"{forward.bias:,} additions of bias; {forward.normalisation:,} operations of "
        f"normalisation; {forward.elementwise:,} other elementwise operations",
        f"{forward.bytes_moved:,} bytes moved at least, {forward.bytes_read:,} of them read; "
        f"{forward.intensity:.3g} operations a byte (2 a MAC)",
    ]
    if forward.by_hand:
        lines.append(
            f"{forward.by_hand:,} of them in products by hand: elementwise multiplications of two "
            "tensors that are then summed (along an axis on which both vary, or tap by tap); "
            "scales, gates, masks and activations are not"
        )
    if forward.transforms or backward.transforms:
        more = f" and {backward.transforms:,} backward" if backward.transforms else ""
        lines.append(
            f"{forward.transforms:,} operations of Fourier transforms{more}: 5·N·log2 N for N "
            "complex numbers, half of that for real ones; apart"
        )
    if forward.preparation:
        lines.append(
            f"{_number(forward.preparation, 'multiplication')} on weights alone, "
            "before the input: apart"
        )
    if profile.unsupported:
        names = ", ".join(f"{name} (×{calls})" for name, calls in profile.unsupported.items())
        lines.append(f"no counting rule for: {names}; each may hide multiplications")
    lines += profile.notes
    lines.append(
        "counted from shapes; nothing was computed" if profile.how == "shapes" else profile.how
    )
    return lines


def as_markdown(
    profile: Profile,
    columns: Sequence[str] | None = None,
    *,
    depth: int | None = None,
    sort: str | None = None,
) -> str:
    """Return the summary, one row a module, and what the columns are, as Markdown."""
    from tabulate import tabulate

    chosen, rows = module_table(profile, columns or SHOWN, depth=depth, sort=sort)
    cells = [
        [
            (part.name or part.kind).replace("|", r"\|"),
            part.kind.replace("|", r"\|"),
            *(
                column.text(value, full=True)
                for column, value in zip(chosen.values(), values, strict=True)
            ),
        ]
        for _, part, values in rows
    ]
    sides = ("right" if column.numeric else "left" for column in chosen.values())
    table = tabulate(
        cells, ["module", "kind", *(column.title for column in chosen.values())], tablefmt="pipe",
        disable_numparse=True, colalign=("left", "left", *sides),
    )  # fmt: skip
    said = "\n".join(f"- {line}" for line in summary(profile))
    notes = "\n".join(f"- {column.title}: {column.note}" for column in chosen.values())
    return f"# {profile.name}\n\n{said}\n\n{table}\n\n{notes}\n"


def as_csv(
    profile: Profile,
    columns: Sequence[str] | None = None,
    *,
    depth: int | None = None,
    sort: str | None = None,
) -> str:
    """Return one row a module, as CSV without formulas; counts and bytes have all their digits."""
    chosen, rows = module_table(profile, columns or tuple(COLUMNS), depth=depth, sort=sort)
    return text_of(
        ("module", "kind", *chosen),
        [
            (
                part.name,
                part.kind,
                *(
                    value if column.numeric else column.text(value)
                    for column, value in zip(chosen.values(), values, strict=True)
                ),
            )
            for _, part, values in rows
        ],
    )


def as_json(
    profile: Profile,
    columns: Sequence[str] | None = None,
    *,
    depth: int | None = None,
    sort: str | None = None,
) -> str:
    """Return the profile as JSON: see `convbench schema profile`."""
    data = profile.to_json(columns, depth=depth, sort=sort)
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


FORMATS: Final[dict[str, Callable[..., str]]] = {
    "markdown": as_markdown,
    "csv": as_csv,
    "json": as_json,
}
"""What `profile --format` can write beside the tree."""
