"""A group of cases on its way through processes: cost and fit first, then times, counts, records.

Everything that goes wrong with a case becomes its record's reason. A process that dies takes with
it only the case it was at; the others are measured without that one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from convbench.clock.contamination import flags, hopeless
from convbench.clock.crew import Measure, Order, Outcome
from convbench.clock.cuda_flags import EVERYWHERE, NOWHERE
from convbench.clock.estimates import Estimates
from convbench.clock.execution import joined
from convbench.clock.gathering import TIMEOUT, Gathering
from convbench.clock.processes import Nursery
from convbench.clock.stats import MARGIN
from convbench.core.errors import one_line
from convbench.core.intervals import RatioInterval
from convbench.counting.base import asked_in_runs, count_with
from convbench.counting.tally import Tally, Unavailable
from convbench.machine.device import too_large
from convbench.runs.cases import Case, Group
from convbench.runs.measuring import CaseCrew
from convbench.runs.record import More, Record
from convbench.runs.training import counted_step


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is when the next process is asked.

    Attributes:
        spent: seconds since the run began.
        left: seconds that it takes from here, estimated; at most what is left of the budget.
        stage: 1 while each group is asked its first process, 2 until each has had as many as the
            suite says, 3 while processes are added where a verdict is open.
        what: which process it is, in words.
        group: label of the group that is asked.
        guessed: whether `left` rests on nothing that this run measured.
        short: that fewer processes fit into the time left than were wanted, in words; or empty.

    """

    spent: float
    left: float
    stage: int
    what: str
    group: str
    guessed: bool = False
    short: str = ""


class Watcher(Protocol):
    """Is told what the runner does, for a progress display."""

    def stage(self, text: str) -> None:
        """Report what is being done."""
        ...

    def progress(self, progress: Progress) -> None:
        """Report that a process is asked."""
        ...

    def finished(self, group: Group, records: list[Record]) -> None:
        """Report that a group was asked its first process in this run, and the new records."""
        ...

    def moved(self, folder: Path, why: str) -> None:
        """Report that the run goes on in a folder, and why."""
        ...

    def aside(self, folder: Path, target: Path) -> None:
        """Report that the run that was in a folder is now in another."""
        ...


@dataclass
class Track:
    """A group, and what is known of its cases.

    Attributes:
        group: its cases.
        before: the records of a run that is gone on with, by case.
        flagged: returns a record with what else is to be known of its times.
        gathering: what processes said of those that can run; None where none can.
        records: as they were last written, by case.

    """

    group: Group
    flagged: Callable[[Record], Record]
    before: Mapping[str, Record] = field(default_factory=dict)
    gathering: Gathering | None = None
    records: dict[str, Record] = field(default_factory=dict)
    _ratios: tuple[int, list[RatioInterval]] = (-1, [])

    def begin(
        self,
        nursery: Nursery | None,
        seed: int,
        watcher: Watcher,
        measure: Measure | None,
        stopwatch: str = "",
        timeout: float = TIMEOUT,
    ) -> None:
        """Derive every case, and get ready to ask processes about those that can run."""
        self.records = {
            case.identity: self.before.get(case.identity) or self._derived(case)
            for case in self.group.cases
        }
        runnable = tuple(c for c in self.group.cases if self.records[c.identity].status == "ok")
        if not runnable:
            return
        known = {c.identity: self._known(self.records[c.identity]) for c in runnable}
        condition = runnable[0].condition
        self.gathering = Gathering(
            crew=CaseCrew(cases=runnable),
            order=Order(
                seed=seed,
                threads=condition.threads,
                device=condition.device,
                tf32=EVERYWHERE if condition.dtype == "tf32" else NOWHERE,
                grad=condition.direction == "training",
                stopwatch=stopwatch,
            ),
            nursery=nursery,
            here="fresh" if measure else "",
            measure=measure,
            told=watcher.stage,
            timeout=timeout,
            outcomes=known,
            earlier=max(map(len, known.values())),
        )

    def _derived(self, case: Case) -> Record:
        """Return the record with its cost; one that memory ends a row of batches at is skipped."""
        record = _derived(case)
        ends = self.group.family and record.status == "failed" and record.cost is not None
        return replace(record, status="skipped") if ends else record

    def leave(self, why: str) -> None:
        """Skip the cases that no run has a record of, for a reason; with "" do nothing."""
        if not why:
            return
        self.gathering = None
        for case in self.pending:
            if self.records[case.identity].status == "ok":
                self.records[case.identity] = replace(
                    self.records[case.identity], status="skipped", reason=why
                )

    def _known(self, record: Record) -> list[Outcome]:
        """Return what processes said of a case in the run that is gone on with."""
        if not record.samples:
            return []
        derived = self.flagged(replace(record, flags=flags(record.judged))).flags
        first = Outcome(
            flags=tuple(flag for flag in record.flags if flag not in derived),
            ran=record.ran,
            execution=record.execution,
        )
        return [
            replace(
                first if place == 0 else Outcome(),
                samples=samples,
                also={
                    name: one
                    for name, told in record.also.items()
                    for one in told
                    if one.session == samples.session
                },
            )
            for place, samples in enumerate(record.samples)
        ]

    @property
    def pending(self) -> tuple[Case, ...]:
        """The cases that no run has a record of."""
        return tuple(case for case in self.group.cases if case.identity not in self.before)

    @property
    def processes(self) -> int:
        """How many processes were asked."""
        return self.gathering.processes if self.gathering else 0

    @property
    def settling(self) -> int:
        """How many processes are wanted in all: those of the suite, and what verdicts still need.

        A verdict that would take more than `MOST_TIMES` the suite's processes stays open.
        """
        return max(self.group.timing.processes, *self.wanted, 0)

    @property
    def wanted(self) -> list[int]:
        """For each open verdict that further processes can settle, about how many that takes."""
        most = MOST_TIMES * self.group.timing.processes
        return [number for number in self.needed() if self.processes < number <= most]

    @property
    def alive(self) -> bool:
        """Whether there is something left to time."""
        return self.gathering is not None and bool(self.gathering.left)

    @property
    def a_round(self) -> float:
        """Seconds of a round of all cases."""
        return self.gathering.a_round if self.gathering else 0.0

    def ask(self, seconds: float, rounds: int) -> None:
        """Ask one more process, for at most so many rounds."""
        if self.gathering is not None:
            least = min(self.group.timing.min_rounds, rounds)
            self.gathering.ask(seconds, least, max(least, rounds))

    def cost(self, rounds: int) -> float:
        """Return about how many seconds one more process takes."""
        if self.gathering is None or not self.gathering.took:
            return 0.0
        return self.gathering.overhead + rounds * self.a_round

    def first_records(self, watcher: Watcher) -> list[Record]:
        """Return the new records after the first process, with what every counter says."""
        for case in self.pending:
            record = self._recorded(self.records[case.identity])
            self.records[case.identity] = _counted(case, record, watcher)
        return [self.records[case.identity] for case in self.pending]

    def more(self) -> list[More]:
        """Return what the last process added to the records."""
        found = []
        for name, before in self.records.items():
            now = self._recorded(before)
            if now != before:
                found.append(More.between(before, now))
                self.records[name] = now
        return found

    def ratios(self) -> list[RatioInterval]:
        """Return the time ratios of the group to its baseline, as they stand."""
        if self.gathering is None:
            return []
        if self._ratios[0] != self.processes:
            estimates = self.gathering.estimates
            pairs = [
                (name, base)
                for name in estimates.cases
                if (base := self.records[name].baseline) in estimates.cases and base != name
            ]
            self._ratios = self.processes, [_ratio(estimates, *pair) for pair in pairs if pair[1]]
        return self._ratios[1]

    def needed(self, margin: float = MARGIN) -> list[int]:
        """Return for every open verdict about how many processes will settle it."""
        drift = self.gathering.estimates.drift if self.gathering else 0.0
        return [
            _processes_for(ratio, margin, drift)
            for ratio in self.ratios()
            if ratio.verdict == "cannot tell"
        ]

    def _recorded(self, record: Record) -> Record:
        """Return the record with what all processes said."""
        outcomes = self.gathering.outcomes.get(record.case, []) if self.gathering else []
        if not outcomes or self.gathering is None:
            return record
        if failed := self.gathering.failure(record.case):
            failed_record = replace(record, samples=(), also={}, flags=())
            if failed.wrong:
                return replace(failed_record, status="invalid", reason=failed.failure)
            return failed_record.failed(failed.failure)
        said = dict.fromkeys(flag for outcome in outcomes for flag in outcome.flags)
        judged = self.gathering.judged(record.case)
        lost = hopeless(judged)
        return self.flagged(
            replace(
                record,
                status="invalid" if lost else "ok",
                reason=HOPELESS if lost else "",
                samples=self.gathering.samples(record.case),
                also=self.gathering.also(record.case),
                flags=(*flags(judged), *said),
                ran={key: value for outcome in outcomes for key, value in outcome.ran.items()},
                execution=joined([one.execution for one in outcomes if one.execution]),
            )
        )


MOST_TIMES: Final = 4
"""The suite's processes: a verdict that would take more stays open."""
HOPELESS: Final = (
    "something else had the processor for most of every sample; stop what else runs here, or use "
    "fewer threads, and measure again"
)


def _ratio(estimates: Estimates, name: str, base: str) -> RatioInterval:
    try:
        return estimates.ratio(name, base)
    except ValueError:  # a time of 0: the report says so, and no process will change it
        return RatioInterval(
            value=1.0, low=1.0, high=1.0, confidence=0.0, paired=False, verdict="same"
        )


def _processes_for(ratio: RatioInterval, margin: float, drift: float) -> int:
    """Return how many processes make the interval narrow enough for a verdict.

    It must leave out 1, or lie within the margin: whichever asks for less. What processes differ by
    shrinks with the square root of their number, and what runs drift by does not.
    """
    if not ratio.confidence or ratio.processes < 2:  # noqa: PLR2004  nothing is known of others
        return ratio.processes + 2
    reach = math.log(ratio.high / ratio.low) / 2
    away = abs(math.log(ratio.value))
    enough = max(away, math.log1p(margin) - away)
    spread, allowed = ((each / _T) ** 2 - drift**2 for each in (reach, enough))
    if allowed <= 0:
        return NEVER
    return math.ceil(ratio.processes * max(spread, 0.0) / allowed) + 1


_T: Final = 2.0
"""Student's t, about: an interval reaches so many standard errors to either side."""
NEVER: Final = 10**9


def _derived(case: Case) -> Record:
    """Return the record with its cost, or with why the case cannot run."""
    record = case.skeleton
    try:
        if why := case.misfit:
            return replace(record, status="skipped", reason=why)
        cost = case.cost()
        record = replace(record, cost=cost)
        if why := too_large(case, cost):
            return record.failed(why)
    except Exception as error:  # noqa: BLE001  whatever a case does, the run goes on
        return record.failed(one_line(error))
    return record


def _counted(case: Case, record: Record, watcher: Watcher) -> Record:
    """Return the record with the count of every counter, of a module built for this alone."""
    if not record.samples:
        return record
    import torch

    watcher.stage(f"counting {case.skeleton.label}")
    tallies: dict[str, Tally | Unavailable] = {}
    try:
        module = case.build().eval()
        inputs = torch.zeros(record.input_shape)
        tallies = {name: count_with(name, module, inputs) for name in asked_in_runs()}
    except Exception as error:  # noqa: BLE001  it was timed; that it is not counted is said
        tallies = {name: Unavailable(one_line(error)) for name in asked_in_runs()}
    rated = record.direction == "training" and record.device.startswith("cuda")
    return replace(record, tallies=tallies, step=counted_step(case) if rated else None)
