"""What `convbench.measure` may be given, and what is said of anything else."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Mapping
from functools import partial
from types import MethodType
from typing import Any, Final

from convbench.clock.allocator import ALLOCATORS
from convbench.clock.cuda import stopwatch_for
from convbench.core.errors import ConvbenchError, UnknownNameError, quoted

_MOST: Final = 1_000_000
"""Of processes, of rounds in each, and of threads."""
_MOST_BITS: Final = 1023
"""Of a number that a float can hold."""
Given = Callable[[], Any] | tuple[Callable[..., Any], Any]


class MeasureError(ConvbenchError, ValueError):
    """Something that cannot be measured as it was given."""


def call_of(name: str, given: Given) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return what is called, and with what; MeasureError for what cannot be."""
    if isinstance(given, tuple) and len(given) == 2 and callable(given[0]):  # noqa: PLR2004
        inputs = given[1]
        _refuse_idle(name, given[0])
        return given[0], inputs if isinstance(inputs, tuple) else (inputs,)
    if callable(given):
        _refuse_idle(name, given)
        return given, ()
    raise MeasureError(
        f"{quoted(name)}: {quoted(given)} cannot be called; give a callable, or (callable, inputs)"
    )


def _refuse_idle(name: str, function: Any) -> None:
    """Refuse what a call of only makes something that would run, and runs nothing."""
    while isinstance(function, partial | MethodType):
        function = function.func if isinstance(function, partial) else function.__func__
    body = function
    if not inspect.isroutine(function) and not isinstance(function, type):
        body = getattr(type(function), "forward", None) or type(function).__call__
    idle = {
        "a generator function": inspect.isgeneratorfunction(body),
        "an async function": inspect.iscoroutinefunction(body) or inspect.isasyncgenfunction(body),
        "a lazy iterator": isinstance(function, type) and hasattr(function, "__next__"),
    }
    for kind, found in idle.items():
        if found:
            raise MeasureError(
                f"{quoted(name)} is {kind}, and calling it runs nothing; give a function that "
                f"{'awaits' if 'async' in kind else 'goes through'} it"
            )


def check(
    calls: Mapping[str, object],
    budget: float,
    base: str | None,
    allocator: str,
    target: float | None,
    device: str,
    stopwatch: str = "",
    timeout: float | None = None,
) -> None:
    """Refuse what cannot be measured; MeasureError names it, and says what to give."""
    _check_kinds(calls, budget, target, device, stopwatch, timeout)
    if not calls:
        raise MeasureError("there is nothing to time; give at least one competitor by name")
    if not 0 < budget < math.inf:
        raise MeasureError(f"budget={budget}: no time to measure in; give finite seconds above 0")
    if timeout is not None and not timeout > 0:
        raise MeasureError(f"timeout={timeout}: no time for a call; give seconds above 0")
    if target is not None and not target > 0:
        raise MeasureError(f"target={target}: give a half-width above 0, such as 0.01")
    if base is not None and not (isinstance(base, str) and base in list(calls)):
        raise MeasureError(f"base={quoted(base)} is no competitor; there are: {', '.join(calls)}")
    if not isinstance(allocator, str) or allocator not in ALLOCATORS:
        raise MeasureError(f"allocator={quoted(allocator)}: give one of {', '.join(ALLOCATORS)}")
    try:
        stopwatch_for(device, stopwatch)
    except (RuntimeError, ValueError, UnknownNameError) as error:
        raise MeasureError(str(error)) from None


def _check_kinds(
    calls: Mapping[Any, object],
    budget: object,
    target: object,
    device: object,
    stopwatch: object,
    timeout: object,
) -> None:
    for word, value, kinds in (
        ("budget", budget, int | float),
        ("timeout", timeout, int | float | None),
        ("target", target, int | float | None),
    ):
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise MeasureError(f"{word}={quoted(value)}: give a number")
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise MeasureError(f"{word} has {value.bit_length():,} bits: give a smaller number")
    strange = [name for name in calls if not isinstance(name, str)]
    if strange:
        raise MeasureError(f"{quoted(strange[0])} is no name; give competitors by names in quotes")
    if not isinstance(device, str):
        raise MeasureError(f"device={quoted(device)}: give 'cpu', 'cuda' or 'cuda:<index>'")
    if not isinstance(stopwatch, str):
        raise MeasureError(
            f"stopwatch={quoted(stopwatch)}: give its name, or '' for the device's own"
        )


def check_whole(*, seed: int, **numbers: int) -> None:
    """Refuse what is no whole number, or out of range; as `check`."""
    for word, value in (("seed", seed), *numbers.items()):
        if isinstance(value, bool) or not isinstance(value, int):
            raise MeasureError(f"{word}={quoted(value)}: give a whole number")
        if word != "seed" and not 1 <= value <= _MOST:
            shown = value if abs(value) <= _MOST else f"a number of {value.bit_length():,} bits"
            wanted = "1 or more" if value < 1 else f"{_MOST:,} at most"
            raise MeasureError(f"{word}={shown}: give {wanted}")
    cores = os.cpu_count() or numbers["threads"]
    if numbers["threads"] > cores:
        raise MeasureError(
            f"threads={numbers['threads']}: give 1 to {cores}, the number of this machine's cores"
        )
