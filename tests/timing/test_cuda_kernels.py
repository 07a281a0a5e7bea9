"""Kernels of a GPU, from a scripted profile: whose they are, how they compute, who chose them."""

from __future__ import annotations

import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from scripted import samples

from convbench.clock import observing
from convbench.clock.contamination import choices, flags
from convbench.clock.crew import Contestant, Order, Outcome
from convbench.clock.cuda_kernels import launched, short, tensor_cores
from convbench.clock.execution import Execution, joined
from convbench.clock.group_process import _with_facts
from convbench.clock.observing import AGAIN, PASSES, gathered, observe

# As PyTorch's profiler tells them; the numbers of the templates are left out where they are long.
XMMA = (
    "sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x128x64_"
    "warpgroupsize1x1x1_g1_execute_segment_k_off_kernel__5x_cudnn"
)
TF32 = (
    "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_s1688fprop_optimized_tf32_256x64_16x4_nhwc_"
    "align4>(cutlass_tensorop_s1688fprop_optimized_tf32_256x64_16x4_nhwc_align4::Params)"
)
FFMA = (
    "sm80_xmma_fprop_implicit_gemm_indexed_f32f32_f32f32_f32_nchwkcrs_nchw_tilesize64x64x8_"
    "stage3_warpsize1x4x1_g1_ffma_aligna4_alignc4_execute_kernel__5x_cudnn"
)
WINOGRAD = "_5x_cudnn_ampere_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148t_nt_v1"
NONFUSED = (
    "void cudnn::winograd_nonfused::winogradForwardOutput4x4<float, float>"
    "(cudnn::winograd_nonfused::WinogradOutputParams<float, float>)"
)
TO_NHWC = (
    "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true, (cudnnKernelDataType_t)0>"
    "(cudnn::ops::nchw2nhwc_params_t<float>, float const*, float*)"
)
DEPTHWISE = (
    "void at::native::(anonymous namespace)::conv_depthwise2d_forward_kernel<3, float, int>"
    "(at::GenericPackedTensorAccessor<float const, 4ul>, int, int)"
)
RELU = (
    "void at::native::vectorized_elementwise_kernel<4, at::native::launch_clamp_scalar(at::TensorIt"
    "eratorBase&)::{lambda()#1}, std::array<char*, 2ul> >(int, std::array<char*, 2ul>)"
)
COPY = "void at::native::elementwise_kernel<128, 4, at::native::direct_copy_kernel_cuda>(int)"


def event(name: str, *kernels: tuple[str, float]) -> Any:
    """Return an event as torch.profiler has it: an operator, and kernels with microseconds."""
    return SimpleNamespace(
        name=name, kernels=[SimpleNamespace(name=n, duration=us) for n, us in kernels]
    )


GEMV = (
    "std::enable_if<!(false), void>::type internal::gemvx::kernel<int, int, float, float, float, "
    "float, false, true, true, false, 7, false, cublasGemvParamsEx<int, float, float> >"
    "(cublasGemvParamsEx<int, float, float>)"
)


def profile(*kernels: tuple[str, str, float]) -> Execution:
    """Return what ran in a pass of these kernels, each of an operator."""
    found = observing.launched([event(op, (name, us)) for op, name, us in kernels])
    return gathered([found, found])


@pytest.mark.parametrize(
    ("operator", "name", "library", "words", "cores"),
    [
        ("aten::cudnn_convolution", XMMA, "cuDNN", "implicit GEMM", True),
        ("aten::cudnn_convolution", TF32, "cuDNN", "implicit GEMM", True),
        ("aten::cudnn_convolution", FFMA, "cuDNN", "implicit GEMM", False),
        ("aten::cudnn_convolution", WINOGRAD, "cuDNN", "Winograd", False),
        ("aten::cudnn_convolution", NONFUSED, "cuDNN", "Winograd", False),
        ("aten::cudnn_convolution", "volta_sgemm_128x64_nn", "cuDNN", "GEMM", False),
        ("aten::cudnn_convolution", "void fft2d_r2c_32x32<float, 1u>(int)", "cuDNN", "FFT", False),
        ("aten::addmm", "ampere_bf16_s16816gemm_bf16_128x64_ldg8_f2f", "cuBLAS", "GEMM", True),
        ("aten::addmm", "cutlass_80_simt_sgemm_128x64_8x5_nn", "CUTLASS", "GEMM", False),
        ("aten::mm", "a_name_that_says_nothing", "cuBLAS", "", None),
        ("aten::addmm", GEMV, "cuBLAS", "GEMV", None),
        ("aten::_conv_depthwise2d", DEPTHWISE, "ATen", "direct, depthwise", None),
        ("aten::clamp_min", RELU, "ATen", "", None),
    ],
)
def test_a_kernel_is_told_by_its_name_and_its_operator(operator, name, library, words, cores):
    (found,) = profile((operator, name, 3.0)).kernels
    assert found.backend == library
    assert found.tensor_cores is cores
    assert found._algorithm == words
    assert (found.reorder, found.calls, found.seconds) == (False, 1, 3e-6)


def test_a_name_that_begins_with_a_type_is_told_by_its_namespace():
    (found,) = launched([event("aten::addmm", (GEMV, 1.0))])
    assert found.name.startswith("internal::gemvx::kernel<int, int, float")
    assert short(found.name) == "gemvx"


def test_names_have_no_parameters_and_short_ones_no_templates():
    names = [one.name for one in launched([event("aten::x", (DEPTHWISE, 1.0), (TF32, 1.0))])]
    assert names == [
        "at::native::(anonymous namespace)::conv_depthwise2d_forward_kernel<3, float, int>",
        "cutlass__5x_cudnn::Kernel<cutlass_tensorop_s1688fprop_optimized_tf32_256x64_16x4_nhwc_"
        "align4>",
    ]
    assert [short(name) for name in (*names, XMMA)] == [
        "conv_depthwise2d_forward_kernel",
        "cutlass_tensorop_s1688fprop_optimized_tf32_256x64_16x4_nhwc_align4",
        XMMA,
    ]


def test_layouts_are_told_where_the_name_does():
    layouts = [one.layouts for one in launched([event("aten::x", (XMMA, 1.0), (FFMA, 1.0))])]
    assert layouts == ["src acdb, weights acdb, dst acdb", "src abcd, weights abcd, dst abcd"]
    assert profile(("aten::x", TF32, 1.0)).kernels[0].layouts == ""


def test_a_pass_has_its_kernels_transposes_and_tensor_cores():
    ran = profile(
        ("aten::cudnn_convolution", TO_NHWC, 2.0),
        ("aten::cudnn_convolution", TO_NHWC, 1.0),
        ("aten::cudnn_convolution", XMMA, 5.0),
        ("aten::clamp_min", RELU, 1.0),
        ("aten::copy_", COPY, 4.0),
    )
    assert (ran.calls, ran.reorders) == (5, 3)
    assert ran.reorder_seconds == pytest.approx(7e-6)
    assert ran.tensor_cores == "yes"
    assert ran.words == f"cuDNN {XMMA} (implicit GEMM); ATen vectorized_elementwise_kernel"
    assert ran.choice == (TO_NHWC.removeprefix("void ").partition("(cudnn::ops::nchw2")[0], XMMA)
    assert Execution.from_json(ran.to_json()) == ran


def test_some_kernels_on_tensor_cores_are_counted_and_unnamed_ones_are_not():
    both = profile(("aten::cudnn_convolution", XMMA, 5.0), ("aten::cudnn_convolution", FFMA, 5.0))
    assert both.tensor_cores == "1 of 2 kernels"
    assert profile(("aten::cudnn_convolution", FFMA, 5.0)).tensor_cores == "no"
    assert profile(("aten::clamp_min", RELU, 1.0)).tensor_cores == ""
    assert tensor_cores("ampere_hgemm_128x64_nn") is None, "both kinds of cores have such"


class Watched(Contestant):
    """A case whose passes are counted, and run the kernels of a script."""

    def __init__(self, *names: str) -> None:
        self.names, self.asked = names, []

    def execution(self, most: int = PASSES) -> Execution:
        self.asked.append(most)
        return profile(*(("aten::cudnn_convolution", name, 5.0) for name in self.names))


@pytest.mark.parametrize(
    ("device", "number", "seconds", "asked"),
    [
        ("cuda:0", 0, 1.0, [PASSES]), ("cuda:0", 1, 1.0, [AGAIN]),
        ("cpu", 0, 1.0, [PASSES]), ("cpu", 1, 1e-3, [AGAIN]), ("cpu", 1, 1.0, []),
    ],
)  # fmt: skip
def test_what_ran_is_asked_in_further_processes_on_a_gpu_and_of_short_calls(
    device, number, seconds, asked
):
    case = Watched(XMMA)
    order = Order(seed=0, number=number, device=device)
    told = _with_facts(Outcome(samples=samples([seconds])), case, SimpleNamespace(), order, {})
    assert case.asked == asked
    if not asked:
        assert told.execution is None
        return
    assert told.samples.kernels == (XMMA,)
    assert told.execution.choice == (XMMA,)


def test_what_ran_takes_the_median_of_the_processes_that_ran_the_same():
    def seen(name, seconds):
        return profile(("aten::cudnn_convolution", name, 1e6 * seconds))

    first, *others = (seen(XMMA, took) for took in (5.0, 7.0, 6.0))
    found = joined([Execution(reason="no log"), first, *others, seen(FFMA, 1.0)])
    assert found.kernels == (replace(first.kernels[0], seconds=6.0),)
    assert (found.processes, found.passes) == (3, 6)
    assert joined([Execution(reason="no log")]).reason == "no log"
    assert joined([]) is None


def test_at_most_so_many_passes_are_observed(monkeypatch):
    made = []
    monkeypatch.setattr(
        observing, "_on_cuda", lambda work, device: made.append(work()) or [("k", 1.0)]
    )
    monkeypatch.setattr(observing, "gathered", lambda passes: Execution(passes=len(passes)))
    assert observe(lambda: None, "cuda:0", most=1).passes == 1
    assert len(made) == 2, "one goes before"


def test_the_profiler_stays_loaded_for_the_graphs_that_are_captured_later(monkeypatch):
    for name in observing._KEEP_CUPTI:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    seen = []

    class Profile:
        def __init__(self, activities):
            seen.append({name: os.environ.get(name) for name in observing._KEEP_CUPTI})

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def events(self):
            return [event("aten::cudnn_convolution", (XMMA, 2.0))]

    monkeypatch.setattr(torch.profiler, "profile", Profile)
    monkeypatch.setattr(torch.cuda, "synchronize", seen.append)
    ((call, seconds),) = observing._on_cuda(lambda: None, "cuda:1")
    assert seen == [{"DISABLE_CUPTI_LAZY_REINIT": "1", "TEARDOWN_CUPTI": "0"}, "cuda:1"]
    assert (call.implementation, seconds) == (XMMA, 2e-6)


def process(seconds: float, *names: str) -> Any:
    return samples([seconds] * 8, kernels=names, process="forked")


def test_processes_that_chose_other_kernels_are_named_with_their_times():
    told = [
        *(process(seconds, TO_NHWC, XMMA) for seconds in (10e-6, 11e-6, 10.5e-6)),
        process(15e-6, TO_NHWC, WINOGRAD), process(9e-6),
    ]  # fmt: skip
    assert [(names, len(several)) for names, several in choices(told).items()] == [
        ((XMMA,), 3), ((WINOGRAD,), 1),
    ]  # fmt: skip
    flag = next(flag for flag in flags(told) if flag.startswith("algorithms differ"))
    assert flag == (
        f"algorithms differ: 3 of 4 processes: {XMMA}, 10.5 µs a call; 1 of 4 processes: "
        f"{WINOGRAD}, 15.0 µs a call"
    )


def test_a_layout_transpose_more_is_another_choice():
    told = [process(10e-6, XMMA), process(12e-6, XMMA, TO_NHWC)]
    flag = next(flag for flag in flags(told) if flag.startswith("algorithms differ"))
    assert "1 of 2 processes: none of these, 10.0 µs a call" in flag
    assert "1 of 2 processes: nchwToNhwcKernel, 12.0 µs a call" in flag


@pytest.mark.parametrize("names", [((XMMA,), (XMMA,)), ((XMMA,), ()), ((), ())])
def test_the_same_choice_and_an_unknown_one_are_no_difference(names):
    told = [process(10e-6, *each) for each in names]
    assert not any(flag.startswith("algorithms") for flag in flags(told))
