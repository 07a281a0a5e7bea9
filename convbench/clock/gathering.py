"""One process after the other is asked about a crew; what they say is kept, and who fails leaves.

This is the engine of `run`, `measure` and `layers`: they differ in the crew, and in how many
processes they ask.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Final

from convbench.clock.competitor import LONG_CALL
from convbench.clock.conversation import ProcessDied, ProcessError
from convbench.clock.crew import Crew, Measure, Order, Outcome
from convbench.clock.estimates import Estimates
from convbench.clock.group_kernels import alone, cut_short, rejoined
from convbench.clock.group_process import do
from convbench.clock.processes import Nursery
from convbench.clock.sampler import measure_group
from convbench.clock.samples import NO_KERNELS, Samples, judged

DO: Final = "convbench.clock.group_process:do"
TIMEOUT: Final = 600.0
"""Seconds for a first call, a check or a compilation: what takes longer never returns."""

Told = Callable[[str], None]


@dataclass
class Gathering:
    """What is known of a crew so far.

    Attributes:
        crew: what competes.
        order: what every process is told; number, session and seconds are set for each.
        nursery: where processes come from; None: they are asked for in this process.
        here: why they are, as the samples then say.
        measure: stands in for the sampler, and everything then happens in this process: for tests.
        told: is told what is being done, in words.
        timeout: seconds for one step of a competitor (its building, a call, a check, a block of
            calls), after which its process is ended, and it has no time.
        outcomes: of each competitor, one entry a process that was asked about it.
        earlier: processes whose outcomes are known from before this began.
        took: seconds that each process took in all, without those of processes that were asked for
            kernels alone, as is only done until it is known which cannot be captured.
        rounds: seconds that its rounds took, as far as the samples tell.

    """

    crew: Crew
    order: Order
    nursery: Nursery | None = None
    here: str = ""
    measure: Measure | None = None
    told: Told | None = None
    timeout: float = TIMEOUT
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    earlier: int = 0
    took: list[float] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with nothing known."""
        for name in self.crew.names:
            self.outcomes.setdefault(name, [])

    @property
    def left(self) -> tuple[str, ...]:
        """The competitors that have not failed."""
        return tuple(
            name for name, said in self.outcomes.items() if not any(o.failure for o in said)
        )

    @property
    def processes(self) -> int:
        """How many processes have been asked."""
        return self.earlier + len(self.took)

    def samples(self, name: str) -> tuple[Samples, ...]:
        """Return the samples of a competitor, one entry a process; () where it failed."""
        return tuple(o.samples for o in self.outcomes[name] if o.samples is not None)

    def also(self, name: str) -> dict[str, tuple[Samples, ...]]:
        """Return its samples by other clocks, or of its parts, by name; an entry a process."""
        said = self.outcomes[name]
        names = dict.fromkeys(other for outcome in said for other in outcome.also)
        return {one: tuple(o.also[one] for o in said if one in o.also) for one in names}

    def judged(self, name: str) -> tuple[Samples, ...]:
        """Return the samples that its time rests on; see `samples.judged`."""
        return judged(self.samples(name), self.also(name))

    def failure(self, name: str) -> Outcome | None:
        """Return the first failure of a competitor, a wrong result before any other; or None."""
        failed = [outcome for outcome in self.outcomes[name] if outcome.failure]
        return next((outcome for outcome in failed if outcome.wrong), next(iter(failed), None))

    @property
    def estimates(self) -> Estimates:
        """What the samples say that the times rest on, of those that have not failed."""
        found = {name: self.judged(name) for name in self.left}
        return Estimates({name: several for name, several in found.items() if several})

    @property
    def overhead(self) -> float:
        """Seconds of a process beside its rounds, as the last ones had it.

        The first process has more to do than any other, which is then not known yet: building,
        first calls and checks take some rounds' time. Where every process is started anew, that
        takes most of it: seconds for importing torch, a GPU's context, and choosing algorithms.
        """
        if len(self.took) == 1 and (self.nursery is None or self.nursery.kind == "forked"):
            return _ROUNDS_BESIDE * self.a_round
        known = [a - b for a, b in zip(self.took, self.rounds, strict=True)]
        return max(0.0, median((known[1:] or known)[-_RECENT:]))

    @property
    def a_round(self) -> float:
        """Seconds of a round of all competitors, as the last processes had it."""
        counts = [
            max((len(o.samples.seconds) for o in said[-1:] if o.samples), default=0)
            for said in self.outcomes.values()
        ]
        return self.rounds[-1] / max(1, *counts) if self.rounds and counts else 0.0

    def ask(self, seconds: float, min_rounds: int = 4, max_rounds: int = 100_000) -> None:
        """Ask one more process about those that have not failed."""
        begin = time.perf_counter()
        order = replace(
            self.order,
            number=self.processes,
            session=uuid.uuid4().hex[:12],
            seconds=seconds,
            min_rounds=min_rounds,
            max_rounds=max_rounds,
            blocks=self._first(lambda outcome: outcome.samples and outcome.samples.block),
            digests=self._first(lambda outcome: outcome.digests or None),
            without=frozenset(self.outcomes) - frozenset(self.left),
            without_kernels=frozenset(
                name for name, said in self.outcomes.items() if _not_capturable(said)
            ),
            process=self.nursery.kind if self.nursery else self.here or "fresh",
        )
        answer = self._asked(order)
        self.took.append(time.perf_counter() - begin)
        later = alone(order, answer) if self.nursery else None
        if later is not None:
            kernels = self._asked(later)
            answer |= {name: rejoined(answer[name], said) for name, said in kernels.items()}
        for name, outcome in answer.items():
            self.outcomes.setdefault(name, []).append(outcome)
        # with the untimed call before each sample
        self.rounds.append(
            sum(
                sum(o.samples.seconds) * (o.samples.block + (o.samples.minimum < LONG_CALL))
                for o in answer.values()
                if o.samples
            )
        )

    def _first(self, told: Callable[[Outcome], Any]) -> dict[str, Any]:
        found = {
            name: next(filter(None, map(told, said)), None) for name, said in self.outcomes.items()
        }
        return {name: value for name, value in found.items() if value}

    def _asked(self, order: Order) -> dict[str, Outcome]:
        """Return the outcome of every competitor.

        One that kills its process, does not return, or ends the use of its device there, is asked
        no more; the others are asked in a new process. A process that was killed while it timed may
        have been chosen by the system to free memory: a second one is asked before anything fails.
        """
        ear = _Ear(self.told)
        if self.nursery is None:
            return do(self.crew, order, tell=ear, measure=self.measure or measure_group)
        outcomes: dict[str, Outcome] = {}
        suspect: str | None = None
        while order.without < frozenset(self.outcomes):
            ear = _Ear(self.told)
            racing = frozenset(self.outcomes) - order.without
            try:
                answer = self._answered(self.nursery, order, ear)
            except ProcessDied as error:
                known = ear.at or (error.at if error.hung else "")
                if not known and error.at and error.at == suspect:
                    error, known = ProcessDied(f"twice, while it was timed, {error}"), suspect
                if known in racing:
                    outcomes[known] = Outcome(failure=str(error))
                    order = replace(order, without=order.without | {known})
                elif suspect is not None:
                    why = f"twice, while its group was timed, {error}"
                    return outcomes | {name: Outcome(failure=why) for name in racing}
                else:
                    suspect = error.at
            except ProcessError as error:
                return outcomes | {name: Outcome(failure=str(error)) for name in racing}
            else:
                again = {name for name, outcome in answer.items() if outcome.again}
                outcomes |= {name: said for name, said in answer.items() if name not in again}
                if again == racing:  # nobody is known to be the cause
                    return outcomes | answer
                order = replace(order, without=order.without | (racing - again))
        return outcomes

    def _answered(self, nursery: Nursery, order: Order, ear: _Ear) -> dict[str, Outcome]:
        """Ask one process; where it ends while it times kernels, it has told all other times."""
        try:
            answer: dict[str, Outcome] = nursery.ask(
                DO, self.crew, order, told=ear, timeout=self.timeout
            )
        except ProcessDied as error:
            if ear.timed is None:
                raise
            return cut_short(*ear.timed, error.at if error.hung else "", str(error))
        return answer


def _not_capturable(said: Iterable[Outcome]) -> bool:
    """Tell whether the kernels of a case are tried no more: unless only memory was short, once."""
    why = [flag for outcome in said for flag in outcome.flags if flag.startswith(NO_KERNELS)]
    return len(why) > 1 or any("out of memory" not in flag.lower() for flag in why)


_RECENT: Final = 3
_ROUNDS_BESIDE: Final = 4


class _Ear:
    """Hears what a process tells; remembers which competitor it was at, and times it has had."""

    def __init__(self, told: Told | None) -> None:
        self.at = ""
        self.timed: tuple[dict[str, Outcome], tuple[str, ...]] | None = None
        self._told = told

    def __call__(self, message: tuple[Any, ...]) -> None:
        if message[0] == "at":
            self.at = message[1]
        elif message[0] == "timed":
            self.timed = message[1:]
        elif self._told is not None:
            self._told(message[1])
