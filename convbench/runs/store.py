"""A run on disk: run.json (the header) and records.jsonl (one record a line), and nothing pickled.

Records are appended and fsynced as their group finishes. After a kill the last line may be torn:
reading leaves it out, and continuing cuts it off first.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import orjson

from convbench.core.collector import collector_paused
from convbench.core.errors import RunError
from convbench.core.files import (
    PART,
    dumps,
    lines,
    loads,
    opened,
    read_json,
    unwritable,
    write_file,
)
from convbench.runs.record import SCHEMA, Header, More, Record, Run

HEADER: Final = "run.json"
RECORDS: Final = "records.jsonl"


class Store:
    """A run folder that is being written by this process, and by no other.

    Attributes:
        path: the folder; another from then on where something else was put in its place.
        moved: is told the folder, and in a sentence why, where what was written had to be written
            anew.

    """

    def __init__(self, path: Path, header: bytes, lock: IO[bytes], records: bytes = b"") -> None:
        """Use `create` or `reopen`."""
        self.path = path
        self.moved: Callable[[Path, str], None] = lambda *_: None
        self._header = header
        self._lock = lock
        self._written = [records] if records else []
        """All lines, since a file that is overwritten cannot give them back."""
        self._midway = False
        """Whether the last of them may be there in part, after an interrupt."""

    @classmethod
    def create(cls, path: Path, header: Header) -> Store:
        """Begin a run in a folder that holds none; RunError if it cannot be written."""
        text = (dumps(header.to_json(), indent=2) + "\n").encode()
        try:
            path.mkdir(parents=True, exist_ok=True)
            if foreign(path):
                raise RunError(
                    f"{path} is not empty and holds no convbench run: give --out another folder."
                )
            lock = locked(path)  # before the header: another run may be begun there as well
            write_file(path / HEADER, text, "give --out a folder that can be")
            return cls(path, text, lock)
        except OSError as error:
            raise _unwritable(path, error) from None

    @classmethod
    def reopen(cls, path: Path) -> tuple[Store, Run]:
        """Continue the run in a folder: cut a torn last line off, return what is finished."""
        run = load(path)
        try:
            lock = locked(path)
            whole = (path / RECORDS).read_bytes()
            end = whole.rfind(b"\n") + 1
            if run.torn and end == len(whole):  # the last line has its newline, but is not whole
                end = whole[:-1].rfind(b"\n") + 1
            if end < len(whole):
                lock.truncate(end)
                os.fsync(lock.fileno())
            return cls(path, (path / HEADER).read_bytes(), lock, whole[:end]), run
        except OSError as error:
            raise _unwritable(path, error) from None

    def append(self, records: Iterable[Record | More]) -> None:
        """Write records, or what adds to them, in one piece; wait until they are on the disk."""
        lines = "".join(dumps(record.to_json()) + "\n" for record in records).encode()
        whole = len(self._written)
        try:
            self.keep()
            self._written.append(lines)  # first: `keep` makes good what an interrupt leaves undone
            self._midway = True
            _write(self._lock, lines)
            self._midway = False
        except OSError as error:
            del self._written[whole:]
            self._midway = False
            raise _unwritable(self.path, error, "go on with --resume") from None

    def run(self) -> Run:
        """Return the run as it was written, whatever became of the folder meanwhile."""
        header = Header.from_json(loads(self._header))
        return _run(header, io.BytesIO(b"".join(self._written)), self.path)

    def keep(self, *, whole: bool = False) -> bool:
        """See that what was written still lies in the folder; write it anew where it does not.

        A folder that was removed or moved is made again. Where the file was replaced, by a copy for
        instance, what the copy lacks is added; where another content was put in its place, the run
        goes on in a folder beside it. whole: every line is compared, and not their length alone.
        Returns whether all of it was there.

        Raises:
            RunError: it can be written nowhere.

        """
        if self._is_there(whole=whole):
            return True
        here = Path(os.path.abspath(self.path))  # noqa: PTH100  no link is followed
        beside = (here.with_name(f"{here.name}.kept-{n}") for n in range(1, 100) if here.name)
        for folder in (self.path, *beside):
            try:
                lock = self._begun_again(folder)
            except (OSError, RunError):
                continue
            why = (
                f"{self.path} was moved, removed or replaced while the run was written there. "
                f"Nothing is lost: the whole run is in {folder}."
            )
            own = lock is self._lock
            if not own:
                self._lock.close()
            self.path, self._lock = folder, lock
            if not (own and self._midway):
                self.moved(folder, why)
            return False
        raise RunError(
            f"{self.path} was moved, removed or replaced while the run was written there, and "
            "neither it nor a folder beside it can be written: free the place and run again."
        )

    def _is_there(self, *, whole: bool) -> bool:
        """Tell whether the folder holds what was written, and its files are those opened."""
        lines = b"".join(self._written) if whole else b""
        size = sum(map(len, self._written))
        return (
            _is(self.path / RECORDS, self._lock)
            and os.fstat(self._lock.fileno()).st_size == size
            and _begins(self.path / HEADER, self._header) == self._header
            and (not whole or _begins(self.path / RECORDS, lines) == lines)
        )

    def _begun_again(self, folder: Path) -> IO[bytes]:
        """Put what was written into a folder that holds nothing else; RunError if it does.

        A folder that was made for it and cannot be written is removed again.
        """
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return self._filled(folder)
        except (OSError, RunError):
            with suppress(OSError):  # it stays where something is in it
                if made:
                    folder.rmdir()
            raise

    def _filled(self, folder: Path) -> IO[bytes]:
        written = b"".join(self._written)
        there = _begins(folder / RECORDS, written)
        if _begins(folder / HEADER, self._header) not in {b"", self._header} or (
            not written.startswith(there)
        ):
            raise RunError(f"{folder} holds something else.")
        lock = self._lock if _is(folder / RECORDS, self._lock) else locked(folder)
        try:
            _write(lock, written[len(there) :])
            write_file(folder / HEADER, self._header)
        except (OSError, RunError):
            if lock is not self._lock:
                lock.close()
                if not there:
                    (folder / RECORDS).unlink()
            raise
        return lock

    def close(self) -> None:
        """Release the folder, with everything in it that was written; RunError as for `keep`."""
        try:
            self.keep(whole=True)
        finally:
            self._lock.close()


def _begins(path: Path, like: bytes) -> bytes:
    """Return what a file holds, up to one byte more than what it should; empty where it is none."""
    try:
        with opened(path) as file:
            return file.read(len(like) + 1)
    except FileNotFoundError:
        return b""


def _is(path: Path, file: IO[bytes]) -> bool:
    """Tell whether an open file is still the one of this name."""
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(file.fileno()))
    except OSError:
        return False


def _write(file: IO[bytes], content: bytes) -> None:
    """Add to a file that has no buffer, all of it or nothing; OSError where the disk is full."""
    before, rest = os.fstat(file.fileno()).st_size, memoryview(content)
    try:
        while rest:
            rest = rest[os.write(file.fileno(), rest) :]
        os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            file.truncate(before)
        raise


def holds_run(path: Path) -> bool:
    """Tell whether the folder holds a run."""
    return os.path.isfile(path / HEADER)  # noqa: PTH113  no error for what no path can be


def foreign(path: Path) -> bool:
    """Tell whether the folder holds more than a run that was cut off as it began."""
    return any(
        not (item.name.startswith(f".{HEADER}.") and item.suffix == PART)
        and not (item.name == RECORDS and item.is_file() and not item.stat().st_size)
        for item in path.iterdir()
    )


def load(path: Path) -> Run:
    """Read a run folder; RunError says what is wrong with it and what to do."""
    header = _load_header(path)
    try:
        with opened(path / RECORDS) as file:
            return _run(header, file, path)
    except FileNotFoundError:
        raise RunError(f"{path} has no {RECORDS}: the run is torn; make it again.") from None
    except OSError as error:
        raise RunError(f"{path / RECORDS} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise RunError(f"{path / RECORDS}: a line {error}: this is no run of convbench.") from None


def _run(header: Header, file: IO[bytes], path: Path) -> Run:
    """Return the run of a header and the lines of a file; ValueError for a line too long."""
    records: dict[str, Record] = {}
    torn = 0
    wrong: RunError | None = None
    with collector_paused():
        for number, line in enumerate(lines(file), start=1):
            if wrong is not None:  # it was not the last one
                raise wrong
            try:
                _take(line, records)
            except ValueError as error:
                wrong = RunError(
                    f"{path / RECORDS}, line {number}, is not a record ({error}): the file was "
                    "changed by hand or damaged; restore it or make the run again."
                )
                if not isinstance(error, TornError):
                    raise wrong from None
                torn = 1  # a kill cuts the last line off, and no other
    return Run(
        header=header,
        records=tuple(records.values()),
        path=path,
        torn=torn,
        finished=len(records) >= header.suite["cases"],
    )


class TornError(ValueError):
    """A line that a kill may have cut off."""


def _take(line: bytes, records: dict[str, Record]) -> None:
    """Put a line's record, or what it adds to one, among the records; ValueError if it is none."""
    if not line.endswith(b"\n"):
        raise TornError("it has no end")
    try:
        record = _read(orjson.loads(line), records)
    except ValueError:  # it is read exactly: to say what is wrong, or for numbers beyond 64 bits
        try:
            row = loads(line)
        except ValueError as error:
            raise TornError(str(error)) from None
        record = _read(row, records)
    sessions = [samples.session for samples in record.samples if samples.session]
    if len(set(sessions)) < len(sessions):
        raise ValueError("two of its processes have one session")
    records[record.case] = record


def _read(row: Any, records: dict[str, Record]) -> Record:
    """Return the record that a line holds, or one that it adds to; ValueError for none."""
    if not (isinstance(row, dict) and "more" in row):
        return Record.from_json(row)
    more = More.from_json(row)
    if more.more not in records:
        raise ValueError(f"there is no record before it of {more.more!r:.200}")
    return more.onto(records[more.more])


def _load_header(path: Path) -> Header:
    if not os.path.isdir(path):  # noqa: PTH112  as above
        raise RunError(
            f"{path!s:.200} is not a folder: give a run folder, such as reports/cpu-quick."
        )
    file = path / HEADER
    remedy = "this is no convbench run, or a torn one: make it again, or give another folder"
    data = read_json(file, remedy)
    if not isinstance(data, dict) or "schema" not in data or "suite" not in data:
        raise RunError(f"{file} is not a convbench header: give a folder that convbench wrote.")
    if "format" not in data:
        raise RunError(
            f"{file} is from before the first release of convbench (schema "
            f"{data['schema']!r:.200}), whose files are not read any more: make the run again."
        )
    if data["schema"] != SCHEMA or data["schema"] is True:
        raise RunError(
            f"{file} has schema {data['schema']!r:.200} and this convbench reads {SCHEMA}: "
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
    """Open records.jsonl for appending, for this process alone; a link is not followed."""
    records = path / RECORDS
    if records.is_symlink():
        raise RunError(f"{records} is a link: give --out a folder of its own.")
    if records.exists() and not records.is_file():
        raise RunError(f"{records} is no regular file: remove it, or give --out another folder.")
    try:
        file = records.open("a+b", buffering=0)
    except OSError as error:
        raise _unwritable(path, error) from None
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


def _unwritable(path: Path, error: OSError, then: str = "try again") -> RunError:
    return RunError(unwritable(path, error, "give --out a folder that can be", then))
