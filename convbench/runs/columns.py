"""The columns of a run's frame, each declared once: what it is called, what it holds, and of what.

The frame, the table "cases" of reports, its schema and the documentation read them here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import starmap
from statistics import median, median_low
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.contamination import contaminated_share, faults_per_call, watched
from convbench.clock.observing import SHORT
from convbench.clock.samples import KERNEL, QUANTILE, low_quantile, of_process
from convbench.core import text as show
from convbench.core.costs import SHOWN, Described
from convbench.core.units import Kind, itemsize
from convbench.counting.agreement import judge
from convbench.machine.ceilings import MEMORY
from convbench.runs.gap import FACTORS

if TYPE_CHECKING:
    from convbench.clock.execution import Execution
    from convbench.clock.samples import Samples
    from convbench.core.intervals import Interval, RatioInterval
    from convbench.runs.frame import Row
    from convbench.runs.gap import Title
    from convbench.runs.record import Record
    from convbench.runs.roofline import Bound

LOW_QUANTILE: Final = {0.25: "lower quartile", 0.5: "median"}.get(
    QUANTILE, f"{show.percent(QUANTILE)} quantile"
)
"""What a process's time of a call is of its rounds, in words."""
TIME: Final = (
    f"the {LOW_QUANTILE} of a process's rounds, since what disturbs only adds time; of several "
    "processes the middle one"
)
"""What the time of a call is, so that each one that is shown was measured."""


OBSERVED: Final = (
    "median of a few passes after the timing of the first process; of calls up to "
    f"{show.seconds(SHORT)} of every process, and the median of these"
)
"""What the times of library calls are; they have no interval."""


@dataclass(frozen=True)
class FrameColumn:
    """A column: a value of each row.

    Attributes:
        name: in the frame, and in files.
        kind: of the values.
        value: what it holds of a row; None where there is nothing.
        note: what it means; empty for a field of a record, which says it itself.

    """

    name: str
    kind: Kind
    value: Callable[[Row], Any]
    note: str = ""


def bytes_moved(record: Record) -> int | None:
    """Return the least bytes an unfused program moves; None without a cost or a known dtype."""
    size = itemsize(record.dtype)
    return int(record.cost.bytes_moved(size)) if record.cost and size else None


def multiplied(record: Record) -> int | None:
    """Return the multiplications of one call, those on padding not counted; None if not known.

    Of a training step they are as counted, which is done on a GPU alone.
    """
    if record.direction != "forward":
        return record.step.multiplications if record.step and not record.step.reason else None
    return int(record.cost.multiplications_valid) if record.cost else None


def of_counter(name: str) -> tuple[FrameColumn, FrameColumn]:
    """Return the two columns of a counter: what it reports, and whether it agrees."""

    def agreement(row: Row) -> str | None:
        tally, cost = row.record.tallies.get(name), row.record.cost
        return None if tally is None or cost is None else judge(cost.multiplications, tally).verdict

    return (
        FrameColumn(
            f"macs_{name}",
            "count",
            lambda row: getattr(row.record.tallies.get(name), "macs", None),
            f"multiply-accumulates that the counter {name} reports",
        ),
        FrameColumn(f"agreement_{name}", "text", agreement, "of that count with the derived one"),
    )


def of_backend(key: str) -> FrameColumn:
    """Return the column of something that records say of what ran."""
    note = "identity of what ran, or a setting"
    return FrameColumn(f"ran_{key}", "text", lambda row: row.record.ran.get(key), note)


def _ran(name: str, kind: Kind, value: Callable[[Execution], Any], note: str) -> FrameColumn:
    """Return a column of the observed passes; None where what ran is not known."""

    def of_row(row: Row) -> Any:
        found = row.record.execution
        return None if found is None or found.reason else value(found)

    return FrameColumn(name, kind, of_row, note)


def _record(name: str, kind: Kind = "text") -> FrameColumn:
    return FrameColumn(name, kind, lambda row: getattr(row.record, name))


def derived(record: Record) -> dict[str, Any]:
    """Return what a record's cost says, by the names of the columns; None where it has no cost."""
    return {told.column or name: _derived(record, name) for name, told in SHOWN.items()}


def _derived(record: Record, name: str) -> Any:
    return bytes_moved(record) if name == "bytes_moved" else getattr(record.cost, name, None)


def _cost(name: str, described: Described) -> FrameColumn:
    def value(row: Row) -> Any:
        found = _derived(row.record, name)
        return _joined("×", found) if isinstance(found, tuple) else found

    kind: Kind = "text" if described.kind == "axes" else described.kind
    return FrameColumn(described.column or name, kind, value, described.note)


def _joined(mark: str, values: Any) -> str | None:
    return mark.join(map(str, values)) or None


def _samples(
    name: str, kind: Kind, value: Callable[[tuple[Samples, ...]], Any], note: str
) -> FrameColumn:
    """Return a column of what the samples say that a time rests on; None where there are none."""

    def of_row(row: Row) -> Any:
        return value(row.record.judged) if row.record.judged else None

    return FrameColumn(name, kind, of_row, note)


def _launched(
    name: str, kind: Kind, value: Callable[[tuple[Samples, ...]], Any], note: str
) -> FrameColumn:
    """Return the same of the calls as they were made one by one, which a GPU's kernels are not."""

    def of_row(row: Row) -> Any:
        return value(row.record.samples) if row.record.samples else None

    return FrameColumn(name, kind, of_row, note)


def of_interval(name: str, kind: Kind, first: str, of: str, note: str) -> list[FrameColumn]:
    """Return the columns of an interval: its value, its ends, and what it reaches."""

    def part(which: str, *, always: bool = False) -> Callable[[Row], float | None]:
        def value(row: Row) -> float | None:
            found: Interval | RatioInterval | None = getattr(row, of)
            return getattr(found, which) if found and (always or found.usable) else None

        return value

    said = f"the interval of {first}"
    return [
        FrameColumn(first, kind, part("value", always=True), note),
        FrameColumn(f"{name}_low", kind, part("low"), f"lower end of {said}"),
        FrameColumn(f"{name}_high", kind, part("high"), f"upper end of {said}"),
        FrameColumn(f"{name}_confidence", "share", part("confidence"), f"what {said} reaches"),
    ]


def _middle(values: Iterable[Sequence[float]]) -> float | None:
    """Return the middle process's lower quartile, as a time has it; None where none was told."""
    told = [low_quantile(several) for several in values if several]
    return median_low(told) if told else None


def _first_call(samples: tuple[Samples, ...]) -> float | None:
    return _middle([s.first_call] for s in samples if s.first_call is not None)


def _contaminated(samples: tuple[Samples, ...]) -> float | None:
    return contaminated_share(samples) if any(map(watched, samples)) else None


def _knobs(row: Row) -> str:
    return json.dumps(row.record.knobs, sort_keys=True, ensure_ascii=False, default=str)


def _verdict(row: Row) -> str | None:
    return row.time.verdict if row.time else ("baseline" if row.is_baseline else None)


def _bound(name: str, kind: Kind, value: Callable[[Bound], Any], note: str) -> FrameColumn:
    """Return a column of what bounds a case; None where that is not known."""
    return FrameColumn(name, kind, lambda row: value(row.bound) if row.bound else None, note)


def _at(level: str) -> FrameColumn:
    """Return the column of the least time of a case if a level of memory held all its bytes."""
    where = "no cache held its bytes" if level == MEMORY else f"{level} held its bytes"
    note = f"the least the measured peak rates allow, if {where}"
    return _bound(f"attainable_{level.lower()}", "seconds", lambda found: found.at(level), note)


def _factor(key: str, title: Title) -> FrameColumn:
    """Return the column of a factor of the time ratio; None where it cannot be told."""

    def value(row: Row) -> float | None:
        return next((one.value for one in row.gap.factors if one.key == key), None)

    note = f"factor of ratio_seconds, divided by that of the baseline: {title.note}"
    return FrameColumn(f"factor_{key}", "ratio", value, note)


def _share_of_peak(row: Row) -> float | None:
    known = row.bound or (row.ceiling and row.record.step)
    made = multiplied(row.record)
    if not known or not row.ceiling or not row.seconds or made is None:
        return None
    return made / row.ceiling.multiplications_per_second / row.seconds.value


LAST_OF_COUNTS: Final = "ratio_parameters"
_OTHERS: Final = "divided by those of the case in baseline"
_ALL: Final = (
    *map(_record, ("case", "group", "slot", "kind", "name", "label")),
    FrameColumn("knobs", "text", _knobs),
    FrameColumn("input_shape", "text", lambda row: "×".join(map(str, row.record.input_shape))),
    *map(_record, ("device", "dtype", "layout")),
    _record("threads", "integer"),
    *map(_record, ("mode", "direction", "cache", "allocator", "status")),
    FrameColumn("reason", "text", lambda row: row.record.reason or None),
    FrameColumn("flags", "text", lambda row: _joined("; ", row.flags)),
    _record("baseline"),
    *starmap(_cost, SHOWN.items()),
    FrameColumn("ratio_multiplications", "ratio", lambda row: row.multiplications, _OTHERS),
    FrameColumn(LAST_OF_COUNTS, "ratio", lambda row: row.parameters, _OTHERS),
    *of_interval("seconds", "seconds", "seconds_median", "seconds", f"of one call: {TIME}"),
    _samples(
        "seconds_processes",
        "text",
        lambda found: _joined(" ", (repr(of_process(s)) for s in found)),
        "seconds of one call in each process, in the order of session",
    ),
    _samples(
        "seconds_mad",
        "seconds",
        lambda found: median(s.mad for s in found),
        "median absolute deviation from the median within a process",
    ),
    _samples(
        "seconds_minimum",
        "seconds",
        lambda found: min(s.minimum for s in found),
        "of the round that was disturbed least",
    ),
    _launched(
        "seconds_first_call",
        "seconds",
        _first_call,
        "it pays for what is built once: libraries, the choice of kernels; not for the process, a "
        "GPU's context, or compiling",
    ),
    _samples("processes", "integer", len, "how many timed the case"),
    _samples("rounds", "integer", lambda found: sum(len(s.seconds) for s in found), "of them all"),
    _samples(
        "calls_per_sample",
        "integer",
        lambda found: round(median(s.block for s in found)),
        "calls that are timed together",
    ),
    _samples(
        "contaminated_share",
        "share",
        _contaminated,
        "of the samples that something else had a hand in",
    ),
    _launched("page_faults_per_call", "ratio", faults_per_call, "minor and major"),
    _samples(
        "pool_bytes",
        "bytes",
        lambda found: found[0].pool_bytes,
        "read before every sample, so that caches hold something else; 0 where warm",
    ),
    _samples(
        "session",
        "text",
        lambda found: _joined(" ", (s.session for s in found)),
        "of each process; shared by all cases that were interleaved",
    ),
    _samples(
        "stop_reason",
        "text",
        lambda found: _joined("; ", dict.fromkeys(s.stop_reason for s in found)),
        "why there are not more rounds",
    ),
    _launched(
        "seconds_host",
        "seconds",
        lambda found: _middle(s.host_seconds for s in found),
        "by the host's clock, the wait for the device included",
    ),
    _launched(
        "seconds_issue",
        "seconds",
        lambda found: _middle(s.issue_seconds for s in found),
        "until the last call of a block had returned: the launching",
    ),
    FrameColumn(
        "seconds_kernel",
        "seconds",
        lambda row: _middle(s.seconds for s in row.record.also.get(KERNEL, ())),
        "of the device's kernels alone, replayed from a graph",
    ),
    *of_interval(
        "ratio_seconds",
        "ratio",
        "ratio_seconds",
        "time",
        "divided by the time of the case in baseline",
    ),
    FrameColumn(
        "ratio_seconds_processes",
        "text",
        lambda row: _joined(" ", map(repr, row.time.each)) if row.time else None,
        "the same in each process that timed both",
    ),
    _ran(
        "implementations",
        "text",
        lambda found: found.words,
        "what took most of a pass beside reorders, most first",
    ),
    _ran("calls", "integer", lambda found: found.calls, "library calls in one pass"),
    _ran(
        "reorders",
        "integer",
        lambda found: found.reorders,
        "calls in one pass that only move data between layouts",
    ),
    _ran(
        "seconds_calls",
        "seconds",
        lambda found: found.kernel_seconds + found.reorder_seconds,
        f"in all these calls: {OBSERVED}",
    ),
    _ran(
        "seconds_reorders",
        "seconds",
        lambda found: found.reorder_seconds,
        f"in the reorders: {OBSERVED}",
    ),
    FrameColumn(
        "calls_unknown_because",
        "text",
        lambda row: row.record.execution.reason or None if row.record.execution else None,
        "why it is not known what ran",
    ),
    _bound(
        "im2col_bytes",
        "bytes",
        lambda found: found.im2col_bytes,
        "what laying out the input as a matrix moves beside bytes_moved, where a kernel does that",
    ),
    _bound(
        "intensity", "ratio", lambda found: found.intensity, "multiplications for each byte moved"
    ),
    _bound(
        "ridge",
        "ratio",
        lambda found: found.ridge,
        "the intensity below which memory limits the speed: the quotient of the peak rates",
    ),
    _bound(
        "attainable_arithmetic",
        "seconds",
        lambda found: found.arithmetic,
        "of all multiplications, without those on padding, at the measured peak rate",
    ),
    *map(_at, ("L1", "L2", "L3", MEMORY)),
    _bound(
        "attainable_calls",
        "seconds",
        lambda found: found.calls,
        "of the shortest calls of a layer, one for each step",
    ),
    _bound(
        "seconds_attainable",
        "seconds",
        lambda found: found.attainable,
        "the least the measured peak rates allow: of each step its largest limit, the memory being "
        "that which holds its bytes",
    ),
    _bound("bound", "text", lambda found: found.binds, "the limit of most of seconds_attainable"),
    FrameColumn(
        "share_of_peak",
        "share",
        _share_of_peak,
        "of the measured peak rate of multiplications, those on padding not counted; more than 1 "
        "where an algorithm multiplies less (Winograd, FFT)",
    ),
    *starmap(_factor, FACTORS.items()),
    FrameColumn(
        "factors_unknown_because",
        "text",
        lambda row: row.gap.reason or None,
        "why the factors of ratio_seconds are missing",
    ),
    FrameColumn("verdict", "text", _verdict, "faster, slower, same, cannot tell; or baseline"),
    FrameColumn(
        "no_ratio_because", "text", lambda row: row.no_time or None, "why ratio_seconds is missing"
    ),
)
COLUMNS: Final = {column.name: column for column in _ALL}
"""The columns that every frame has, by name, in their order.

Counters add macs_ and agreement_ after LAST_OF_COUNTS, backends add ran_ at the end.
"""
LISTED: Final = {told.column or name: told for name, told in SHOWN.items() if told.listed}
"""The columns of what was derived that a report's table of costs has."""
