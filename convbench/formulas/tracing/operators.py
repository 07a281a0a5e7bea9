"""How many multiplications an operator does, as products of the sizes of its tensors.

The rules are those of `costs`. One function for each kind of operator; each gets the shapes of the
tensor arguments, None where there is none, and of the output, and returns the sizes to multiply:
a list of products. An operator that is not here is zero by `counting.zero_cost`, or unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from convbench.counting.zero_cost import ATTENTION, DIRECT, PACKED


def convolution(shapes: Sequence[Any], output: Any) -> list[tuple[Any, ...]]:
    """B·N·|O| outputs times (C/G)·|K|: the weight is (N, C/G, *K)."""
    return [(*output, *shapes[1][1:])]


def transposed(shapes: Sequence[Any], output: Any) -> list[tuple[Any, ...]]:
    """B·C·|I| inputs times (N/G)·|K|: the weight is (C, N/G, *K)."""
    del output
    return [(*shapes[0], *shapes[1][1:])]


def conv_tbc(shapes: Sequence[Any], output: Any) -> list[tuple[Any, ...]]:
    """Time × batch × channels with a weight of (taps, C, N)."""
    return [(*output, *shapes[1][:2])]


def matrix(shapes: Sequence[Any], output: Any) -> list[tuple[Any, ...]]:
    """Every output is a sum over the last axis of the first factor."""
    return [(*output, shapes[0][-1])]


def added_matrix(shapes: Sequence[Any], output: Any) -> list[tuple[Any, ...]]:
    """As `matrix`, of the second and third argument; what they are added to is no product."""
    return [(*output, shapes[1][-1])]


def added_batch(shapes: Sequence[Any], output: Any) -> list[tuple[Any, ...]]:
    """The sum over a batch of products (batch, n, k)·(batch, k, m)."""
    del output
    return [(*shapes[1], shapes[2][-1])]


def grouped_matrix(shapes: Sequence[Any], output: Any) -> list[tuple[Any, ...]]:
    """As `matrix`, with rows, columns or inner sizes shared out over groups: each counts once."""
    first, second = shapes[:2]
    del output
    return [(*first, second[-1])]


def recurrent_layer(shapes: Sequence[Any], output: Any) -> list[tuple[Any, ...]]:
    """At every step input and state times their weights."""
    inputs, of_input, of_state = shapes[:3]
    del output
    return [(*inputs[:-1], *of_input), (*inputs[:-1], *of_state)]


def attention(shapes: Sequence[Any], output: Any) -> list[tuple[Any, ...]]:
    """Scores of every query with every key, and their mix of the values; a mask saves nothing."""
    query, key, value = shapes[:3]
    del output
    return [(*query, key[-2]), (*query[:-1], key[-2], value[-1])]


def bilinear(shapes: Sequence[Any], output: Any) -> list[tuple[Any, ...]]:
    """x·W·y with a weight (N, C1, C2): over the first, then over the second."""
    weight = shapes[2]
    return [(*output, *weight[1:]), (*output, weight[2])]


def embedding_bag(shapes: Sequence[Any], output: Any) -> list[tuple[Any, ...]]:
    """Rows of a table added up: nothing, unless each has a weight of its own."""
    weights = shapes[6] if len(shapes) > 6 else None  # noqa: PLR2004  where it stands
    return [] if weights is None else [(*shapes[1], output[-1])]


RULES: Final[dict[str, Callable[[Sequence[Any], Any], list[tuple[Any, ...]]]]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), convolution),
    **dict.fromkeys(("mkldnn_convolution", *DIRECT), convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), transposed),
    "conv_tbc": conv_tbc,
    "bilinear": bilinear,
    **dict.fromkeys(("embedding_bag", "embedding_bag_forward_only"), embedding_bag),
    **dict.fromkeys(
        (
            *("matmul", "mm", "bmm", "mv", "dot", "vdot", "linear", "inner", "int_mm", "scaled_mm"),
            *("mkldnn_linear", *PACKED),
        ),
        matrix,
    ),
    **dict.fromkeys(
        ("addmm", "addmv", "baddbmm", "addmm_activation", "sparse_addmm"), added_matrix
    ),
    **dict.fromkeys(("grouped_mm", "scaled_grouped_mm"), grouped_matrix),
    "mkldnn_rnn_layer": recurrent_layer,
    "addbmm": added_batch,
    **dict.fromkeys(ATTENTION, attention),
}
"""Rules of torch's own operators, by `counting.zero_cost.plain_name`."""

EITHER_WAY: Final = frozenset({"convolution", "convolution_overrideable"})
"""Convolutions that an argument, `transposed`, turns around."""

OTHERS: Final = {"torchvision::deform_conv2d": convolution}
"""Rules of other packages' operators, by full name. Where the taps of a deformable convolution lie
is sampled, which is elementwise work."""
