"""Tensors without values that outlive a count: found, and taken from whoever keeps them.

The state of the module is put back before; what is left is kept elsewhere, in the cache of a
function, say. A real call would read it and compute nonsense.
"""

from __future__ import annotations

import functools
import gc
import weakref
from collections import deque
from collections.abc import Collection
from types import FrameType, ModuleType
from typing import Any

from torch import Tensor

from convbench.counting.engine.restoring import items, items_of

_CACHE: type = type(functools.lru_cache(len))
_DEPTH = 8
"""Tuples, and objects that are looked through, from a tensor to who keeps it."""


def survivors(made: Collection[weakref.ref[Tensor]]) -> list[Tensor]:
    """Return those that are alive, and not only because they hold each other."""
    for generation in (1, 2):  # what the count left is young, and the old take long
        if not any(item() is not None for item in made):
            return []
        gc.collect(generation)
    return list({id(x): x for item in made if (x := item()) is not None}.values())


def release(made: Collection[weakref.ref[Tensor]]) -> tuple[list[str], list[str]]:
    """Take surviving tensors from who keeps them.

    Returns who kept some and does no more, and who still does: a cache can be cleared, an item of a
    list or a dict dropped; what a variable held before is not known. What only autograd's graph
    holds, no code can come by.
    """
    done: list[str] = []
    _take_all(survivors(made), done)
    left = survivors(made)
    if not left:
        return done, []
    ours = {id(left)}
    return done, sorted({_named(holder) for x in left for holder in _holders(x, ours)})


def _holders(value: Any, ours: set[int]) -> list[Any]:
    """Return what refers to a value, other than the code that runs here."""
    return [
        item
        for item in gc.get_referrers(value)
        if not isinstance(item, FrameType) and id(item) not in ours
    ]


def _take_all(tensors: list[Tensor], done: list[str]) -> None:
    for tensor in tensors:
        _take(tensor, done, _DEPTH, {id(tensors)})


def _take(value: Any, done: list[str], depth: int, ours: set[int]) -> None:
    holders = _holders(value, ours)
    ours = ours | {id(holders)}
    for holder in holders:
        if isinstance(holder, _CACHE):
            holder.cache_clear()  # type: ignore[attr-defined]
            done.append(_named(holder))
        elif type(holder) is dict:
            _from_dict(holder, value, done)
        elif isinstance(holder, list | deque):
            kept = [item for item in items_of(holder) if item is not value]
            items(holder, kept)
            done.append(f"a {type(holder).__name__}")
        elif isinstance(holder, set):
            set.discard(holder, value)
            done.append("a set")
        elif isinstance(holder, tuple) and depth:
            _take(holder, done, depth - 1, ours)


def _from_dict(holder: dict[Any, Any], value: Any, done: list[str]) -> None:
    if any(isinstance(item, ModuleType) and vars(item) is holder for item in _owners(holder)):
        return  # a global variable
    if any(getattr(item, "__dict__", None) is holder for item in _owners(holder)):
        return  # an attribute
    for key in [key for key, item in holder.items() if item is value]:
        del holder[key]
    done.append("a dict")


def _owners(holder: dict[Any, Any]) -> list[Any]:
    return [item for item in gc.get_referrers(holder) if not isinstance(item, FrameType | list)]


def _named(holder: Any) -> str:
    """Say what keeps a tensor, as a user would."""
    if isinstance(holder, _CACHE):
        return f"the cache of {getattr(holder, '__qualname__', 'a function')}"
    if isinstance(holder, dict):
        for owner in _owners(holder):
            if isinstance(owner, ModuleType):
                return f"a global of {owner.__name__}"
            if getattr(owner, "__dict__", None) is holder:
                return f"an attribute of a {type(owner).__name__}"
    return f"a {type(holder).__name__}"
