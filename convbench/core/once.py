"""What follows from an object that does not change: derived once, and kept with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

_Made = TypeVar("_Made")
_Of = TypeVar("_Of")


def once(function: Callable[[_Of], _Made]) -> Callable[[_Of], _Made]:
    """Return the function of one object that is called once for each object.

    What it returned is kept in the object's dictionary, so it goes when the object goes. It is for
    what is not the object's own business; for that there is `functools.cached_property`.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def kept(one: _Of) -> _Made:
        known: dict[str, Any] = vars(one)
        if name not in known:
            known[name] = function(one)
        found: _Made = known[name]
        return found

    return kept
