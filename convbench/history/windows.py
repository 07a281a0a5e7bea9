"""Stretches of runs to look for a change in, and where each may be split."""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_FEWEST: Final = 3
"""Two runs alone have nothing to confirm which of them is usual; three are the least, if there are
three."""


@cache
def windows(runs: int) -> NDArray[np.int64]:
    """Return rows (first, split, end) of runs: [first, split) is compared with [split, end).

    The stretches are seeded intervals: of every length runs / sqrt(2)^j, evenly laid so that they
    overlap (Kovács and others, Seeded binary segmentation, 2023, definition 1, decay 1/sqrt(2)).
    A long one sees a small change that lasts, a short one a change that was taken back, which the
    long one misses. Their number grows with runs · log(runs), so that many comparisons cost little.
    """
    stretches: dict[tuple[int, int], None] = {}
    shrink, step = 1.0, 0
    while runs > 1:
        length = max(min(_FEWEST, runs), runs * shrink)
        number = 2 * math.ceil(2 ** (step / 2) - 1e-9) - 1
        for index in range(number):
            first = index * (runs - length) / max(1, number - 1)
            stretches[math.floor(first + 1e-9), math.ceil(first + length - 1e-9)] = None
        if length <= min(_FEWEST, runs):
            break
        step += 1
        shrink /= math.sqrt(2)
    rows = [(first, split, end) for first, end in stretches for split in range(first + 1, end)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)
