"""Going on with a run: the choices that were made when it began, read from its own header."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

from convbench.core.errors import RunError, SuiteError, UnknownNameError
from convbench.core.files import stored_text
from convbench.core.reading import Table
from convbench.runs.choices import (
    Choice,
    Request,
    checked_budget,
    checked_stopwatch,
    default_folder,
    shown_path,
    with_processes,
)
from convbench.runs.conditions import AXES
from convbench.runs.record import Run
from convbench.runs.store import holds_run, load
from convbench.runs.suite import (
    MOST_CASES,
    load_suite,
    parse_suite,
    read_axes,
    suite_text,
    without_comments,
)


def stored(request: Request) -> Choice:
    """Return the choices of the run in the folder, so that what is left is what was planned.

    Raises RunError for a folder without a run, and for an option that says something else.
    """
    from convbench.machine.device import resolve_device, resolve_threads

    out = request.out
    if out is None:
        wanted = load_suite(request.suite or "default").name
        out = default_folder(resolve_device(request.device or "auto"), wanted)
    if not holds_run(out):
        raise RunError(f"{out} holds no run to resume: leave --resume out to begin one there.")
    found = load(out)
    try:
        choice = _choice(request, found, out)
    except (UnknownNameError, SuiteError) as error:
        if not (options := _plugins(request, found)):
            raise
        raise RunError(
            f"{error} The run in {out} was begun with plugins: give them again, as in `convbench "
            f"{options} run --resume`."
        ) from None
    if not 1 <= (cases := found.header.suite["cases"]) <= MOST_CASES:
        raise RunError(
            f"{out}/run.json says that {cases!s:.40} cases were planned, and a run has 1 to "
            f"{MOST_CASES:,}: the file was changed by hand; restore it or make the run again."
        )
    _check_same(request, choice)
    resolve_device(choice.device)
    resolve_threads(choice.axes["threads"])
    return choice


def _plugins(request: Request, found: Run) -> str:
    """Return the options for the plugins that a run was begun with and now lacks; "" for none."""
    try:
        words = shlex.split(found.header.command)
    except ValueError:  # no command of a shell: the file was changed by hand
        words = []
    begun = [name for option, name in pairwise(words) if option == "--plugin"]
    given = [shown_path(name) for name in request.plugins]
    lacking = [name for name in begun if name not in given]
    return shlex.join(word for name in lacking for word in ("--plugin", name))


def _choice(request: Request, found: Run, out: Path) -> Choice:
    """Return the choices that the header holds."""
    kept = found.header.suite
    named = str(found.header.fingerprint.get("stopwatch", ""))
    try:
        return Choice(
            suite=with_processes(
                parse_suite(kept["text"], f"{out}/run.json, the suite"), kept.get("processes")
            ),
            text=kept["text"],
            device=kept["device"],
            axes=_axes(Table(f"{out}/run.json", "suite.axes", kept["axes"])),
            threads_because=str(found.header.fingerprint.get("threads_because", "as the run says")),
            processes=kept.get("processes"),
            budget=kept.get("budget") if request.budget is None else checked_budget(request.budget),
            only=kept["only"],
            seed=found.header.seed,
            out=out,
            resumed=found,
            stopwatch=checked_stopwatch(named, kept["device"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{out}/run.json does not hold the suite that was run ({error}): make the run again."
        ) from None


def _axes(table: Table) -> dict[str, tuple[Any, ...]]:
    """Return what every axis is to be; SuiteError where one is missing, or is no axis."""
    found = read_axes(table)
    for axis in AXES:
        if axis not in found:
            table.missing(axis)
    return found


def _check_same(request: Request, choice: Choice) -> None:
    from convbench.machine.device import resolve_device

    if request.suite is not None and without_comments(suite_text(request.suite)) != choice.text:
        raise RunError(
            f"{choice.out} was begun with another text of suite {choice.suite.name}, and --resume "
            "goes on with what was planned: leave --suite out, or begin another run with --out."
        )
    stopwatch = request.stopwatch
    if stopwatch is not None:
        stopwatch = checked_stopwatch(stopwatch, choice.device)
    given: dict[str, object] = {
        "only": request.only and stored_text(request.only),
        "processes": request.processes,
        "seed": request.seed,
        "stopwatch": stopwatch,
        "device": None,
    }
    if request.device not in {None, "auto"}:
        given["device"] = resolve_device(str(request.device))
    for key, value in given.items():
        if value is not None and value != getattr(choice, key):
            raise _other(choice.out, key, getattr(choice, key), value)
    for axis, values in request.axes.items():
        before = tuple(map(str, choice.axes.get(axis, ())))
        one = axis == "threads" and choice.device != "cpu"  # as `resolve_threads` has it
        wanted = values[:1] if values and one else values
        if wanted is not None and tuple(wanted) != before:
            raise _other(choice.out, axis, ",".join(before), ",".join(wanted))


def _other(out: Path, key: str, value: object, given: object) -> RunError:
    return RunError(
        f"{out} was begun with {key}={value!r:.80} and --resume was given {given!r:.80}: leave the "
        "option out, or begin another run with --out."
    )
