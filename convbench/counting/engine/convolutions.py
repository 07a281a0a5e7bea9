"""How convolutions are counted: forward, backward, and those of other layouts."""

from __future__ import annotations

from math import prod
from typing import Any

from convbench.counting.engine.counts import Counts, convolution
from convbench.counting.engine.registry import rule, spatial
from convbench.counting.zero_cost import DIRECT


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


@rule("conv_tbc")
def _conv_tbc(args: Any, result: Any) -> Counts:
    """Time x batch x channels, with a weight of (taps, C, N); torch takes its backward apart."""
    inputs, weight, _, pad = (*args, 0)[:4]
    (time, batch, channels), (taps, _, outputs) = inputs.shape, weight.shape
    return convolution(
        (batch, channels, time), (outputs, channels, taps), (batch, outputs, result.shape[0]),
        (1,), ((pad, pad),), (1,), 1,
        bias=True,
        complex_numbers=inputs.dtype.is_complex,
    )  # fmt: skip


@rule("mkldnn_convolution")
def _mkldnn_convolution(args: Any, result: Any) -> Counts:
    """A convolution of another layout in memory; there a grouped weight has an axis of groups."""
    inputs, weight, bias, padding, stride, dilation, groups = args[:7]
    dims, shape = inputs.ndim - 2, tuple(weight.shape)
    if len(shape) > inputs.ndim:
        shape = (shape[0] * shape[1], *shape[2:])
    pads = tuple((p, p) for p in spatial(padding, dims))
    return convolution(
        tuple(inputs.shape), shape, tuple(result.shape),
        spatial(stride, dims), pads, spatial(dilation, dims), groups,
        bias=bias is not None,
    )  # fmt: skip


@rule("deform_conv2d", *DIRECT)
def _direct(args: Any, result: Any) -> Counts:
    """Every output is a sum over the weight of its channel; taps on padding are not told apart.

    A deformable one samples where its taps lie, which is elementwise work.
    """
    inputs, weight = args[:2]
    macs = result.numel() * prod(weight.shape[1:])
    return Counts(
        multiplications=macs,
        multiplications_valid=macs,
        activations=result.numel(),
        reads=inputs.numel() + weight.numel(),
        writes=result.numel(),
    )


@rule("deform_conv2d_backward")
def _deformable_backward(args: Any, result: Any) -> Counts:
    """The gradients of what was sampled and of the weight; those of the offsets are elementwise."""
    del result
    gradient, inputs, weight = args[:3]
    return _direct((inputs, weight), gradient).times(2)
