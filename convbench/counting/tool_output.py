"""What the adapters of `tools` share: naming inputs, a backward pass, a tool's own breakdown."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


def arguments(module: nn.Module, inputs: tuple[Any, ...]) -> dict[str, Any]:
    """Return the inputs by the names of the forward's parameters, for tools that want names."""
    names = [
        name
        for name, parameter in inspect.signature(module.forward).parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    if len(names) < len(inputs):
        names = [f"input_{place}" for place in range(len(inputs))]
    return dict(zip(names, inputs, strict=False))


def run_both(module: nn.Module, inputs: tuple[Any, ...], *, backward: bool) -> None:
    """Call the module, and where asked for, the backward pass of the sum of all its outputs.

    The gradients that this makes are the adapter's and not the tool's, so none stays.
    """
    outputs = module(*inputs)
    if not backward:
        return
    wanted = [held for held in (*module.parameters(), *_tensors(inputs)) if held.requires_grad]
    kept = [held.grad for held in wanted]
    summed = [one.real.sum() for one in _tensors(outputs) if one.requires_grad]
    sum(summed[1:], summed[0]).backward()
    for held, gradient in zip(wanted, kept, strict=True):
        held.grad = gradient


def _tensors(outputs: Any) -> Iterator[Any]:
    """Yield every tensor of nested tuples, lists and dictionaries."""
    import torch

    if isinstance(outputs, torch.Tensor):
        yield outputs
    elif isinstance(outputs, dict | list | tuple):
        for value in outputs.values() if isinstance(outputs, dict) else outputs:
            yield from _tensors(value)


def split(
    counts: dict[str, int], is_mac: Callable[[str], bool]
) -> tuple[dict[str, int], dict[str, int]]:
    """Return a tool's own breakdown in two: what is multiply-accumulates, and what is not."""
    macs = {name: number for name, number in counts.items() if is_mac(name)}
    return macs, {name: number for name, number in counts.items() if name not in macs}
