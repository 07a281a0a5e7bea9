"""Operators that cost no MAC by rule, so that a counter that skips them hides nothing.

Names are those of PyTorch's operators, without namespace, overload, leading underscore or the
trailing underscore of the in-place form. Anything that is neither here nor known to a counter is
*unknown*: it may hide multiplications, and the count is then a lower bound.
"""

from __future__ import annotations

from typing import Final

_ELEMENTWISE = """
    abs add addcdiv addcmul ceil celu clamp clamp_max clamp_min clip cos div elu eq erf exp expm1
    floor ge gelu glu gt hardsigmoid hardswish hardtanh le leaky_relu log log1p log2
    log_sigmoid_forward log_softmax logical_and logical_not logical_or lt masked_fill maximum
    minimum mish mul ne neg pow prelu reciprocal relu relu6 remainder round rsqrt rsub selu sigmoid
    sign silu sin softmax softplus softsign sqrt square sub tanh threshold true_divide where
"""
_NORMALISATION = """
    batch_norm batch_norm_impl_index cudnn_batch_norm miopen_batch_norm native_batch_norm
    native_batch_norm_legit native_batch_norm_legit_no_training batch_norm_with_update
    batch_norm_no_update group_norm native_group_norm instance_norm layer_norm native_layer_norm
    fused_rms_norm rms_norm
"""
_REDUCTION = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
    adaptive_max_pool2d adaptive_max_pool3d all amax amin any argmax argmin avg_pool1d avg_pool2d
    avg_pool3d linalg_vector_norm max max_pool1d max_pool2d max_pool2d_with_indices max_pool3d
    max_pool3d_with_indices mean min mkldnn_max_pool2d norm prod std sum var var_mean
"""
_RESIZE = """
    upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d
    upsample_nearest3d upsample_nearest_exact1d upsample_nearest_exact2d upsample_nearest_exact3d
    upsample_trilinear3d
"""
_MOVEMENT = """
    alias arange as_strided broadcast_tensors cat channel_shuffle chunk clone concat constant
    constant_pad_nd contiguous copy detach dropout empty empty_like empty_strided expand expand_as
    feature_dropout fill flatten flip full full_like gather index index_select lift lift_fresh
    local_scalar_dense mT movedim narrow native_channel_shuffle native_dropout new_empty new_full
    new_ones new_zeros numel ones ones_like pad permute pixel_shuffle pixel_unshuffle
    reflection_pad1d reflection_pad2d reflection_pad3d repeat repeat_interleave replication_pad1d
    replication_pad2d replication_pad3d reshape reshape_alias resolve_conj resolve_neg roll
    scalar_tensor select set size slice slice_scatter sort split split_with_sizes squeeze stack
    stride sym_numel sym_size sym_stride t tensor_split tile to to_copy topk transpose type_as
    unbind unflatten unfold unsafe_index unsafe_split unsafe_view unsqueeze view view_as zero zeros
    zeros_like
    Int ScalarImplicit item is_floating_point is_same_size
"""

ZERO_BY_RULE: Final[frozenset[str]] = frozenset(
    (_ELEMENTWISE + _NORMALISATION + _REDUCTION + _RESIZE + _MOVEMENT).split()
)


def plain_name(operator: str) -> str:
    """Return the operator's bare name: 'aten::relu_' and 'aten.relu_.default' give 'relu'."""
    name = operator.replace("::", ".").split(".")
    bare = name[1] if len(name) > 1 else name[0]
    stripped = bare.strip("_")
    return stripped or bare


def is_zero_by_rule(operator: str) -> bool:
    """Tell whether the operator multiplies and accumulates nothing, by the rules of `costs`."""
    return plain_name(operator) in ZERO_BY_RULE
