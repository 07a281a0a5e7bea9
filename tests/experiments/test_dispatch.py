"""What flips an implementation: the variants, the same function written densely, the sentences."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from rich.console import Console
from scripted import samples
from torch import nn

from convbench.clock.execution import Execution, Kernel
from convbench.clock.measurement import Measurement
from convbench.clock.onednn_log import readable
from convbench.convs.base import make
from convbench.core.errors import SpecError
from convbench.core.spec import ConvSpec
from convbench.experiments.dispatch import (
    Dispatched,
    _flips,
    densified,
    dispatch,
    implementation,
    variants,
)
from convbench.experiments.page import dispatch_page
from convbench.experiments.setups import Raced
from convbench.report.formats.terminal import print_document

SLOT = ConvSpec(in_channels=8, out_channels=16, input_size=(9, 9), kernel_size=3, padding="same")
TWICE = make("depthwise", {"multiplier": 2})


def net():
    return nn.Sequential(
        nn.Conv2d(6, 6, 3, groups=3), nn.Sequential(nn.Conv2d(6, 12, (3, 1), groups=6, bias=False))
    )


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (partial(nn.Conv1d, 4, 8, 3, groups=4), (2, 4, 9)),
        (partial(nn.Conv2d, 8, 8, 3, stride=2, padding=1, dilation=2, groups=2), (1, 8, 11, 9)),
        (partial(nn.Conv3d, 4, 4, 2, groups=4), (1, 4, 5, 6, 7)),
        (net, (2, 6, 9, 9)),
    ],
)
def test_a_grouped_convolution_written_densely_computes_the_same(build, shape):
    torch.manual_seed(0)
    grouped = build().double()
    torch.manual_seed(0)
    dense = densified(build).double()
    grouped_ones = [m for m in dense.modules() if getattr(m, "groups", 1) > 1]
    assert grouped_ones == []
    x = torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(dense(x), grouped(x))


def test_every_variant_changes_one_thing_in_both_layouts():
    found = variants(TWICE, SLOT)
    assert [one.layout for one in found[:2]] == ["channels_first", "channels_last"]
    assert len({one.name for one in found}) == len(found)
    setups = {one.change: one.setup for one in found if one.layout == "channels_first"}
    asked = setups[""]
    assert asked.multiplications == 8 * 2 * 9 * 81
    assert setups["bfloat16"] == replace(asked, dtype="bfloat16")
    assert setups["batch 16"].input_shape == (16, 8, 9, 9)
    assert setups["batch 16"].multiplications == 16 * asked.multiplications
    assert setups["16 input channels"].input_shape == (1, 16, 9, 9), "the next multiple of 16"
    assert setups["multiplier 1"].multiplications * 2 == asked.multiplications
    dense = setups["dense, block-diagonal weights"]
    assert dense.build().groups == 1
    assert dense.multiplications == asked.multiplications, "those with zeros are not counted"


def test_what_a_type_does_not_have_is_no_variant():
    plain = variants(make("standard"), SLOT.with_(in_channels=16, batch=32))
    changes = {one.change for one in plain}
    assert {"batch 1", "17 input channels"} <= changes
    assert not any(change.startswith(("multiplier", "dense")) for change in changes)
    line = ConvSpec(in_channels=8, out_channels=8, input_size=(64,), kernel_size=3)
    assert {one.layout for one in variants(make("standard"), line)} == {"channels_first"}


def kernel(implementation, operator="convolution", **changes):
    return Kernel(**{"operator": operator, "backend": "oneDNN", "implementation": implementation,
                     "layouts": "", "reorder": operator == "reorder", "calls": 1, "seconds": 1.0,
                     **changes})  # fmt: skip


def raced(times, ran):
    """Return variants of which these have a time, and what ran in them."""
    several = [one for one in variants(TWICE, SLOT) if one.name in times]
    measured = Measurement(
        samples={
            name: tuple(samples([t] * 20, str(n)) for n in range(5)) for name, t in times.items()
        }
    )
    executions = {name: Execution(kernels=(kernel("jit:blk", "reorder"), kernel(implementation)))
                  for name, implementation in ran.items()}  # fmt: skip
    return several, Raced({one.name: one.setup for one in several}, measured, executions)


TIMES = {"as asked, channels first": 24e-3, "as asked, channels last": 1e-3,
         "bfloat16, channels first": 12e-3, "multiplier 1, channels first": 2e-3}  # fmt: skip
RAN = {"as asked, channels first": "x64:gemm:jit", "as asked, channels last": "jit:avx512_core",
       "bfloat16, channels first": "x64:gemm:jit",
       "multiplier 1, channels first": "jit_dw:avx512_core"}  # fmt: skip


def test_a_flip_is_another_algorithm_and_its_factor_is_for_equal_work():
    several, found = raced(TIMES, RAN)
    flips = _flips(several, found)
    assert [(flip.before.name, flip.after.name) for flip in flips] == [
        ("as asked, channels first", "as asked, channels last"),
        ("as asked, channels first", "multiplier 1, channels first"),
    ]
    assert [flip.ratio.value for flip in flips] == pytest.approx([1 / 24, 2 / 24 * 2])
    assert [flip.same_work for flip in flips] == [True, False]


def test_the_page_says_which_change_flips_it_and_by_what_factor():
    several, found = raced(TIMES, RAN)
    page = dispatch_page(
        Dispatched(kind=TWICE, spec=SLOT, variants=tuple(several), raced=found,
                   flips=_flips(several, found)), "cpu"
    )  # fmt: skip
    console = Console(width=120, record=True, no_color=True)
    print_document(page, console)
    text = " ".join(console.export_text().split())
    assert (
        "As asked: channels last instead of channels first runs oneDNN jit:avx512_core (direct) in "
        "place of oneDNN x64:gemm:jit (im2col and GEMM); it is 24× as fast (95 % interval 23–25)."
    ) in text
    assert "multiplier 1 instead of multiplier 2 runs oneDNN jit_dw:avx512_core" in text
    assert "as fast for each multiplication" in text


def test_a_flip_is_told_where_a_busy_machine_left_no_time():
    several, found = raced({**TIMES}, RAN)
    lost = {**found.measurement.samples, "as asked, channels last": ()}
    busy = replace(found.measurement, samples=lost, failures={"as asked, channels last": "busy"})
    (flip, _) = _flips(several, replace(found, measurement=busy))
    assert (flip.after.name, flip.ratio) == ("as asked, channels last", None)
    made = Dispatched(kind=TWICE, spec=SLOT, variants=tuple(several), flips=(flip,),
                      raced=replace(found, measurement=busy))  # fmt: skip
    texts = [block.text for block in dispatch_page(made, "cpu").blocks if hasattr(block, "text")]
    assert "No time: as asked, channels last: busy." in texts


def test_where_nothing_flips_the_page_says_so():
    same = dict.fromkeys(RAN, "jit:avx512_core")
    several, found = raced(TIMES, same)
    made = Dispatched(kind=TWICE, spec=SLOT, variants=tuple(several), raced=found,
                      flips=_flips(several, found))  # fmt: skip
    assert made.flips == ()
    assert "None of these changes flips" in dispatch_page(made, "cpu").blocks[0].text


def test_elementwise_work_and_reorders_are_no_implementation():
    found = Execution(
        kernels=(kernel("jit:blk", "reorder", seconds=9.0), kernel("relu", "relu", backend="ATen"),
                 kernel("jit_dw:avx512_core"), kernel("Slow2d", backend="ATen", seconds=2.0))
    )  # fmt: skip
    assert implementation(found, words=False) == "ATen Slow2d; oneDNN jit_dw:avx512_core"
    assert implementation(None) == ""


@pytest.mark.skipif(bool(readable()), reason=readable() or "oneDNN's log is readable")
def test_a_type_is_run_in_every_variant_here():
    """The path is what oneDNN chooses on any CPU: with several outputs a channel, no depthwise."""
    found = dispatch(TWICE, SLOT.with_(input_size=(28, 28), in_channels=32, out_channels=64),
                     budget=0.2, processes=1)  # fmt: skip
    assert found.raced.measurement.failures == {}
    ran = {one.name: implementation(found.execution(one.name)) for one in found.variants}
    assert "" not in ran.values()
    assert ran["as asked, channels first"] != ran["multiplier 1, channels first"]


def test_a_budget_that_is_none_and_a_slot_that_does_not_fit_are_refused():
    with pytest.raises(SpecError, match=r"--budget 0: give seconds above 0"):
        dispatch(TWICE, SLOT, budget=0)
    with pytest.raises(SpecError, match="2 × 8"):
        dispatch(TWICE, SLOT.with_(out_channels=9))
