"""Contamination: which samples something else had a hand in, and what a row says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from convbench.clock.contamination import (
    HELD_DOWN,
    TIME_SLICE,
    contaminated,
    contaminated_share,
    faults_per_call,
    flags,
    hopeless,
    lost_shares,
    told_again,
)
from convbench.clock.samples import Samples
from convbench.clock.stats import outliers

ROUNDS = 20


def samples(**changes: Any) -> Samples:
    """Return clean samples of one thread and a wall clock, 1 ms a call, with changes."""
    rounds = len(changes.get("seconds", (0.001,) * ROUNDS))
    values: dict[str, Any] = {
        "seconds": (0.001,) * rounds,
        "cpu_seconds": changes.get("seconds", (0.001,) * rounds),
        "page_faults": (0,) * rounds,
        "involuntary_switches": (0,) * rounds,
        "block": 4,
        "first_call": 1.0,
        "warmup_calls": 10,
        "stopwatch": "wall",
        "seed": 0,
        "threads": 1,
        "session": "s",
        "stop_reason": "",
        "process": "fresh",
    }
    return Samples(**{**values, **changes})


def test_on_a_gpu_a_clock_below_its_usual_one_contaminates_a_sample() -> None:
    clocks = (1980, 1980, 1980, 1980, 1890, 1870, 345)
    found = samples(
        seconds=(1e-5,) * 7, cpu_seconds=(), stopwatch="cuda-events", sm_clock_mhz=clocks
    )
    assert contaminated(found) == (False, False, False, False, False, True, True)
    assert flags([found]) == ("contaminated: 29% of the samples",), "and it is watched"


# What is measured in a block, and the share of its time that somebody else had.
LOST = [
    (
        "one thread: wall time that is not CPU time",
        {"seconds": (4.0, 4.0, 4.0, 4.0), "cpu_seconds": (4.0, 3.0, 2.0, 0.0)},
        (0.0, 0.25, 0.5, 1.0),
    ),
    (
        "one thread: more CPU time than wall time is none lost",
        {"seconds": (1.0, 1.0), "cpu_seconds": (1.01, 2.0)},
        (0.0, 0.0),
    ),
    ("one thread: no time, none lost", {"seconds": (0.0,), "cpu_seconds": (0.0,)}, (0.0,)),
    (
        "one thread: switches that took nothing do not count",
        {"seconds": (1.0,), "involuntary_switches": (100,)},
        (0.0,),
    ),
    (
        "one thread: what it waited for the processor, or what is missing, whichever is more",
        {
            "seconds": (4.0,) * 4,
            "cpu_seconds": (4.0, 4.0, 3.0, 1.0),
            "waited_seconds": (0.0, 1.0, 0.5, 2.0),
        },
        (0.0, 0.25, 0.25, 0.75),
    ),
    (
        "two threads: what the calling one waited, whatever the switches say",
        {
            "seconds": (1.0,) * 3,
            "cpu_seconds": (0.1,) * 3,
            "waited_seconds": (0.0, 0.04, 0.5),
            "involuntary_switches": (1000,) * 3,
            "threads": 2,
        },
        (0.0, 0.04, 0.5),
    ),
    (
        "waited longer than it took: all of it",
        {"seconds": (1.0,), "waited_seconds": (1.5,), "threads": 2},
        (1.0,),
    ),
    (
        # 4 calls of 15 ms, of which a switch has 3 ms
        "two threads, waiting untold: a time slice a switch",
        {
            "seconds": (0.015,) * 3,
            "cpu_seconds": (0.03, 0.0, 0.03),
            "involuntary_switches": (0, 2, 20),
            "threads": 2,
        },
        (0.0, 0.1, 1.0),
    ),
    (
        "two threads: never more than all of it",
        {"seconds": (0.001,), "involuntary_switches": (1000,), "threads": 2},
        (1.0,),
    ),
    (
        "threads untold: as one",
        {"seconds": (0.015,), "involuntary_switches": (2,), "threads": 0},
        (0.1,),
    ),
    (
        # the host waits for 4 calls of 30 ms; what the device itself took is shorter
        "a device: by switches over the host's time, and not by CPU time",
        {
            "seconds": (0.001,) * 3,
            "cpu_seconds": (0.0,) * 3,
            "host_seconds": (0.03,) * 3,
            "involuntary_switches": (0, 1, 4),
            "stopwatch": "cuda events",
        },
        (0.0, 0.025, 0.1),
    ),
    (
        "kernels alone: what the thread waited beyond the 50 µs that the device is kept busy",
        {
            "seconds": (2e-6, 2e-6, 2e-6),
            "waited_seconds": (0.0, 1e-6, 2e-6),
            "block": 50,
            "stopwatch": "cuda-kernel",
        },
        (0.0, 0.0, 0.5),
    ),
    (
        "a device: what the host's thread waited, over the host's time",
        {
            "seconds": (0.001,) * 2,
            "cpu_seconds": (0.0,) * 2,
            "host_seconds": (0.04,) * 2,
            "waited_seconds": (0.0, 0.01),
            "stopwatch": "cuda events",
        },
        (0.0, 0.25),
    ),
    (
        "a device without host time: over its own",
        {
            "seconds": (0.015,),
            "cpu_seconds": (0.0,),
            "involuntary_switches": (2,),
            "stopwatch": "kernel",
        },
        (0.1,),
    ),
    (
        "two threads: no time, none lost",
        {"seconds": (0.0,), "involuntary_switches": (2,), "threads": 2},
        (0.0,),
    ),
]


@pytest.mark.parametrize(("changes", "shares"), [row[1:] for row in LOST], ids=[r[0] for r in LOST])
def test_the_share_that_somebody_else_had(
    changes: dict[str, Any], shares: tuple[float, ...]
) -> None:
    assert TIME_SLICE == 0.003
    found = samples(**changes)
    assert lost_shares(found) == pytest.approx(shares)
    assert contaminated(found) == tuple(share > 0.05 for share in shares)


@pytest.mark.parametrize(
    ("cpu", "mark"), [(1.0, False), (0.951, False), (0.949, True), (0.5, True)]
)
def test_a_twentieth_lost_is_too_much(cpu: float, mark: bool) -> None:
    assert contaminated(samples(seconds=(1.0,), cpu_seconds=(cpu,))) == (mark,)


REASONS = [
    # NVML's bits of clock event reasons -> held down for heat or power
    (0x0, False),
    (0x1, False),  # idle
    (0x2, False),  # clocks set by somebody, on purpose
    (0x4, False),  # the software's power cap: how every busy GPU ends
    (0x8, True),  # hardware slowdown
    (0x10, False),  # sync boost
    (0x20, True),  # software thermal slowdown
    (0x40, True),  # hardware thermal slowdown
    (0x80, True),  # power brake
    (0x100, False),  # display clocks
    (0x24, True),  # several at once
]


@pytest.mark.parametrize(("bits", "mark"), REASONS, ids=[hex(bits) for bits, _ in REASONS])
def test_a_gpu_that_was_held_down(bits: int, mark: bool) -> None:
    found = samples(
        seconds=(0.001,) * 2,
        cpu_seconds=(0.0,) * 2,
        host_seconds=(0.001,) * 2,
        throttle_reasons=(0, bits),
        stopwatch="cuda events",
    )
    assert contaminated(found) == (False, mark)
    assert bool(bits & HELD_DOWN) is mark


def test_the_share_is_of_the_samples_of_all_processes() -> None:
    clean = samples()
    half = samples(cpu_seconds=(0.001, 0.0005) * (ROUNDS // 2))
    short = samples(seconds=(1.0,) * 4, cpu_seconds=(0.0,) * 4)
    assert contaminated_share([clean]) == 0
    assert contaminated_share([clean, half]) == 0.25
    assert contaminated_share([clean, half, short]) == 14 / 44
    assert contaminated_share([]) == 0


def test_page_faults_a_call_are_the_median_over_the_samples() -> None:
    found = samples(page_faults=(0, 8, 400) + (8,) * (ROUNDS - 3))
    assert faults_per_call([found]) == 2.0
    assert faults_per_call([found, samples(), samples()]) == 0.0


HOPELESS = [
    # shares of time on the processor, of each process's samples -> whether all hope is lost
    ("none lost", [(1.0, 1.0)], False),
    ("all lost, and none of them half", [(0.6, 0.6)], False),
    ("half of each", [(0.5, 0.5)], False),
    ("most of each", [(0.49, 0.1)], True),
    ("one sample was let be", [(0.4, 1.0)], False),
    ("one process was let be", [(0.1, 0.1), (0.9, 0.9)], False),
    ("no process was", [(0.1, 0.1), (0.2, 0.2)], True),
    ("no process", [], False),
]


@pytest.mark.parametrize(
    ("shares", "lost"), [r[1:] for r in HOPELESS], ids=[r[0] for r in HOPELESS]
)
def test_only_where_every_sample_lost_most_of_its_time_no_time_is_known(
    shares: list[tuple[float, ...]], lost: bool
) -> None:
    given = [samples(seconds=(1.0,) * len(several), cpu_seconds=several) for several in shares]
    assert hopeless(given) is lost


def test_what_nobody_watched_is_not_hopeless() -> None:
    assert not hopeless([samples(cpu_seconds=(), involuntary_switches=(), page_faults=())])


def spiked(count: int) -> Samples:
    """Return samples of which so many took ten times as long, all of it on the processor."""
    return samples(seconds=(0.01,) * count + (0.001, 0.0011, 0.0012, 0.0009) * 8)


def test_spikes_are_outliers_and_neither_contaminated_nor_dropped() -> None:
    found = spiked(4)
    assert outliers(found.seconds) == (0, 1, 2, 3)
    assert not any(contaminated(found))
    assert flags([found]) == ("outliers: 4 of 36 samples",)
    assert len(found.seconds) == len(lost_shares(found)) == len(contaminated(found)) == 36
    assert found.seconds[:4] == (0.01,) * 4


def lost(count: int) -> Samples:
    """Return 20 samples of which so many were not on the processor for half of their time."""
    return samples(cpu_seconds=(0.0005,) * count + (0.001,) * (ROUNDS - count))


def warming(slow: int) -> Samples:
    """Return samples that had not settled: the first so many of 20 took 1.1 to 1.25 ms, not 1."""
    first = tuple(0.0011 + 1e-5 * index for index in range(slow))
    return samples(seconds=first + (0.001,) * (ROUNDS - slow), settled=False)


FLAGS = [
    ("nothing", [samples()], ()),
    ("no process", [], ()),
    ("contaminated by less than a tenth", [lost(1)], ()),
    ("contaminated by a tenth", [lost(2)], ("contaminated: 10% of the samples",)),
    ("contaminated all", [lost(20)], ("contaminated: 100% of the samples",)),
    ("contaminated in one of two", [lost(10), samples()], ("contaminated: 25% of the samples",)),
    ("a tenth of outliers or less", [spiked(3)], ()),
    ("a single one of few", [samples(seconds=(0.01,) + (0.001,) * 8)], ()),
    ("a tenth of outliers", [spiked(4)], ("outliers: 4 of 36 samples",)),
    (
        "a process may be slower than another",
        [samples(), samples(seconds=(0.1,) * ROUNDS)],
        (),
    ),
    ("less than a fault a call", [samples(page_faults=(3,) * ROUNDS)], ()),
    ("a fault a call", [samples(page_faults=(4,) * ROUNDS)], ("page faults: 1 a call",)),
    (
        "thousands of faults",
        [samples(page_faults=(4 * 2049,) * ROUNDS)],
        ("page faults: 2,049 a call",),
    ),
    ("not settled, and as fast as ever", [samples(), samples(settled=False)], ()),
    ("not settled, and the low quartile does not see it", [warming(10), warming(10)], ()),
    # of 20 rounds the fifth is 1.1 ms, of the last 10 the third is 1 ms: 9 % less
    (
        "not settled, and that is in the time",
        [warming(16), warming(16)],
        ("not settled: 9% less without the first rounds",),
    ),
    ("only one of two is slower at first", [warming(16), samples(settled=False)], ()),
    ("slower at first, and settled", [replace(warming(16), settled=True)] * 2, ()),
    (
        "in processes of their own, however begun",
        [samples(process="forked"), samples(process="fresh")],
        (),
    ),
    (
        "not in a process of its own",
        [samples(), samples(process="timed here"), samples(process="timed here")],
        ("process: timed here",),
    ),
    (
        "all of it",
        [
            samples(
                seconds=warming(16).seconds,
                cpu_seconds=(0.0,) * ROUNDS,
                page_faults=(80,) * ROUNDS,
                settled=False,
                process="timed here",
            )
        ],
        (
            "contaminated: 100% of the samples",
            "page faults: 20 a call",
            "not settled: 9% less without the first rounds",
            "process: timed here",
        ),
    ),
]


@pytest.mark.parametrize(("given", "said"), [r[1:] for r in FLAGS], ids=[r[0] for r in FLAGS])
def test_what_a_row_says(given: list[Samples], said: tuple[str, ...]) -> None:
    assert flags(given) == said


def test_what_was_stored_is_told_by_the_rule_of_today() -> None:
    stored = ("not settled: the warm-up ended before two windows agreed", "something: else")
    assert told_again(stored, [samples(settled=False)]) == ("something: else",)
    told = told_again(stored, [warming(16)])
    assert told == ("something: else", "not settled: 9% less without the first rounds")
    assert told_again(stored, []) == ("something: else",)
