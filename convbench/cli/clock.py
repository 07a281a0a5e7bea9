"""`doctor`: what this machine's clock can tell."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from convbench.cli.app import INTERRUPTED, app


@app.command()
def doctor(
    *,
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="For the A/A test, 1 to 3600.")
    ] = 10.0,
    threads: Annotated[
        int | None, typer.Option(help="Threads on the CPU; when left out, torch's number.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda:0, ….")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON instead.")] = False,
) -> None:
    """Say how small a difference this machine can tell, what disturbs it, and the remedies."""
    try:
        _doctor(budget, threads, device, as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _doctor(budget: float, threads: int | None, device: str, *, as_json: bool) -> None:
    from convbench.doctor.command import examine
    from convbench.doctor.page import page

    if sys.stderr.isatty():
        typer.echo(f"Timing calls against themselves, for about {budget:g} s …", err=True)
    found = examine(budget=budget, threads=threads, device=device)
    if as_json:
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False, allow_nan=False, indent=2))
        return
    console = Console(highlight=False)
    for line in page(found.resolution, found.advice, found.fingerprint):
        console.print(line.text, style=line.style or None, markup=False, soft_wrap=True)
