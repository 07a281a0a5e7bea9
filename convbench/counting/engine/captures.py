"""The modules and parameters that a function holds: its object's, in closures and globals."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from functools import lru_cache, partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from torch import Tensor, nn

from convbench.counting.engine.restoring import MISSING, cell_of, foreign, held_by_name, items_of

MOST: Final = 10_000
"""Things that are looked at."""


def held(function: Any) -> tuple[dict[str, nn.Module], dict[str, Tensor]]:
    """Return the modules that a function holds, and parameters that are in none, by name.

    A module that is inside another one is found with that one.
    """
    modules: dict[int, tuple[str, nn.Module]] = {}
    loose: dict[int, tuple[str, Tensor]] = {}
    waiting: list[tuple[str, Any]] = [("", function)]
    seen: set[int] = set()
    for name, value in waiting:  # which grows
        if id(value) in seen or len(seen) > MOST:
            continue
        seen.add(id(value))
        if isinstance(value, nn.Module):
            modules[id(value)] = name, value
        elif isinstance(value, Tensor):
            if isinstance(value, nn.Parameter) or (value.requires_grad and value.is_leaf):
                loose[id(value)] = name, value
        else:
            waiting.extend((inner or name, item) for inner, item in _inside(value))
    inside = {id(part) for _, module in modules.values() for part in list(module.modules())[1:]}
    own = {id(weight) for _, module in modules.values() for weight in module.parameters()}
    return (
        _named({key: item for key, item in modules.items() if key not in inside}),
        _named({key: item for key, item in loose.items() if key not in own}),
    )


def _named(found: dict[int, tuple[str, Any]]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for name, value in found.values():
        plain = name.replace(".", "_") or type(value).__name__.lower()
        turn = 2
        while plain in names:
            plain, turn = f"{name or type(value).__name__.lower()}_{turn}", turn + 1
        names[plain] = value
    return names


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, MethodType):
        yield "", value.__self__
        yield "", value.__func__
    elif isinstance(value, partial):
        yield "", value.func
        yield "", value.args
        yield "", value.keywords
    elif isinstance(value, FunctionType):
        yield from _of_function(value)
    elif isinstance(value, tuple | frozenset):
        yield from (("", item) for item in value)
    elif (items := items_of(value)) is not None:
        named = isinstance(items, dict)
        yield from ((str(key), items[key]) for key in items) if named else (("", i) for i in items)
    elif isinstance(value, type | ModuleType) or foreign(type(value).__module__):
        wrapped = getattr(value, "__wrapped__", None)  # a cached function
        if isinstance(wrapped, FunctionType):
            yield "", wrapped
    else:
        yield from held_by_name(value)
        for kind in type(value).__mro__:
            if not foreign(kind.__module__):
                yield from (
                    (n, v) for n, v in vars(kind).items() if n[:2] != "__" or n == "__call__"
                )


def _of_function(function: FunctionType) -> Iterator[tuple[str, Any]]:
    if foreign(function.__module__ or ""):
        return
    names = function.__code__.co_freevars
    for name, cell in zip(names, function.__closure__ or (), strict=True):
        if cell_of(cell) is not MISSING:
            yield name, cell_of(cell)
    yield "", function.__defaults__
    yield "", function.__kwdefaults__
    yield "", vars(function)
    for name in _globals(function.__code__):
        if name in function.__globals__:
            yield name, function.__globals__[name]


@lru_cache(maxsize=4096)
def _globals(code: CodeType) -> tuple[str, ...]:
    """Return the names of globals that the code loads, with what is defined inside it."""
    found = [step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"]
    inner = [
        name for part in code.co_consts if isinstance(part, CodeType) for name in _globals(part)
    ]
    return tuple(dict.fromkeys((*found, *inner)))
