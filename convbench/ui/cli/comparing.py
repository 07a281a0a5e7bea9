"""`compare`: two runs, or two conditions of one, as a gate."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from convbench.report.document import Document
from convbench.ui.cli.app import app, show, split


@app.command()
def compare(
    left: Annotated[Path, typer.Argument(metavar="A", help="A run, or a folder of repeats of it.")],
    right: Annotated[
        Path | None, typer.Argument(metavar="[B]", help="What is compared with it.")
    ] = None,
    *,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="AXIS[=X,Y]",
            help="Compare cases that differ in one condition: layout, dtype, mode, threads, "
            "device, …; within one run, or between two.",
        ),
    ] = None,
    gate: Annotated[
        str | None, typer.Option(metavar="ci|steady|counts", help="A preset of limits.")
    ] = None,
    threshold: Annotated[
        str | None, typer.Option(help="The smallest change that matters.", show_default="5%")
    ] = None,
    drift: Annotated[
        str | None, typer.Option(help="Drift of a whole run to allow for.", show_default="10%")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Inconclusive cases fail too, with status 4.")
    ] = False,
    absolute: Annotated[
        bool,
        typer.Option(
            "--absolute", help="Subtract no common shift: for a machine known to be steady."
        ),
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="One side may lack cases that the other has.")
    ] = False,
    allow: Annotated[
        str | None,
        typer.Option(
            metavar="KEYS|all", help="Keys of the environment that may differ: torch,torch_git."
        ),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the whole comparison as Markdown.")
    ] = None,
) -> None:
    """Compare two runs case by case: counts exactly, times as slower, faster, same, inconclusive.

    Exit status: 0 no regression in what could be compared; 3 something is slower, a count changed,
    or a case no longer runs; 4 something is inconclusive, and --strict was given; 5 incomparable:
    environments differ in a key that must match, or a side lacks cases. 1 and 2 are errors.
    """
    from convbench.comparing.command import Asked, answer

    document, outcome = answer(
        Asked(
            left=left,
            right=right,
            by=by,
            gate=gate,
            threshold=threshold,
            drift=drift,
            strict=strict,
            absolute=absolute,
            partial=partial,
            allow=split(allow) or (),
        )
    )

    if markdown is not None:
        _write(document, markdown)
    with suppress(SystemExit):  # where the reader of a pipe has gone; the verdict stays
        show(document)
    raise typer.Exit(outcome.status)


def _write(document: Document, path: Path) -> None:
    from convbench.core.files import write_file
    from convbench.report.renderers import RENDERERS

    (page,) = RENDERERS["markdown"](document).values()
    write_file(path, page, "name another file")
