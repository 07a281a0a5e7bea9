"""A profile as a tree in the terminal, and as Markdown, CSV or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from convbench.report.formats.csv import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convbench.counting.engine.counts import Counts
    from convbench.counting.engine.profile import ModuleCost, Profile

DEAR: Final = 0.05
"""Share of the whole from which a layer stands out."""
_NUMBER: Final = 8
"""Signs that a number takes: 978.9 MB."""
_LEAST: Final = 12
_UNITS: Final = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def short(number: int) -> str:
    """Write 978875392 as 978.9 M."""
    for unit, letter in _UNITS:
        if number >= unit:
            return f"{number / unit:.4g} {letter}"
    return str(number)


def tree(profile: Profile, *, depth: int | None = None, width: int = 80) -> Table:
    """Return the modules as a table `width` signs wide, indented; the dearest layers are marked."""
    both = any(row.backward for row in profile.rows)
    whole = max(profile.counts().multiplications, 1)
    numbers = ["MACs", "share", "element.", "weights", "moved", *(["backward"] if both else [])]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    room = max(width - (_NUMBER + 1) * len(numbers) - 1, _LEAST)
    table.add_column("module", no_wrap=True, overflow="ellipsis", width=room)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True, width=_NUMBER)
    for level, part in profile.by_module.walk():
        if depth is not None and level > depth:
            continue
        spent = part.counts.multiplications + part.backward.multiplications
        leaf = not part.children
        style = "bold" if leaf and spent / whole >= DEAR else ("" if spent else "dim")
        cells = _cells(part, spent / whole, level)
        if both:
            cells.append(short(part.backward.multiplications))
        table.add_row(*(Text(cell, style=style) for cell in cells))
    return table


def _cells(part: ModuleCost, share: float, level: int) -> list[str]:
    name = part.name.rpartition(".")[2] or part.kind
    again = f" ×{part.visits}" if part.visits > 1 else ""
    label = name if part.kind == name else f"{name} {part.kind}"
    counts = part.counts
    return [
        "  " * level + label + again,
        short(counts.multiplications),
        f"{share:.1%}",
        short(counts.elementwise + counts.normalisation),
        short(part.parameters),
        f"{short(counts.bytes_moved)}B",
    ]


def summary(profile: Profile) -> list[str]:
    """Return the totals, in lines; a lower bound is said to be one."""
    bound = "" if profile.complete else "≥ "
    forward, backward = profile.counts(backward=False), profile.counts(backward=True)
    lines = [
        f"{bound}{forward.multiplications:,} multiplications (= MACs) forward, taps on padding "
        f"included; {forward.multiplications_valid:,} without them",
    ]
    if backward.multiplications:
        times = backward.multiplications / max(forward.multiplications, 1)
        lines.append(
            f"{bound}{backward.multiplications:,} multiplications backward, {times:.3f} × forward"
        )
    lines += [
        f"{profile.parameters:,} parameters; {forward.activations:,} activations (outputs of "
        "convolutions and matrix products)",
        f"{forward.bias:,} additions of bias; {forward.normalisation:,} operations of "
        f"normalisation; {forward.elementwise:,} other elementwise operations",
        f"{forward.bytes_moved:,} bytes moved at least; {forward.intensity:.3g} operations a byte "
        "(2 a MAC)",
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
            f"{forward.preparation:,} multiplications on weights alone, before the input: apart"
        )
    if profile.unsupported:
        names = ", ".join(f"{name} (×{calls})" for name, calls in profile.unsupported.items())
        lines.append(f"no counting rule for: {names}; each may hide multiplications")
    lines += profile.notes
    lines.append(
        "counted from shapes; nothing was computed" if profile.how == "shapes" else profile.how
    )
    return lines


def _rows(profile: Profile) -> Iterator[tuple[str, Counts, int, ModuleCost]]:
    for level, part in profile.by_module.walk():
        yield part.name or part.kind, part.counts, level, part


def as_markdown(profile: Profile) -> str:
    """Return the summary and one row a module, as Markdown."""
    from tabulate import tabulate

    rows = [
        [
            name.replace("|", r"\|"),
            part.kind.replace("|", r"\|"),
            f"{counts.multiplications:,}",
            f"{counts.multiplications_valid:,}",
            f"{counts.elementwise + counts.normalisation:,}",
            f"{part.parameters:,}",
            f"{counts.bytes_moved:,}",
            f"{part.backward.multiplications:,}",
        ]
        for name, counts, _, part in _rows(profile)
    ]
    columns = ["module", "kind", "multiplications", "on real input", "elementwise", "parameters",
               "bytes moved", "backward"]  # fmt: skip
    table = tabulate(
        rows, columns, tablefmt="pipe", disable_numparse=True,
        colalign=("left", "left", *("right",) * 6),
    )  # fmt: skip
    lines = "\n".join(f"- {line}" for line in summary(profile))
    return f"# {profile.name}\n\n{lines}\n\n{table}\n"


def as_csv(profile: Profile) -> str:
    """Return one row for each operator in each module, as CSV without formulas."""
    table = profile.to_frame()
    return text_of(table.columns, table.astype(object).to_numpy().tolist())


def as_json(profile: Profile) -> str:
    """Return the profile as JSON."""
    return json.dumps(profile.to_json(), indent=2) + "\n"


FORMATS: Final[dict[str, Callable[[Profile], str]]] = {
    "markdown": as_markdown,
    "csv": as_csv,
    "json": as_json,
}
"""What `profile --format` can write beside the tree."""
