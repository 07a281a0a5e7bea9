"""Ceilings of a device, and what reaches beyond them."""

from dataclasses import replace

import pytest
from runs.executed import kernel

from convbench.clock.execution import Execution
from convbench.clock.samples import KERNEL, Samples
from convbench.core.costs import Cost
from convbench.machine.ceilings import Ceiling, measure_ceiling
from convbench.runs.ceiling_share import ceiling_of, flags, shares
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
