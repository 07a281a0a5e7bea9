"""A run on disk: run.json (the header) and records.jsonl (one record a line), and nothing pickled.

Records are appended and fsynced as their group finishes. After a kill the last line may be torn:
reading leaves it out, and continuing cuts it off first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Final

from convbench.core.errors import RunError
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
            if any(item.name != f".{HEADER}.part" for item in path.iterdir()):
                raise RunError(
                    f"{path} is not empty and holds no convbench run: give --out another folder."
                )
            write_atomically(path / HEADER, json.dumps(header.to_json(), indent=2) + "\n")
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


def dumps(value: Any) -> str:
    """Return one line of JSON, floats exact, keys in their order."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def holds_run(path: Path) -> bool:
    """Tell whether the folder holds a run."""
    return (path / HEADER).is_file()


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
            row = _loads(line.decode())
            if "more" in row:
                more = More.from_json(row)
                records[more.more] = more.onto(records[more.more])
            else:
                record = Record.from_json(row)
                records[record.case] = record
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            if number == len(full) and not tail:
                torn = 1
                continue
            raise RunError(
                f"{path / RECORDS}, line {number}, is not a record ({type(error).__name__}: "
                f"{error}): the file was changed by hand or damaged; restore it or make the run "
                "again."
            ) from None
    planned = header.suite.get("cases", len(records))
    return Run(
        header=header,
        records=tuple(records.values()),
        path=path,
        torn=torn,
        finished=len(records) >= planned,
    )


def _loads(text: str) -> Any:
    """Read JSON whose text can be written again; ValueError for half a surrogate pair."""
    data = json.loads(text)
    if "\\ud" in text.lower():  # the only way into a string for one: JSON escapes it
        dumps(data).encode()
    return data


def _load_header(path: Path) -> Header:
    if not path.is_dir():
        raise RunError(f"{path} is not a folder: give a run folder, such as reports/cpu-quick.")
    file = path / HEADER
    try:
        data = _loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(
            f"{path} has no {HEADER}, so it is no convbench run: give a folder that "
            "`convbench run` wrote."
        ) from None
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise RunError(
            f"{file} is not whole JSON ({error}): the run is torn; make it again."
        ) from None
    if not isinstance(data, dict) or "schema" not in data or "suite" not in data:
        raise RunError(f"{file} is not a convbench header: give a folder that convbench wrote.")
    if data["schema"] not in range(1, SCHEMA + 1) or data["schema"] is True:
        raise RunError(
            f"{file} has schema {data['schema']!r} and this convbench reads up to {SCHEMA}: "
            "upgrade convbench."
        )
    try:
        return Header.checked(data)
    except (TypeError, ValueError) as error:
        raise RunError(f"{file} is not a header of schema {SCHEMA}: {error}.") from None


def write_atomically(path: Path, text: str | bytes) -> None:
    """Write a file beside its place, then move it there: never half a file under its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a file that a user named; RunError if it cannot be."""
    if path.is_dir():
        raise RunError(f"{path} is a folder: name a file in it.")
    try:
        write_atomically(path, text)
    except OSError as error:
        raise RunError(
            f"{path} cannot be written: {error.strerror or error}: name another file."
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
