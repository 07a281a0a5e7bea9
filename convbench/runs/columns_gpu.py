"""The columns that the frame of a run on a GPU has beside those of every frame."""

from __future__ import annotations

from statistics import median_low
from typing import TYPE_CHECKING, Final

from convbench.clock.contamination import choices
from convbench.clock.nvml import slowdowns
from convbench.clock.samples import EVENT_TIME
from convbench.core import text as show
from convbench.runs.columns import FrameColumn, of_interval
from convbench.runs.launching import CONVENTIONS, LAUNCH_BOUND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from convbench.core.units import Kind
    from convbench.runs.frame import Row
    from convbench.runs.record import Record
    from convbench.runs.roofline import Bound


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


def _reached(name: str, kind: Kind, value: Callable[[Bound], float], note: str) -> FrameColumn:
    """Return the column of something of a case's bound divided by its time of a call."""

    def of_row(row: Row) -> float | None:
        return value(row.bound) / row.seconds.value if row.bound and row.seconds else None

    return FrameColumn(name, kind, of_row, note)


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
        f"{show.percent(LAUNCH_BOUND)} and seconds_issue is at least seconds_kernel; else no",
    ),
    _reached(
        "operations_per_second",
        "flops",
        lambda found: 2 * found.multiplications,
        "floating-point operations: 2 for each multiplication by formula, those on padding not "
        "counted",
    ),
    _reached(
        "bytes_per_second",
        "rate",
        lambda found: found.bytes_moved,
        "bytes_moved by the time of a call",
    ),
    FrameColumn(
        "held_by",
        "text",
        _held_by,
        "the level of memory that holds the bytes of a step; several where steps differ",
    ),
    _reached(
        "share_of_bandwidth",
        "share",
        lambda found: sum(step.moving for step in found.steps),
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
        "kernel_choices",
        "integer",
        _choices,
        "different sets of kernels that libraries chose in the processes; with several, flags name "
        "them, each with its time",
    ),
    FrameColumn(
        "sm_clock_mhz",
        "integer",
        _told("sm_clock_mhz", median_low),
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
