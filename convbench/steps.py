"""The primitive steps that plans are made of. Each knows its cost, under the rules of `costs`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from convbench.arithmetic import Quantity, exact, maximum, product, ratio
from convbench.costs import Cost, Reach, Step, path_reach, peak_live
from convbench.spec import Axis

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


def _times(*factors: Quantity) -> str:
    return " · ".join(str(factor) for factor in factors)


@dataclass(frozen=True, kw_only=True)
class Conv(Step):
    """A convolution of (batch, in_channels, *input) with groups, over its axes."""

    batch: Quantity
    in_channels: Quantity
    out_channels: Quantity
    axes: tuple[Axis, ...]
    groups: Quantity = 1
    bias: bool = False

    @property
    def _taps(self) -> Quantity:
        return product(*(axis.kernel for axis in self.axes))

    @property
    def _positions(self) -> Quantity:
        return product(*(axis.output for axis in self.axes))

    @property
    def cost(self) -> Cost:
        """B·N·(C/G)·|K|·|O| multiplications; N·(C/G)·|K| parameters."""
        inner = exact(self.in_channels, self.groups)
        outputs = product(self.batch, self.out_channels, self._positions)
        weights = product(self.out_channels, inner, self._taps)
        bias = self.out_channels if self.bias else 0
        pairs = product(*(axis.valid_taps for axis in self.axes))
        macs = product(self.batch, self._positions, weights)
        inputs = product(self.batch, self.in_channels, *(axis.input for axis in self.axes))
        return Cost(
            multiplications=macs,
            multiplications_valid=product(self.batch, self.out_channels, inner, pairs),
            additions=macs + (outputs if self.bias else 0),
            parameters=0 if self.shared else weights + bias,
            reads=inputs + weights + bias,
            writes=outputs,
            activations=outputs,
        )

    @property
    def reach(self) -> Reach:
        """The kernel's reach and the stride."""
        return tuple((axis.reach, axis.stride) for axis in self.axes)

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Input and output elements."""
        inputs = product(self.batch, self.in_channels, *(axis.input for axis in self.axes))
        return inputs, product(self.batch, self.out_channels, self._positions)

    @property
    def formula(self) -> str:
        """B · N · C/G · taps · positions, with the numbers filled in."""
        return _times(
            self.batch,
            self.out_channels,
            exact(self.in_channels, self.groups),
            *(axis.kernel for axis in self.axes),
            *(axis.output for axis in self.axes),
        )


@dataclass(frozen=True, kw_only=True)
class MixedConv(Conv):
    """A convolution that gets a kernel of its own for each sample, from a step before it."""

    @property
    def cost(self) -> Cost:
        """Like a convolution, but no parameters, and a kernel to read for each sample."""
        once = super().cost
        again = product(self.batch - 1, once.parameters)
        return replace(once, parameters=0, reads=once.reads + again)


@dataclass(frozen=True, kw_only=True)
class ConvTranspose(Step):
    """A transposed convolution; its axes hold (input, output, kernel, stride, dilation).

    `pad_low` of an axis is what PyTorch calls padding: outputs cropped at the low end.
    """

    batch: Quantity
    in_channels: Quantity
    out_channels: Quantity
    axes: tuple[Axis, ...]
    groups: Quantity = 1
    bias: bool = False

    @property
    def cost(self) -> Cost:
        """B·C·(N/G)·|K|·|I| multiplications, on the input positions."""
        inner = exact(self.out_channels, self.groups)
        taps = product(*(axis.kernel for axis in self.axes))
        inputs = product(self.batch, self.in_channels, *(axis.input for axis in self.axes))
        outputs = product(self.batch, self.out_channels, *(axis.output for axis in self.axes))
        weights = product(self.in_channels, inner, taps)
        bias = self.out_channels if self.bias else 0
        pairs = product(*(self.scattered(axis).valid_taps for axis in self.axes))
        macs = product(inputs, inner, taps)
        return Cost(
            multiplications=macs,
            multiplications_valid=product(self.batch, self.in_channels, inner, pairs),
            additions=macs + (outputs if self.bias else 0),
            parameters=0 if self.shared else weights + bias,
            reads=inputs + weights + bias,
            writes=outputs,
            activations=outputs,
        )

    @staticmethod
    def scattered(axis: Axis) -> Axis:
        """Return the convolution of which `axis` is the transpose: output to input.

        A product of a transposed convolution is kept when its output is not cropped, which is when
        the same tap of that convolution does not lie on padding.
        """
        return Axis(
            input=axis.output,
            output=axis.input,
            kernel=axis.kernel,
            stride=axis.stride,
            dilation=axis.dilation,
            pad_low=axis.pad_low,
            pad_high=axis.pad_high,
        )

    @property
    def reach(self) -> Reach:
        """Inputs that one output can see, and 1/stride between outputs."""
        return tuple(
            ((axis.reach - 1) // axis.stride + 1, ratio(1, axis.stride)) for axis in self.axes
        )

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Input and output elements."""
        return (
            product(self.batch, self.in_channels, *(axis.input for axis in self.axes)),
            product(self.batch, self.out_channels, *(axis.output for axis in self.axes)),
        )

    @property
    def formula(self) -> str:
        """B · C · N/G · taps · input positions, with the numbers filled in."""
        return _times(
            self.batch,
            self.in_channels,
            exact(self.out_channels, self.groups),
            *(axis.kernel for axis in self.axes),
            *(axis.input for axis in self.axes),
        )


@dataclass(frozen=True, kw_only=True)
class Linear(Step):
    """A matrix product of (rows, in_features) with a weight (in_features, out_features).

    rows=0: weights that exist and are not used in this pass (a classifier in evaluation).
    """

    rows: Quantity
    in_features: Quantity
    out_features: Quantity
    bias: bool = False

    @property
    def cost(self) -> Cost:
        """rows·in·out multiplications; in·out parameters."""
        macs = product(self.rows, self.in_features, self.out_features)
        outputs = product(self.rows, self.out_features)
        matrix = product(self.in_features, self.out_features)
        bias = self.out_features if self.bias else 0
        held = 0 if self.shared else matrix + bias
        used = 0 if isinstance(self.rows, int) and self.rows == 0 else matrix + bias
        return Cost(
            multiplications=macs,
            multiplications_valid=macs,
            additions=macs + (outputs if self.bias else 0),
            parameters=held,
            reads=product(self.rows, self.in_features) + used,
            writes=outputs,
            activations=outputs,
        )

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Input and output elements."""
        return product(self.rows, self.in_features), product(self.rows, self.out_features)

    @property
    def formula(self) -> str:
        """Rows · in · out, with the numbers filled in."""
        return _times(self.rows, self.in_features, self.out_features)


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
        return tuple((axis.reach, axis.stride) for axis in self.axes)

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
        sees = 1 if self.mode == "nearest" else 2
        return tuple((sees, ratio(1, self.scale)) for _ in self.size)

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
        """Input and output elements."""
        elements = product(self.batch, self.channels, *self.size)
        return elements, elements


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
        return tuple((1, ratio(1, self.spread)) for _ in range(self.dims)) if self.dims else None


@dataclass(frozen=True, kw_only=True)
class Branches(Step):
    """Sequences of steps that all read the same input."""

    paths: tuple[tuple[Step, ...], ...]

    @property
    def cost(self) -> Cost:
        """The sum of all paths."""
        return sum((step.cost for path in self.paths for step in path), start=Cost())

    @property
    def reach(self) -> Reach | None:
        """The farthest path's reach; every path has the same stride."""
        reaches = [found for path in self.paths if (found := path_reach(path))]
        if not reaches:
            return None
        farthest = reaches[0]
        for other in reaches[1:]:
            farthest = tuple(
                (maximum(a, b), jump) for (a, jump), (b, _) in zip(farthest, other, strict=True)
            )
        return farthest

    @property
    def formula(self) -> str:
        """The paths' formulas, added."""
        return " + ".join(step.formula for path in self.paths for step in path if step.formula)

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Input of the paths, and the largest that they hold beside it."""
        entered = [path for path in self.paths if path]
        if not entered:
            return 0, 0
        inputs = entered[0][0].live[0]
        held: Quantity = 0
        peak: Quantity = 0
        for path in entered:
            peak = maximum(peak, held + maximum(peak_live(path) - inputs, path[-1].live[1]))
            held = held + path[-1].live[1]
        return inputs, peak


def flatten(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Lay the paths of branches one after another, for listing and drawing."""
    flat: list[Step] = []
    for step in steps:
        if isinstance(step, Branches):
            for path in step.paths:
                flat.extend(flatten(path))
        else:
            flat.append(step)
    return tuple(flat)
