"""`convbench.measure`: time anything callable, in processes of its own wherever it can travel."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from convbench.clock.allocator import Allocator
from convbench.clock.arguments import Given, MeasureError, call_of, check, check_whole
from convbench.clock.checking import (
    MANY_DENORMALS,
    TOLERANCES,
    Digest,
    WrongResultError,
    check_digest,
    checkable,
    denormal_share,
    digest,
    same_at_any_address,
)
from convbench.clock.crew import Contestant, Order, OtherValuesError, Tell
from convbench.clock.cuda_flags import NOWHERE, tf32_in_force
from convbench.clock.gathering import TIMEOUT, Gathering
from convbench.clock.measurement import Measurement
from convbench.clock.processes import ready
from convbench.clock.samples import KERNEL
from convbench.clock.stopwatch import STOPWATCHES
from convbench.core.errors import one_line, quoted
from convbench.core.plugins import brought_by

_SEEDS: Final = 2**32
_APART: Final = frozenset({"fresh", "forked"})
"""What `Samples.process` says of a process that is not the caller's."""
_FEWEST_FOR_A_TARGET: Final = 3
"""Processes; fewer know too little of how others differ."""


class Called(Contestant):
    """A callable and its inputs."""

    def __init__(self, call: Callable[..., Any], inputs: tuple[Any, ...], order: Order) -> None:
        """Bind the inputs."""
        self.call, self.inputs, self.order = call, inputs, order
        self.work = (lambda: call(*inputs)) if inputs else call

    def check_first(self, output: Any, known: tuple[Digest, ...] = ()) -> None:
        """Refuse a result that something has yet to go through or await: nothing ran for it."""
        del known
        if isinstance(output, Iterator | AsyncIterator | Awaitable):
            raise MeasureError(
                f"its call returns a {type(output).__name__}, for which nothing has run yet; give "
                f"a function that {'goes through' if isinstance(output, Iterator) else 'awaits'} it"
            )

    @property
    def _tf32(self) -> bool:
        """Whether two kernels of the same float32 work may differ by the rounding of TF32."""
        return self.order.tf32 != NOWHERE

    @property
    def captured(self) -> Callable[[], Any] | None:
        """The call, in a process of its own: where it cannot be captured, no GPU is left there."""
        return self.work if self.order.process in _APART else None

    def check_captured(self, output: Any) -> None:
        """Compare a tensor of floats that a graph gave with what the call gives."""
        import torch

        again = self.work()
        if isinstance(again, torch.Tensor) and again.is_floating_point():
            dtype = str(again.dtype).removeprefix("torch.")
            key = "tf32" if self._tf32 and dtype == "float32" else dtype
            check_digest(output, digest(again), key, "replayed from a CUDA graph")

    def check_last(self, known: tuple[Digest, ...] = ()) -> tuple[str, ...]:  # noqa: ARG002
        """See in the first process that the output follows the input; return what to know."""
        if not self.order.first:
            return ()
        flags = []
        shares = [denormal_share(i) for i in self.inputs if _is_floating(i)]
        if max(shares, default=0) >= MANY_DENORMALS:
            flags.append(f"{max(shares):.1%} of an input's values are denormal")
        if self.inputs and not checkable(self.inputs):
            flags.append("its output is not checked, for want of a float tensor to change")
        try:
            rounding = {"rounding": TOLERANCES["tf32"]} if self._tf32 else {}
            same_at_any_address(self.call, self.inputs, self.order.seed % _SEEDS, **rounding)
        except WrongResultError:
            raise
        except Exception as error:  # noqa: BLE001  said of this one; the others keep their times
            raise OtherValuesError(
                f"with other values in its inputs it raised {one_line(error)}"
            ) from None
        return tuple(flags)


@dataclass(frozen=True)
class CallCrew:
    """Callables with their inputs, by name."""

    calls: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the caller gave."""
        return tuple(self.calls)

    def build(self, order: Order, tell: Tell) -> Iterator[tuple[str, Called]]:  # noqa: ARG002
        """Take each callable; as `crew.Crew`."""
        for name, (call, inputs) in self.calls.items():
            if name not in order.without:
                yield name, Called(call, inputs, order)


def measure(
    work: Mapping[str, Given],
    *,
    budget: float = 5.0,
    processes: int = 10,
    seed: int = 0,
    threads: int = 1,
    device: str = "cpu",
    base: str | None = None,
    target: float | None = None,
    min_rounds: int = 6,
    allocator: Allocator = "kept",
    grad: bool = False,
    stopwatch: str = "",
    timeout: float | None = None,
) -> Measurement:
    """Time several callables together, in interleaved rounds of random order.

    Each competitor is `(callable, inputs)`, called as `callable(*inputs)`, or a callable without
    arguments. A module must already be in the mode (`eval()`) and on the device to be timed. On a
    GPU float32 work uses TF32 where torch is set to in the calling process: by default in
    convolutions (`torch.backends.cudnn.allow_tf32`) and not in matrix products
    (`torch.set_float32_matmul_precision`); `.tf32` of the result and its table say where. If all
    competitors can be pickled, they are timed in new processes. Otherwise (a lambda, something
    defined in `__main__`) they are timed once in the calling process, and `.notes` gives the
    reason. A competitor that ends its process (a crash, out of memory) has no time.

    After timing, tensors among the inputs are changed in place, and the output must change
    accordingly: a competitor that caches its output by the address of its input has no time.

    Args:
        work: competitors by name.
        budget: seconds of timed rounds, for all processes together. Starting processes, first
            calls and checks take additional time.
        processes: number of processes; each times all competitors. Only with several do intervals
            cover the difference between processes.
        seed: of the random order.
        threads: intra-op threads.
        device: "cpu", "cuda" or "cuda:<index>"; decides how time is measured: on a GPU that of
            the kernels alone where every competitor can be captured in a CUDA graph, else between
            CUDA events, with what launching them costs.
        base: the competitor that `target` refers to; the first, unless given.
        target: relative half-width of the intervals of all ratios (0.01: 1 %) at which to stop
            before all processes have run; at least 3 always run.
        min_rounds: least number of rounds in each process.
        allocator: "kept": freed pages stay mapped; "system": the default of the system.
        grad: record gradients; otherwise everything runs in inference mode.
        stopwatch: name of a registered stopwatch; "" for that of the device.
        timeout: seconds for one step of a competitor: a call, a check, or a block of calls. One
            that takes longer is ended and has no time; 600 unless given. In the calling process
            nothing can be ended: a timeout given there is an error.

    Returns:
        A `Measurement`: `.median(name)` in seconds, `.ratio(name, base)`, `.samples`, `.flags`.

    Raises:
        MeasureError: no competitors, or an invalid argument, which the message names; or a timeout
            for what can only be timed in the calling process.

    """
    if not isinstance(work, Mapping):
        raise MeasureError(
            f'work={quoted(work)}: give competitors by name, as {{"name": (callable, inputs)}}'
        )
    calls = {name: call_of(name, given) for name, given in work.items()}
    check(calls, budget, base, allocator, target, device, stopwatch, timeout)
    if not isinstance(grad, bool):
        raise MeasureError(f"grad={quoted(grad)}: give True or False")
    check_whole(processes=processes, threads=threads, min_rounds=min_rounds, seed=seed)
    crew = CallCrew(calls)
    order = Order(
        seed=seed,
        threads=threads,
        device=device,
        tf32=tf32_in_force() if device.startswith("cuda") else NOWHERE,
        grad=grad,
        stopwatch=stopwatch,
    )
    plugins = (brought_by(STOPWATCHES[stopwatch]),) if stopwatch else ()
    here = partial(_here, crew, order, budget, min_rounds, timeout)
    if "__main__" in plugins:
        return here(f"the stopwatch {stopwatch} is defined in __main__")
    try:
        pickle.dumps(crew)
    except Exception as error:  # noqa: BLE001  pickling can raise anything
        return here(f"it cannot travel to another: {one_line(error)}")
    notes: list[str] = []
    found = Gathering(
        crew=crew,
        order=order,
        nursery=ready(allocator, plugins, device),
        timeout=TIMEOUT if timeout is None else timeout,
    )
    while found.left and found.processes < processes:
        found.ask(budget / processes, min_rounds)
        if strange := _strange(found):
            return here(f"a fresh one could not: {strange}")
        if target is None or found.processes < _FEWEST_FOR_A_TARGET:
            continue
        if _widest(measurement_of(found, []), base or next(iter(calls))) <= target:
            notes.append(
                f"target met after {found.processes} processes: ratios known to ±{target:.2%}"
            )
            break
    return measurement_of(found, notes)


def _strange(found: Gathering) -> str:
    """Return why the first process could not even begin, as where nothing can be imported there."""
    if found.processes > 1 or found.left:
        return ""
    reasons = {said[0].failure for said in found.outcomes.values()}
    (reason, *others) = reasons
    begins = ("ModuleNotFoundError", "ImportError", "AttributeError", "UnpicklingError")
    return reason if not others and reason.startswith(begins) else ""


def _here(
    crew: CallCrew, order: Order, budget: float, min_rounds: int, timeout: float | None, why: str
) -> Measurement:
    """Time everything in this process, once: several times in one is not several processes."""
    if timeout is not None:
        raise MeasureError(
            f"timeout={timeout:g}: this would be timed in the calling process, which cannot be "
            f"ended, since {why}; define the competitors in a module that can be imported, or "
            "leave timeout out"
        )
    note = f"timed in this process, since {why}"
    found = Gathering(crew=crew, order=order, here=note)
    found.ask(budget, min_rounds)
    return measurement_of(found, [note])


def _widest(found: Measurement, base: str) -> float:
    """Return the largest half-width of the ratios to `base`; infinite where there is none."""
    estimates = found.estimates
    if base not in estimates.cases:
        return float("inf")
    widths = [estimates.ratio(name, base).half_width for name in estimates.cases if name != base]
    return max(widths, default=float("inf"))


def measurement_of(found: Gathering, notes: list[str]) -> Measurement:
    """Return what processes said as a measurement; notes: of the caller, before theirs."""
    failures = {name: why for name in found.outcomes if (why := found.failure(name))}
    flagged = {
        name: tuple(dict.fromkeys(flag for outcome in several for flag in outcome.flags))
        for name, several in found.outcomes.items()
    }
    said = [f"{name}: {flag}" for name, several in flagged.items() for flag in several]
    good = [name for name in found.outcomes if name not in failures]
    return Measurement(
        samples={name: found.samples(name) if name in good else () for name in found.outcomes},
        kernels={name: told for name in good if (told := found.also(name).get(KERNEL))},
        failures={name: outcome.failure for name, outcome in failures.items()},
        told=flagged,
        tf32=found.order.tf32 if found.order.device.startswith("cuda") else None,
        notes=tuple(dict.fromkeys([*notes, *said])),
    )


def _is_floating(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.is_floating_point()
