"""A census of what runs beside the multiply-accumulates, so that a declared convention is checked.

It looks at the operators of a real run on a module of its own. It counts no multiplication: those
are known.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_ELEMENTWISE = {
    "relu": "relu",
    "silu": "activation",
    "gelu": "activation",
    "sigmoid": "sigmoid",
    "_softmax": "softmax",
    "mul": "mul",
    "add": "add",
    "upsample_nearest2d": "resized",
    "upsample_bilinear2d": "resized",
}
_BATCH_NORM = {
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "_batch_norm_with_update",
}
_OWN_NORM = {"native_layer_norm", "native_group_norm"}


class Census(TorchDispatchMode):
    """Counts elements by kind, of outputs where nothing else is said.

    bias: that get one. norm, norm plain: normalised by statistics at hand, with and without a
    weight. own norm: by statistics of the input itself. norm weights: weights and biases of
    normalisation, times the batch. pooled, pools: inputs and outputs of averages over windows;
    averaged, averages: over whole axes; max pooled: inputs of maxima. over outputs: what counting
    transposed convolutions on output positions adds. relu, activation, sigmoid, softmax, mul, add,
    resized: outputs.
    """

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator, then count its elements."""
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        first = result[0] if isinstance(result, tuple | list) and result else result
        if isinstance(first, torch.Tensor):
            self._look(name if name in _OWN_NORM | _BATCH_NORM else name.rstrip("_"), args, first)
        return result

    def _look(self, name: str, args: Any, output: torch.Tensor) -> None:
        size = output.numel()
        if name == "convolution":
            self._convolution(args, output)
        elif name == "addmm":
            self.found["bias"] += size
        elif name in _BATCH_NORM | _OWN_NORM:
            self._norm(name, args, size)
        elif name in _ELEMENTWISE:
            self.found[_ELEMENTWISE[name]] += size
        elif name == "mean" or "adaptive_avg_pool" in name:
            self.found["averaged"] += args[0].numel()
            self.found["averages"] += size
        elif "avg_pool" in name:
            self.found["pooled"] += args[0].numel()
            self.found["pools"] += size
        elif "max_pool" in name:
            self.found["max pooled"] += args[0].numel()

    def _convolution(self, args: Any, output: torch.Tensor) -> None:
        inputs, weight, bias, *_, transposed, _, _ = args
        if bias is not None:
            self.found["bias"] += output.numel()
        if transposed:
            places = output.shape[2:].numel() - inputs.shape[2:].numel()
            self.found["over outputs"] += inputs.shape[0] * weight.numel() * places

    def _norm(self, name: str, args: Any, size: int) -> None:
        weight = next((one for one in args[1:3] if isinstance(one, torch.Tensor)), None)
        own = name in _OWN_NORM or any(flag is True for flag in args[3:6])
        if name in _OWN_NORM:
            weight = next((one for one in args[1:4] if isinstance(one, torch.Tensor)), None)
        if own:
            self.found["own norm"] += size
        else:
            self.found["norm" if weight is not None else "norm plain"] += size
        if weight is not None:
            self.found["norm weights"] += 2 * weight.numel() * args[0].shape[0]


def census(module: torch.nn.Module, inputs: tuple[Any, ...]) -> dict[str, int]:
    """Run the module once and return elements by kind; {} where it cannot be watched."""
    counter = Census()
    try:
        with counter:
            module(*inputs)
    except Exception:  # noqa: BLE001  then no convention can be checked, and the cell says wrong
        return {}
    return dict(counter.found)
