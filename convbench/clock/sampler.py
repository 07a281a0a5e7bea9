"""The sampler: in which order, after what warm-up, in what blocks, and until when.

A group goes through three stages: the first call of each competitor; its warm-up, which also finds
its block; then rounds. In a round every competitor is timed once. Rounds come in pairs: a seeded
random order, then the same order backwards, so that whatever drifts (heat, frequency, other
processes) falls on all competitors alike and cancels in their paired ratios. Competitors timed one
after the other, however long each, do not have this property; nor do independent random orders,
which can leave half of a round's drift in the median of the ratios.
"""

from __future__ import annotations

import gc
import math
import random
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from convbench.clock.competitor import UNUSABLE, WARMUP_WINDOW, Competitor, DeviceLostError, WarmUp
from convbench.clock.samples import Failure, Samples, Untimed
from convbench.clock.steps import Steps
from convbench.core.collector import collector_paused
from convbench.core.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from convbench.clock.stopwatch import Stopwatch, Work

__all__ = ["Failure", "measure_group", "rounds_for"]

WARMUP_SHARE = 0.2  # of the budget, for all competitors together, though on top of it
WARMUP_LEAST = 6  # windows of full blocks, though the share be spent: with fewer none can agree
HARD_LIMIT = 3  # budgets; after these even `min_rounds` gives way
CLOCK_SHARE = 0.001  # of a block, at most, that the stopwatch itself takes


def measure_group(
    work: Mapping[str, Work],
    *,
    stopwatch: Stopwatch,
    seed: int,
    budget: float,
    session: str,
    min_rounds: int = 10,
    max_rounds: int = 200,
    target_block_seconds: float = 0.002,
    max_block: int = 10_000,
    threads: int = 0,
    blocks: Mapping[str, int] | None = None,
    accept: Callable[[str, Any], None] | None = None,
    announce: Callable[[str], None] | None = None,
    steps: Steps | None = None,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Samples | Failure]:
    """Time the competitors of one group together, interleaved in seeded rounds.

    A competitor that raises, at whichever stage, becomes a `Failure` and leaves; the others go on.
    Where it leaves no device to go on with (an illegal access ends all use of a GPU in a process),
    they are `Untimed`: time them in another process. Python's garbage collector runs before and not
    during. It is for the caller to enter `settings.execution` around this.

    Args:
        work: what to call, by name.
        stopwatch: times a block of calls.
        seed: of the order. Python's global random state is neither read nor changed.
        budget: seconds of rounds, all competitors together; first calls, checks and warm-up come
            on top. The pair of rounds in which it ends is completed, so that drift cancels.
        session: an id for the samples; equal ids are what `stats.ratio` pairs by.
        min_rounds: rounds to make even beyond the budget, though not beyond three budgets.
        max_rounds: rounds after which to stop in any case.
        target_block_seconds: a sample repeats its work until it lasts this long, or a thousand
            times what the stopwatch itself takes, whichever is longer.
        max_block: calls in a sample, at most.
        threads: written into the samples; nothing is set.
        blocks: calls in a sample, by name, where they are known from an earlier process: such a
            competitor is warmed by a single untimed sample, and low quantiles do not see the rest.
        accept: called with a competitor's name and the output of its first call, before anything
            else of it is timed; what it raises becomes the competitor's failure.
        announce: called with a competitor's name before its first call, and with "" when all have
            made theirs: where a process dies, it is known of whom.
        steps: is told which competitor is called, before each step of it.
        clock: seconds, for the budget only.
        progress: called after every round with the rounds done and those expected in all.

    Returns:
        Samples or failure of each competitor, in the order of `work`.

    Raises:
        ValueError: a limit that cannot be met; the message names it.

    """
    _check(budget, min_rounds, max_rounds, target_block_seconds, max_block)
    steps = steps or Steps()
    race = _Race(
        group={name: Competitor(name, call, stopwatch, steps) for name, call in work.items()},
        draw=random.Random(seed),  # noqa: S311  (an order, not a secret)
        clock=clock,
        budget=budget,
        min_rounds=min_rounds,
        max_rounds=max_rounds,
    )
    overhead = getattr(stopwatch, "overhead", None)
    shortest = overhead() / CLOCK_SHARE if overhead is not None else 0.0
    block_seconds = max(target_block_seconds, shortest)
    goal = WarmUp(
        target_block_seconds=block_seconds,
        max_block=max_block,
        allowance=max(
            WARMUP_SHARE * budget / max(1, len(work)),
            WARMUP_LEAST * WARMUP_WINDOW * block_seconds,
        ),
    )
    gc.collect()
    with collector_paused():
        try:
            race.call_first(announce)
            race.check(accept)
            race.warm_up(goal, blocks or {})
            stop_reason = race.run(progress)
        except DeviceLostError as culprit:
            untimed = Untimed(UNUSABLE.format(culprit))
            return {name: each.failure or untimed for name, each in race.group.items()}
    return {
        name: competitor.failure
        or competitor.result(seed=seed, threads=threads, session=session, stop_reason=stop_reason)
        for name, competitor in race.group.items()
    }


@dataclass(kw_only=True)
class _Race:
    """The stages of a group, one method each, in the order in which they are called."""

    group: dict[str, Competitor]
    draw: random.Random
    clock: Callable[[], float]
    budget: float
    min_rounds: int
    max_rounds: int

    def call_first(self, announce: Callable[[str], None] | None) -> None:
        for competitor in self.shuffled():
            if announce is not None:
                announce(competitor.name)
            competitor.attempt(Competitor.call_first)
        if announce is not None:
            announce("")

    def check(self, accept: Callable[[str, Any], None] | None) -> None:
        for competitor in _racing(self.group.values()):
            if accept is not None:
                competitor.attempt(partial(_accepted, accept))
            competitor.first_output = None  # it may be large

    def warm_up(self, goal: WarmUp, blocks: Mapping[str, int]) -> None:
        for competitor in self.shuffled():
            block = blocks.get(competitor.name)
            if block is None:
                competitor.attempt(lambda racing: racing.warm_up(goal))
            else:
                competitor.attempt(partial(Competitor.warm_up_to, block=block))

    def run(self, progress: Callable[[int, int], None] | None) -> str:
        """Make rounds until there is a reason to stop, and return it."""
        begin = self.clock()
        limits = (self.budget, self.min_rounds, self.max_rounds)
        order: Sequence[Competitor] = ()
        rounds = 0
        stop_reason = ""
        while not stop_reason and _racing(self.group.values()):
            order = _racing(reversed(order)) if rounds % 2 else self.shuffled()
            for competitor in order:
                competitor.attempt(Competitor.sample)
            rounds += 1
            elapsed = self.clock() - begin
            stop_reason = _stop_reason(rounds, elapsed, *limits)
            if progress is not None:
                expected = rounds_for(elapsed / rounds, *limits)
                progress(rounds, rounds if stop_reason else max(rounds + 1, expected))
        return stop_reason

    def shuffled(self) -> list[Competitor]:
        order = _racing(self.group.values())
        self.draw.shuffle(order)
        return order


def _accepted(accept: Callable[[str, Any], None], competitor: Competitor) -> None:
    accept(competitor.name, competitor.first_output)


def rounds_for(
    seconds_per_round: float,
    budget: float,
    min_rounds: int,
    max_rounds: int,
) -> int:
    """Return how many rounds `measure_group` makes if each takes `seconds_per_round`.

    Args:
        seconds_per_round: of all competitors together; 0 or less means `max_rounds`.
        budget: seconds of rounds.
        min_rounds: as in `measure_group`.
        max_rounds: as in `measure_group`.

    """
    if seconds_per_round <= 0:
        return max_rounds
    within = max(min_rounds, math.ceil(budget / seconds_per_round))
    at_most = max(1, math.ceil(HARD_LIMIT * budget / seconds_per_round))
    return min(within + within % 2, at_most, max_rounds)


def _stop_reason(
    rounds: int,
    elapsed: float,
    budget: float,
    min_rounds: int,
    max_rounds: int,
) -> str:
    """Return why to stop after this round, or nothing."""
    if rounds >= max_rounds:
        return f"{plural(rounds, 'round')} made, the most allowed"
    # A pair of rounds is completed: an odd one out would leave drift in the ratios.
    if elapsed >= budget and rounds >= min_rounds and rounds % 2 == 0:
        return f"budget of {budget:g} s spent after {plural(rounds, 'round')}"
    if elapsed >= HARD_LIMIT * budget:
        return (
            f"{HARD_LIMIT} times the budget of {budget:g} s spent after {plural(rounds, 'round')}; "
            f"at least {min_rounds} were wanted"
        )
    return ""


def _racing(competitors: Iterable[Competitor]) -> list[Competitor]:
    return [competitor for competitor in competitors if competitor.failure is None]


def _check(
    budget: float,
    min_rounds: int,
    max_rounds: int,
    target_block_seconds: float,
    max_block: int,
) -> None:
    for name, seconds in (("budget", budget), ("target_block_seconds", target_block_seconds)):
        if not seconds > 0:
            raise ValueError(f"{name}={seconds}: nothing can be timed in it; give more than 0 s")
    if not 1 <= min_rounds <= max_rounds:
        raise ValueError(
            f"min_rounds={min_rounds}, max_rounds={max_rounds}: no number of rounds is between "
            "them; give 1 <= min_rounds <= max_rounds",
        )
    if max_block < 1:
        raise ValueError(f"max_block={max_block}: a sample has at least a call; give 1 or more")
