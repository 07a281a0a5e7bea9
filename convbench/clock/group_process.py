"""What one process does with the competitors of a group: build, call first, check, time, check.

`do` is called there by `clock.gathering`, through `clock.processes`; everything that goes in and
comes out pickles. What competes is built by a `Crew` in that process: cases of a run, callables
given to `measure`, the layers of a module.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Final, Protocol

from convbench.clock import worker
from convbench.clock.checking import Digest, WrongResultError
from convbench.clock.competitor import UNUSABLE, DeviceLostError
from convbench.clock.contamination import LOST_SHARE, SHARED, SHARED_UNTOLD
from convbench.clock.cuda import clocks_for, inconsistent, stopwatch_for
from convbench.clock.cuda_graphs import MOST_CAPTURED, KernelStopwatch
from convbench.clock.execution import Execution
from convbench.clock.gpu_users import Watch
from convbench.clock.observing import AGAIN, PASSES, SHORT
from convbench.clock.processes import allocator_in_force
from convbench.clock.sampler import measure_group
from convbench.clock.samples import KERNEL, NO_KERNELS, Failure, Samples, Untimed
from convbench.clock.settings import execution
from convbench.clock.steps import Steps
from convbench.clock.stopwatch import Stopwatch, Work, lost
from convbench.core.errors import one_line

KERNEL_SHARE: Final = 0.25
"""Of a process's time for rounds, on top of it, for the kernels alone."""
_SEEDS_APART: Final = 7919
"""Between the orders of two processes, so that no two have the same."""
_PADS: Final = 256
_PAD_POWERS: Final = (4, 17)
"""Of 2, for the bytes of the blocks that move a process's heap: forked ones begin with the same.

As many small ones as large ones, or small tensors would lie in the same few holes in all of them.
With 64 blocks some heaps had such holes left for tensors of 1 KB: 4 places in 10 processes.
"""

Tell = Callable[[tuple[Any, ...]], None]
Measure = Callable[..., dict[str, Samples | Failure]]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a process is told beside its crew.

    Attributes:
        number: which of the group's processes it is, from 0. The first checks in full, says what
            ran, and finds how many calls make a sample.
        seconds: of rounds; starting, first calls, warm-up and checks come on top.
        blocks: calls in a sample, by name, where an earlier process found them.
        digests: of outputs that an earlier process found right, by name.
        without: names that are left out: they failed before.
        without_kernels: names whose kernels are not timed: a graph of them failed before.
        process: what the samples say of where they were taken.
        stopwatch: the registered one that times; the device's own where it is empty.

    """

    seed: int
    number: int = 0
    session: str = ""
    seconds: float = 0.0
    min_rounds: int = 4
    max_rounds: int = 100_000
    threads: int = 1
    device: str = "cpu"
    tf32: bool = False
    grad: bool = False
    stopwatch: str = ""
    blocks: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, tuple[Digest, ...]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    without_kernels: frozenset[str] = frozenset()
    process: str = "fresh"

    @property
    def first(self) -> bool:
        """Whether this is the first process of the group."""
        return self.number == 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a process has to say of a competitor.

    Attributes:
        samples: raw times; None where it failed.
        also: the same by other clocks, or of its parts, by name.
        failure: why it has no samples; empty where it has.
        wrong: it was measured, and its output was not right.
        again: it is no cause of its failure, and can be timed in another process.
        flags: what to know of it, as "kind: what was seen".
        ran: identity of what ran.
        execution: the library calls of one pass; None where it was not asked.
        digests: of its outputs, before and after the timing.

    """

    samples: Samples | None = None
    also: dict[str, Samples] = field(default_factory=dict)
    failure: str = ""
    wrong: bool = False
    again: bool = False
    flags: tuple[str, ...] = ()
    ran: dict[str, str] = field(default_factory=dict)
    execution: Execution | None = None
    digests: tuple[Digest, ...] = ()


class OtherValuesError(RuntimeError):
    """With other values in its input a competitor raised; the message says it all."""


class Contestant:
    """Something that was built in this process to be timed; by itself it checks and says nothing.

    Attributes:
        work: what is called.

    """

    work: Callable[[], Any]

    @property
    def captured(self) -> Callable[[], Any] | None:
        """What a graph may record, so that its kernels are timed alone; None where it may not."""
        return None

    def check_first(self, output: Any, known: tuple[Digest, ...] = ()) -> None:
        """Check the output of the first call; known: digests of right ones, () for none."""

    def check_captured(self, output: Any) -> None:
        """Check the output of a graph of `captured`; WrongResultError where it is another one."""

    def check_last(self, known: tuple[Digest, ...] = ()) -> tuple[str, ...]:  # noqa: ARG002
        """Check once more, after the timing, with other values in the input; return flags."""
        return ()

    def digests(self) -> tuple[Digest, ...]:
        """Return the digests of the outputs that were checked."""
        return ()

    def identity(self) -> dict[str, str]:
        """Return what ran."""
        return {}

    def execution(self, most: int = PASSES) -> Execution | None:  # noqa: ARG002
        """Run at most so many passes more, and return which library calls they made.

        None where they are not observed.
        """
        return None

    def parts(self, samples: Samples) -> dict[str, Samples]:  # noqa: ARG002
        """Return times of its parts that it took itself, by name."""
        return {}


class Crew(Protocol):
    """What competes in a group; it pickles.

    Attributes:
        names: of the competitors.
        pool_bytes: memory that is gone through before every sample; 0 for none.

    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the competitors."""
        ...

    def build(self, order: Order, tell: Tell) -> Iterator[tuple[str, Contestant | BaseException]]:
        """Build each competitor that is not left out, or say why it cannot be.

        tell: is told ("at", name) before what may end the process.
        """
        ...


def do(
    crew: Crew, order: Order, *, tell: Tell, measure: Measure = measure_group
) -> dict[str, Outcome]:
    """Time a crew in this process; return the outcome of each competitor.

    tell: is told ("stage", text), ("at", name) where what happens next may end the process, and
    ("at", "") when it could be of any of them. measure: stands in for the sampler in tests.
    """
    pads = _moved(order)
    steps = Steps(worker.memory)
    stopwatch = stopwatch_for(order.device, order.stopwatch)
    outcomes: dict[str, Outcome] = {}
    with warnings.catch_warnings(), execution(
        order.threads, order.device, tf32=order.tf32, grad=order.grad
    ) as settings:  # fmt: skip
        warnings.simplefilter("ignore")  # torch's about single kernels
        try:
            racing = _built(crew, order, stopwatch, tell, outcomes)
            tell(("at", ""))
            if racing:
                tell(("stage", "timing"))
                watch = Watch(order.device)
                timed = _timed(order, racing, stopwatch, measure, tell, steps, watch)
                in_force = {key: str(value) for key, value in settings.items() if value is not None}
                for name, competitor in racing.items():
                    known = order.digests.get(name, ())
                    steps.begin(name)
                    outcomes[name] = outcome = _checked(competitor, timed[name], known)
                    if outcome.failure and isinstance(timed[name], Samples) and lost(stopwatch):
                        raise DeviceLostError(name)
                    steps.begin(name)  # a step of its own: each may take a timeout's time
                    outcomes[name] = _with_facts(outcome, competitor, crew, order, in_force)
                steps.begin()
                # last, since a graph that cannot be captured ends the use of the device
                for name, kernel in _kernels(order, racing, outcomes, steps, watch).items():
                    outcomes[name] = _with_kernels(outcomes[name], kernel)
                shared = _shared(watch)  # which the driver says without the device's use
                for name, outcome in outcomes.items():
                    outcomes[name] = replace(outcome, flags=(*outcome.flags, *shared))
        except DeviceLostError as culprit:
            outcomes = _others_again(crew, order, outcomes, str(culprit))
    del pads
    return outcomes


def _shared(watch: Watch) -> tuple[str, ...]:
    """Return the flag of all that was timed while another process may have used the device."""
    surely, perhaps = watch.others()
    if surely > 100 * LOST_SHARE:
        return (SHARED,)
    return (SHARED_UNTOLD,) if perhaps > 100 * LOST_SHARE else ()


def _built(
    crew: Crew, order: Order, stopwatch: Stopwatch, tell: Tell, outcomes: dict[str, Outcome]
) -> dict[str, Contestant]:
    """Return what could be built; what could not gets its outcome."""
    racing: dict[str, Contestant] = {}
    for name, built in crew.build(order, tell):
        if isinstance(built, BaseException):
            outcomes[name] = Outcome(failure=one_line(built))
            if lost(stopwatch, built):
                raise DeviceLostError(name)
        else:
            racing[name] = built
    return racing


def _with_facts(
    outcome: Outcome, competitor: Contestant, crew: Crew, order: Order, in_force: dict[str, str]
) -> Outcome:
    """Return the outcome with where its samples were taken, and with what ran."""
    if outcome.samples is None:
        return outcome
    samples = replace(
        outcome.samples,
        allocator=allocator_in_force(),
        pool_bytes=getattr(crew, "pool_bytes", 0),
        process=order.process,
    )
    seen = order.first or order.device != "cpu" or outcome.samples.median <= SHORT
    found = competitor.execution(PASSES if order.first else AGAIN) if seen else None
    samples = replace(samples, kernels=found.choice if found else ())
    outcome = replace(outcome, samples=samples, also=competitor.parts(samples), execution=found)
    if not order.first:
        return outcome
    return replace(outcome, ran={**_identity(competitor), **in_force}, digests=competitor.digests())


def _others_again(
    crew: Crew, order: Order, known: Mapping[str, Outcome], culprit: str
) -> dict[str, Outcome]:
    """Return the failures so far, and that all others are to be timed in another process."""
    why = UNUSABLE.format(culprit)
    return {
        name: known[name] if name in known and known[name].failure else Outcome(
            failure=why, again=True
        )
        for name in crew.names
        if name not in order.without
    }  # fmt: skip


def _moved(order: Order) -> list[bytearray]:
    """Return blocks of memory of random sizes: what is built after them lies elsewhere."""
    draw = random.Random(order.seed + _SEEDS_APART * order.number)  # noqa: S311  a layout
    return [bytearray(int(2 ** draw.uniform(*_PAD_POWERS))) for _ in range(_PADS)]


def _timed(
    order: Order,
    racing: Mapping[str, Contestant],
    stopwatch: Stopwatch,
    measure: Measure,
    tell: Tell,
    steps: Steps,
    watch: Watch,
) -> dict[str, Samples | Failure]:
    """Return what the sampler found; a wrong first output is a failure of its own kind."""
    wrong: dict[str, str] = {}

    def accept(name: str, output: Any) -> None:
        try:
            racing[name].check_first(output, order.digests.get(name, ()))
        except WrongResultError as error:
            wrong[name] = str(error)
            raise

    works = {name: competitor.work for name, competitor in racing.items()}
    _check_graphs(stopwatch, works, racing)
    timed = measure(
        works,
        stopwatch=stopwatch,
        budget=order.seconds,
        blocks=order.blocks,
        accept=accept,
        announce=lambda name: tell(("at", name)),
        steps=steps,
        progress=watch.look,
        **_asked(order),
    )
    return {
        name: _Wrong(wrong[name]) if name in wrong else result for name, result in timed.items()
    }


def _asked(order: Order) -> dict[str, Any]:
    """Return what both clocks of a process are asked alike."""
    return {
        "seed": order.seed + _SEEDS_APART * order.number,
        "min_rounds": order.min_rounds,
        "max_rounds": order.max_rounds,
        "threads": order.threads,
        "session": order.session,
    }


class _Wrong(Failure):
    """A failure that is a wrong result."""


def _check_graphs(
    stopwatch: Stopwatch, works: Mapping[str, Work], racing: Mapping[str, Contestant]
) -> None:
    """Have the output of every graph checked that a stopwatch captures."""
    if isinstance(stopwatch, KernelStopwatch):
        owners = {id(work): racing[name] for name, work in works.items()}
        stopwatch.accept = lambda work, output: owners[id(work)].check_captured(output)


def _kernels(
    order: Order,
    racing: Mapping[str, Contestant],
    outcomes: Mapping[str, Outcome],
    steps: Steps,
    watch: Watch,
) -> dict[str, Samples | Failure]:
    """Return the times of the kernels alone, where a device has a clock for them.

    A block has as many calls as a sample of the main clock, so each is captured once; where the
    device waits for launches, its kernels are shorter than that clock's block.
    """
    stopwatch = None if order.stopwatch else clocks_for(order.device).get(KERNEL)
    works: dict[str, Work] = {}
    blocks: dict[str, int] = {}
    for name, competitor in racing.items():
        work, right = competitor.captured, outcomes[name].samples
        if work is not None and right is not None and name not in order.without_kernels:
            works[name], blocks[name] = work, min(right.block, MOST_CAPTURED)
    if stopwatch is None or not works:
        return {}
    _check_graphs(stopwatch, works, racing)
    return measure_group(
        works,
        stopwatch=stopwatch,
        budget=order.seconds * KERNEL_SHARE,
        blocks=blocks,
        steps=steps,
        progress=watch.look,
        **_asked(order),
    )


def _with_kernels(outcome: Outcome, kernel: Samples | Failure) -> Outcome:
    """Return the outcome with the kernels' times, and with a flag where the clocks disagree."""
    main = outcome.samples
    if main is None or isinstance(kernel, Untimed):
        return outcome
    if isinstance(kernel, Failure):
        return replace(outcome, flags=(*outcome.flags, NO_KERNELS + kernel.reason))
    apart = inconsistent(median(main.host_seconds or main.seconds), main.median, kernel.median)
    flags = (*outcome.flags, f"clocks: {apart}") if apart else outcome.flags
    kernel = replace(
        kernel,
        allocator=main.allocator,
        pool_bytes=main.pool_bytes,
        process=main.process,
        kernels=main.kernels,
    )
    return replace(outcome, also={**outcome.also, KERNEL: kernel}, flags=flags)


def _checked(
    competitor: Contestant, result: Samples | Failure, known: tuple[Digest, ...]
) -> Outcome:
    """Return the samples, if the output they were taken of is right to the end."""
    if isinstance(result, Failure):
        wrong, again = isinstance(result, _Wrong), isinstance(result, Untimed)
        return Outcome(failure=result.reason, wrong=wrong, again=again)
    try:
        flags = competitor.check_last(known)
    except WrongResultError as error:
        return Outcome(failure=str(error), wrong=True)
    except OtherValuesError as error:
        return Outcome(failure=str(error))
    except Exception as error:  # noqa: BLE001  it ran until now, and does no longer
        return Outcome(failure=one_line(error))
    return Outcome(samples=result, flags=flags)


def _identity(competitor: Contestant) -> dict[str, str]:
    try:
        return competitor.identity()
    except Exception as error:  # noqa: BLE001  what ran cannot be told; that it ran is known
        return {"convolution_backend": f"unknown: {one_line(error)}"}
