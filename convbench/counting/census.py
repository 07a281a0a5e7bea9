"""A census of what runs beside the multiply-accumulates, so that a declared convention is checked.

It looks at the operators of a real run on a module of its own. It counts no multiplication: those
are known.
"""

from __future__ import annotations

import collections
from typing import Any

import torch

from convbench.core.torch_internals import DispatchMode
from convbench.counting.base import Counter

_OUTPUTS = {
    "addmm": "bias",
    "relu": "relu",
    "upsample_nearest2d": "resized",
    "upsample_bilinear2d": "resized",
}
"""Operators by what each element of their output is."""


class Census(DispatchMode):
    """Counts elements by kind.

    bias: outputs that get one. relu, resized: outputs. pooled, max pooled: inputs of averages and
    of maxima over windows; averaged: of averages over whole axes. over outputs: what counting
    transposed convolutions on output positions adds.
    """

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()
        self.found: collections.Counter[str] = collections.Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator, then count its elements."""
        result = func(*args, **(kwargs or {}))
        first = result[0] if isinstance(result, tuple | list) and result else result
        if isinstance(first, torch.Tensor):
            self._look(func.overloadpacket.__name__.rstrip("_"), args, first)
        return result

    def _look(self, name: str, args: Any, output: torch.Tensor) -> None:
        if name == "convolution":
            self._convolution(args, output)
        elif name in _OUTPUTS:
            self.found[_OUTPUTS[name]] += output.numel()
        elif name == "mean" or "adaptive_avg_pool" in name:
            self.found["averaged"] += args[0].numel()
        elif "avg_pool" in name:
            self.found["pooled"] += args[0].numel()
        elif "max_pool" in name:
            self.found["max pooled"] += args[0].numel()

    def _convolution(self, args: Any, output: torch.Tensor) -> None:
        inputs, weight, bias, *_, transposed, _, _ = args
        if bias is not None:
            self.found["bias"] += output.numel()
        if transposed:
            places = output.shape[2:].numel() - inputs.shape[2:].numel()
            self.found["over outputs"] += inputs.shape[0] * weight.numel() * places


def census(module: torch.nn.Module, inputs: tuple[Any, ...]) -> dict[str, int]:
    """Run the module once and return elements by kind; {} where it cannot be watched."""
    counter = Census()
    try:
        with counter:
            module(*inputs)
    except Exception:  # noqa: BLE001  then no convention can be checked, and a count is what it is
        return {}
    return dict(counter.found)


def declared(counter: Counter, module: torch.nn.Module, inputs: tuple[Any, ...]) -> dict[str, int]:
    """Return the numbers of a counter's extras for module(*inputs), in its own unit."""
    if not counter.extras:
        return {}
    found, several = census(module, inputs), samples(counter, inputs)
    return {
        kind: rate * found.get(kind, 0) // (several if kind in counter.averaged else 1)
        for kind, rate in counter.extras.items()
    }


def samples(counter: Counter, inputs: tuple[Any, ...]) -> int:
    """Return the batch, for a counter whose number is the mean of one sample; else 1."""
    shape: tuple[int, ...] = getattr(inputs[0], "shape", ()) if inputs else ()
    return int(shape[0]) if counter.per_sample and len(shape) else 1
