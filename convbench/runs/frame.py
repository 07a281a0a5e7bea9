"""What the records of a run say beside their baselines: as typed rows, and as a pandas frame.

Everything here is derived from a run; nothing is measured and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.contamination import told_again
from convbench.clock.estimates import Estimates
from convbench.clock.samples import KERNEL, NO_KERNELS
from convbench.core import text as show
from convbench.core.intervals import Interval, RatioInterval
from convbench.core.once import once
from convbench.core.units import REAL, Kind
from convbench.runs.ceiling_share import ceiling_of
from convbench.runs.columns import COLUMNS, LAST_OF_COUNTS, FrameColumn, of_backend, of_counter
from convbench.runs.columns_gpu import OF_A_GPU, on_a_gpu
from convbench.runs.gap import Gap, gap
from convbench.runs.launching import Launching, clocks, launching
from convbench.runs.roofline import Bound, bound

if TYPE_CHECKING:
    import pandas as pd

    from convbench.clock.samples import Samples
    from convbench.machine.ceilings import Ceiling
    from convbench.runs.record import Record, Run


PARTLY: Final = "kernels partly timed: "
"""How a flag begins of a case whose kernels could not be captured in some processes."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A record, its baseline, and the figures that follow from the two.

    Attributes:
        record: the case.
        baseline: the record that ratios refer to; None where the run has none for this case.
        estimates: what the samples of the case's group say, by case; of those that are timed by
            the same kind of clock.
        clocks: what each clock of a GPU says of the group, see `launching.clocks`.
        ceiling: the measured peak rates of its device; None where none were measured.

    """

    record: Record
    baseline: Record | None
    estimates: Estimates
    clocks: Mapping[str, Estimates] = field(default_factory=dict)
    ceiling: Ceiling | None = None

    @cached_property
    def bound(self) -> Bound | None:
        """What bounds the case on its device; see `roofline.bound`."""
        return bound(self.record, self.ceiling)

    @cached_property
    def gap(self) -> Gap:
        """The time ratio as a product of factors, or why it cannot be told."""
        base = bound(self.baseline, self.ceiling) if self.baseline else None
        both = self.bound, base
        return gap(self.record, self.baseline, self.time, both, self.ceiling, self.no_time)

    @cached_property
    def multiplications(self) -> float | None:
        """Multiplications divided by the baseline's; None where one is unknown."""
        return _quotient("multiplications", self.record, self.baseline)

    @cached_property
    def parameters(self) -> float | None:
        """The same of parameters."""
        return _quotient("parameters", self.record, self.baseline)

    @cached_property
    def seconds(self) -> Interval | None:
        """Time of one call, with its interval; None without one, or where a call took no time."""
        samples = self.record.judged
        some = samples and min(one.minimum for one in samples) > 0
        return self.estimates.time(self.record.case) if some else None

    @cached_property
    def launching(self) -> Launching | None:
        """Its times by all clocks of a GPU; None of any other device."""
        return launching(self.record.case, self.clocks) if self.clocks else None

    @property
    def event_time(self) -> Interval | None:
        """Its time between CUDA events, launching included; None of any other device."""
        return self.launching.events if self.launching else None

    @cached_property
    def event_ratio(self) -> RatioInterval | None:
        """Its event time divided by that of the baseline; None likewise, and for the baseline."""
        events, base = self.clocks.get("events"), self.baseline
        if events is None or base is None or self.is_baseline:
            return None
        both = {self.record.case, base.case} <= events.cases.keys()
        good = self.record.status == base.status == "ok"
        return _made(events, self.record.case, base.case)[0] if both and good else None

    @property
    def time(self) -> RatioInterval | None:
        """Seconds divided by the baseline's, with its interval.

        None for the baseline itself, and where one of the two has no time to believe.
        """
        return self._time[0]

    @property
    def no_time(self) -> str:
        """Why `time` is None, in words; empty for the baseline itself."""
        return self._time[1]

    @cached_property
    def _time(self) -> tuple[RatioInterval | None, str]:
        return _time(self.record, self.baseline, self.estimates)

    @property
    def is_baseline(self) -> bool:
        """Tell whether the record is its own baseline."""
        return self.baseline is self.record

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """What to know of the samples: as stored, and what the processes together show."""
        record = self.record
        stored = [flag for flag in record.flags if not flag.startswith(NO_KERNELS)]
        told = (*told_again(stored, record.judged), *self._of_the_clock(), *self._of_the_type())
        far = self.estimates.disturbed(record.case) if self.seconds else ()
        if not far:
            return told
        seconds = show.listing([show.seconds(one) for one in sorted(far)], _MOST_NAMED)
        of = f"{len(far)} of {show.plural(len(record.judged), 'process', 'processes')}"
        return (*told, f"disturbed: {of} ({seconds})")

    @property
    def kernels_untimed(self) -> str:
        """Why a case of a GPU has event time and no kernel time; empty for any other."""
        if self.launching is None or self.launching.kernel is not None:
            return ""
        return self._untimed or "its times are event times"

    @property
    def _untimed(self) -> str:
        """Why the kernels were not timed in some process, as it is stored."""
        told = (flag for flag in self.record.flags if flag.startswith(NO_KERNELS))
        return next(told, NO_KERNELS).removeprefix(NO_KERNELS)

    def _of_the_type(self) -> tuple[str, ...]:
        """Return what kernels of a GPU multiply in, where it is another type than was asked for."""
        execution, dtype = self.record.execution, self.record.dtype
        found = execution.multiplies_in if execution and self.launching else ""
        if not found or dtype not in _TYPES or dtype in found.split(", "):
            return ()
        return (f"precision: kernels multiply {show.precision(found, self.record.device)}",)

    def _of_the_clock(self) -> tuple[str, ...]:
        """Return what to know of the clock of a GPU: a case is launch-bound, or has event time."""
        found = self.launching
        if found is None:
            return ()
        if why := self.kernels_untimed:
            return (f"{NO_KERNELS}{why}",)
        told = []
        by_kernels, of = len(self.record.also.get(KERNEL, ())), len(self.record.samples)
        if 0 < by_kernels < of:
            why = f" ({self._untimed})" if self._untimed else ""
            told.append(f"{PARTLY}in {by_kernels} of {of} processes{why}")
        if found.kernel is not None and found.bound:
            times = show.seconds(found.kernel.value), show.seconds(found.events.value)
            told.append("launch-bound: {} of kernels in {} a call".format(*times))
        return tuple(told)

    def against(self, other: Row) -> RatioInterval | None:
        """Return the time ratio to another row; None where they have no times that compare."""
        if not self.record.judged or not other.record.judged:
            return None
        return _ratio(self.record, other.record, self.estimates)[0]


@once
def rows(run: Run) -> tuple[Row, ...]:
    """Return one row a record, in the order of the run."""
    cases = run.by_case()
    groups: dict[tuple[str, str], list[Record]] = {}
    judged: dict[tuple[str, str, str], dict[str, tuple[Samples, ...]]] = {}
    for record in run.records:
        if record.judged:
            groups.setdefault((record.group, record.kind), []).append(record)
            judged.setdefault(_key(record), {})[record.case] = record.judged
    known = {key: Estimates(samples) for key, samples in judged.items()}
    by_clock = {key: clocks(records) for key, records in groups.items()}
    empty = Estimates({})
    ceilings = run.header.machine.ceilings
    return tuple(
        Row(
            record=record,
            baseline=cases.get(record.baseline or ""),
            estimates=known.get(_key(record), empty),
            clocks=by_clock.get((record.group, record.kind), {}),
            ceiling=ceiling_of(record, ceilings),
        )
        for record in run.records
    )


def _key(record: Record) -> tuple[str, str, str]:
    """Return what is the same of records whose times are judged together."""
    return record.group, record.kind, record.clock


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
    if not record.judged:
        return None, "not timed"
    if baseline is None:
        return None, "no baseline in the run" if record.baseline else "no baseline"
    if baseline.status != "ok":
        return None, f"the baseline is {baseline.status}"
    if not baseline.judged:
        return None, "the baseline was not timed"
    return _ratio(record, baseline, estimates)


def _ratio(record: Record, base: Record, estimates: Estimates) -> tuple[RatioInterval | None, str]:
    if base.case not in estimates.cases:
        estimates = Estimates({record.case: record.judged, base.case: base.judged})
    return _made(estimates, record.case, base.case)


def _made(estimates: Estimates, case: str, base: str) -> tuple[RatioInterval | None, str]:
    try:
        return estimates.ratio(case, base), ""
    except ValueError as error:  # a time of 0, or rounds that do not pair up: said, not hidden
        return None, str(error)


@once
def counters(run: Run) -> tuple[str, ...]:
    """Return the names of all counters in the run, in the order of their first appearance."""
    return tuple(dict.fromkeys(name for record in run.records for name in record.tallies))


def columns_of(run: Run) -> tuple[FrameColumn, ...]:
    """Return the columns of the run's frame: of every frame, counters, a GPU, backends."""
    columns = list(COLUMNS.values())
    place = list(COLUMNS).index(LAST_OF_COUNTS) + 1
    columns[place:place] = [column for name in counters(run) for column in of_counter(name)]
    if on_a_gpu(run.records):
        columns += OF_A_GPU.values()
    ran = dict.fromkeys(key for record in run.records for key in record.ran)
    return (*columns, *map(of_backend, ran))


def frame(run: Run) -> pd.DataFrame:
    """Return a pandas frame, one row a case, in the order of the run.

    Times are in seconds per call and counts are for one forward pass of the whole batch. The ratio_
    columns divide by the case named in `baseline`; the ends of an interval that spans more than a
    factor of 2 are missing, and _processes has what each process measured. A missing value is
    `<NA>`; columns of numbers have pandas' nullable types, so that a count stays a whole number; a
    column with a count beyond 64 bits holds Python's integers instead.
    """
    import pandas as pd

    columns = columns_of(run)
    values = {column.name: values_of(run, column) for column in columns}
    kinds = {column.name: _pandas_type(column.kind, values[column.name]) for column in columns}
    return pd.DataFrame(values, dtype=object).astype(
        {name: known for name, known in kinds.items() if known}
    )


def values_of(run: Run, column: FrameColumn) -> list[Any]:
    """Return what a column holds of every case; None where there is nothing."""
    found = [column.value(row) for row in rows(run)]
    if column.kind in REAL:  # a whole number of seconds is one too; what is no number is missing
        return [None if one is None or one != one else float(one) for one in found]  # noqa: PLR0124
    return found


def _pandas_type(kind: Kind, values: Iterable[Any]) -> str | None:
    """Return the type of a column of numbers; None for text, and for counts too large."""
    if kind == "text":
        return None
    if kind in REAL:
        return "Float64"
    small = all(abs(value) <= _LARGEST for value in values if value is not None)
    return "Int64" if small else None


_LARGEST: Final = 2**63 - 1
_MOST_NAMED: Final = 3
_TYPES: Final = frozenset({"float32", "tf32", "bfloat16", "float16"})
"""Types of which a GPU's kernels say in their names that they multiply them."""
