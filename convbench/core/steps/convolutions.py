"""Steps that multiply and accumulate: convolutions and matrix products."""

from __future__ import annotations

from dataclasses import dataclass, replace

from convbench.core.arithmetic import Quantity, ceil_div, exact, gcd, product, ratio
from convbench.core.costs import Cost, Reach, Step
from convbench.core.spec import Axis
from convbench.core.steps.elementwise import window


def _times(*factors: Quantity) -> str:
    return " · ".join(str(factor) for factor in factors)


@dataclass(frozen=True, kw_only=True)
class _Sliding(Step):
    """What a convolution and a transposed one have in common."""

    batch: Quantity
    in_channels: Quantity
    out_channels: Quantity
    axes: tuple[Axis, ...]
    groups: Quantity = 1
    bias: bool = False

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Input and output elements."""
        return self._elements

    @property
    def _elements(self) -> tuple[Quantity, Quantity]:
        return (
            product(self.batch, self.in_channels, *(axis.input for axis in self.axes)),
            product(self.batch, self.out_channels, *(axis.output for axis in self.axes)),
        )

    @property
    def _taps(self) -> Quantity:
        return product(*(axis.kernel for axis in self.axes))

    def _cost(self, macs: Quantity, valid: Quantity, weights: Quantity) -> Cost:
        """Return the cost of so many multiplications, valid ones and weights."""
        inputs, outputs = self._elements
        bias = self.out_channels if self.bias else 0
        return Cost(
            multiplications=macs,
            multiplications_valid=valid,
            additions=macs + (outputs if self.bias else 0),
            parameters=0 if self.shared else weights + bias,
            reads=inputs + weights + bias,
            writes=outputs,
            activations=outputs,
        )


@dataclass(frozen=True, kw_only=True)
class Conv(_Sliding):
    """A convolution of (batch, in_channels, *input) with groups, over its axes."""

    @property
    def cost(self) -> Cost:
        """B·N·(C/G)·|K|·|O| multiplications; N·(C/G)·|K| parameters."""
        inner = exact(self.in_channels, self.groups)
        weights = product(self.out_channels, inner, self._taps)
        pairs = product(*(axis.valid_taps for axis in self.axes))
        return self._cost(
            product(self.batch, *(axis.output for axis in self.axes), weights),
            product(self.batch, self.out_channels, inner, pairs),
            weights,
        )

    @property
    def reach(self) -> Reach:
        """The kernel's taps from the padding on, and the stride."""
        return tuple(window(axis) for axis in self.axes)

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

    @property
    def live(self) -> tuple[Quantity, Quantity]:
        """Input, the kernels of all samples, and output."""
        inputs, outputs = super().live
        return inputs + product(self.batch, super().cost.parameters), outputs


@dataclass(frozen=True, kw_only=True)
class ConvTranspose(_Sliding):
    """A transposed convolution; its axes hold (input, output, kernel, stride, dilation).

    `pad_low` of an axis is what PyTorch calls padding: outputs cropped at the low end.
    """

    @property
    def cost(self) -> Cost:
        """B·C·(N/G)·|K|·|I| multiplications, on the input positions."""
        inner = exact(self.out_channels, self.groups)
        pairs = product(*(self.scattered(axis).valid_taps for axis in self.axes))
        return self._cost(
            product(self._elements[0], inner, self._taps),
            product(self.batch, self.in_channels, inner, pairs),
            product(self.in_channels, inner, self._taps),
        )

    @staticmethod
    def scattered(axis: Axis) -> Axis:
        """Return the convolution of which `axis` is the transpose: output to input.

        A product of a transposed convolution is kept when its output is not cropped, which is when
        the same tap of that convolution does not lie on padding.
        """
        return replace(axis, input=axis.output, output=axis.input)

    @property
    def reach(self) -> Reach:
        """Inputs that one output can see, and 1/stride between outputs.

        Taps k whose k·dilation leaves the same remainder by the stride meet in one output: every
        stride/g-th, with g = gcd(stride, dilation), each dilation/g inputs from the last.
        """
        found = []
        for axis in self.axes:
            common = gcd(axis.stride, axis.dilation)
            meeting = ceil_div(axis.kernel, axis.stride // common)
            extent = (meeting - 1) * (axis.dilation // common)
            found.append((0, extent, ratio(1, axis.stride)))
        return tuple(found)

    @property
    def formula(self) -> str:
        """B · N/G · C · taps · input positions, with the numbers filled in."""
        return _times(
            self.batch,
            exact(self.out_channels, self.groups),
            self.in_channels,
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
