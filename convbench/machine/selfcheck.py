"""The A/A test: the same call against itself, several times, as any two competitors are timed."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.allocator import allocator_in_force
from convbench.clock.processes import ready
from convbench.clock.sampler import measure_group
from convbench.clock.samples import TIME, Failure, Samples, time_title
from convbench.clock.stats import ratio
from convbench.core.errors import ConvbenchError, first_line
from convbench.machine.probes.system import cpu_ticks
from convbench.machine.resolution import Resolution, SizeResolution, Trial

if TYPE_CHECKING:
    from convbench.clock.stopwatch import Stopwatch
    from convbench.machine.calls import Call

LEAST_BUDGET: Final = 1.0
MOST_BUDGET: Final = 3600.0
TRIAL_SECONDS: Final = 0.5  # a comparison of two takes about as long in a suite
FEWEST_TRIALS: Final = 4
MOST_TRIALS: Final = 40
_EVENTS: Final = 0.25
"""Of the budget on a GPU, for event time, which no verdict rests on where kernels can be timed."""
_NAMES: Final = ("first", "second")
_NO_LIMIT: Final = 10**6  # rounds; the budget ends a trial


class SelfCheckError(ConvbenchError, ValueError):
    """An A/A test that cannot be made; the message says of what, why, and what to do."""


def self_check(budget: float, threads: int, device: str, seed: int = 0) -> Resolution:
    """Find out how small a difference this machine can tell now. Imports torch.

    A tiny convolution (about 20 µs) and a middle one (about 2 ms) are each timed against
    themselves with `measure_group`, in turn, in trials of about half a second (at least 4 of each,
    so shorter ones where the budget is below 4 s). Threads, flags and gradient mode are set for
    the time and restored.

    On a GPU that is kernel time, on which the verdicts of a run rest; the first quarter of the
    budget tells the same of event time. Where nothing can be captured in a CUDA graph, verdicts
    rest on event time, and so does the result.

    Args:
        budget: seconds for all of it, 1 to 3600. It is exceeded where 10 rounds of a trial take
            longer, though not by more than three times.
        threads: intra-op threads to set.
        device: "cpu" or "cuda:<index>".
        seed: of the inputs and of the order.

    Raises:
        SelfCheckError: a budget outside these limits, fewer than 1 thread, or a convolution that
            fails on the device.
        RuntimeError, ValueError: a device that is not there or not known (`stopwatch_for`).

    """
    check_budget(budget)
    if threads < 1:
        raise SelfCheckError(f"threads={threads}: work needs one; give 1 or more")
    from convbench.clock.cuda import clocks_for
    from convbench.clock.settings import execution

    main, *others = clocks_for(device).values()
    begin = time.perf_counter()
    known = {"threads": threads, "device": device, "seed": seed}
    with execution(threads, device):
        if not others:
            return _by(main, budget, begin, **known)
        events = _by(main, max(LEAST_BUDGET, _EVENTS * budget), begin, **known)
        try:
            found = _by(others[0], budget, begin, **known)
        except SelfCheckError:  # no graph of a convolution: there will be none in the run
            return replace(events, budget=budget, seconds=time.perf_counter() - begin)
    return replace(found, events=events.sizes)


def _by(stopwatch: Stopwatch, budget: float, begin: float, **known: Any) -> Resolution:
    """Return what one clock of a device finds, of calls that have the wanted length by it."""
    from convbench.machine.calls import convolutions

    device = known["device"]
    try:
        calls = convolutions(device, stopwatch, known["seed"])
    except RuntimeError as error:
        raise SelfCheckError(_cannot(device, str(error))) from None
    return against_itself(calls, stopwatch=stopwatch, budget=budget, begin=begin, **known)


def in_fresh_process(budget: float, threads: int, device: str, seed: int = 0) -> Resolution:
    """Return what `self_check` finds in a process of its own that keeps its pages.

    That is how `convbench run` times. The budget is counted from when that process has started.

    Raises:
        ConvbenchError: whatever `self_check` raises, or a process that ends without an answer.

    """
    check_budget(budget)
    found: Resolution = ready(device=device).ask(
        "convbench.machine.selfcheck:errand", budget, threads, device, seed
    )
    return found


def errand(
    budget: float,
    threads: int,
    device: str,
    seed: int,
    *,
    tell: Callable[[Any], None] | None = None,  # noqa: ARG001  there is nothing to tell meanwhile
) -> Resolution:
    """Do the same as `self_check`, for `processes.fresh`."""
    import torch  # noqa: F401

    # Each trial collects garbage first. In a process of its own what is imported can be left out
    # of that, or short trials would spend most of their time on it.
    gc.collect()
    gc.freeze()
    return self_check(budget, threads, device, seed)


def against_itself(
    calls: Mapping[str, Call],
    *,
    stopwatch: Stopwatch,
    budget: float,
    threads: int,
    device: str,
    seed: int,
    clock: Callable[[], float] = time.perf_counter,
    begin: float | None = None,
) -> Resolution:
    """Time each call against itself; sets nothing. See `self_check`.

    Args:
        calls: by name, smallest first.
        stopwatch: times them.
        budget: seconds from `begin` on, for all trials together.
        threads: written into the result.
        device: written into the result.
        seed: of the order; trial i has seed + i.
        clock: seconds, for the budget only.
        begin: when the budget began, on `clock`; by default now.

    Raises:
        SelfCheckError: a budget outside the limits, or a call that raises or takes no time.

    """
    check_budget(budget)
    start = clock() if begin is None else begin
    stolen, ticks = cpu_ticks()
    each = trials_for(budget, len(calls))
    made: dict[str, list[tuple[float, Samples, Trial]]] = {name: [] for name in calls}
    blocks: dict[str, int] = {}  # found by the first trial of a size, and known to the others
    left = each * len(calls)
    least = 0.1 * budget / max(1, left)
    for index in range(each):
        for name, call in calls.items():  # in turn, so that all sizes see the same minutes
            now = clock()
            # What one trial leaves or overdraws is shared by those to come.
            share = max((start + budget - now) / left, least)
            found = measure_group(
                dict.fromkeys(_NAMES, call.work),
                stopwatch=stopwatch,
                seed=seed + index,
                budget=share,
                session=f"{name}-{index}",
                max_rounds=_NO_LIMIT,
                threads=threads,
                blocks=dict.fromkeys(_NAMES, blocks[name]) if name in blocks else None,
                clock=clock,
            )
            samples, trial = _trial(found, device)
            blocks[name] = samples.block
            made[name].append((clock() - now, samples, trial))
            left -= 1
    after, ticks_after = cpu_ticks()
    passed = ticks_after - ticks
    title = time_title(samples for rows in made.values() for _, samples, _ in rows)
    return Resolution(
        budget=budget,
        seconds=clock() - start,
        threads=threads,
        device=device,
        seed=seed,
        allocator=allocator_in_force(),
        steal_share=(after - stolen) / passed if ticks and passed > 0 else None,
        sizes=tuple(_size(name, calls[name].what, rows) for name, rows in made.items()),
        clock="" if title == TIME else title,
    )


def trials_for(budget: float, sizes: int) -> int:
    """Return how many trials of each size fit the budget, at half a second each; 4 to 40."""
    return max(FEWEST_TRIALS, min(MOST_TRIALS, int(budget / sizes / TRIAL_SECONDS)))


def check_budget(budget: float) -> None:
    """Raise SelfCheckError for a budget that is too short, too long, or no number."""
    if not (math.isfinite(budget) and LEAST_BUDGET <= budget <= MOST_BUDGET):
        raise SelfCheckError(
            f"--budget {budget:g}: the A/A test needs seconds enough for {FEWEST_TRIALS} trials of "
            f"two sizes, and an end; give {LEAST_BUDGET:g} to {MOST_BUDGET:g} seconds, such as 10."
        )


def _trial(found: Mapping[str, Samples | Failure], device: str) -> tuple[Samples, Trial]:
    pair = []
    for name in _NAMES:
        one = found[name]
        if isinstance(one, Failure):
            raise SelfCheckError(_cannot(device, one.reason))
        pair.append(one)
    first, second = pair
    try:
        told = ratio(first, second)
    except ValueError as error:
        raise SelfCheckError(_cannot(device, str(error))) from None
    trial = Trial(
        value=told.value,
        low=told.low,
        high=told.high,
        rounds=len(first.seconds),
        settled=False not in {first.settled, second.settled},
    )
    return first, trial


def _size(name: str, what: str, rows: list[tuple[float, Samples, Trial]]) -> SizeResolution:
    clocks = [clock for _, samples, _ in rows for clock in samples.sm_clock_mhz]
    return SizeResolution(
        name=name,
        what=what,
        seconds_per_call=median(samples.median for _, samples, _ in rows),
        seconds_per_trial=fmean(seconds for seconds, _, _ in rows),
        page_faults_per_call=fmean(
            fmean(samples.page_faults) / samples.block for _, samples, _ in rows
        ),
        trials=tuple(trial for _, _, trial in rows),
        sm_clock_mhz=(min(clocks), max(clocks)) if clocks else (),
    )


def _cannot(device: str, why: str) -> str:
    return (
        f"The A/A test cannot time a convolution on {device!r} ({first_line(why)}): try "
        "`convbench doctor --device cpu`, and see whether torch works on that device at all."
    )
