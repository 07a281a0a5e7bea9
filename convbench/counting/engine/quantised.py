"""How recurrent layers that run as one operator, and layers of quantised tensors, are counted."""

from __future__ import annotations

from math import prod
from typing import Any, Final

from torch import Tensor

from convbench.counting.engine.convolutions import count_convolution
from convbench.counting.engine.counts import Counts, linear, matrix_product
from convbench.counting.engine.registry import Rule, rule, spatial


@rule("mkldnn_rnn_layer")
def _recurrent_layer(args: Any, result: Any) -> Counts:
    """One layer, one direction: at every step input and state times their weights."""
    del result
    inputs, of_input, of_state = args[:3]
    steps = prod(inputs.shape[:-1])
    return matrix_product(1, steps, of_input.shape[1], of_input.shape[0]) + matrix_product(
        1, steps, of_state.shape[1], of_state.shape[0]
    )


@rule("mkldnn_rnn_layer_backward")
def _recurrent_layer_backward(args: Any, result: Any) -> Counts:
    """The gradients of input and weights cost one forward each."""
    return _recurrent_layer(args, result).times(2)


@rule("quantized_lstm", "quantized_gru")
def _quantised_recurrent(args: Any, result: Any) -> Counts:
    """All layers and directions: at every step input and state times the weights of each gate."""
    packed = isinstance(args[1], Tensor) and isinstance(args[2], list | tuple | Tensor)
    packed = packed and isinstance(args[1], Tensor) and not isinstance(args[3], bool)
    inputs, state = args[0], args[2] if packed else args[1]
    more = args[4:] if packed else args[3:]
    layers, both = more[1], more[4]
    gates = 4 if isinstance(state, list | tuple) else 3  # an LSTM has two states
    hidden = (state[0] if gates == 4 else state).shape[-1]  # noqa: PLR2004  as above
    del result
    steps, directions = prod(inputs.shape[:-1]), 2 if both else 1
    found = Counts()
    for layer in range(layers):
        width = hidden * directions if layer else inputs.shape[-1]
        found += matrix_product(1, steps, width + hidden, gates * hidden).times(directions)
    return found


def _packed(value: Any) -> Any:
    return value.unpack()[0]


def _quantised_convolution(args: Any, result: Any) -> Counts:
    """Of quantised tensors: integer multiplications, one for each of the float ones."""
    inputs, packed = args[:2]
    weight = _packed(packed)
    if weight.ndim > inputs.ndim:  # one axis, packed as two
        weight = weight.squeeze(2)
    dims = weight.ndim - 2
    pick = [spatial(list(part), dims)[-dims:] for part in (
        packed.stride(), packed.padding(), packed.dilation()
    )]  # fmt: skip
    return count_convolution(
        inputs, weight, None, result,
        stride=pick[0], padding=pick[1], dilation=pick[2], transposed=packed.transpose(),
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
        for suffix in ("", "_relu", "_dynamic", "_add", "_add_relu")
    },
    **{
        f"conv_transpose{dims}d{suffix}": _quantised_convolution
        for dims in (1, 2, 3)
        for suffix in ("", "_dynamic")
    },
    **{
        f"linear{suffix}": _quantised_linear
        for suffix in ("", "_relu", "_dynamic", "_relu_dynamic", "_leaky_relu", "_tanh")
    },
}
"""Operators of the namespace `quantized`; there the weight is in a package of its own."""

QUANTISED_ELEMENTWISE: Final = frozenset(
    {"add", "add_relu", "batch_norm2d", "cat", "hardswish", "leaky_relu", "mul", "mul_relu"}
    | {"relu6", "sigmoid"}
)
