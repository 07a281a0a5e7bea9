"""Tensors inside what a forward takes and returns: found, and exchanged."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from types import GeneratorType
from typing import Any, NamedTuple

from torch import Tensor, nn


class Given(NamedTuple):
    """What a module is called with: by position, and by name."""

    inputs: tuple[Any, ...]
    named: dict[str, Any]

    def call(self, module: Callable[..., Any]) -> Any:
        """Call the module; of a generator that it returns, the list of its items is returned."""
        return exhausted(module(*self.inputs, **self.named))


_LEAVES = (str, bytes, int, float, complex, type(None), type, nn.Module)


def exhausted(value: Any) -> Any:
    """Return the value; of a generator, which has computed nothing yet, the list of its items."""
    return list(value) if isinstance(value, GeneratorType) else value


def tensors_in(value: Any, seen: set[int] | None = None) -> Iterator[Tensor]:
    """Iterate over the tensors in containers and objects of any kind."""
    if isinstance(value, Tensor):
        yield value
        return
    seen = set() if seen is None else seen
    if isinstance(value, _LEAVES) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        items: Any = list(value.values())
    elif isinstance(value, list | tuple | set | frozenset):
        items = value
    else:
        items = []
    for item in (*items, *(held for _, held in _attributes(value))):
        yield from tensors_in(item, seen)


def mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Return the value with every tensor in it exchanged; containers and objects keep their class.

    What holds no tensor is handed on as it is.
    """
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, _LEAVES) or next(tensors_in(value), None) is None:
        return value
    if isinstance(value, list | tuple):
        return _sequence(value, [mapped(item, function) for item in value])
    if isinstance(value, set | frozenset):
        return type(value)(mapped(item, function) for item in value)
    made = copy.copy(value)
    for name, held in _attributes(value):
        object.__setattr__(made, name, mapped(held, function))
    if isinstance(made, MutableMapping):
        for key, item in value.items():
            made[key] = mapped(item, function)
    return made


def _sequence(value: Any, items: list[Any]) -> Any:
    kind = type(value)
    if kind in {list, tuple}:
        return kind(items)
    if hasattr(value, "_fields"):
        return kind(*items)
    if isinstance(value, list):
        made = copy.copy(value)
        made[:] = items
        return made
    return kind(items)


def _attributes(value: Any) -> list[tuple[str, Any]]:
    """Return what an object holds by name, in a dict of its own or in slots."""
    held = list(getattr(value, "__dict__", {}).items())
    for kind in type(value).__mro__:
        names = kind.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in {"__dict__", "__weakref__"} and hasattr(value, name):
                held += [(name, getattr(value, name))]
    return held
