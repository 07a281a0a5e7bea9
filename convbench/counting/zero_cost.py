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
    absolute addr angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh cauchy clip diff
    divide fabs fix fake_quantize_learnable_per_channel_affine
    fake_quantize_learnable_per_channel_affine_backward fake_quantize_learnable_per_tensor_affine
    fake_quantize_learnable_per_tensor_affine_backward fake_quantize_per_channel_affine
    fake_quantize_per_channel_affine_cachemask
    fake_quantize_per_channel_affine_cachemask_backward fake_quantize_per_tensor_affine
    fake_quantize_per_tensor_affine_cachemask
    fake_quantize_per_tensor_affine_cachemask_backward
    fake_quantize_per_tensor_affine_cachemask_tensor_qparams foreach_abs foreach_add
    foreach_addcdiv foreach_addcmul foreach_ceil foreach_clamp_max foreach_clamp_min foreach_cos
    foreach_div foreach_erf foreach_exp foreach_floor foreach_lerp foreach_log foreach_maximum
    foreach_minimum foreach_mul foreach_neg foreach_pow foreach_reciprocal foreach_round
    foreach_rsqrt foreach_sigmoid foreach_sign foreach_sin foreach_sqrt foreach_sub foreach_tanh
    fused_dropout fused_moving_avg_obs_fake_quant fused_moving_avg_obs_fq_helper
    fused_moving_avg_obs_fq_helper_functional gcd geometric glu_backward_jvp glu_jvp greater
    greater_equal igamma igammac infinitely_differentiable_gelu_backward lcm ldexp less less_equal
    linalg_cross log_normal log_sigmoid logit_backward masked_scale masked_softmax
    masked_softmax_backward modf frexp multiply negative not_equal poisson positive radians
    degrees rrelu_with_noise_functional sparse_log_softmax sparse_log_softmax_backward_data
    sparse_softmax sparse_softmax_backward_data special_bessel_j0 special_bessel_j1
    special_bessel_y0 special_bessel_y1 special_digamma special_entr special_erf special_erfc
    special_erfcx special_erfinv special_exp2 special_expit special_expm1 special_gammainc
    special_gammaincc special_gammaln special_i1e special_log1p special_log_ndtr special_logit
    special_modified_bessel_i0 special_modified_bessel_i1 special_modified_bessel_k0
    special_modified_bessel_k1 special_ndtr special_ndtri special_polygamma special_psi
    special_round special_sinc special_xlog1py special_xlogy special_zeta standard_gamma
    standard_gamma_grad subtract
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
    choose_qparams_optimized choose_qparams_per_tensor cummax_helper cummaxmin_backward cummin
    cummin_helper cumprod_backward foreach_max foreach_norm index_reduce is_all_true is_any_true
    max_pool2d_backward mkldnn_adaptive_avg_pool2d mkldnn_adaptive_avg_pool2d_backward
    mkldnn_max_pool2d_backward mkldnn_max_pool3d mkldnn_max_pool3d_backward nanquantile quantile
    segment_reduce segment_reduce_backward sparse_sum sparse_sum_backward embedding_renorm
    cdist_forward cdist_backward pdist_forward pdist_backward
    euclidean_dist
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
    affine_grid_generator_backward cudnn_grid_sampler cudnn_grid_sampler_backward
    grid_sampler_2d_cpu_fallback grid_sampler_2d_cpu_fallback_backward grid_sampler_3d_backward
    upsample_bicubic2d_aa_backward upsample_bilinear2d_aa_backward upsample_lanczos2d_aa
    upsample_lanczos2d_aa_backward
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
    mH matrix_H meshgrid movedim narrow native_channel_shuffle native_dropout
    nested_tensor_from_mask
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
    alias_copy argwhere as_strided_copy as_tensor atleast_2d atleast_3d bartlett_window binomial
    blackman_window block_diag can_cast ccol_indices conj_copy convert_weight_to_int4pack
    convert_weight_to_int4pack_for_cpu detach_copy diag diagflat diagonal_backward diagonal_copy
    diagonal_scatter embedding_sparse_backward expand_copy fft_fftfreq fft_rfftfreq foreach_clone
    foreach_copy foreach_zero functional_assert_async functional_assert_scalar
    functional_sym_constrain_range functional_sym_constrain_range_for_size hamming_window
    hann_window is_nonzero kaiser_window logspace masked_scatter_backward moveaxis msort
    multinomial narrow_copy neg_view neg_view_copy nonzero_static numpy_T permute_copy
    promote_types put q_per_channel_axis q_per_channel_zero_points reshape_as result_type
    row_indices select_copy slice_inverse sobol_engine_draw sobol_engine_ff sparse_dim dense_dim
    sparse_mask split_copy squeeze_copy sym_constrain_range_for_size t_copy to_dense_backward
    to_mkldnn_backward to_padded_tensor to_sparse_bsc to_sparse_bsr transpose_copy unbind_copy
    unfold_copy unsafe_index_put unsafe_masked_index unsafe_masked_index_put_accumulate
    unsqueeze_copy value_selecting_reduction_backward view_as_complex_copy view_as_real_copy
    view_copy
    """
)
TRANSFORM: Final = _names(
    """
    fft_c2c fft_c2r fft_fft fft_fft2 fft_fftn fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2
    fft_ifftn fft_ihfft fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn fft_r2c fft_rfft
    fft_rfft2 fft_rfftn istft stft
    """
)
"""Fourier transforms: a fast algorithm of their own, apart from all MACs: 5·N·log2 N operations for
N complex numbers, half of that for real ones. For counters that skip them they are unknown."""
ZERO_OF_VISION: Final = _names(
    """
    nms ps_roi_align ps_roi_align_backward ps_roi_pool ps_roi_pool_backward qnms roi_align
    roi_align_backward roi_pool roi_pool_backward
    """
)
"""torchvision's own operators that sample, pool or choose."""
DIRECT: Final = (
    "conv_depthwise2d", "conv_depthwise3d", "cudnn_convolution", "cudnn_convolution_add_relu",
    "cudnn_convolution_relu", "miopen_convolution", "miopen_depthwise_convolution",
    "nnpack_spatial_convolution", "slow_conv2d_forward", "slow_conv3d_forward",
    "slow_conv_dilated2d", "slow_conv_dilated3d",
)  # fmt: skip
"""Convolutions of one device or library, which a run may be given by name."""
ATTENTION: Final = (
    "scaled_dot_product_attention", "scaled_dot_product_attention_math",
    "scaled_dot_product_flash_attention", "scaled_dot_product_flash_attention_for_cpu",
    "scaled_dot_product_efficient_attention", "scaled_dot_product_cudnn_attention",
    "scaled_dot_product_fused_attention_overrideable",
)  # fmt: skip
"""Attention as one operator, on whatever device."""
PACKED: Final = (
    "weight_int8pack_mm", "weight_int4pack_mm", "weight_int4pack_mm_for_cpu",
    "dyn_quant_matmul_4bit", "weight_int4pack_mm_with_scales_and_zeros",
)  # fmt: skip
"""Matrix products with a weight in a packing of its own."""
PREPARING: Final = frozenset({"mv", "addmv", "dot", "vdot"})
"""Products that prepare a weight where, of weights alone, a factor is a vector of buffers (a
norm of the spectrum), and stand apart, as all in a parametrization. All others of weights alone run
each time, and count: on every device, and in every way."""

ZERO_BY_RULE: Final = ELEMENTWISE | NORMALISATION | REDUCTION | RESIZE | MOVEMENT


_TORCH: Final = frozenset({"aten", "prim", "prims", "quantized_decomposed"})
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
    if namespace == "torchvision":
        return plain_name(operator) in ZERO_OF_VISION
    return namespace in _TORCH and plain_name(operator) in ZERO_BY_RULE
