"""A run and some formats -> files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convbench.core.errors import MissingExtraError, UnknownNameError
from convbench.core.files import write_files
from convbench.core.registry import unknown
from convbench.report.contents import contents
from convbench.report.document import Document, Paragraph
from convbench.report.figures import FORMS, Form, drawn
from convbench.report.intervals import Written
from convbench.report.one_table import MAIN, one_table
from convbench.report.renderers import RENDERERS, SCREENS, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from convbench.report.document import Block
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
    figures: Sequence[str] | None = None,
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
        figures: forms of the files of figures, of "png", "svg" and "pdf"; None for those that a
            format writes by itself.

    Raises:
        UnknownNameError: a format or form that there is not; nothing is written then.
        MissingExtraError: a format whose extra is not installed; nothing is written then.
        RunError: a folder or file that cannot be written.

    """
    return write_files(Path(out), rendered(run, formats, missing=missing, figures=figures))


def rendered(
    run: Run,
    formats: Sequence[str] = FORMATS,
    *,
    missing: Callable[[str, MissingExtraError], None] | None = None,
    figures: Sequence[str] | None = None,
) -> dict[str, bytes]:
    """Return the files that `write_report` writes, by their names; the errors are the same."""
    names = sorted(RENDERERS) if ALL in formats else list(dict.fromkeys(formats))
    renderers = [(name, RENDERERS[name]) for name in names]
    document = contents(run)
    files: dict[str, bytes] = {}
    if figures is not None:
        document = replace(document, forms=_forms(figures))
        if "markdown" not in names:
            files |= drawn(document.figures, document.forms)
    for name, render in renderers:
        try:
            files.update(render(document))
        except MissingExtraError as error:
            if missing is None:
                raise
            missing(name, error)
    return files


def _forms(names: Sequence[str]) -> tuple[Form, ...]:
    for name in names or ("",):
        if name not in FORMS:
            raise UnknownNameError(
                f"Figures are not written as {name!r}. Give one or more of {', '.join(FORMS)}."
            )
    return tuple(form for name in dict.fromkeys(names) for form in FORMS if form == name)


def write_table(
    run: Run,
    out: Path,
    formats: Sequence[str],
    table: str = MAIN,
    columns: Sequence[str] = (),
    console: Console | None = None,
) -> tuple[Path, ...]:
    """Write one table of a run below `out`, one file for each format, and return the paths.

    Args:
        run: what is reported.
        out: folder; it is made where it is not there.
        formats: names of formats of `TABLES`, ALL of them, or "terminal" where there is a console.
        table: its name, as `one_table` takes it.
        columns: their keys, likewise.
        console: where "terminal" is printed.

    Raises:
        UnknownNameError: a table or column that there is not, or a format that has no single table.
        RunError: a folder or file that cannot be written.

    """
    known = [*sorted(TABLES), *(["terminal"] if console else [])]
    if ALL in formats:
        formats = [*sorted(TABLES), *(name for name in formats if name == "terminal")]
    for name in dict.fromkeys(formats):
        if name not in known:
            raise UnknownNameError(
                f"The format {name} writes no table by itself. Those that do: {', '.join(known)}."
            )
    made = one_table(run, table, columns)
    files = [TABLES[name](made) for name in formats if name in TABLES]
    paths = tuple(path for each in files for path in write_files(Path(out), each))
    if console and "terminal" in formats:
        from convbench.report.formats.terminal import print_document

        # what is around a number stays beside it, however narrow the terminal is
        rows = tuple(
            tuple(str(value) if isinstance(value, Written) else value for value in row)
            for row in made.shown.rows
        )
        blocks: list[Block] = [replace(made.shown, rows=rows)]
        blocks += [Paragraph(text=made.note)] if made.note else []
        print_document(Document(title=contents(run).title, blocks=tuple(blocks)), console)
    return paths


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
