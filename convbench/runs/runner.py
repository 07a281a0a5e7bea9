"""The runner: for every group, derive, count, time, and write the records down."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from convbench.runs.cases import Case, Group
from convbench.runs.record import Record
from convbench.runs.store import Store
from convbench.runs.workload import Workload, too_large
from convbench.timing.cuda import stopwatch_for
from convbench.timing.sampler import measure_group
from convbench.timing.samples import Failure, Samples
from convbench.timing.settings import execution


class Watcher(Protocol):
    """Is told what the runner does, for a progress display."""

    def group(self, group: Group, position: int, groups: int) -> None:
        """Report that a group begins."""
        ...

    def stage(self, text: str) -> None:
        """Report what is being done in the group."""
        ...

    def round(self, done: int, expected: int) -> None:
        """Report a finished round of timing."""
        ...

    def finished(self, records: list[Record]) -> None:
        """Report the records just written."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything a run does, decided before it begins."""

    groups: tuple[Group, ...]
    seed: int
    threads: int
    device: str


Measure = Callable[..., Any]


def run(
    plan: Plan, store: Store, done: frozenset[str], watcher: Watcher, measure: Measure | None = None
) -> None:
    """Work through the plan, leaving out the cases in `done`.

    A case that does not fit, or fails in any way, becomes a record with its reason, and the run
    goes on. A group's records are written together when its timing ends; KeyboardInterrupt passes
    through, with everything written so far on disk. `measure` replaces `measure_group` in tests.
    """
    for position, group in enumerate(plan.groups, start=1):
        pending = [case for case in group.cases if case.identity not in done]
        if not pending:
            continue
        watcher.group(group, position, len(plan.groups))
        records = _group(plan, group, pending, watcher, measure)
        store.append(records)
        watcher.finished(records)


def _group(
    plan: Plan, group: Group, pending: list[Case], watcher: Watcher, measure: Measure | None
) -> list[Record]:
    records: dict[str, Record] = {}
    work: dict[str, Workload] = {}
    samples: dict[str, Samples | Failure] = {}
    with _quiet():
        for case in pending:
            watcher.stage(f"building {case.skeleton.label}")
            records[case.identity], workload = _prepare(plan, case)
            if workload is not None:
                work[case.identity] = workload
        watcher.stage("timing")
        with execution(plan.threads, plan.device) as settings:
            if work:
                samples = (measure or measure_group)(
                    {identity: workload.call for identity, workload in work.items()},
                    stopwatch=stopwatch_for(plan.device),
                    seed=plan.seed,
                    budget=group.timing.seconds_per_group,
                    min_rounds=group.timing.min_rounds,
                    max_rounds=group.timing.max_rounds,
                    threads=plan.threads,
                    session=uuid.uuid4().hex[:12],
                    progress=watcher.round,
                )
            for identity, workload in work.items():
                watcher.stage(f"checking {workload.case.skeleton.label}")
                records[identity] = _checked(records[identity], workload, samples[identity])
        in_force = {key: str(value) for key, value in settings.items()}
        for identity in list(work):  # counting last, so that the first call timed was the first
            workload = work.pop(identity)
            watcher.stage(f"counting {workload.case.skeleton.label}")
            record = records[identity]
            records[identity] = replace(
                record, tallies=workload.count(), ran={**record.ran, **in_force}
            )
    return list(records.values())


def _prepare(plan: Plan, case: Case) -> tuple[Record, Workload | None]:
    """Return the record with its cost, and the workload if the case can run."""
    record = case.skeleton
    try:
        if why := case.misfit:
            return replace(record, status="skipped", reason=why), None
        cost = case.cost()
        record = replace(record, cost=cost)
        if why := too_large(case, cost):
            return record.failed(why), None
        return record, Workload(case, plan.seed)
    except Exception as error:  # noqa: BLE001  whatever a case does, the run goes on
        return record.failed(_first_line(error)), None


def _checked(record: Record, workload: Workload, result: Samples | Failure) -> Record:
    """Return the record with its samples, if the output they were taken of is right."""
    if isinstance(result, Failure):
        return record.failed(result.reason)
    try:
        ran = workload.check()
    except Exception as error:  # noqa: BLE001  a wrong result suppresses its timing
        return record.failed(_first_line(error))
    flags = ("the warm-up had not settled",) if "not settled" in result.stop_reason else ()
    return replace(record, samples=result, flags=flags, ran=ran)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's warnings about single kernels off the progress display."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_CASE_SECONDS = 0.15
"""Building, checking and counting one case takes about this long beside its share of the timing."""


def estimate_seconds(groups: tuple[Group, ...], startup: float = 8.0) -> float:
    """Estimate how long groups take, in seconds, with `startup` for imports and the report."""
    total = startup
    for group in groups:
        runnable = len(group.runnable)
        if runnable:
            total += group.timing.seconds_per_group + runnable * _CASE_SECONDS
    return total
