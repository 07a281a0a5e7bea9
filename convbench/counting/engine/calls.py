"""The call of an operator: its arguments, its result, and whether it is made of others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from torch import Tensor

from convbench.core.torch_internals import HigherOrderOperator, has_kernel_for, parameters
from convbench.counting.engine.rules import find


@lru_cache(maxsize=4096)
def composite(func: Any) -> bool:
    """Tell whether an operator is made of others and has no rule of its own."""
    if isinstance(func, HigherOrderOperator):
        return False
    return find(func)[2] is None and has_kernel_for(func.name(), "CompositeImplicitAutograd")


def itemsize(result: Any) -> int:
    """Return the bytes of an element of the first tensor of a result; 4 where there is none."""
    for item in flat((result,), {}):
        if isinstance(item, Tensor):
            return item.element_size()
    return 4


def flat(args: Any, kwargs: Any) -> Iterator[Any]:
    """Iterate over arguments, and over the items of lists among them."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, list | tuple):
            yield from flat(value, {})
        else:
            yield value


def tensors_among(args: Any) -> list[Tensor]:
    """Return the tensors among positional arguments."""
    return [item for item in flat(args, {}) if isinstance(item, Tensor)]


def positional(func: Any, args: Any, kwargs: Any) -> tuple[Any, ...]:
    """Put keyword arguments where the schema has them."""
    missing = parameters(func)[len(args) :]
    return (*args, *(kwargs.get(item.name, item.default_value) for item in missing))
