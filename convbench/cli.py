"""The command line: one short function a command, and no logic. Imports no torch by itself."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from convbench import __version__
from convbench.errors import ConvbenchError

if TYPE_CHECKING:
    from convbench.runs.job import Job

USAGE_ERROR = 2
INTERRUPTED = 130

app = typer.Typer(
    name="convbench",
    help="What a convolution costs: derived by formula, counted from the program, timed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PLUGINS: list[str] = []


class Listed(StrEnum):
    """What `convbench list` can list."""

    types = "types"
    networks = "networks"
    suites = "suites"
    counters = "counters"
    devices = "devices"


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"convbench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE.py|MODULE", help="Import types of your own first; repeatable."),
    ] = None,
    version: Annotated[  # noqa: ARG001, FBT002  the callback of the option does the work
        bool,
        typer.Option(
            "--version",
            callback=lambda value: _version(wanted=value),
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Say what a convolution costs, three ways, and where they disagree, why."""
    from convbench.plugins import load_plugin

    PLUGINS[:] = plugin or []
    for name in PLUGINS:
        load_plugin(name)


@app.command()
def run(
    *,
    suite: Annotated[
        str | None,
        typer.Option(help="quick, default, full, example, or FILE.toml. [default: default]"),
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Only cases whose name matches.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda:0, …. [default: auto: the GPU if there is one]"),
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32,bfloat16,…: one or more, with commas.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="channels_first,channels_last: one or both.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads on the CPU. [default: torch's]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of weights, inputs and order. [default: 0]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="[default: reports/<device>-<suite>]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the folder.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Resume although the environment changed.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="List the cases, what is skipped and why, and the time."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only where the report is.")
    ] = False,
) -> None:
    """Derive, count and time every case of a suite, and write the report."""
    from convbench.runs.job import Request, decide

    job = decide(
        Request(
            suite=suite,
            only=only,
            device=device,
            dtypes=_split(dtype),
            layouts=_split(layout),
            threads=threads,
            seed=seed,
            out=out,
            resume=resume,
            force=force,
            plugins=tuple(PLUGINS),
        )
    )
    if dry_run:
        _print_dry_run(job)
        return
    raise typer.Exit(_carry_out(job, quiet=quiet))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `run` wrote.")],
    formats: Annotated[
        str, typer.Option("--format", help="markdown,csv: one or more, with commas.")
    ] = "markdown,csv",
) -> None:
    """Write a run's report again, from what is on disk only."""
    from convbench.report.write import write_report
    from convbench.runs.store import load

    for path in write_report(load(folder), folder, _split(formats) or ()):
        typer.echo(path)


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
    """List the types, networks, suites, counters or devices."""
    if example:
        from convbench.runs.suite import suite_text

        typer.echo(suite_text("example"), nl=False)
        return
    from convbench.terminal.listing import LISTS

    console = Console()
    for name in LISTS if what is None else [what.value]:
        console.print(LISTS[name]())


@app.command()
def explain(
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="See `convbench list types`.")],
    *,
    in_channels: Annotated[int | None, typer.Option(help="C, input channels.")] = None,
    out_channels: Annotated[int | None, typer.Option(help="N, output channels.")] = None,
    input_size: Annotated[
        str | None, typer.Option("--input", metavar="7x7", help="Spatial size: 56, 7x7 or 4x7x7.")
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
        str | None, typer.Option(help="Compare with. [default: standard; upsampling: transposed]")
    ] = None,
) -> None:
    """Show a type's idea, steps, formula, worked numbers, ratio, and what the counters say."""
    from convbench.asking import type_and_slot
    from convbench.explanation import explain as sections
    from convbench.explanation import versus_for

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
    for title, lines in sections(chosen, spec, versus_for(chosen, vs)):
        console.print(title, style="bold", markup=False)
        for line in lines:
            console.print(f"  {line}", markup=False, soft_wrap=True)
        console.print()


def _split(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _print_dry_run(job: Job) -> None:
    from convbench.runs.job import dry_run

    rows, seconds = dry_run(job)
    group = ""
    for label, case, what in rows:
        if label != group:
            typer.echo(label)
            group = label
        typer.echo(f"  {case}: {what if what == 'measure' else 'skip: ' + what}")
    measured = sum(what == "measure" for _, _, what in rows)
    typer.echo(
        f"{measured} cases to measure, {len(rows) - measured} to skip, about {seconds:.0f} s, "
        f"to {job.out}"
    )


def _carry_out(job: Job, *, quiet: bool) -> int:
    """Run the job and write the report, also of a run that was interrupted; return the status."""
    from convbench.runs.job import carry_out
    from convbench.terminal.progress import Display

    status = 0
    console = Console(stderr=True)
    try:
        with Display(console, job.todo, quiet=quiet) as display:
            carry_out(job, display)
    except KeyboardInterrupt:
        status = INTERRUPTED
        console.print("Interrupted. What was finished is kept; go on with --resume.", markup=False)
    return _write_report(job.out, status, console)


def _write_report(out: Path, status: int, console: Console) -> int:
    from convbench.report.write import write_report
    from convbench.runs.job import summary
    from convbench.runs.store import holds_run, load

    if not holds_run(out):
        return status
    found = load(out)
    paths = write_report(found, out, ("markdown", "csv"))
    counts = ", ".join(f"{number} {name}" for name, number in summary(found).items())
    console.print(f"{counts or 'nothing measured'}. Report:", markup=False, highlight=False)
    typer.echo(paths[0])
    return status


def main() -> None:
    """Run the command line: errors a user can cause end in one message and status 2."""
    try:
        app()
    except ConvbenchError as error:
        typer.echo(f"convbench: {error}", err=True)
        sys.exit(USAGE_ERROR)
