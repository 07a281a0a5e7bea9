"""The runner: group after group, measured and written down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from convbench.roofline import reach
from convbench.roofline.ceilings import Ceiling
from convbench.runs.cases import Group
from convbench.runs.device import import_seconds
from convbench.runs.groups import Watcher, measure_in_processes
from convbench.runs.machine import ceilings
from convbench.runs.measuring import Measure
from convbench.runs.record import Record
from convbench.runs.store import Store
from convbench.timing.sampler import HARD_LIMIT


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


_START_SECONDS: Final = 1.5
"""Of a process, where nothing better is known: it imports torch."""
_CASE_SECONDS: Final = 0.03
"""Building a case and checking its shapes, in every process."""
_COMPILE_SECONDS: Final = 2.0
"""Compiling a case, in every process: from 1 s for a layer to many for a network."""
_CHECK_SECONDS: Final = 0.8e-9
"""A multiplication of one image, in every process: two checks in float64, first call, warm-up."""
_ROUND_SECONDS: Final = 5e-11
"""A multiplication in a round, about: large ones make the fewest rounds last beyond the budget."""
_COUNT_SECONDS: Final = 0.3e-9
"""A multiplication of one image, counted by all counters, once: a large network has many layers."""


def estimate_seconds(
    groups: tuple[Group, ...], startup: float = 8.0, process: float | None = None
) -> float:
    """Estimate how long groups take, in seconds.

    startup: for imports, the machine's own check and the report. process: to start one process;
    where it is not given, as long as importing torch took in this one.
    """
    start = (import_seconds() or _START_SECONDS) if process is None else process
    return startup + sum(_group_seconds(group, start) for group in groups)


def _group_seconds(group: Group, start: float) -> float:
    costs = [(case.cost().multiplications, case.skeleton.input_shape[0]) for case in group.runnable]
    if not costs:
        return 0.0
    timing = group.timing
    image = sum(multiplications / batch for multiplications, batch in costs)
    a_round = sum(multiplications for multiplications, _ in costs) * _ROUND_SECONDS * 2
    share = timing.seconds_per_group / timing.processes
    rounds = min(HARD_LIMIT * share, a_round * max(2, timing.min_rounds / timing.processes))
    compiling = sum(case.skeleton.mode == "compile" for case in group.runnable)
    each = (
        compiling * _COMPILE_SECONDS
        + start
        + len(costs) * _CASE_SECONDS
        + image * _CHECK_SECONDS
        + max(share, rounds)
    )
    return float(timing.processes * each + image * _COUNT_SECONDS)
