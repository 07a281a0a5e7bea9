"""`doctor`, `probe`, `layers`: a machine's clock and its peak rates, a block's layers."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from convbench.core.files import dumps
from convbench.ui.cli.app import app, say, show, split
from convbench.ui.cli.counting import ARGUMENT, INPUT, TRUST


@app.command()
def doctor(
    *,
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="For the A/A test, 1 to 3600.")
    ] = 10.0,
    threads: Annotated[
        int | None, typer.Option(help="Threads on the CPU.", show_default="as for `run`")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda:0, ….")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON instead.")] = False,
) -> None:
    """Say how small a difference this machine can tell, what disturbs it, and the remedies."""
    from convbench.machine.command import examine
    from convbench.ui.terminal.doctor import page

    if sys.stderr.isatty():
        say(f"Timing calls against themselves, for about {budget:g} s …", err=True)
    found = examine(budget=budget, threads=threads, device=device)
    if as_json:
        say(dumps(found.to_json(), indent=2))
        return
    console = Console(highlight=False)
    for part in page(found.resolution, found.advice, found.fingerprint, console):
        console.print(part)


@app.command()
def probe(
    *,
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="For each data type, 2 to 3600.")
    ] = 10.0,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Data types, with commas: float32,bfloat16.",
            show_default="float32; on a GPU also tf32, bfloat16, float16",
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads on the CPU.", show_default="as for `run`")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda:0, ….")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON instead.")] = False,
) -> None:
    """Measure the peak rates of this machine, and keep them for the runs that follow."""
    from convbench.machine.probe import probe as measured
    from convbench.runs.choices import checked_values
    from convbench.runs.conditions import AXES
    from convbench.ui.terminal.probe import page

    dtypes = checked_values(split(dtype), "--dtype", AXES["dtype"] or ())
    tell = partial(say, err=True) if sys.stderr.isatty() else None
    found, path = measured(device=device, dtypes=dtypes, threads=threads, budget=budget, tell=tell)
    if as_json:
        say(dumps(found.to_json(), indent=2))
        return
    show(page(found, path))


@app.command()
def layers(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="As `profile` takes it, or a convolution type.",
        ),
    ],
    *,
    inputs: Annotated[list[str], INPUT],
    arg: Annotated[list[str] | None, ARGUMENT] = None,
    budget: Annotated[float, typer.Option(metavar="SECONDS", help="For all layers.")] = 10.0,
    threads: Annotated[int, typer.Option(help="Threads on the CPU.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of weights, inputs and order.")] = 0,
    trust: Annotated[bool, TRUST] = False,
) -> None:
    """Time the layers of a block: alone, after their producers, and inside it."""
    from convbench.clock.layers import layers_of
    from convbench.ui.terminal.context import page

    found = layers_of(
        model, inputs, arg or [], budget=budget, threads=threads, seed=seed, trust=trust
    )
    show(page(found))
