"""What Python objects hold, and how it is put back: past whatever their classes override.

A class may override how its items and attributes are read or written: what it then hands out need
not be what it holds, and to put that back would change it. Each function that puts back takes what
it changes first, and last what was there before; it writes only where that differs.
"""

from __future__ import annotations

import sys
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import is_ as same
from types import CellType, MemberDescriptorType
from typing import Any, Final

import torch
from torch import Tensor

from convbench.core import torch_internals

MISSING: Final = object()
"""Stands for a value that is not there."""
_ALL: Final = slice(None)
_WITH_USERS_OBJECTS: Final = {
    "types", "argparse", "collections", "queue", "weakref", "_weakrefset", "optparse",
    "configparser",
}  # fmt: skip
"""Of the standard library, where there are classes whose objects hold what users put there."""
_OTHERS: Final = (
    sys.stdlib_module_names - _WITH_USERS_OBJECTS
    | {"torch", "functorch", "numpy", "pandas", "sympy", "convbench", "pytest", "_pytest"}
)  # fmt: skip
_COUNTED: Final = "convbench.audit.cases"
"""Of our own, models that are counted as a user's are."""


@lru_cache(maxsize=4096)
def foreign(module: str) -> bool:
    """Tell whether a module of Python is torch's, the standard library's or our own."""
    return module.partition(".")[0] in _OTHERS and not module.startswith(_COUNTED)


def attributes_of(value: Any) -> Any:
    """Return the dict of an object's attributes, None where it has none."""
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None


def members_of(kind: type) -> Iterator[MemberDescriptorType]:
    """Iterate over the slots of a type."""
    for above in kind.__mro__:
        if above.__dict__.get("__slots__"):
            for member in vars(above).values():
                if isinstance(member, MemberDescriptorType):
                    yield member


def held_by_name(value: Any) -> Iterator[tuple[str, Any]]:
    """Iterate over what an object holds in attributes and slots."""
    yield from list((attributes_of(value) or {}).items())
    for member in members_of(type(value)):
        yield member.__name__, slot_of(member, value)


def slot_of(member: MemberDescriptorType, owner: Any) -> Any:
    """Return what a slot holds, MISSING where nothing yet."""
    try:
        return member.__get__(owner)
    except AttributeError:
        return MISSING


def cell_of(held: CellType) -> Any:
    """Return what a variable of a closure holds, MISSING where nothing yet."""
    try:
        return held.cell_contents
    except ValueError:
        return MISSING


def gradient_of(value: Tensor) -> Tensor | None:
    """Return a tensor's gradient; reading that of one that keeps none warns."""
    return value.grad if value.is_leaf else None


def hooks_of(value: Tensor) -> tuple[dict[int, Any] | None, ...]:
    """Return copies of the hooks of a tensor, of both kinds; None where it never had any."""
    return tuple(None if held is None else dict(held) for held in torch_internals.hooks_of(value))


def items_of(container: Any) -> Any:
    """Return a copy of what a container holds: a dict or a sequence; None for what is none."""
    ways = _ways(type(container))
    return None if ways is None else ways[0](container)


def items(container: Any, before: Any) -> None:
    """Put back the items of a container, or the attributes of an object, and their order."""
    read, write = _ways(type(container)) or (None, None)
    now = container if read is None or type(container) is dict else read(container)
    if not _alike(now, before) and write is not None:
        write(container, before)


def _alike(now: Any, before: Any) -> bool:
    """Tell whether both hold the same objects in the same order."""
    if len(now) != len(before) or not all(map(same, now, before)):
        return False
    return not isinstance(now, dict) or all(map(same, now.values(), before.values()))


Ways = tuple[Callable[[Any], Any], Callable[[Any, Any], None]]


def _write_dict(held: dict[Any, Any], before: dict[Any, Any]) -> None:
    if len(held) != len(before) or not all(map(same, dict.__iter__(held), before)):
        dict.clear(held)
    dict.update(held, before)


def _write_ordered(held: OrderedDict[Any, Any], before: dict[Any, Any]) -> None:
    OrderedDict.clear(held)
    for key, value in before.items():
        OrderedDict.__setitem__(held, key, value)


def _sliced(kind: Any) -> Ways:
    return (
        lambda held: kind.__getitem__(held, _ALL),
        lambda held, before: kind.__setitem__(held, _ALL, before),
    )


def _filled(kind: Any, fill: Callable[[Any, Any], None]) -> Ways:
    def write(held: Any, before: Any) -> None:
        kind.clear(held)
        fill(held, before)

    return lambda held: [*kind.__iter__(held)], write


_CONTAINERS: Final[dict[type, Ways]] = {
    OrderedDict: (
        lambda held: {key: dict.__getitem__(held, key) for key in OrderedDict.__iter__(held)},
        _write_ordered,
    ),
    dict: (lambda held: dict(dict.items(held)), _write_dict),
    **{kind: _sliced(kind) for kind in (list, bytearray, array)},
    set: _filled(set, set.update),
    deque: _filled(deque, deque.extend),
}
"""How containers are read and written, by kind."""


def _ways(kind: type) -> Ways | None:
    return next((_CONTAINERS[above] for above in kind.__mro__ if above in _CONTAINERS), None)


def class_attributes(kind: type, before: dict[str, Any]) -> None:
    """Put back the attributes of a class."""
    now = vars(kind)
    if len(now) == len(before) and all(map(same, now.values(), before.values())):
        return
    for name in [name for name in now if name not in before]:
        type.__delattr__(kind, name)
    for name, value in before.items():
        if now.get(name, MISSING) is not value:
            type.__setattr__(kind, name, value)


def variable(known: dict[str, Any], name: str, before: Any) -> None:
    """Put back a global variable."""
    if known.get(name, MISSING) is not before:
        known[name] = before


def cell(held: CellType, before: Any) -> None:
    """Put back a variable of a closure."""
    if cell_of(held) is not before:
        if before is MISSING:
            del held.cell_contents
        else:
            held.cell_contents = before


def slot(member: MemberDescriptorType, owner: Any, before: Any) -> None:
    """Put back what a slot of an object held."""
    if slot_of(member, owner) is not before:
        if before is MISSING:
            member.__delete__(owner)
        else:
            member.__set__(owner, before)


def numbers(held: Any, before: Any) -> None:
    """Put back the values of a NumPy array."""
    if held.flags.writeable:
        held[...] = before


def generator(_: Callable[[], Any], write: Callable[[Any], None], before: Any) -> None:
    """Put back the state of a random generator."""
    write(before)


def memory(value: Tensor, before: Tensor) -> None:
    """Let a tensor show the memory that it showed, in the shape that it had."""
    value.data = before


def hooks(value: Tensor, before: tuple[dict[int, Any] | None, ...]) -> None:
    """Put back the hooks of a tensor."""
    for held, old in zip(torch_internals.hooks_of(value), before, strict=True):
        if held is not None:
            held.clear()
            held.update(old or {})


def needs_gradient(value: Tensor, before: bool) -> None:
    """Put back whether a tensor requires a gradient."""
    if value.requires_grad is not before:
        if not value.is_leaf:
            value.detach_()  # results were written to it
            return
        with torch.inference_mode(mode=value.is_inference()):
            value.requires_grad_(before)


def gradient(value: Tensor, before: Tensor | None) -> None:
    """Put back the gradient of a tensor."""
    if gradient_of(value) is not before:
        value.grad = before
