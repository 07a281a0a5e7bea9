"""All run folders at or below a folder, oldest first; what cannot be read is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from convbench.core.errors import RunError
from convbench.runs.record import Run
from convbench.runs.store import HEADER, RECORDS, load

_MOST_NAMED: Final = 5


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A run, its start, and its folder relative to the one that was searched."""

    place: str
    run: Run
    started: datetime


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A folder that looks like a run, and why it is not among the runs."""

    place: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Finds:
    """Runs by the time they were started, then by place; and what looks like one and is none."""

    runs: tuple[Entry, ...]
    unread: tuple[Unread, ...]


def find_runs(root: Path) -> Finds:
    """Find every run at or below a folder.

    Links to folders are followed, each folder once, and two levels down. A folder with a header or
    with records looks like a run. A copy of a run is named as one and left out: it is no second
    measurement.

    Raises:
        RunError: there is no such folder, or no run that can be read at or below it.

    """
    if not os.path.isdir(root):  # noqa: PTH112  no error for what is no path
        what = "is a file" if os.path.isfile(root) else "does not exist"  # noqa: PTH113
        raise RunError(
            f"{root!s:.200} {what}: give a folder with run folders in it, such as reports."
        )
    entries: list[Entry] = []
    unread: list[Unread] = []
    for path, files, error in _folders(root):
        place = path.relative_to(root).as_posix()
        if error is not None:
            unread.append(Unread(place=place, why=f"cannot be entered: {error.strerror or error}"))
        elif any(name in files for name in (HEADER, RECORDS)):
            try:
                entries.append(_read(path, place))
            except RunError as why:
                said = str(why).replace(f"{root}{os.sep}", "")
                unread.append(Unread(place=place, why=said))
    entries.sort(key=lambda entry: (entry.started, entry.place))
    single, copies = _without_copies(entries)
    if not single:
        raise RunError(_nothing(root, unread))
    unread += copies
    return Finds(runs=tuple(single), unread=tuple(sorted(unread, key=lambda item: item.place)))


def _folders(root: Path) -> Iterator[tuple[Path, list[str], OSError | None]]:
    """Yield every folder once with its files, links in circles or not; and what has no entry.

    Of what a link leads to, the folder and two levels below, and no more: it may be a whole disk.
    """
    errors: list[OSError] = []
    seen: set[tuple[int, int]] = set()
    linked: list[Path] = []
    for name, inner, files in os.walk(root, onerror=errors.append):
        path = Path(name)
        linked += [path / item for item in inner if (path / item).is_symlink()]
        inner.sort()
        if _new(path, seen):
            yield path, files, None
    for link in sorted(linked):
        for path in (link, *_folders_in(link), *_folders_in(link, "*/*")):
            if _new(path, seen):
                yield path, [n for n in (HEADER, RECORDS) if (path / n).exists()], None
    for error in errors:
        yield Path(error.filename or root), [], error


def _folders_in(folder: Path, pattern: str = "*") -> list[Path]:
    """Return folders below a folder, those that can be entered."""
    return [path for path in sorted(folder.glob(pattern)) if os.access(path / ".", os.X_OK)]


def _new(path: Path, seen: set[tuple[int, int]]) -> bool:
    """Tell whether a folder was not met before, under whatever name."""
    found = path.stat()
    identity = found.st_dev, found.st_ino
    if identity in seen:
        return False
    seen.add(identity)
    return True


def _read(path: Path, place: str) -> Entry:
    """Return the run of a folder; RunError where it cannot be read or has no place in time."""
    run = load(path)
    try:
        started = datetime.fromisoformat(run.header.started)
        # what names no zone is UTC, as `started` is by its definition
        started = started.astimezone(UTC) if started.tzinfo else started.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter before the year 1 or after 9999 in UTC
        raise RunError(
            f"its start time {run.header.started!r:.200} is no time in ISO 8601, so it has no "
            "place in time"
        ) from None
    return Entry(place=place, run=run, started=started)


def _without_copies(entries: list[Entry]) -> tuple[list[Entry], list[Unread]]:
    """Return the entries without those that hold what another one holds, and these."""
    single: list[Entry] = []
    copies: list[Unread] = []
    for entry in entries:
        same = next((other.place for other in single if _copy(entry.run, other.run)), None)
        if same is None:
            single.append(entry)
        else:
            copies.append(Unread(place=entry.place, why=f"a copy of {same}"))
    return single, copies


def _copy(one: Run, other: Run) -> bool:
    """Tell whether two folders hold one run: the same header, and the same times in it."""
    if one.header != other.header:
        return False
    known = other.by_case()
    both = [(record, known[record.case]) for record in one.records if record.case in known]
    timed = [(a.samples, b.samples) for a, b in both if a.samples and b.samples]
    return all(a == b for a, b in timed) and (bool(timed) or one.records == other.records)


def _nothing(root: Path, unread: list[Unread]) -> str:
    if not unread:
        return (
            f"{root} holds no run, and no folder below it does: give a folder with run folders in "
            "it, as `convbench run --out DIR` writes them."
        )
    said = "; ".join(f"{item.place}: {item.why}" for item in unread[:_MOST_NAMED])
    more = f"; and {len(unread) - _MOST_NAMED} more" if unread[_MOST_NAMED:] else ""
    return (
        f"{root} holds no run that can be read ({said}{more}): mend these, or give another folder."
    )
