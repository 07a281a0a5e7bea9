"""ConvSpec: the slot in a network that a convolution fills, and the arithmetic of its shapes."""

from __future__ import annotations

import operator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Final, Self

from convbench.core import slot_names
from convbench.core.arithmetic import (
    Quantity,
    at_least,
    ceil_div,
    holds,
    is_array,
    is_symbolic,
    maximum,
    minimum,
    product,
    sum_of_floors,
)
from convbench.core.errors import SpecError, quoted
from convbench.core.serialization import Stored

MAX_DIMS: Final = 3
PER_AXIS: Final = ("input_size", "kernel_size", "stride", "padding", "dilation")
"""Fields of a slot with a number for each spatial axis."""
_TOO_LARGE: Final = 2**63


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One spatial axis of a convolution: sizes in elements, padding before and after.

    `output` positions are computed from the rest by `over`; a plan with its own idea of the output
    (a formula, whose output size is a symbol) sets it.
    """

    input: Quantity
    output: Quantity
    kernel: Quantity = 1
    stride: Quantity = 1
    dilation: Quantity = 1
    pad_low: Quantity = 0
    pad_high: Quantity = 0

    @classmethod
    def over(
        cls,
        size: Quantity,
        *,
        kernel: Quantity = 1,
        stride: Quantity = 1,
        dilation: Quantity = 1,
        pad_low: Quantity = 0,
        pad_high: Quantity = 0,
    ) -> Axis:
        """Lay an axis over `size` elements; the output size follows."""
        room = size + pad_low + pad_high - dilation * (kernel - 1) - 1
        return cls(
            input=size,
            output=room // stride + 1,
            kernel=kernel,
            stride=stride,
            dilation=dilation,
            pad_low=pad_low,
            pad_high=pad_high,
        )

    @classmethod
    def same(
        cls, size: Quantity, *, kernel: Quantity, stride: Quantity = 1, dilation: Quantity = 1
    ) -> Axis:
        """Lay an axis whose output is ceil(size / stride); an odd pixel of padding goes last."""
        output = ceil_div(size, stride)
        total = maximum((output - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
        return cls(
            input=size,
            output=output,
            kernel=kernel,
            stride=stride,
            dilation=dilation,
            pad_low=total // 2,
            pad_high=total - total // 2,
        )

    @property
    def reach(self) -> Quantity:
        """Elements from the first tap to the last: dilation * (kernel - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    def pointwise_input(self) -> Axis:
        """Return the axis of a 1×1 convolution that keeps this axis's input size."""
        return Axis(input=self.input, output=self.input)

    def pointwise_output(self) -> Axis:
        """Return the axis of a 1×1 convolution that keeps this axis's output size."""
        return Axis(input=self.output, output=self.output)

    def subsampled(self) -> Axis:
        """Return the axis of a 1×1 convolution that goes straight from input to output size."""
        return Axis(input=self.input, output=self.output, stride=self.stride)

    @property
    def valid_taps(self) -> Quantity:
        """Count the (output, tap) pairs whose tap lies on the input and not on the padding.

        Tap k of output o reads position o*stride + k*dilation - pad_low. For every tap the outputs
        that read a real element are an interval, so its length is counted, not its members.
        """
        if _is_zero(self.pad_low) and _is_zero(self.pad_high):
            return self.output * self.kernel
        sizes = (self.input, self.output, self.kernel, self.stride, self.dilation, self.pad_low)
        if all(isinstance(size, int) for size in sizes):
            return self._reads_up_to(self.pad_low + self.input - 1) - self._reads_up_to(
                self.pad_low - 1
            )
        if isinstance(self.kernel, int):
            return sum((self._valid_outputs(tap) for tap in range(self.kernel)), start=0)
        if is_symbolic(self.kernel):
            import sympy

            tap = sympy.Symbol("k", integer=True, nonnegative=True)
            return sympy.Sum(self._valid_outputs(tap), (tap, 0, self.kernel - 1))
        total = self.output * 0
        for tap in range(int(self.kernel.max())):
            total = total + self._valid_outputs(tap) * (tap < self.kernel)
        return total

    def _reads_up_to(self, last: Quantity) -> Quantity:
        """Count the pairs with o*stride + k*dilation <= last, for plain integers of any size."""
        taps = max(0, min(self.kernel, last // self.dilation + 1))  # what any output reads in reach
        whole = (last - (self.output - 1) * self.stride) // self.dilation + 1
        whole = max(0, min(whole, taps))  # what every output reads in reach
        rest = taps - whole
        least = last - (taps - 1) * self.dilation
        inside = sum_of_floors(rest, self.dilation, least, self.stride)
        return int(self.output * whole + rest + inside)

    def _valid_outputs(self, tap: Quantity) -> Quantity:
        shift = self.pad_low - tap * self.dilation
        first = maximum(ceil_div(shift, self.stride), 0)
        last = minimum((self.input - 1 + shift) // self.stride, self.output - 1)
        return maximum(last - first + 1, 0)


@dataclass(frozen=True, kw_only=True)
class ConvSpec(Stored):
    """A slot: the shapes that a convolution maps between, and its kernel.

    in_channels: input channels C. out_channels: output channels N. input_size: (L,), (H, W) or
    (D, H, W) in elements. kernel_size, stride, dilation: one number for all axes, or one for each.
    padding: elements added at both ends of an axis, or 'same' (output = ceil(input / stride)).
    batch: images in one call. bias: whether every convolution in the slot has a bias. scale: None,
    or the upsampling factor of a slot for types that upsample; padding and dilation are then those
    of a transposed convolution, output = (input-1)*scale - 2*padding + dilation*(kernel-1) + 1, and
    'same' means output = input*scale.

    Every number may be an int, an integer NumPy array (a sweep) or a SymPy expression (a formula).
    Raises SpecError, naming the field, the value and the remedy, for a slot that cannot exist.
    """

    recurs: ClassVar[bool] = True

    in_channels: Quantity
    out_channels: Quantity
    input_size: tuple[Quantity, ...]
    kernel_size: tuple[Quantity, ...] | Quantity
    stride: tuple[Quantity, ...] | Quantity = 1
    padding: tuple[Quantity, ...] | Quantity | str = 0
    dilation: tuple[Quantity, ...] | Quantity = 1
    batch: Quantity = 1
    bias: bool = False
    scale: Quantity | None = None

    def __post_init__(self) -> None:
        """Broadcast scalars over the axes and check every field."""
        sizes = self._numbers("input_size", self.input_size, None, low=1)
        if not 1 <= len(sizes) <= MAX_DIMS:
            raise SpecError(
                f"input_size={quoted(self.input_size)} has {len(sizes)} axes; a slot has 1 to "
                f"{MAX_DIMS}: give (L,), (H, W) or (D, H, W), without batch and channels."
            )
        dims = len(sizes)
        put = object.__setattr__
        put(self, "input_size", sizes)
        for name in ("in_channels", "out_channels", "batch"):
            put(self, name, whole(name, getattr(self, name), low=1))
        for name in ("kernel_size", "stride", "dilation"):
            put(self, name, self._numbers(name, getattr(self, name), dims, low=1))
        if isinstance(self.padding, str):
            if self.padding != "same":
                raise SpecError(
                    f"padding={quoted(self.padding)} is not known: give 'same', a number or one "
                    "for each axis (0 is what others call 'valid')."
                )
        else:
            put(self, "padding", self._numbers("padding", self.padding, dims, low=0))
        if not isinstance(self.bias, bool):
            raise SpecError(
                f"bias={quoted(self.bias)} is neither True nor False: give one of them."
            )
        if self.scale is not None:
            put(self, "scale", whole("scale", self.scale, low=1))
            if any(not is_symbolic(s) and not holds(s == 1) for s in self.stride):
                raise SpecError(
                    f"stride={self.stride!r} in a slot that upsamples (scale={self.scale}): "
                    "give scale alone, or stride alone."
                )
        self._check_output()

    def _numbers(self, name: str, value: Any, dims: int | None, low: int) -> tuple[Quantity, ...]:
        if dims is None and is_array(value) and value.ndim:
            raise SpecError(
                f"{name} is one array, which may mean one slot or many: give a tuple with one "
                "entry for each axis, of numbers or of arrays."
            )
        if isinstance(value, str):
            raise SpecError(
                f"{name}={quoted(value)} is text: give a number, or a tuple with one for each axis."
            )
        if isinstance(value, list | tuple):
            items = tuple(whole(name, item, low=low) for item in value)
        else:
            items = (whole(name, value, low=low),) * (dims or 1)
        if dims is not None and len(items) != dims:
            raise SpecError(
                f"{name}={quoted(value)} has {len(items)} values for {dims} spatial axes "
                f"(input_size={quoted(self.input_size)}): give one number, or one for each axis."
            )
        return items

    def _check_output(self) -> None:
        for index, axis in enumerate(self.axes):
            if holds(at_least(axis.output, 1)):
                continue
            if self.scale is not None:
                raise SpecError(
                    f"padding={self.padding!r} leaves {axis.output} output positions on axis "
                    f"{index} of a slot upsampled by {self.scale}: pad less, or use 'same'."
                )
            raise SpecError(
                f"kernel_size={self.kernel_size!r} reaches over {axis.reach} elements on axis "
                f"{index}, more than the {axis.input + axis.pad_low + axis.pad_high} there are "
                f"with padding={self.padding!r}: use a smaller kernel or dilation, more padding, "
                "or a larger input."
            )

    @property
    def dims(self) -> int:
        """Number of spatial axes: 1, 2 or 3."""
        return len(self.input_size)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """One Axis for each spatial dimension; in an upsampling slot, on the enlarged grid.

        There the axis is that of the stride-1 convolution over input*scale elements that gives the
        slot's output size: what a resize before the convolution leaves to do.
        """
        return tuple(self._axis(index) for index in range(self.dims))

    def _axis(self, index: int) -> Axis:
        size, kernel = self.input_size[index], self.kernel_size[index]
        stride, dilation = self.stride[index], self.dilation[index]
        if self.scale is not None:
            grid = size * self.scale
            if self.padding == "same":
                return Axis.same(grid, kernel=kernel, dilation=dilation)
            reach = dilation * (kernel - 1)
            output = (size - 1) * self.scale - 2 * self.padding[index] + reach + 1
            total = output + reach - grid  # negative where the resized grid must be cropped
            return Axis(
                input=grid,
                output=output,
                kernel=kernel,
                dilation=dilation,
                pad_low=total // 2,
                pad_high=total - total // 2,
            )
        if self.padding == "same":
            return Axis.same(size, kernel=kernel, stride=stride, dilation=dilation)
        pad = self.padding[index]
        return Axis.over(
            size, kernel=kernel, stride=stride, dilation=dilation, pad_low=pad, pad_high=pad
        )

    @property
    def output_size(self) -> tuple[Quantity, ...]:
        """Output positions on every axis, |O| = their product."""
        return tuple(axis.output for axis in self.axes)

    @property
    def input_shape(self) -> tuple[Quantity, ...]:
        """Shape of the input tensor: (batch, in_channels, *input_size)."""
        return (self.batch, self.in_channels, *self.input_size)

    @property
    def output_shape(self) -> tuple[Quantity, ...]:
        """Shape of the output tensor: (batch, out_channels, *output_size)."""
        return (self.batch, self.out_channels, *self.output_size)

    @property
    def output_positions(self) -> Quantity:
        """|O|, the number of output positions of one image."""
        return product(*self.output_size)

    @property
    def input_positions(self) -> Quantity:
        """|I|, the number of input positions of one image."""
        return product(*self.input_size)

    def with_(self, **changes: Any) -> ConvSpec:
        """Return this slot with some fields changed, checked again."""
        return replace(self, **changes)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read what `to_json` wrote; SpecError for fields that do not exist."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise SpecError(
                f"A slot has no field {', '.join(unknown)}: it has {', '.join(sorted(known))}."
            )
        missing = [
            name
            for name in ("in_channels", "out_channels", "input_size", "kernel_size")
            if name not in data
        ]
        if missing:
            raise SpecError(f"A slot needs {', '.join(missing)}: give it.")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
        }
        return cls(**values)

    @property
    def label(self) -> str:
        """A short name of the slot, the same for equal slots: 64→128 k3 s2 @56×56 b1."""
        return slot_names.short(self)

    @property
    def title(self) -> str:
        """A name that needs no explanation: 64→128, 3×3, stride 2, 56×56, batch 1."""
        return slot_names.readable(self)


def _is_zero(value: Quantity) -> bool:
    return isinstance(value, int) and value == 0


def whole(name: str, value: Any, *, low: int) -> Quantity:
    """Return an int, an int64 array or a symbol; SpecError for anything else or below `low`."""
    if is_symbolic(value) and not value.is_Integer:
        return value
    if type(value).__module__.partition(".")[0] == "torch":
        raise SpecError(f"{name} is a torch {type(value).__name__}: give numbers, or a tuple.")
    if is_array(value) and value.ndim:
        import numpy as np

        if not np.issubdtype(value.dtype, np.integer):
            raise SpecError(f"{name} is an array of {value.dtype}: give integers.")
        if np.any(value < low):
            raise SpecError(f"{name} holds {value.min()}: every value must be at least {low}.")
        return value.astype(np.int64)
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise SpecError(
            f"{name}={quoted(value)} is not a whole number: give an integer of at least {low}."
        ) from None
    if number < low:
        raise SpecError(f"{name}={number} is too small: give at least {low}.")
    if number >= _TOO_LARGE:
        raise SpecError(f"{name} has {number.bit_length()} bits: give a number below 2**63.")
    return number
