"""`calibrate`, `predict` and `breakeven`: times from shapes, on a machine that was calibrated."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from convbench.ui.cli import slot_options as slot
from convbench.ui.cli.app import app, say, show
from convbench.ui.cli.counting import ARGUMENT, TRUST

THREADS = typer.Option(help="Threads on the CPU.", min=1)
CALIBRATION = typer.Option(
    metavar="FILE", help="Of `calibrate --out`.", show_default="that of this machine"
)
ANY_MACHINE = typer.Option("--any-machine", help="Take one of another machine too.")
LAYOUT = typer.Option(metavar="channels_first|channels_last", help="Order of images in memory.")


@app.command()
def calibrate(
    *,
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="To time samples, 5 to 3600.", min=5, max=3600)
    ] = 55.0,
    threads: Annotated[
        list[int] | None,
        typer.Option(help="Repeat for several.", show_default="1, and PyTorch's own number", min=1),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the shapes.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to.", show_default="the user's cache folder"),
    ] = None,
) -> None:
    """Time convolutions of many shapes on this machine, and fit the model that `predict` uses."""
    from convbench.prediction.calibrating import calibrate as made
    from convbench.prediction.calibration import save
    from convbench.ui.terminal.prediction import calibration_page

    found = made(threads, budget, seed, told=_progress())
    path = save(found, out)
    show(calibration_page(found))
    say(f"\nWritten to {path}.")


@app.command()
def predict(
    kind: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="See `convbench list types`.")
    ] = None,
    *,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Instead of a type; as for `profile`.")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="56x56|1x3x224x224",
            help="Spatial size of a type's input; shape of a model's, batch first, repeatable.",
        ),
    ] = None,
    arg: Annotated[list[str] | None, ARGUMENT] = None,
    in_channels: slot.InChannels = None,
    out_channels: slot.OutChannels = None,
    kernel: slot.Kernel = None,
    stride: slot.Stride = None,
    padding: slot.Padding = None,
    dilation: slot.Dilation = None,
    batch: slot.Batch = None,
    scale: slot.Scale = None,
    bias: slot.Bias = False,
    block: slot.Block = False,
    knob: slot.Knob = None,
    threads: Annotated[int, THREADS] = 1,
    layout: Annotated[str, LAYOUT] = "channels_first",
    calibration: Annotated[Path | None, CALIBRATION] = None,
    any_machine: Annotated[bool, ANY_MACHINE] = False,
    trust: Annotated[bool, TRUST] = False,
) -> None:  # fmt: skip
    """Predict the time of a type in a slot, or of a model, from shapes: nothing is computed."""
    from convbench.prediction.calibration import load
    from convbench.prediction.predicting import PredictionError, of_model, of_type
    from convbench.ui.slots import type_and_slot
    from convbench.ui.terminal.prediction import page

    asked = {
        "in_channels": in_channels, "out_channels": out_channels, "kernel_size": kernel,
        "stride": stride, "padding": padding, "dilation": dilation, "batch": batch,
        "scale": scale, "bias": bias or None,
    }  # fmt: skip
    if (kind is None) == (model is None):
        raise PredictionError("Give a convolution type, or a model with --model: one of the two.")
    if model is not None and (
        beside := [name for name, value in {**asked, "block": block, "knob": knob}.items() if value]
    ):
        said = ", ".join(f"--{name.replace('_size', '').replace('_', '-')}" for name in beside)
        raise PredictionError(f"{said} belong to a type and not to a model: leave them out.")
    if kind is not None and arg:
        raise PredictionError("--arg belongs to --model: give knobs of a type with --knob.")
    if kind is not None and len(inputs or []) > 1:
        raise PredictionError("A type has one input: give --input once, as a spatial size.")
    if model is not None and not inputs:
        raise PredictionError("--model needs the shape of its input: --input 1x3x224x224.")
    fit = load(calibration, any_machine=any_machine).fit(threads)
    if kind is not None:
        chosen, spec = type_and_slot(
            kind, {**asked, "input_size": inputs[0] if inputs else None}, knob or [], block=block
        )
        title = f"{chosen.label} {spec.title}"
        found = of_type(chosen, spec, fit=fit, layout=layout)
    else:
        title = f"{model} {', '.join(inputs or [])}"
        found = of_model(str(model), inputs or [], arg or [], fit=fit, layout=layout, trust=trust)
    show(page(found, title, layout))


@app.command()
def breakeven(
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="See `convbench list types`.")],
    *,
    vs: Annotated[str, typer.Option(metavar="TYPE", help="What it replaces.")] = "standard",
    channels: Annotated[
        str, typer.Option(metavar="N,…", help="Channels, in and out.")
    ] = "16,32,64,128,256,512",
    sizes: Annotated[str, typer.Option(metavar="N,…", help="Sides of images.")] = "7,14,28,56,112",
    batches: Annotated[str, typer.Option(metavar="N,…", help="Images at once.")] = "1,8",
    kernel: Annotated[int, typer.Option(help="Taps along each axis.", min=1)] = 3,
    block: slot.Block = False,
    knob: slot.Knob = None,
    measured: Annotated[
        float, typer.Option(metavar="SECONDS", help="To time slots near 1; 0 for none.", min=0)
    ] = 20.0,
    threads: Annotated[int, THREADS] = 1,
    layout: Annotated[str, LAYOUT] = "channels_first",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a figure: .png, .svg or .pdf.")
    ] = None,
    calibration: Annotated[Path | None, CALIBRATION] = None,
    any_machine: Annotated[bool, ANY_MACHINE] = False,
) -> None:
    """Map where a type is predicted to be faster than another, over channels, size and batch."""
    from convbench.convs.base import make
    from convbench.core.files import write_file
    from convbench.prediction.breakeven import Grid
    from convbench.prediction.breakeven import breakeven as mapped
    from convbench.prediction.calibration import load
    from convbench.prediction.predicting import PredictionError
    from convbench.report.figures.heat import heat_map, known_form
    from convbench.ui.slots import knobs_of
    from convbench.ui.terminal.prediction import breakeven_page

    form = None if out is None else known_form(out.suffix)
    if out is not None and form is None:
        raise PredictionError(f"--out {out}: end it with .png, .svg or .pdf.")
    grid = Grid.of(channels=channels, sizes=sizes, batches=batches, kernel=kernel)
    new = make(kind, {**knobs_of(kind, knob or []), "block": block})
    fit = load(calibration, any_machine=any_machine).fit(threads)
    found = mapped(new, make(vs, {"block": block}), grid, fit=fit, layout=layout,
                   seconds=measured, told=_progress())  # fmt: skip
    show(breakeven_page(found))
    if out is not None and form is not None:
        write_file(out, heat_map(found, form), "name another file")
        say(f"\nWritten to {out}.")


def _progress() -> Callable[[str], None] | None:
    """Return what says on standard error what is being done, where somebody watches."""
    if not sys.stderr.isatty():
        return None
    return lambda text: say(f"convbench: {text} …", err=True)
