"""`history`: runs over time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convbench.ui.cli.app import app, say, show


@app.command()
def history(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where run folders are, however deep.")
    ],
    *,
    case: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Show the cases whose name matches; when left out, those that changed.",
        ),
    ] = None,
    threshold: Annotated[
        str | None, typer.Option(help="The smallest change that matters.", show_default="5%")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the page here too, with its figure and tables."),
    ] = None,
) -> None:
    """Show runs over time: what changed at which run, the runs, and cases from run to run.

    It is no gate: the exit status is 0 whatever changed. A gate is `compare`.
    """
    from convbench.history.command import Asked, answer, write

    document = answer(Asked(folder=folder, case=case, threshold=threshold))
    written = None if out is None else write(document, out)
    show(document)
    if written is not None:
        say(written)
