"""A count by literal nested loops, written from the definition: slow, and sure.

It shares nothing with the plans or the other counters. It stands here and not among the counters
because it takes seconds for what they do in microseconds; `convbench.testing` uses it.
"""

from __future__ import annotations

from typing import Any

import torch

from convbench.core.torch_internals import DispatchMode

aten = torch.ops.aten


class LiteralLoops(DispatchMode):
    """Count every product of the convolutions and matrix products that run inside.

    multiplications: all products, padding included. valid: those whose two factors are both real
    elements (for a transposed convolution: those whose result is not cropped away).
    """

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()
        self.multiplications = 0
        self.valid = 0
        self._padded: dict[int, tuple[torch.Tensor, list[int]]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator, then count it from the shapes."""
        result = func(*args, **(kwargs or {}))
        if func is aten.convolution.default:
            inputs, weight, _, stride, padding, dilation, transposed, *_ = args
            if transposed:
                self._transposed(inputs, weight, result, stride, padding, dilation)
            else:
                self._convolution(inputs, weight, result, stride, padding, dilation)
        elif func is aten.constant_pad_nd.default:
            self._padded[id(result)] = (result, args[1])
        elif func in {aten.view.default, aten._unsafe_view.default} and id(args[0]) in self._padded:  # noqa: SLF001
            self._padded[id(result)] = (result, self._padded[id(args[0])][1])
        elif func in {aten.mm.default, aten.bmm.default}:
            self._product(*args)
        elif func in {aten.addmm.default, aten.baddbmm.default}:
            self._product(*args[1:3])
        return result

    def _product(self, left: torch.Tensor, right: torch.Tensor) -> None:
        for _ in range(left.shape[0] if left.ndim == 3 else 1):  # noqa: PLR2004  batched
            for _ in range(left.shape[-2]):
                for _ in range(right.shape[-1]):
                    for _ in range(left.shape[-1]):
                        self.multiplications += 1
                        self.valid += 1

    def _real(self, inputs: torch.Tensor, axis: int) -> range:
        """Return the places of an axis that are not padding which a module put there before."""
        size = inputs.shape[2 + axis]
        _, pads = self._padded.get(id(inputs), (inputs, []))
        back = 2 * (inputs.ndim - 3 - axis)  # torch lists the padding last axis first
        low, high = pads[back : back + 2] if len(pads) > back else (0, 0)
        return range(max(low, 0), size - max(high, 0))

    def _convolution(
        self, inputs: Any, weight: Any, result: Any, stride: Any, padding: Any, dilation: Any
    ) -> None:
        real = [self._real(inputs, axis) for axis in range(len(stride))]
        products = _reached(
            result.shape[2:], weight.shape[2:], stride, padding, dilation, real
        )  # the same for every pair of channels
        for _ in range(result.shape[0]):
            for _ in range(result.shape[1]):
                for _ in range(weight.shape[1]):  # the input channels of one group
                    self.multiplications += len(products)
                    self.valid += sum(products)

    def _transposed(
        self, inputs: Any, weight: Any, result: Any, stride: Any, padding: Any, dilation: Any
    ) -> None:
        kept = [range(size) for size in result.shape[2:]]
        products = _reached(inputs.shape[2:], weight.shape[2:], stride, padding, dilation, kept)
        for _ in range(inputs.shape[0]):
            for _ in range(inputs.shape[1]):
                for _ in range(weight.shape[1]):  # the output channels of one group
                    self.multiplications += len(products)
                    self.valid += sum(products)


def _reached(
    sizes: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, places: list[range]
) -> list[bool]:
    """Return of every product of a position and a tap whether it is at one of the places."""
    found = []
    for position in _positions(sizes):
        for tap in _positions(kernel):
            at = [
                o * step + t * spread - pad
                for o, t, step, spread, pad in zip(
                    position, tap, stride, dilation, padding, strict=True
                )
            ]
            found.append(all(place in allowed for place, allowed in zip(at, places, strict=True)))
    return found


def _positions(sizes: Any) -> list[tuple[int, ...]]:
    """List every position of a grid, by one loop an axis."""
    found: list[tuple[int, ...]] = [()]
    for size in sizes:
        longer = []
        for position in found:
            for place in range(size):
                longer.append((*position, place))  # noqa: PERF401  a loop that reads as a loop
        found = longer
    return found
