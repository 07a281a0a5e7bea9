"""The columns that the frame of a run on a GPU has beside those of every frame."""

from __future__ import annotations

from statistics import median_low
from typing import TYPE_CHECKING, Final

from convbench.clock.contamination import choices
from convbench.clock.nvml import slowdowns
from convbench.clock.samples import EVENT_TIME
from convbench.core import text as show
from convbench.runs.ceiling_share import ANOTHER_CLOCK, another_clock, load_clock
from convbench.runs.columns import FrameColumn, bytes_moved, multiplied, of_interval
from convbench.runs.launching import CONVENTIONS, LAUNCH_BOUND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from convbench.core.units import Kind
    from convbench.runs.frame import Row
    from convbench.runs.record import Record


def _clock(row: Row) -> str | None:
    return row.record.clock if row.record.judged else None


def _bound(row: Row) -> str | None:
    found = row.launching.bound if row.launching else None
    return None if found is None else ("yes" if found else "no")


def _tensor_cores(row: Row) -> str | None:
    return row.record.execution.tensor_cores or None if row.record.execution else None


def _choices(row: Row) -> int | None:
    return len(choices(row.record.samples)) or None


def _told(name: str, of: Callable[[list[int]], float]) -> Callable[[Row], float | None]:
    """Return what gives a value of all samples of a row; None where none tells."""

    def value(row: Row) -> float | None:
        told = [one for samples in row.record.judged for one in getattr(samples, name)]
        return of(told) if told else None

    return value


def _slowed(row: Row) -> str | None:
    """Return why the device was slowed down, each with the share of the samples; None if untold."""
    told = [bits for samples in row.record.judged for bits in samples.throttle_reasons]
    if not told:
        return None
    words = [word for bits in told for word in slowdowns(bits)]
    shares = [
        f"{word} ({show.percent(words.count(word) / len(told))})" for word in sorted({*words})
    ]
    return ", ".join(shares) or "nothing"


def _rate(name: str, kind: Kind, value: Callable[[Record], int | None], note: str) -> FrameColumn:
    """Return the column of something of a call divided by its time; it needs no peak rate."""

    def of_row(row: Row) -> float | None:
        amount = value(row.record)
        return None if amount is None or not row.seconds else amount / row.seconds.value

    return FrameColumn(name, kind, of_row, note)


def _operations(record: Record) -> int | None:
    made = multiplied(record)
    return None if made is None else 2 * made


def _moved(record: Record) -> int | None:
    return bytes_moved(record) if record.direction == "forward" else None


def _no_rate(row: Row) -> str | None:
    """Return why a training step lacks a rate; None for all else."""
    record = row.record
    if record.direction == "forward" or not row.seconds:
        return None
    untold = "bytes: what a backward pass moves is not derived"
    if record.step is None:
        return f"operations: the run did not count the backward pass; {untold}"
    why = f"operations: the step could not be counted ({record.step.reason}); "
    return f"{why if record.step.reason else ''}{untold}"


def _share_of_bandwidth(row: Row) -> float | None:
    if not row.bound or not row.seconds:
        return None
    return sum(step.moving for step in row.bound.steps) / row.seconds.value


def _held_by(row: Row) -> str | None:
    levels = dict.fromkeys(step.held_by for step in row.bound.steps) if row.bound else ()
    return ", ".join(levels) or None


_OVER_ALL: Final = "middle of all samples"
_ALL: Final = (
    FrameColumn(
        "clock",
        "text",
        _clock,
        "; ".join(f"{name}: {what}" for name, what in CONVENTIONS.items())
        + "; seconds_median, its ratio and its verdict are of it",
    ),
    *of_interval(
        "seconds_events", "seconds", "seconds_events", "event_time", CONVENTIONS[EVENT_TIME]
    ),
    *of_interval(
        "ratio_seconds_events",
        "ratio",
        "ratio_seconds_events",
        "event_ratio",
        "seconds_events divided by that of the case in baseline",
    ),
    FrameColumn(
        "launch_share",
        "share",
        lambda row: row.launching.share if row.launching else None,
        "of seconds_events, in which no kernel runs: 1 - seconds_kernel ÷ seconds_events",
    ),
    FrameColumn(
        "launch_bound",
        "text",
        _bound,
        f"yes where seconds_events exceeds seconds_kernel by more than "
        f"{show.percent(LAUNCH_BOUND)} and seconds_issue is at least seconds_kernel; else no; "
        "missing where one of these times is and decides it",
    ),
    _rate(
        "operations_per_second",
        "flops",
        _operations,
        "floating-point operations by the time of a call: 2 for each multiplication by formula, "
        "of a training step as counted, forward and backward; those on padding not counted",
    ),
    _rate("bytes_per_second", "rate", _moved, "bytes_moved by the time of a call"),
    FrameColumn(
        "rates_unknown_because",
        "text",
        _no_rate,
        "why a training step lacks operations_per_second or bytes_per_second",
    ),
    FrameColumn(
        "peak_sm_clock_mhz",
        "integer",
        lambda row: row.ceiling.sm_clock_mhz if row.ceiling else None,
        "clock of the multiprocessors at which the peak rate of share_of_peak was measured, in MHz",
    ),
    FrameColumn(
        "peak_remark",
        "text",
        lambda row: another_clock(row.record, row.ceiling) or None,
        f"that sm_clock_mhz differs from it by more than {show.percent(ANOTHER_CLOCK - 1)}, which "
        "share_of_peak follows",
    ),
    FrameColumn(
        "held_by",
        "text",
        _held_by,
        "the level of memory that holds the bytes of a step; several where steps differ",
    ),
    FrameColumn(
        "share_of_bandwidth",
        "share",
        _share_of_bandwidth,
        "of the measured bandwidth of held_by, each step by its own",
    ),
    FrameColumn(
        "tensor_cores",
        "text",
        _tensor_cores,
        "whether the kernels of a pass multiply on tensor cores: yes, no, or how many of those "
        "whose names say it",
    ),
    FrameColumn(
        "multiplies_in",
        "text",
        lambda row: row.record.execution.multiplies_in or None if row.record.execution else None,
        "types of the numbers that the kernels of a pass multiply, of those whose names say it",
    ),
    FrameColumn(
        "kernel_choices",
        "integer",
        _choices,
        "different sets of kernels that libraries chose in the processes; with several, flags name "
        "them, each with its time",
    ),
    FrameColumn(
        "sm_clock_mhz",
        "integer",
        lambda row: load_clock(row.record),
        f"clock of the multiprocessors under load, in MHz: {_OVER_ALL}",
    ),
    FrameColumn(
        "memory_clock_mhz",
        "integer",
        _told("memory_clock_mhz", median_low),
        f"clock of the memory under load, in MHz: {_OVER_ALL}",
    ),
    FrameColumn(
        "power_watts",
        "integer",
        _told("power_mw", lambda told: round(median_low(told) / 1000)),
        f"power of the card in W: {_OVER_ALL}; most drivers average it over a second, in which the "
        "cases of a group take turns",
    ),
    FrameColumn("temperature_c", "integer", _told("temperature_c", max), "in °C: the highest"),
    FrameColumn(
        "slowed_by",
        "text",
        _slowed,
        "why the driver held the clock down, each with the share of the samples; or nothing",
    ),
)
OF_A_GPU: Final[dict[str, FrameColumn]] = {column.name: column for column in _ALL}
"""By name, in their order."""


def on_a_gpu(records: Iterable[Record]) -> bool:
    """Tell whether one of the records is of a GPU."""
    return any(record.device.startswith("cuda") for record in records)
