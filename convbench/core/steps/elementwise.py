"""Steps that multiply and accumulate nothing: elementwise work, pooling, resizing, moving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from convbench.core.arithmetic import Quantity, product, ratio
from convbench.core.costs import Cost, Reach, Step
from convbench.core.spec import Axis

ELEMENTWISE: Final[dict[str, tuple[int, int, int]]] = {
    # name: (operations for each output element, tensors read, parameters for each channel)
    "batch_norm": (2, 1, 2),
    "instance_norm": (2, 1, 2),
    "relu": (1, 1, 0),
    "relu6": (1, 1, 0),
    "sigmoid": (1, 1, 0),
    "softmax": (3, 1, 0),
    "add": (1, 2, 0),
    "multiply": (1, 2, 0),
}
"""batch_norm at inference is one multiplication and one addition with folded statistics; softmax is
an exponential, an addition and a division."""


def window(axis: Axis) -> tuple[Quantity, Quantity, Quantity]:
    """Return the reach of a window along an axis: first and last element, and stride."""
    return -axis.pad_low, axis.reach - 1 - axis.pad_low, axis.stride


@dataclass(frozen=True, kw_only=True)
class Pool(Step):
    """Average or maximum over a window; elementwise: one operation for each element it reads."""

    batch: Quantity
    channels: Quantity
    axes: tuple[Axis, ...]

    @property
    def cost(self) -> Cost:
        """batch·channels·|K|·|O| elementwise operations."""
        inputs, outputs = self.live
        taps = product(*(axis.kernel for axis in self.axes))
        return Cost(elementwise=product(outputs, taps), reads=inputs, writes=outputs)

    @property
    def reach(self) -> Reach:
        """The window and its stride."""
        return tuple(window(axis) for axis in self.axes)

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Input and output elements."""
        held = product(self.batch, self.channels)
        return (
            product(held, *(axis.input for axis in self.axes)),
            product(held, *(axis.output for axis in self.axes)),
        )


@dataclass(frozen=True, kw_only=True)
class GlobalPool(Step):
    """The average over all positions; elementwise: one operation for each element it reads.

    It feeds a gate or a classifier, which has no positions, so it leaves the receptive field of
    what has positions alone.
    """

    batch: Quantity
    channels: Quantity
    size: tuple[Quantity, ...]

    @property
    def cost(self) -> Cost:
        """One operation for each input element."""
        inputs, outputs = self.live
        return Cost(elementwise=inputs, reads=inputs, writes=outputs)

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Input and output elements."""
        held = product(self.batch, self.channels)
        return product(held, *self.size), held


@dataclass(frozen=True, kw_only=True)
class Resize(Step):
    """Enlarge every axis by `scale`, by copying (nearest) or by linear interpolation.

    Elementwise: nothing for a copy; for linear, 2**dims products and their sums for each output.
    """

    batch: Quantity
    channels: Quantity
    size: tuple[Quantity, ...]
    scale: Quantity
    mode: str = "nearest"

    @property
    def cost(self) -> Cost:
        """Elementwise operations of the interpolation."""
        inputs, outputs = self.live
        work = 0 if self.mode == "nearest" else 2 * 2 ** len(self.size) - 1
        return Cost(elementwise=outputs * work, reads=inputs, writes=outputs)

    @property
    def reach(self) -> Reach:
        """One input element, two with interpolation; 1/scale between outputs."""
        same = isinstance(self.scale, int) and self.scale == 1
        last = 0 if self.mode == "nearest" or same else 1
        return tuple((0, last, ratio(1, self.scale)) for _ in self.size)

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Input and output elements."""
        inputs = product(self.batch, self.channels, *self.size)
        return inputs, product(inputs, *(self.scale for _ in self.size))


@dataclass(frozen=True, kw_only=True)
class Elementwise(Step):
    """One operation of ELEMENTWISE on (batch, channels, *size)."""

    operation: str
    batch: Quantity
    channels: Quantity
    size: tuple[Quantity, ...] = ()
    times: Quantity = 1
    """1, or 0 where the slot does without the operation (an identity that does not fit)."""

    @property
    def cost(self) -> Cost:
        """Elementwise operations, and the parameters of a normalisation."""
        work, tensors, parameters = ELEMENTWISE[self.operation]
        elements = product(self.batch, self.channels, *self.size, self.times)
        held = parameters * self.channels
        return Cost(
            elementwise=elements * work,
            parameters=0 if self.shared else held,
            reads=elements * tensors + held,
            writes=elements,
        )

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Elements of all inputs, and of the output."""
        elements = product(self.batch, self.channels, *self.size, self.times)
        return elements * ELEMENTWISE[self.operation][1], elements


@dataclass(frozen=True, kw_only=True)
class Gating(Elementwise):
    """The product of (batch, channels, *size) with one number for each channel of each image."""

    operation: str = "multiply"

    @property
    def cost(self) -> Cost:
        """One operation for each element; the numbers are read once, not once a position."""
        elements = product(self.batch, self.channels, *self.size, self.times)
        gates = product(self.batch, self.channels, self.times)
        return Cost(elementwise=elements, reads=elements + gates, writes=elements)

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Elements of the input and its gates, and of the output."""
        elements = product(self.batch, self.channels, *self.size, self.times)
        return elements + product(self.batch, self.channels, self.times), elements


@dataclass(frozen=True, kw_only=True)
class Move(Step):
    """Elements change places and nothing is computed: shuffle, concatenation, copy of a part."""

    elements: Quantity
    spread: Quantity = 1
    """Factor by which positions multiply on each axis of `dims` (a pixel shuffle)."""
    dims: int = 0

    @property
    def cost(self) -> Cost:
        """Every element is read and written once."""
        return Cost(reads=self.elements, writes=self.elements)

    @property
    def reach(self) -> Reach | None:
        """1/spread between outputs, for a pixel shuffle."""
        if not self.dims:
            return None
        return tuple((0, 0, ratio(1, self.spread)) for _ in range(self.dims))
