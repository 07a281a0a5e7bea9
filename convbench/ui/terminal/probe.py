"""What `probe` measured, as a page for a terminal: a table for each data type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from convbench.core import text as show
from convbench.core.sources import UNKNOWN
from convbench.machine.ceilings import MEMORY, Ceiling
from convbench.machine.probe import Probe
from convbench.report.device import at_clock
from convbench.report.document import Block, Column, Document, Heading, Paragraph, Table

UNTOLD: Final = (None, UNKNOWN, "none")
_COLUMNS: Final = (
    Column(name="what", key="what"),
    Column(name="at best", key="value"),
    Column(name="of", key="note"),
)
_CONVENTIONS: Final = (
    "1 MAC = 1 multiplication, and the addition that goes with it. Bytes read and bytes written "
    "both count. Every value is the best of many trials, since what disturbs only slows down; a "
    "further probe of this machine keeps what is better. The rate of a cache is that of more bytes "
    "in one copy, so the call itself does not count; private caches are read by one thread and "
    "multiplied by the threads."
)


def page(found: Probe, path: Path) -> Document:
    """Return what is known of the machine now, and where it is kept."""
    named = [str(one) for key in ("cpu", "gpu") if (one := found.machine.get(key)) not in UNTOLD]
    return Document(
        title=f"Peak rates of {show.listing(named) or 'this machine'}",
        blocks=(
            *(block for ceiling in found.ceilings for block in _ceiling(ceiling)),
            Paragraph(text=_CONVENTIONS),
            Paragraph(text=f"Kept in {path}, which runs on this machine use."),
        ),
    )


def _ceiling(ceiling: Ceiling) -> Iterator[Block]:
    of = (
        ceiling.device,
        show.precision(ceiling.dtype, ceiling.device),
        show.on_threads(ceiling.threads, ceiling.device),
    )
    yield Heading(level=2, text=", ".join(filter(None, of)))
    yield Table(id="probe", caption="", columns=_COLUMNS, rows=tuple(_rows(ceiling)))


def _rows(ceiling: Ceiling) -> Iterator[tuple[Any, ...]]:
    yield (
        "multiplications",
        f"{show.count(ceiling.multiplications_per_second)}MAC/s",
        f"{ceiling.peak_of}{at_clock(ceiling)}",
    )
    if ceiling.device != "cpu":
        yield "the same", show.flops(2 * ceiling.multiplications_per_second), "2 FLOP for each MAC"
    for level in ceiling.levels:
        held = (
            "larger than every cache" if level.size is None else f"within {show.size(level.size)}"
        )
        yield level.name, show.rate(level.bytes_per_second), f"a {level.of or 'copy'} {held}"
    memory = next((one for one in ceiling.levels if one.name == MEMORY), None)
    if memory:
        ridge = ceiling.multiplications_per_second / memory.bytes_per_second
        yield "ridge", f"{show.significant(ridge, 3)} MAC/B", "below it, memory limits the speed"
    for what, seconds, of in (
        ("convolution", ceiling.convolution_seconds, "shortest call, 1 multiplication"),
        ("other layer", ceiling.operator_seconds, "shortest call, ReLU of 1 element"),
        ("oneDNN call", ceiling.primitive_seconds, "shortest, beside its kernels and reorders"),
        ("a reorder in it", ceiling.reorder_seconds, "shortest, beside its own time"),
        ("page fault", ceiling.fault_seconds, "first write to a page"),
    ):
        if seconds is not None:
            yield what, show.seconds(seconds), of
    if ceiling.reorder_bytes_per_second is not None:
        rate = show.rate(ceiling.reorder_bytes_per_second)
        yield "reorder", rate, "channels first to channels last"
