"""Timing the samples of a calibration, in a process of its own, and fitting the model to them."""

from __future__ import annotations

import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from random import Random
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.processes import ready
from convbench.core.version import __version__
from convbench.machine.ceilings import Ceiling, measure_ceiling
from convbench.machine.fingerprint import fingerprint
from convbench.prediction.calibration import (
    Baseline,
    Calibration,
    CalibrationError,
    Fit,
    of_the_machine,
)
from convbench.prediction.model import Context, fit, fit_context
from convbench.prediction.operators import Operator, operators, working
from convbench.prediction.predicting import summed
from convbench.prediction.sampling import MOST_ELEMENTS, Sample, draw, draw_network
from convbench.prediction.terms import (
    context_terms,
    coordinates,
    family,
    relatives,
    terms,
    work,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from convbench.clock.stopwatch import Stopwatch

A_SECOND: Final = 33
"""Samples drawn for each second of the budget."""
FEWEST_SAMPLES: Final = 360
BLOCK: Final = 0.0002
"""Seconds of a block of calls. Short ones find the moments in which nothing else runs."""
BLOCKS: Final = 4
MORE_BLOCKS: Final = 12
"""With several threads, of which any that waits for a core delays the call."""
MOST_CALLS: Final = 50
LONG: Final = 0.002
"""Seconds from which half as many calls are timed."""
FEWEST: Final = 3
"""Samples of a family; one with fewer is not fitted."""
ENOUGH: Final = 15
"""Samples of a family; one with fewer is fitted with the help of those that are alike."""
NETWORKS: Final = 40
"""Networks that are timed to learn how operators differ among others from alone."""
EVERY: Final = 20
"""Samples after which the same call is timed once more, to see how fast the machine is now."""
QUICK: Final = 0.25
"""Quantile of the times of that call which is the machine's own speed, as of all times."""


@dataclass
class Timed:
    """A sample with so many threads: its operators, and the shortest time of each pass.

    moments: of each pass, how often the same call had been timed by then, less 1, see `EVERY`.
    """

    operators: tuple[Operator, ...]
    threads: int
    number: int
    passes: list[float] = field(default_factory=list)
    moments: list[int] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The shortest time of a call."""
        return min(self.passes)


def calibrate(
    threads: Sequence[int] | None,
    seconds: float,
    seed: int = 0,
    told: Callable[[str], None] | None = None,
) -> Calibration:
    """Time samples for so many seconds, with each number of threads, and fit the model to them.

    threads: None for 1 and PyTorch's own number. told: is called with what is being done. Raises
    CalibrationError for more threads than cores, ProcessError where the process cannot.
    """
    import torch

    began = time.perf_counter()
    cores = os.cpu_count() or 1
    threads = sorted({1, torch.get_num_threads()} if threads is None else set(threads))
    if threads[-1] > cores:
        raise CalibrationError(f"--threads {threads[-1]}: this machine has {cores} cores.")
    found, ceilings, again = ready().ask(
        "convbench.prediction.calibrating:timed", tuple(threads), seconds, seed, told=told
    )
    if told is not None:
        told("fitting the model")
    fits = tuple(
        replace(
            fitted([one for one in found if one.threads == number], ceiling),
            unsteady=unsteady(again[number]),
        )
        for number, ceiling in zip(threads, ceilings, strict=True)
    )
    return Calibration(
        convbench=__version__,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        device="cpu",
        dtype="float32",
        took=time.perf_counter() - began,
        machine=of_the_machine(fingerprint("cpu", tuple(threads))),
        fits=fits,
    )


def timed(
    threads: tuple[int, ...], seconds: float, seed: int, *, tell: Callable[[Any], None]
) -> tuple[list[Timed], list[Ceiling], dict[int, list[float]]]:
    """Time samples in this process: all of them in each of several passes, in random order.

    Also returned, by threads: the times of one call that is timed again every `EVERY` samples.
    """
    from convbench.clock.cuda import stopwatch_for
    from convbench.clock.settings import execution

    end = time.perf_counter() + seconds
    random = Random(seed)  # noqa: S311  of shapes
    tell("measuring the ceilings")
    ceilings = [measure_ceiling("cpu", "float32", number) for number in threads]
    tell("drawing shapes")
    number = max(FEWEST_SAMPLES, round(A_SECOND * seconds))
    samples = [*islice(draw(random), number), *islice(draw_network(random), NETWORKS)]
    found = []
    for number, sample in enumerate(samples):
        traced = _traced(sample)
        found += [Timed(traced, count, number) for count in threads]
    pool = _pool()
    stopwatch = stopwatch_for("cpu")
    same = _made(_SAME, pool)
    again: dict[int, list[float]] = {count: [] for count in threads}
    passes = 0
    while not passes or time.perf_counter() < end:
        passes += 1
        tell(f"timing {len(samples)} shapes with {' and '.join(map(str, threads))} threads, "
             f"pass {passes}")  # fmt: skip
        random.shuffle(found)
        for count in threads:
            with execution(count):
                for place, one in enumerate(one for one in found if one.threads == count):
                    if passes > 1 and time.perf_counter() >= end:
                        break
                    if place % EVERY == 0:
                        again[count].append(shortest(*same, count, stopwatch))
                    one.passes.append(shortest(*_made(samples[one.number], pool), count, stopwatch))
                    one.moments.append(len(again[count]) - 1)
                again[count].append(shortest(*same, count, stopwatch))
    for one in found:
        if len(working(one.operators)) == 1:  # what networks take beyond is of memory and of calls
            one.passes = steadied(one.passes, one.moments, again[one.threads])
    return found, ceilings, again


def steadied(times: Sequence[float], moments: Sequence[int], same: Sequence[float]) -> list[float]:
    """Return times as they would have been at the quick moments of the machine.

    Each is divided by how much longer the same call took around it (the two times before it and the
    two after it, from the place in `moments` on) than at quick moments. A virtual machine's clock
    rate, and whether its cores are cores of their own, change over seconds.
    """
    import numpy as np

    quick = float(np.quantile(same, QUICK))
    around = [median(same[max(0, place - 1) : place + 3]) for place in moments]
    return [seconds / max(1.0, now / quick) for seconds, now in zip(times, around, strict=True)]


def unsteady(times: Sequence[float]) -> float:
    """Return how much longer a call took at slow moments (a tenth) than at quick ones (a tenth)."""
    tenths = quantiles(times, n=10, method="inclusive")
    return tenths[-1] / tenths[0] - 1


def _convolution() -> nn.Module:
    from torch import nn

    return nn.Conv2d(64, 64, 3, padding=1)


_SAME: Final = Sample(_convolution, ((1, 64, 28, 28),), channels_last=False)
"""Bound by arithmetic, for a third of a millisecond with one thread."""


def _traced(sample: Sample) -> tuple[Operator, ...]:
    module, inputs = _made(sample)
    return operators(module, *inputs)


def shortest(
    module: nn.Module, inputs: tuple[Tensor, ...], threads: int, stopwatch: Stopwatch
) -> float:
    """Return the shortest time of a call of a few blocks of calls, in seconds.

    With one thread it is at most the time of the processor, which others that run do not lengthen.
    """

    def work() -> object:
        return module(*inputs)

    def block(calls: int) -> float:
        reading = stopwatch.time(work, calls)
        taken = reading.seconds
        if threads == 1:
            taken = min(taken, reading.cpu_seconds)
        return taken / calls

    work()
    estimate = min(block(1), block(1))
    calls = max(1, min(MOST_CALLS, round(BLOCK / estimate)))
    blocks = (BLOCKS if threads == 1 else MORE_BLOCKS) // (2 if estimate > LONG else 1)
    return min(block(calls) for _ in range(blocks))


def fitted(found: Sequence[Timed], ceiling: Ceiling) -> Fit:
    """Fit every family of operators to its samples, with one number of threads."""
    views = [
        one.seconds / len(one.operators)
        for one in found
        if all(operator.alias for operator in one.operators)
    ]
    view = median(views) if views else 0.0
    by_family: dict[str, list[tuple[Operator, float]]] = defaultdict(list)
    for one in found:
        main = working(one.operators)
        if len(main) == 1:
            operator = main[0]
            own = one.seconds - view * (len(one.operators) - 1)
            by_family[family(operator, one.threads)].append((operator, max(own, one.seconds / 2)))
    families = {}
    for name, items in sorted(by_family.items()):
        if len(items) < FEWEST:
            continue
        others = [] if len(items) >= ENOUGH else [
            (terms(operator, name), seconds)
            for other in relatives(name)
            for operator, seconds in by_family.get(other, [])
        ]  # fmt: skip
        families[name] = fit(
            [terms(operator, name) for operator, _ in items],
            [coordinates(operator) for operator, _ in items],
            [seconds for _, seconds in items],
            others,
        )
    convolutions = [
        (*work(operator), seconds)
        for items in by_family.values()
        for operator, seconds in items
        if operator.convolution
    ]
    rate = median(macs / seconds for macs, _, seconds in convolutions)
    peak, copied = ceiling.multiplications_per_second, ceiling.bytes_per_second
    alone = Fit(
        threads=ceiling.threads,
        samples=len(found),
        families=families,
        view=view,
        context=Context(),
        flops=Baseline(
            multiplications_per_second=rate,
            bytes_per_second=None,
            error=median(abs(macs / rate / seconds - 1) for macs, _, seconds in convolutions),
        ),
        roofline=Baseline(
            multiplications_per_second=peak,
            bytes_per_second=copied,
            error=median(
                abs(max(macs / peak, moved / copied) / seconds - 1)
                for macs, moved, seconds in convolutions
            ),
        ),
    )
    networks = [one for one in found if len(working(one.operators)) > 1]
    return replace(alone, context=_context(networks, alone))


def _context(networks: Sequence[Timed], alone: Fit) -> Context:
    """Fit what operators of networks take beyond what they take alone."""
    if len(networks) < FEWEST:
        return Context()
    amounts = []
    for one in networks:
        whole: Counter[str] = Counter()
        for own in context_terms(working(one.operators)):
            whole.update(own)
        amounts.append(whole)
    sums = [summed(one.operators, alone).seconds for one in networks]
    return fit_context(amounts, sums, [one.seconds for one in networks])


def _made(sample: Sample, pool: Tensor | None = None) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Return the module and its inputs: with numbers of `pool`, or on the meta device."""
    import torch
    from torch import nn

    used = 0

    def filled(row: int, shape: tuple[int, ...]) -> Tensor:
        nonlocal used
        spatial = len(shape) > 3  # noqa: PLR2004
        last = [0, *range(2, len(shape)), 1] if sample.channels_last and spatial else None
        ordered = [shape[axis] for axis in last] if last else shape
        if pool is None:
            made = torch.empty(ordered, device="meta")
        else:
            number = math.prod(shape)
            first = used if row < 0 and used + number <= pool.shape[1] else 0
            used = first + number if row < 0 else used  # weights lie one after another
            made = pool[row, first : first + number].view(ordered)
        return made.movedim(-1, 1) if last else made

    with torch.device("meta"):
        module = sample.make().eval()
    for part in module.modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            value = filled(-1, tuple(weight.shape))
            setattr(part, name, nn.Parameter(value, requires_grad=False))
        for name, buffer in list(part.named_buffers(recurse=False)):
            where = "meta" if pool is None else "cpu"
            setattr(part, name, torch.ones(buffer.shape, dtype=buffer.dtype, device=where))
    inputs = (filled(row, shape) for row, shape in enumerate(sample.shapes))
    return module, tuple(value.clone() for value in inputs)  # some calls are in place


def _pool() -> Tensor:
    """Return normal numbers of which inputs and weights are views, so that none are drawn again."""
    import torch

    return torch.randn(3, MOST_ELEMENTS, generator=torch.Generator().manual_seed(0))
