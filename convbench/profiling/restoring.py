"""How each kind of thing that a count may have changed is put back: one function a kind."""

from __future__ import annotations

from operator import is_ as same
from types import CellType
from typing import Any, Final

import torch
from torch import Tensor

MISSING: Final = object()
"""Stands for what there was not."""


def attributes(state: dict[str, Any], before: dict[str, Any]) -> None:
    """Give an object the attributes that it had, and no others."""
    if state.keys() != before.keys():
        for name in [name for name in state if name not in before]:
            del state[name]
    state.update(before)


def items(container: Any, before: Any) -> None:
    """Give a container the items that it had, where it has others."""
    if isinstance(container, dict):
        if (
            len(container) == len(before)
            and all(map(same, container.values(), before.values()))
            and all(map(same, container, before))
        ):
            return
        dict.clear(container)
        dict.update(container, before)
    elif len(container) != len(before) or not all(map(same, container, before)):
        if isinstance(container, list | bytearray):
            container[:] = before
        else:
            container.clear()
            container.update(before) if isinstance(container, set) else container.extend(before)


def tensor(value: Tensor, needs: bool, before: Tensor | None) -> None:
    """Let a tensor need a gradient or not, and have the one that it had."""
    if value.requires_grad is not needs:
        with torch.inference_mode(mode=value.is_inference()):
            value.requires_grad_(needs)
    if gradient(value) is not before:
        value.grad = before


def type_of(kind: type, before: dict[str, Any]) -> None:
    """Give a class the attributes that it had."""
    now = vars(kind)
    if len(now) == len(before) and all(map(same, now.values(), before.values())):
        return
    for name in [name for name in now if name not in before]:
        delattr(kind, name)
    for name, value in before.items():
        if now.get(name, MISSING) is not value:
            setattr(kind, name, value)


def variable(known: dict[str, Any], name: str, before: Any) -> None:
    """Give a global variable the value that it had."""
    if known.get(name, MISSING) is not before:
        known[name] = before


def cell(held: CellType, before: Any) -> None:
    """Give a variable of a closure the value that it had."""
    if contents(held) is not before:
        held.cell_contents = before


def slot(owner: Any, name: str, before: Any) -> None:
    """Give an object the value that a slot of it held."""
    if getattr(owner, name, MISSING) is not before:
        if before is MISSING:
            object.__delattr__(owner, name)
        else:
            object.__setattr__(owner, name, before)


def array(held: Any, before: Any) -> None:
    """Give a NumPy array its values."""
    if held.flags.writeable:
        held[...] = before


def generator(put: Any, before: Any) -> None:
    """Give a random generator its state."""
    put(before)


def gradient(value: Tensor) -> Tensor | None:
    """Return a tensor's gradient; reading that of one that keeps none warns."""
    return value.grad if value.is_leaf else None


def contents(held: CellType) -> Any:
    """Return what a variable of a closure holds, MISSING where nothing yet."""
    try:
        return held.cell_contents
    except ValueError:
        return MISSING
