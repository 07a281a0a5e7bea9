"""A run and some formats -> files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from convbench.core.errors import MissingExtraError
from convbench.core.files import write_files
from convbench.core.registry import unknown
from convbench.report.contents import contents
from convbench.report.renderers import RENDERERS, SCREENS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from convbench.runs.record import Run

FORMATS: Final = ("markdown", "csv")
"""What is written unless a user asks for something else."""


ALL: Final = "all"
"""Every format that writes files and can be written here."""


def formats() -> tuple[str, ...]:
    """Return the names of all formats, those for files first, whatever was imported first."""
    return (*sorted(RENDERERS), *sorted(SCREENS))


def write_report(
    run: Run,
    out: Path,
    formats: Sequence[str] = FORMATS,
    *,
    missing: Callable[[str, MissingExtraError], None] | None = None,
) -> tuple[Path, ...]:
    """Write the report of a run below `out` and return the paths, in the order written.

    Every file is written beside its place and then moved there, so a reader never meets half a
    file; other files in `out` stay. The same run gives the same bytes.

    Args:
        run: what is reported.
        out: folder; it is made where it is not there.
        formats: names of formats for files, or ALL.
        missing: is told of each format whose extra is not installed, and the others are written;
            without it, the first such format is an error.

    Raises:
        UnknownNameError: a format that is not registered; nothing is written then.
        MissingExtraError: a format whose extra is not installed; nothing is written then.
        RunError: a folder or file that cannot be written.

    """
    names = sorted(RENDERERS) if ALL in formats else list(dict.fromkeys(formats))
    renderers = [(name, RENDERERS[name]) for name in names]
    document = contents(run)
    files: dict[str, bytes] = {}
    for name, render in renderers:
        try:
            files.update(render(document))
        except MissingExtraError as error:
            if missing is None:
                raise
            missing(name, error)
    return write_files(Path(out), files)


def print_report(run: Run, formats: Sequence[str], console: Console) -> None:
    """Print a run in formats for the screen; UnknownNameError for any other, before anything."""
    screens = [SCREENS[name] for name in formats]
    for show in screens:
        show(contents(run), console)


def split_formats(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which of the names are for files and which for the screen.

    Raises UnknownNameError for one that is neither, with near names of both.
    """
    known = (*formats(), ALL)
    for name in names:
        if name not in known:
            raise unknown("report format", name, known)
    screens = tuple(dict.fromkeys(name for name in names if name in SCREENS))
    return tuple(name for name in names if name not in SCREENS), screens
