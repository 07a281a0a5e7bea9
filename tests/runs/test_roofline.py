"""Ceilings of a device, and what reaches beyond them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from runs.executed import PLANE, SPEC, VALID, explained_run, kernel, samples
from runs.executed import record as executed

from convbench.clock.execution import Execution
from convbench.clock.samples import KERNEL, Samples
from convbench.convs.base import make
from convbench.core.costs import Cost
from convbench.core.serialization import ReadError
from convbench.machine.ceilings import MEMORY, Ceiling, Level, measure_ceiling
from convbench.runs import ceiling_share
from convbench.runs.ceiling_share import ceiling_of, flags, shares
from convbench.runs.machine import examine
from convbench.runs.record import Machine, Record
from convbench.runs.runner import _Schedule

CEILING = Ceiling(
    device="cpu", dtype="float32", threads=1, multiplications_per_second=1e9, bytes_per_second=1e9
)


def record(seconds=1e-3, multiplications=500_000, elements=100_000, **changes):
    """Return a record of a call of so many seconds; 1e6 multiplications are the peak of 1 ms."""
    taken = Samples(
        seconds=(seconds,) * 6, cpu_seconds=(seconds,) * 6, page_faults=(0,) * 6,
        involuntary_switches=(0,) * 6, block=1, first_call=seconds, warmup_calls=1,
        stopwatch="wall", seed=0, threads=1, session="s", stop_reason="",
    )  # fmt: skip
    values = {
        "case": "c", "group": "g", "slot": "s", "kind": "type", "name": "standard",
        "label": "standard", "knobs": {}, "spec": None, "input_shape": (1, 3, 7, 7),
        "device": "cpu", "dtype": "float32", "layout": "channels_first", "threads": 1,
        "status": "ok", "samples": (taken,),
        "cost": Cost(multiplications=multiplications, multiplications_valid=multiplications,
                     additions=0, parameters=0, elementwise=0, reads=elements, writes=0,
                     activations=0),
    }  # fmt: skip
    return Record(**{**values, **changes})


def test_shares_are_of_the_ceiling():
    assert shares(record(), CEILING) == (pytest.approx(0.5), pytest.approx(0.4))
    assert shares(record(dtype="bfloat16"), CEILING) == (pytest.approx(0.5), pytest.approx(0.2))


def test_shares_are_of_kernel_time_where_it_is_known():
    alone = record(seconds=1e-3).samples
    launched = replace(record(seconds=9e-3), also={KERNEL: alone})
    assert shares(launched, CEILING) == shares(record(seconds=1e-3), CEILING)


def test_taps_on_padding_are_nothing_that_a_device_has_to_do():
    cost = record(multiplications=1_500_000).cost
    mostly_padding = record(cost=replace(cost, multiplications_valid=600_000))
    assert shares(mostly_padding, CEILING)[0] == pytest.approx(0.6)
    assert flags(mostly_padding, CEILING, None) == ()


@pytest.mark.parametrize("changes", [{"samples": ()}, {"cost": None}, {"direction": "training"}])
def test_what_has_no_forward_time_or_cost_reaches_nothing(changes):
    assert shares(record(**changes), CEILING) is None
    assert flags(record(**changes), CEILING, None) == ()


def test_what_is_below_both_ceilings_is_not_flagged():
    assert flags(record(), CEILING, None) == ()
    assert flags(record(), None, None) == (), "without a ceiling nothing is known"


def test_more_multiplications_than_the_device_does_are_flagged():
    (flag,) = flags(record(multiplications=1_200_000), CEILING, None)
    assert flag == "efficiency: 120% of the multiplications the device does at its peak"


def test_an_algorithm_that_a_kernel_names_executes_fewer():
    named = Execution(kernels=(kernel(1e-3, name="winograd_fwd_2x2_3x3"),))
    fast = record(multiplications=2_000_000)
    assert shares(fast, CEILING)[0] == pytest.approx(2)
    assert shares(replace(fast, execution=named), CEILING)[0] == pytest.approx(2 / 2.25)
    assert flags(replace(fast, execution=named), CEILING, None) == ()


def test_more_bytes_than_the_device_moves_are_flagged_unless_a_warm_cache_holds_them():
    fast = record(elements=300_000)  # 1.2 MB in 1 ms at 1 GB/s
    (flag,) = flags(fast, CEILING, None)
    assert flag.startswith("bandwidth: 120%")
    assert flags(fast, CEILING, 2_000_000) == (), "a cache of 2 MB may have served it"
    assert flags(fast, CEILING, 1_000_000) != ()
    cold = record(elements=300_000, cache="cold")
    assert flags(cold, CEILING, 2_000_000) != (), "cold, it cannot have"


GPU = replace(CEILING, device="cuda:0")
L2 = 1_000_000


@pytest.mark.parametrize(
    ("elements", "changes", "flagged"),
    [
        (300_000, {}, False),  # 1.2 MB: 0.2 MB cannot be held, and take 0.2 ms of the 1 ms
        (600_000, {}, True),  # 2.4 MB: 1.4 MB come from memory at 1.4 GB/s
        (300_000, {"cache": "cold"}, True),
        (300_000, {"name": "depthwise_separable"}, False),
        (600_000, {"name": "depthwise_separable"}, False),  # between its two steps 1 MB stays
        (2_000_000, {"name": "depthwise_separable"}, True),
    ],
)
def test_what_an_l2_cache_may_have_served_is_no_traffic_of_a_gpu_s_memory(
    monkeypatch, elements, changes, flagged
):
    steps = {"depthwise_separable": 2}.get(changes.get("name"), 1)
    monkeypatch.setattr(ceiling_share, "steps_of", lambda _: (None,) * steps)
    fast = record(elements=elements, device="cuda:0", **changes)
    assert bool(flags(fast, GPU, L2)) is flagged


def test_without_the_size_of_its_l2_cache_no_warm_layer_of_a_gpu_is_flagged():
    fast = record(elements=300_000, device="cuda:0")
    assert flags(fast, GPU, None) == ()
    assert flags(replace(fast, cache="cold"), GPU, None) != ()


WINOGRAD = "void cudnn::winograd_nonfused::winogradForwardOutput4x4<float, float>(...)"


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        (WINOGRAD, "Winograd"),
        ("ampere_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148t_nt_v1", "Winograd"),
        ("void fft2d_r2c_32x32<float, false, 1u, false>(...)", "FFT"),
    ],
)
def test_a_faster_algorithm_is_named_and_is_no_fault(name, algorithm):
    fast = record(multiplications=1_600_000, device="cuda:0")
    ran = Execution(kernels=(kernel(1e-3, "cudnn_convolution", "cuDNN", name),), passes=1)
    (flag,) = flags(replace(fast, execution=ran), GPU, L2)
    assert flag == (
        f"faster algorithm: {algorithm}, which multiplies less than the formula, 160% of the peak "
        "by that"
    )


def test_more_than_the_peak_by_a_kernel_that_multiplies_everything_is_said_as_before():
    fast = record(multiplications=1_600_000, device="cuda:0")
    ran = Execution(kernels=(kernel(1e-3, "mm", "cuBLAS", "ampere_sgemm_128x64_nn"),), passes=1)
    peak = "efficiency: 160% of the multiplications the device does at its peak"
    assert flags(replace(fast, execution=ran), GPU, L2) == (peak,)
    assert flags(fast, GPU, L2) == (
        "above the peak: 160% of it by the formula; which algorithm ran is not known, and Winograd "
        "or FFT would multiply less",
    )


def test_a_run_knows_the_l2_cache_of_its_gpu_or_why_it_does_not(monkeypatch):
    monkeypatch.setattr("convbench.machine.fingerprint.fingerprint", lambda *_: {})
    monkeypatch.setattr("convbench.machine.probe.ceilings", lambda *_: ())
    monkeypatch.setattr("convbench.machine.selfcheck.self_check", lambda *_: None)

    def examined(**told):
        properties = SimpleNamespace(**told)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
        return examine("cuda:0", (("tf32", 1),), 1.0, 0, tell=lambda _: None)

    assert examined(L2_cache_size=50 * 2**20) == Machine(cache_bytes=50 * 2**20)
    why = "this version of PyTorch does not tell the size of the GPU's L2 cache"
    assert examined() == Machine(cache_unknown_because=why)


def test_a_row_says_what_it_reaches_of_the_device_that_it_ran_on():
    levels = (
        Level(name="L2", size=50_000_000, bytes_per_second=8e12),
        Level(name=MEMORY, size=None, bytes_per_second=3e12),
    )
    ceiling = replace(
        GPU, multiplications_per_second=2e14, bytes_per_second=3e12, levels=levels,
        convolution_seconds=5e-6, operator_seconds=4e-6,
    )  # fmt: skip
    small = executed("standard", device="cuda:0", samples=(samples(2e-5),))
    spec = replace(SPEC, batch=64)
    large = replace(
        small, case="large", spec=spec, input_shape=spec.input_shape,
        cost=make("standard").cost(spec), samples=(samples(1e-3),),
    )  # fmt: skip
    run = explained_run()
    run = replace(
        run, records=(small, large),
        header=replace(run.header, machine=Machine(ceilings=(ceiling,))),
    )  # fmt: skip
    one, many = run.to_frame().to_dict("records")
    assert (one["held_by"], many["held_by"]) == ("L2", MEMORY)
    macs = 64 * 64 * VALID
    assert one["operations_per_second"] == pytest.approx(2 * macs / 2e-5)
    assert one["share_of_peak"] == pytest.approx(macs / 2e-5 / 2e14)
    moved = 4 * (2 * PLANE + 9 * 64 * 64)
    assert one["bytes_per_second"] == pytest.approx(moved / 2e-5)
    assert one["share_of_bandwidth"] == pytest.approx(moved / 2e-5 / 8e12)
    moved = 4 * (64 * 2 * PLANE + 9 * 64 * 64)
    assert many["share_of_bandwidth"] == pytest.approx(moved / 1e-3 / 3e12)


def test_the_ceiling_is_that_of_the_same_device_type_and_threads():
    assert ceiling_of(record(), [CEILING]) is CEILING
    for changes in ({"dtype": "float64"}, {"threads": 2}, {"device": "cuda:0"}):
        assert ceiling_of(record(**changes), [CEILING]) is None


def test_the_runner_adds_the_flags_to_a_believed_row_only():
    schedule = _Schedule(
        plan=None, store=None, watcher=None, measure=None, spent=None, before={},
        machine=Machine(ceilings=(CEILING,)),
    )  # fmt: skip
    fast = record(multiplications=1_200_000, flags=("page faults: 3 a call",))
    assert len(schedule._flagged(fast).flags) == 2
    assert schedule._flagged(record(status="invalid")).flags == ()


def test_a_real_ceiling_is_measured_and_travels():
    found = measure_ceiling("cpu", "float32", 1)
    assert found.multiplications_per_second > 0
    assert found.bytes_per_second > 0
    assert Ceiling.from_json(found.to_json()) == found


@pytest.mark.parametrize("field", ["multiplications_per_second", "bytes_per_second"])
def test_no_device_has_a_rate_of_nothing(field):
    with pytest.raises(ReadError, match=field):
        Ceiling.from_json({**CEILING.to_json(), field: 0.0})
