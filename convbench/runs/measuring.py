"""What one fresh process does with a group: build its cases, time them together, check them.

`measure_cases` is called there by `runs.groups`, through `timing.processes`; everything that goes
in and comes out pickles, and nothing here writes to disk.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Final

from convbench.runs.cases import Case
from convbench.runs.workload import Workload
from convbench.timing.caches import Evictor, HostEvictor
from convbench.timing.checking import WrongResultError
from convbench.timing.cuda import clocks_for, inconsistent, stopwatch_for
from convbench.timing.processes import allocator_in_force
from convbench.timing.sampler import measure_group
from convbench.timing.samples import Failure, Samples
from convbench.timing.settings import execution

KERNEL_SHARE: Final = 0.25
"""Of a process's budget, on top of it, for the kernels alone."""
MOST_CAPTURED: Final = 200
"""Calls that a graph of kernels holds at most: each is recorded, which takes time and memory."""
_SEEDS_APART: Final = 7919
"""Between the orders of two processes, so that no two have the same."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What a process is to measure: cases of one group, all under one condition.

    seconds: budget of this process. target: where it is the only one; see `sampler`. number: which
    of the processes it is, from 0.
    """

    cases: tuple[Case, ...]
    seed: int
    seconds: float
    min_rounds: int
    max_rounds: int
    target: float | None
    number: int
    session: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a process has to say of a case.

    wrong: the case was measured, and its output was not right.
    """

    samples: Samples | None = None
    also: dict[str, Samples] = field(default_factory=dict)
    failure: str = ""
    wrong: bool = False
    flags: tuple[str, ...] = ()
    ran: dict[str, str] = field(default_factory=dict)


Measure = Callable[..., dict[str, Samples | Failure]]
Tell = Callable[[tuple[Any, ...]], None]


def measure_cases(
    errand: Errand, *, tell: Tell, measure: Measure = measure_group, process: str = "fresh"
) -> dict[str, Outcome]:
    """Time the cases of an errand together, in this process; return the outcome of each.

    tell: is told ("stage", text), ("at", case) before a case is built and before it first runs,
    ("at", "") when it could be any of them, and ("round", done, expected). measure: stands in for
    the sampler in tests. process: what the samples say of where they were taken.
    """
    condition = errand.cases[0].condition
    outcomes: dict[str, Outcome] = {}
    work: dict[str, Workload] = {}
    grad = condition.direction == "training"
    with _quiet(), execution(
        condition.threads, condition.device, tf32=condition.dtype == "tf32", grad=grad
    ) as settings:  # fmt: skip
        evictor = None if condition.cache == "warm" else _evictor(condition.device)
        calls: dict[str, Callable[[], Any]] = {}
        for case in errand.cases:
            tell(("at", case.identity))
            tell(("stage", f"building {case.skeleton.label}"))
            try:
                workload = _built(case, errand)
                calls[case.identity] = workload.work(evictor, len(errand.cases))
                work[case.identity] = workload
            except (Exception, SystemExit) as error:  # noqa: BLE001  the others go on
                outcomes[case.identity] = Outcome(failure=first_line(error))
        tell(("at", ""))
        if work:
            tell(("stage", "timing"))
            timed = _timed(errand, work, calls, measure, tell)
            kernels = _kernels(errand, work, timed)
            in_force = {key: str(value) for key, value in settings.items() if value is not None}
            for identity, workload in work.items():
                tell(("stage", f"checking {workload.case.skeleton.label}"))
                outcome = _checked(workload, timed[identity])
                if errand.number == 0 and outcome.samples is not None:
                    outcome = replace(outcome, ran=_identity(workload))
                if outcome.samples is not None:
                    samples = replace(
                        outcome.samples,
                        allocator=allocator_in_force(),
                        pool_bytes=evictor.pool_bytes if evictor else 0,
                        process=process,
                    )
                    outcome = replace(outcome, samples=samples)
                    outcome = _with_kernels(outcome, kernels.get(identity))
                outcomes[identity] = replace(outcome, ran={**outcome.ran, **in_force})
    return outcomes


def _built(case: Case, errand: Errand) -> Workload:
    import torch

    # Tensors made in inference mode are of another kind, and torch treats them differently.
    with torch.inference_mode(mode=False):
        workload = Workload(case, errand.seed)
    workload.get_ready(anew=errand.number == 0)
    return workload


def _timed(
    errand: Errand,
    work: dict[str, Workload],
    calls: dict[str, Callable[[], Any]],
    measure: Measure,
    tell: Tell,
) -> dict[str, Samples | Failure]:
    wrong: dict[str, str] = {}

    def accept(identity: str, output: Any) -> None:
        try:
            work[identity].check_first(output)
        except WrongResultError as error:
            wrong[identity] = str(error)
            raise

    condition = errand.cases[0].condition
    base = next((c.skeleton.baseline for c in errand.cases if c.skeleton.baseline in work), None)
    timed = measure(
        calls,
        stopwatch=stopwatch_for(condition.device),
        seed=errand.seed + _SEEDS_APART * errand.number,
        budget=errand.seconds,
        min_rounds=errand.min_rounds,
        max_rounds=errand.max_rounds,
        threads=condition.threads,
        session=errand.session,
        base=base,
        target=errand.target,
        accept=accept,
        announce=lambda identity: tell(("at", identity)),
        progress=lambda done, expected: tell(("round", done, expected)),
    )
    return {
        identity: _Wrong(wrong[identity]) if identity in wrong else result
        for identity, result in timed.items()
    }


def _kernels(
    errand: Errand, work: dict[str, Workload], timed: dict[str, Samples | Failure]
) -> dict[str, Samples | Failure]:
    """Return the times of the kernels alone, where a device has a clock for them.

    Forward passes in eager mode with warm caches: what a graph can hold, and has not held yet.
    """
    condition = errand.cases[0].condition
    stopwatch = clocks_for(condition.device).get("kernel")
    plain = condition.mode == "eager" and condition.direction == "forward"
    if stopwatch is None or not plain or condition.cache != "warm":
        return {}
    return measure_group(
        {n: work[n].call for n, result in timed.items() if isinstance(result, Samples)},
        stopwatch=stopwatch,
        seed=errand.seed + _SEEDS_APART * errand.number,
        budget=errand.seconds * KERNEL_SHARE,
        min_rounds=errand.min_rounds,
        max_rounds=errand.max_rounds,
        threads=condition.threads,
        max_block=MOST_CAPTURED,
        session=errand.session,
    )


def _with_kernels(outcome: Outcome, kernel: Samples | Failure | None) -> Outcome:
    """Return the outcome with the kernels' times, and with a flag where the clocks disagree."""
    if kernel is None or outcome.samples is None:
        return outcome
    if isinstance(kernel, Failure):
        return replace(outcome, flags=(*outcome.flags, f"kernels not timed: {kernel.reason}"))
    host = median(outcome.samples.host_seconds or outcome.samples.seconds)
    apart = inconsistent(host, outcome.samples.median, kernel.median)
    flags = (*outcome.flags, f"clocks: {apart}") if apart else outcome.flags
    return replace(outcome, also={"kernel": kernel}, flags=flags)


class _Wrong(Failure):
    """A failure that is a wrong result."""


def _checked(workload: Workload, result: Samples | Failure) -> Outcome:
    """Return the samples, if the output they were taken of is right to the end."""
    if isinstance(result, Failure):
        return Outcome(failure=result.reason, wrong=isinstance(result, _Wrong))
    try:
        flags = workload.check_last()
    except WrongResultError as error:
        return Outcome(failure=str(error), wrong=True)
    except Exception as error:  # noqa: BLE001  it ran until now, and does no longer
        return Outcome(failure=first_line(error))
    return Outcome(samples=result, flags=flags)


def _identity(workload: Workload) -> dict[str, str]:
    """Return what ran, which is the same in every process: so one of them is asked."""
    try:
        return workload.identity()
    except Exception as error:  # noqa: BLE001  what ran cannot be told; that it ran is known
        return {"convolution_backend": f"unknown: {first_line(error)}"}


def _evictor(device: str) -> Evictor:
    if device.startswith("cuda"):
        from convbench.timing.cuda_cache import L2Flush

        return L2Flush(device)
    return HostEvictor()


def first_line(error: BaseException) -> str:
    """Return what an error says, in a line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's warnings about single kernels off the progress display."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
        gc.collect()
