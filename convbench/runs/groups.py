"""A group of cases, measured: cost and fit first, then fresh processes, then counts, then records.

Everything that goes wrong with a case becomes its record's reason. A process that dies takes with
it only the case it was at; the others are measured without that one.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from convbench.counting.base import COUNTERS, count_with
from convbench.counting.tally import Tally, Unavailable
from convbench.runs.cases import Case, Group
from convbench.runs.device import too_large
from convbench.runs.measuring import Errand, Measure, Outcome, first_line, measure_cases
from convbench.runs.record import Record
from convbench.timing.contamination import contaminated, flags
from convbench.timing.estimates import compare
from convbench.timing.processes import ProcessDied, ProcessError, fresh


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


@dataclass
class _Progress:
    """What is known of a case so far."""

    record: Record
    outcomes: list[Outcome] = field(default_factory=list)


def measure_in_processes(
    group: Group,
    pending: list[Case],
    *,
    seed: int,
    plugins: tuple[str, ...],
    watcher: Watcher,
    measure: Measure | None = None,
) -> list[Record]:
    """Return the records of the pending cases, in their order.

    measure: stands in for the sampler, and everything then happens in this process: for tests.
    """
    found = {case.identity: _Progress(_derived(case)) for case in pending}
    left = [case for case in pending if found[case.identity].record.status == "ok"]
    timing = group.timing
    reason = ""
    number = 0
    while left and number < timing.processes and not reason:
        errand = Errand(
            cases=tuple(left),
            seed=seed,
            seconds=timing.seconds_per_group / timing.processes,
            min_rounds=max(2, math.ceil(timing.min_rounds / timing.processes)),
            max_rounds=max(2, math.ceil(timing.max_rounds / timing.processes)),
            target=timing.target if timing.processes == 1 else None,
            number=number,
            session=uuid.uuid4().hex[:12],
        )
        for identity, outcome in _asked(errand, plugins, watcher, measure).items():
            found[identity].outcomes.append(outcome)
        left = [case for case in left if not found[case.identity].outcomes[-1].failure]
        number += 1
        reason = _target_met(found, timing.target, timing.processes)
    return [
        _counted(case, _stopped(_recorded(found[case.identity]), reason), watcher)
        for case in pending
    ]


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
        return record.failed(first_line(error))
    return record


def _asked(
    errand: Errand, plugins: tuple[str, ...], watcher: Watcher, measure: Measure | None
) -> dict[str, Outcome]:
    """Return the outcome of every case; one that kills its process is asked for no more."""
    if measure is not None:
        return measure_cases(errand, tell=_Ear(watcher, errand.number), measure=measure)
    outcomes: dict[str, Outcome] = {}
    cases = errand.cases
    tried_again = False
    while cases:
        ear = _Ear(watcher, errand.number)
        try:
            answer: dict[str, Outcome] = fresh(
                "convbench.runs.measuring:measure_cases",
                replace(errand, cases=cases),
                allocator=cases[0].condition.allocator,
                plugins=plugins,
                told=ear,
            )
        except ProcessDied as error:
            if ear.at:
                outcomes[ear.at] = Outcome(failure=str(error))
                cases = tuple(case for case in cases if case.identity != ear.at)
            elif tried_again:
                why = f"twice, while its group was timed, {error}"
                return outcomes | {case.identity: Outcome(failure=why) for case in cases}
            tried_again = tried_again or not ear.at  # it may have been chosen to make room
        except ProcessError as error:
            return outcomes | {case.identity: Outcome(failure=str(error)) for case in cases}
        else:
            return outcomes | answer
    return outcomes


class _Ear:
    """Hears what a process tells, and remembers which case it was at."""

    def __init__(self, watcher: Watcher, number: int) -> None:
        self.at = ""
        self._watcher, self._number = watcher, number

    def __call__(self, message: tuple[Any, ...]) -> None:
        if message[0] == "at":
            self.at = message[1]
        elif message[0] == "stage":
            self._watcher.stage(f"{message[1]} (process {self._number + 1})")
        else:
            self._watcher.round(message[1], message[2])


def _target_met(found: dict[str, _Progress], target: float, planned: int) -> str:
    """Return why no further process is needed; empty where one is, or where one says too little."""
    samples = {
        identity: tuple(o.samples for o in progress.outcomes if o.samples)
        for identity, progress in found.items()
    }
    widths = []
    for identity, progress in found.items():
        base = samples.get(progress.record.baseline or "", ())
        if identity == progress.record.baseline or not samples[identity] or not base:
            continue
        ratio = compare(samples[identity], base)
        if ratio.processes < min(2, planned):  # one process knows nothing of others
            return ""
        widths.append(ratio.half_width)
    if not widths or max(widths) > target:
        return ""
    return f"target met: every ratio known to ±{max(widths):.2%}, and ±{target:.2%} was asked for"


def _stopped(record: Record, reason: str) -> Record:
    """Return the record whose last process says why there was no further one."""
    if not reason or len(record.samples) < 2:  # noqa: PLR2004  a single one says so itself
        return record
    *others, last = record.samples
    said = f"{last.stop_reason}; {reason}"
    return replace(record, samples=(*others, replace(last, stop_reason=said)))


def _recorded(progress: _Progress) -> Record:
    """Return the record with what all processes said."""
    record, outcomes = progress.record, progress.outcomes
    if not outcomes:
        return record
    ran = {key: value for outcome in outcomes for key, value in outcome.ran.items()}
    record = replace(record, ran=ran)
    for outcome in outcomes:
        if outcome.wrong:
            return replace(record, status="invalid", reason=outcome.failure)
    for outcome in outcomes:
        if outcome.failure:
            return record.failed(outcome.failure)
    samples = tuple(outcome.samples for outcome in outcomes if outcome.samples is not None)
    said = dict.fromkeys(flag for outcome in outcomes for flag in outcome.flags)
    record = replace(record, flags=(*flags(samples), *said))
    if samples and all(all(contaminated(several)) for several in samples):
        return replace(record, status="invalid", samples=samples, reason=ALL_CONTAMINATED)
    names = dict.fromkeys(name for outcome in outcomes for name in outcome.also)
    also = {name: tuple(o.also[name] for o in outcomes if name in o.also) for name in names}
    return replace(record, samples=samples, also=also)


ALL_CONTAMINATED = (
    "every sample is contaminated: something else had the processor during each of them; stop what "
    "else runs here, or use fewer threads, and measure again"
)


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
        tallies = {name: count_with(name, module, inputs) for name in COUNTERS}
    except Exception as error:  # noqa: BLE001  it was timed; that it is not counted is said
        tallies = {name: Unavailable(first_line(error)) for name in COUNTERS}
    return replace(record, tallies=tallies)
