"""What stands on either side of a comparison: a run, or repeats of one, as one set of cases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convbench.errors import RunError
from convbench.runs.fingerprint import differences
from convbench.runs.store import holds_run, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.runs.record import Header, Record, Run

_WORST_FIRST: Final = ("failed", "invalid", "skipped", "ok")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side: its name for readers, the header of its first run, and one record a case.

    runs: how many runs were put together. unfinished: how many of them lack cases. Samples of a
    record are those of all runs, one entry a process.
    """

    name: str
    header: Header
    records: tuple[Record, ...]
    runs: int = 1
    unfinished: int = 0


def load_side(path: Path) -> Side:
    """Read a run folder, or a folder of run folders that are repeats of one another.

    Raises:
        RunError: no run, one that cannot be read, or repeats that were made in different
            environments or count differently.

    """
    if not path.is_dir() or holds_run(path):
        return side(str(path), [load(path)])
    found = sorted(item for item in path.iterdir() if item.is_dir() and holds_run(item))
    if not found:
        load(path)  # says what a run folder is, and what to give
    return side(str(path), [load(item) for item in found])


def side(name: str, runs: Sequence[Run]) -> Side:
    """Put repeats of a run together; RunError where they are no repeats."""
    first = runs[0]
    for run in runs[1:]:
        unlike = differences(first.header.fingerprint, run.header.fingerprint)
        if unlike:
            raise RunError(
                f"{name} holds runs of different environments ({'; '.join(unlike)}): they are no "
                "repeats of one run; compare them with one another, or keep them in two folders."
            )
    records: dict[str, Record] = {}
    for run in runs:
        for record in run.records:
            known = records.get(record.case)
            records[record.case] = record if known is None else _together(name, known, record)
    return Side(
        name=name,
        header=first.header,
        records=tuple(records.values()),
        runs=len(runs),
        unfinished=sum(not run.finished for run in runs),
    )


def _together(name: str, first: Record, second: Record) -> Record:
    if first.status == second.status == "ok" and first.cost != second.cost:
        raise RunError(
            f"{name}: two of its runs count {first.case} differently, so they are no repeats of "
            "one run; compare them with one another."
        )
    worse = min((first, second), key=lambda record: _WORST_FIRST.index(record.status))
    flags = tuple(dict.fromkeys((*first.flags, *second.flags)))
    return replace(worse, samples=(*first.samples, *second.samples), flags=flags)
