"""The factors of a time ratio and the roofline, on scripted executions with exact numbers."""

import math
from dataclasses import replace

import pytest
from runs.executed import (
    BASE,
    CEILING,
    LEVELS,
    LIGHT,
    PLANE,
    SPEC,
    VALID,
    kernel,
    record,
    samples,
)

from convbench.clock.execution import Execution
from convbench.clock.samples import KERNEL
from convbench.convs.base import make
from convbench.core.intervals import RatioInterval
from convbench.machine.ceilings import MEMORY
from convbench.runs.gap import FACTORS, fewer, gap, pairs, parts
from convbench.runs.roofline import bound, held_by, steps_of


def ratio(value, low=None, high=None):
    return RatioInterval(
        value=value, low=low or value / 1.02, high=high or value * 1.02, confidence=0.95,
        paired=True, verdict="faster",
    )  # fmt: skip


def told(one, base, time, ceiling=CEILING):
    return gap(one, base, time, (bound(one, ceiling), bound(base, ceiling)), ceiling)


# --- the roofline --------------------------------------------------------------------------------


def test_each_step_has_the_limits_of_its_arithmetic_its_memory_and_its_call():
    found = bound(record("depthwise_separable"), CEILING)
    depthwise, pointwise = found.steps
    assert (depthwise.multiplications, pointwise.multiplications) == (64 * VALID, 64 * PLANE)
    assert depthwise.bytes_moved == 4 * (2 * PLANE + 64 * 9) == 1_607_936
    assert depthwise.limits == pytest.approx(
        {"arithmetic": 64 * VALID / 1e11, MEMORY: 1_607_936 / 2e10, "calls": 4e-6}
    )
    assert (depthwise.binds, pointwise.binds) == (MEMORY, "arithmetic")
    assert found.attainable == pytest.approx(1_607_936 / 2e10 + 64 * PLANE / 1e11)
    assert found.binds == "arithmetic", "128 µs of it against 80 µs in memory"
    assert found.calls == 8e-6
    assert found.im2col_bytes == 4 * 2 * PLANE * 9, "of the depthwise half alone"
    assert found.intensity == found.multiplications / found.bytes_moved
    assert found.ridge == 5


def test_the_memory_that_holds_the_bytes_is_the_one_that_limits_and_cold_it_is_the_last():
    assert held_by(32_000, LEVELS).name == "L1"
    assert held_by(32_001, LEVELS).name == "L2"
    assert held_by(10**7, LEVELS).name == held_by(1, LEVELS, cold=True).name == MEMORY
    small = replace(SPEC, input_size=(7, 7))
    kind = make("depthwise")
    values = {"spec": small, "input_shape": small.input_shape, "cost": kind.cost(small)}
    (warm,) = bound(record("depthwise", **values), CEILING).steps
    (cold,) = bound(record("depthwise", cache="cold", **values), CEILING).steps
    assert set(warm.limits) == {"arithmetic", "L1", "calls"}
    assert set(cold.limits) == {"arithmetic", MEMORY, "calls"}


def test_the_time_at_a_level_is_that_of_all_bytes_or_of_all_multiplications():
    found = bound(record("depthwise"), CEILING)
    assert found.at("L1") == max(found.arithmetic, found.bytes_moved / 4e11) == found.arithmetic
    assert found.at(MEMORY) == found.bytes_moved / 2e10
    assert found.at("L3") is None, "this device has none"


def test_a_call_takes_nothing_where_it_is_not_made_anew():
    assert bound(record("standard", mode="cuda_graph"), CEILING).calls == 0


@pytest.mark.parametrize(
    ("changes", "ceiling"),
    [
        ({}, None),
        ({}, replace(CEILING, levels=())),
        ({"cost": None}, CEILING),
        ({"direction": "training"}, CEILING),
        ({"dtype": "weird"}, CEILING),
    ],
)
def test_without_a_cost_or_measured_levels_nothing_is_known(changes, ceiling):
    assert bound(record(**changes), ceiling) is None


def test_a_plan_that_is_no_longer_registered_counts_as_one_step():
    one = replace(record("depthwise_separable"), name="gone")
    assert steps_of(one) == ()
    (step,) = bound(one, CEILING).steps
    assert step.multiplications == one.cost.multiplications_valid
    other = record("depthwise_separable")
    changed = replace(other, cost=replace(other.cost, multiplications=1))
    assert steps_of(changed) == (), "it costs something else now"


# --- the factors ---------------------------------------------------------------------------------


def test_a_time_is_the_product_of_its_parts():
    found = parts(LIGHT, bound(LIGHT, CEILING), CEILING)
    assert found.multiplications == 9 * PLANE + 64 * PLANE
    assert found.executed == 64 * VALID + 64 * PLANE
    assert found.products == pytest.approx(60e-6 + 200e-6), "3 µs were those of the observing"
    assert (found.operators, found.reorders) == pytest.approx((40e-6, 30e-6))
    assert found.calls == pytest.approx(20e-6 + 3 * 5e-6), "ATen's seconds hold its calls"
    factors = found.factors()
    assert math.prod(factors.values()) == pytest.approx(found.known)
    assert factors["operators"] == pytest.approx(300 / 260)
    assert factors["reorders"] == pytest.approx(330 / 300)
    assert factors["calls"] == pytest.approx(365 / 330)


def test_the_factors_of_a_ratio_multiply_to_it_and_the_rest_has_its_interval():
    found = told(LIGHT, BASE, ratio(0.40, 0.36, 0.44))
    assert [factor.key for factor in found.factors] == list(FACTORS)
    assert found.product == pytest.approx(0.40, rel=1e-12)
    assert found["multiplications"].value == pytest.approx(73 / 576)
    assert found["multiplications"].low is None, "a count is exact"
    # (365 µs of 980 µs): 20 + 2·5 µs of calls of the baseline
    known = 365 / 980
    rest = found["rest"]
    assert rest.value == pytest.approx(0.40 / known)
    # 95 % of the time ratio, and of two observations of 4 % each
    down, up = (math.hypot(math.log(end), 1.96 * 0.04 * 2**0.5) for end in (0.40 / 0.36, 1.1))
    ends = rest.value * math.exp(-down), rest.value * math.exp(up)
    assert (rest.low, rest.high) == pytest.approx(ends, rel=1e-4)
    assert found.gap == pytest.approx(0.40 / (73 / 576))
    assert found.rest_share == pytest.approx(
        abs(math.log(0.40 / known)) / math.log(0.40 * 576 / 73)
    )
    assert found.explained


def test_what_no_factor_explains_is_said_to_be_unexplained():
    assert not told(LIGHT, BASE, ratio(0.60)).explained
    assert told(LIGHT, BASE, ratio(0.365 / 0.98)).rest_share < 0.01
    wide = told(LIGHT, BASE, ratio(0.60, 0.35, 0.65))
    assert wide.explained, "as far as the measured ratio is known"


def test_the_limit_of_the_device_is_a_factor_only_where_it_is_known():
    found = told(LIGHT, BASE, ratio(0.4))
    least = 1_607_936 / 2e10 + 64 * PLANE / 1e11
    executed = 64 * VALID + 64 * PLANE
    assert found["device"].value == pytest.approx(least / (executed / 1e11))
    old = gap(LIGHT, BASE, ratio(0.4), (None, None), None)
    assert "device" not in [factor.key for factor in old.factors]
    assert old.product == pytest.approx(0.4)
    assert old["calls"].value == 1, "no call was measured"


def test_first_writes_to_pages_are_calls():
    faulty = replace(LIGHT, samples=(samples(faults=50),))
    found = parts(faulty, None, CEILING)
    assert found.calls == pytest.approx(35e-6 + 50 * 2e-6)


def test_on_a_gpu_calls_count_as_far_as_they_take_longer_than_kernels():
    kernels = (kernel(5e-6, "conv", "cuDNN", calls=2), kernel(1e-6, "reorder", "cuDNN", calls=2))
    gpu = replace(CEILING, convolution_seconds=10e-6, device="cuda:0")
    short = record("standard", *kernels, device="cuda:0")
    assert parts(short, None, gpu).calls == pytest.approx(4 * 10e-6 - 6e-6)
    assert parts(replace(short, mode="cuda_graph"), None, gpu).calls == 0
    long = record("standard", kernel(1e-3), device="cuda:0")
    assert parts(long, None, gpu).calls == 0


def test_kernel_time_holds_no_call_of_a_library_and_is_bound_by_none():
    """Else what launching takes would explain a ratio of times that do not have it."""
    gpu = replace(CEILING, convolution_seconds=10e-6, device="cuda:0")
    events = record("standard", kernel(5e-6, "conv", "cuDNN", calls=2), device="cuda:0")
    alone = replace(events, also={KERNEL: (replace(samples(), stopwatch="cuda-kernel"),)})
    assert parts(events, None, gpu).calls > 0
    assert parts(alone, None, gpu).calls == 0
    limits = [bound(one, gpu) for one in (events, alone)]
    assert [limit.calls for limit in limits if limit] == [10e-6, 0]


@pytest.mark.parametrize(
    ("names", "times"),
    [
        (["jit:avx512_core"], 1),
        (["winograd_fwd_4x4_3x3"], (4 * 3 / 6) ** 2),
        (["cudnn::winograd_nonfused::winogradForwardOutput2x2_3x3"], (2 * 3 / 4) ** 2),
        (["winograd_unknown_tile"], 1),
        (["winograd_4x4_3x3", "jit"], 1),
    ],
)
def test_a_named_algorithm_executes_fewer(names, times):
    found = Execution(kernels=tuple(kernel(1e-6, name=name) for name in names))
    assert fewer(found) == pytest.approx(times)
    one = record("standard", *found.kernels)
    assert parts(one, None, None).executed == pytest.approx(64 * 64 * VALID / times)


@pytest.mark.parametrize(
    ("one", "base", "said"),
    [
        (record("depthwise"), BASE, "the run does not say what ran"),
        (LIGHT, record("standard"), "its baseline: the run does not say what ran"),
        (record("depthwise", execution=Execution(reason="mode compile: not observed")), BASE,
         "what ran is not known (mode compile: not observed)"),
        (record("depthwise", kernel(1e-6, "relu")), BASE, "none of the calls"),
        (replace(LIGHT, cost=None), BASE, "nothing is multiplied"),
    ],
)  # fmt: skip
def test_where_a_part_is_missing_the_reason_is_said_and_no_factor_is_made_up(one, base, said):
    found = told(one, base, ratio(0.4))
    assert said in found.reason
    assert found.factors == ()


def test_the_baseline_and_a_case_without_a_ratio_have_no_factors():
    assert told(BASE, BASE, None).reason == "it is the baseline"
    assert gap(LIGHT, BASE, None, (None, None), None, "not timed").reason == "not timed"


def test_kernels_belong_to_steps_where_there_are_as_many():
    (first, share, label), (second, other, _) = pairs(LIGHT, bound(LIGHT, CEILING))
    assert (first.implementation, second.implementation) == ("jit_dw", "Slow2d")
    assert label == "depthwise convolution"
    assert share == pytest.approx(64 * VALID / 60e-6 / 1e11)
    assert other == pytest.approx(64 * PLANE / 200e-6 / 1e11), "3 µs were those of the observing"
    one = Execution(kernels=(kernel(1e-4, calls=2),))
    assert list(pairs(replace(LIGHT, execution=one), bound(LIGHT, CEILING))) == []
    assert list(pairs(replace(LIGHT, execution=None), bound(LIGHT, CEILING))) == []


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_the_shares_of_the_peak_are_of_the_seconds_that_the_factors_have(device):
    """As watched they took 2 ms, and the call takes 1 ms: each took at most half as long in it."""
    slow = record("standard", kernel(1500e-6), kernel(500e-6, "reorder", calls=2), device=device)
    ceiling = replace(CEILING, device=device)
    limit = bound(slow, ceiling)
    ((_, share, _),) = pairs(slow, limit)
    assert share == pytest.approx(limit.arithmetic / parts(slow, limit, ceiling).products)
    assert share >= 4096 * VALID / 750e-6 / 1e11


def test_what_ran_in_a_watched_pass_and_calling_it_take_no_longer_than_the_call():
    slow = record("standard", kernel(1500e-6), kernel(500e-6, "reorder", calls=2))
    found = parts(slow, bound(slow, CEILING), CEILING)
    assert found.known == pytest.approx(1e-3), "a call takes 1 ms"
    assert found.products / found.reorders == pytest.approx(3)
    assert found.calls > 0
    alone = parts(slow, None, None)
    assert (alone.products, alone.reorders) == pytest.approx((750e-6, 250e-6))


def test_the_rest_is_known_the_better_the_more_processes_were_watched():
    def width(processes):
        several = replace(LIGHT.execution, processes=processes)
        rest = told(replace(LIGHT, execution=several), BASE, ratio(0.4, 0.4, 0.4))["rest"]
        return math.log(rest.high / rest.value)

    assert width(1) == pytest.approx(1.96 * math.sqrt(2) * 0.04, rel=0.01)
    assert width(10**6) == pytest.approx(1.96 * 0.04, rel=0.01), "that of the baseline stays"
