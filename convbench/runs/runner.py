"""The runner: every group is measured a little, then the rest of the budget goes where it helps.

1. The first process of every group checks its cases in full, finds their blocks, and is counted
   with: after it every case has a record on disk.
2. The sweep: further processes, always of the group that has had the fewest, until each has had as
   many as the suite says. A disturbance that lasts for seconds so falls on a process of each group
   and not on all of one.
3. Where verdicts are open, further processes: first the group in which the next verdict costs
   least. It ends when none is open, when those left would take more than `MOST_TIMES` the sweep's
   processes, or when the budget does.

What a process said is on disk before the next one is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from convbench.clock.gathering import TIMEOUT
from convbench.clock.group_process import Measure
from convbench.clock.processes import ready
from convbench.machine.device import import_seconds
from convbench.runs import ceiling_share as reach
from convbench.runs.cases import Group
from convbench.runs.groups import Track, Watcher
from convbench.runs.record import Machine, Record
from convbench.runs.store import Store

MOST_TIMES: Final = 4
"""The sweep's processes: a verdict that would take more stays open."""
_FIRST_ROUNDS: Final = 6
"""Of a group's first process, at most: how long they take is not known yet."""
_FIRST_SHARE: Final = 0.3
"""Of the budget, for the rounds of all first processes together."""
_ROOM: Final = 1.5
"""Times as long as expected a process's rounds may take before they end early."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything a run does, decided before it begins.

    Attributes:
        groups: all of them, in the order of the suite.
        seed: of weights, inputs and orders.
        device: "cpu" or "cuda:<index>".
        budget: seconds for the whole run, from its start to its report.
        plugins: to be loaded in every process.
        stopwatch: the registered one that times; the device's own where it is empty.
        timeout: see `clock.gathering.Gathering`.

    """

    groups: tuple[Group, ...]
    seed: int
    device: str
    budget: float
    plugins: tuple[str, ...] = ()
    stopwatch: str = ""
    timeout: float = TIMEOUT


def run(
    plan: Plan,
    store: Store,
    before: Mapping[str, Record],
    watcher: Watcher,
    machine: Machine | None = None,
    measure: Measure | None = None,
    spent: Callable[[], float] | None = None,
) -> None:
    """Work through the plan, going on with the records in `before`, by case.

    A case that does not fit, or fails in any way, becomes a record with its reason, and the run
    goes on. KeyboardInterrupt passes through, with everything said so far on disk. machine: what
    the header holds of it. `measure` replaces the sampler in tests. spent: seconds of the budget
    gone so far; by default those since this was called.
    """
    begin = time.perf_counter()
    _Schedule(
        plan=plan,
        store=store,
        watcher=watcher,
        machine=machine or Machine(),
        measure=measure,
        spent=spent or (lambda: time.perf_counter() - begin),
        before=before,
    ).run()


@dataclass(kw_only=True)
class _Schedule:
    plan: Plan
    store: Store
    watcher: Watcher
    machine: Machine
    measure: Measure | None
    spent: Callable[[], float]
    before: Mapping[str, Record]
    tracks: list[Track] = field(default_factory=list)

    def run(self) -> None:
        for group in self.plan.groups:
            if not group.left(self.before):
                continue
            allocator = group.cases[0].condition.allocator
            nursery = None
            if self.measure is None:
                nursery = ready(allocator, self.plan.plugins, self.plan.device)
            known = {c.identity: self.before.get(c.identity) for c in group.cases}
            before = {name: record for name, record in known.items() if record is not None}
            track = Track(group=group, flagged=self._flagged, before=before)
            track.begin(
                nursery,
                self.plan.seed,
                self.watcher,
                self.measure,
                self.plan.stopwatch,
                self.plan.timeout,
            )
            self.tracks.append(track)
        for track in self.tracks:
            self._first(track)
        while (chosen := self._next()) is not None:
            track, rounds, why = chosen
            self.watcher.progress(self.spent(), self.plan.budget, why)
            track.ask(_ROOM * rounds * track.a_round, rounds)
            self.store.append(track.more())

    def _first(self, track: Track) -> None:
        """Ask the first process of a group, and write its records."""
        self.watcher.progress(self.spent(), self.plan.budget, track.group.label)
        if track.alive:
            share = _FIRST_SHARE * self.plan.budget / len(self.tracks)
            track.ask(share, min(_FIRST_ROUNDS, track.group.timing.max_rounds))
        records = track.first_records(self.watcher)
        self.store.append([*records, *track.more()])
        self.watcher.finished(track.group, records)

    def _next(self) -> tuple[Track, int, str] | None:
        """Return the group to ask next, how many rounds, and why; None to stop."""
        left = self.plan.budget - self.spent() - report_seconds(self._cases)
        alive = [track for track in self.tracks if track.alive]
        sweeping = [track for track in alive if track.processes < track.group.timing.processes]
        for track in sorted(sweeping, key=lambda track: track.processes):
            rounds = _rounds(track, sweeping, left)
            if track.cost(rounds) <= left:
                number, goal = track.processes + 1, track.group.timing.processes
                return track, rounds, f"process {number} of {goal}: {track.group.label}"
        priced = []
        for track in alive:
            rounds = track.group.timing.max_rounds
            most = MOST_TIMES * track.group.timing.processes
            needed = [number for number in track.needed() if track.processes < number <= most]
            if needed and track.cost(rounds) <= left:
                priced.append(((min(needed) - track.processes) * track.cost(rounds), track, rounds))
        if not priced:
            return None
        _, track, rounds = min(priced, key=lambda item: item[0])
        still = sum(r.verdict == "cannot tell" for other in alive for r in other.ratios())
        words = "1 verdict is" if still == 1 else f"{still} verdicts are"
        return track, rounds, f"{words} open: {track.group.label}"

    @property
    def _cases(self) -> int:
        return sum(len(group.cases) for group in self.plan.groups)

    def _flagged(self, record: Record) -> Record:
        """Return the record, flagged where it does more than the device can."""
        if record.status != "ok" or not record.samples:
            return record
        ceiling = reach.ceiling_of(record, self.machine.ceilings)
        more = reach.flags(record, ceiling, self.machine.cache_bytes)
        return replace(record, flags=(*record.flags, *more))


def _rounds(track: Track, sweeping: Sequence[Track], left: float) -> int:
    """Return how many rounds a process makes, so that what is left is enough for the whole sweep.

    Every group gets as many, since what each needs to be seen through noise is the same number.
    """
    timing = track.group.timing
    fixed = each = 0.0
    for other in sweeping:
        times = other.group.timing.processes - other.processes
        fixed += times * other.cost(0)
        each += times * other.a_round
    fits = int((left - fixed) / each) if each > 0 else timing.max_rounds
    rounds = max(timing.min_rounds, min(timing.max_rounds, fits))
    return rounds - rounds % 2 or rounds  # pairs of rounds: drift cancels in each


def report_seconds(cases: int) -> float:
    """Return about how long it takes to write the report of so many cases."""
    slow = max(1.0, (import_seconds() or _IMPORT_SECONDS) / _IMPORT_SECONDS)
    return (_REPORT_SECONDS + _REPORT_SECONDS_A_CASE * cases) * min(slow, _SLOWEST)


_IMPORT_SECONDS: Final = 1.3
"""Importing torch, where the other figures here were measured: a slower machine takes longer."""
_SLOWEST: Final = 4.0
_REPORT_SECONDS: Final = 2.5
_REPORT_SECONDS_A_CASE: Final = 0.02
