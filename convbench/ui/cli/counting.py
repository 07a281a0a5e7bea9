"""`profile`, `formula` and `audit`: what networks cost, and whose count is right."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from convbench.core.serialization import harmless
from convbench.counting.engine.columns import COLUMNS, SHOWN, needs_shapes
from convbench.ui.cli.app import PLUGINS, app, say, show, split

if TYPE_CHECKING:
    from convbench.counting.engine.profile import Profile
    from convbench.report.document import Document


class Written(StrEnum):
    """What `profile --format` writes."""

    markdown = "markdown"
    csv = "csv"
    json = "json"


ENDINGS = {".md": Written.markdown, ".csv": Written.csv, ".json": Written.json}
MODEL = typer.Argument(
    metavar="MODEL",
    help="package.module:factory, FILE.py:factory, a registered network, FILE.pt2 or FILE.onnx.",
)
INPUT = typer.Option(
    "--input",
    metavar="[NAME=]1x3x224x224[:DTYPE]",
    help="Shape of an input, batch first, and its data type where it is not the weights': "
    "2x7:int64 for tokens. NAME= for one that the forward takes by keyword. Repeat for several.",
)
ARGUMENT = typer.Option("--arg", metavar="KEY=VALUE", help="For the factory; repeatable.")
TRUST = typer.Option("--trust", help="Load MODEL also where it is a FILE.pt2, which can run code.")


@app.command()
def profile(  # noqa: C901  (one branch for each form of output)
    model: Annotated[str, MODEL],
    *,
    inputs: Annotated[list[str], INPUT],
    arg: Annotated[list[str] | None, ARGUMENT] = None,
    backward: Annotated[
        bool, typer.Option("--backward", help="Count the gradients too, in evaluation mode.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where an operator has no counting rule.")
    ] = False,
    depth: Annotated[
        int | None, typer.Option(help="Levels below the whole to show, in every format.", min=0)
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help=f"Columns to show, or all: {', '.join(COLUMNS)}."),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Order of what is inside a module: the largest first."),
    ] = None,
    written: Annotated[
        Written | None, typer.Option("--format", help="Write this instead of the tree.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to, as its ending says (.md, .csv, .json); else to standard output.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print one line: totals.")] = False,
    time: Annotated[
        bool, typer.Option("--time", help="Time its layers too, and predict them if calibrated.")
    ] = False,
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="For --time, of all layers.")
    ] = 10.0,
    threads: Annotated[int, typer.Option(help="For --time, on the CPU.", min=1)] = 1,
    explain_counter: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help="Say instead why other counters (see `list counters`) show another number.",
        ),
    ] = None,
    trust: Annotated[bool, TRUST] = False,
) -> None:
    """Count what any network costs, by module: nothing is computed, no weights are held."""
    from convbench.counting.base import CountError
    from convbench.counting.engine.by_name import InputError, profile_reference, translate_reference
    from convbench.ui.terminal.profile import FORMATS, page

    if explain_counter is not None:
        given = {
            "--backward": backward, "--strict": strict, "--format": written, "--out": out,
            "--depth": depth is not None, "--columns": columns, "--sort": sort, "--quiet": quiet,
        }  # fmt: skip
        if beside := [name for name, value in given.items() if value]:
            raise InputError(
                f"--explain-counter says a sentence for each counter, of the forward pass: leave "
                f"out {', '.join(beside)}."
            )
        with redirect_stdout(sys.stderr):
            said, failed = translate_reference(
                model, inputs, arg or [], split(explain_counter) or ("",), trust=trust
            )
        for sentence in said:
            say(sentence)
        if failed:
            raise CountError("\n".join(failed))
        return
    written = written or form_of(out)
    chosen = tuple(COLUMNS) if columns == "all" else split(columns and columns.lower())
    sort = sort and sort.lower()
    asked = {"--format": written, "--columns": chosen, "--quiet": quiet, "--backward": backward}
    if quiet:
        _alone("--quiet prints the totals alone", asked, "--format", "--columns")
    if time:
        _alone("--time is of a forward pass, in a terminal", asked, "--format", "--quiet",
               "--backward")  # fmt: skip
    noted = not quiet and needs_shapes([*(chosen or SHOWN), *([sort] if sort else [])])
    with redirect_stdout(sys.stderr):  # what the model prints is not what is written here
        found = profile_reference(
            model, inputs, arg or [], backward=backward, strict=strict, noted=noted, trust=trust
        )
    if quiet:
        say(found)
        for note in found.notes:
            say(f"convbench: {note}", err=True)
        return
    if written is not None:
        write(FORMATS[written.value](found, chosen, depth=depth, sort=sort), out)
        return
    console = Console(highlight=False)
    for line in page(found, chosen, depth=depth, sort=sort, width=console.width):
        console.print(harmless(line) if isinstance(line, str) else line, markup=False)
    if time:
        with redirect_stdout(sys.stderr):
            times = _times(found, model, inputs, arg or [], budget, threads, trust=trust)
        console.print()
        show(times)


def _alone(why: str, asked: Mapping[str, object], *names: str) -> None:
    """Raise InputError where one of these options is asked for too."""
    from convbench.counting.engine.by_name import InputError

    if beside := [name for name in names if asked[name]]:
        raise InputError(f"{why}: leave out {', '.join(beside)}.")


def _times(
    counted: Profile,
    model: str,
    inputs: list[str],
    arg: list[str],
    budget: float,
    threads: int,
    *,
    trust: bool,
) -> Document:
    """Return the measured and the predicted times of a model's layers."""
    from convbench.clock.layers import layers_of
    from convbench.prediction.calibration import CalibrationError, load
    from convbench.prediction.predicting import PredictionError, of_model
    from convbench.ui.terminal.timed_profile import page

    times = layers_of(model, inputs, arg, budget=budget, threads=threads, seed=0, trust=trust)
    try:
        fit = load().fit(threads)
        predicted, missing = of_model(model, inputs, arg, fit=fit, trust=trust), ""
    except (CalibrationError, PredictionError) as error:
        predicted, missing = None, str(error)
    return page(counted, times, predicted, missing)


def form_of(out: Path | None) -> Written | None:
    """Return what a file's ending says to write; InputError where it says nothing."""
    from convbench.counting.engine.by_name import InputError

    if out is None:
        return None
    try:
        return ENDINGS[out.suffix]
    except KeyError:
        raise InputError(
            f"--out {out} does not say what to write: end it with {', '.join(ENDINGS)}, or give "
            f"--format {'|'.join(Written)}."
        ) from None


def write(text: str, out: Path | None) -> None:
    """Write to a file, or to standard output."""
    if out is None:
        say(text, nl=False)
        return
    from convbench.core.files import write_file

    write_file(out, harmless(text), "name another file")
    say(out)


@app.command()
def formula(
    model: Annotated[str, MODEL],
    *,
    input_shape: Annotated[
        str,
        typer.Option(
            "--input",
            metavar="1x3x256x128[:DTYPE]",
            help="An input, batch and channels first; 2x7:int64 for tokens.",
        ),
    ],
    arg: Annotated[list[str] | None, ARGUMENT] = None,
    dynamic: Annotated[
        str, typer.Option(metavar="B,H,W", help="Sizes that stay symbols; auto: all that can.")
    ] = "auto",
    trust: Annotated[bool, TRUST] = False,
) -> None:
    """Show any network's exact multiplications as a formula in its batch and resolution."""
    from convbench.formulas.tracing.by_name import formula_reference

    names = dynamic if dynamic == "auto" else split(dynamic)
    with redirect_stdout(sys.stderr):
        lines = formula_reference(model, input_shape, arg or [], dynamic=names or (), trust=trust)
    for line in lines:
        say(line)


@app.command()
def audit(
    *,
    counters: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="Counters to ask.", show_default="all installed"),
    ] = None,
    cases: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Only cases whose id matches.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For the report.", show_default="reports/counter-audit"),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List cases and counters.")] = False,
    jobs: Annotated[int, typer.Option(help="Counters asked at the same time.", min=1)] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Ask every installed counter what small cases cost, and show who is right."""
    from convbench.audit.command import audit_command

    status = audit_command(
        counters=split(counters), cases=cases, out=out, only_list=listed, jobs=jobs, quiet=quiet,
        plugins=PLUGINS, echo=typer.echo,
    )  # fmt: skip
    raise typer.Exit(status)
