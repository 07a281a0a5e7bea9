"""Products summed by hand, zeros padded by hand, complex ones taken apart: what is followed.

One operator alone does not show what it is part of, so every one without a rule is shown to
`Contractions.see`. The conventions are those of `by_hand.contractions`, `padding` and `complexes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from convbench.core.torch_internals import next_node
from convbench.counting.by_hand.contractions import ContractionTracker
from convbench.counting.by_hand.operator_sets import TRACKED
from convbench.counting.by_hand.products import Facts
from convbench.counting.engine.complex_convolutions import ComplexConvolutions
from convbench.counting.engine.counts import Counts
from convbench.counting.engine.padding import Padding
from convbench.counting.engine.recorder import Recorder
from convbench.counting.engine.tensor_map import TensorMap


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
        """Note a tensor that was made of weights alone; a buffer that was written to stays one."""
        self._known[id(tensor)] = tensor
        if id(tensor) not in self._original and any(map(self.learned, sources)):
            self._learned.add(id(tensor))


class Multiplied(NamedTuple):
    """Where and when a product by hand was made.

    node: the number of its node in the graph of autograd. gradients: how many of its factors
    require one. prepares: it prepares a weight.
    """

    path: str
    node: int
    gradients: int
    prepares: bool
    itemsize: int


class Contractions:
    """What is known of tensors in flight: products, sums of products, and zeros around them."""

    def __init__(self, recorder: Recorder, weights: Weights) -> None:
        """recorder: gives the running module. weights: the tensors that depend on no input."""
        self.recorder, self.weights = recorder, weights
        self.padding, self.complexes = Padding(), ComplexConvolutions()
        self.tracker = ContractionTracker(_Facts(weights, recorder))
        self.backward = False
        self.pending_gradients: dict[int, tuple[int, int]] = {}

    def see(self, name: str, args: Any, result: Any) -> None:
        """Follow one operator that has no rule; note the products that it sums, if any."""
        if self.backward:
            return
        self.padding.see(name, args, result)
        self.complexes.see(name, args, result)
        if name not in TRACKED:
            if args and result is args[0]:
                self.tracker.drop(result)
            return
        found = self.tracker.see(name, args, result)
        if not found:
            return
        outputs = elements(result)
        for amount in found:
            macs, at = amount.size * amount.factor, amount.what
            counts = Counts(
                multiplications=macs, multiplications_valid=macs, by_hand=macs, activations=outputs
            )
            outputs = 0
            if at.prepares:
                counts = Counts(preparation=macs)
            elif at.gradients:
                gradients, size = self.pending_gradients.get(at.node, (0, 0))
                sign = 1 if amount.factor > 0 else -1
                self.pending_gradients[at.node] = (
                    max(gradients, at.gradients),
                    size + sign * amount.size,
                )
            self.recorder.note(at.path, "mul", counts, at.itemsize)

    def written(self, tensor: Tensor) -> None:
        """Take note that a tensor was written to in place."""
        if not self.backward:
            self.tracker.drop(tensor)
            self.padding.drop(tensor)

    def mapped(self, name: str, before: Tensor, result: Tensor) -> None:
        """Take note of a map of each element by itself, perhaps in place."""
        if result is before:
            self.tracker.forget(result)
            self.padding.drop(result)
        else:
            self.tracker.origins.same(name, result, before)

    def normed(self, before: Tensor, result: Tensor) -> None:
        """Take note that an operator which torch takes apart was a norm."""
        self.tracker.forget(result)
        self.tracker.origins.same("rms_norm", result, before)

    def gradient(self, name: str, args: Any, result: Any, node: int) -> Counts | None:
        """Count a gradient of a contraction; that of a gate or a scale is elementwise, as it is.

        Each factor's is one product: so many elements as were summed, of a node that made them.
        """
        if name != "mul" or not all(isinstance(item, Tensor) for item in args[:2]):
            return None
        gradients, size = self.pending_gradients.get(node, (0, 0))
        if not gradients:
            return None
        self.pending_gradients[node] = gradients - 1, size
        macs = (
            min(size, result.numel()) * (1, 2, 4)[sum(item.dtype.is_complex for item in args[:2])]
        )
        return Counts(
            multiplications=macs,
            multiplications_valid=macs,
            by_hand=macs,
            activations=result.numel(),
        )


class _Facts(Facts):
    """The `Facts` of tensors."""

    def __init__(self, weights: Weights, recorder: Recorder) -> None:
        self._weights, self._recorder = weights, recorder

    def table(self) -> TensorMap[Any]:
        return TensorMap()

    def is_value(self, item: Any) -> bool:
        return isinstance(item, Tensor)

    def same(self, one: Any, other: Any) -> bool:
        return one is other

    def shape(self, value: Tensor) -> tuple[int, ...]:
        return tuple(value.shape)

    def number(self, size: Any) -> int:
        return int(size)

    def tensor(self, value: Tensor) -> Tensor:
        return value

    def expanded(self, value: Tensor) -> tuple[bool, ...]:
        if value.layout is not torch.strided or value.is_contiguous():
            return (False,) * value.ndim
        return super().expanded(value)

    def constant(self, value: Tensor) -> bool:
        return value in self._weights

    def learned(self, value: Tensor) -> bool:
        return self._weights.learned(value)

    def what(self, factors: tuple[Tensor, Tensor], result: Tensor) -> Multiplied:
        prepares = all(map(self.constant, factors)) and (
            "parametrizations" in self._recorder.path or self.prepares(factors)
        )
        return Multiplied(
            self._recorder.path,
            next_node() - 1,
            0 if prepares else sum(item.requires_grad for item in factors),
            prepares,
            result.element_size(),
        )


def elements(result: Any) -> int:
    """Return how many elements an operator made, without what it gives beside them."""
    if isinstance(result, list | tuple) and result:
        result = result[0]
    return int(result.numel()) if isinstance(result, Tensor) else 0
