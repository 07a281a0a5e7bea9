"""How each dispatched operator is counted: one decorated function an operator.

An operator is counted by its rule here, or is zero by the rules of `counting.rules`, or is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Final

from convbench.counting.rules import (
    ELEMENTWISE,
    MOVEMENT,
    NORMALISATION,
    REDUCTION,
    RESIZE,
    TRANSFORM,
    plain_name,
)
from convbench.errors import DuplicateNameError
from convbench.profiling.counts import Counts, convolution, linear, matrix_product

Rule = Callable[..., Counts]
RULES: Final[dict[str, Rule]] = {}
"""Bare operator name -> rule(args, result); args are positional, as the schema orders them."""

_POOL_TAPS = {"avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool2d_with_indices",
              "max_pool3d_with_indices", "max_pool1d", "max_pool2d", "max_pool3d",
              "quantized_max_pool1d", "quantized_max_pool2d", "quantized_max_pool3d"}  # fmt: skip
_LINEAR_TAPS = {"upsample_linear1d": 2, "upsample_bilinear2d": 4, "upsample_trilinear3d": 8,
                "upsample_bicubic2d": 16, "grid_sampler_2d": 4, "grid_sampler_3d": 8}  # fmt: skip

COUNTED: Final = frozenset({"aten", "prims", "torchvision"})
"""Namespaces whose operators are known by their bare names; one of another is its owner's."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operators; a name that has one already is an error."""

    def keep(function: Rule) -> Rule:
        for name in names:
            if name in RULES:
                raise DuplicateNameError(f"operator {name!r} has a rule already: change that one.")
            RULES[name] = function
        return function

    return keep


def spatial(value: Any, dims: int) -> tuple[int, ...]:
    """Spread one number over `dims` axes, as torch does."""
    items = tuple(value) if isinstance(value, list | tuple) else (value,)
    return items * dims if len(items) == 1 else items


def count_convolution(
    inputs: Any,
    weight: Any,
    bias: Any,
    result: Any,
    *,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    groups: int,
    padded: Any = None,
) -> Counts:
    """Count from the tensors' shapes; `padded` is what a pad before it put around the input."""
    dims = weight.ndim - 2
    low = spatial(padding, dims)
    pads = tuple((p, p) for p in low)
    source = tuple(inputs.shape)
    if padded is not None and not transposed:
        # taps on what a pad put there are taps on padding: count from the input before it
        padded = padded[-dims:]
        pads = tuple((p + first, p + last) for p, (first, last) in zip(low, padded, strict=True))
        source = (
            *source[:2],
            *(n - first - last for n, (first, last) in zip(source[2:], padded, strict=True)),
        )
    return convolution(
        source,
        tuple(weight.shape),
        tuple(result.shape),
        spatial(stride, dims),
        pads,
        spatial(dilation, dims),
        groups,
        transposed=transposed,
        bias=bias is not None,
        complex_numbers=inputs.dtype.is_complex and weight.dtype.is_complex,
    )


@rule("convolution", "convolution_overrideable")
def _convolution(args: Any, result: Any, padded: Any = None) -> Counts:
    inputs, weight, bias, stride, padding, dilation, transposed, _, groups = args[:9]
    return count_convolution(
        inputs, weight, bias, result,
        stride=stride, padding=padding, dilation=dilation, transposed=transposed, groups=groups,
        padded=padded,
    )  # fmt: skip


@rule("convolution_backward", "convolution_backward_overrideable")
def _convolution_backward(args: Any, result: Any, padded: Any = None) -> Counts:
    """The gradients of input and weight cost one forward each, whatever the groups."""
    del result
    if len(args) == 11:  # noqa: PLR2004  with the sizes of the bias
        gradient, inputs, weight, _, stride, padding, dilation, transposed, _, groups, mask = args
    else:
        gradient, inputs, weight, stride, padding, dilation, transposed, _, groups, mask = args
    forward = count_convolution(
        inputs, weight, None, gradient,
        stride=stride, padding=padding, dilation=dilation, transposed=transposed, groups=groups,
        padded=padded,
    )  # fmt: skip
    outputs = gradient.numel()
    bias = Counts(elementwise=outputs) if mask[2] else Counts()
    parts = int(mask[0]) + int(mask[1])
    traffic = Counts(
        multiplications=forward.multiplications,
        multiplications_valid=forward.multiplications_valid,
        reads=forward.reads,
        writes=forward.writes,
    )
    return traffic.times(parts) + bias


def _complex(*tensors: Any) -> bool:
    return all(tensor.dtype.is_complex for tensor in tensors)


@rule("mm", "int_mm", "scaled_mm")
def _mm(args: Any, result: Any) -> Counts:
    del result
    a, b = args[:2]
    return matrix_product(1, a.shape[0], a.shape[1], b.shape[1], complex_numbers=_complex(a, b))


@rule("addmm", "addmm_activation")
def _addmm(args: Any, result: Any) -> Counts:
    del result
    _, a, b = args[:3]
    return matrix_product(
        1, a.shape[0], a.shape[1], b.shape[1], bias=True, complex_numbers=_complex(a, b)
    )


@rule("bmm")
def _bmm(args: Any, result: Any) -> Counts:
    del result
    a, b = args[:2]
    return matrix_product(*a.shape, b.shape[2], complex_numbers=_complex(a, b))


@rule("baddbmm", "addbmm")
def _baddbmm(args: Any, result: Any) -> Counts:
    del result
    _, a, b = args[:3]
    return matrix_product(*a.shape, b.shape[2], bias=True, complex_numbers=_complex(a, b))


@rule("mv")
def _mv(args: Any, result: Any) -> Counts:
    del result
    a, b = args[:2]
    return matrix_product(1, a.shape[0], a.shape[1], 1, complex_numbers=_complex(a, b))


@rule("addmv")
def _addmv(args: Any, result: Any) -> Counts:
    del result
    _, a, b = args[:3]
    return matrix_product(1, a.shape[0], a.shape[1], 1, bias=True, complex_numbers=_complex(a, b))


@rule("dot", "vdot")
def _dot(args: Any, result: Any) -> Counts:
    del result
    a, b = args[:2]
    return matrix_product(1, 1, a.shape[0], 1, complex_numbers=_complex(a, b))


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


@rule(
    "scaled_dot_product_flash_attention",
    "scaled_dot_product_flash_attention_for_cpu",
    "scaled_dot_product_efficient_attention",
    "scaled_dot_product_cudnn_attention",
    "scaled_dot_product_fused_attention_overrideable",
    "scaled_dot_product_attention",
    "scaled_dot_product_attention_math",
)
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


@rule("mkldnn_rnn_layer")
def _recurrent_layer(args: Any, result: Any) -> Counts:
    """One layer, one direction: at every step input and state times their weights."""
    del result
    inputs, of_input, of_state = args[:3]
    steps = prod(inputs.shape[:-1])
    return matrix_product(1, steps, of_input.shape[1], of_input.shape[0]) + matrix_product(
        1, steps, of_state.shape[1], of_state.shape[0]
    )


def _packed(value: Any) -> Any:
    return value.unpack()[0]


def _quantised_convolution(args: Any, result: Any) -> Counts:
    """Of quantised tensors: integer multiplications, one for each of the float ones."""
    inputs, packed = args[:2]
    weight = _packed(packed)
    dims = weight.ndim - 2
    pick = [spatial(list(part), dims)[-dims:] for part in (
        packed.stride(), packed.padding(), packed.dilation()
    )]  # fmt: skip
    return count_convolution(
        inputs, weight, None, result,
        stride=pick[0], padding=pick[1], dilation=pick[2], transposed=False,
        groups=packed.groups(),
    )  # fmt: skip


def _quantised_linear(args: Any, result: Any) -> Counts:
    del result
    inputs, packed = args[:2]
    return linear(inputs.shape, _packed(packed).shape, bias=False, complex_numbers=False)


QUANTISED: Final[dict[str, Rule]] = {
    **{
        f"conv{dims}d{suffix}": _quantised_convolution
        for dims in (1, 2, 3)
        for suffix in ("", "_relu", "_dynamic")
    },
    **{
        f"linear{suffix}": _quantised_linear
        for suffix in ("", "_relu", "_dynamic", "_relu_dynamic")
    },
}
"""Operators of the namespace `quantized`; there the weight is in a package of its own."""

QUANTISED_ELEMENTWISE: Final = frozenset(
    {"add", "add_relu", "batch_norm2d", "cat", "hardswish", "leaky_relu", "mul", "mul_relu"}
    | {"relu6", "sigmoid"}
)


def zero(name: str, args: Any, result: Any) -> Counts | None:
    """Return the elementwise counts of an operator that is zero by rule; None if it is unknown."""
    outputs = _elements(result)
    if name in MOVEMENT:
        return Counts()
    if name in NORMALISATION:
        first = result[0] if isinstance(result, list | tuple) else result
        n = (args[0] if first is None else first).numel()  # None: the input needs no gradient
        place = 2 if "layer" in name else 1  # a layer norm's shape stands before its weight
        scale = sum(_elements(item) for item in args[place : place + 2])
        return Counts(normalisation=2 * n, reads=n + scale, writes=n)
    if name in _POOL_TAPS:
        dims = int(name[name.index("pool") + 4])
        first = result[0] if isinstance(result, list | tuple) else result
        return Counts(elementwise=first.numel() * prod(spatial(args[1], dims)))
    if name in REDUCTION:
        return Counts(elementwise=args[0].numel() if hasattr(args[0], "numel") else outputs)
    if name in RESIZE:
        taps = _LINEAR_TAPS.get(name, 0)
        return Counts(elementwise=outputs * (2 * taps - 1) if taps else 0)
    if name in ELEMENTWISE or name in TRANSFORM:
        return Counts(elementwise=outputs * (3 if "softmax" in name else 1))
    return None


def _elements(result: Any) -> int:
    if hasattr(result, "numel"):
        return int(result.numel())
    if isinstance(result, list | tuple):
        return sum(_elements(item) for item in result)
    return 0


def find(operator: Any) -> tuple[str, str, Rule | None]:
    """Return an operator's namespace, bare name and rule."""
    namespace = operator.namespace
    if namespace not in COUNTED and namespace != "quantized":
        return namespace, operator._schema.name.split("::")[-1], None  # noqa: SLF001  not torch's own
    name = plain_name(f"{namespace}.{operator._schema.name.split('::')[-1]}")  # noqa: SLF001
    if namespace == "quantized":
        return namespace, name, QUANTISED.get(name)
    return namespace, name, RULES.get(name)
