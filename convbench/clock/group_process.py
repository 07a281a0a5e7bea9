"""What one process does with the competitors of a group: build, call first, check, time, check.

`do` is called there by `clock.gathering`, through `clock.processes`; everything that goes in and
comes out pickles. What competes is built by a `Crew` in that process: cases of a run, callables
given to `measure`, the layers of a module.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from convbench.clock import worker
from convbench.clock.allocator import allocator_in_force
from convbench.clock.checking import Digest, WrongResultError
from convbench.clock.competitor import UNUSABLE, DeviceLostError
from convbench.clock.contamination import LOST_SHARE, SHARED, SHARED_UNTOLD
from convbench.clock.crew import Contestant, Crew, Measure, Order, OtherValuesError, Outcome, Tell
from convbench.clock.cuda import stopwatch_for
from convbench.clock.gpu_users import Watch
from convbench.clock.group_kernels import capturable, kernels_of, with_kernels, works_for
from convbench.clock.observing import AGAIN, PASSES, SHORT
from convbench.clock.sampler import measure_group
from convbench.clock.samples import Failure, Samples, Untimed
from convbench.clock.settings import execution
from convbench.clock.steps import Steps
from convbench.clock.stopwatch import Stopwatch, lost
from convbench.core.errors import one_line

_PADS: Final = 256
_PAD_POWERS: Final = (4, 17)
"""Of 2, for the bytes of the blocks that move a process's heap: forked ones begin with the same.

As many small ones as large ones, or small tensors would lie in the same few holes in all of them.
With 64 blocks some heaps had such holes left for tensors of 1 KB: 4 places in 10 processes.
"""


def do(
    crew: Crew, order: Order, *, tell: Tell, measure: Measure = measure_group
) -> dict[str, Outcome]:
    """Time a crew in this process; return the outcome of each competitor.

    tell: is told ("stage", text), ("at", name) where what happens next may end the process,
    ("at", "") when it could be of any of them, and ("timed", outcomes, names) before the kernels of
    these names are timed alone, so that no end of the process loses the other times. measure:
    stands in for the sampler in tests.
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
                if having := capturable(order, racing, outcomes):
                    tell(("timed", _with_others(outcomes, watch), tuple(having)))
                    kernels = kernels_of(order, having, outcomes, steps, watch.look)
                    for name, kernel in kernels.items():
                        outcomes[name] = with_kernels(outcomes[name], kernel)
                outcomes = _with_others(outcomes, watch)
        except DeviceLostError as culprit:
            outcomes = _others_again(crew, order, outcomes, str(culprit))
    del pads
    return outcomes


def _with_others(outcomes: Mapping[str, Outcome], watch: Watch) -> dict[str, Outcome]:
    """Return the outcomes, flagged where another process may have used the device until now.

    The driver says so without the device's use.
    """
    surely, perhaps = watch.others()
    if max(surely, perhaps) <= 100 * LOST_SHARE:
        return dict(outcomes)
    shared = SHARED if surely > 100 * LOST_SHARE else SHARED_UNTOLD
    return {
        name: replace(outcome, flags=(*outcome.flags, shared)) for name, outcome in outcomes.items()
    }


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
    draw = random.Random(order.process_seed)  # noqa: S311  a layout
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

    works = works_for(stopwatch, racing)
    timed = measure(
        works,
        stopwatch=stopwatch,
        budget=order.seconds,
        blocks=order.blocks,
        accept=accept,
        announce=lambda name: tell(("at", name)),
        steps=steps,
        progress=watch.look,
        **order.sampling,
    )
    return {
        name: _Wrong(wrong[name]) if name in wrong else result for name, result in timed.items()
    }


class _Wrong(Failure):
    """A failure that is a wrong result."""


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
