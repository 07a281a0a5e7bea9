"""A run and some formats -> files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convbench.errors import RunError
from convbench.report.contents import contents
from convbench.report.renderers import RENDERERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.runs.record import Run

FORMATS: Final = ("markdown", "csv")
"""What is written unless a user asks for something else."""


def write_report(run: Run, out: Path, formats: Sequence[str] = FORMATS) -> tuple[Path, ...]:
    """Write the report of a run below `out` and return the paths, in the order written.

    Every file is written beside its place and then moved there, so a reader never meets half a
    file; other files in `out` stay. The same run gives the same bytes.

    Raises:
        UnknownNameError: a format that is not registered; nothing is written then.
        RunError: a folder or file that cannot be written.

    """
    renderers = [RENDERERS[name] for name in formats]
    document = contents(run)
    files = {path: data for render in renderers for path, data in render(document).items()}
    written = []
    for name, data in files.items():
        path = Path(out) / name
        try:
            _write(path, data)
        except OSError as error:
            raise RunError(
                f"{path} cannot be written ({error.strerror or error}): "
                "give a folder that you may write to."
            ) from error
        written.append(path)
    return tuple(written)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
