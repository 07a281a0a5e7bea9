"""The times of the kernels alone of a group: in the process that timed it, or in one of their own.

A work that cannot be captured leaves torch's stream and memory pool in no defined state, so nothing
is captured after it in that process. Kernels come last there, and the others' are then timed in a
new process without that work: `clock.gathering` asks for it with the order that `alone` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from convbench.clock.crew import Contestant, Order, Outcome
from convbench.clock.cuda import clocks_for, inconsistent
from convbench.clock.cuda_graphs import MOST_CAPTURED, KernelStopwatch
from convbench.clock.sampler import measure_group
from convbench.clock.samples import KERNEL, NO_KERNELS, Failure, Samples, Untimed
from convbench.clock.steps import Steps
from convbench.clock.stopwatch import Stopwatch, Work

KERNEL_SHARE: Final = 0.25
"""Of a process's time for rounds, on top of it, for the kernels alone."""


def works_for(stopwatch: Stopwatch, racing: Mapping[str, Contestant]) -> dict[str, Work]:
    """Return what a stopwatch times of each competitor: where it captures graphs, what they hold.

    It then has the output of every graph checked.
    """
    if not isinstance(stopwatch, KernelStopwatch):
        return {name: competitor.work for name, competitor in racing.items()}
    works = {name: competitor.captured or competitor.work for name, competitor in racing.items()}
    owners = {id(work): racing[name] for name, work in works.items()}
    stopwatch.accept = lambda work, output: owners[id(work)].check_captured(output)
    return works


def capturable(
    order: Order, racing: Mapping[str, Contestant], outcomes: Mapping[str, Outcome]
) -> dict[str, Contestant]:
    """Return those whose kernels can be timed alone after this; none without a clock for them."""
    if order.stopwatch or KERNEL not in clocks_for(order.device):
        return {}
    return {
        name: competitor
        for name, competitor in racing.items()
        if outcomes[name].samples is not None
        and name not in order.without_kernels
        and competitor.captured is not None
    }


def kernels_of(
    order: Order,
    racing: Mapping[str, Contestant],
    outcomes: Mapping[str, Outcome],
    steps: Steps,
    progress: Callable[[int, int], None],
) -> dict[str, Samples | Failure]:
    """Return the times of the kernels alone of what is `capturable`.

    A block has as many calls as a sample of the main clock, so each is captured once; where the
    device waits for launches, its kernels are shorter than that clock's block.
    """
    stopwatch = clocks_for(order.device)[KERNEL]
    timed = {name: main for name in racing if (main := outcomes[name].samples) is not None}
    found = measure_group(
        works_for(stopwatch, racing),
        stopwatch=stopwatch,
        budget=order.seconds * KERNEL_SHARE,
        blocks={name: min(timed[name].block, MOST_CAPTURED) for name in timed},
        steps=steps,
        progress=progress,
        **order.sampling,
    )
    return {
        name: kernel if isinstance(kernel, Failure) else _placed(kernel, timed[name])
        for name, kernel in found.items()
    }


def _placed(kernel: Samples, main: Samples) -> Samples:
    """Return samples with where they were taken, as those of the main clock of the process say."""
    return replace(
        kernel,
        allocator=main.allocator,
        pool_bytes=main.pool_bytes,
        process=main.process,
        kernels=main.kernels,
    )


def with_kernels(outcome: Outcome, kernel: Samples | Failure) -> Outcome:
    """Return the outcome with the times of its kernels, or with why it has none.

    It is flagged where the two clocks contradict each other.
    """
    main = outcome.samples
    if main is None:
        return outcome
    if isinstance(kernel, Untimed):
        return replace(outcome, kernels_again=True)
    outcome = replace(outcome, kernels_again=False)
    if isinstance(kernel, Failure):
        return replace(outcome, flags=(*outcome.flags, NO_KERNELS + kernel.reason))
    apart = inconsistent(median(main.host_seconds or main.seconds), main.median, kernel.median)
    flags = (*outcome.flags, f"clocks: {apart}") if apart else outcome.flags
    return replace(outcome, also={**outcome.also, KERNEL: kernel}, flags=flags)


def alone(order: Order, answer: Mapping[str, Outcome]) -> Order | None:
    """Return the order of a process for kernels that another one's graph left untimed.

    None where there are none. order: of the process that gave the answer. In the new process the
    kernels' clock is the main one: whose capture fails there has failed, and the others are asked
    again. It is checked as in any process after the first, but for the gradients of a training
    step, which only a first process compares.
    """
    left = {
        name: said.samples for name, said in answer.items() if said.kernels_again and said.samples
    }
    if not left:
        return None
    found = replace(
        order,
        seconds=order.seconds * KERNEL_SHARE,
        stopwatch=KernelStopwatch.name,
        blocks={name: min(samples.block, MOST_CAPTURED) for name, samples in left.items()},
        without=order.without | (answer.keys() - left.keys()),
    )
    if order.first and order.grad:
        return found
    known = {name: said.digests for name, said in answer.items() if said.digests}
    return replace(found, number=order.number + _ALONE, digests={**order.digests, **known})


def cut_short(
    outcomes: Mapping[str, Outcome], names: Sequence[str], at: str, why: str
) -> dict[str, Outcome]:
    """Return the outcomes of a process that ended while it timed the kernels of `names`.

    at: whose did not end, "" where it may be no cause: all are then to be timed in another process,
    which tells. why: how it ended.
    """
    return {
        name: with_kernels(said, Failure(why) if name == at else Untimed(why))
        if name in names
        else said
        for name, said in outcomes.items()
    }


def rejoined(outcome: Outcome, said: Outcome) -> Outcome:
    """Return the outcome of a process with what one for the kernels alone said.

    A wrong result there is one of the competitor, and a graph that failed leaves it event times.
    """
    if said.wrong:
        return said
    if said.again:  # nobody is known to be the cause: a later process may have them
        return outcome
    flags = tuple(dict.fromkeys([*outcome.flags, *said.flags]))
    return with_kernels(replace(outcome, flags=flags), said.samples or Failure(said.failure))


_ALONE: Final = 1000
"""Added to the number of a process, so that one for kernels alone draws an order of its own."""
