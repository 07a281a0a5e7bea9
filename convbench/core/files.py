"""Files: written whole or not at all, and read with an error that says what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from convbench.core.errors import ConvbenchError, RunError

PART: Final = ".part"
"""How the name ends of a file that is being written, beside its place."""


def write_file(
    path: Path,
    content: str | bytes,
    remedy: str = "give a folder that you may write to",
    error_type: type[ConvbenchError] = RunError,
) -> Path:
    """Write a file beside its place, then move it there: never half a file under its name.

    Folders above it are made. Raises `error_type` where it cannot be written; remedy: what to do.
    """
    if path.is_dir():
        raise error_type(f"{path} is a folder: name a file in it.")
    beside = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise error_type(
            f"{path} cannot be written ({error.strerror or error}): {remedy}."
        ) from error
    return path


def write_files(
    folder: Path,
    files: Mapping[str, str | bytes],
    remedy: str = "give a folder that you may write to",
    error_type: type[ConvbenchError] = RunError,
) -> tuple[Path, ...]:
    """Write files by their names below a folder as `write_file` does, and return their paths."""
    return tuple(
        write_file(folder / name, content, remedy, error_type) for name, content in files.items()
    )


def read_json(path: Path, remedy: str, error_type: type[ConvbenchError] = RunError) -> Any:
    """Return what a JSON file holds; `error_type` where it cannot be read, or is not whole."""
    try:
        return loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = f"cannot be read ({error.strerror or error})"
    except ValueError as error:
        why = f"is not whole JSON ({error})"
    raise error_type(f"{path} {why}: {remedy}.") from None


def loads(text: str) -> Any:
    """Read JSON whose text can be written again; ValueError for NaN, and half a surrogate pair."""
    data = json.loads(text, parse_constant=_no_number)
    if "\\ud" in text.lower():  # the only way into a string for one: JSON escapes it
        dumps(data).encode()
    return data


def dumps(value: Any) -> str:
    """Return one line of JSON, floats exact, keys in their order."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
