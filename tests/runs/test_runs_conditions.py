"""Conditions: the axes of a suite, their labels, and what does not run under which."""

import pytest

from convbench.core.errors import SuiteError
from convbench.core.units import itemsize
from convbench.runs.cases import expand
from convbench.runs.conditions import AXES, Condition, combinations, default, defaults
from convbench.runs.record import Record
from convbench.runs.suite import parse_suite

SLOT = """
[[slots]]
in_channels = 4
out_channels = 4
input_size = "8x8"
kernel_size = 3
types = ["standard", "lite"]
"""


def test_fields_of_a_condition_are_those_of_a_record():
    assert set(AXES) | {"device"} == set(Condition.__dataclass_fields__)
    assert set(Condition.__dataclass_fields__) <= set(Record.__dataclass_fields__)


def test_defaults_are_not_said_and_all_else_is():
    plain = Condition(device="cpu", threads=1)
    assert plain.label == "cpu · float32 · channels_first · 1 thread"
    for axis, known in AXES.items():
        for value in known or ():
            label = Condition(device="cpu", threads=1, **{axis: value}).label
            assert (label == plain.label) == (value == default(axis)), (axis, value)
    everything = Condition(
        device="cuda:0", threads=2, dtype="tf32", layout="channels_last", mode="compile",
        direction="training", cache="cold_weights", allocator="system",
    )  # fmt: skip
    assert everything.label == (
        "cuda:0 · tf32 · channels_last · compile · training · cold weights · system's allocator"
    ), "threads are those of the host, which change nothing on a GPU"


def test_float32_of_a_gpu_is_named_for_what_it_is_not_tf32():
    words = [Condition(device=d, threads=1).words["dtype"] for d in ("cpu", "cuda:0")]
    assert words == ["float32", "ieee float32"]


@pytest.mark.parametrize(
    ("axis", "device", "spatial_axes", "tf32", "values"),
    [
        ("dtype", "cpu", 2, True, ("float32",)),
        ("layout", "cpu", 2, True, ("channels_first",)),
        ("dtype", "cuda:0", 2, True, ("tf32", "bfloat16")),
        ("dtype", "cuda:0", 2, False, ("float32", "float16")),
        ("layout", "cuda:0", 2, True, ("channels_last",)),
        ("layout", "cuda:1", 3, False, ("channels_last",)),
        ("layout", "cuda:0", 1, True, ("channels_first",)),  # one axis has no channels last
        ("mode", "cuda:0", 2, True, ("eager",)),
    ],
)
def test_the_defaults_are_those_of_the_device(axis, device, spatial_axes, tf32, values):
    assert defaults(axis, device, spatial_axes, tf32=tf32) == values


def test_every_combination_is_a_group_of_its_own():
    text = '[axes]\nmode = ["eager", "compile"]\nthreads = [1, 2]\ncache = "cold"\n' + SLOT
    suite = parse_suite(text, "s.toml")
    assert suite.axes == {"mode": ("eager", "compile"), "threads": (1, 2), "cache": ("cold",)}
    found = expand(suite, tuple(combinations("cpu", suite.axes)))
    assert len({group.label for group in found}) == len(found) == 4
    for group in found:
        assert len({case.condition for case in group.cases}) == 1
        assert all(case.skeleton.baseline.endswith(group.label) for case in group.cases)


@pytest.mark.parametrize(
    ("condition", "axes", "why"),
    [
        ({"layout": "channels_last"}, 1, "one spatial axis"),
        ({"dtype": "tf32"}, 2, "TF32"),
        ({"mode": "cuda_graph"}, 2, "CUDA device"),
        ({"direction": "training", "cache": "cold"}, 2, "warm caches"),
        ({"device": "cuda:0", "mode": "cuda_graph", "direction": "training"}, 2, "training step"),
        ({"device": "cuda:0", "mode": "cuda_graph", "cache": "cold"}, 2, "same memory"),
        ({"device": "cuda:0", "allocator": "system"}, 2, "GPU"),
    ],
)
def test_what_cannot_be_is_a_skip_with_its_reason(condition, axes, why):
    misfit = Condition(**{"device": "cpu", "threads": 1, **condition}).misfit(axes)
    assert why in misfit


def test_what_can_be_is_no_misfit():
    for device in ("cpu", "cuda:0"):
        assert Condition(device=device, threads=1).misfit(2) is None
    assert Condition(device="cuda:0", threads=1, dtype="tf32", mode="cuda_graph").misfit(2) is None


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ('mode = "eagr"', "eager"),
        ("threads = 0", "positive whole number"),
        ("threads = [1, true]", "positive whole number"),
        ("threads = []", "positive whole number"),
        ('cache = "hot"', "warm, cold_weights, cold"),
        ('direction = "backward"', "forward"),
        ('moed = "eager"', "Did you mean mode?"),
    ],
)
def test_a_wrong_axis_names_what_is_known(axes, said):
    with pytest.raises(SuiteError, match=r"s\.toml") as caught:
        parse_suite(f"[axes]\n{axes}\n{SLOT}", "s.toml")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("timing", "said"),
    [
        ("processes = 0", "positive whole number"),
        ("processes = 1.5", "positive whole number"),
        ("budget = 0", "at least 5"),
        ("self_check = -1", "at least 0"),
        ("self_check = 0.5", "0 for none, or 1 to 3600"),
        ("self_check = 1e9", "0 for none, or 1 to 3600"),
        ("processes = 1000", "at most 100"),
        ("max_rounds = 1_000_001", "at most 1,000,000"),
        (f"max_rounds = 1{'0' * 400}", "at most 1,000,000"),
        ("budget = 1e300", "at most 86400"),
        ('self_check = "no"', "at least 0"),
    ],
)
def test_a_wrong_timing_says_what_it_may_be(timing, said):
    with pytest.raises(SuiteError, match=r"s\.toml") as caught:
        parse_suite(f"[timing]\n{timing}\n{SLOT}", "s.toml")
    assert said in str(caught.value)


def test_bytes_of_an_element():
    sizes = {"float64": 8, "float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1}
    assert {name: itemsize(name) for name in sizes} == sizes
    assert itemsize("bool") is None
    assert all(itemsize(name) for name in AXES["dtype"])


@pytest.mark.parametrize(
    ("size", "batch", "why"),
    [("4x32", "1", "too small for OSNet"), ("64x32", str(2**63), "give a number below 2**63")],
)
def test_a_network_that_cannot_take_its_input_is_skipped_with_the_reason(size, batch, why):
    suite = parse_suite(
        f'[[networks]]\nnames = ["osnet_x0_25"]\ninput_size = "{size}"\nbatch = {batch}\n', "s.toml"
    )
    (group,) = expand(suite, (Condition(device="cpu", threads=1),))
    assert why in group.cases[0].misfit
    assert group.runnable == ()
