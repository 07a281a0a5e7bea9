"""What a GPU did while it was timed: rates, clocks, power and slowdowns of every row."""

from __future__ import annotations

from statistics import median_low
from typing import TYPE_CHECKING, Final

from convbench.core import text as show
from convbench.machine.rules import CLOCK_MOVES
from convbench.report.document import Column, Table
from convbench.report.groups import timed_rows
from convbench.runs.columns import COLUMNS
from convbench.runs.columns_gpu import OF_A_GPU, on_a_gpu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.core.serialization import Scalar
    from convbench.machine.ceilings import Ceiling
    from convbench.report.groups import Group
    from convbench.runs.frame import Row
    from convbench.runs.record import Run

REMARK: Final = "peak_remark"
"""Of the frame, what a share of the peak says of the clock."""
_RATES: Final = {
    "operations_per_second": "rate",
    "share_of_peak": "of the peak",
    "bytes_per_second": "bytes",
    "held_by": "held by",
    "share_of_bandwidth": "of its bandwidth",
    "multiplies_in": "multiplies in",
    REMARK: "clock",
    "rates_unknown_because": "not known",
}
_STATE: Final = {
    "sm_clock_mhz": "SM clock (MHz)",
    "memory_clock_mhz": "memory clock (MHz)",
    "power_watts": "power (W)",
    "temperature_c": "°C",
    "slowed_by": "slowed by",
}
_IDLE: Final = ("gpu_clock_mhz", "gpu_memory_clock_mhz", "gpu_temperature_c", "gpu_throttled")
"""Facts of a fingerprint that were read before the GPU had anything to do."""


def device_tables(group: Group) -> tuple[Table, ...]:
    """Return what the GPU reached in each case of a group, and its state; none of other devices."""
    if not on_a_gpu(row.record for row in group.timed):
        return ()
    return (
        *_table("rates", _RATES, group, group.ranked, _reached(group)),
        *_table("device", _STATE, group, group.timed, f"{_UNDER_LOAD}{advice(group.timed)}"),
    )


def _table(
    name: str, names: dict[str, str], group: Group, rows: Sequence[Row], caption: str
) -> tuple[Table, ...]:
    """Return the columns that tell something of a row; none where no column does."""
    known = {**COLUMNS, **OF_A_GPU}
    values = {key: [known[key].value(row) for row in rows] for key in names}
    told = [key for key in names if any(value is not None for value in values[key])]
    if not told:
        return ()
    labels = [row.record.label for row in rows]
    return (
        Table(
            id=name,
            caption=caption,
            columns=(
                Column(name="case", key="label"),
                *(Column(name=names[key], key=key, kind=known[key].kind) for key in told),
            ),
            rows=tuple(zip(labels, *(values[key] for key in told), strict=True)),
            part=group.label,
            title=group.title if rows is group.timed else group.title_by(group.clock),
        ),
    )


_UNDER_LOAD: Final = (
    "The state of the GPU under load, after the samples of each case. Most drivers average power "
    "over a second, in which the cases of a group take turns."
)


def _reached(group: Group) -> str:
    known = [row.ceiling for row in group.ranked if row.ceiling]
    peak = " Its peak rates were not measured, so there are no shares of them."
    if known:
        made = f"{show.precision(known[0].dtype, known[0].device)}, {known[0].peak_of}"
        peak = (
            f" Peak: {show.flops(2 * known[0].multiplications_per_second)} "
            f"({made}{at_clock(known[0])}); memory: {show.rate(known[0].bytes_per_second)}; both "
            "measured."
        )
    text = f"What each case reached of the GPU, by its {group.clock}.{peak} Rate: 2 FLOP for each "
    if group.rows[0].record.direction != "forward":
        return f"{text}multiplication of the step, forward and backward, as counted; {_FASTER}."
    return (
        f"{text}multiplication by formula; {_FASTER}. Bytes: the least that an unfused program "
        "moves, and the level of memory that holds them."
    )


_FASTER: Final = "those on padding are not counted, and Winograd and FFT can exceed the peak"


def at_clock(ceiling: Ceiling) -> str:
    """Return at which clock a GPU reached its peak, as ", at 1,755 MHz"; "" where untold."""
    return f", at {ceiling.sm_clock_mhz:,} MHz" if ceiling.sm_clock_mhz else ""


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
    return [value for row in rows for one in row.record.judged for value in getattr(one, name)]


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
