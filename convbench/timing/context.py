"""Layers in context: a layer alone, right after its producer, and inside its block.

A layer timed alone, over and over, finds its input and weights in the caches and pays for every
call. In a network its producer ran just before, others ran since its last time, and the calls of
the block overlap nothing. The three times of a layer, and how far their sums are from the time of
the whole, say how much of a block is its layers and how much is what happens between them.

On a CPU only: what a hook reads there is when the work is done, and not when it is queued.
"""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from convbench.timing.calls import (
    AfterProducer,
    Call,
    ContextError,
    Instrumented,
    copied_value,
    observed,
    work_of,
)
from convbench.timing.contamination import MANY, contaminated_share, flags
from convbench.timing.processes import ProcessDied, ProcessError, fresh
from convbench.timing.sampler import measure_group
from convbench.timing.samples import Samples
from convbench.timing.settings import execution
from convbench.timing.stats import Interval, median_interval
from convbench.timing.stopwatch import WallStopwatch

if TYPE_CHECKING:
    from torch import nn

WHOLE: Final = "whole"
INSIDE: Final = "inside"
FEWEST_ROUNDS: Final = 6
"""Below this no interval of order statistics reaches 95 %."""
_MOST_ROUNDS: Final = 100_000


@dataclass(frozen=True, kw_only=True)
class LayerTimes:
    """One call of one layer. Times are medians in seconds, with the interval of the rounds.

    Attributes:
        name: path of the module; with " (2)" for its second call, and so on.
        kind: class of the module.
        producer: the layer whose output it reads, or that ran before it; empty for the first.
        alone: its call by itself.
        after: its call right after its producer's, which is not timed; None for the first layer.
        inside: its forward within the whole, as hooks read the clock.

    """

    name: str
    kind: str
    producer: str
    alone: Interval
    after: Interval | None
    inside: Interval


@dataclass(frozen=True, kw_only=True)
class Context:
    """The layers of a module in the order of their calls, and the whole.

    Attributes:
        layers: one entry a call of a module that has no modules inside.
        whole: the time of the module itself, without hooks.
        alone_share: the layers' times alone, added up, as a share of the whole; paired by round.
        inside_share: the same of their times inside.
        notes: what to know of it.

    """

    layers: tuple[LayerTimes, ...]
    whole: Interval
    alone_share: Interval
    inside_share: Interval
    notes: tuple[str, ...] = ()


def layers_in_context(
    module: nn.Module, *inputs: Any, budget: float = 10.0, threads: int = 1, seed: int = 0
) -> Context:
    """Time the layers of module(*inputs): alone, after their producers, and inside.

    Everything is interleaved in the rounds of one group, in a fresh process where the module can
    travel to one; `.notes` says where it could not.

    Args:
        module: on the CPU, in the mode that it is to be timed in.
        inputs: positional arguments.
        budget: seconds for all of it.
        threads: intra-op threads.
        seed: of the order.

    Raises:
        ContextError: a budget or a number of threads below what can be, a module without layers
            inside or not on the CPU, one that raises, or that ends its process.

    """
    if not 0 < budget < math.inf:
        raise ContextError(f"budget={budget}: no time to measure in; give finite seconds above 0")
    cores = os.cpu_count() or threads
    if not 1 <= threads <= cores:
        raise ContextError(f"threads={threads}: this machine has {cores} cores; give 1 to {cores}")
    order = (module, inputs, budget, threads, seed)
    try:
        found = fresh("convbench.timing.context:in_process", *order)
    except ProcessDied as error:  # and so would this one
        raise ContextError(f"the module cannot be timed: {error}") from None
    except ProcessError as error:
        if str(error).startswith(ContextError.__name__):
            raise ContextError(str(error).partition(": ")[2]) from None
        why = f"timed in the caller's process, since a fresh one could not: {error}"
    except Exception as error:  # noqa: BLE001  pickling can raise anything
        why = f"timed in the caller's process: {type(error).__name__}, {error}"
    else:
        return found  # type: ignore[no-any-return]
    return in_process(*order, notes=(why,))


def in_process(
    module: nn.Module,
    inputs: tuple[Any, ...],
    budget: float,
    threads: int,
    seed: int,
    *,
    tell: Callable[[Any], None] | None = None,  # noqa: ARG001  every errand is given one
    notes: tuple[str, ...] = (),
) -> Context:
    """Time them in this process; as `layers_in_context`."""
    _check_device(module, inputs)
    with execution(threads):
        whole = Call(WHOLE, module, tuple(map(copied_value, inputs)))
        calls = observed(whole)
        work: dict[str, Callable[[], Any]] = {
            WHOLE: work_of(whole),
            INSIDE: Instrumented(whole, calls),
        }
        for number, call in enumerate(calls):
            work[f"alone {number}"] = work_of(call)
            if call.producer is not None:
                work[f"after {number}"] = AfterProducer(call)
        timed = measure_group(
            work,
            stopwatch=WallStopwatch(),
            seed=seed,
            budget=budget,
            session=uuid.uuid4().hex[:12],
            max_rounds=_MOST_ROUNDS,
            threads=threads,
        )
    samples: dict[str, Samples] = {}
    for name, result in timed.items():
        if not isinstance(result, Samples):
            raise ContextError(f"{name} could not be timed: {result.reason}")
        samples[name] = result
    rounds = len(samples[WHOLE].seconds)
    if rounds < FEWEST_ROUNDS:
        raise ContextError(
            f"only {rounds} rounds were made in {budget:g} s, too few for an interval: give a "
            "larger budget"
        )
    return Context(
        layers=tuple(_layer(number, call, samples) for number, call in enumerate(calls)),
        whole=median_interval(samples[WHOLE].seconds),
        alone_share=_share(
            [samples[f"alone {number}"].seconds for number in range(len(calls))], samples[WHOLE]
        ),
        inside_share=_share(
            [_last(call.seconds, samples[WHOLE]) for call in calls], samples[WHOLE]
        ),
        notes=(*notes, *_seen(samples)),
    )


def _seen(samples: dict[str, Samples]) -> list[str]:
    """Return what to know of the samples, of the whole and of all together."""
    found = [f"the whole: {flag}" for flag in flags([samples[WHOLE]]) if "process" not in flag]
    share = contaminated_share(list(samples.values()))
    if share >= MANY:
        found.append(f"contaminated: {share:.0%} of all samples; something else was running here")
    return found


def _check_device(module: nn.Module, inputs: tuple[Any, ...]) -> None:
    import torch

    tensors = [i for i in inputs if isinstance(i, torch.Tensor)]
    for tensor in (*module.parameters(), *module.buffers(), *tensors):
        if tensor.device.type != "cpu":
            raise ContextError(
                f"the module or an input is on {tensor.device}, and hooks tell when work is done "
                "only on the CPU; move both there"
            )


def _layer(number: int, call: Call, samples: dict[str, Samples]) -> LayerTimes:
    after = samples.get(f"after {number}")
    return LayerTimes(
        name=call.name,
        kind=type(call.module).__name__,
        producer=call.producer.name if call.producer else "",
        alone=median_interval(samples[f"alone {number}"].seconds),
        after=median_interval(after.seconds) if after else None,
        inside=median_interval(_last(call.seconds, samples[WHOLE])),
    )


def _last(seconds: list[float], whole: Samples) -> tuple[float, ...]:
    """Return one value a round: each round makes an untimed run first, and then the timed one."""
    return tuple(seconds[-2 * len(whole.seconds) :][1::2])


def _share(parts: list[tuple[float, ...]], whole: Samples) -> Interval:
    logs = [
        math.log(sum(layers) / total) for *layers, total in zip(*parts, whole.seconds, strict=True)
    ]
    found = median_interval(logs)
    return Interval(
        value=math.exp(median(logs)),
        low=math.exp(found.low),
        high=math.exp(found.high),
        confidence=found.confidence,
    )
