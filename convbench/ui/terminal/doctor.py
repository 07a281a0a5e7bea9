"""What `doctor` found, on a terminal: the verdict, the warnings, the fingerprint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from convbench.machine.advice import Advice
from convbench.machine.fingerprint import GROUPS
from convbench.machine.resolution import FOUND_SHARE, Resolution, percent, verdict
from convbench.report.document import Column, Table
from convbench.report.formats.terminal.narrowing import narrowed
from convbench.report.formats.terminal.prose import prose

DEFINITION: Final = (
    "“Can tell” is the smallest difference that would have been found in at least "
    f"{100 * FOUND_SHARE:.0f} % of these A/A trials (a call against itself), whichever side was "
    "the slower. It holds for comparisons as long as these, within one process. “≠1” counts the "
    "trials that found a difference where there is none; about 5 % do by construction."
)

_MARKS: Final = {"serious": "!!", "warning": "!", "note": "·"}
_STYLES: Final = {"serious": "bold red", "warning": "yellow", "note": ""}
_COLUMNS: Final = (
    Column(name="call", key="label"),
    Column(name="lasts", key="lasts", kind="seconds"),
    Column(name="can tell", key="smallest", kind="share"),
    Column(name="± typically", key="typical", kind="share"),
    Column(name="± widest", key="widest", kind="share"),
    Column(name="trials", key="trials", kind="integer"),
    Column(name="≠1", key="excluding_one", kind="integer"),
    Column(name="a trial", key="trial", kind="seconds"),
)


def page(
    resolution: Resolution,
    warnings: Sequence[Advice],
    fingerprint: Mapping[str, Any],
    console: Console,
) -> Iterator[RenderableType]:
    """Yield what is printed: verdict first, then warnings, then the fingerprint."""
    for text in verdict(resolution):
        yield prose(text, console, style="bold")
    yield ""
    yield from _sizes(resolution, console)
    yield ""
    yield from _warnings(warnings, console)
    yield from _facts(fingerprint)


def _sizes(resolution: Resolution, console: Console) -> Iterator[RenderableType]:
    rows = tuple(
        (size.name, size.seconds_per_call,
         *map(percent, (size.smallest_difference, size.typical, size.widest)),
         len(size.trials), size.excluding_one, size.seconds_per_trial)
        for size in resolution.sizes
    )  # fmt: skip
    found = narrowed(Table(id="sizes", caption="", columns=_COLUMNS, rows=rows), console)
    yield found.grid
    if found.dropped:
        yield prose(f"Left out for width: {', '.join(found.dropped)}.", console, style="dim")
    for size in resolution.sizes:
        yield prose(f"{size.name}: {size.what}", console, indent=2)
    pages = "kept" if resolution.allocator == "kept" else "given back to the system"
    yield prose(f"Freed pages were {pages}. {DEFINITION}", console, indent=2)


def _warnings(warnings: Sequence[Advice], console: Console) -> Iterator[RenderableType]:
    if not warnings:
        yield Text("No warnings.", "bold green")
        yield ""
        return
    yield Text("Warnings and remedies", "bold")
    for each in warnings:
        mark = _MARKS[each.severity]
        yield prose(f"{mark} {each.cause}", console, hang=3, style=_STYLES[each.severity])
        yield prose(f"→ {each.remedy}", console, indent=3, hang=2)
        yield ""


def _facts(fingerprint: Mapping[str, Any]) -> Iterator[RenderableType]:
    placed = {key for keys in GROUPS.values() for key in keys}
    others = tuple(key for key in fingerprint if key not in placed)
    wide = max(map(len, fingerprint), default=0)
    for title, keys in {**GROUPS, "Others": others}.items():
        shown = [key for key in keys if key in fingerprint]
        if not shown:
            continue
        yield Text(title, "bold")
        grid = Grid.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=wide, no_wrap=True)
        grid.add_column(overflow="fold")
        for key in shown:
            grid.add_row(key, Text(_value(fingerprint[key])))
        yield Padding(grid, (0, 0, 0, 2))


def _value(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
