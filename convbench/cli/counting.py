"""`profile`: what any network costs, counted from the operators that run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from convbench.cli.app import app


class Written(StrEnum):
    """What `profile --format` writes."""

    markdown = "markdown"
    csv = "csv"
    json = "json"


MODEL = typer.Argument(
    metavar="MODEL", help="package.module:factory, a registered network, or FILE.pt2."
)
INPUT = typer.Option(
    "--input", metavar="1x3x224x224", help="Shape of an input, batch first; repeat for several."
)
ARGUMENT = typer.Option("--arg", metavar="KEY=VALUE", help="For the factory; repeatable.")


@app.command()
def profile(
    model: Annotated[str, MODEL],
    *,
    inputs: Annotated[list[str], INPUT],
    arg: Annotated[list[str] | None, ARGUMENT] = None,
    backward: Annotated[bool, typer.Option("--backward", help="Count the gradients too.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where an operator has no counting rule.")
    ] = False,
    depth: Annotated[int | None, typer.Option(help="Levels of the tree to show.")] = None,
    written: Annotated[
        Written | None, typer.Option("--format", help="Write this instead of the tree.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; else to standard output.")
    ] = None,
) -> None:
    """Count what any network costs, by module: nothing is computed, no weights are held."""
    from convbench.profiling.reference import profile_reference
    from convbench.terminal.profile import FORMATS, summary, tree

    found = profile_reference(model, inputs, arg or [], backward=backward, strict=strict)
    if written is not None:
        write(FORMATS[written.value](found), out)
        return
    console = Console(highlight=False)
    console.print(tree(found, depth=depth))
    for line in summary(found):
        console.print(line, markup=False)


def write(text: str, out: Path | None) -> None:
    """Write to a file, or to standard output."""
    if out is None:
        typer.echo(text, nl=False)
        return
    from convbench.runs.store import write_text

    write_text(out, text)
    typer.echo(out)
