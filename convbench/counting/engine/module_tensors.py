"""The tensors of a module and of its parts, and copies of tensors for a count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from convbench.core.torch_internals import buffers_of, children_of, weights_of


def meta_copy(tensor: Tensor) -> Tensor:
    """Return a tensor like this one, without values and with no memory in common."""
    meta = tensor.detach()
    return meta.clone() if meta.is_meta and meta.is_inference() else meta.to("meta")


def meta_leaf(tensor: Tensor) -> Tensor:
    """Return a meta copy that requires a gradient where the tensor does."""
    return meta_copy(tensor).requires_grad_(tensor.requires_grad)


def real_leaf(tensor: Tensor) -> Tensor:
    """Return a copy with values of its own."""
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def named_parts(module: nn.Module) -> tuple[tuple[str, nn.Module], ...]:
    """Return a module and all inside it, each by its first name: as named_modules(), and faster."""
    found: dict[int, tuple[str, nn.Module]] = {}
    waiting = [("", module)]
    while waiting:
        name, part = waiting.pop()
        if id(part) not in found:
            found[id(part)] = name, part
            prefix = name and f"{name}."
            children = [*children_of(part).items()]
            waiting += [(prefix + key, child) for key, child in children[::-1] if child is not None]
    return tuple(found.values())


def parts_of(module: nn.Module) -> list[nn.Module]:
    """Return the module and all inside it, each once."""
    return [part for _, part in named_parts(module)]


def held_by(parts: Iterable[nn.Module]) -> tuple[list[Tensor], list[Tensor]]:
    """Return all parameters, and all buffers, of the parts of a module."""
    parameters: list[Any] = []
    buffers: list[Any] = []
    for part in parts:
        if weights_of(part):
            parameters += weights_of(part).values()
        if buffers_of(part):
            buffers += buffers_of(part).values()
    return [p for p in parameters if p is not None], [b for b in buffers if b is not None]


def tensors_of(parts: list[nn.Module]) -> list[Tensor]:
    """Return all parameters and buffers of the parts of a module."""
    parameters, buffers = held_by(parts)
    return parameters + buffers
