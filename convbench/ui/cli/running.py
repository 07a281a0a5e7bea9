"""`run` and `report`."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand

from convbench.core.errors import ConvbenchError, SuiteError
from convbench.core.text import capital, plural
from convbench.ui.cli.app import (
    BEGAN,
    INTERRUPTED,
    NOTHING_MEASURED,
    PLUGINS,
    USAGE_ERROR,
    app,
    say,
    split,
)

if TYPE_CHECKING:
    from convbench.runs.job import Job
    from convbench.runs.store import Store


@app.command()
def run(
    *,
    suite: Annotated[
        str | None,
        typer.Option(
            help="quick, default, full, gpu, example, or FILE.toml.", show_default="default"
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="Only cases whose name matches; --dry-run shows them."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda:0, ….", show_default="auto: the GPU if there is one"),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            help="float32 (on a GPU without TF32),tf32,bfloat16,…: one or more, with commas.",
            show_default="as the suite says; float32, on a GPU tf32,bfloat16",
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            help="channels_first,channels_last: one or both.",
            show_default="as the suite says; channels_first, on a GPU channels_last",
        ),
    ] = None,
    threads: Annotated[
        str | None, typer.Option(help="1,2,…: threads on the CPU.", show_default="found by trying")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="eager,compile,cuda_graph: one or more.", show_default="as the suite says, eager"
        ),
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            help="forward,training: a training step is both ways.",
            show_default="as the suite says, forward",
        ),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(
            help="warm,cold_weights,cold: what the caches hold.",
            show_default="as the suite says, warm",
        ),
    ] = None,
    allocator: Annotated[
        str | None,
        typer.Option(
            help="kept,system: whether freed pages stay mapped.",
            show_default="as the suite says, kept",
        ),
    ] = None,
    stopwatch: Annotated[
        str | None,
        typer.Option(help="See `list stopwatches`.", show_default="the device's own"),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(help="Processes a group, at least.", show_default="as the suite says, 10"),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="For the whole run: 60s, 10m.", show_default="as the suite says"
        ),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="For one call, check or sample: a case that takes longer is ended, and failed.",
            show_default="10m",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of weights, inputs and order.", show_default="0")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the run goes.", show_default="reports/<device>-<suite>"
        ),
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
    """Derive, count and time every case of a suite, and write the report.

    Exit status: 0 at least one case was measured; 1 none was;

    2 the command or the folder cannot be used; 130 interrupted: --resume goes on.
    """
    from convbench.machine.probes.gpu import unusable
    from convbench.runs.choices import Request
    from convbench.runs.job import decide

    job = decide(
        Request(
            suite=suite,
            only=only,
            device=device,
            axes={
                "dtype": split(dtype),
                "layout": split(layout),
                "threads": split(threads),
                "mode": split(mode),
                "direction": split(direction),
                "cache": split(cache),
                "allocator": split(allocator),
            },
            processes=processes,
            budget=_seconds(budget, "--budget"),
            timeout=_seconds(timeout, "--timeout"),
            seed=seed,
            out=out,
            resume=resume,
            force=force,
            plugins=tuple(PLUGINS),
            stopwatch=stopwatch,
        )
    )
    if job.plan.device == "cpu" and device in {None, "auto"} and (why := unusable()):
        say(f"convbench: the CPU is timed, not the GPU: {why}; or say --device cpu.", err=True)
    if dry_run:
        _print_dry_run(job)
        return
    raise typer.Exit(_carry_out(job, quiet=quiet))


class _Report(TyperCommand):
    """`report`, whose help names the formats that are registered, those of plugins too."""

    def get_params(self, ctx: Any) -> Any:
        from convbench.report.renderers import RENDERERS, SCREENS

        found: Any = super().get_params(ctx)
        (option,) = (one for one in found if one.name == "formats")
        option.help = (
            f"One or more, with commas. Files: {', '.join(sorted(RENDERERS))}, or all of them. "
            f"Printed here: {', '.join(sorted(SCREENS))}."
        )
        return found


@app.command(cls=_Report)
def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `run` wrote.")],
    formats: Annotated[str, typer.Option("--format", metavar="NAME,…")] = "markdown,csv",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where files go.", show_default="RUN")
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="One table alone, as one file: main, the name of a group, or overview, ….",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="KEY,…", help="Its columns: type, macs, flops, params, ms, ratio, verdict, …."
        ),
    ] = None,
    figures: Annotated[
        str | None,
        typer.Option(metavar="FORM,…", help="Files of figures: png, svg, pdf.", show_default="png"),
    ] = None,
) -> None:
    """Write or print a run's report, from what is on disk only; nothing is measured."""
    from convbench.report.one_table import MAIN
    from convbench.report.write import ALL, print_report, split_formats, write_report, write_table
    from convbench.runs.store import load

    files, screens = split_formats(split(formats) or ("",))
    found = load(folder)
    console = Console(highlight=False)
    if table is not None or columns is not None:
        if figures is not None:
            raise ConvbenchError("--figures is for a whole report: a table has none. Leave it out.")
        keys = () if columns is None else split(columns) or ("",)
        name = MAIN if table is None else table
        paths = write_table(found, out or folder, (*files, *screens), name, keys, console)
        screens = ()
    else:
        left_out = _say_missing if ALL in files else None
        drawn = split(figures)
        paths = write_report(found, out or folder, files, missing=left_out, figures=drawn)
    for path in paths:
        say(path)
    if screens:
        print_report(found, screens, console)


def _say_missing(name: str, error: Exception) -> None:
    say(f"convbench: {name} is left out: {error}", err=True)


def _seconds(text: str | None, option: str) -> float | None:
    """Read 90, 60s, 10m or 2h as seconds; SuiteError for anything else."""
    if text is None:
        return None
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
    try:
        return float(number) * _UNITS[unit]
    except ValueError:
        raise SuiteError(f"{option} {text!r} is no time: give it as 90, 60s, 10m or 2h.") from None


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def _print_dry_run(job: Job) -> None:
    from convbench.report.formats.terminal.prose import prose
    from convbench.runs.estimating import GUESSED
    from convbench.runs.job import dry_run, shortfall
    from convbench.runs.titles import titles

    console = Console(highlight=False)

    def tell(text: str, indent: int = 0) -> None:
        console.print(prose(text, console, indent=indent, hang=2))

    rows, seconds = dry_run(job)
    names = titles(case.skeleton for group in job.groups for case in group.cases)
    tell(f"All: {names.shared}. Behind each group: its name for --only.")
    group = ""
    for label, case, what in rows:
        if label != group:
            tell(f"{names.groups[label]}  [{label}]")
            group = label
        tell(f"{case}: {what if what.startswith('measure') else 'skip: ' + what}", indent=2)
    measured = sum(what.startswith("measure") for _, _, what in rows)
    tell(
        f"{plural(measured, 'case')} to measure, {len(rows) - measured} to skip, about "
        f"{seconds:.0f} s, "
        f"to {job.out}"
    )
    if job.plan.device != "cpu":
        tell(shortfall(job) or f"{capital(GUESSED)}.")
    threads = ",".join(map(str, job.choice.axes["threads"]))
    tell(f"--threads {threads}: {job.choice.threads_because}")


def _carry_out(job: Job, *, quiet: bool) -> int:
    """Run the job and write the report, also of a run that was interrupted; return the status.

    The folder is this process's own until the report is in it.
    """
    from convbench.report.formats.terminal.prose import prose
    from convbench.runs.job import opened, shortfall
    from convbench.runs.runner import run as measure
    from convbench.ui.terminal.progress import Display

    status = 0
    console = Console(stderr=True)
    display = Display(console, job.groups, quiet=quiet)
    if not quiet and (short := shortfall(job)):
        console.print(prose(short, console), highlight=False)
    with ExitStack() as held:
        store = None
        try:
            with display:
                store, before, machine = opened(job, display)
                held.callback(store.close)
                spent = lambda: time.perf_counter() - BEGAN  # noqa: E731
                measure(job.plan, store, before, display, machine, spent=spent)
        except KeyboardInterrupt:
            status = INTERRUPTED
            text = "Interrupted. What was finished is kept; go on with --resume."
            console.print(text, markup=False)
        if store is not None:
            measured = _report(store, console, quiet=quiet)
            status = status or (0 if measured else NOTHING_MEASURED)
    return USAGE_ERROR if display.folder and status != INTERRUPTED else status


def _report(store: Store, console: Console, *, quiet: bool) -> bool:
    """Write the report, say what was found and where it is; return whether anything was measured.

    What became of the folder while the report was made is found before and after it is written.
    """
    from convbench.core.files import write_files
    from convbench.report.write import rendered
    from convbench.ui.terminal.ending import show_ending

    found = store.run()
    files = rendered(found)
    if not quiet:
        show_ending(found, console)
    there = False
    while not there:
        store.keep(whole=True)
        paths = write_files(store.path, files, then="go on with --resume")
        there = store.keep(whole=True)
    if not quiet:
        console.print("Report:")
    say(paths[0])
    return any(record.samples for record in found.records)
