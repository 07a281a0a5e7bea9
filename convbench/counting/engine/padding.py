"""Zeros that a model puts around an image itself, followed up to the convolution that meets them.

A tap on such a zero is a tap on padding, as one on a convolution's own padding is: it is left out
of the valid multiplications, whatever has moved or cut the image in between.
"""

from __future__ import annotations

from typing import Any, Final

from torch import Tensor

from convbench.counting.engine.tensor_map import TensorMap

Pairs = tuple[tuple[int, int], ...]
"""Zeros at the low and the high end of every axis."""

_KEPT: Final = """
    abs alias asin asinh atan celu clone contiguous conj detach div dropout elu erf expm1 gelu
    hardshrink hardswish leaky_relu lift_fresh log1p mish mul neg relu relu6 selu sgn sign silu sin
    sinh softshrink softsign sqrt square tan tanh to_copy trunc round floor ceil
"""
KEEP: Final = frozenset(_KEPT.split())
"""Operators that leave a zero a zero, and where it is: products with numbers alone."""
CHANGE: Final = frozenset({"constant_pad_nd", "flip", "permute", "transpose", "slice", "narrow"})
AXES: Final = frozenset({"unsqueeze", "squeeze", "view", "unsafe_view", "reshape_alias", "select"})


class Padding:
    """Which tensors have zeros around them, and how many."""

    def __init__(self) -> None:
        """Nothing is padded yet."""
        self._pairs: TensorMap[tuple[Pairs, list[bool]]] = TensorMap()

    def __contains__(self, tensor: Tensor) -> bool:
        """Tell whether zeros are known around the tensor."""
        return self.around(tensor) is not None

    def around(self, tensor: Tensor) -> Pairs | None:
        """Return the zeros around every axis; None where none are known."""
        if not self._pairs:
            return None
        known = self._pairs.get(tensor)
        return known[0] if known is not None and known[1][0] else None

    def see(self, name: str, args: Any, result: Any) -> None:
        """Follow one operator; any other that writes in place is for `drop`."""
        if name == "constant_pad_nd":
            self._padded(args, result)
            return
        before = args[0] if args else None
        if not self._pairs or not isinstance(before, Tensor) or not isinstance(result, Tensor):
            return
        known = self._pairs.get(before)
        if known is None or not known[1][0]:
            return
        if name in KEEP and not any(isinstance(item, Tensor) for item in args[1:]):
            if result is not before:
                self._pairs.put(result, known)
        elif name in CHANGE or name in AXES:
            pairs = _changed(name, args, known[0], before, result)
            # where the zeros lie cannot be told, yet what is written to the view is written there
            self._pairs.put(result, (pairs or ((0, 0),) * result.ndim, known[1]))
        elif result is before:
            self.drop(result)

    def drop(self, tensor: Tensor) -> None:
        """Forget what is around a tensor that was written to, and its views."""
        known = self._pairs.get(tensor) if self._pairs else None
        if known is not None:
            known[1][0] = False

    def _padded(self, args: Any, result: Tensor) -> None:
        inputs, pads = args[0], list(args[1])
        if len(args) > 2 and args[2]:  # noqa: PLR2004  the value, when given: no zeros
            return
        before = self.around(inputs) or ((0, 0),) * inputs.ndim
        pairs = [(pads[i], pads[i + 1]) for i in range(0, len(pads), 2)]
        more = [(0, 0)] * (inputs.ndim - len(pairs)) + pairs[::-1]
        # a negative pad cuts: zeros first, then the image itself
        together = tuple(
            (max(low + left, 0), max(high + right, 0))
            for (low, high), (left, right) in zip(before, more, strict=True)
        )
        self._pairs.put(result, (together, [True]))


def _changed(name: str, args: Any, pairs: Pairs, before: Tensor, after: Tensor) -> Pairs | None:
    """Return the zeros after a tensor was moved or cut; None where that cannot be told."""
    rank = before.ndim
    if name == "flip":
        turned = {axis % rank for axis in args[1]}
        return tuple(pair[::-1] if axis in turned else pair for axis, pair in enumerate(pairs))
    if name == "permute":
        return tuple(pairs[axis] for axis in args[1])
    if name == "transpose":
        found = list(pairs)
        one, other = args[1:3]
        found[one], found[other] = found[other], found[one]
        return tuple(found)
    if name in {"slice", "narrow"}:
        return _cut(args, pairs, before, after)
    same = 0
    while same < min(rank, after.ndim) and before.shape[-1 - same] == after.shape[-1 - same]:
        same += 1
    if all(pair == (0, 0) for pair in pairs[: rank - same]):  # batch and channels were joined, say
        return ((0, 0),) * (after.ndim - same) + pairs[rank - same :]
    kept = [(n, pair) for n, pair in zip(before.shape, pairs, strict=True) if n != 1]
    if [n for n, _ in kept] != [n for n in after.shape if n != 1]:
        return None  # axes were joined or taken apart
    rest = iter(kept)
    return tuple((0, 0) if n == 1 else next(rest)[1] for n in after.shape)


def _cut(args: Any, pairs: Pairs, before: Tensor, after: Tensor) -> Pairs | None:
    axis, start, *_ = (*args[1:3], None) if len(args) > 2 else (*args[1:], 0)  # noqa: PLR2004
    if len(args) > 4 and args[4] != 1:  # noqa: PLR2004  the step
        return None
    size = before.shape[axis]
    start = min(max((start or 0) + (size if (start or 0) < 0 else 0), 0), size)
    end = start + after.shape[axis]
    low, high = pairs[axis]
    found = list(pairs)
    found[axis] = max(low - start, 0), max(high - (size - end), 0)
    return tuple(found)
