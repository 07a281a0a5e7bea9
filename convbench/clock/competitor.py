"""One competitor: its first call, its warm-up, its block, its samples, or its failure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from functools import wraps
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.samples import Failure, Samples
from convbench.clock.steps import Steps
from convbench.clock.stopwatch import Reading, lost
from convbench.core.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from convbench.clock.stopwatch import Stopwatch, Work

WARMUP_WINDOW = 5  # readings in a window
WARMUP_WINDOWS = 20  # at most
WARMUP_AGREEMENT = 0.05  # medians of two windows differ by at most this share
BLOCK_GROWTH = 10  # at most, in one step: an early reading may be far too short
BLOCK_MARGIN = 1.1  # a little more than needed, so that noise does not undo the step
LONG_CALL = 0.02  # seconds; a call that takes longer conditions its caches by itself


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """What a warm-up is to reach.

    Attributes:
        target_block_seconds: a block is to last at least this long.
        max_block: calls in a block, at most.
        allowance: seconds after which to end, settled or not, once the block is long enough.

    """

    target_block_seconds: float
    max_block: int
    allowance: float

    def grown(self, block: int, seconds: float) -> int:
        """Return the next block to try where one of `block` calls lasted `seconds`."""
        if seconds >= self.target_block_seconds:
            return block
        factor = float(BLOCK_GROWTH)
        if seconds > 0:
            factor = min(factor, BLOCK_MARGIN * self.target_block_seconds / seconds)
        return min(self.max_block, math.ceil(block * factor))


UNUSABLE: Final = "not timed: in the same process {} left the device unusable"
"""Why the others were not timed, with the name of the one that did it."""


class DeviceLostError(RuntimeError):
    """What a competitor did ended all timing in this process; it says the name."""


@dataclass(eq=False)
class Competitor:
    """A piece of work on its way through the three stages."""

    name: str
    work: Work
    stopwatch: Stopwatch
    steps: Steps = field(default_factory=Steps)
    first_call: float | None = 0.0
    block: int = 1
    warmup_calls: int = 0
    settled: bool | None = False
    long: bool = False
    readings: list[Reading] = field(default_factory=list)
    failure: Failure | None = None
    first_output: object = None

    def attempt(self, stage: Callable[[Competitor], None]) -> None:
        """Go through a stage; whatever it raises becomes this competitor's failure.

        Raises DeviceLostError where the process cannot time the others any more.
        """
        try:
            self.steps.begin(self.name)
            try:
                stage(self)
            finally:  # a copy of the process may come here, by whatever it raised
                self.steps.end(first=not self.warmup_calls)
        except (Exception, SystemExit) as error:
            self.failure = Failure(one_line(error))
            if lost(self.stopwatch, error):
                raise DeviceLostError(self.name) from error

    def call_first(self) -> None:
        """Time the very first call, which pays for what is built once, and keep its output."""
        outputs: list[object] = []

        @wraps(self.work, updated=())
        def kept() -> object:
            outputs.append(self.work())
            return outputs[-1]

        self._prepare()
        if getattr(self.stopwatch, "tells_first_call", True):
            self.first_call = self.stopwatch.time(kept, 1).seconds
        else:
            kept()
            self.first_call = None
        self.first_output = outputs[-1] if outputs else None

    def warm_up(self, goal: WarmUp) -> None:
        """Grow the block until it lasts, then go on until two windows of such blocks agree.

        Both in one, since each needs the other: a window of single short calls warms nothing, and
        a block calibrated on cold calls is too short once they are warm. The shortest reading of
        a window decides on the block, so one disturbed reading cannot pass for a long block.
        """
        # of a work that has a copy for each call, and of a stopwatch that records each
        limits = [getattr(one, "most_calls", goal.max_block) for one in (self.work, self.stopwatch)]
        goal = replace(goal, max_block=min(goal.max_block, *limits))
        spent = 0.0
        previous = None
        for _ in range(WARMUP_WINDOWS):
            window: list[float] = []
            while len(window) < WARMUP_WINDOW:
                window.append(self._read())
                self.steps.end()
                self.steps.begin(self.name)
                self.warmup_calls += self.block
                self.long = window[-1] >= LONG_CALL * self.block
                spent += window[-1]
                block = goal.grown(self.block, min(window))
                if spent >= goal.allowance:
                    break
            if block != self.block:
                self.block, previous = block, None
                continue
            current = median(window)
            if len(window) == WARMUP_WINDOW and previous is not None:
                self.settled = abs(current - previous) <= WARMUP_AGREEMENT * previous
            if self.settled or spent >= goal.allowance:
                return
            previous = current

    def warm_up_to(self, block: int) -> None:
        """Take a block that is known, and one untimed sample of it."""
        self.block = block
        self.long = self._read() >= LONG_CALL * block
        self.warmup_calls, self.settled = block, None  # nobody looked

    def sample(self) -> None:
        """Take one sample, after one untimed conditioning call.

        That call puts this competitor's own data in the caches and its own pages in the
        allocator, where those of the competitor before it still are. A call that is long does so
        in its first instants.
        """
        if not self.long:
            self.work()
        self._prepare()
        self.readings.append(self.stopwatch.time(self.work, self.block))

    def result(self, *, seed: int, threads: int, session: str, stop_reason: str) -> Samples:
        """Return the samples taken."""
        told: dict[str, Any] = {item.name: self._every(item.name) for item in fields(Reading)}
        unsettled = "" if self.settled is not False else "; the warm-up had not settled"
        return Samples(
            **told,
            block=self.block,
            first_call=self.first_call,
            warmup_calls=self.warmup_calls,
            stopwatch=self.stopwatch.name,
            seed=seed,
            threads=threads,
            session=session,
            stop_reason=stop_reason + unsettled,
            settled=self.settled,
        )

    def _every(self, name: str) -> tuple[Any, ...]:
        """Return what every reading says of `name`, times per call; () where one does not tell."""
        told = tuple(getattr(reading, name) for reading in self.readings)
        if None in told:
            return ()
        return tuple(one / self.block for one in told) if name.endswith("seconds") else told

    def _prepare(self) -> None:
        """Let work that wants something done right before a sample do it; see `caches`."""
        prepare = getattr(self.work, "prepare", None)
        if prepare is not None:
            prepare()

    def _read(self) -> float:
        self._prepare()
        return self.stopwatch.time(self.work, self.block).seconds
