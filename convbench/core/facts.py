"""Small facts about convolutions that `explain` computes and shows. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from convbench.core.arithmetic import Quantity

_SHADES: Final = " ░▒▓█"


def flipped_kernel_difference(size: int = 6, kernel: int = 3) -> float:
    """Return the largest difference between cross-correlation and convolution, kernel flipped.

    Both are computed from their definitions on a random size×size image, valid part only:
    correlation sums x[o+k]·w[k], convolution sums x[o+K-1-k]·w[k]. With w flipped they are equal.
    """
    import numpy as np

    draw = np.random.default_rng(0)
    image, taps = draw.normal(size=(size, size)), draw.normal(size=(kernel, kernel))
    outputs = size - kernel + 1
    spots = [(y, x) for y in range(outputs) for x in range(outputs)]
    steps = [(i, j) for i in range(kernel) for j in range(kernel)]
    last = kernel - 1
    flipped = taps[::-1, ::-1]
    correlation = [sum(image[y + i, x + j] * taps[i, j] for i, j in steps) for y, x in spots]
    convolution = [
        sum(image[y + last - i, x + last - j] * flipped[i, j] for i, j in steps) for y, x in spots
    ]
    return float(np.abs(np.subtract(correlation, convolution)).max())


def convolution_matrix(size: int, kernel: int, stride: int = 1) -> list[list[str]]:
    """Return the matrix of a one-axis convolution without padding, taps named w0, w1, ….

    Shape: (outputs, size). A convolution is this matrix times the input; the transposed convolution
    is its transpose times the (small) output.
    """
    outputs = (size - kernel) // stride + 1
    return [
        [
            f"w{column - row * stride}" if 0 <= column - row * stride < kernel else "0"
            for column in range(size)
        ]
        for row in range(outputs)
    ]


def overlap_counts(size: int, kernel: int, scale: int, dilation: int = 1) -> list[int]:
    """Return how many products land on each output of one axis of a transposed convolution.

    Nothing is cropped. Away from the ends the counts are even where the kernel is a multiple of the
    scale, and alternate where it is not: that is the checkerboard.
    """
    counts = [0] * ((size - 1) * scale + dilation * (kernel - 1) + 1)
    for position in range(size):
        for tap in range(kernel):
            counts[position * scale + tap * dilation] += 1
    return counts


def overlap_by_phase(kernel: int, scale: int, dilation: int = 1) -> list[int]:
    """Return how many products land on an output far from the border, for each place in the scale.

    Output o gets those taps k whose k·dilation leaves the remainder of o when divided by the scale.
    """
    counts = [0] * scale
    for tap in range(kernel):
        counts[tap * dilation % scale] += 1
    return counts


def overlap_picture(counts: Sequence[int]) -> list[str]:
    """Draw the overlap of two equal axes as shades, one line for each row, two signs a cell."""
    top = max(counts) ** 2
    return [
        "".join(_SHADES[round(a * b / top * (len(_SHADES) - 1))] * 2 for b in counts)
        for a in counts
    ]


def matrix_lines(matrix: list[list[str]]) -> list[str]:
    """Write a matrix as aligned lines."""
    width = max(len(cell) for row in matrix for cell in row)
    return ["[ " + " ".join(cell.rjust(width) for cell in row) + " ]" for row in matrix]


def times(*factors: Quantity) -> str:
    """Write a shape or a product: 2 × 3."""
    return " × ".join(str(factor) for factor in factors)
