"""Layers in context: a layer alone, right after its producer, and inside its block.

A layer timed alone, over and over, finds its input and weights in the caches and pays for every
call. In a network its producer ran just before, others ran since its last time, and the calls of
the block overlap nothing. The three times of a layer, and how far their sums are from the time of
the whole, say how much of a block is its layers and how much is what happens between them.

On a CPU only: what a hook reads there is when the work is done, and not when it is queued.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from convbench.errors import ConvbenchError
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
_MOST_ROUNDS: Final = 100_000


class ContextError(ConvbenchError, ValueError):
    """A module whose layers cannot be timed in context."""


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


@dataclass
class _Call:
    """One call of a leaf, as it happened in a run of the whole.

    inputs, named: what it was given, as it was before the call. writes: it changes its inputs.
    handed: which of its inputs is its producer's very output; None where something came between.
    """

    name: str
    module: Any
    inputs: tuple[Any, ...]
    named: dict[str, Any] = field(default_factory=dict)
    writes: bool = False
    output: Any = None
    made: Any = None
    producer: _Call | None = None
    handed: int | None = None
    seconds: list[float] = field(default_factory=list)

    def fresh(self, *, copied: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return its inputs: copies where asked, or where it writes into them."""
        if not (copied or self.writes):
            return self.inputs, self.named
        return tuple(map(_copied, self.inputs)), {k: _copied(v) for k, v in self.named.items()}


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
    if not budget > 0:
        raise ContextError(f"budget={budget}: nothing can be timed in it; give seconds above 0")
    if threads < 1:
        raise ContextError(f"threads={threads}: work needs one; give 1 or more")
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
        whole = _Call(WHOLE, module, tuple(map(_copied, inputs)))
        calls = _observed(whole)
        work: dict[str, Callable[[], Any]] = {
            WHOLE: _work(whole),
            INSIDE: _Instrumented(whole, calls),
        }
        for number, call in enumerate(calls):
            work[f"alone {number}"] = _work(call)
            if call.producer is not None:
                work[f"after {number}"] = _AfterProducer(call)
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
    return Context(
        layers=tuple(_layer(number, call, samples) for number, call in enumerate(calls)),
        whole=median_interval(samples[WHOLE].seconds),
        alone_share=_share(
            [samples[f"alone {number}"].seconds for number in range(len(calls))], samples[WHOLE]
        ),
        inside_share=_share(
            [_last(call.seconds, samples[WHOLE]) for call in calls], samples[WHOLE]
        ),
        notes=notes,
    )


def _check_device(module: nn.Module, inputs: tuple[Any, ...]) -> None:
    import torch

    tensors = [i for i in inputs if isinstance(i, torch.Tensor)]
    for tensor in (*module.parameters(), *module.buffers(), *tensors):
        if tensor.device.type != "cpu":
            raise ContextError(
                f"the module or an input is on {tensor.device}, and hooks tell when work is done "
                "only on the CPU; move both there"
            )


def _observed(whole: _Call) -> list[_Call]:
    """Run the whole once; return every call of a leaf, in order, with what it read and gave."""
    calls: list[_Call] = []
    running: list[tuple[_Call, tuple[Any, ...]]] = []
    counts: dict[str, int] = {}
    handles = []

    def before(name: str) -> Callable[..., None]:
        def hook(leaf: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            counts[name] = counts.get(name, 0) + 1
            label = name if counts[name] == 1 else f"{name} ({counts[name]})"
            # copied now: what works in place would leave its own output behind
            call = _Call(label, leaf, tuple(map(_copied, given)))
            call.named = {key: _copied(value) for key, value in named.items()}
            _find_producer(call, given, calls)
            calls.append(call)
            running.append((call, given))

        return hook

    def after(_leaf: Any, _given: Any, output: Any) -> None:
        call, given = running.pop()
        call.writes = _differ(given, call.inputs)
        call.output, call.made = output, _copied(output)

    inputs, _ = whole.fresh(copied=True)
    try:
        for name, leaf in whole.module.named_modules():
            if leaf is not whole.module and not any(True for _ in leaf.children()):
                handles.append(leaf.register_forward_pre_hook(before(name), with_kwargs=True))
                handles.append(leaf.register_forward_hook(after))
        whole.module(*inputs)
    except Exception as error:
        said = str(error).strip().splitlines()
        raise ContextError(
            f"the module raised {type(error).__name__}: {said[0] if said else 'no message'}"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    if not calls:
        raise ContextError("no module inside this one was called, so there are no layers to time")
    whole.writes = _differ(inputs, whole.inputs)
    for call in calls:
        call.output = call.made = None
    return calls


def _find_producer(call: _Call, inputs: tuple[Any, ...], before: list[_Call]) -> None:
    """Set whose output a call reads; where that is nobody's alone, what ran right before it."""
    for earlier in reversed(before):
        for place, given in enumerate(inputs):
            if _same(earlier.output, given):
                changed = _differ((given,), (earlier.made,))  # by what is no layer, as `out += x`
                call.producer, call.handed = earlier, None if changed else place
                return
    call.producer = before[-1] if before else None


class _Instrumented:
    """The whole, with the clock read before and after every call of a leaf."""

    def __init__(self, whole: _Call, calls: list[_Call]) -> None:
        self._whole, self._calls = whole, calls
        self._inputs, _ = whole.fresh(copied=False)
        self.most_calls = 1  # a sample is one run, so that its layers pair with the whole's rounds

    def prepare(self) -> None:
        self._inputs, _ = self._whole.fresh(copied=False)

    def __call__(self) -> Any:
        leaves = {id(call.module): call.module for call in self._calls}
        clock = time.perf_counter
        starts: list[float] = []
        spent: list[float] = []
        handles = []

        def before(*_: Any) -> None:
            starts.append(clock())

        def after(*_: Any) -> None:
            spent.append(clock() - starts.pop())

        try:
            for leaf in leaves.values():
                handles.append(leaf.register_forward_pre_hook(before))
                handles.append(leaf.register_forward_hook(after))
            output = self._whole.module(*self._inputs)
        finally:
            for handle in handles:
                handle.remove()
        for call, seconds in zip(self._calls, spent, strict=True):
            call.seconds.append(seconds)
        return output


class _AfterProducer:
    """A layer's call, its producer having run right before it, untimed, and handed over."""

    def __init__(self, call: _Call) -> None:
        self._call = call
        self._inputs, self._named = call.fresh(copied=False)
        self.most_calls = 1

    def prepare(self) -> None:
        call = self._call
        if call.producer is None:
            return
        self._inputs, self._named = call.fresh(copied=False)
        # a producer may hand its own input on, and the layer write into that
        given, named = call.producer.fresh(copied=call.writes)
        made = call.producer.module(*given, **named)
        if call.handed is not None:
            before, after = self._inputs[: call.handed], self._inputs[call.handed + 1 :]
            self._inputs = (*before, made, *after)

    def __call__(self) -> Any:
        return self._call.module(*self._inputs, **self._named)


class _Writing:
    """A call of what writes into its inputs: they are as they were at the start of each sample."""

    def __init__(self, call: _Call) -> None:
        self._call = call
        self.most_calls = 1  # the second would find what the first left
        self.prepare()

    def prepare(self) -> None:
        self._inputs, self._named = self._call.fresh(copied=True)

    def __call__(self) -> Any:
        return self._call.module(*self._inputs, **self._named)


def _work(call: _Call) -> Callable[[], Any]:
    return _Writing(call) if call.writes else lambda: call.module(*call.inputs, **call.named)


def _layer(number: int, call: _Call, samples: dict[str, Samples]) -> LayerTimes:
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


def _same(output: Any, given: Any) -> bool:
    import torch

    return (
        isinstance(output, torch.Tensor)
        and isinstance(given, torch.Tensor)
        and output.data_ptr() == given.data_ptr()
        and output.shape == given.shape
    )


def _differ(these: tuple[Any, ...], those: tuple[Any, ...]) -> bool:
    import torch

    return any(
        isinstance(one, torch.Tensor) and not torch.equal(one, other)
        for one, other in zip(these, those, strict=True)
    )


def _copied(value: Any) -> Any:
    import torch

    return value.clone() if isinstance(value, torch.Tensor) else value
