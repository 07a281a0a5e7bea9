"""`convbench.measure`: time anything callable, in fresh processes wherever it can travel."""

from __future__ import annotations

import pickle
import reprlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from convbench.timing.arguments import Given, MeasureError, call_of, check, check_whole
from convbench.timing.checking import (
    MANY_DENORMALS,
    WrongResultError,
    checkable,
    denormal_share,
    same_at_any_address,
)
from convbench.timing.cuda import stopwatch_for
from convbench.timing.estimates import compare
from convbench.timing.measurement import Measurement
from convbench.timing.processes import (
    Allocator,
    ProcessDied,
    ProcessError,
    allocator_in_force,
    fresh,
)
from convbench.timing.sampler import measure_group
from convbench.timing.samples import Failure, Samples
from convbench.timing.settings import execution

_SEEDS_APART: Final = 7919
_MOST_ROUNDS: Final = 100_000  # the budget ends a measurement, or the target
_SEEDS: Final = 2**32


class _StaysError(Exception):
    """What cannot be timed in a fresh process, for the reason in the message."""


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What a process is to time."""

    calls: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]
    seconds: float
    seed: int
    number: int
    threads: int
    device: str
    min_rounds: int
    base: str | None
    target: float | None
    grad: bool
    session: str


@dataclass(frozen=True, kw_only=True)
class _Answer:
    samples: dict[str, Samples]
    failures: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def measure(
    work: Mapping[str, Given],
    *,
    budget: float = 5.0,
    processes: int = 1,
    seed: int = 0,
    threads: int = 1,
    device: str = "cpu",
    base: str | None = None,
    target: float | None = None,
    min_rounds: int = 10,
    allocator: Allocator = "kept",
    grad: bool = False,
) -> Measurement:
    """Time competitors together, interleaved in seeded rounds.

    Each is `(callable, inputs)`, called as `callable(*inputs)`, or a callable without arguments.
    A module should be in the mode (`eval()`) and on the device that it is to be timed in. What
    pickles is timed in fresh processes; what does not (a lambda, something defined in `__main__`)
    is timed in this one, once, and `.notes` says so and why. What ends its process (a crash, no
    memory) has no time, and is not tried in this one.

    Where there are inputs, tensors among them are changed in place after the timing, and the
    output must follow: something that remembers its output by the input's address has no time.

    Args:
        work: competitors by name.
        budget: seconds of measuring, all processes together; starting them comes on top.
        processes: fresh processes, each of which times everything. With several, intervals cover
            what differs between them.
        seed: of the order.
        threads: intra-op threads.
        device: "cpu", "cuda" or "cuda:<index>": whose clock is right for the work.
        base: the competitor that `target` refers to; the first, unless given.
        target: relative half-width of every ratio's interval (0.01: 1 %) at which to stop early.
        min_rounds: a process makes at least so many.
        allocator: "kept" for pages that stay mapped when freed, "system" for whatever it does.
        grad: record gradients; otherwise everything runs in inference mode.

    Returns:
        A `Measurement`: `.median(name)` in seconds, `.ratio(name, base)`, `.samples`, `.flags`.

    Raises:
        MeasureError: nothing to time, or an argument that cannot be, each named.

    """
    if not isinstance(work, Mapping):
        raise MeasureError(
            f"work={reprlib.repr(work)}: give competitors by name, as "
            '{"name": (callable, inputs)}'
        )
    calls = {name: call_of(name, given) for name, given in work.items()}
    check(calls, budget, base, allocator, target, device)
    check_whole(processes=processes, threads=threads, min_rounds=min_rounds, seed=seed)
    order = _Order(
        calls=calls,
        seconds=budget / processes,
        seed=seed,
        number=0,
        threads=threads,
        device=device,
        min_rounds=min_rounds,
        base=base or next(iter(calls)),
        target=target if processes == 1 else None,
        grad=grad,
        session="",
    )
    answers: list[_Answer] = []
    notes: list[str] = []
    for number in range(processes):
        failed = _failures(answers)
        racing = {name: call for name, call in calls.items() if name not in failed}
        if not racing:
            break
        this = replace(order, calls=racing, number=number, session=uuid.uuid4().hex[:12])
        try:
            answers.append(_travelled(this, allocator))
        except _StaysError as why:
            if answers:
                notes.append(f"{number} of {processes} processes measured, since {why}")
            else:  # once: several times in one process is not several processes
                notes.append(f"timed in this process, since {why}")
                answers.append(_here(replace(this, seconds=budget), notes[0]))
            break
        if target is not None and _known(answers, order.base, target):
            notes.append(
                f"target met after {len(answers)} processes: ratios known to ±{target:.2%}"
            )
            break
    failures = _failures(answers)
    return Measurement(
        samples={
            name: tuple(a.samples[name] for a in answers if name in a.samples)
            if name not in failures
            else ()
            for name in calls
        },
        failures=failures,
        notes=tuple(dict.fromkeys([*notes, *(note for a in answers for note in a.notes)])),
    )


def in_process(order: _Order, *, tell: Callable[[Any], None] | None = None) -> _Answer:
    """Time an order in this process; `tell` is told of whom the first call comes, and "" after."""
    works = {name: _bound(call, inputs) for name, (call, inputs) in order.calls.items()}
    notes = []
    with execution(order.threads, order.device, grad=order.grad):
        for name, (_, inputs) in order.calls.items():
            shares = [denormal_share(i) for i in inputs if _is_floating(i)]
            if max(shares, default=0) >= MANY_DENORMALS:
                notes.append(f"{name}: {max(shares):.1%} of an input's values are denormal")
        timed = measure_group(
            works,
            stopwatch=stopwatch_for(order.device),
            seed=order.seed + _SEEDS_APART * order.number,
            budget=order.seconds,
            min_rounds=order.min_rounds,
            max_rounds=max(_MOST_ROUNDS, order.min_rounds),
            threads=order.threads,
            session=order.session,
            base=order.base,
            target=order.target,
            announce=tell,
        )
        failures = {name: r.reason for name, r in timed.items() if isinstance(r, Failure)}
        for name, (call, inputs) in order.calls.items():
            if name in failures:
                continue
            if inputs and not checkable(inputs):
                notes.append(
                    f"{name}: its output is not checked, for want of a float tensor to change"
                )
            try:
                same_at_any_address(call, inputs, order.seed % _SEEDS)
            except WrongResultError as error:
                failures[name] = str(error)
            except Exception as error:  # noqa: BLE001  the others keep their times
                failures[name] = f"with other values in its inputs it raised {_said(error)}"
    samples = {
        name: replace(result, process="fresh", allocator=allocator_in_force())
        for name, result in timed.items()
        if isinstance(result, Samples)
    }
    return _Answer(samples=samples, failures=failures, notes=tuple(notes))


def _travelled(order: _Order, allocator: Allocator) -> _Answer:
    """Return what a fresh process measured; _StaysError where none can be asked."""
    try:
        pickle.dumps(order)
    except Exception as error:  # noqa: BLE001  pickling can raise anything
        raise _StaysError(f"it cannot travel to another: {_said(error)}") from None
    at = ""

    def told(name: str) -> None:
        nonlocal at
        at = name

    try:
        answer: _Answer = fresh(
            "convbench.timing.measuring:in_process", order, allocator=allocator, told=told
        )
    except ProcessDied as error:  # and so would this one
        if not at:
            return _Answer(
                samples={}, failures=dict.fromkeys(order.calls, f"{error}, while all were timed")
            )
        failures = {at: f"{error}, at its first call"}
        others = {name: call for name, call in order.calls.items() if name != at}
        rest = (
            _travelled(replace(order, calls=others), allocator) if others else _Answer(samples={})
        )
        return replace(rest, failures={**failures, **rest.failures})
    except ProcessError as error:
        raise _StaysError(f"a fresh one could not: {error}") from None
    return answer


def _known(answers: Sequence[_Answer], base: str | None, target: float) -> bool:
    """Tell whether every ratio to `base` is as narrow over processes as was asked for."""
    if len(answers) < 2 or base is None:  # noqa: PLR2004  one process knows nothing of others
        return False
    taken = {n: [a.samples[n] for a in answers if n in a.samples] for n in answers[0].samples}
    if not taken.get(base):
        return False
    others = [several for name, several in taken.items() if name != base and several]
    return bool(others) and all(
        compare(several, taken[base]).half_width <= target for several in others
    )


def _failures(answers: Sequence[_Answer]) -> dict[str, str]:
    return {name: why for answer in answers for name, why in answer.failures.items()}


def _here(order: _Order, why: str) -> _Answer:
    answer = in_process(order)
    samples = {name: replace(s, process=why) for name, s in answer.samples.items()}
    return replace(answer, samples=samples)


def _bound(call: Callable[..., Any], inputs: tuple[Any, ...]) -> Callable[[], Any]:
    return (lambda: call(*inputs)) if inputs else call


def _is_floating(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
