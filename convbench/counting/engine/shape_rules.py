"""The fast path: common calls answered from shapes alone, before they reach torch's dispatcher.

Each answer is a function of the call's arguments that returns (name, result shape, counts), or None
to let the call go its ordinary way: for anything unusual it does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from convbench.counting.engine.counts import Counts, convolution, linear
from convbench.counting.engine.rules import spatial

Answer = tuple[str, tuple[int, ...], Counts]
_SAME: Final = "same"
_VALID: Final = "valid"


def _fits(x: Tensor, weight: Tensor, bias: Tensor | None, outputs: int) -> bool:
    """Tell whether torch takes weight and bias for this input, and gives a contiguous output."""
    kind = x.dtype
    return (
        kind == weight.dtype
        and (kind.is_floating_point or kind.is_complex)
        and weight.is_contiguous()
        and (bias is None or (bias.dtype == kind and bias.shape == (outputs,)))
    )


def _convolve(dims: int) -> Callable[..., Answer | None]:
    def answer(
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Answer | None:
        if x.ndim != dims + 2 or weight.ndim != dims + 2 or not isinstance(groups, int):
            return None
        size, taps = tuple(x.shape), tuple(weight.shape)
        if size[1] != taps[1] * groups or taps[0] % groups or not _fits(x, weight, bias, taps[0]):
            return None
        steps, spread = spatial(stride, dims), spatial(dilation, dims)
        if not len(steps) == len(spread) == dims or min(steps) < 1 or min(spread) < 1:
            return None
        reach = [d * (k - 1) for d, k in zip(spread, taps[2:], strict=True)]
        if padding == _SAME and max(steps) == 1:
            pads = tuple((r // 2, r - r // 2) for r in reach)
        elif padding == _VALID:
            pads = ((0, 0),) * dims
        elif isinstance(padding, str):
            return None
        else:
            pads = tuple((p, p) for p in spatial(padding, dims))
            if len(pads) != dims or min(pads)[0] < 0:
                return None
        out = tuple(
            (n + low + high - r - 1) // s + 1
            for n, (low, high), r, s in zip(size[2:], pads, reach, steps, strict=True)
        )
        if min(out, default=1) < 1:
            return None
        shape = (size[0], taps[0], *out)
        counts = convolution(
            size, taps, shape, steps, pads, spread, groups,
            bias=bias is not None,
            complex_numbers=x.dtype.is_complex and weight.dtype.is_complex,
        )  # fmt: skip
        return "convolution", shape, counts

    return answer


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Answer | None:
    if weight.ndim != 2 or x.ndim < 2 or x.shape[-1] != weight.shape[1]:  # noqa: PLR2004
        return None
    if not _fits(x, weight, bias, weight.shape[0]):
        return None
    complex_numbers = x.dtype.is_complex and weight.dtype.is_complex
    counts = linear(x.shape, weight.shape, bias=bias is not None, complex_numbers=complex_numbers)
    return "linear", (*x.shape[:-1], weight.shape[0]), counts


def _batch_norm(
    x: Tensor,
    mean: Tensor | None,
    var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    *_: Any,
    **__: Any,
) -> Answer | None:
    shape = tuple(x.shape)
    if len(shape) < 2 or not x.dtype.is_floating_point:  # noqa: PLR2004  batch and channels
        return None
    n, weights = x.numel(), 0
    if n <= shape[1] if training else (mean is None or var is None):
        return None
    for held in (mean, var, weight, bias):
        if held is not None and (held.dtype != x.dtype or held.shape != (shape[1],)):
            return None
    for held in (weight, bias):
        weights += 0 if held is None else shape[1]
    return "batch_norm", shape, _normalised(n, weights)


@lru_cache(maxsize=65536)
def _normalised(n: int, weights: int) -> Counts:
    return Counts(normalisation=2 * n, reads=n + weights, writes=n)


def _layer_norm(
    x: Tensor,
    shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *_: Any,
    **__: Any,
) -> Answer | None:
    normal = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    if not normal or x.shape[-len(normal) :] != normal or not x.dtype.is_floating_point:
        return None
    weights = 0
    for held in (weight, bias):
        if held is not None:
            if held.dtype != x.dtype or held.shape != normal:
                return None
            weights += held.numel()
    return "layer_norm", tuple(x.shape), _normalised(x.numel(), weights)


def _instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    *_: Any,
    **__: Any,
) -> Answer | None:
    """As the normalisation it is: torch runs a batch norm with the weights once for each image."""
    shape = tuple(x.shape)
    if len(shape) < 3 or prod(shape[2:]) < 2 or not x.dtype.is_floating_point:  # noqa: PLR2004
        return None
    if not use_input_stats or running_mean is not None or running_var is not None:
        return None
    weights = 0
    for held in (weight, bias):
        if held is not None:
            if held.dtype != x.dtype or held.shape != (shape[1],):
                return None
            weights += shape[1]
    return "instance_norm", shape, _normalised(x.numel(), weights)


def _activation(name: str) -> Callable[..., Answer | None]:
    def answer(x: Tensor, *_: Any, **options: Any) -> Answer | None:
        if not x.dtype.is_floating_point or "out" in options:
            return None
        return name, () if options.get("inplace") else tuple(x.shape), _touched(x.numel())

    return answer


@lru_cache(maxsize=65536)
def _touched(n: int) -> Counts:
    return Counts(elementwise=n, reads=n, writes=n)


def _adaptive_average(x: Tensor, size: Any) -> Answer | None:
    wanted = spatial(size, 2)
    if x.ndim != 4 or len(wanted) != 2 or not x.dtype.is_floating_point:  # noqa: PLR2004
        return None
    out = tuple(n if w is None else w for n, w in zip(x.shape[2:], wanted, strict=True))
    shape = (*x.shape[:2], *out)
    counts = Counts(elementwise=x.numel(), reads=x.numel(), writes=prod(shape))
    return "adaptive_avg_pool", shape, counts


def _dropout(
    x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Answer | None:
    del inplace
    return None if training or not 0 <= p <= 1 else ("dropout", (), Counts())


def _sum_or_product(operation: str) -> Callable[..., Answer | None]:
    def answer(x: Tensor, y: Any, *rest: Any, **options: Any) -> Answer | None:
        if rest or options or not isinstance(y, Tensor) or y.dtype != x.dtype:
            return None
        shape = tuple(x.shape)
        if not y.is_contiguous():
            return None
        other = tuple(y.shape)
        if other != shape:
            joint = _broadcast(shape, other)
            if joint is None:
                return None
            shape = joint
        n = prod(shape)
        return operation, shape, Counts(elementwise=n, reads=x.numel() + y.numel(), writes=n)

    return answer


def _broadcast(one: tuple[int, ...], two: tuple[int, ...]) -> tuple[int, ...] | None:
    long, short = (one, two) if len(one) >= len(two) else (two, one)
    found = list(long)
    for place, n in enumerate(short, start=len(long) - len(short)):
        if found[place] == 1:
            found[place] = n
        elif n not in {1, found[place]}:
            return None
    return tuple(found)


def _sum_in_place(x: Tensor, y: Any, *rest: Any, **options: Any) -> Answer | None:
    if rest or options or not isinstance(y, Tensor) or y.shape != x.shape or y.dtype != x.dtype:
        return None
    n = x.numel()
    return "add", (), Counts(elementwise=n, reads=2 * n, writes=n)


FAST: Final[dict[Any, Callable[..., Answer | None]]] = {
    torch.conv1d: _convolve(1),
    torch.conv2d: _convolve(2),
    torch.conv3d: _convolve(3),
    functional.linear: _linear,
    functional.batch_norm: _batch_norm,
    functional.layer_norm: _layer_norm,
    functional.instance_norm: _instance_norm,
    functional.relu: _activation("relu"),
    functional.relu6: _activation("relu6"),
    functional.hardtanh: _activation("hardtanh"),
    functional.silu: _activation("silu"),
    functional.hardswish: _activation("hardswish"),
    functional.hardsigmoid: _activation("hardsigmoid"),
    functional.gelu: _activation("gelu"),
    functional.adaptive_avg_pool2d: _adaptive_average,
    functional.dropout: _dropout,
    torch.relu: _activation("relu"),
    torch.sigmoid: _activation("sigmoid"),
    Tensor.sigmoid: _activation("sigmoid"),
    Tensor.add: _sum_or_product("add"),
    torch.add: _sum_or_product("add"),
    Tensor.mul: _sum_or_product("mul"),
    torch.mul: _sum_or_product("mul"),
    Tensor.add_: _sum_in_place,
}
"""What can be answered: the callable as torch hands it to a function mode -> its answer.

An empty result shape stands for the first argument itself, of a call that works in place.
"""
