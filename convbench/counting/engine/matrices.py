"""How matrix products are counted, and attention, which is two of them."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, Final

import torch

from convbench.core.torch_internals import stored
from convbench.counting.engine.counts import COMPLEX_PRODUCT, Counts, linear, matrix_product
from convbench.counting.engine.registry import rule
from convbench.counting.zero_cost import ATTENTION, PACKED

COMPRESSED: Final = frozenset(
    {torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc}
)
SPARSE: Final = COMPRESSED | {torch.sparse_coo}


def _complex(*tensors: Any) -> bool:
    return all(tensor.dtype.is_complex for tensor in tensors)


def _product(a: Any, b: Any, *, bias: bool = False) -> Counts | None:
    """Count a (*batch, rows, inner) times b (*batch, inner, columns).

    A vector is one row, or one column. Each stored element of a sparse matrix meets one row or
    column of the dense one, whatever its format, zeros stored among them. Without values how many
    are stored is not known, nor how those of two sparse ones meet: then the operator is unknown.
    """
    batch, rows, inner = (1, 1, 1, *a.shape)[-3:]
    columns = b.shape[-1] if b.ndim > 1 else 1
    sparse = [item for item in (a, b) if item.layout in SPARSE]
    whole = matrix_product(batch, rows, inner, columns, bias=bias, complex_numbers=_complex(a, b))
    if not sparse:
        return whole
    if len(sparse) == 2 or sparse[0].is_meta:  # noqa: PLR2004  both
        return None
    held = sparse[0].values().numel() if sparse[0].layout in COMPRESSED else stored(sparse[0])
    macs = held * (columns if sparse[0] is a else rows)
    macs *= COMPLEX_PRODUCT if _complex(a, b) else 1
    dense = batch * (inner * columns if sparse[0] is a else rows * inner)
    return replace(
        whole,
        multiplications=macs,
        multiplications_valid=macs,
        reads=held + dense + (columns if bias else 0),
    )


@rule("mm", "bmm", "mv", "dot", "vdot", "int_mm", "scaled_mm")
def _plain_product(args: Any, result: Any) -> Counts | None:
    del result
    return _product(*args[:2])


@rule("addmm", "baddbmm", "addbmm", "addmv", "addmm_activation", "sparse_addmm")
def _added_product(args: Any, result: Any) -> Counts | None:
    """What the product is added to comes first, and counts as a bias."""
    del result
    return _product(*args[1:3], bias=True)


@rule("grouped_mm", "scaled_grouped_mm")
def _grouped(args: Any, result: Any) -> Counts:
    """Rows, columns or inner sizes are shared out over groups: each is multiplied once."""
    a, b = args[:2]
    batch = a.shape[0] if a.ndim == 3 else 1  # noqa: PLR2004  else its rows belong to the groups
    found = matrix_product(batch, a.shape[-2], a.shape[-1], b.shape[-1])
    return replace(found, activations=result.numel(), writes=result.numel())


@rule(*PACKED)
def _packed_weight(args: Any, result: Any) -> Counts:
    """Times a weight in a packing of its own: its shape follows from input and output."""
    inputs = args[0]
    return matrix_product(1, prod(inputs.shape[:-1]), inputs.shape[-1], result.shape[-1])


@rule("linear", "mkldnn_linear")
def _linear(args: Any, result: Any) -> Counts:
    del result
    inputs, weight = args[:2]
    bias = len(args) > 2 and args[2] is not None  # noqa: PLR2004  the third is the bias
    return linear(inputs.shape, weight.shape, bias=bias, complex_numbers=_complex(inputs, weight))


@rule("trilinear")
def _trilinear(args: Any, result: Any) -> Counts:
    """nn.Bilinear: x·W·y, contracted over both: batch·out·in1·in2, and again batch·out·in2."""
    del result
    x, weight, y = args[:3]
    batch, (first, second) = prod(x.shape[:1]), (x.shape[-1], y.shape[-1])
    outputs = weight.shape[0] if weight.ndim == 3 else weight.shape[1]  # noqa: PLR2004
    return matrix_product(1, batch * outputs, first, second) + matrix_product(
        batch * outputs, 1, second, 1
    )


@rule(*ATTENTION)
def _attention(args: Any, result: Any) -> Counts:
    """Queries times keys, then weights times values; every pair, masked or not."""
    del result
    query, key, value = args[:3]
    batch = prod(query.shape[:-2])
    queries, inner, keys = query.shape[-2], query.shape[-1], key.shape[-2]
    return (
        matrix_product(batch, queries, inner, keys)
        + matrix_product(batch, queries, keys, value.shape[-1])
        + Counts(elementwise=3 * batch * queries * keys)
    )


@rule(
    "scaled_dot_product_flash_attention_backward",
    "scaled_dot_product_flash_attention_for_cpu_backward",
    "scaled_dot_product_efficient_attention_backward",
    "scaled_dot_product_cudnn_attention_backward",
)
def _attention_backward(args: Any, result: Any) -> Counts:
    """Two gradients of each of the two products."""
    del result
    return _attention(args[1:4], None).times(2)


@rule("embedding_bag", "embedding_bag_forward_only")
def _embedding_bag(args: Any, result: Any) -> Counts:
    """Rows of a table, added up; where each has a weight, that is a sparse matrix product."""
    table, indices, weights = args[0], args[1], args[6]
    outputs = result[0] if isinstance(result, list | tuple) else result
    touched = indices.numel() * table.shape[1]
    macs = 0 if weights is None else touched
    return Counts(
        multiplications=macs,
        multiplications_valid=macs,
        activations=outputs.numel() if macs else 0,
        elementwise=0 if macs else touched,
        reads=touched + indices.numel(),
        writes=outputs.numel(),
    )
