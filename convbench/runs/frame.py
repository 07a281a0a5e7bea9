"""What the records of a run say beside their baselines: as typed rows, and as a pandas frame.

Everything here is derived from a run; nothing is measured and nothing is written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from statistics import median, median_low
from typing import TYPE_CHECKING, Any

from convbench.clock.contamination import (
    contaminated_share,
    faults_per_call,
    told_again,
    watched,
)
from convbench.clock.estimates import Estimates
from convbench.clock.samples import of_process
from convbench.core import text as show
from convbench.core.costs import FIELDS, SHOWN
from convbench.core.intervals import Interval, RatioInterval
from convbench.core.units import itemsize
from convbench.counting.agreement import judge
from convbench.counting.tally import Tally
from convbench.runs.columns import COLUMNS, kind

if TYPE_CHECKING:
    import pandas as pd

    from convbench.clock.samples import Samples
    from convbench.runs.record import Record, Run


@dataclass(frozen=True, kw_only=True)
class Row:
    """A record, its baseline, and the figures that follow from the two.

    Attributes:
        record: the case.
        baseline: the record that ratios refer to; None where the run has none for this case.
        multiplications: multiplications divided by the baseline's; None where one is unknown.
        parameters: the same of parameters.
        seconds: time of one call, with its interval.
        time: seconds divided by the baseline's, with its interval; None for the baseline itself,
            and where one of the two has no time to believe.
        no_time: why `time` is None, in words; empty for the baseline itself.
        estimates: what the samples of the case's group say, by case.

    """

    record: Record
    baseline: Record | None
    multiplications: float | None
    parameters: float | None
    seconds: Interval | None
    time: RatioInterval | None
    no_time: str
    estimates: Estimates

    @property
    def is_baseline(self) -> bool:
        """Tell whether the record is its own baseline."""
        return self.baseline is self.record

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """What to know of the samples: as stored, and what the processes together show."""
        record = self.record
        told = told_again(record.flags, record.samples)
        far = self.estimates.disturbed(record.case) if self.seconds else ()
        if not far:
            return told
        seconds = show.listing([show.seconds(one) for one in sorted(far)], _MOST_NAMED)
        of = f"{len(far)} of {show.plural(len(record.samples), 'process', 'processes')}"
        return (*told, f"disturbed: {of} ({seconds})")

    def against(self, other: Row) -> RatioInterval | None:
        """Return the time ratio to another row; None where they have no times that compare."""
        if not self.record.samples or not other.record.samples:
            return None
        return _ratio(self.record, other.record, self.estimates)[0]


def rows(run: Run) -> tuple[Row, ...]:
    """Return one row a record, in the order of the run; derived once, and kept with the run."""
    kept: dict[str, tuple[Row, ...]] = vars(run)
    if _ROWS not in kept:
        kept[_ROWS] = _derived(run)
    return kept[_ROWS]


def _derived(run: Run) -> tuple[Row, ...]:
    cases = run.by_case()
    groups: dict[tuple[str, str], dict[str, tuple[Samples, ...]]] = {}
    for record in run.records:
        if record.samples:
            groups.setdefault((record.group, record.kind), {})[record.case] = record.samples
    known = {key: Estimates(samples) for key, samples in groups.items()}
    empty = Estimates({})
    return tuple(
        _row(
            record, cases.get(record.baseline or ""), known.get((record.group, record.kind), empty)
        )
        for record in run.records
    )


def _row(record: Record, baseline: Record | None, estimates: Estimates) -> Row:
    time, no_time = _time(record, baseline, estimates)
    return Row(
        record=record,
        baseline=baseline,
        multiplications=_quotient("multiplications", record, baseline),
        parameters=_quotient("parameters", record, baseline),
        seconds=_seconds(record, estimates),
        time=time,
        no_time=no_time,
        estimates=estimates,
    )


def _seconds(record: Record, estimates: Estimates) -> Interval | None:
    """Return the time of a call; None without samples, or where one took no time at all."""
    some = record.samples and min(samples.minimum for samples in record.samples) > 0
    return estimates.time(record.case) if some else None


def _quotient(name: str, record: Record, baseline: Record | None) -> float | None:
    if baseline is None or record.cost is None or baseline.cost is None:
        return None
    below = getattr(baseline.cost, name)
    return float(getattr(record.cost, name) / below) if below else None


def _time(  # noqa: PLR0911  (one line for each reason that there is no ratio)
    record: Record, baseline: Record | None, estimates: Estimates
) -> tuple[RatioInterval | None, str]:
    if baseline is record:
        return None, ""
    if record.status != "ok":
        return None, f"the case is {record.status}"
    if not record.samples:
        return None, "not timed"
    if baseline is None:
        return None, "no baseline in the run" if record.baseline else "no baseline"
    if baseline.status != "ok":
        return None, f"the baseline is {baseline.status}"
    if not baseline.samples:
        return None, "the baseline was not timed"
    return _ratio(record, baseline, estimates)


def _ratio(record: Record, base: Record, estimates: Estimates) -> tuple[RatioInterval | None, str]:
    if base.case not in estimates.cases:
        estimates = Estimates({record.case: record.samples, base.case: base.samples})
    try:
        return estimates.ratio(record.case, base.case), ""
    except ValueError as error:  # a time of 0, or rounds that do not pair up: said, not hidden
        return None, str(error)


def bytes_moved(record: Record) -> int | None:
    """Return the least bytes an unfused program moves; None without a cost or a known dtype."""
    size = itemsize(record.dtype)
    return int(record.cost.bytes_moved(size)) if record.cost and size else None


def counters(run: Run) -> tuple[str, ...]:
    """Return the names of all counters in the run, in the order of their first appearance."""
    return tuple(dict.fromkeys(name for record in run.records for name in record.tallies))


def frame(run: Run) -> pd.DataFrame:
    """Return a pandas frame, one row a case, in the order of the run.

    Times are in seconds per call and counts are for one forward pass of the whole batch. The ratio_
    columns divide by the case named in `baseline`; the ends of an interval that spans more than a
    factor of 2 are missing, and _processes has what each process measured. A missing value is
    `<NA>`; columns of numbers
    have pandas' nullable types, so that a count stays a whole number; a column with a count beyond
    64 bits holds Python's integers instead.
    """
    import pandas as pd

    names = counters(run)
    ran = tuple(dict.fromkeys(key for record in run.records for key in record.ran))
    records = [_flat(row, names, ran) for row in rows(run)]
    columns = list(records[0]) if records else list(COLUMNS)
    table = pd.DataFrame(records, columns=columns, dtype=object)
    kinds = {name: kind(name, (row[name] for row in records)) for name in columns}
    return table.astype({name: found for name, found in kinds.items() if found})


def _flat(row: Row, names: tuple[str, ...], ran: tuple[str, ...]) -> dict[str, Any]:
    record = row.record
    return {
        **_identity(row),
        **_counts(row),
        **_tallies(record, names),
        **times(row),
        **{f"ran_{key}": record.ran.get(key) for key in ran},
    }


def _identity(row: Row) -> dict[str, Any]:
    record = row.record
    return {
        "case": record.case,
        "group": record.group,
        "slot": record.slot,
        "kind": record.kind,
        "name": record.name,
        "label": record.label,
        "knobs": json.dumps(record.knobs, sort_keys=True, ensure_ascii=False, default=str),
        "input_shape": "×".join(map(str, record.input_shape)),
        "device": record.device,
        "dtype": record.dtype,
        "layout": record.layout,
        "threads": record.threads,
        "mode": record.mode,
        "direction": record.direction,
        "cache": record.cache,
        "allocator": record.allocator,
        "status": record.status,
        "reason": record.reason or None,
        "flags": "; ".join(row.flags) or None,
        "baseline": record.baseline,
    }


def derived(record: Record) -> dict[str, Any]:
    """Return what a record's cost says, by the names of the columns; None where it has no cost."""
    found = {name: getattr(record.cost, name, None) for name in FIELDS}
    found["bytes_moved"] = bytes_moved(record)
    return {described.column or name: found[name] for name, described in SHOWN.items()}


def _counts(row: Row) -> dict[str, Any]:
    return {
        **{
            name: "×".join(map(str, value)) or None if isinstance(value, tuple) else value
            for name, value in derived(row.record).items()
        },
        "ratio_multiplications": row.multiplications,
        "ratio_parameters": row.parameters,
    }


def _tallies(record: Record, names: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in names:
        tally = record.tallies.get(name)
        values[f"macs_{name}"] = tally.macs if isinstance(tally, Tally) else None
        values[f"agreement_{name}"] = (
            judge(record.cost.multiplications, tally).verdict
            if tally is not None and record.cost
            else None
        )
    return values


def times(row: Row) -> dict[str, Any]:
    """Return what a row says of time, by the names of the frame's columns."""
    samples, seconds, time = row.record.samples, row.seconds, row.time
    around = seconds if seconds and seconds.usable else None
    ends = time if time and time.usable else None
    first_calls = [s.first_call for s in samples if s.first_call is not None]
    return {
        "seconds_median": seconds.value if seconds else None,
        "seconds_low": around.low if around else None,
        "seconds_high": around.high if around else None,
        "seconds_confidence": around.confidence if around else None,
        "seconds_processes": " ".join(repr(of_process(s)) for s in samples) or None,
        "seconds_mad": median(s.mad for s in samples) if samples else None,
        "seconds_minimum": min((s.minimum for s in samples), default=None),
        "seconds_first_call": median_low(first_calls) if first_calls else None,
        "processes": len(samples) or None,
        "rounds": sum(len(s.seconds) for s in samples) or None,
        "calls_per_sample": round(median(s.block for s in samples)) if samples else None,
        "contaminated_share": contaminated_share(samples) if any(map(watched, samples)) else None,
        "page_faults_per_call": faults_per_call(samples),
        "pool_bytes": samples[0].pool_bytes if samples else None,
        "session": " ".join(s.session for s in samples) or None,
        "stop_reason": "; ".join(dict.fromkeys(s.stop_reason for s in samples)) or None,
        **_other_clocks(row.record),
        "ratio_seconds": time.value if time else None,
        "ratio_seconds_low": ends.low if ends else None,
        "ratio_seconds_high": ends.high if ends else None,
        "ratio_seconds_confidence": ends.confidence if ends else None,
        "ratio_seconds_processes": " ".join(map(repr, time.each)) or None if time else None,
        "verdict": time.verdict if time else ("baseline" if row.is_baseline else None),
        "no_ratio_because": row.no_time or None,
    }


def _other_clocks(record: Record) -> dict[str, float | None]:
    """Return the times by the other clocks of a device: the host's, launching, kernels alone."""

    def middle(values: list[tuple[float, ...]]) -> float | None:
        told = [median(several) for several in values if several]
        return median_low(told) if told else None

    return {
        "seconds_host": middle([s.host_seconds for s in record.samples]),
        "seconds_issue": middle([s.issue_seconds for s in record.samples]),
        "seconds_kernel": middle([s.seconds for s in record.also.get("kernel", ())]),
    }


_MOST_NAMED = 3
_ROWS = "rows"
