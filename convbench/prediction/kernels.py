"""How the libraries cut convolutions and matrix products into pieces: what a piece costs differs.

Facts of oneDNN 3 (its direct convolution for AVX-512) and of the matrix products of MKL; on other
processors the terms made of them are left with small coefficients.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from convbench.prediction.operators import Operator

LANES: Final = 16
"""float32 numbers in a register of AVX-512, and in a block of oneDNN's blocked layouts."""
ROW: Final = 28
"""Outputs along a row that a kernel of oneDNN has in registers at once, at most."""
_REGISTERS: Final = 31
_MOST_BLOCKS: Final = 5
_L1_BYTES: Final = 32 << 10
_WIDE_KERNEL: Final = 3
"""Columns of a kernel beyond which inputs are always read as operands of multiplications."""
_FEW: Final = {"outputs": 192, "rows": 10, "batch": 16, "narrow outputs": 96, "narrow row": 147}
"""Sizes up to which oneDNN takes the embedded form with a stride, and for one image."""
_APART: Final = ((13, 192), (28, 512))
"""Rows of so many outputs, with so many input channels or more: exceptions of oneDNN."""


def up(number: int, multiple: int = LANES) -> int:
    """Return the least multiple that is not below a number."""
    return -(-number // multiple) * multiple


class Direct(NamedTuple):
    """How a direct kernel holds its outputs in registers.

    Attributes:
        blocks: of 16 output channels at once (1 where embedded, though oneDNN takes 2 for some
            rows of at most 8: as many multiplications and loads).
        row: outputs of a row at once.
        embedded: whether inputs are read as operands of multiplications (broadcast from memory),
            or each is loaded into a register for all blocks.

    """

    blocks: int
    row: int
    embedded: bool


def direct(op: Operator, inner: int, outer: int) -> Direct:
    """Return what oneDNN's direct kernel with channels first takes (`init_conf` of its source).

    inner, outer: input and output channels of a group.
    """
    x, w, y = op.inputs[0], op.inputs[1], op.outputs[0]
    high, wide = math.prod(w.shape[2:-1]), w.shape[-1]
    width, batch, stride = y.shape[-1], x.shape[0], op.convolution[0]
    blocks = up(outer) // LANES
    read = -(-x.shape[-1] // stride[-1]) * LANES * high
    held = 4 * (read + 2 * width * LANES + 2 * high * wide * LANES**2)
    fits = (
        wide == _WIDE_KERNEL
        and width <= ROW
        and held < _L1_BYTES
        and not any(width == at and inner >= many for at, many in _APART)
    )
    if max(stride) > 1:
        few = outer <= _FEW["outputs"] or y.shape[2] <= _FEW["rows"]
        fits = fits and batch <= _FEW["batch"] and few
    alone = batch == 1 and (
        width <= ROW
        or inner < LANES
        or (width <= _FEW["narrow row"] and outer <= _FEW["narrow outputs"])
    )
    if wide > _WIDE_KERNEL or fits or alone:
        return Direct(1, min(width, ROW), embedded=True)
    blocks = next(n for n in range(_MOST_BLOCKS, 0, -1) if blocks % n == 0)
    return Direct(blocks, min(width, _REGISTERS // (blocks + 1)), embedded=False)


def remainders(**sides: int) -> dict[str, float]:
    """Return, of each side of a matrix product, what its last pieces are, as a share of the side.

    A side is cut into pieces of 16, and the rest into pieces of 8, 4, 2 and 1, each of which takes
    about as long; a side of less than 16 has no piece of 16 to hide it behind.
    """
    return {
        f"{piece} of {name}": number / side
        for name, side in sides.items()
        if side > 1
        for piece, number in (
            ("rest", (side % LANES).bit_count()), ("less than a block", side < LANES),
        )
    }  # fmt: skip
