"""Record: one row of a run. Run: the header and all rows. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypedDict

from convbench.clock.execution import Execution, Seen
from convbench.clock.samples import KERNEL_TIME, Samples, judged, time_title
from convbench.convs.base import Caveat
from convbench.core.costs import Cost
from convbench.core.notebook_views import VIEWS, OneLine, Shown
from convbench.core.serialization import ADDED, SPARSE, Duration, Scalar, Stored, Whole
from convbench.core.spec import ConvSpec
from convbench.core.text import plural
from convbench.counting.tally import Tally, Unavailable
from convbench.machine.ceilings import Ceiling
from convbench.machine.resolution import Resolution
from convbench.runs.training import TrainingStep

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FORMAT: Final = "convbench run"
"""What a header says that it is. Files from before the first release do not say it."""
SCHEMA: Final = 1
"""Version of the files on disk.

- 1 (0.1.0): the first release. A line of records.jsonl is a `Record`, or a `More`: what one more
  process adds to a record before it.
"""

Kind = Literal["type", "network", "code"]

Status = Literal["ok", "skipped", "failed", "invalid"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Record(OneLine, Stored):
    """One case of a run: what it is, and all that was derived, counted and timed.

    Attributes:
        case: identity, unique in a run.
        group: the cases that were interleaved and are compared.
        slot: the slot's label, or the network's input, or the test that timed.
        kind: "type", "network", or "code" for anything else that was timed, see `runs.code`.
        name: of the type or network as it is registered, or of the code.
        label: the name with the knobs that differ from their defaults.
        knobs: all knobs by name; a fraction is text, such as "1/4".
        caveat: what the type gives up with these knobs, see `convs.base.Caveat`.
        spec: the slot; null for anything but a type.
        input_shape: of the input tensor, batch first.
        device: "cpu" or "cuda:<index>".
        dtype: of weights and inputs; "tf32" is float32 computed with TF32.
        layout: "channels_first" or "channels_last".
        threads: of the host.
        mode: "eager", "compile" or "cuda_graph".
        direction: "forward" or "training" (forward and backward).
        cache: what the caches hold, see `clock.caches`.
        allocator: whether freed pages stay mapped, see `clock.processes`.
        baseline: the case of this group that ratios refer to; null where there is none.
        status: ok; skipped (does not fit, with the reason); failed (an error, with its text);
            invalid (measured, and not to be believed).
        reason: why the status is not ok; empty where it is.
        cost: what was derived; null where the type does not fit, and for code.
        tallies: what each counter says, by its name; or why it could not count.
        samples: raw times, one entry a process.
        also: the same by other clocks of the device, by name: "kernel" for a GPU's kernels alone.
        published: others' figures, by quantity, as (figure as printed, source).
        flags: what to know of the row, as "kind: what was seen".
        ran: identity of what ran (backend, settings in force).
        execution: the library calls of one pass; null in files from before it was recorded, and
            where nothing was timed.
        step: what was counted of a training step on a GPU; null for all else.

    """

    case: str
    group: str
    slot: str
    kind: Kind
    name: str
    label: str
    knobs: dict[str, Scalar]
    spec: ConvSpec | None
    input_shape: tuple[Whole, ...]
    device: str
    dtype: str
    layout: str
    threads: Whole
    mode: str = "eager"
    direction: str = "forward"
    cache: str = "warm"
    allocator: str = "kept"
    baseline: str | None = None
    status: Status
    reason: str = ""
    caveat: Caveat = field(default_factory=Caveat)
    cost: Cost | None = None
    tallies: dict[str, Tally | Unavailable] = field(default_factory=dict)
    samples: tuple[Samples, ...] = ()
    also: dict[str, tuple[Samples, ...]] = field(default_factory=dict)
    published: dict[str, tuple[str, str]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    ran: dict[str, str] = field(default_factory=dict)
    execution: Execution | None = field(default=None, metadata=ADDED)
    step: TrainingStep | None = field(default=None, metadata=SPARSE)

    @property
    def in_short(self) -> str:
        """Which case it is, and what became of it."""
        times = plural(len(self.samples), "process", "processes")
        return f"{self.case}: {self.status}, {self.reason or f'timed in {times}'}"

    @cached_property
    def judged(self) -> tuple[Samples, ...]:
        """The samples that its time, ratios and verdict rest on; see `clock.samples.judged`."""
        return judged(self.samples, self.also)

    @cached_property
    def clock(self) -> str:
        """What its time is called, see `clock.samples.time_title`."""
        return time_title(self.judged)

    @property
    def kernels_alone(self) -> bool:
        """Whether that is time of a GPU's kernels, without launching."""
        return self.clock == KERNEL_TIME

    def failed(self, reason: str) -> Record:
        """Return this record as failed for `reason`."""
        return replace(self, status="failed", reason=reason)


@dataclass(frozen=True, kw_only=True)
class More(Stored):
    """What a further process adds to a record that is already written, as a line of its own.

    Attributes:
        more: the case.
        status: status of the record from now on.
        reason: reason of the record from now on.
        flags: flags of the record from now on.
        samples: samples of that process; empty if the case failed in it, which discards all
            samples of the case.
        also: samples of the same rounds by other stopwatches.
        seen: what the calls of a pass took in all processes so far; null where it is unchanged.

    """

    more: str
    status: Status
    reason: str
    flags: tuple[str, ...]
    samples: tuple[Samples, ...]
    also: dict[str, tuple[Samples, ...]]
    seen: Seen | None = field(default=None, metadata=SPARSE)

    @classmethod
    def between(cls, before: Record, now: Record) -> More:
        """Return what makes `now` of `before`."""
        return cls(
            more=now.case,
            status=now.status,
            reason=now.reason,
            flags=now.flags,
            samples=now.samples[len(before.samples) :],
            also={name: told[len(before.also.get(name, ())) :] for name, told in now.also.items()},
            seen=None
            if now.execution is None or now.execution == before.execution
            else now.execution.seen,
        )

    def onto(self, record: Record) -> Record:
        """Return the record with this added; a line without samples makes those before it void."""
        told = {name: getattr(self, name) for name in ("status", "reason", "flags")}
        if not self.samples:
            return replace(record, **told, samples=(), also={})
        names = dict.fromkeys((*record.also, *self.also))
        also = {name: (*record.also.get(name, ()), *self.also.get(name, ())) for name in names}
        execution = record.execution
        if self.seen and execution and len(execution.kernels) == len(self.seen.seconds):
            execution = execution.seen_again(self.seen)
        samples = (*record.samples, *self.samples)
        return replace(record, **told, samples=samples, also=also, execution=execution)


class _Named(TypedDict):
    name: str
    cases: Whole


class Planned(_Named, total=False):
    """What was planned: the suite, and the options of the command.

    Attributes:
        name: name of the suite.
        description: description in the suite.
        cases: number of planned cases; a run with fewer records is not finished.
        only: regular expression that selected the cases; null for all.
        device: "cpu" or "cuda:<index>".
        axes: conditions of every slot: data types, layouts, threads, modes, directions, caches,
            allocators.
        processes: least number of processes of a group, if the command gave it; else see the suite.
        budget: seconds for the whole run.
        text: the whole suite file.

    """

    description: str
    only: str | None
    device: str
    axes: dict[str, list[str | int]]
    processes: Whole | None
    budget: Duration
    text: str


@dataclass(frozen=True, kw_only=True)
class Machine(Stored):
    """What was measured of the machine before the run.

    Attributes:
        failed: why that failed; empty if it did not.
        cache_bytes: size of the last-level cache, of a GPU its L2 cache; null if unknown.
        cache_unknown_because: why not; empty if known, and in files from before it was kept.
        ceilings: peak rates, for each data type and number of threads.
        resolution: result of the A/A test; null if none was made.

    """

    failed: str = ""
    cache_bytes: Whole | None = None
    cache_unknown_because: str = field(default="", metadata=SPARSE)
    ceilings: tuple[Ceiling, ...] = ()
    resolution: Resolution | None = None


@dataclass(frozen=True, kw_only=True)
class Header(Stored):
    """What holds for a whole run: run.json.

    Attributes:
        format: name of the format: "convbench run".
        schema: version of the files, see `SCHEMA`.
        version: version of convbench.
        suite: the suite, with all its defaults.
        seed: seed of weights, inputs and order.
        command: the command that repeats the run.
        started: start time, ISO 8601, UTC.
        fingerprint: the environment, see `machine.fingerprint`; "unknown" for an unknown fact.
        machine: what was measured of the machine before the run.

    """

    format: Literal["convbench run"] = FORMAT
    schema: Literal[1] = SCHEMA
    version: str
    suite: Planned
    seed: Whole
    command: str
    started: str
    fingerprint: dict[str, Scalar]
    machine: Machine = Machine()


@dataclass(frozen=True, kw_only=True, repr=False)
class Run(OneLine, Shown, view="runs"):
    """A run as stored on disk. `torn`: incomplete lines of records.jsonl, which were ignored."""

    header: Header
    records: tuple[Record, ...]
    path: Path | None = None
    torn: int = 0
    finished: bool = True
    """Whether every planned case has its record."""

    @property
    def in_short(self) -> str:
        """The suite, how many cases there are and were timed, and the devices."""
        groups = plural(len({record.group for record in self.records}), "group")
        timed = sum(record.status == "ok" and bool(record.samples) for record in self.records)
        devices = ", ".join(dict.fromkeys(record.device for record in self.records))
        return (
            f"suite {self.header.suite.get('name', 'without a name')}, "
            f"{plural(len(self.records), 'case')} in {groups}, {timed:,} timed"
            f"{f', on {devices}' if devices else ''}{'' if self.finished else ', not finished'}"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas DataFrame, one row a case, times in seconds; see `runs.frame`."""
        from convbench.runs.frame import frame

        return frame(self)

    def plot(self, name: str, *, group: str | None = None) -> Figure:
        """Return a figure of the run, as a matplotlib Figure; it is not shown.

        name: "ratio" (ratios of multiplications and of times), "scatter" (time against
        multiplications), "curve" (1/N + 1/|K|), "networks", "roofline" (multiply-accumulates a
        second against those for each byte, with the measured peak rates of the device), or
        "waterfall" (from the ratio of multiplications to that of times, by factors). group:
        label of the group to draw; the largest suitable one when left out. Raises UnknownNameError
        for an unknown name or group, RunError if the run lacks the data.
        """
        figure: Figure = VIEWS["plots"]().plot(self, name, group)
        return figure

    def by_case(self) -> dict[str, Record]:
        """Return the records by case."""
        return {record.case: record for record in self.records}
