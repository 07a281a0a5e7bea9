"""The runner: group after group, measured and written down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from convbench.roofline import reach
from convbench.roofline.ceilings import Ceiling
from convbench.runs.cases import Group
from convbench.runs.groups import Watcher, measure_in_processes
from convbench.runs.machine import ceilings
from convbench.runs.measuring import Measure
from convbench.runs.record import Record
from convbench.runs.store import Store


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything a run does, decided before it begins."""

    groups: tuple[Group, ...]
    seed: int
    device: str
    plugins: tuple[str, ...] = ()


def run(
    plan: Plan,
    store: Store,
    done: frozenset[str],
    watcher: Watcher,
    machine: dict[str, Any] | None = None,
    measure: Measure | None = None,
) -> None:
    """Work through the plan, leaving out the cases in `done`.

    A case that does not fit, or fails in any way, becomes a record with its reason, and the run
    goes on. A group's records are written together when its timing ends; KeyboardInterrupt passes
    through, with everything written so far on disk. machine: what the header holds of it.
    `measure` replaces the sampler in tests.
    """
    known = machine or {}
    limits = ceilings(known)
    for position, group in enumerate(plan.groups, start=1):
        pending = [case for case in group.cases if case.identity not in done]
        if not pending:
            continue
        watcher.group(group, position, len(plan.groups))
        records = measure_in_processes(
            group,
            pending,
            seed=plan.seed,
            plugins=plan.plugins,
            watcher=watcher,
            measure=measure,
        )
        records = [_reaching(record, limits, known.get("cache_bytes")) for record in records]
        store.append(records)
        watcher.finished(records)


def _reaching(record: Record, limits: tuple[Ceiling, ...], cache_bytes: int | None) -> Record:
    """Return the record, flagged where it does more than the device can."""
    if record.status != "ok":
        return record
    more = reach.flags(record, reach.ceiling_of(record, limits), cache_bytes)
    return replace(record, flags=(*record.flags, *more))


_CASE_SECONDS = 0.08
"""Building, checking and counting a case takes about this long in a process, beside its timing."""
_PROCESS_SECONDS = 2.0
"""Starting a process and importing torch in it, where nothing better is known."""


def estimate_seconds(
    groups: tuple[Group, ...], startup: float = 8.0, process: float = _PROCESS_SECONDS
) -> float:
    """Estimate how long groups take, in seconds.

    startup: for imports, the machine's own check and the report. process: to start one process.
    """
    total = startup
    for group in groups:
        runnable = len(group.runnable)
        if runnable:
            each = process + runnable * _CASE_SECONDS
            total += group.timing.seconds_per_group + group.timing.processes * each
    return total
