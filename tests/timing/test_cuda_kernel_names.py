"""Names of kernels from public profiles, and what each of them says; where it does not, nothing.

"…" ends a name that its source, or this table, cuts off; parameters are shortened, since they
are not read. Sources, by their marks below:

    spio      github.com/andravin/spio, scripts/plot_kernel_bench.py
    kempner   Kempner Institute Computing Handbook, "GPU Profiling": AlexNet
    lens      github.com/AMD-AGI/TraceLens, tests of its parser of kernel names: H100 and B200
    torch-N   github.com/pytorch/pytorch, issue N
    mxnet     github.com/apache/mxnet, issue 14684
    apex      github.com/NVIDIA/apex, issue 666
    dream     github.com/kblomdahl/dream-go, issue 25
    nanochat  github.com/karpathy/nanochat, pull request 105: RTX 3060
    kineto    github.com/pytorch/kineto, tb_plugin/test/test_profiler.py
    trtllm    github.com/NVIDIA/TensorRT-LLM, issue 1541
    cutlass   github.com/NVIDIA/cutlass, issue 154, and include/cutlass/conv/kernel
    web       profiles in several public repositories, found by the name itself
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from convbench.clock.cuda_kernels import launched, multiplies_in, short, tensor_cores
from convbench.clock.execution import Execution, Kernel
from convbench.clock.observing import gathered
from convbench.clock.observing import launched as passes

SPIO = "nhwckrsc_nhwc_tilesize64x64x64_stage"
C1K1 = "float, cudnnTensorStruct, __half const*, cudnnFilterStruct"
ATEN = "at::native::(anonymous namespace)::"

# source, name, algorithm, on tensor cores, type of what is multiplied, only moves data
NAMES = [
    # xmma: cuDNN's and cuBLAS's, for Ampere and later
    ("spio", f"sm86_xmma_fprop_implicit_gemm_f16f16_f16f32_f32_{SPIO}3_warpsize1x4x1_g8_tensor16x8"
     "x16_t1r3s3_execute_kernel__5x_cudnn", "implicit GEMM", True, "float16", False),
    ("spio", f"sm80_xmma_dgrad_implicit_gemm_indexed_f16f16_f16f32_f32_{SPIO}4_warpsize1x4x1_g8_ten"
     "sor16x8x16_execute_kernel__5x_cudnn", "implicit GEMM", True, "float16", False),
    ("spio", f"sm80_xmma_wgrad_implicit_gemm_indexed_f16f16_f16f32_f32_{SPIO}4_warpsize1x1x4_g8_ten"
     "sor16x8x16_execute_kernel__5x_cudnn", "implicit GEMM", True, "float16", False),
    ("kempner", "sm80_xmma_fprop_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize12"
     "8x128x16_stage4_w…", "implicit GEMM", True, "tf32", False),
    ("lens", "sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x128x64_w"
     "arpgroupsize1x1x1_g1_execute_segment_k_off_kernel__5x_cudnn", "implicit GEMM", True,
     "bfloat16", False),
    ("lens", "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64_warpgroupsize1x1x1_execut"
     "e_segment_k_off_kernel__5x_cublas", "GEMM", True, "bfloat16", False),
    ("trtllm", "sm90_xmma_gemm_f16f16_f16f32_f32_tn_n_tilesize128x128x64_warpgroupsize1x1x1_execute"
     "_segment_k_off_kernel__5x_cublas", "GEMM", True, "float16", False),
    ("web", "sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize32x32x8_stage3_warpsize1x2x1_ffma_aligna"
     "4_alignc4_execute_kernel__5x_cublas", "GEMM", False, "float32", False),
    ("web", "sm80_xmma_gemm_f32f32_f32f32_f32…", "GEMM", False, "float32", False),
    ("web", "sm90_xmma_gemm_i8i32_i8i32_i32_tn_n_tilesize256x128x128_warpgroupsize2x1x1_execute_seg"
     "ment_k_off_kernel__5x_cublas", "GEMM", True, "int8", False),
    ("web", "sm89_xmma_gemm_e4m3…", "GEMM", True, "float8", False),
    ("spio", "sm80_xmma_depthwise_convolution_dgrad_tiling_f16f16_f32f32_f32_nhwckrsc_nhwc_tilesize"
     "1x8x8_1x5x5_1x1x1_1x1x1_stage2_warpsize4x1x1_g64_betaFalse_execute_kernel__5x_cudnn",
     "depthwise", None, "float16", False),
    ("web", "sm50_xmma_pooling_coalescedC_NHWC_kMAX_3_False_execute_kernel_trt", "", None, "",
     False),
    ("web", "void xmma_cudnn::gemm::kernel<xmma_cudnn::implicit_gemm::wgrad_indexed::Kernel_traits<"
     "xmma_cudnn::Ampere_hmma_fp32_traits, xmma_cudnn::Cta_tile<xmma_cudnn::Ampere, 256, 128…",
     "implicit GEMM", True, "", False),
    # CUTLASS, in cuDNN and cuBLAS
    ("lens", "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_bf16_s16816fprop_optimized_bf16_256x6"
     "4_32x4_nhwc_align8>(cutlass_tensorop_bf16_s16816fprop_optimized_bf16_256x64_32x4_nhwc_align8:"
     ":Params)", "implicit GEMM", True, "bfloat16", False),
    ("kempner", "void cutlass_cudnn_train::Kernel<cutlass_tensorop_s1688wgrad_optimized_tf32_256x12"
     "8_16x3_nhwc_align…", "implicit GEMM", True, "tf32", False),
    ("lens", "void cutlass::Kernel2<cutlass_80_wmma_tensorop_bf16_s161616gemm_bf16_32x32_128x2_tn_a"
     "lign8>(cutlass_80_wmma_tensorop_bf16_s161616gemm_bf16_32x32_128x2_tn_align8::Params)",
     "GEMM", True, "bfloat16", False),
    ("web", "cutlass_80_simt_sgemm_64x64_8x5_tn_align1", "GEMM", False, "float32", False),
    ("web", "cutlass3x_sm100_tensorop_s256x128x16implicit_gemm_fprop_bf16_bf16_f32_void_bf16_f32_25"
     "6x128x64_dyn_cga_ndhwc_ndhwc_ndhwc_align8_2sm_relu_valpha", "implicit GEMM", True,
     "bfloat16", False),
    ("cutlass", "cutlass_tensorop_s4_i8832fprop_optimized_s4_256x128_128x2_nhwc", "implicit GEMM",
     True, "", False),
    ("cutlass", "void cutlass::Kernel<cutlass::conv::kernel::ImplicitGemmConvolution<cutlass::conv:"
     ":threadblock::ImplicitGemmMultistage<cutlass::gemm::GemmShape<…",
     "implicit GEMM", None, "", False),
    ("cutlass", "void cutlass::Kernel<cutlass::conv::kernel::DirectConvolution<cutlass::conv::threa"
     "dblock::DepthwiseFpropDirectConvMultipleStage<cutlass::gemm::GemmShape<…",
     "direct", None, "", False),
    # cuDNN's and cuBLAS's own in assembly
    ("kempner", "cudnn_infer_ampere_scudnn_128x64_relu_xregs_large_nn_v1", "", False, "float32",
     False),
    ("mxnet", "volta_scudnn_128x128_stridedB_splitK_xregs_large_nn_v1", "", False, "float32",
     False),
    ("mxnet", "volta_s884cudnn_fp16_128x128_ldg8_relu_exp_interior_nhwc_tn_v1", "", True, "float16",
     False),
    ("kineto", "volta_fp16_s884cudnn_fp16_128x128_ldg8_splitK_relu_f2f_exp_small_nhwc_tn_v1", "",
     True, "float16", False),
    ("apex", "volta_fp16_scudnn_fp16_128x128_relu_small_nn_v1", "", False, "float16", False),
    ("web", "_5x_cudnn_ampere_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148t_nt_v1", "Winograd",
     False, "float32", False),
    ("dream", "maxwell_scudnn_winograd_128x128_ldg1_ldg4_relu_tile418n_nt", "Winograd", False,
     "float32", False),
    ("nanochat", "ampere_bf16_s1688gemm_bf16_128x128_ldg8_f2f_stages_32x1_nn", "GEMM", True,
     "bfloat16", False),
    ("kempner", "ampere_sgemm_64x32_sliced1x4_tn", "GEMM", False, "float32", False),
    ("kempner", "ampere_gcgemm_64x64_nt", "GEMM", False, "float32", False),
    ("lens", "nvjet_tst_64x64_64x16_2x1_2cta_v_bz_bias_TNT", "GEMM", True, "", False),
    ("lens", "nvjet_hsh_256x144_64x4_1x2_h_bz_coopA_TNT", "GEMM", True, "", False),
    # cuDNN's in CUDA
    ("torch-13412", "void cudnn::detail::implicit_convolve_sgemm<float, float, int=128, int=6, int="
     "7, int=3, int=3, int=5, int=1, bool=1, bool=0, bool=1>(int, int, int)", "implicit GEMM",
     False, "float32", False),
    ("web", "void precomputed_convolve_sgemm<float, 512, 6, 7, 4, 3, 5, 1, false>(int, int, int)",
     "implicit GEMM", False, "float32", False),
    ("apex", "void cudnn::detail::explicit_convolve_sgemm<__half, int, int=1024, int=5, int=5, int="
     "3, int=3, int=3, int=0, bool=1>(int, int, int)", "im2col and GEMM", False, "float16", False),
    ("web", "void cudnn::cnn::im2col4d_kernel<float, long>(cudnn::cnn::im2col4d_params)", "im2col",
     None, "float32", False),
    ("torch-34977", "void conv2d_grouped_direct_kernel<__half, __half, __half, float, float, bool=1"
     ", bool=0, int=1, int=0, int=0>(cudnnTensorStruct)", "direct", None, "float16", False),
    ("torch-34977", "void wgrad2d_grouped_direct_kernel<__half, float, float, cudnnTensorFormat_t=1"
     ">(cudnnTensorStruct)", "direct", None, "float16", False),
    ("web", "dgrad2d_grouped_direct_kernel…", "direct", None, "", False),
    ("torch-13412", "void cudnn::detail::dgrad_engine<float, int=128, int=6, int=7, int=3, int=3, i"
     "nt=5, bool=1>(int, int, int)", "", None, "float32", False),
    ("mxnet", "void cudnn::detail::dgrad2d_alg1_1<float, int=0, int=6, int=7, int=5, int=4, int=5, "
     "bool=0, bool=1>(int, int, int)", "implicit GEMM", None, "float32", False),
    ("web", "void cudnn::cnn::wgrad_alg0_engine<float, 128, 6, 7, 3, 3, 5, false, 512>(int)",
     "implicit GEMM", None, "float32", False),
    ("spio", f"void conv2d_c1_k1_nhwc_kernel_specialized<__half, __half, __half, float, float, 5, 1"
     f", 8, 3, true>({C1K1})", "depthwise", None, "float16", False),
    ("spio", f"void dgrad2d_c1_k1_nhwc_kernel_specialized_window<__half, float, float, 5, 1, true>("
     f"{C1K1})", "depthwise", None, "float16", False),
    ("spio", f"void cudnn::cnn::wgrad2d_c1_k1_nhwc_kernel<__half, float, 1, 5, 5, 1, 1, 1, 1, true>"
     f"({C1K1})", "depthwise", None, "float16", False),
    ("web", "void cudnn::winograd_nonfused::winogradForwardOutput4x4<float, float>(cudnn::winograd_"
     "nonfused::WinogradOutputParams<float, float>)", "Winograd", False, "float32", False),
    ("kempner", "void fft2d_r2c_64x64<float, (bool)1>(float2 *, const T1 *, int)", "FFT", False,
     "float32", False),
    ("torch-51382", "void fft1d_c2r_32<float2, float, float, bool=0, bool=1, bool=0, bool=0>(float*"
     ")", "FFT", False, "float32", False),
    ("web", "void DSE::vector_fft<0, 1, 128, 8, 8, 1, float, float, float2>(float2*)", "FFT", None,
     "", False),
    ("web", "void convolve_common_engine_float_NHWC<__half, __half, 128, 5, 5, 3, 3, 3, true, false"
     ", false, false, false>(int)", "", None, "float16", False),
    ("web", "cudnn_generated_fort_native_sm80_convFwd_pointwise_pointwise…", "", None, "", False),
    ("web", "cudnn_generated_fort_native_sdpa_sm80_flash_fprop_wmma_f16_knob_6_128x64x64_4x1x1_cga1"
     "x1x1_kernel0_0", "", True, "float16", False),
    # helpers, and what only moves data
    ("web", "cudnn::gemm::computeOffsetsKernel(cudnn::gemm::ComputeOffsetsParams)", "", None, "",
     False),
    ("kempner", "void flip_filter<float, float>(T2 *, const T1 *, int, int, int, int)", "", None,
     "float32", False),
    ("kempner", "void cudnn::ops::nchwToNhwcKernel<float, float, float, (bool)0, (bool)1, (cudnnKer"
     "nelDataType_t)2>(…", "", None, "float32", True),
    ("mxnet", "void nhwcToNchwKernel<float, float, float, bool=1, bool=0>(int, int, int, int)", "",
     None, "float32", True),
    ("web", "nhwcAddPaddingKernel…", "", None, "", True),
    ("dream", "void cudnn::detail::cubeTransposeDeviceGeneric_kernel<float, float, float, int=8, in"
     "t=8>(int, int)", "", None, "float32", True),
    # ATen's
    ("web", f"void {ATEN}conv_depthwise2d_forward_kernel<3, float, int>(int)", "direct, depthwise",
     None, "float32", False),
    ("web", "conv_depthwise2d_forward_kernel_generic…", "direct, depthwise", None, "",
     False),
    ("web", "void at::native::vol2col_kernel<c10::BFloat16>(long, c10::BFloat16 const*)", "im2col",
     None, "bfloat16", False),
    ("web", "void at::native::im2col_kernel<float>(long, float const*, long)", "im2col", None,
     "float32", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "algorithm", "cores", "kind", "moves"),
    [pytest.param(*row[1:], id=f"{row[0]}-{row[1][:40]}") for row in NAMES],
)
def test_a_name_says_what_the_kernel_is(name, algorithm, cores, kind, moves):
    event = SimpleNamespace(
        name="aten::cudnn_convolution", kernels=[SimpleNamespace(name=name, duration=1.0)]
    )
    (found,) = launched([event])
    assert tensor_cores(name) is cores
    assert multiplies_in(found.name) == kind
    assert found.moves is moves
    (kernel,) = gathered([passes([event])] * 2).kernels
    assert isinstance(kernel, Kernel)
    assert kernel._algorithm == algorithm


def test_a_template_of_cudnn_is_called_by_what_it_is_made_of():
    name = next(row[1] for row in NAMES if "xmma_cudnn" in row[1]).removeprefix("void ")
    assert short(name) == "xmma_cudnn::implicit_gemm::wgrad_indexed::Kernel_traits"


def of(*names: str) -> Execution:
    found = [
        SimpleNamespace(
            name="aten::cudnn_convolution", kernels=[SimpleNamespace(name=name, duration=1.0)]
        )
        for name in names
    ]
    return gathered([passes(found)] * 2)


def test_a_pass_says_in_which_types_it_multiplies_and_leaves_out_what_does_not():
    convert, relu = (
        "void cudnn::ops::nchwToNhwcKernel<float, float>(int)",
        "relu_kernel<double>(int)",
    )
    half, single = "ampere_fp16_s16816gemm_fp16_64x64", "ampere_sgemm_64x32_sliced1x4_tn"
    assert of(convert, half, relu).multiplies_in == "float16"
    assert of(half, single, half).multiplies_in == "float16, float32"
    assert of("nvjet_tst_64x64_64x16_2x1_2cta_v_bz_bias_TNT").multiplies_in == ""
