"""Calls of a module's layers: as they happened in one run, and as work that can be timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from convbench.core.errors import ConvbenchError, one_line


class ContextError(ConvbenchError, ValueError):
    """A module whose layers cannot be timed in context."""


@dataclass
class Call:
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
    producer: Call | None = None
    handed: int | None = None
    seconds: list[float] = field(default_factory=list)

    def fresh(self, *, copied: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return its inputs: copies where asked, or where it writes into them."""
        if not (copied or self.writes):
            return self.inputs, self.named
        return tuple(map(copied_value, self.inputs)), {
            k: copied_value(v) for k, v in self.named.items()
        }


def observed(whole: Call) -> list[Call]:
    """Run the whole once; return every call of a leaf, in order, with what it read and gave."""
    calls: list[Call] = []
    running: list[tuple[Call, tuple[Any, ...]]] = []
    counts: dict[str, int] = {}

    def before(name: str) -> Callable[..., None]:
        def hook(leaf: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            counts[name] = counts.get(name, 0) + 1
            label = name if counts[name] == 1 else f"{name} ({counts[name]})"
            # copied now: what works in place would leave its own output behind
            call = Call(label, leaf, tuple(map(copied_value, given)))
            call.named = {key: copied_value(value) for key, value in named.items()}
            _find_producer(call, given, calls)
            calls.append(call)
            running.append((call, given))

        return hook

    def after(_leaf: Any, _given: Any, output: Any) -> None:
        call, given = running.pop()
        call.writes = _differ(given, call.inputs)
        call.output, call.made = output, copied_value(output)

    inputs, _ = whole.fresh(copied=True)
    try:
        with ExitStack() as hooks:
            for name, leaf in whole.module.named_modules():
                if leaf is not whole.module and not any(True for _ in leaf.children()):
                    hooks.callback(
                        leaf.register_forward_pre_hook(before(name), with_kwargs=True).remove
                    )
                    hooks.callback(leaf.register_forward_hook(after).remove)
            whole.module(*inputs)
    except Exception as error:
        raise ContextError(f"the module raised {one_line(error)}") from error
    if not calls:
        raise ContextError("no module inside this one was called, so there are no layers to time")
    whole.writes = _differ(inputs, whole.inputs)
    for call in calls:
        call.output = call.made = None
    return calls


def _find_producer(call: Call, inputs: tuple[Any, ...], before: list[Call]) -> None:
    """Set whose output a call reads; where that is nobody's alone, what ran right before it."""
    for earlier in reversed(before):
        for place, given in enumerate(inputs):
            if _same(earlier.output, given):
                changed = _differ((given,), (earlier.made,))  # by what is no layer, as `out += x`
                call.producer, call.handed = earlier, None if changed else place
                return
    call.producer = before[-1] if before else None


class Instrumented:
    """The whole, with the clock read before and after every call of a leaf.

    What it reads is kept for runs that `prepare` came before, which is for every timed one.
    """

    def __init__(self, whole: Call, calls: list[Call]) -> None:
        """Keep the whole's call, and those of its leaves, which get a time at every run."""
        self._whole, self._calls = whole, calls
        self._inputs, _ = whole.fresh(copied=False)
        self.most_calls = 1  # a sample is one run, so that its layers pair with the whole's rounds
        self._kept = False

    def prepare(self) -> None:
        """Give the next run inputs that nothing has written to."""
        self._inputs, _ = self._whole.fresh(copied=False)
        self._kept = True

    def __call__(self) -> Any:
        """Run the whole, and keep what the clock said at every leaf."""
        leaves = {id(call.module): call.module for call in self._calls}
        clock = time.perf_counter
        starts: list[float] = []
        spent: list[float] = []

        def before(*_: Any) -> None:
            starts.append(clock())

        def after(*_: Any) -> None:
            spent.append(clock() - starts.pop())

        with ExitStack() as hooks:
            for leaf in leaves.values():
                hooks.callback(leaf.register_forward_pre_hook(before).remove)
                hooks.callback(leaf.register_forward_hook(after).remove)
            output = self._whole.module(*self._inputs)
        if len(spent) != len(self._calls):
            raise ContextError(
                f"a run made {len(spent)} calls of layers and the first one {len(self._calls)}: "
                "the module chooses anew at every run; fix its random choices"
            )
        if self._kept:
            for call, seconds in zip(self._calls, spent, strict=True):
                call.seconds.append(seconds)
        self._kept = False
        return output


class AfterProducer:
    """A layer's call, its producer having run right before it, untimed, and handed over."""

    def __init__(self, call: Call) -> None:
        """Keep the call; nothing runs yet."""
        self._call = call
        self._inputs, self._named = call.fresh(copied=False)
        self.most_calls = 1

    def prepare(self) -> None:
        """Run the producer, and take what it made."""
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
        """Run the layer on it."""
        return self._call.module(*self._inputs, **self._named)


class _Writing:
    """A call of what writes into its inputs: they are as they were at the start of each sample."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.most_calls = 1  # the second would find what the first left
        self.prepare()

    def prepare(self) -> None:
        self._inputs, self._named = self._call.fresh(copied=True)

    def __call__(self) -> Any:
        return self._call.module(*self._inputs, **self._named)


def work_of(call: Call) -> Callable[[], Any]:
    """Return the call alone, on its own inputs, fresh ones where it writes to them."""
    return _Writing(call) if call.writes else lambda: call.module(*call.inputs, **call.named)


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


def copied_value(value: Any) -> Any:
    """Return a copy of a tensor, and anything else as it is."""
    import torch

    return value.clone() if isinstance(value, torch.Tensor) else value
