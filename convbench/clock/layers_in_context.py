"""Layers in context: a layer alone, right after its producer, and inside its block.

A layer timed alone, over and over, finds its input and weights in the caches and pays for every
call. In a network its producer ran just before, others ran since its last time, and the calls of
the block overlap nothing. The three times of a layer, and how far their sums are from the time of
the whole, say how much of a block is its layers and how much is what happens between them.

On a CPU only: what a hook reads there is when the work is done, and not when it is queued.
"""

from __future__ import annotations

import json
import math
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.calls import (
    AfterProducer,
    Call,
    ContextError,
    Instrumented,
    copied_value,
    observed,
    work_of,
)
from convbench.clock.contamination import MANY, contaminated_share, flags
from convbench.clock.crew import Contestant, Order, Outcome, Tell
from convbench.clock.estimates import Estimates, over_processes
from convbench.clock.gathering import Gathering
from convbench.clock.processes import ready
from convbench.clock.samples import Samples, of_process
from convbench.clock.stats import exponential, median_interval
from convbench.core.errors import one_line
from convbench.core.intervals import Interval
from convbench.core.modules import kind_of

if TYPE_CHECKING:
    from torch import nn

WHOLE: Final = "whole"
INSIDE: Final = "inside"
FEWEST_ROUNDS: Final = 6
"""Below this no interval of order statistics reaches 95 %."""
PROCESSES: Final = 10
_LAYERS: Final = "layers"


@dataclass(frozen=True, kw_only=True)
class LayerTimes:
    """One call of one layer. Times are in seconds, each with its interval, as `Estimates.time`.

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
        alone_share: the layers' times alone, added up, as a share of the whole in each process.
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

    Everything is interleaved in the rounds of one group, in ten processes of its own where the
    module can travel to them; `.notes` says where it could not.

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
        raise ContextError(f"threads={threads}: give 1 to {cores}, the number of cores here")
    _check_device(module, inputs)
    crew = LayerCrew(module, inputs)
    order = Order(seed=seed, threads=threads)
    try:
        pickle.dumps(crew)
    except Exception as error:  # noqa: BLE001  pickling can raise anything
        why = f"timed in the caller's process: {one_line(error)}"
        found = Gathering(crew=crew, order=order, here=why)
        found.ask(budget, FEWEST_ROUNDS)
        return _context(found, budget, (why,))
    found = Gathering(crew=crew, order=order, nursery=ready())
    while found.processes < PROCESSES and not _failed(found):
        found.ask(budget / PROCESSES)
    return _context(found, budget, ())


@dataclass
class Part(Contestant):
    """Something of the caller's module, which is not checked. calls: where it is the layers."""

    work: Callable[[], Any]
    calls: list[Call] = field(default_factory=list)

    def identity(self) -> dict[str, str]:
        """Return the layers that were called, where it is the whole with its hooks."""
        said = [
            {
                "name": call.name,
                "kind": kind_of(call.module),
                "producer": call.producer.name if call.producer else "",
            }
            for call in self.calls
        ]
        return {_LAYERS: json.dumps(said)} if said else {}

    def parts(self, samples: Samples) -> dict[str, Samples]:
        """Return what the hooks read, one value a round."""
        rounds = len(samples.seconds)
        return {
            f"{INSIDE} {number}": samples.only(tuple(call.seconds[-rounds:]))
            for number, call in enumerate(self.calls)
        }


@dataclass(frozen=True)
class LayerCrew:
    """A module, its layers alone and after their producers, and the layers within it."""

    module: nn.Module
    inputs: tuple[Any, ...]
    names: tuple[str, ...] = (WHOLE, INSIDE)

    def build(self, order: Order, tell: Tell) -> Iterator[tuple[str, Part]]:  # noqa: ARG002
        """Run the module once and make a part of each of its layers' calls; as `Crew`."""
        tell(("at", WHOLE))
        whole = Call(WHOLE, self.module, tuple(map(copied_value, self.inputs)))
        calls = observed(whole)
        yield WHOLE, Part(work_of(whole))
        yield INSIDE, Part(Instrumented(whole, calls), calls)
        for number, call in enumerate(calls):
            yield f"alone {number}", Part(work_of(call))
            if call.producer is not None:
                yield f"after {number}", Part(AfterProducer(call))


def _failed(found: Gathering) -> tuple[str, Outcome] | None:
    return next(((n, o) for n in found.outcomes if (o := found.failure(n))), None)


def _context(found: Gathering, budget: float, notes: tuple[str, ...]) -> Context:
    """Return what the processes say; ContextError where something could not be timed."""
    if failed := _failed(found):
        name, outcome = failed
        said = outcome.failure.removeprefix(f"{ContextError.__name__}: ")
        if said != outcome.failure:
            raise ContextError(said)
        raise ContextError(f"{name} could not be timed: {said}")
    samples = {name: found.samples(name) for name in found.outcomes}
    for name in found.outcomes[INSIDE][0].also:
        samples[name] = tuple(outcome.also[name] for outcome in found.outcomes[INSIDE])
    rounds = sum(len(one.seconds) for one in samples[WHOLE])
    if rounds < FEWEST_ROUNDS:
        raise ContextError(
            f"only {rounds} rounds were made in {budget:g} s, too few for an interval: give a "
            "larger budget"
        )
    layers = json.loads(found.outcomes[INSIDE][0].ran[_LAYERS])
    estimates = Estimates(samples)
    return Context(
        layers=tuple(
            LayerTimes(
                **layer,
                alone=estimates.time(f"alone {number}"),
                after=estimates.time(after) if (after := f"after {number}") in samples else None,
                inside=estimates.time(f"{INSIDE} {number}"),
            )
            for number, layer in enumerate(layers)
        ),
        whole=estimates.time(WHOLE),
        alone_share=_share("alone", len(layers), samples),
        inside_share=_share(INSIDE, len(layers), samples),
        notes=(*notes, *_seen(samples)),
    )


def _seen(samples: dict[str, tuple[Samples, ...]]) -> list[str]:
    """Return what to know of the samples, of the whole and of all together."""
    found = [f"the whole: {flag}" for flag in flags(samples[WHOLE]) if "process" not in flag]
    share = contaminated_share([one for several in samples.values() for one in several])
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


def _share(part: str, layers: int, samples: dict[str, tuple[Samples, ...]]) -> Interval:
    """Return the layers' times, added up, as a share of the whole: over processes, or rounds."""
    names = [f"{part} {number}" for number in range(layers)]
    whole = samples[WHOLE]
    if len(whole) == 1:
        rounds = zip(*(samples[name][0].seconds for name in names), strict=True)
        logs = [math.log(sum(a) / b) for a, b in zip(rounds, whole[0].seconds, strict=True)]
        return exponential(median_interval(logs))
    return over_processes(
        [
            sum(of_process(samples[name][number]) for name in names) / of_process(one)
            for number, one in enumerate(whole)
        ]
    )
