"""One side of a comparison: a run, or repeats of one, as one set of cases."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from convbench.clock.samples import KERNEL, Samples
from convbench.comparing.tables import busy
from convbench.core.errors import RunError
from convbench.machine.fingerprint import differences
from convbench.runs.record import Header, Record, Run
from convbench.runs.store import HEADER, RECORDS, holds_run, load

_WORST_FIRST: Final = ("failed", "invalid", "skipped", "ok")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side: its name for readers, the header of its first run, and one record a case.

    repeats: of each case its record in each run; the samples of its own are all of them together.
    runs: how many runs were put together. unfinished: how many of them lack cases.
    """

    name: str
    header: Header
    records: tuple[Record, ...]
    repeats: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    runs: int = 1
    unfinished: int = 0

    def samples(self, record: Record) -> tuple[tuple[Samples, ...], ...]:
        """Return the samples that the times of one of its records rest on, by run.

        They are of the kernels where those of the record are.
        """
        return tuple(
            () if busy(one) else one.also.get(KERNEL, ()) if record.kernels_alone else one.samples
            for one in self.repeats.get(record.case, (record,))
        )


def load_side(path: Path) -> Side:
    """Read a run folder, or a folder of run folders that are repeats of one another.

    Raises:
        RunError: no run, one that cannot be read, or runs that are no repeats of one another: made
            by other commands, in other environments, of another commit, or counting differently.

    """
    if not os.path.isdir(path) or holds_run(path):  # noqa: PTH112  no error for what is no path
        return side(str(path), [load(path)])
    found = sorted(item for item in path.iterdir() if _looks_like_a_run(item))
    if not found:
        load(path)  # says what a run folder is, and what to give
    return side(str(path), [load(item) for item in found])


def _looks_like_a_run(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in (HEADER, RECORDS))


def side(name: str, runs: Sequence[Run]) -> Side:
    """Put repeats of a run together; RunError where they are no repeats."""
    first = runs[0]
    sessions: set[str] = set()
    for run in runs:
        if why := _no_repeat(first.header, run.header):
            raise RunError(
                f"{name} holds runs that are no repeats of one another ({why}): keep them in two "
                "folders, and compare these."
            )
        own = {samples.session for record in run.records for samples in record.samples}
        if own & sessions:
            raise RunError(
                f"{name} holds the same run twice: a copy adds no measurement; keep one of them."
            )
        sessions |= own
    records: dict[str, Record] = {}
    repeats: dict[str, tuple[Record, ...]] = {}
    for run in runs:
        for record in run.records:
            known = records.get(record.case)
            records[record.case] = record if known is None else _together(name, known, record)
            repeats[record.case] = (*repeats.get(record.case, ()), record)
    return Side(
        name=name,
        header=first.header,
        records=tuple(records.values()),
        repeats=repeats,
        runs=len(runs),
        unfinished=sum(not run.finished for run in runs),
    )


def _no_repeat(first: Header, other: Header) -> str:
    """Return why a run is no repeat of another; empty where it is."""
    unlike = differences(first.fingerprint, other.fingerprint)
    commits = [header.fingerprint.get("git_commit") for header in (first, other)]
    if commits[0] != commits[1]:
        unlike.append(f"git_commit was {commits[0]!r} and is {commits[1]!r}")
    if first.command != other.command:
        unlike.append(f"one was made by {first.command!r}, another by {other.command!r}")
    return "; ".join(unlike)


def _together(name: str, first: Record, second: Record) -> Record:
    """Return the record of a case of two repeats; without one that a busy machine made invalid."""
    flags = tuple(dict.fromkeys((*first.flags, *second.flags)))
    unmeasured = [busy(record) for record in (first, second)]
    if any(unmeasured):
        return replace(second if unmeasured[0] else first, flags=flags)
    counted = [(record.cost, record.tallies) for record in (first, second)]
    if first.status == second.status == "ok" and counted[0] != counted[1]:
        raise RunError(
            f"{name}: two of its runs count {first.case} differently, so they are no repeats of "
            "one run; compare them with one another."
        )
    worse = min((first, second), key=lambda record: _WORST_FIRST.index(record.status))
    names = dict.fromkeys((*first.also, *second.also))
    also = {name: (*first.also.get(name, ()), *second.also.get(name, ())) for name in names}
    return replace(worse, samples=(*first.samples, *second.samples), also=also, flags=flags)
