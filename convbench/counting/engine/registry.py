"""Where the rules of dispatched operators are kept: one decorated function an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from convbench.core.errors import DuplicateNameError
from convbench.counting.engine.counts import Counts

Rule = Callable[..., Counts | None]
Given = TypeVar("Given", bound=Rule)
RULES: Final[dict[str, Rule]] = {}
"""Bare operator name -> rule(args, result); args are positional, as the schema orders them. A rule
that returns None does not know this call: the operator is unknown there."""


def rule(*names: str) -> Callable[[Given], Given]:
    """Register a rule for operators; a name that has one already is an error.

    A module whose import was broken off registers its own again.
    """

    def keep(function: Given) -> Given:
        for name in names:
            held = RULES.get(name, function)
            if (held.__module__, held.__qualname__) != (function.__module__, function.__qualname__):
                raise DuplicateNameError(f"operator {name!r} has a rule already: change that one.")
            RULES[name] = function
        return function

    return keep


def spatial(value: Any, dims: int) -> tuple[int, ...]:
    """Spread one number over `dims` axes, as torch does."""
    items = tuple(value) if isinstance(value, list | tuple) else (value,)
    return items * dims if len(items) == 1 else items
