"""What one operator costs: the counting rules of `costs`, applied to shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from math import prod
from typing import Final

from convbench.core.costs import FIELDS, Cost
from convbench.core.spec import Axis
from convbench.core.steps import Conv, ConvTranspose

COMPLEX_PRODUCT: Final = 4
"""Real multiplications in the product of two complex numbers."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Costs of operators, kept apart by kind. `a + b` adds.

    bias: additions of a bias. normalisation, elementwise: operations. reads, writes: elements.
    bytes_read, bytes_written: the same in bytes of their data types. preparation: multiplications
    done on weights alone (weight standardisation and the like), which do not depend on the input.
    by_hand: those of the multiplications that are elementwise products which the model sums itself.
    transforms: operations of Fourier transforms, 5·N·log2 N, apart from all others.

    Of a single call, bytes_read is what its reads take beyond the data type of its result.
    """

    multiplications: int = 0
    multiplications_valid: int = 0
    bias: int = 0
    normalisation: int = 0
    elementwise: int = 0
    activations: int = 0
    reads: int = 0
    writes: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    preparation: int = 0
    by_hand: int = 0
    transforms: int = 0

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Counts:
        """Return counts of these numbers, in the order of the fields; without checks, and fast."""
        made = object.__new__(cls)
        vars(made).update(zip(NAMES, numbers, strict=True))
        return made

    @property
    def additions(self) -> int:
        """One for each multiplication, and those of a bias."""
        return self.multiplications + self.bias

    @property
    def bytes_moved(self) -> int:
        """Bytes read and bytes written."""
        return self.bytes_read + self.bytes_written

    @property
    def intensity(self) -> float:
        """Arithmetic intensity: 2 operations a MAC, for each byte moved at least."""
        return 2 * self.multiplications / self.bytes_moved if self.bytes_moved else 0.0

    def __add__(self, other: Counts) -> Counts:
        """Add field by field."""
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in NAMES})

    def times(self, factor: int) -> Counts:
        """Return the counts of `factor` such operators."""
        return Counts(**{name: getattr(self, name) * factor for name in NAMES})

    def cost(self, parameters: int) -> Cost:
        """Return the Cost, with the parameters of whatever this is the counts of."""
        apart = {
            "additions": self.additions,
            "parameters": parameters,
            "elementwise": self.normalisation + self.elementwise,
        }
        return Cost(**{**{name: getattr(self, name) for name in _SHARED}, **apart})


NAMES: Final = tuple(item.name for item in fields(Counts))
_SHARED: Final = tuple(name for name in FIELDS if name in NAMES)
Shape = tuple[int, ...]


@lru_cache(maxsize=65536)
def convolution(
    inputs: Shape,
    weight: Shape,
    outputs: Shape,
    stride: Shape,
    pads: tuple[tuple[int, int], ...],
    dilation: Shape,
    groups: int,
    *,
    transposed: bool = False,
    bias: bool = False,
    complex_numbers: bool = False,
) -> Counts:
    """Count a convolution of (batch, channels, *size) from its shapes.

    weight: (out, in/groups, *taps), transposed (in, out/groups, *taps). pads: (low, high) for each
    axis; for a transposed convolution what is cropped at the low end.
    """
    axes = tuple(
        Axis(input=i, output=o, kernel=k, stride=s, dilation=d, pad_low=low, pad_high=high)
        for i, o, k, s, d, (low, high) in zip(
            inputs[2:], outputs[2:], weight[2:], stride, dilation, pads, strict=True
        )
    )
    step = (ConvTranspose if transposed else Conv)(
        batch=inputs[0],
        in_channels=inputs[1],
        out_channels=outputs[1],
        axes=axes,
        groups=groups,
        bias=bias,
    )
    cost = step.cost
    times = COMPLEX_PRODUCT if complex_numbers else 1
    return Counts(
        multiplications=cost.multiplications * times,
        multiplications_valid=cost.multiplications_valid * times,
        bias=cost.additions - cost.multiplications,
        activations=cost.activations,
        reads=cost.reads,
        writes=cost.writes,
    )


@lru_cache(maxsize=65536)
def matrix_product(
    batch: int,
    rows: int,
    inner: int,
    columns: int,
    *,
    bias: bool = False,
    complex_numbers: bool = False,
) -> Counts:
    """Count `batch` products of (rows, inner) with (inner, columns)."""
    macs = batch * rows * inner * columns * (COMPLEX_PRODUCT if complex_numbers else 1)
    outputs = batch * rows * columns
    return Counts(
        multiplications=macs,
        multiplications_valid=macs,
        bias=outputs if bias else 0,
        activations=outputs,
        reads=batch * inner * (rows + columns) + (columns if bias else 0),
        writes=outputs,
    )


def linear(
    shape: Sequence[int], weight: Sequence[int], *, bias: bool, complex_numbers: bool
) -> Counts:
    """Count (*rows, in) times a weight (out, in), which is read once."""
    rows, inner, columns = prod(shape[:-1]), weight[1], weight[0]
    return matrix_product(1, rows, inner, columns, bias=bias, complex_numbers=complex_numbers)
