"""Record: one row of a run. Run: the header and all rows. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from convbench.clock.samples import Samples
from convbench.convs.base import Caveat
from convbench.core.costs import Cost
from convbench.core.shown import VIEWS, Shown
from convbench.counting.tally import Tally, Unavailable, tally_from_json
from convbench.runs.upgrading import upgraded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SCHEMA: Final = 5
"""Version of the files on disk. Older ones are read as if they said what was then the only way.

- 1 (0.1.0): the first; one process a run, its samples an object, or null.
- 2 (0.2.0): `samples` is a list, one entry a process; `also` has other clocks; records name mode,
  direction, cache and allocator (eager, forward, warm and the system's before); the header has
  `machine`, what the machine said of itself before the run.
- 3 (0.2.0): kind "code", for what tests of users time; samples of another tool's clock, which say
  by null or an empty list what it does not tell (first call, warm-up, page faults, …).
- 4 (0.3.0): many processes a case; a line of records.jsonl may be a `More`, what one more process
  adds to a record before it; `samples[].process` may be "forked".
- 5 (0.3.0): `caveat`; before, what a type of convbench's own gives up is taken from the type.
"""
RESUMABLE: Final = 4
"""The first schema whose runs can be gone on with: those before timed in another way."""

Kind = Literal["type", "network", "code"]

Status = Literal["ok", "skipped", "failed", "invalid"]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One case of a run: what it is, and all that was derived, counted and timed.

    Attributes:
        case: identity, unique in a run.
        group: the cases that were interleaved and are compared.
        slot: the slot's label, or the network's input, or the test that timed.
        kind: "type", "network", or "code" for anything else that was timed, see `runs.code`.
        name: of the type or network as it is registered, or of the code.
        label: the name with the knobs that differ from their defaults.
        knobs: all knobs by name, as JSON types.
        caveat: what the type gives up with these knobs, see `convs.base.Caveat`.
        spec: the slot's fields; null for anything but a type.
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
        also: the same by other clocks of the device, by name.
        published: others' figures, by quantity, as (figure as printed, source).
        flags: what to know of the row, as "kind: what was seen".
        ran: identity of what ran (backend, settings in force).

    """

    case: str
    group: str
    slot: str
    kind: Kind
    name: str
    label: str
    knobs: dict[str, Any]
    spec: dict[str, Any] | None
    input_shape: tuple[int, ...]
    device: str
    dtype: str
    layout: str
    threads: int
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

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON types."""
        row = {item.name: getattr(self, item.name) for item in fields(self)}
        row["input_shape"] = list(self.input_shape)
        row["flags"] = list(self.flags)
        row["caveat"] = self.caveat._asdict()
        row["cost"] = self.cost.to_json() if self.cost else None
        row["samples"] = [samples.to_json() for samples in self.samples]
        row["also"] = {
            name: [samples.to_json() for samples in several] for name, several in self.also.items()
        }
        row["tallies"] = {name: tally.to_json() for name, tally in self.tallies.items()}
        row["published"] = {name: list(pair) for name, pair in self.published.items()}
        return row

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Record:
        """Read what `to_json` wrote; ValueError, KeyError or TypeError for anything else."""
        row = upgraded(row)
        words = ("case", "group", "slot", "name", "label", "device", "dtype", "layout", "reason",
                 "mode", "direction", "cache", "allocator")  # fmt: skip
        for name in words:
            if not isinstance(row[name], str):
                raise TypeError(f"{name} is no text")
        if row["status"] not in get_args(Status):
            raise ValueError(f"status {row['status']!r} is not known")
        if row["kind"] not in get_args(Kind):
            raise ValueError(f"kind {row['kind']!r} is not known")
        counts = [tally["macs"] for tally in row["tallies"].values() if "macs" in tally]
        if row["cost"] == {} or not all(isinstance(count, int) for count in counts):
            raise TypeError("a count is no number")
        if not all(isinstance(text, str) for pair in row["published"].values() for text in pair):
            raise TypeError("a published figure is no text")
        caveat = Caveat(**row["caveat"])
        if not isinstance(caveat.text, str) or not isinstance(caveat.less, bool):
            raise TypeError("a caveat is no text with true or false")
        return cls(
            **{
                **row,
                "input_shape": tuple(row["input_shape"]),
                "flags": tuple(row["flags"]),
                "caveat": caveat,
                "cost": Cost.from_json(row["cost"]) if row["cost"] else None,
                "samples": tuple(Samples.from_json(item) for item in row["samples"]),
                "also": {
                    name: tuple(Samples.from_json(item) for item in several)
                    for name, several in row["also"].items()
                },
                "tallies": {k: tally_from_json(v) for k, v in row["tallies"].items()},
                "published": {k: (v[0], v[1]) for k, v in row["published"].items()},
            }
        )

    def failed(self, reason: str) -> Record:
        """Return this record as failed for `reason`."""
        return replace(self, status="failed", reason=reason)


@dataclass(frozen=True, kw_only=True)
class More:
    """What one more process added to a record that is written already: a line of its own.

    Attributes:
        more: the case.
        status: of the record from now on.
        reason: likewise.
        flags: likewise.
        samples: of that process; empty where the case failed in it, and its samples are void.
        also: the same by other clocks.

    """

    more: str
    status: Status
    reason: str
    flags: tuple[str, ...]
    samples: tuple[Samples, ...] = ()
    also: dict[str, tuple[Samples, ...]] = field(default_factory=dict)

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
        )

    def onto(self, record: Record) -> Record:
        """Return the record with this added; a line without samples makes those before it void."""
        record = replace(record, status=self.status, reason=self.reason, flags=self.flags)
        if not self.samples:
            return replace(record, samples=(), also={})
        names = dict.fromkeys((*record.also, *self.also))
        return replace(
            record,
            samples=(*record.samples, *self.samples),
            also={name: (*record.also.get(name, ()), *self.also.get(name, ())) for name in names},
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "more": self.more,
            "status": self.status,
            "reason": self.reason,
            "flags": list(self.flags),
            "samples": [samples.to_json() for samples in self.samples],
            "also": {name: [s.to_json() for s in told] for name, told in self.also.items()},
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> More:
        """Read what `to_json` wrote; ValueError, KeyError or TypeError for anything else."""
        if row["status"] not in get_args(Status):
            raise ValueError(f"status {row['status']!r} is not known")
        for name in ("more", "reason"):
            if not isinstance(row[name], str):
                raise TypeError(f"{name} is no text")
        return cls(
            more=row["more"],
            status=row["status"],
            reason=row["reason"],
            flags=tuple(row["flags"]),
            samples=tuple(Samples.from_json(item) for item in row["samples"]),
            also={
                name: tuple(Samples.from_json(item) for item in told)
                for name, told in row["also"].items()
            },
        )


@dataclass(frozen=True, kw_only=True)
class Header:
    """What holds for a whole run: run.json.

    Attributes:
        schema: version of the files, see `SCHEMA`.
        version: of convbench.
        suite: the suite as it was resolved: name, number of cases, axes, and its text.
        seed: of weights, inputs and order.
        command: how to make it again.
        started: ISO 8601, UTC.
        fingerprint: the environment, see `machine.fingerprint`.
        machine: what the machine said of itself before the run: its A/A test and its ceilings, see
            `runs.machine`; empty where nobody asked.

    """

    schema: int = SCHEMA
    version: str
    suite: dict[str, Any]
    seed: int
    command: str
    started: str
    fingerprint: dict[str, Any]
    machine: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def checked(cls, data: dict[str, Any]) -> Header:
        """Read what `to_json` wrote; TypeError or ValueError for anything else."""
        header = cls(**data)
        for name, kind in (
            ("suite", dict), ("fingerprint", dict), ("machine", dict), ("command", str),
            ("started", str), ("version", str), ("seed", int),
        ):  # fmt: skip
            if not isinstance(getattr(header, name), kind):
                raise TypeError(f"{name} is no {kind.__name__}")
        if not isinstance(header.suite.get("cases"), int):
            raise TypeError("suite.cases is no number")
        return header

    def to_json(self) -> dict[str, Any]:
        """Return the header as JSON types."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Run(Shown, view="runs"):
    """A run as it lies on disk. `torn`: lines of records.jsonl that could not be read."""

    header: Header
    records: tuple[Record, ...]
    path: Path | None = None
    torn: int = 0
    finished: bool = True
    """Whether every planned case has its record."""

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas DataFrame, one row a case, times in seconds; see `runs.frame`."""
        from convbench.runs.frame import frame

        return frame(self)

    def plot(self, name: str, *, group: str | None = None) -> Figure:
        """Return a figure of the run as matplotlib's Figure; nothing is shown and nothing is kept.

        name: "ratio" (time ratio beside multiplication ratio), "scatter" (time against
        multiplications), "curve" (1/N + 1/|K|), "networks", or "roofline" (multiply-accumulates a
        second against those for each byte, under the device's measured ceilings). group: label of
        the group to draw, where a figure is of one; the most telling when left out.
        Raises UnknownNameError for a name or a group, RunError where the run lacks what it needs.
        """
        figure: Figure = VIEWS["plots"]().plot(self, name, group)
        return figure

    def by_case(self) -> dict[str, Record]:
        """Return the records by case."""
        return {record.case: record for record in self.records}
