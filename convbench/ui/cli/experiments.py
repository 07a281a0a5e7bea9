"""`replicate`: published measurements of speed, repeated on this device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from convbench.core.files import dumps
from convbench.ui.cli.app import app, say, show


class _Replicate(TyperCommand):
    """`replicate`, whose help names the experiments that there are."""

    def get_params(self, ctx: Any) -> Any:
        from convbench.experiments.published import EXPERIMENTS

        found: Any = super().get_params(ctx)
        (argument,) = (one for one in found if one.name == "name")
        argument.help = f"{', '.join(EXPERIMENTS)}, or all."
        return found


@app.command(cls=_Replicate)
def replicate(
    name: Annotated[str, typer.Argument(metavar="EXPERIMENT")],
    *,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda:0, ….")] = "auto",
    threads: Annotated[int, typer.Option(help="Threads on the CPU.")] = 1,
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="Of timed rounds, for each experiment.")
    ] = 30.0,
    processes: Annotated[int, typer.Option(help="Processes; an interval of 95 % needs 6.")] = 6,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the page, its table and its JSON here too."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Repeat published measurements of speed here: as printed, as measured, and what holds."""
    from convbench.experiments.command import Asked, answer, as_data, write
    from convbench.experiments.page import replication_page

    asked = Asked(
        name=name, device=device, threads=threads, budget=budget, processes=processes, out=out
    )
    told = (lambda text: say(text, err=True)) if sys.stderr.isatty() else None
    found, machine = answer(asked, told)
    page = replication_page(found, machine)
    if as_json:
        say(dumps(as_data(found, machine), indent=2))
    else:
        show(page)
    if out is not None:
        path = write(page, found, machine, out)
        if not as_json:
            say(path)
