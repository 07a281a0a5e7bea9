"""What ran in a pass: oneDNN's log, the operators of ATen, and how passes are put together."""

import math
import os
import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from convbench.clock import observing
from convbench.clock.execution import Execution, Kernel
from convbench.clock.observing import (
    PASSES,
    _Call,
    _copied,
    _on_cpu,
    gathered,
    launched,
    layout,
    observe,
    observed,
)
from convbench.clock.onednn_log import Executed, captured, executed, readable

pytestmark = pytest.mark.skipif(bool(readable()), reason=readable() or "oneDNN's log is readable")

REORDER = (
    "primitive,exec,cpu,reorder,jit:blk,undef,src:f32::blocked:abcd::f0 "
    "dst:f32::blocked:aBcd16b::f0,attr-scratchpad:user,,1x64x56x56,0.25"
)
LINES = {
    f"onednn_verbose,v1,{REORDER}": Executed(
        "reorder", "jit:blk", "src abcd, dst aBcd16b", 0.25e-3
    ),
    f"onednn_verbose,{REORDER}": Executed("reorder", "jit:blk", "src abcd, dst aBcd16b", 0.25e-3),
    f"onednn_verbose,v1,1690000000.5,{REORDER}": Executed(
        "reorder", "jit:blk", "src abcd, dst aBcd16b", 0.25e-3
    ),
    "onednn_verbose,v1,primitive,exec,cpu,convolution,jit_dw:avx512_core,forward_training,"
    "src:f32:a:blocked:aBcd16b::f0 wei:f32:ap:blocked:Abcde16a::f0 bia:undef::undef::: "
    "dst:f32:a:blocked:aBcd16b::f0,attr-scratchpad:user,alg:convolution_direct,g64mb1_ic64,0.5": (
        Executed(
            "convolution",
            "jit_dw:avx512_core",
            "src aBcd16b, weights Abcde16a, dst aBcd16b",
            0.5e-3,
        )
    ),
    "onednn_verbose,v1,primitive,exec,cpu,matmul,brg_matmul:avx512_core_bf16,undef,"
    "src:bf16::blocked:ab::f0 wei:bf16::blocked:ba::f0 dst:bf16::blocked:ab::f0,"
    "attr-scratchpad:user attr-post-ops:sum,,8x64:64x64,2": Executed(
        "matmul", "brg_matmul:avx512_core_bf16", "src ab, weights ba, dst ab", 2e-3
    ),
    "onednn_verbose,v1,info,cpu,runtime:OpenMP,nthr:1": None,
    "onednn_verbose,v1,primitive,create:cache_hit,cpu,reorder,jit:blk,undef,x,,,1,0.1": None,
    "somebody prints,exec,cpu,reorder,a,b,c,d,e,f,1": None,
    f"onednn_verbose,v1,{REORDER[:-4]}what": None,
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_log_is_read_in_every_form_of_it(line):
    assert executed(line) == LINES[line]


def test_what_onednn_logs_does_not_reach_the_standard_output_which_is_put_back(capfd):
    conv, x = nn.Conv2d(64, 64, 3, padding=1), torch.randn(1, 64, 28, 28)
    os.write(1, b"before;")
    with torch.no_grad(), captured() as log:
        conv(x)
        assert "convolution" in {one.primitive for one in log.more()}
        assert log.more() == [], "each is told once"
    conv(x)
    os.write(1, b"after")
    assert capfd.readouterr().out == "before;after"


def test_the_standard_output_is_put_back_after_an_error(capfd):
    with pytest.raises(ZeroDivisionError), captured():
        1 / 0  # noqa: B018
    os.write(1, b"here")
    assert capfd.readouterr().out == "here"


@pytest.fixture
def as_long_as_it_takes(monkeypatch):
    """On a busy machine the passes end before all are made."""
    monkeypatch.setattr(observing, "ENOUGH", math.inf)


@pytest.mark.usefixtures("as_long_as_it_takes")
def test_every_operator_of_a_pass_is_found_in_order_with_who_ran_it():
    module = nn.Sequential(
        nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False), nn.BatchNorm2d(64), nn.ReLU()
    ).eval()
    x = torch.randn(1, 64, 28, 28)
    found = observe(lambda: module(x))
    names = [kernel.operator for kernel in found.kernels]
    assert [name for name in dict.fromkeys(names) if name != "reorder"] == [
        "convolution", "batch_norm", "relu",
    ]  # fmt: skip
    convolution, norm, relu = (k for k in found.kernels if k.operator != "reorder")
    assert convolution.backend == "oneDNN"
    assert convolution.implementation
    assert convolution.layouts.startswith("src ")
    assert (norm.backend, norm.implementation) == ("ATen", "native_batch_norm")
    assert (relu.backend, relu.layouts, relu.calls) == ("ATen", "src abcd, dst abcd", 1)
    assert all(kernel.reorder == (kernel.operator == "reorder") for kernel in found.kernels)
    assert (found.passes, found.reason) == (PASSES, "")
    assert found.calls == found.reorders + 3


def test_a_pass_holds_no_more_time_in_calls_than_it_took():
    module = nn.Sequential(nn.Conv2d(32, 32, 3), nn.Conv2d(32, 32, 1), nn.ReLU()).eval()
    x = torch.randn(1, 32, 28, 28)
    begin = time.perf_counter()
    calls = _on_cpu(lambda: module(x))
    assert 0 < sum(seconds for _, seconds in calls) <= time.perf_counter() - begin


def test_the_path_of_a_multiplier_is_told_from_the_direct_one_by_its_name():
    """Depthwise with several outputs a channel: channels first is no depthwise kernel of oneDNN."""
    conv, x = nn.Conv2d(64, 128, 3, groups=64), torch.randn(1, 64, 28, 28)
    last = torch.channels_last
    first = observe(lambda: conv(x))
    conv, x = conv.to(memory_format=last), x.to(memory_format=last)
    assert first.words != observe(lambda: conv(x)).words


def test_copies_are_reorders_and_views_are_nothing():
    x = torch.randn(2, 8, 5, 5)
    found = observe(lambda: x.view(2, 2, 4, 5, 5).transpose(1, 2).reshape(2, 8, 5, 5))
    assert [(k.operator, k.reorder, k.calls) for k in found.kernels] == [("clone", True, 1)]


def test_the_copy_after_a_transposed_convolution_is_told_where_onednn_wrote_channels_last():
    conv, x = nn.ConvTranspose2d(64, 64, 4, 2, 1), torch.randn(1, 64, 28, 28)
    found = observe(lambda: conv(x))
    wrote = next(k.layouts for k in reversed(found.kernels) if k.backend == "oneDNN")
    copies = [k for k in found.kernels if k.backend == "ATen"]
    if wrote.endswith("dst acdb"):  # as oneDNN does with AVX-512
        (copy,) = copies
        assert (copy.operator, copy.layouts, copy.reorder, copy.calls) == (
            "clone", "src acdb, dst abcd", True, 1,
        )  # fmt: skip
        assert copy.seconds > 0
    else:
        assert not copies
    for size in ((1, 64, 28, 28), (1, 64, 1, 1)):  # a single position is in both layouts
        conv, x = nn.ConvTranspose2d(64, 64, 4, 4), torch.randn(size)
        conv, x = (one.to(memory_format=torch.channels_last) for one in (conv, x))
        assert {k.backend for k in observe(lambda: conv(x)).kernels} == {"oneDNN"}  # noqa: B023
    conv, x = nn.Conv2d(16, 16, 3, groups=16), torch.randn(1, 16, 3, 3)
    conv = conv.to(memory_format=torch.channels_last)
    assert {k.backend for k in observe(lambda: conv(x)).kernels} == {"oneDNN"}


def test_of_several_results_no_copy_is_looked_for():
    assert _copied("src abc, dst acb", (torch.zeros(2, 3, 4), torch.zeros(2, 3))) == []
    (copy,) = _copied("src acb, dst acb", torch.zeros(2, 3, 4))
    assert copy[0].layouts == "src acb, dst abc"


def test_a_native_convolution_says_which_one():
    conv, x = nn.Conv2d(3, 5, 3, dtype=torch.float64), torch.randn(1, 3, 9, 9, dtype=torch.float64)
    (kernel,) = observe(lambda: conv(x)).kernels
    assert (kernel.operator, kernel.backend, kernel.implementation) == (
        "convolution", "ATen", "Slow2d",
    )  # fmt: skip
    assert kernel.words == "ATen Slow2d (im2col and GEMM)"


def test_all_calls_together_take_the_median_of_the_passes():
    relu, conv = (_Call(name, "ATen", name, "", reorder=False) for name in ("relu", "convolution"))
    found = gathered(
        [
            [(relu, 1.0), (conv, 5.0), (relu, 1.0)],
            [(relu, 2.0), (conv, 7.0), (relu, 2.0)],
            [(relu, 9.0), (conv, 6.0), (relu, 9.0)],
            *[[(relu, 9.0), (conv, 9.0), (relu, 9.0)]] * 2,
        ]
    )
    assert [(k.operator, k.calls, k.seconds) for k in found.kernels] == [
        ("relu", 2, pytest.approx(9.6)), ("convolution", 1, pytest.approx(14.4)),
    ]  # fmt: skip
    assert (found.passes, found.kernel_seconds, found.reorder_seconds) == (5, 24.0, 0)


def test_a_call_that_the_last_pass_lacks_is_in_no_sum():
    one, other = (_Call(name, "ATen", name, "", reorder=False) for name in ("one", "other"))
    found = gathered([[(one, 10.0), (other, 10.0)], [(one, 10.0), (other, 10.0)], [(one, 10.0)]])
    assert [(k.operator, k.seconds) for k in found.kernels] == [("one", 10.0)]


@pytest.mark.usefixtures("as_long_as_it_takes")
def test_each_pass_is_prepared_and_an_error_becomes_the_reason():
    prepared = []
    x = torch.ones(4, 4)
    observe(lambda: x + 1, prepare=lambda: prepared.append(1))
    assert len(prepared) == PASSES + 1, "one goes before those that count"
    found = observed(lambda: x @ torch.ones(3, 3))
    assert found.kernels == ()
    assert "RuntimeError" in found.reason
    assert found.words.startswith("not known: RuntimeError")


@pytest.mark.parametrize(
    ("tensor", "order"),
    [
        (torch.zeros(2, 3, 4, 5), "abcd"),
        (torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last), "acdb"),
        (torch.zeros(1, 3, 4, 5).to(memory_format=torch.channels_last), "acdb"),
        (torch.zeros(1, 3, 2, 4, 5).to(memory_format=torch.channels_last_3d), "acdeb"),
        (torch.zeros(2, 6, 4, 5).view(2, 2, 3, 4, 5).transpose(1, 2), "acbde"),
        (torch.zeros(2, 3).t(), "ba"),
    ],
)
def test_a_layout_is_the_order_of_axes_in_memory(tensor, order):
    assert layout(tensor) == order


def test_kernels_of_a_device_belong_to_the_operator_that_launched_them():
    def event(name, *kernels):
        return SimpleNamespace(
            name=name, kernels=[SimpleNamespace(name=n, duration=d) for n, d in kernels]
        )

    found = launched(
        [
            event("aten::conv2d"),
            event("aten::cudnn_convolution", ("nchwToNhwcKernel", 2.0), ("sm90_xmma_fprop", 5.0)),
            event("aten::addmm", ("cutlass_80_simt", 4.0)),
            event("aten::clamp_min", ("vectorized_elementwise_kernel", 1.0)),
        ]
    )
    assert [(c.operator, c.backend, c.reorder, s) for c, s in found] == [
        ("cudnn_convolution", "cuDNN", True, 2e-6),
        ("cudnn_convolution", "cuDNN", False, 5e-6),
        ("addmm", "CUTLASS", False, 4e-6),
        ("clamp_min", "ATen", False, 1e-6),
    ]


def kernel(name, seconds, *, reorder=False, calls=1):
    return Kernel(operator=name, backend="ATen", implementation=name, layouts="", reorder=reorder,
                  calls=calls, seconds=seconds)  # fmt: skip


def test_words_name_what_took_most_and_leave_out_the_small_and_the_reorders():
    found = Execution(
        kernels=(kernel("small", 0.1), kernel("clone", 50, reorder=True, calls=3),
                 kernel("Slow2d", 6), kernel("native_batch_norm", 7)),
        passes=5,
    )  # fmt: skip
    assert found.words == "ATen batch_norm; ATen Slow2d (im2col and GEMM)"
    assert (found.calls, found.reorders) == (6, 3)
    assert Execution.from_json(found.to_json()) == found
