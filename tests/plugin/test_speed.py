"""What an interval says of "at least `by` times as fast": pass, fail, or cannot tell."""

import re
import sys
import unittest
from dataclasses import replace

import pytest
import torch
from plugin.plugin_script import Script, busy, samples, spread
from torch import nn

from convbench.clock.arguments import MeasureError
from convbench.clock.contamination import SHARED
from convbench.clock.measurement import Measurement, MeasurementError
from convbench.core.intervals import RatioInterval
from convbench.testing import CannotTellError, assert_faster, compare_speed, judge
from convbench.testing.speed import basis, conclusion
from convbench.testing.timed import label_of, timed

INF, NAN = float("inf"), float("nan")


def ratio(low, high):
    return RatioInterval(
        value=(low + high) / 2, low=low, high=high, confidence=0.95, paired=True,
        verdict="cannot tell",
    )  # fmt: skip


TABLE = [
    # interval of time of b / time of a, by, rounds, what it says
    ("all above", 1.3, 1.5, 1.2, 60, "holds"),
    ("begins at by", 1.2, 1.5, 1.2, 60, "holds"),
    ("holds it", 1.1, 1.3, 1.2, 60, "cannot tell"),
    ("ends at by", 1.1, 1.2, 1.2, 60, "cannot tell"),
    ("all below", 1.1, 1.19, 1.2, 60, "fails"),
    ("slower, far below", 0.2, 0.3, 1.2, 60, "fails"),
    ("not much slower", 0.92, 0.95, 0.9, 60, "holds"),
    ("a point at by", 1.2, 1.2, 1.2, 60, "holds"),
    ("4 rounds, above", 1.3, 1.5, 1.2, 4, "cannot tell"),
    ("4 rounds, below", 0.5, 0.6, 1.2, 4, "cannot tell"),
    ("5 rounds", 1.3, 1.5, 1.2, 5, "holds"),
    ("a factor of 2 and no more", 1.25, 2.5, 1.2, 60, "holds"),
    ("wider, all above", 1.25, 2.6, 1.2, 60, "cannot tell"),
    ("wider, all below", 0.3, 0.7, 1.2, 60, "cannot tell"),
    ("from nothing", 0.0, 0.3, 1.2, 60, "cannot tell"),
]


@pytest.mark.parametrize(
    ("low", "high", "by", "rounds", "outcome"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE]
)
def test_what_an_interval_says(low, high, by, rounds, outcome):
    assert judge(ratio(low, high), by, rounds=rounds) == outcome


@pytest.mark.parametrize("point", [0.5, 3.0])
def test_a_ratio_without_an_interval_cannot_tell(point):
    alone = replace(ratio(point, point), confidence=0.0)
    assert judge(alone, 1.2, rounds=60) == "cannot tell"


def processes(*seconds, kind="forked"):
    """Return samples of processes, by the time that a call took in each."""
    return [samples(s, session=str(n), process=kind) for n, s in enumerate(seconds)]


def test_processes_that_disagree_by_a_factor_cannot_tell_and_are_shown():
    """b takes 2, 4, 8, 16 and 32 times as long as a: surely more than 1.2, and nothing to go by."""
    a = processes(*(0.001,) * 5)
    judged = said(found(a, processes(0.032, 0.002, 0.016, 0.004, 0.008)))
    assert judged.outcome == "cannot tell"
    assert judged.interval == "8.000 (no interval; processes: 2.000, 4.000, 8.000, …, 32.00)"
    assert "uncertain by more than a factor of 2: 8.000 (no interval; processes:" in judged.reason
    assert "100 rounds in 5 forked processes" in judged.brief
    assert " to " not in judged.interval


def test_one_disturbed_process_of_eight_moves_no_outcome():
    """b takes 1.3 times as long in seven processes, and half as long where a was disturbed."""
    times = (1.0, 1.002, 0.998, 1.001, 0.999, 1.0, 1.003, 1.0)
    a = processes(*(t * (2.6 if n == 3 else 1) for n, t in enumerate(times)))
    b = processes(*(1.3 * t for t in times))
    assert said(found(a, b), by=1.2).outcome == "holds"
    assert said(found(a, b), by=1.4).outcome == "fails"


def test_one_process_against_several_says_nothing_of_that_one():
    a, b = processes(1.0), processes(2.0, 2.0, 2.0)
    b = [replace(one, session=f"b{n}") for n, one in enumerate(b)]
    assert said(found(a, b)).outcome == "cannot tell"


@pytest.mark.parametrize(
    ("kinds", "where"),
    [
        (("fresh", "fresh"), "40 rounds in 2 fresh processes"),
        (("forked", "forked"), "40 rounds in 2 forked processes"),
        (("forked", "fresh"), "40 rounds in 2 forked and fresh processes"),
        (("forked",), "20 rounds in 1 forked process"),
        (("it does not pickle",), "20 rounds in the process of the caller"),
    ],
)
def test_what_a_measurement_rests_on(kinds, where):
    several = [samples(1.0, session=str(n), process=kind) for n, kind in enumerate(kinds)]
    assert basis(found(several, several)) == where


def found(a, b, **more):
    """Return a measurement of a and b, each given as seconds or as samples."""
    made = Script({"a": a, "b": b}, **more)
    return made({"a": max, "b": max})


def said(measurement, by=1.2):
    return conclusion(measurement, by, labels=("mine", "theirs"))


def test_by_is_time_of_b_over_time_of_a():
    """A call of a takes 1/1.2 of b's: ten processes that agree tell that to ±2.7 %, the drift."""
    several = [[samples(t, session=f"p{n}") for n in range(10)] for t in (0.001, 0.0012)]
    measurement = found(*several)
    assert said(measurement, 1.16).outcome == "holds"
    assert said(measurement, 1.2).outcome == "cannot tell"
    assert said(measurement, 1.24).outcome == "fails"
    assert said(measurement).ratio.value == pytest.approx(1.2)


def test_a_failure_says_the_ratio_and_what_it_rests_on():
    text = str(said(found(0.0011, 0.001, notes=("one note",))))
    first, ratio_line, a, b, *rest = text.splitlines()
    assert first == "a (mine) is less than 1.2 times as fast as b (theirs)."
    # one process: ±8 %, by as much as others differ
    assert re.fullmatch(
        r"time of b / time of a: 0\.9091 \(95 % interval 0\.83\d\d to 0\.98\d\d\), "
        r"all of it below 1\.2",
        ratio_line,
    )
    assert a.startswith("a: 1.09 ms ")  # the lower quartile of 1.089 to 1.111 ms
    assert b.startswith("b: 995 µs ")
    assert rest == ["measured: 20 rounds in 1 fresh process", "note: one note"]


def test_an_interval_that_holds_by_cannot_tell_and_says_what_to_do():
    wide = [samples(0.001, **spread(0.0011, 0.0013))]
    judged = said(found(0.001, wide))
    assert judged.outcome == "cannot tell"
    assert "which includes the required 1.2; give more seconds or processes" in judged.brief
    assert "20 rounds in 1 fresh process" in judged.brief
    assert "a (mine) may or may not be 1.2 times as fast as b (theirs)." in str(judged)


def test_few_rounds_cannot_tell():
    judged = said(found([samples(1.0, rounds=3)], [samples(9.0, rounds=3)]))
    assert judged.outcome == "cannot tell"
    assert "3 rounds were timed, and at least 5 are needed; give more seconds" in judged.reason


def test_a_disturbed_measurement_cannot_tell_whatever_the_interval():
    clean, fast = samples(0.001), samples(0.0001)
    assert said(found([clean], [busy(fast)])).ratio is None, "b had most of no sample"
    assert "had the processor for most of every sample" in said(found([clean], [busy(fast)])).brief
    again = [replace(one, session="t") for one in (clean, fast)]
    most = Measurement(samples={"a": (clean, again[0]), "b": (busy(fast, among=2), busy(again[1]))})
    assert said(most).outcome == "fails", "three in four, and no more: low quantiles stand"
    more = Measurement(
        samples={"a": (clean, again[0]), "b": (busy(fast, among=1), busy(again[1], but=10))}
    )
    judged = said(more)
    assert judged.outcome == "cannot tell"
    assert "other load on the machine disturbed 95 % of the samples" in judged.reason
    assert "convbench doctor" in judged.reason


def test_a_shared_gpu_cannot_tell_whatever_the_interval():
    shared = found(0.001, 0.003, told={"b": (SHARED,)}, notes=(f"b: {SHARED}",))
    judged = said(shared)
    assert judged.outcome == "cannot tell"
    assert judged.reason.startswith("another process used the GPU meanwhile; stop it")
    assert str(judged).count(SHARED) == 1, "in the note alone"
    assert said(found(0.001, 0.003)).outcome == "holds"


def test_a_clock_that_was_held_down_is_called_that():
    hot = samples(0.003, throttle_reasons=(0x40,) * 20)
    judged = said(found(0.001, [hot]))
    assert judged.outcome == "cannot tell"
    assert judged.reason.startswith("the GPU's clock was held down (heat or power) in 100 % of")
    assert "nvidia-smi -lgc" in judged.reason
    assert "other load" not in judged.reason


def test_a_time_of_nothing_cannot_tell():
    none = samples(0.001, seconds=(0.0,) * 20, cpu_seconds=(0.0,) * 20)
    judged = said(found(0.001, [none]))
    assert judged.outcome == "cannot tell"
    assert "larger block" in judged.reason


def test_without_pytest_it_raises_or_skips(monkeypatch):
    clock = Script({"a": 0.001, "b": 0.002})
    monkeypatch.setattr("convbench.testing.timed.measure", clock)
    held = assert_faster(max, min, by=1.5, seconds=2, processes=5, threads=1)
    assert held.outcome == "holds"
    assert clock.asked == [
        {"budget": 2, "processes": 5, "threads": 1, "device": "cpu", "grad": False}
    ]
    with pytest.raises(AssertionError, match=r"a \(max\) is less than 3 times as fast as b"):
        assert_faster(max, min, by=3)
    wide = [samples(0.001, **spread(0.0011, 0.0013))]
    monkeypatch.setattr("convbench.testing.timed.measure", Script({"a": 0.001, "b": wide}))
    with pytest.raises(CannotTellError) as skipped:
        assert_faster(max, min)
    assert isinstance(skipped.value, unittest.SkipTest)
    with pytest.raises(AssertionError, match="includes the required"):
        assert_faster(max, min, strict=True)
    assert compare_speed(max, min).outcome == "cannot tell"


@pytest.mark.parametrize("by", [0, -1, NAN, INF, "1.2", None, True, 1j])
def test_a_by_that_is_no_number_of_times(by):
    with pytest.raises(MeasureError, match=r"by=.*finite number above 0"):
        compare_speed(max, min, by)


def test_what_cannot_be_called():
    with pytest.raises(MeasureError, match="'b': 3 cannot be called"):
        compare_speed(max, 3, seconds=0.1)


def test_what_raises_has_no_time(monkeypatch):
    clock = Script({"a": 0.001, "b": 0.001}, failures={"b": "ValueError: no"})
    monkeypatch.setattr("convbench.testing.timed.measure", clock)
    with pytest.raises(MeasurementError, match=r"b has no time: ValueError: no\. Nothing was"):
        compare_speed(max, min)


def test_what_does_not_pickle_is_timed_here_and_says_so():
    judged = compare_speed(lambda: sum(range(9)), lambda: sum(range(9)), by=0.001, seconds=0.1)
    assert "timed in this process" in str(judged)
    assert "in the process of the caller" in str(judged)
    assert str(judged).count("cannot travel") == 1


NETS = [
    ("no layer minds", nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU()), ""),
    ("dropout", nn.Sequential(nn.Conv2d(1, 1, 1), nn.Dropout(0.5)), "Dropout"),
    ("batch norm", nn.BatchNorm2d(1), "BatchNorm2d"),
    ("in eval", nn.BatchNorm2d(1).eval(), ""),
]


@pytest.mark.parametrize(("net", "kind"), [r[1:] for r in NETS], ids=[r[0] for r in NETS])
def test_training_mode_is_noted_where_it_matters(monkeypatch, net, kind):
    monkeypatch.setattr("convbench.testing.timed.measure", Script({"net": 0.001}))
    notes = timed({"net": (net, torch.zeros(1, 1, 1, 1))}).notes
    assert bool(notes) == bool(kind)
    assert not kind or f"net was timed in training mode, where {kind} does other work" in notes[0]


def test_no_tracer_runs_along(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "convbench.testing.timed.measure",
        lambda work: seen.append(sys.gettrace()) or found(1.0, 1.0),
    )
    before = sys.gettrace()

    def tracer(*_):
        return None

    sys.settrace(tracer)
    try:
        timed({})
        after = sys.gettrace()
    finally:
        sys.settrace(before)
    assert seen == [None]
    assert after is tracer


def test_labels():
    import functools

    assert label_of(max) == "max"
    assert label_of((nn.Conv2d(1, 1, 1), torch.zeros(1))) == "Conv2d"
    assert label_of(functools.partial(max, 1)) == "max"
    assert label_of(lambda: 0) == "<lambda>"
