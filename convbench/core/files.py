"""Files: written whole or not at all, and read with an error that says what to do."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from convbench.core.errors import ConvbenchError, RunError
from convbench.core.serialization import harmless

LONGEST: Final = 1 << 26
"""Bytes of a line, or of a file that is no list of lines: far more than convbench writes."""
_AT_ONCE: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""What waits for nobody who writes to the other end of a pipe."""
_FULL: Final = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""Errors of a disk without space, and of a share of one that is used up."""
PART: Final = ".part"
"""How the name ends of a file that is being written, beside its place."""
_HALF_A_PAIR: Final = re.compile("[\ud800-\udfff]")
"""What Python has in the place of bytes that are not UTF-8, as in the name of a file."""


def write_file(
    path: Path,
    content: str | bytes,
    remedy: str = "give a folder that you may write to",
    error_type: type[ConvbenchError] = RunError,
    then: str = "try again",
) -> Path:
    """Write a file beside its place, then move it there: never half a file under its name.

    Folders above it are made. A link is replaced, and what it leads to is not written to. Raises
    `error_type` where it cannot be written; remedy, then: see `unwritable`.
    """
    if os.path.isdir(path):  # noqa: PTH112  no error for what is no path: see below
        raise error_type(f"{path} is a folder: name a file in it.")
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("xb") as file:  # x: nothing may be there, a link neither
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise error_type(unwritable(path, error, remedy, then)) from error
    return path


def unwritable(path: Path, error: OSError, remedy: str, then: str = "try again") -> str:
    """Return what to say of a file or folder that cannot be written.

    remedy: what to do, unless the disk is full or the file may not grow. then: what to do once that
    is mended.
    """
    if error.errno == errno.EFBIG:
        remedy = f"raise the limit on the size of files (`ulimit -f`), then {then}"
    elif error.errno in _FULL:
        remedy = f"free space on the disk of {path}, then {then}"
    return f"{path} cannot be written ({error.strerror or error}): {remedy}."


def opened(path: Path) -> IO[bytes]:
    """Open a file to be read; OSError where it is none, as a pipe that nobody writes to."""
    file = os.fdopen(os.open(path, os.O_RDONLY | _AT_ONCE), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return file


def lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file with their newlines; ValueError for one beyond `LONGEST`."""
    while line := file.readline(LONGEST + 1):
        if len(line) > LONGEST:
            raise ValueError(f"is longer than {LONGEST >> 20} MiB")
        yield line


def write_files(
    folder: Path,
    files: Mapping[str, str | bytes],
    remedy: str = "give a folder that you may write to",
    error_type: type[ConvbenchError] = RunError,
    then: str = "try again",
) -> tuple[Path, ...]:
    """Write files by their names below a folder as `write_file` does, and return their paths.

    Links between the folder and a file are not followed: a folder of another's may have them.
    """
    inner = dict.fromkeys(folder / part for name in files for part in Path(name).parents)
    for link in inner:
        if link != folder and os.path.islink(link):  # noqa: PTH114  as above
            raise error_type(
                f"{link} is a link to another folder, and nothing is written through it: remove it."
            )
    return tuple(
        write_file(folder / name, content, remedy, error_type, then)
        for name, content in files.items()
    )


def read_json(path: Path, remedy: str, error_type: type[ConvbenchError] = RunError) -> Any:
    """Return what a JSON file holds; `error_type` where it cannot be read, or is not whole."""
    try:
        with opened(path) as file:
            data = file.read(LONGEST + 1)
        if len(data) > LONGEST:
            raise ValueError(f"it is larger than {LONGEST >> 20} MiB")
        return loads(data)
    except OSError as error:
        why = f"cannot be read ({error.strerror or error})"
    except ValueError as error:
        why = f"is not whole JSON ({error})"
    raise error_type(f"{path} {why}: {remedy}.") from None


def loads(data: bytes) -> Any:
    """Read JSON in UTF-8 whose text can be written again, with or without a byte order mark.

    Raises ValueError, also for NaN, half a surrogate pair, and a key that an object has twice.
    """
    text = data.decode("utf-8-sig")  # editors write a mark
    try:
        found = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    # the only way into a string for half a pair: JSON escapes it
    if "\\u" in text and "\\ud" in text.lower():
        json.dumps(found, ensure_ascii=False).encode()
    return found


def dumps(value: Any, *, indent: int | None = None) -> str:
    r"""Return JSON in one line unless indented: floats exact, keys in their order.

    Text that is not Unicode, such as an argument whose bytes are not UTF-8, is kept as an escape in
    the text: \udcff for the byte ff.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return _HALF_A_PAIR.sub(lambda half: rf"\\u{ord(half[0]):04x}", text)


def stored_text(text: str) -> str:
    r"""Return a text as it is when it was written and is read again: \udcff for the byte ff."""
    return harmless(_HALF_A_PAIR.sub(lambda half: rf"\u{ord(half[0]):04x}", text))


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        ((key, times),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"it has the key {key!r:.200} {times} times")
    return table


def whole_number(digits: str) -> int:
    """Read a whole number; ValueError for one of more digits than Python reads."""
    try:
        return int(digits)
    except ValueError:
        raise ValueError(f"it has a number of {len(digits):,} digits") from None


_DECODER: Final = json.JSONDecoder(
    parse_int=whole_number, parse_constant=_no_number, object_pairs_hook=_each_once
)
