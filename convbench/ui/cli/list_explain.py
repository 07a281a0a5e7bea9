"""`list` and `explain`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from convbench.ui.cli.app import app


class Listed(StrEnum):
    """What `convbench list` can list."""

    types = "types"
    networks = "networks"
    suites = "suites"
    counters = "counters"
    devices = "devices"
    stopwatches = "stopwatches"


@app.command("list")
def list_(
    what: Annotated[
        Listed | None, typer.Argument(help="What to list; everything when left out.")
    ] = None,
    *,
    example: Annotated[
        bool, typer.Option("--example", help="With suites: print the documented example file.")
    ] = False,
) -> None:
    """List the types, networks, suites, counters, devices or stopwatches."""
    if example:
        from convbench.runs.suite import suite_text

        typer.echo(suite_text("example"), nl=False)
        return
    from convbench.report.formats.terminal import print_document
    from convbench.ui.terminal.listing import LISTS

    console = Console(highlight=False)
    for place, name in enumerate(LISTS if what is None else [what.value]):
        if place:
            console.print()
        print_document(LISTS[name](), console)


@app.command()
def explain(
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="See `convbench list types`.")],
    *,
    in_channels: Annotated[int | None, typer.Option(help="C, input channels.")] = None,
    out_channels: Annotated[int | None, typer.Option(help="N, output channels.")] = None,
    input_size: Annotated[
        str | None,
        typer.Option("--input", metavar="7x7", help="Spatial size: 28 (1-D), 7x7 or 4x7x7."),
    ] = None,
    kernel: Annotated[str | None, typer.Option(metavar="3", help="Taps: 3, or 3x1.")] = None,
    stride: Annotated[
        str | None, typer.Option(metavar="1", help="Stride; for a type that upsamples, the scale.")
    ] = None,
    padding: Annotated[str | None, typer.Option(metavar="0", help="0, 1, 1x0 or same.")] = None,
    dilation: Annotated[str | None, typer.Option(metavar="1", help="Spread of the taps.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images at once.")] = None,
    scale: Annotated[int | None, typer.Option(help="Factor of an upsampling slot.")] = None,
    bias: Annotated[bool, typer.Option("--bias", help="With bias.")] = False,
    block: Annotated[bool, typer.Option("--block", help="With batch norm and ReLU.")] = False,
    knob: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A knob of the type; repeatable.")
    ] = None,
    vs: Annotated[
        str | None,
        typer.Option(help="Type to compare with.", show_default="standard; upsampling: transposed"),
    ] = None,
) -> None:
    """Show a type's idea, steps, formula, worked numbers, ratio, and what the counters say."""
    from convbench.formulas.explanation import explain as sections
    from convbench.formulas.explanation import versus_for
    from convbench.report.formats.terminal.prose import prose
    from convbench.ui.slots import type_and_slot

    asked = {
        "in_channels": in_channels,
        "out_channels": out_channels,
        "input_size": input_size,
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "batch": batch,
        "scale": scale,
        "bias": bias or None,
    }
    chosen, spec = type_and_slot(kind, asked, knob or [], block=block)
    console = Console(highlight=False)
    for place, (title, lines) in enumerate(sections(chosen, spec, versus_for(chosen, vs))):
        console.print(prose(title, console, style="bold", hang=2))
        for line in lines:
            console.print(prose(line, console, indent=2, hang=2 if place else 0))
        console.print()
