"""The columns of a run's frame, each declared once: what it is called, what it holds, and of what.

The frame, the table "cases" of reports, its schema and the documentation read them here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from statistics import median, median_low
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.contamination import contaminated_share, faults_per_call, watched
from convbench.clock.samples import QUANTILE, of_process
from convbench.core import text as show
from convbench.core.costs import Cost
from convbench.core.units import Kind, itemsize
from convbench.counting.agreement import judge
from convbench.counting.tally import Tally

if TYPE_CHECKING:
    from convbench.clock.samples import Samples
    from convbench.core.intervals import Interval, RatioInterval
    from convbench.runs.frame import Row
    from convbench.runs.record import Record

LOW_QUANTILE: Final = {0.25: "lower quartile", 0.5: "median"}.get(
    QUANTILE, f"{show.percent(QUANTILE)} quantile"
)
"""What a process's time of a call is of its rounds, in words."""
TIME: Final = (
    f"the {LOW_QUANTILE} of a process's rounds, since what disturbs only adds time; of several "
    "processes the middle one"
)
"""What the time of a call is, so that each one that is shown was measured."""


@dataclass(frozen=True)
class FrameColumn:
    """A column: a value of each row.

    Attributes:
        name: in the frame, and in files.
        value: what it holds of a row; None where there is nothing.
        kind: of the values.
        note: what it means; empty for a field of a record or of a cost, which say it themselves.

    """

    name: str
    value: Callable[[Row], Any]
    kind: Kind = "text"
    note: str = ""


def bytes_moved(record: Record) -> int | None:
    """Return the least bytes an unfused program moves; None without a cost or a known dtype."""
    size = itemsize(record.dtype)
    return int(record.cost.bytes_moved(size)) if record.cost and size else None


def of_counter(name: str) -> tuple[FrameColumn, FrameColumn]:
    """Return the two columns of a counter: what it reports, and whether it agrees."""

    def macs(row: Row) -> int | None:
        tally = row.record.tallies.get(name)
        return tally.macs if isinstance(tally, Tally) else None

    def agreement(row: Row) -> str | None:
        tally, cost = row.record.tallies.get(name), row.record.cost
        return None if tally is None or cost is None else judge(cost.multiplications, tally).verdict

    note = f"multiply-accumulates that the counter {name} reports"
    verdict = "whether that is the multiplications that were derived, by its convention"
    return (
        FrameColumn(f"macs_{name}", macs, "count", note),
        FrameColumn(f"agreement_{name}", agreement, note=verdict),
    )


def of_backend(key: str) -> FrameColumn:
    """Return the column of something that records say of what ran."""
    return FrameColumn(
        f"ran_{key}", lambda row: row.record.ran.get(key), note="identity of what ran, or a setting"
    )


def _record(name: str, kind: Kind = "text") -> FrameColumn:
    return FrameColumn(name, lambda row: getattr(row.record, name), kind)


COST_NAMES: Final = {
    "reads": "elements_read",
    "writes": "elements_written",
    "peak_live": "peak_live_elements",
}
"""Fields of a cost whose columns are called otherwise."""
_COST_NOTES: Final = {
    "multiplications": "of one forward pass of the whole batch, taps on padding included",
    "multiplications_valid": "the same without taps on padding",
    "elementwise": "operations that are never part of multiplications",
    "activations": "output elements of convolutions and linear layers",
}


def _costs() -> Iterator[FrameColumn]:
    """Yield a column for each field of a cost, and one for the bytes that follow from them."""
    for item in fields(Cost):
        yield _cost(item.name)
        if item.name == "writes":
            note = "the least an unfused program moves"
            yield FrameColumn("bytes_moved", lambda row: bytes_moved(row.record), "bytes", note)


def _cost(field: str) -> FrameColumn:
    def value(row: Row) -> Any:
        found = getattr(row.record.cost, field, None)
        return _joined("×", found) if isinstance(found, tuple) else found

    kind: Kind = "text" if isinstance(getattr(Cost, field), tuple) else "count"
    return FrameColumn(COST_NAMES.get(field, field), value, kind, _COST_NOTES.get(field, ""))


def _joined(mark: str, values: Any) -> str | None:
    return mark.join(map(str, values)) or None


def _samples(
    name: str,
    value: Callable[[tuple[Samples, ...]], Any],
    kind: Kind = "text",
    note: str = "",
) -> FrameColumn:
    """Return a column of what the samples of a case say; None for a case without any."""
    return FrameColumn(
        name, lambda row: value(row.record.samples) if row.record.samples else None, kind, note
    )


def _interval(name: str, what: str, kind: Kind, of: Callable[[Row], Any]) -> list[FrameColumn]:
    """Return the columns of an interval: its value and ends, and what it reaches."""

    def end(which: str) -> Callable[[Row], float | None]:
        def value(row: Row) -> float | None:
            found: Interval | RatioInterval | None = of(row)
            return getattr(found, which) if found and found.usable else None

        return value

    said = f"the interval of {what}"
    return [
        FrameColumn(f"{name}_low", end("low"), kind, f"lower end of {said}"),
        FrameColumn(f"{name}_high", end("high"), kind, f"upper end of {said}"),
        FrameColumn(f"{name}_confidence", end("confidence"), "share", f"what {said} reaches"),
    ]


def _middle(values: list[tuple[float, ...]]) -> float | None:
    """Return the middle process's median of another clock; None where none looked at it."""
    told = [median(several) for several in values if several]
    return median_low(told) if told else None


def _first_call(samples: tuple[Samples, ...]) -> float | None:
    told = [s.first_call for s in samples if s.first_call is not None]
    return median_low(told) if told else None


def _verdict(row: Row) -> str | None:
    if row.time:
        return row.time.verdict
    return "baseline" if row.is_baseline else None


_COUNTS_OF_BASELINE: Final = "divided by those of the case in baseline"

_ALL: Final = (
    *map(_record, ("case", "group", "slot", "kind", "name", "label")),
    FrameColumn(
        "knobs",
        lambda row: json.dumps(row.record.knobs, sort_keys=True, ensure_ascii=False, default=str),
    ),
    FrameColumn("input_shape", lambda row: "×".join(map(str, row.record.input_shape))),
    *map(_record, ("device", "dtype", "layout")),
    _record("threads", "integer"),
    *map(_record, ("mode", "direction", "cache", "allocator", "status")),
    FrameColumn("reason", lambda row: row.record.reason or None),
    FrameColumn("flags", lambda row: _joined("; ", row.flags)),
    _record("baseline"),
    *_costs(),
    FrameColumn(
        "ratio_multiplications", lambda row: row.multiplications, "ratio", _COUNTS_OF_BASELINE
    ),
    FrameColumn("ratio_parameters", lambda row: row.parameters, "ratio", _COUNTS_OF_BASELINE),
    FrameColumn(
        "seconds_median",
        lambda row: row.seconds.value if row.seconds else None,
        "seconds",
        f"of one call: {TIME}",
    ),
    *_interval("seconds", "seconds_median", "seconds", lambda row: row.seconds),
    _samples(
        "seconds_processes",
        lambda samples: " ".join(repr(of_process(s)) for s in samples),
        note="seconds of one call in each process, in the order of session",
    ),
    _samples(
        "seconds_mad",
        lambda samples: median(s.mad for s in samples),
        "seconds",
        "median absolute deviation from the median within a process",
    ),
    _samples(
        "seconds_minimum",
        lambda samples: min(s.minimum for s in samples),
        "seconds",
        "of the round that was disturbed least",
    ),
    _samples("seconds_first_call", _first_call, "seconds", "it pays for what is built once"),
    _samples("processes", len, "integer", "how many timed the case"),
    _samples(
        "rounds",
        lambda samples: sum(len(s.seconds) for s in samples),
        "integer",
        "of all processes",
    ),
    _samples(
        "calls_per_sample",
        lambda samples: round(median(s.block for s in samples)),
        "integer",
        "calls that are timed together",
    ),
    _samples(
        "contaminated_share",
        lambda samples: contaminated_share(samples) if any(map(watched, samples)) else None,
        "share",
        "of the samples, in which something else had a hand",
    ),
    _samples("page_faults_per_call", faults_per_call, "ratio", "minor and major"),
    _samples(
        "pool_bytes",
        lambda samples: samples[0].pool_bytes,
        "bytes",
        "read before every sample, so that caches hold something else; 0 where warm",
    ),
    _samples(
        "session",
        lambda samples: " ".join(s.session for s in samples),
        note="of each process; shared by all cases that were interleaved",
    ),
    _samples(
        "stop_reason",
        lambda samples: _joined("; ", dict.fromkeys(s.stop_reason for s in samples)),
        note="why there are not more rounds",
    ),
    _samples(
        "seconds_host",
        lambda samples: _middle([s.host_seconds for s in samples]),
        "seconds",
        "by the host's clock, the wait for the device included",
    ),
    _samples(
        "seconds_issue",
        lambda samples: _middle([s.issue_seconds for s in samples]),
        "seconds",
        "until the last call of a block had returned: the launching",
    ),
    FrameColumn(
        "seconds_kernel",
        lambda row: _middle([s.seconds for s in row.record.also.get("kernel", ())]),
        "seconds",
        "of the device's kernels alone, replayed from a graph",
    ),
    FrameColumn(
        "ratio_seconds",
        lambda row: row.time.value if row.time else None,
        "ratio",
        "divided by the time of the case in baseline",
    ),
    *_interval("ratio_seconds", "ratio_seconds", "ratio", lambda row: row.time),
    FrameColumn(
        "ratio_seconds_processes",
        lambda row: " ".join(map(repr, row.time.each)) or None if row.time else None,
        note="the same in each process that timed both",
    ),
    FrameColumn("verdict", _verdict, note="faster, slower, same, cannot tell; or baseline"),
    FrameColumn(
        "no_ratio_because",
        lambda row: row.no_time or None,
        note="why ratio_seconds is missing",
    ),
)
COLUMNS: Final = {column.name: column for column in _ALL}
"""The columns that every frame has, by name, in their order.

Counters add macs_ and agreement_ after LAST_OF_COUNTS, backends add ran_ at the end.
"""
LAST_OF_COUNTS: Final = "ratio_parameters"
