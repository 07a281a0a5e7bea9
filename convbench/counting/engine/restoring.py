"""How each kind of thing that a count may have changed is put back: one function a kind."""

from __future__ import annotations

from array import array
from collections import OrderedDict, deque
from collections.abc import Callable
from operator import is_ as same
from types import CellType, MemberDescriptorType
from typing import Any, Final

import torch
from torch import Tensor

from convbench.core import torch_internals

MISSING: Final = object()
"""Stands for what there was not."""


def attributes(state: dict[str, Any], before: dict[str, Any]) -> None:
    """Give an object the attributes that it had, in their order, and no others."""
    if [*state] != [*before]:
        state.clear()
    state.update(before)


def contents_of(container: Any) -> Any:
    """Return what a container holds, by the methods of its own kind; None for what is none.

    A class may override how its items are read or written: what it then hands out need not be what
    it holds, and to put that back would change it.
    """
    for kind, read, _ in _CONTAINERS:
        if isinstance(container, kind):
            return read(container)
    return None


def items(container: Any, before: Any) -> None:
    """Give a container the items that it had, where it has others."""
    if type(container) is dict:  # as most are
        same_keys = len(container) == len(before) and all(map(same, container, before))
        if not (same_keys and all(map(same, container.values(), before.values()))):
            _write_dict(container, before)
        return
    kind, read, write = next(entry for entry in _CONTAINERS if isinstance(container, entry[0]))
    now = read(container)
    if issubclass(kind, dict):
        unchanged = (
            len(now) == len(before)
            and all(map(same, now, before))
            and all(map(same, now.values(), before.values()))
        )
    else:
        unchanged = len(now) == len(before) and all(map(same, now, before))
    if not unchanged:
        write(container, before)


def _ordered(held: OrderedDict[Any, Any]) -> dict[Any, Any]:
    return {key: dict.__getitem__(held, key) for key in OrderedDict.__iter__(held)}


def _write_ordered(held: OrderedDict[Any, Any], before: dict[Any, Any]) -> None:
    OrderedDict.clear(held)
    for key, value in before.items():
        OrderedDict.__setitem__(held, key, value)


def _write_dict(held: dict[Any, Any], before: dict[Any, Any]) -> None:
    dict.clear(held)
    dict.update(held, before)


def _write_set(held: set[Any], before: list[Any]) -> None:
    set.clear(held)
    set.update(held, before)


def _write_deque(held: deque[Any], before: list[Any]) -> None:
    deque.clear(held)
    deque.extend(held, before)


_ALL: Final = slice(None)
_CONTAINERS: Final[tuple[tuple[type, Callable[[Any], Any], Callable[[Any, Any], None]], ...]] = (
    (OrderedDict, _ordered, _write_ordered),
    (dict, lambda held: dict(dict.items(held)), _write_dict),
    (
        list,
        lambda held: list.__getitem__(held, _ALL),
        lambda held, old: list.__setitem__(held, _ALL, old),
    ),
    (set, lambda held: [*set.__iter__(held)], _write_set),
    (deque, lambda held: [*deque.__iter__(held)], _write_deque),
    (
        bytearray,
        lambda held: bytearray.__getitem__(held, _ALL),
        lambda held, old: bytearray.__setitem__(held, _ALL, old),
    ),
    (
        array,
        lambda held: array.__getitem__(held, _ALL),
        lambda held, old: array.__setitem__(held, _ALL, old),
    ),
)
"""Containers: their kind, and how they are read and written, past whatever a class overrides."""


def tensor(value: Tensor, needs: bool) -> None:
    """Let a tensor need a gradient or not, as it did."""
    if value.requires_grad is not needs:
        if not value.is_leaf:
            value.detach_()  # results were written to it
            return
        with torch.inference_mode(mode=value.is_inference()):
            value.requires_grad_(needs)


def data(value: Tensor, before: Tensor) -> None:
    """Let a tensor show the memory that it showed, in the shape that it had."""
    value.data = before


def hooks_of(value: Tensor) -> tuple[dict[int, Any] | None, ...]:
    """Return the hooks of a tensor, of both kinds; None where it never had any."""
    return tuple(None if held is None else dict(held) for held in torch_internals.hooks_of(value))


def hooks(value: Tensor, before: tuple[dict[int, Any] | None, ...]) -> None:
    """Give a tensor the hooks that it had."""
    for held, old in zip(torch_internals.hooks_of(value), before, strict=True):
        if held is not None:
            held.clear()
            held.update(old or {})


def put_gradient(value: Tensor, before: Tensor | None) -> None:
    """Give a tensor the gradient that it had."""
    if gradient(value) is not before:
        value.grad = before


def type_of(kind: type, before: dict[str, Any]) -> None:
    """Give a class the attributes that it had."""
    now = vars(kind)
    if len(now) == len(before) and all(map(same, now.values(), before.values())):
        return
    for name in [name for name in now if name not in before]:
        type.__delattr__(kind, name)
    for name, value in before.items():
        if now.get(name, MISSING) is not value:
            type.__setattr__(kind, name, value)


def variable(known: dict[str, Any], name: str, before: Any) -> None:
    """Give a global variable the value that it had."""
    if known.get(name, MISSING) is not before:
        known[name] = before


def cell(held: CellType, before: Any) -> None:
    """Give a variable of a closure the value that it had."""
    if contents(held) is not before:
        held.cell_contents = before


def slot(member: MemberDescriptorType, owner: Any, before: Any) -> None:
    """Give an object the value that a slot of it held."""
    if held_in(member, owner) is not before:
        if before is MISSING:
            member.__delete__(owner)
        else:
            member.__set__(owner, before)


def held_in(member: MemberDescriptorType, owner: Any) -> Any:
    """Return what a slot holds, MISSING where nothing yet."""
    try:
        return member.__get__(owner)
    except AttributeError:
        return MISSING


def numbers(held: Any, before: Any) -> None:
    """Give a NumPy array its values."""
    if held.flags.writeable:
        held[...] = before


def generator(_: Callable[[], Any], write: Callable[[Any], None], before: Any) -> None:
    """Give a random generator its state."""
    write(before)


def gradient(value: Tensor) -> Tensor | None:
    """Return a tensor's gradient; reading that of one that keeps none warns."""
    return value.grad if value.is_leaf else None


def contents(held: CellType) -> Any:
    """Return what a variable of a closure holds, MISSING where nothing yet."""
    try:
        return held.cell_contents
    except ValueError:
        return MISSING
