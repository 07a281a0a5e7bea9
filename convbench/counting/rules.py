"""Operators that cost no MAC by rule, so that a counter that skips them hides nothing.

Names are those of PyTorch's operators, without namespace, overload, leading underscore or the
trailing underscore of the in-place form. Anything that is neither here nor known to a counter is
*unknown*: it may hide multiplications, and the count is then a lower bound.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTWISE: Final = _names(
    """
    abs acos add addcdiv addcmul amp_update_scale asin atan atan2 bernoulli bitwise_and
    bitwise_not bitwise_or bucketize ceil celu clamp clamp_max clamp_min clip conj_physical
    copysign cos div elu elu_backward eq erf erfinv exp exp2 expm1 exponential fill_diagonal
    float_power floor floor_divide fmod frac ge gelu gelu_backward glu glu_backward gt
    hardshrink hardsigmoid hardsigmoid_backward hardswish hardswish_backward hardtanh
    hardtanh_backward heaviside isfinite isinf isnan le leaky_relu leaky_relu_backward lerp log
    log10 log1p log2 log_sigmoid_backward log_sigmoid_forward log_softmax
    log_softmax_backward_data logaddexp logical_and logical_not logical_or logical_xor logit lt
    masked_fill masked_fill_backward maximum minimum mish mish_backward mul nan_to_num
    native_dropout_backward ne neg polar pow prelu prelu_kernel prelu_kernel_backward reciprocal
    relu relu6 remainder round rrelu rrelu_with_noise rsqrt rsub safe_softmax selu sgn sigmoid
    sigmoid_backward sign silu silu_backward sin sinc softmax softmax_backward_data softplus
    softplus_backward softshrink softsign sqrt square sub tan tanh tanh_backward threshold
    threshold_backward true_divide trunc where xlogy
    acosh allclose and asinh atanh binary_cross_entropy_backward bitwise_left_shift
    bitwise_right_shift bitwise_xor celu_backward cosh deg2rad digamma equal erfc fmax fmin
    hardshrink_backward huber_loss_backward hypot i0 isclose isin isneginf isposinf isreal lgamma
    logaddexp2 lshift mse_loss_backward multi_margin_loss_backward multilabel_margin_loss_backward
    mvlgamma nextafter nll_loss2d_backward nll_loss_backward or polygamma rad2deg
    rrelu_with_noise_backward rshift searchsorted signbit sinh smooth_l1_loss_backward
    soft_margin_loss_backward softshrink_backward special_i0 special_i0e special_i1 xor
    """
)
NORMALISATION: Final = _names(
    """
    batch_norm batch_norm_backward batch_norm_impl_index batch_norm_no_update
    batch_norm_with_update batch_norm_with_update_functional cudnn_batch_norm
    cudnn_batch_norm_backward fused_rms_norm fused_rms_norm_backward group_norm instance_norm
    layer_norm local_response_norm miopen_batch_norm native_batch_norm
    native_batch_norm_backward native_batch_norm_legit native_batch_norm_legit_functional
    native_batch_norm_legit_no_training native_group_norm native_group_norm_backward
    native_layer_norm native_layer_norm_backward normalize rms_norm weight_norm
    weight_norm_interface weight_norm_interface_backward
    """
)
REDUCTION: Final = _names(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool2d_backward adaptive_avg_pool3d
    adaptive_avg_pool3d_backward adaptive_max_pool1d adaptive_max_pool2d
    adaptive_max_pool2d_backward adaptive_max_pool3d adaptive_max_pool3d_backward all amax amin
    aminmax any argmax argmin avg_pool1d avg_pool2d avg_pool2d_backward avg_pool3d
    avg_pool3d_backward count_nonzero cummax cumprod cumsum fractional_max_pool2d
    fractional_max_pool3d linalg_vector_norm logcumsumexp logsumexp lp_pool1d lp_pool2d max
    max_pool1d max_pool2d max_pool2d_with_indices max_pool2d_with_indices_backward max_pool3d
    max_pool3d_with_indices max_pool3d_with_indices_backward max_unpool2d max_unpool3d mean
    median min mkldnn_max_pool2d norm prod std std_mean sum var var_mean
    binary_cross_entropy binary_cross_entropy_with_logits bincount ctc_loss ctc_loss_backward
    dist embedding_bag_backward embedding_bag_dense_backward
    embedding_bag_per_sample_weights_backward fractional_max_pool2d_backward
    fractional_max_pool3d_backward histc histogram huber_loss kthvalue
    mode mse_loss multi_margin_loss multilabel_margin_loss multilabel_margin_loss_forward nanmean
    nanmedian nansum nll_loss nll_loss2d nll_loss2d_forward nll_loss_forward nll_loss_nd renorm
    smooth_l1_loss soft_margin_loss trace
    """
)
RESIZE: Final = _names(
    """
    affine_grid_generator grid_sampler grid_sampler_2d grid_sampler_2d_backward grid_sampler_3d
    interpolate upsample_bicubic2d upsample_bicubic2d_aa upsample_bicubic2d_backward
    upsample_bilinear2d upsample_bilinear2d_aa upsample_bilinear2d_backward upsample_linear1d
    upsample_linear1d_backward upsample_nearest1d upsample_nearest1d_backward upsample_nearest2d
    upsample_nearest2d_backward upsample_nearest3d upsample_nearest3d_backward
    upsample_nearest_exact1d upsample_nearest_exact2d upsample_nearest_exact3d
    upsample_trilinear3d upsample_trilinear3d_backward
    upsample_nearest_exact1d_backward upsample_nearest_exact2d_backward
    upsample_nearest_exact3d_backward
    """
)
MOVEMENT: Final = _names(
    """
    Int ScalarImplicit alias alpha_dropout arange argsort as_strided as_strided_scatter
    assert_async assert_scalar assert_tensor_metadata atleast_1d broadcast_tensors broadcast_to
    cat channel_shuffle chunk clone col2im complex concat concatenate conj constant
    constant_pad_nd contiguous copy dequantize detach diag_embed diagonal dropout dropout2d
    dropout3d embedding embedding_dense_backward empty empty_like empty_permuted empty_strided
    expand expand_as eye feature_alpha_dropout feature_dropout fft_fftshift fft_ifftshift fill
    flatten flip full full_like gather im2col imag index index_add index_copy index_fill
    index_put index_select int_repr is_floating_point is_same_size item lift lift_fresh
    lift_fresh_copy linspace local_scalar_dense mT make_dual masked_scatter masked_select
    meshgrid movedim narrow native_channel_shuffle native_dropout nested_tensor_from_mask
    new_empty new_empty_strided new_full new_ones new_zeros nonzero normal normal_functional
    numel one_hot ones ones_like pad permute pin_memory pixel_shuffle pixel_unshuffle
    q_per_channel_scales q_scale q_zero_point quantize_per_channel quantize_per_tensor
    quantize_per_tensor_dynamic rand rand_like randint randint_like randn randn_like random
    randperm ravel real reflection_pad1d reflection_pad1d_backward reflection_pad2d
    reflection_pad2d_backward reflection_pad3d reflection_pad3d_backward repeat
    repeat_interleave replication_pad1d replication_pad2d replication_pad2d_backward
    replication_pad3d reshape reshape_alias resize resolve_conj resolve_neg roll rot90
    scalar_tensor scatter scatter_add scatter_reduce select select_backward select_scatter set
    set_data shape_as_tensor size slice slice_backward slice_scatter sort split split_with_sizes
    split_with_sizes_copy squeeze stack stride swapaxes swapdims sym_constrain_range sym_numel
    sym_size sym_storage_offset sym_stride t take take_along_dim tensor_split tile to to_copy
    to_dense topk transpose tril tril_indices triu triu_indices truncated_normal type_as unbind
    unflatten unfold unfold_backward uniform unique2 unique_consecutive unpool unsafe_chunk
    unsafe_index unsafe_split unsafe_split_with_sizes unsafe_view unsqueeze view view_as
    view_as_complex view_as_real zero zeros zeros_like
    coalesce coalesced crow_indices col_indices indices is_coalesced linalg_check_errors
    mkldnn_reorder_conv2d_weight mkldnn_reorder_conv3d_weight mkldnn_reshape mkldnn_transpose
    nested_size nnz pack_padded_sequence pack_padded_sequence_backward pad_packed_sequence
    replication_pad1d_backward replication_pad3d_backward resize_as sparse_coo_tensor
    sparse_compressed_tensor sparse_csr_tensor to_mkldnn to_sparse to_sparse_csc to_sparse_csr
    unique_dim values
    """
)
TRANSFORM: Final = _names(
    """
    fft_c2c fft_c2r fft_fft fft_fft2 fft_ifft fft_ifft2 fft_irfft fft_irfft2 fft_r2c fft_rfft
    fft_rfft2 istft stft
    """
)
"""Fourier transforms: their own fast algorithm, of no fixed number of multiplications. `profile`
lists them apart; for counters that skip them they are unknown."""

ZERO_BY_RULE: Final = ELEMENTWISE | NORMALISATION | REDUCTION | RESIZE | MOVEMENT


_TORCH: Final = frozenset({"aten", "prim", "prims"})
"""Namespaces of torch itself: an operator of somebody else's may do anything under any name."""


@lru_cache(maxsize=4096)
def plain_name(operator: str) -> str:
    """Return the operator's bare name: 'aten::relu_' and 'aten.relu_.default' give 'relu'."""
    name = operator.replace("::", ".").split(".")
    bare = name[1] if len(name) > 1 else name[0]
    stripped = bare.strip("_")
    return stripped or bare


def is_zero_by_rule(operator: str) -> bool:
    """Tell whether the operator multiplies and accumulates nothing, by the rules of `costs`."""
    namespace = operator.replace("::", ".").split(".")[0]
    return namespace in _TORCH and plain_name(operator) in ZERO_BY_RULE
