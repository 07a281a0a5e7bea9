"""The fast path: common calls answered from shapes alone, before they reach torch's dispatcher.

Each answer is a function of the call's arguments that returns (name, result shape, counts), or None
to let the call go its ordinary way: for anything unusual it does.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from convbench.profiling.counts import Counts, convolution, linear
from convbench.profiling.rules import spatial

Answer = tuple[str, tuple[int, ...], Counts]
Pads = tuple[tuple[int, int], ...] | None
_SAME: Final = "same"


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
        steps, spread = spatial(stride, dims), spatial(dilation, dims)
        reach = [d * (k - 1) for d, k in zip(spread, taps[2:], strict=True)]
        if padding == _SAME:
            pads = tuple((r // 2, r - r // 2) for r in reach)
        elif isinstance(padding, str):
            pads = ((0, 0),) * dims
        else:
            pads = tuple((p, p) for p in spatial(padding, dims))
        if size[1] != taps[1] * groups:
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
    complex_numbers = x.dtype.is_complex and weight.dtype.is_complex
    counts = linear(x.shape, weight.shape, bias=bias is not None, complex_numbers=complex_numbers)
    return "linear", (*x.shape[:-1], weight.shape[0]), counts


def _batch_norm(x: Tensor, *_: Any, **__: Any) -> Answer:
    n = x.numel()
    return "batch_norm", tuple(x.shape), _normalised(n, 2 * x.shape[1] if x.ndim > 1 else 0)


def _normalised(n: int, weights: int) -> Counts:
    key = (n, weights)
    found = _NORMALISED.get(key)
    if found is None:
        found = _NORMALISED[key] = Counts(normalisation=2 * n, reads=n + weights, writes=n)
    return found


def _layer_norm(x: Tensor, shape: Any, weight: Any = None, *_: Any, **__: Any) -> Answer:
    del shape
    held = 2 * weight.numel() if weight is not None else 0
    return "layer_norm", tuple(x.shape), _normalised(x.numel(), held)


def _activation(name: str) -> Callable[..., Answer | None]:
    def answer(x: Tensor, *_: Any, **options: Any) -> Answer | None:
        if options.get("inplace"):
            return name, (), _touched(x.numel())
        return name, tuple(x.shape), _touched(x.numel())

    return answer


def _touched(n: int) -> Counts:
    found = _TOUCHED.get(n)
    if found is None:
        found = _TOUCHED[n] = Counts(elementwise=n, reads=n, writes=n)
    return found


_TOUCHED: Final[dict[int, Counts]] = {}
_NORMALISED: Final[dict[tuple[int, int], Counts]] = {}


def _adaptive_average(x: Tensor, size: Any) -> Answer | None:
    dims = x.ndim - 2
    if dims not in {1, 2, 3}:
        return None
    wanted = spatial(size, dims)
    if len(wanted) != dims:
        return None
    out = tuple(n if w is None else w for n, w in zip(x.shape[2:], wanted, strict=True))
    shape = (*x.shape[:2], *out)
    outputs = shape[0] * shape[1]
    for n in out:
        outputs *= n
    return (
        "adaptive_avg_pool",
        shape,
        Counts(elementwise=x.numel(), reads=x.numel(), writes=outputs),
    )


def _dropout(
    x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Answer | None:
    del p, inplace
    return None if training else ("dropout", (), Counts())


def _sum_or_product(operation: str) -> Callable[..., Answer | None]:
    def answer(x: Tensor, y: Any, *rest: Any, **options: Any) -> Answer | None:
        if rest or options or not isinstance(y, Tensor) or y.dtype != x.dtype:
            return None
        shape = tuple(x.shape)
        if y.shape != shape:
            shape = tuple(torch.broadcast_shapes(shape, tuple(y.shape)))
        n = prod(shape)
        return operation, shape, Counts(elementwise=n, reads=x.numel() + y.numel(), writes=n)

    return answer


def _sum_in_place(x: Tensor, y: Any, *rest: Any, **options: Any) -> Answer | None:
    if rest or options or not isinstance(y, Tensor) or y.shape != x.shape:
        return None
    n = x.numel()
    return "add", (), Counts(elementwise=n, reads=2 * n, writes=n)


FAST: Final[dict[Any, Callable[..., Answer | None]]] = {
    torch.conv1d: _convolve(1),
    torch.conv2d: _convolve(2),
    torch.conv3d: _convolve(3),
    torch._C._nn.linear: _linear,  # noqa: SLF001  what functional.linear is
    functional.batch_norm: _batch_norm,
    functional.layer_norm: _layer_norm,
    functional.relu: _activation("relu"),
    functional.relu6: _activation("relu6"),
    functional.hardtanh: _activation("hardtanh"),
    functional.silu: _activation("silu"),
    functional.hardswish: _activation("hardswish"),
    functional.hardsigmoid: _activation("hardsigmoid"),
    torch._C._nn.gelu: _activation("gelu"),  # noqa: SLF001  what functional.gelu is
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
