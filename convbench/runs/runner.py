"""The runner: every group is measured a little, then the rest of the budget goes where it helps.

1. The first process of every group checks its cases in full, finds their blocks, and is counted
   with: after it every case has a record on disk.
2. The sweep: further processes, always of the group that has had the fewest, until each has had as
   many as the suite says. A disturbance that lasts for seconds so falls on a process of each group
   and not on all of one.
3. Where verdicts are open, further processes: first the group in which the next verdict costs
   least. It ends when no group wants more (`Track.wanted`), or when the budget does.

What a process said is on disk before the next one is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Final

from convbench.clock.crew import Measure
from convbench.clock.gathering import TIMEOUT
from convbench.clock.processes import ready
from convbench.core import text as show
from convbench.machine.device import import_seconds
from convbench.runs import ceiling_share as reach
from convbench.runs.cases import Group
from convbench.runs.estimating import fitting
from convbench.runs.groups import Progress, Track, Watcher
from convbench.runs.record import Machine, Record
from convbench.runs.saturation import enough
from convbench.runs.store import Store

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
        for number, track in enumerate(self.tracks, start=1):
            self._tell(track, 1, f"group {number} of {len(self.tracks)}")
            if track.group.family and track.pending:
                track.leave(enough(self._smaller(track.group)))
            self._first(track)
        while (chosen := self._next()) is not None:
            track, rounds, stage, what = chosen
            self._tell(track, stage, what)
            track.ask(_ROOM * rounds * track.a_round, rounds)
            self.store.append(track.more())

    def _smaller(self, group: Group) -> list[list[Record]]:
        """Return the records of the same slot at smaller batches, the smallest first."""
        known = {track.group.label: track.records for track in self.tracks}
        family = [each for each in self.plan.groups if each.family == group.family]
        smaller = takewhile(lambda each: each.label != group.label, family)
        return [
            [
                known.get(each.label, self.before)[case.identity]
                for case in each.cases
                if case.identity in known.get(each.label, self.before)
            ]
            for each in smaller
        ]

    def _first(self, track: Track) -> None:
        """Ask the first process of a group, and write its records."""
        if track.alive:
            share = _FIRST_SHARE * self.plan.budget / len(self.tracks)
            track.ask(share, min(_FIRST_ROUNDS, track.group.timing.max_rounds))
        records = track.first_records(self.watcher)
        self.store.append([*records, *track.more()])
        self.watcher.finished(track.group, records)

    def _tell(self, track: Track, stage: int, what: str) -> None:
        spent = self.spent()
        on_gpu = self.plan.device != "cpu"
        progress = Progress(
            spent=spent,
            left=self._left(spent),
            stage=stage,
            what=what,
            group=track.group.label,
            guessed=on_gpu and not any(one.cost(1) for one in self.tracks),
            short=self._short(spent) if on_gpu and stage > 1 else "",
        )
        self.watcher.progress(progress)

    def _short(self, spent: float) -> str:
        """Return that not all wanted processes fit into the time left, by what they took so far."""
        alive = [track for track in self.tracks if track.alive]
        goal = max((track.group.timing.processes for track in alive), default=0)
        done = min((track.processes for track in alive), default=0)
        left = self.plan.budget - spent - report_seconds(self._cases)
        fits = done + fitting(
            left,
            (
                (
                    track.group.timing.processes - track.processes,
                    track.cost(track.group.timing.min_rounds),
                )
                for track in alive
            ),
        )
        return "" if fits >= goal else f"{fits} of {goal} processes of a group fit into the budget"

    def _left(self, spent: float) -> float:
        """Return about how many seconds the processes take that are still to be asked.

        A group of which no process was asked yet is taken to be as long as the others.
        """
        rest = max(0.0, self.plan.budget - spent)
        alive = [track for track in self.tracks if track.alive]
        costs = [track.cost(track.group.timing.max_rounds) for track in alive]
        known = [cost for cost in costs if cost]
        if not known:
            return rest
        usual = sum(known) / len(known)
        asked = [max(0, track.settling - track.processes) for track in alive]
        expected = sum(n * (cost or usual) for n, cost in zip(asked, costs, strict=True))
        return min(rest, expected + report_seconds(self._cases))

    def _next(self) -> tuple[Track, int, int, str] | None:
        """Return the group to ask next, how many rounds, and the stage in words; None to stop."""
        left = self.plan.budget - self.spent() - report_seconds(self._cases)
        alive = [track for track in self.tracks if track.alive]
        sweeping = [track for track in alive if track.processes < track.group.timing.processes]
        for track in sorted(sweeping, key=lambda track: track.processes):
            rounds = _rounds(track, sweeping, left)
            if track.cost(rounds) <= left:
                number, goal = track.processes + 1, track.group.timing.processes
                return track, rounds, 2, f"process {number} of {goal}"
        priced = []
        for track in alive:
            rounds = track.group.timing.max_rounds
            needed = track.wanted
            if needed and track.cost(rounds) <= left:
                priced.append(((min(needed) - track.processes) * track.cost(rounds), track, rounds))
        if not priced:
            return None
        _, track, rounds = min(priced, key=lambda item: item[0])
        still = sum(r.verdict == "cannot tell" for other in alive for r in other.ratios())
        what = f"process {track.processes + 1}, {show.plural(still, 'verdict')} open"
        return track, rounds, 3, what

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
