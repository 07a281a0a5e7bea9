"""A census of what runs beside the multiply-accumulates, so that a declared convention is checked.

It looks at the operators of a real run on a module of its own. It counts no multiplication: those
are known.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_KINDS = {
    "relu": "relu",
    "relu_": "relu",
    "silu": "relu",
    "gelu": "relu",
    "_softmax": "softmax",
    "mul": "mul",
    "mul_": "mul",
    "add": "add",
    "add_": "add",
    "native_batch_norm": "norm",
    "_native_batch_norm_legit": "norm",
    "_native_batch_norm_legit_no_training": "norm",
    "_batch_norm_with_update": "norm",
    "native_layer_norm": "norm",
    "native_group_norm": "norm",
    "upsample_nearest2d": "resized",
    "upsample_bilinear2d": "resized",
}
_POOLS = ("avg_pool", "max_pool", "_adaptive_avg_pool")


class Census(TorchDispatchMode):
    """Counts elements by kind: bias (outputs that get one), relu, norm, pooled, resized, ….

    Outputs are counted, of pooling its inputs ("pooled") and its outputs ("pools"), of
    normalisation its inputs ("norm").
    """

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator, then count its elements."""
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        first = result[0] if isinstance(result, tuple | list) and result else result
        if not isinstance(first, torch.Tensor):
            return result
        size = first.numel()
        if (name == "convolution" and args[2] is not None) or name == "addmm":
            self.found["bias"] += size
        elif name in _KINDS:
            self.found[_KINDS[name]] += size
        elif any(pool in name for pool in _POOLS) and isinstance(args[0], torch.Tensor):
            self.found["pooled"] += args[0].numel()
            self.found["pools"] += size
        elif name == "mean":
            self.found["pooled"] += args[0].numel()
            self.found["pools"] += size
        return result


def census(module: torch.nn.Module, inputs: tuple[Any, ...]) -> dict[str, int]:
    """Run the module once and return elements by kind; {} where it cannot be watched."""
    counter = Census()
    try:
        with counter:
            module(*inputs)
    except Exception:  # noqa: BLE001  then no convention can be checked, and the cell says wrong
        return {}
    return dict(counter.found)
