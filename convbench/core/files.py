"""Files: written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

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
    beside = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    if path.is_dir():
        raise error_type(f"{path} is a folder: name a file in it.")
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
