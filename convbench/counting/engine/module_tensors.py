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


def parts_of(module: nn.Module) -> list[nn.Module]:
    """Return the module and all inside it, each once: as modules() does, and much faster."""
    found = {id(module): module}
    waiting = [module]
    while waiting:
        for child in children_of(waiting.pop()).values():
            if child is not None and id(child) not in found:
                found[id(child)] = child
                waiting.append(child)
    return list(found.values())


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
