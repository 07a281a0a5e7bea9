"""How each dispatched operator is counted.

An operator is counted by its rule (in `convolutions`, `matrices`, `quantised`), or is zero by the
rules of `counting.zero_cost`, or is unknown.
"""

from __future__ import annotations

from math import log2, prod
from typing import Any, Final

from convbench.core.torch_internals import full_name
from convbench.counting.engine import convolutions, matrices  # which register their rules
from convbench.counting.engine.counts import Counts
from convbench.counting.engine.quantised import QUANTISED, QUANTISED_ELEMENTWISE
from convbench.counting.engine.registry import RULES, Rule, rule, spatial
from convbench.counting.zero_cost import (
    ELEMENTWISE,
    MOVEMENT,
    NORMALISATION,
    REDUCTION,
    RESIZE,
    TRANSFORM,
    ZERO_OF_VISION,
    plain_name,
)

__all__ = [
    "QUANTISED_ELEMENTWISE", "RULES", "Rule", "convolutions", "find", "matrices", "rule", "spatial",
    "zero",
]  # fmt: skip

_POOL_TAPS = {"avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool2d_with_indices",
              "max_pool3d_with_indices", "max_pool1d", "max_pool2d", "max_pool3d",
              "quantized_max_pool1d", "quantized_max_pool2d", "quantized_max_pool3d"}  # fmt: skip
_LINEAR_TAPS = {"upsample_linear1d": 2, "upsample_bilinear2d": 4, "upsample_trilinear3d": 8,
                "upsample_bicubic2d": 16, "grid_sampler_2d": 4, "grid_sampler_3d": 8}  # fmt: skip

COUNTED: Final = frozenset({"aten", "prims", "torchvision"})
"""Namespaces whose operators are known by their bare names; one of another is its owner's."""


def zero(name: str, args: Any, result: Any) -> Counts | None:
    """Return the elementwise counts of an operator that is zero by rule; None if it is unknown."""
    outputs = _elements(result)
    if name in MOVEMENT:
        return Counts()
    if name in TRANSFORM:
        return _transform(name, args, result)
    if name in NORMALISATION:
        first = result[0] if isinstance(result, list | tuple) else result
        n = (args[0] if first is None else first).numel()  # None: the input needs no gradient
        place = 2 if "layer" in name else 1  # a layer norm's shape stands before its weight
        scale = sum(_elements(item) for item in args[place : place + 2])
        return Counts(normalisation=2 * n, reads=n + scale, writes=n)
    if name in _POOL_TAPS:
        dims = int(name[name.index("pool") + 4])
        first = result[0] if isinstance(result, list | tuple) else result
        return Counts(elementwise=first.numel() * prod(spatial(args[1], dims)))
    if name in REDUCTION:
        return Counts(elementwise=args[0].numel() if hasattr(args[0], "numel") else outputs)
    if name in RESIZE:
        taps = _LINEAR_TAPS.get(name, 0)
        return Counts(elementwise=outputs * (2 * taps - 1) if taps else 0)
    if name in ELEMENTWISE or name in ZERO_OF_VISION:
        return Counts(elementwise=outputs * (3 if "softmax" in name else 1))
    return None


def _transform(name: str, args: Any, result: Any) -> Counts:
    """5·N·log2 N operations for N complex numbers, half of that where they are real."""
    real = {"fft_r2c": args[0], "fft_c2r": result}.get(name)
    whole = result if real is None else real
    length = prod(whole.shape[axis] for axis in args[1])
    factor = 5 if real is None else 2.5
    return Counts(transforms=round(factor * whole.numel() * log2(length)) if length else 0)


def _elements(result: Any) -> int:
    if hasattr(result, "numel"):
        return int(result.numel())
    if isinstance(result, list | tuple):
        return sum(_elements(item) for item in result)
    return 0


def find(operator: Any) -> tuple[str, str, Rule | None]:
    """Return an operator's namespace, bare name and rule."""
    namespace = operator.namespace
    if namespace not in COUNTED and namespace != "quantized":
        return namespace, full_name(operator).split("::")[-1], None
    name = plain_name(full_name(operator))
    if namespace == "quantized":
        return namespace, name, QUANTISED.get(name)
    return namespace, name, RULES.get(name)
