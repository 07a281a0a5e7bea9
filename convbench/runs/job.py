"""The main job: what `convbench run` was asked for, as a plan, and the plan carried out."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from convbench.errors import ConvbenchError, RunError, SuiteError
from convbench.runs.cases import Group, all_cases, expand
from convbench.runs.conditions import AXES, combinations, default
from convbench.runs.groups import Watcher
from convbench.runs.machine import know_thyself
from convbench.runs.record import Header, Run
from convbench.runs.runner import Plan, run
from convbench.runs.store import Store, holds_run, load, locked
from convbench.runs.suite import Suite, load_suite, parse_suite, suite_text


MOST_PROCESSES: Final = 100


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for; None is "as the suite says", or on --resume "as the run says"."""

    suite: str | None = None
    only: str | None = None
    device: str | None = None
    axes: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    processes: int | None = None
    seed: int | None = None
    out: Path | None = None
    resume: bool = False
    force: bool = False
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Job:
    """A request with everything decided."""

    plan: Plan
    suite: Suite
    text: str
    axes: dict[str, tuple[Any, ...]]
    only: str | None
    out: Path
    command: str
    force: bool
    processes: int | None
    resumed: Run | None

    @property
    def groups(self) -> tuple[Group, ...]:
        """All groups, those that are finished too."""
        return self.plan.groups

    @property
    def done(self) -> frozenset[str]:
        """The cases that a resumed run has already."""
        if self.resumed is None:
            return frozenset()
        return frozenset(record.case for record in self.resumed.records)

    @property
    def todo(self) -> tuple[Group, ...]:
        """The groups with something left to do, and in them what is left."""
        left = (
            replace(group, cases=tuple(c for c in group.cases if c.identity not in self.done))
            for group in self.groups
        )
        return tuple(group for group in left if group.cases)


def decide(request: Request) -> Job:
    """Turn a request into a job. Measures nothing and writes nothing.

    Raises a ConvbenchError for a suite, device, data type, layout, thread count, pattern or folder
    that cannot be used.
    """
    from convbench.runs.device import resolve_device

    if request.resume:
        return _resumed(request)
    name = "default" if request.suite is None else request.suite
    text = suite_text(name)
    suite = load_suite(name)
    device = resolve_device(request.device or "auto")
    axes = _axes(request, suite)
    suite = _with_processes(suite, request.processes)
    out = request.out or default_folder(device, suite.name)
    return _job(request, suite, text, device, axes, request.only, request.seed or 0, out, None)


def _axes(request: Request, suite: Suite) -> dict[str, tuple[Any, ...]]:
    """Return what every axis is to be: as the command line says, else the suite, else default."""
    from convbench.runs.device import resolve_threads

    axes: dict[str, tuple[Any, ...]] = {}
    for axis, known in AXES.items():
        given = request.axes.get(axis)
        if known is None:
            chosen = suite.axes.get(axis) if given is None else _numbers(given, f"--{axis}")
            axes[axis] = resolve_threads(chosen)
        else:
            chosen = _known(given, f"--{axis}", known) or suite.axes.get(axis)
            axes[axis] = chosen or (default(axis),)
    return axes


def _with_processes(suite: Suite, processes: int | None) -> Suite:
    if processes is None:
        return suite
    if not 1 <= processes <= MOST_PROCESSES:
        raise SuiteError(
            f"--processes {processes}: give 1 to {MOST_PROCESSES}; each measures every group."
        )
    return replace(
        suite,
        groups=tuple(
            replace(group, timing=replace(group.timing, processes=processes))
            for group in suite.groups
        ),
    )


def _numbers(given: tuple[str, ...], option: str) -> tuple[int, ...]:
    if not given or not all(text.isdecimal() and int(text) for text in given):
        raise SuiteError(f"{option} {','.join(given)!r}: give whole numbers of at least 1.")
    return tuple(int(text) for text in given)


def default_folder(device: str, suite: str) -> Path:
    """Return where a run goes unless told: reports/<device>-<suite>."""
    return Path("reports") / f"{device.replace(':', '')}-{suite}"


def _resumed(request: Request) -> Job:
    """Rebuild the job from the run's own header, so that what is left is what was planned."""
    from convbench.runs.device import resolve_device, resolve_threads

    out = request.out
    if out is None:
        wanted = load_suite(request.suite or "default").name
        out = default_folder(resolve_device(request.device or "auto"), wanted)
    if not holds_run(out):
        raise RunError(f"{out} holds no run to resume: leave --resume out to begin one there.")
    found = load(out)
    kept = found.header.suite
    try:
        stored = {
            "suite": kept["name"],
            "only": kept["only"],
            "device": kept["device"],
            "processes": kept.get("processes"),
            "seed": found.header.seed,
        }
        axes = {axis: tuple(values) for axis, values in kept["axes"].items()}
        suite = parse_suite(kept["text"], f"{out}/run.json, the suite")
    except (KeyError, TypeError) as error:
        raise RunError(
            f"{out}/run.json does not hold the suite that was run ({error}): make the run again."
        ) from None
    for key, value in stored.items():
        given = getattr(request, key)
        if given is None or (key == "device" and given == "auto"):
            continue
        if key == "suite":
            if suite_text(given) != kept["text"]:
                raise RunError(
                    f"{out} was begun with another text of suite {value}, and --resume goes on "
                    "with what was planned: leave --suite out, or begin another run with --out."
                )
            given = value
        if key == "device":
            given = resolve_device(given)
        if given != value:
            raise _other(out, key, value, given)
    for axis, given in request.axes.items():
        if given is not None and tuple(given) != tuple(map(str, axes.get(axis, ()))):
            raise _other(out, axis, ",".join(map(str, axes.get(axis, ()))), ",".join(given))
    resolve_threads(axes["threads"])
    return _job(
        request,
        _with_processes(suite, stored["processes"]),
        kept["text"],
        resolve_device(stored["device"]),
        axes,
        stored["only"],
        found.header.seed,
        out,
        found,
    )


def _other(out: Path, key: str, value: object, given: object) -> RunError:
    return RunError(
        f"{out} was begun with {key}={value!r} and --resume was given {given!r}: leave the "
        "option out, or begin another run with --out."
    )


def _job(
    request: Request,
    suite: Suite,
    text: str,
    device: str,
    axes: dict[str, tuple[Any, ...]],
    only: str | None,
    seed: int,
    out: Path,
    resumed: Run | None,
) -> Job:
    if not 0 <= seed < 2**63:
        raise SuiteError(f"--seed {seed}: give a whole number from 0 to 2**63 - 1.")
    if only is not None:
        try:
            re.compile(only)
        except re.error as error:
            raise SuiteError(
                f"--only {only!r} is not a regular expression: {error}. Mend it, or escape the "
                "signs that have a meaning there."
            ) from None
    groups = expand(suite, tuple(combinations(device, axes)), only)
    if not groups:
        raise SuiteError(
            f"--only {only!r} matches none of the cases of suite {suite.name}: see them with "
            "`convbench run --dry-run`."
        )
    return Job(
        plan=Plan(groups=groups, seed=seed, device=device, plugins=request.plugins),
        suite=suite,
        text=text,
        axes=axes,
        only=only,
        out=out,
        command=resumed.header.command if resumed else _command(request, suite, seed),
        force=request.force,
        processes=request.processes,
        resumed=resumed,
    )


def _known(
    given: tuple[str, ...] | None, option: str, known: tuple[str, ...]
) -> tuple[str, ...] | None:
    if given == ():
        raise SuiteError(f"{option} is empty: give {', '.join(known)}, or leave it out.")
    for value in given or ():
        if value not in known:
            raise SuiteError(f"{option} {value!r} is not known: give {', '.join(known)}.")
    return given


def _command(request: Request, suite: Suite, seed: int) -> str:
    """Return the command that makes the run again, every choice written out."""
    parts = ["python", "-m", "convbench"]
    for plugin in request.plugins:
        parts += ["--plugin", plugin]
    parts += ["run", "--suite", request.suite or suite.name]
    for option, value in (("--only", request.only), ("--device", request.device)):
        if value is not None:
            parts += [option, value]
    for axis, values in request.axes.items():
        if values is not None:
            parts += [f"--{axis}", ",".join(values)]
    if request.processes is not None:
        parts += ["--processes", str(request.processes)]
    return shlex.join([*parts, "--seed", str(seed)])


def carry_out(job: Job, watcher: Watcher) -> None:
    """Measure what is left of the job and write it down, case by case.

    Raises RunError when the folder cannot be used, or the environment changed under a resumed run.
    """
    store, done, machine = _opened(job, watcher)
    try:
        run(job.plan, store, done, watcher, machine)
    finally:
        store.close()


def _opened(job: Job, watcher: Watcher) -> tuple[Store, frozenset[str], dict[str, Any]]:
    """Take the folder for this process.

    Returns the store, what is finished there, read under the lock, and what the machine is.
    """
    from convbench import __version__
    from convbench.runs.fingerprint import differences, fingerprint

    threads = job.axes["threads"]
    now = fingerprint(job.plan.device, threads[0])
    if job.resumed is not None:
        changed = differences(job.resumed.header.fingerprint, now)
        if changed and not job.force:
            raise RunError(
                f"{job.out} was measured in another environment: {'; '.join(changed)}. Times from "
                "both do not compare. Begin a new run with --out, or mix them with --force."
            )
        store, found = Store.reopen(job.out)
        return store, frozenset(record.case for record in found.records), found.header.machine
    set_aside(job.out)
    watcher.stage("measuring the machine against itself")
    kinds = tuple(itertools.product(job.axes["dtype"], threads))
    machine = know_thyself(job.plan.device, kinds, job.suite.self_check, job.plan.seed)
    header = Header(
        version=__version__,
        suite={
            "name": job.suite.name,
            "description": job.suite.description,
            "cases": sum(1 for _ in all_cases(job.groups)),
            "only": job.only,
            "device": job.plan.device,
            "axes": {axis: list(values) for axis, values in job.axes.items()},
            "processes": job.processes,
            "text": job.text,
        },
        seed=job.plan.seed,
        command=job.command,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        fingerprint=now,
        machine=machine,
    )
    return Store.create(job.out, header), frozenset(), machine


def set_aside(out: Path) -> Path | None:
    """Move a run that is in the way to a name of its own: nothing measured is ever lost."""
    if not holds_run(out):
        return None
    try:
        stamp = re.sub(r"[^0-9T]", "", load(out).header.started.split("+")[0])
    except ConvbenchError:
        stamp = "torn"
    locked(out).close()  # refuses while another process writes there
    target, number = out.with_name(f"{out.name}.{stamp}"), 1
    while target.exists():
        number += 1
        target = out.with_name(f"{out.name}.{stamp}.{number}")
    try:
        out.rename(target)
    except OSError as error:
        raise RunError(
            f"{out} holds a run and cannot be moved aside ({error.strerror}): give --out another "
            "folder."
        ) from None
    return target


def summary(run_: Run) -> dict[str, int]:
    """Count the records by status."""
    counts: dict[str, int] = {}
    for record in run_.records:
        counts[record.status] = counts.get(record.status, 0) + 1
    return counts


def dry_run(job: Job) -> tuple[list[tuple[str, str, str]], float]:
    """Return what would be done, as (group, case, "measure" or why not), and the seconds."""
    from convbench.runs.runner import estimate_seconds

    rows: list[tuple[str, str, str]] = []
    for group in job.todo:
        for case in group.cases:
            why = case.misfit
            rows.append((group.label, case.skeleton.label, "measure" if why is None else why))
    return rows, estimate_seconds(job.todo)
