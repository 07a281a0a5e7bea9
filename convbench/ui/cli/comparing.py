"""`compare`: two runs, or two groups of one, as a gate."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from convbench.ui.cli.app import app, split

if TYPE_CHECKING:
    from convbench.report.document import Document


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
            help="Compare two groups that differ in layout, dtype, mode, threads, device, …: of "
            "one run, or of two.",
        ),
    ] = None,
    gate: Annotated[
        str | None, typer.Option(metavar="ci|steady|counts", help="A preset of what fails.")
    ] = None,
    threshold: Annotated[
        str | None, typer.Option(help="The smallest change that matters.", show_default="5%")
    ] = None,
    drift: Annotated[
        str | None, typer.Option(help="How far whole runs may lie apart.", show_default="10%")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="What cannot be told fails too, with status 4.")
    ] = False,
    absolute: Annotated[
        bool,
        typer.Option(
            "--absolute", help="Take no common shift away: for a machine known to be calm."
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
    """Say what became faster or slower, what is the same, and what cannot be told.

    Exit status: 0 no regression; 3 something is slower, a count changed, or a case no longer runs;
    4 something cannot be told, and --strict was given; 5 incomparable: environments that must match
    and do not, or cases that one side lacks. 1 and 2 are no verdicts.
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
    from convbench.report.formats.terminal import print_document

    if markdown is not None:
        _write(document, markdown)
    with suppress(SystemExit):  # where the reader of a pipe has gone; the verdict stays
        print_document(document, Console(highlight=False))
    raise typer.Exit(outcome.status)


def _write(document: Document, path: Path) -> None:
    from convbench.core.files import write_file
    from convbench.report.renderers import RENDERERS

    (page,) = RENDERERS["markdown"](document).values()
    write_file(path, page, "name another file")
