"""Products summed by hand, zeros padded by hand, complex ones taken apart: what is followed.

One operator alone does not show what it is part of, so every one without a rule is shown to
`Contractions.see`. The conventions are those of `counting.handmade`, `padding` and `complexes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from convbench.counting.handmade import FOLLOWED, Handmade
from convbench.counting.products import Amount
from convbench.profiling.complexes import Complexes
from convbench.profiling.counts import Counts
from convbench.profiling.ledger import Ledger
from convbench.profiling.noted import Book
from convbench.profiling.padding import Padding


class Weights:
    """Which tensors are weights, or made of weights alone; their real values are never touched."""

    def __init__(self, parameters: Iterable[Tensor], buffers: Iterable[Tensor]) -> None:
        """Keep the tensors, so that their ids stay theirs."""
        self._known: dict[int, Tensor] = {id(tensor): tensor for tensor in parameters}
        self._learned = set(self._known)
        self._known.update((id(tensor), tensor) for tensor in buffers)
        self._original = frozenset(self._known)

    def __contains__(self, tensor: Tensor) -> bool:
        """Tell whether the tensor depends on weights alone."""
        return id(tensor) in self._known

    def original(self, tensor: Tensor) -> bool:
        """Tell whether the tensor is one of the model's own."""
        return id(tensor) in self._original

    def learned(self, tensor: Tensor) -> bool:
        """Tell whether the tensor is a parameter or made of some: no table of angles, no mask."""
        return id(tensor) in self._learned

    def derive(self, tensor: Tensor, sources: list[Tensor]) -> None:
        """Note a tensor that was made of weights alone."""
        self._known[id(tensor)] = tensor
        if any(map(self.learned, sources)):
            self._learned.add(id(tensor))


class Contractions:
    """What is known of tensors in flight: products, sums of products, and zeros around them."""

    def __init__(self, ledger: Ledger, weights: Weights) -> None:
        """`ledger` tells where we are, `weights` what depends on no input."""
        self.ledger, self.weights = ledger, weights
        self.padding, self.complexes = Padding(), Complexes()
        self.handmade = Handmade(_Facts(weights))
        self.backward = False
        self.awaited: dict[tuple[str, Any], int] = {}

    def see(self, name: str, args: Any, result: Any) -> Counts | None:
        """Follow one operator that has no rule; count the products that it sums, if any."""
        if self.backward:
            return self._gradient(name, args, result)
        self.padding.see(name, args, result)
        self.complexes.see(name, args, result)
        if name not in FOLLOWED:
            if args and result is args[0]:
                self.handmade.drop(result)
            return None
        found = self.handmade.see(name, args, result)
        if not found:
            return None
        for amount in found:
            self._await(amount)
        macs = self.handmade.counted(found)
        return Counts(
            multiplications=macs, multiplications_valid=macs, activations=elements(result)
        )

    def written(self, tensor: Tensor) -> None:
        """Take note that a tensor was written to in place."""
        if not self.backward:
            self.handmade.drop(tensor)
            self.padding.drop(tensor)

    def _await(self, amount: Amount) -> None:
        """Expect, of products that were summed, one product a gradient in the backward pass."""
        shape, gradients = amount.what
        if gradients and amount.factor > 0:
            key = self.ledger.path, shape
            self.awaited[key] = self.awaited.get(key, 0) + gradients

    def _gradient(self, name: str, args: Any, result: Any) -> Counts | None:
        """Count a gradient of a contraction; that of a gate or a scale is elementwise, as it is."""
        if name != "mul" or not all(isinstance(item, Tensor) for item in args[:2]):
            return None
        key = self.ledger.path, result.shape
        if not self.awaited.get(key):
            return None
        self.awaited[key] -= 1
        macs = result.numel() * (1, 2, 4)[sum(item.dtype.is_complex for item in args[:2])]
        return Counts(multiplications=macs, multiplications_valid=macs, activations=result.numel())


class _Facts:
    """What `Handmade` asks, of tensors."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    def book(self) -> Book[Any]:
        return Book()

    def is_value(self, item: Any) -> bool:
        return isinstance(item, Tensor)

    def same(self, one: Any, other: Any) -> bool:
        return one is other

    def shape(self, value: Tensor) -> tuple[int, ...]:
        return tuple(value.shape)

    def expanded(self, value: Tensor) -> tuple[bool, ...]:
        if value.layout is not torch.strided:
            return (False,) * value.ndim
        return tuple(
            size > 1 and step == 0 for size, step in zip(value.shape, value.stride(), strict=True)
        )

    def scaled(self, value: Tensor, axes: tuple[int, ...]) -> None:
        """Nothing hangs on it here, where sizes are numbers."""

    def constant(self, value: Tensor) -> bool:
        return value in self._weights

    def is_complex(self, value: Tensor) -> bool:
        return value.dtype.is_complex

    def what(self, factors: tuple[Tensor, Tensor], result: Tensor) -> Any:
        """Keep the shape, and how many factors want a gradient."""
        wanted = sum(item.requires_grad for item in factors)
        return result.shape, 0 if all(map(self.constant, factors)) else wanted

    def part(self, value: Tensor) -> Any:
        return value.shape, 2


def elements(result: Any) -> int:
    """Return how many elements an operator made, without what it gives beside them."""
    if isinstance(result, list | tuple) and result:
        result = result[0]
    return int(result.numel()) if isinstance(result, Tensor) else 0
