"""The main job: what `convbench run` was asked for, as a plan, and the plan carried out."""

from __future__ import annotations

import itertools
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from convbench.clock.gathering import TIMEOUT
from convbench.core.errors import ConvbenchError, RunError, SuiteError
from convbench.runs.cases import Group, all_cases, expand
from convbench.runs.choices import Choice, Request, choose, shown_path
from convbench.runs.conditions import Condition, combinations
from convbench.runs.groups import Watcher
from convbench.runs.machine import know_thyself
from convbench.runs.record import Header, Machine, Record, Run
from convbench.runs.resuming import stored
from convbench.runs.runner import Plan
from convbench.runs.saturation import UNLESS
from convbench.runs.store import Store, holds_run, load, locked
from convbench.runs.suite import LEAST_SECONDS, MOST_SECONDS

STARTUP_SECONDS: Final = 10.0
"""Of a run, beside its groups: imports, the machine's ceilings, the report."""
SECONDS_A_GROUP: Final = 10.0
"""Of a suite that does not say how long its run may take."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A request with everything decided, and the command that makes it again."""

    choice: Choice
    plan: Plan
    command: str
    force: bool

    @property
    def out(self) -> Path:
        """The folder that the run goes to."""
        return self.choice.out

    @property
    def resumed(self) -> Run | None:
        """The run that is gone on with, as it was when this was decided."""
        return self.choice.resumed

    @property
    def groups(self) -> tuple[Group, ...]:
        """All groups, those that are finished too."""
        return self.plan.groups

    @property
    def before(self) -> dict[str, Record]:
        """The records that a resumed run has already, by case."""
        return {} if self.resumed is None else self.resumed.by_case()

    @property
    def todo(self) -> tuple[Group, ...]:
        """The groups with something left to do, and in them what is left."""
        left = (replace(group, cases=group.left(self.before)) for group in self.groups)
        return tuple(group for group in left if group.cases)


def decide(request: Request) -> Job:
    """Turn a request into a job. Measures nothing and writes nothing.

    Raises a ConvbenchError for a suite, device, data type, layout, thread count, pattern or folder
    that cannot be used.
    """
    choice = stored(request) if request.resume else choose(request)
    if not 0 <= choice.seed < 2**63:
        raise SuiteError(f"--seed {choice.seed!s:.40}: give a whole number from 0 to 2**63 - 1.")
    conditions = conditions_of(choice)
    groups = expand(choice.suite, conditions, choice.only)
    if not groups:
        raise SuiteError(
            f"--only {choice.only!r:.200} matches none of the cases of suite {choice.suite.name}: "
            "see them with `convbench run --dry-run`."
        )
    before = choice.resumed
    return Job(
        choice=choice,
        plan=Plan(
            groups=groups,
            seed=choice.seed,
            device=choice.device,
            budget=_budget(choice, groups, len(conditions)),
            timeout=_timeout(request.timeout),
            plugins=request.plugins,
            stopwatch=choice.stopwatch,
        ),
        command=before.header.command if before else _command(request, choice),
        force=request.force,
    )


def conditions_of(choice: Choice) -> tuple[Condition, ...]:
    """Return every condition under which the suite is measured."""
    return tuple(combinations(choice.device, choice.axes))


def _timeout(seconds: float | None) -> float:
    if seconds is not None and not 0 < seconds < math.inf:
        raise SuiteError(f"--timeout {seconds:g}: give seconds above 0, or leave it out.")
    return TIMEOUT if seconds is None else seconds


def _budget(choice: Choice, groups: tuple[Group, ...], conditions: int) -> float:
    """Return the seconds for the whole run, or for what is left of one that is gone on with.

    A suite's own budget is for all of it under one condition: for a part of it, it is less.
    """
    before = choice.resumed.by_case() if choice.resumed else {}
    kept = sum(len(group.runnable) for group in groups)
    left = sum(_missing(group, before) for group in groups)
    if choice.budget is None:
        return _usual(choice, groups, conditions, left)
    most = MOST_SECONDS
    if choice.budget > most:  # no option was this long, but many groups or conditions are
        most = max(most, _usual(choice, groups, conditions, kept))
    if not LEAST_SECONDS <= choice.budget <= most:
        raise RunError(
            f"{choice.out}/run.json has a budget of {choice.budget:g} s, and this run has "
            f"{LEAST_SECONDS:g} to {most:g} s: the file was changed by hand; restore it, or give "
            "--budget."
        )
    return choice.budget * (left / kept if before and kept else 1.0)


def _usual(choice: Choice, groups: tuple[Group, ...], conditions: int, cases: float) -> float:
    """Return the seconds for so many cases of the groups where no option says how many."""
    fixed = STARTUP_SECONDS + choice.suite.self_check
    if choice.suite.budget is None:
        return fixed + SECONDS_A_GROUP * len(groups)
    whole = sum(len(group.runnable) for group in expand(choice.suite, conditions_of(choice)))
    share = cases / whole if whole else 1.0
    return fixed + share * max(0.0, choice.suite.budget * conditions - fixed)


def _missing(group: Group, before: Mapping[str, Record]) -> float:
    """Return how many cases of a group are to be measured; those that are half done count half."""
    planned = group.timing.processes
    known = {record.case: len(record.samples) / planned for record in before.values()}
    return sum(1 - min(1.0, known.get(case.identity, 0.0)) for case in group.runnable)


def _command(request: Request, choice: Choice) -> str:
    """Return the command that makes the run again, every choice written out."""
    parts = ["python", "-m", "convbench"]
    for plugin in request.plugins:
        parts += ["--plugin", shown_path(plugin)]
    parts += ["run", "--suite", shown_path(request.suite or choice.suite.name)]
    for option in ("only", "device", "stopwatch"):
        value = getattr(request, option)
        if value is not None:
            parts += [f"--{option}", value]
    for axis, values in request.axes.items():
        if values is not None:
            parts += [f"--{axis}", ",".join(values)]
    if request.processes is not None:
        parts += ["--processes", str(request.processes)]
    for option in ("budget", "timeout"):
        if (seconds := getattr(request, option)) is not None:
            parts += [f"--{option}", f"{seconds:g}"]
    return shlex.join([*parts, "--seed", str(choice.seed)])


def opened(job: Job, watcher: Watcher) -> tuple[Store, dict[str, Record], Machine]:
    """Take the folder of a job for this process, until the store is closed.

    Returns the store, the records that are there, read under the lock, and what the machine is: see
    `runner.run`.

    Raises RunError when the folder cannot be used, or the environment changed under a resumed run.
    """
    store, before, machine = _opened(job, watcher)
    store.moved = watcher.moved
    return store, before, machine


def _opened(job: Job, watcher: Watcher) -> tuple[Store, dict[str, Record], Machine]:
    from convbench.core.version import __version__
    from convbench.machine.fingerprint import differences, fingerprint

    axes, suite = job.choice.axes, job.choice.suite
    threads = axes["threads"]
    now = fingerprint(job.plan.device, threads[0], job.choice.threads_because)
    if job.plan.stopwatch:
        now["stopwatch"] = job.plan.stopwatch
    if job.resumed is not None:
        changed = differences(job.resumed.header.fingerprint, now)
        if changed and not job.force:
            raise RunError(
                f"{job.out} was measured in another environment: {'; '.join(changed)}. Times from "
                "both do not compare. Begin a new run with --out, or mix them with --force."
            )
        store, found = Store.reopen(job.out)
        return store, found.by_case(), found.header.machine
    if aside := set_aside(job.out):
        watcher.aside(job.out, aside)
    watcher.stage("measuring the machine against itself")
    kinds = tuple(itertools.product(axes["dtype"], threads))
    machine = know_thyself(job.plan.device, kinds, suite.self_check, job.plan.seed)
    header = Header(
        version=__version__,
        suite={
            "name": suite.name,
            "description": suite.description,
            "cases": sum(1 for _ in all_cases(job.groups)),
            "only": job.choice.only,
            "device": job.plan.device,
            "axes": {axis: list(values) for axis, values in axes.items()},
            "processes": job.choice.processes,
            "budget": job.plan.budget,
            "text": job.choice.text,
        },
        seed=job.plan.seed,
        command=job.command,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        fingerprint=now,
        machine=machine,
    )
    return Store.create(job.out, header), {}, machine


def set_aside(out: Path) -> Path | None:
    """Move a run that is in the way to a name of its own: nothing measured is ever lost."""
    if not holds_run(out):
        return None
    if out.resolve() == Path.cwd():
        raise RunError(f"{out} holds a run, and is the working folder: give --out another folder.")
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


def shortfall(job: Job) -> str:
    """Return that a new run on a GPU has time for fewer processes than it is to have; else "".

    By the fewest rounds that a process makes. What is left of a run was estimated when it began.
    """
    from convbench.runs.estimating import GUESSED, first_seconds, fitting, process_seconds

    groups = [group for group in job.groups if group.runnable]
    if job.plan.device == "cpu" or job.resumed is not None or not groups:
        return ""
    wanted = [
        (group.timing.processes, process_seconds(group, group.timing.min_rounds))
        for group in groups
    ]
    fixed = STARTUP_SECONDS + job.choice.suite.self_check + first_seconds(groups)
    fits, most = fitting(job.plan.budget - fixed, wanted), max(number for number, _ in wanted)
    if fits >= most:
        return ""
    whole = math.ceil(fixed + sum(number * cost for number, cost in wanted))
    enough = f"--budget {whole} would do for all"
    if whole > MOST_SECONDS:
        enough = f"all would take {whole:,} s: choose fewer cases with --only"
    return (
        f"A budget of {job.plan.budget:.0f} s has room for about {max(1, fits)} of the {most} "
        f"processes that a group is to have, and an interval covers only the processes that ran; "
        f"{enough} ({GUESSED})."
    )


def dry_run(job: Job) -> tuple[list[tuple[str, str, str]], float]:
    """Return what would be done, as (group, case, "measure" or why not), and the seconds."""
    from convbench.runs.estimating import sweep_seconds

    rows: list[tuple[str, str, str]] = []
    for group in job.todo:
        for case in group.cases:
            why = case.misfit
            do = f"measure, {UNLESS}" if group.family else "measure"
            rows.append((group.label, case.skeleton.label, do if why is None else why))
    fixed = STARTUP_SECONDS + (0.0 if job.resumed else job.choice.suite.self_check)
    return rows, min(job.plan.budget, fixed + sweep_seconds(job.todo))
