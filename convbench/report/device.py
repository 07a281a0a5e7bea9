"""What a GPU did while it was timed: rates, clocks, power and slowdowns of every row."""

from __future__ import annotations

from statistics import median_low
from typing import TYPE_CHECKING, Final

from convbench.core import text as show
from convbench.machine.rules import CLOCK_MOVES
from convbench.report.document import Column, Table
from convbench.report.groups import timed_rows
from convbench.runs.columns import COLUMNS
from convbench.runs.columns_device import OF_THE_DEVICE, on_a_gpu, under_load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.core.serialization import Scalar
    from convbench.report.groups import Group
    from convbench.runs.frame import Row
    from convbench.runs.record import Run

_COLUMNS: Final = {
    "flops_per_second": "rate",
    "share_of_peak": "of the peak",
    "bytes_per_second": "bytes",
    "held_by": "held by",
    "share_of_bandwidth": "of its bandwidth",
    "tensor_cores": "tensor cores",
    "sm_clock_mhz": "SM clock (MHz)",
    "memory_clock_mhz": "memory clock (MHz)",
    "power_watts": "power (W)",
    "temperature_c": "°C",
    "slowed_by": "slowed by",
}
_IDLE: Final = ("gpu_clock_mhz", "gpu_memory_clock_mhz", "gpu_temperature_c", "gpu_throttled")
"""Facts of a fingerprint that were read before the GPU had anything to do."""


def device_tables(group: Group, caption: str = "") -> tuple[Table, ...]:
    """Return what the GPU did in each case of a group; none of any other device.

    caption: in the place of the one that says what the columns are.
    """
    if not on_a_gpu(row.record for row in group.timed):
        return ()
    columns = {key: {**COLUMNS, **OF_THE_DEVICE}[key] for key in _COLUMNS}
    rows = [
        (row.record.label, *(column.value(row) for column in columns.values()))
        for row in group.timed
    ]
    kept = [
        place for place in range(len(columns) + 1) if any(row[place] is not None for row in rows)
    ]
    shown = (
        Column(name="case", key="label"),
        *(Column(name=_COLUMNS[key], key=key, kind=one.kind) for key, one in columns.items()),
    )
    return (
        Table(
            id="device",
            caption=caption or f"{_caption(group.timed)}{advice(group.timed)}",
            columns=tuple(shown[place] for place in kept),
            rows=tuple(tuple(row[place] for place in kept) for row in rows),
            part=group.label,
            title=group.title,
        ),
    )


def _caption(rows: Sequence[Row]) -> str:
    known = [row.ceiling for row in rows if row.ceiling]
    peak = (
        f"Peak: {show.flops(2 * known[0].multiplications_per_second)} "
        f"({known[0].dtype}, {known[0].peak_of}); memory: {show.rate(known[0].bytes_per_second)}, "
        "both measured. "
        if known
        else ""
    )
    return (
        f"What the GPU did in each case. {peak}Rate: 2 FLOP for each multiplication by formula, "
        "those on padding not counted, so that Winograd and FFT can exceed the peak. Bytes: the "
        "least that an unfused program moves, and the level of memory that holds them. Clocks are "
        "those under load; most drivers average power over a second, in which the cases of a group "
        "take turns."
    )


def advice(rows: Sequence[Row]) -> str:
    """Return what to do where the clock of these rows was not held, as a sentence; or ""."""
    clocks = _clocks(rows, "sm_clock_mhz")
    if not clocks or max(clocks) <= CLOCK_MOVES * min(clocks):
        return ""
    return (
        f" The SM clock went from {min(clocks):,} to {max(clocks):,} MHz: lock one that the card "
        "holds, as root with nvidia-smi -lgc MHZ (undone by nvidia-smi -rgc), and measure again."
    )


def _clocks(rows: Sequence[Row], name: str) -> list[int]:
    return [value for row in rows for one in under_load(row.record) for value in getattr(one, name)]


def facts_under_load(run: Run, every: Sequence[Group]) -> dict[str, Scalar]:
    """Return a run's fingerprint, with clocks and temperature of a GPU as they were under load.

    The fingerprint has those of the idle GPU, and they are shown where no sample tells of others.
    """
    facts = dict(run.header.fingerprint)
    rows = timed_rows(every)
    if not _clocks(rows, "sm_clock_mhz"):
        return facts
    for key in _IDLE:
        facts.pop(key, None)
    named = {
        "gpu_clock_mhz under load": "sm_clock_mhz",
        "gpu_memory_clock_mhz under load": "memory_clock_mhz",
        "gpu_temperature_c under load": "temperature_c",
    }
    for key, name in named.items():
        if told := _clocks(rows, name):
            facts[key] = f"{min(told):,} to {max(told):,}, median {median_low(told):,}"
    return facts
