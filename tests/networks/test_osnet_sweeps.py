"""OSNet's plan in arrays and in symbols equals the plan in integers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy

from convbench.core.costs import Cost, path_reach
from convbench.networks.osnet import OSNet

COUNTS = (
    "multiplications",
    "multiplications_valid",
    "additions",
    "parameters",
    "elementwise",
    "reads",
    "writes",
    "activations",
)


def test_arrays_of_sizes_equal_integers() -> None:
    """One plan over 300 resolutions gives what 300 plans give.

    With one block a stage, which has every kind of step there is, in half the time.
    """
    network = OSNet(blocks=(1, 1, 1))
    heights, widths = np.random.default_rng(7).integers(13, 400, (2, 300))
    sweep = network.cost(2, (heights, widths))
    for index, size in enumerate(zip(heights.tolist(), widths.tolist(), strict=True)):
        single = network.cost(2, size)
        for count in (*COUNTS, "peak_live"):
            swept = np.broadcast_to(getattr(sweep, count), heights.shape)[index]
            assert swept == getattr(single, count), (size, count)


def test_arrays_of_widths_and_batches_equal_integers() -> None:
    """The width and the batch sweep too, fractions or exact floats."""
    batches = np.array([1, 2, 3, 4])
    for widths in ([0.25, 0.5, 0.75, 1.0], [Fraction(n, 4) for n in (1, 2, 3, 4)]):
        sweep = OSNet(width=np.array(widths), num_classes=10).cost(batches, (97, 55))
        for index, width in enumerate(widths):
            single = OSNet(width=width, num_classes=10).cost(index + 1, (97, 55))
            for count in (*COUNTS, "peak_live"):
                assert getattr(sweep, count)[index] == getattr(single, count), (width, count)


def positive(*names: str) -> tuple[sympy.Symbol, ...]:
    """Return positive integer symbols."""
    return tuple(sympy.Symbol(name, integer=True, positive=True) for name in names)


@pytest.mark.parametrize("knobs", [{}, {"full_conv": True}, {"instance_norm": True}], ids=str)
def test_symbols_equal_integers(knobs: dict[str, bool]) -> None:
    """The formula in batch, height, width of the image and width of the network is the plan's."""
    batch, height, width = positive("B", "H", "W")
    share = sympy.Symbol("w", positive=True)
    steps = OSNet(width=share, **knobs).plan(batch, (height, width))
    whole = sum((step.cost for step in steps), start=Cost())
    assert tuple(high - low + 1 for low, high, _ in path_reach(steps)) == (471, 471)
    for b, h, w, q in [(1, 256, 128, 1), (3, 97, 55, Fraction(1, 4)), (2, 13, 14, Fraction(3, 4))]:
        values = {batch: b, height: h, width: w, share: sympy.Rational(q)}
        numbers = {symbol: sympy.sympify(value) for symbol, value in values.items()}
        single = OSNet(width=q, **knobs).cost(b, (h, w))
        for count in COUNTS:
            assert getattr(whole, count).xreplace(numbers) == getattr(single, count), count


def by_hand(batch: sympy.Expr, height: sympy.Expr, width: sympy.Expr) -> sympy.Expr:
    """Return x1_0's multiplications, written from the paper's Table 1.

    A block in→out with m = out/4 does in·m + 10·(m² + 9·m) + m·out at every position, in·out more
    where it widens, and 4·2·m·(m/16) once an image.
    """
    half = [sympy.ceiling(length / 2) for length in (height, width)]
    quarter = [sympy.ceiling(length / 2) for length in half]
    eighth = [sympy.floor(length / 2) for length in quarter]
    sixteenth = [sympy.floor(length / 2) for length in eighth]
    positions = [math.prod(size, start=sympy.Integer(1)) for size in (quarter, eighth, sixteenth)]
    result = 64 * 147 * half[0] * half[1]
    for before, out, place in zip((64, 256, 384), (256, 384, 512), positions, strict=True):
        m = out // 4
        first = before * m + 10 * (m * m + 9 * m) + m * out + before * out
        second = out * m + 10 * (m * m + 9 * m) + m * out
        # conv2 and conv3 end in a transition of out² and conv4 is followed by conv5, 512² as well
        result += place * (first + second + out * out) + 2 * 8 * m * (m // 16)
    return batch * (result + 512 * 512)


def test_formula_equals_the_one_by_hand() -> None:
    """The symbolic multiplications are B·(64·147·⌈H/2⌉·⌈W/2⌉ + …), at any size."""
    symbols = positive("B", "H", "W")
    steps = OSNet().plan(symbols[0], symbols[1:])
    derived = sum(step.cost.multiplications for step in steps)
    written = by_hand(*symbols)
    for sizes in np.random.default_rng(3).integers(13, 600, (20, 3)).tolist():
        numbers = dict(zip(symbols, map(sympy.Integer, sizes), strict=True))
        assert derived.xreplace(numbers) == written.xreplace(numbers), sizes
        assert derived.xreplace(numbers) == OSNet().cost(sizes[0], tuple(sizes[1:])).multiplications
