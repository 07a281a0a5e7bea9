"""What a run is to do: what the user asked for, and every choice that follows from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from convbench.clock.cuda_flags import TF32_OVERRIDE
from convbench.core.errors import SuiteError, UnknownNameError
from convbench.core.reading import decimal
from convbench.runs.conditions import AXES, defaults
from convbench.runs.record import Run
from convbench.runs.suite import (
    LEAST_SECONDS,
    MOST_PROCESSES,
    MOST_SECONDS,
    Suite,
    load_suite,
    suite_text,
    without_comments,
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for; None is "as the suite says", or on --resume "as the run says"."""

    suite: str | None = None
    only: str | None = None
    device: str | None = None
    axes: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    processes: int | None = None
    budget: float | None = None
    timeout: float | None = None
    seed: int | None = None
    out: Path | None = None
    resume: bool = False
    force: bool = False
    plugins: tuple[str, ...] = ()
    stopwatch: str | None = None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A request with every choice made: by the user, the suite, the machine, or the run resumed."""

    suite: Suite
    text: str
    device: str
    axes: dict[str, tuple[Any, ...]]
    threads_because: str
    processes: int | None
    budget: float | None
    only: str | None
    seed: int
    out: Path
    resumed: Run | None = None
    stopwatch: str = ""


def choose(request: Request) -> Choice:
    """Make the choices of a new run; the errors are those of `job.decide`."""
    from convbench.machine.device import resolve_device, resolve_threads

    name = "default" if request.suite is None else request.suite
    suite = load_suite(name)
    device = resolve_device(request.device or "auto")
    axes = _axes(request, suite, device)
    threads = resolve_threads(axes["threads"] or None, device)
    return Choice(
        suite=with_processes(suite, request.processes),
        text=without_comments(suite_text(name)),
        device=device,
        axes={**axes, "threads": threads.numbers},
        threads_because=threads.because,
        processes=request.processes,
        budget=checked_budget(request.budget),
        only=request.only,
        seed=request.seed or 0,
        out=request.out or default_folder(device, suite.name),
        stopwatch=checked_stopwatch(request.stopwatch, device),
    )


def default_folder(device: str, suite: str) -> Path:
    """Return where a run goes unless told: reports/<device>-<suite>."""
    return Path("reports") / f"{device.replace(':', '')}-{suite}"


def shown_path(path: str) -> str:
    """Return a path as others may read it: below the working folder, else its last part alone.

    So a run tells nothing of the folders around, neither by an absolute path nor by one that leads
    up; whoever makes it again gives the path to their own copy.
    """
    here = Path.cwd()
    whole = Path(os.path.normpath(here / path))  # links are not resolved: names are all that it has
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else whole.name


def _axes(request: Request, suite: Suite, device: str) -> dict[str, tuple[Any, ...]]:
    """Return what every axis is to be: by the command line, else the suite, else the device.

    Threads of which neither says anything are (). SuiteError for TF32 on a GPU that has none.
    """
    from convbench.machine.device import has_tf32

    tf32 = device == "cpu" or has_tf32(device)
    axes: dict[str, tuple[Any, ...]] = {}
    for axis, known in AXES.items():
        given = request.axes.get(axis)
        if known is None:
            chosen = suite.axes.get(axis) if given is None else _numbers(given, f"--{axis}")
            axes[axis] = chosen or ()
        else:
            chosen = checked_values(given, f"--{axis}", known) or suite.axes.get(axis)
            axes[axis] = chosen or defaults(axis, device, suite.spatial_axes, tf32=tf32)
    if not tf32 and "tf32" in axes["dtype"]:
        raise SuiteError(
            f"The data type tf32 was asked for, and {device} has none: its compute capability is "
            f"below 8.0, or {TF32_OVERRIDE}=0 turns it off. Give --dtype float32,float16."
        )
    return axes


def checked_budget(seconds: float | None) -> float | None:
    """Return the budget; SuiteError for one that nothing can be measured in, or without end."""
    if seconds is not None and not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise SuiteError(
            f"--budget {seconds:g}: give {LEAST_SECONDS:g} to {MOST_SECONDS:g} seconds, as 90, "
            "60s, 10m or 2h; starting and reporting alone take some 10 s."
        )
    return seconds


def checked_stopwatch(name: str | None, device: str) -> str:
    """Return the name, "" for the device's own; an error where there is no such one for it."""
    from convbench.clock.cuda import stopwatch_for

    if not name:
        return ""
    try:
        if type(stopwatch_for(device, name)) is type(stopwatch_for(device)):
            return ""
    except UnknownNameError:
        raise
    except Exception as error:  # noqa: BLE001  a plugin's may raise anything
        raise SuiteError(
            f"--stopwatch {name} does not go with --device {device}: {error}. Leave it out for the "
            "device's own."
        ) from None
    return name


def with_processes(suite: Suite, processes: int | None) -> Suite:
    """Return the suite with so many processes for every group; as it is for None."""
    if processes is None:
        return suite
    if not 1 <= processes <= MOST_PROCESSES:
        raise SuiteError(
            f"--processes {processes!s:.40}: give 1 to {MOST_PROCESSES}; each measures every group."
        )
    return replace(
        suite,
        groups=tuple(
            replace(group, timing=replace(group.timing, processes=processes))
            for group in suite.groups
        ),
    )


def _numbers(given: tuple[str, ...], option: str) -> tuple[int, ...]:
    numbers = tuple(number for text in given if (number := decimal(text)))
    if not given or len(numbers) < len(given):
        raise SuiteError(f"{option} {','.join(given)!r:.200}: give whole numbers of at least 1.")
    return numbers


def checked_values(
    given: tuple[str, ...] | None, option: str, known: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the values of an option; SuiteError for none, and for one that is not known."""
    if given == ():
        raise SuiteError(f"{option} is empty: give {', '.join(known)}, or leave it out.")
    for value in given or ():
        if value not in known:
            raise SuiteError(f"{option} {value!r:.200} is not known: give {', '.join(known)}.")
    return given
