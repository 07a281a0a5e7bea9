"""A run on disk: run.json (the header) and records.jsonl (one record a line), and nothing pickled.

Records are appended and fsynced as their group finishes. After a kill the last line may be torn:
reading leaves it out, and continuing cuts it off first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final

from convbench.core.errors import RunError
from convbench.core.files import PART, dumps, loads, read_json, write_file
from convbench.runs.record import SCHEMA, Header, More, Record, Run

HEADER: Final = "run.json"
RECORDS: Final = "records.jsonl"


class Store:
    """A run folder that is being written by this process, and by no other."""

    def __init__(self, path: Path, lock: IO[bytes]) -> None:
        """Use `create` or `reopen`."""
        self.path = path
        self._lock = lock

    @classmethod
    def create(cls, path: Path, header: Header) -> Store:
        """Begin a run in a folder that holds none; RunError if it cannot be written."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            if foreign(path):
                raise RunError(
                    f"{path} is not empty and holds no convbench run: give --out another folder."
                )
            text = json.dumps(header.to_json(), indent=2) + "\n"
            write_file(path / HEADER, text, "give --out a folder that can be")
            store = cls(path, locked(path))
        except OSError as error:
            raise _unwritable(path, error) from None
        return store

    @classmethod
    def reopen(cls, path: Path) -> tuple[Store, Run]:
        """Continue the run in a folder: cut a torn last line off, return what is finished."""
        run = load(path)
        try:
            store = cls(path, locked(path))
            records = path / RECORDS
            whole = records.read_bytes()
            end = whole.rfind(b"\n") + 1
            if run.torn and end == len(whole):  # the last line has its newline, but is not whole
                end = whole[:-1].rfind(b"\n") + 1
            if end < len(whole):
                with records.open("r+b") as file:
                    file.truncate(end)
                    os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(path, error) from None
        return store, run

    def append(self, records: Iterable[Record | More]) -> None:
        """Write records, or what adds to them, in one piece; wait until they are on the disk."""
        lines = "".join(dumps(record.to_json()) + "\n" for record in records)
        try:
            self._lock.write(lines.encode())
            self._lock.flush()
            os.fsync(self._lock.fileno())
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def close(self) -> None:
        """Release the folder."""
        self._lock.close()


def holds_run(path: Path) -> bool:
    """Tell whether the folder holds a run."""
    return (path / HEADER).is_file()


def foreign(path: Path) -> bool:
    """Tell whether the folder holds more than a header that was cut off while it was written."""
    return any(
        not (item.name.startswith(f".{HEADER}.") and item.suffix == PART) for item in path.iterdir()
    )


def load(path: Path) -> Run:
    """Read a run folder; RunError says what is wrong with it and what to do."""
    header = _load_header(path)
    records: dict[str, Record] = {}
    try:
        whole = (path / RECORDS).read_bytes()
    except FileNotFoundError:
        raise RunError(f"{path} has no {RECORDS}: the run is torn; make it again.") from None
    except OSError as error:
        raise RunError(f"{path / RECORDS} cannot be read: {error.strerror}.") from None
    *full, tail = whole.split(b"\n")
    torn = int(bool(tail))  # a line that its newline did not follow was cut off by a kill
    for number, line in enumerate(full, start=1):
        try:
            row = loads(line.decode())
            if isinstance(row, dict) and "more" in row:
                more = More.from_json(row)
                if more.more not in records:
                    raise ValueError(f"there is no record before it of {more.more!r}")
                records[more.more] = more.onto(records[more.more])
            else:
                record = Record.from_json(row)
                records[record.case] = record
        except ValueError as error:
            if number == len(full) and not tail:
                torn = 1
                continue
            raise RunError(
                f"{path / RECORDS}, line {number}, is not a record ({error}): the file was "
                "changed by hand or damaged; restore it or make the run again."
            ) from None
    return Run(
        header=header,
        records=tuple(records.values()),
        path=path,
        torn=torn,
        finished=len(records) >= header.suite["cases"],
    )


def _load_header(path: Path) -> Header:
    if not path.is_dir():
        raise RunError(f"{path} is not a folder: give a run folder, such as reports/cpu-quick.")
    file = path / HEADER
    remedy = "this is no convbench run, or a torn one: make it again, or give another folder"
    data = read_json(file, remedy)
    if not isinstance(data, dict) or "schema" not in data or "suite" not in data:
        raise RunError(f"{file} is not a convbench header: give a folder that convbench wrote.")
    if "format" not in data:
        raise RunError(
            f"{file} is from before the first release of convbench (schema {data['schema']!r}), "
            "whose files are not read any more: make the run again."
        )
    if data["schema"] != SCHEMA or data["schema"] is True:
        raise RunError(
            f"{file} has schema {data['schema']!r} and this convbench reads {SCHEMA}: "
            "upgrade convbench if a later one wrote it, else make the run again."
        )
    try:
        return Header.from_json(data)
    except ValueError as error:
        raise RunError(
            f"{file} is not a header of schema {SCHEMA} ({error}): the file was changed by hand or "
            "damaged; restore it or make the run again."
        ) from None


def locked(path: Path) -> IO[bytes]:
    """Open records.jsonl for appending, for this process alone."""
    file = (path / RECORDS).open("ab")
    try:
        import fcntl
    except ImportError:  # pragma: no cover  Windows has no flock; two runs there are not kept apart
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RunError(
            f"{path} is being written by another convbench: wait for it, or give --out another "
            "folder."
        ) from None
    return file


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(
        f"{path} cannot be written: {error.strerror or error}: give --out a folder that can be."
    )
