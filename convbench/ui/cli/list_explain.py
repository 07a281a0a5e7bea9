"""`list` and `explain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from convbench.core.errors import SpecError
from convbench.core.registry import unknown
from convbench.ui.cli import slot_options as slot
from convbench.ui.cli.app import PLUGINS, app, say, show

if TYPE_CHECKING:
    from convbench.convs.base import ConvType
    from convbench.core.spec import ConvSpec
    from convbench.report.document import Document


def _lists() -> Mapping[str, Callable[[], Document]]:
    from convbench.ui.terminal.listing import LISTS

    return LISTS


@app.command("list")
def list_(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="WHAT",
            help="types, networks, suites, counters, devices or stopwatches; else all.",
            autocompletion=lambda: [*_lists()],
        ),
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

    lists = _lists()
    if what is not None and what not in lists:
        raise unknown("list", what, lists)
    for place, name in enumerate(lists if what is None else [what]):
        if place:
            say("")
        show(lists[name]())


@app.command()
def explain(
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="See `convbench list types`.")],
    *,
    in_channels: slot.InChannels = None,
    out_channels: slot.OutChannels = None,
    input_size: Annotated[
        str | None,
        typer.Option("--input", metavar="7x7", help="Spatial size: 28 (1-D), 7x7 or 4x7x7."),
    ] = None,
    kernel: slot.Kernel = None,
    stride: slot.Stride = None,
    padding: slot.Padding = None,
    dilation: slot.Dilation = None,
    batch: slot.Batch = None,
    scale: slot.Scale = None,
    bias: slot.Bias = False,
    block: slot.Block = False,
    knob: slot.Knob = None,
    vs: Annotated[
        str | None,
        typer.Option(help="Type to compare with.", show_default="standard; upsampling: transposed"),
    ] = None,
    dispatch: Annotated[
        bool,
        typer.Option(
            "--dispatch",
            help="Run it here instead: which implementation runs, and what flips it (threads, "
            "batch, layout, data type, channels, multiplier).",
        ),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(help="With --dispatch: auto, cpu, cuda:0, ….", show_default="auto"),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="With --dispatch: of timed rounds.", show_default="10"
        ),
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
    if dispatch:
        _dispatch(chosen, spec, device or "auto", 10.0 if budget is None else budget)
        return
    if device is not None or budget is not None:
        raise SpecError(
            "--budget and --device are for --dispatch, without which nothing runs: add it, or "
            "leave them out."
        )
    for place, (title, lines) in enumerate(sections(chosen, spec, versus_for(chosen, vs))):
        console.print(prose(title, console, style="bold", hang=2))
        for line in lines:
            console.print(prose(line, console, indent=2, hang=2 if place else 0))
        console.print()


def _dispatch(kind: ConvType, spec: ConvSpec, device: str, budget: float) -> None:
    from convbench.experiments.dispatch import dispatch
    from convbench.experiments.page import dispatch_page
    from convbench.machine.device import resolve_device

    where = resolve_device(device)
    found = dispatch(kind, spec, budget=budget, device=where, plugins=PLUGINS)
    show(dispatch_page(found, where))
