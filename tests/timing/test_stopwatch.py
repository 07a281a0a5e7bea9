"""Stopwatches: the wall clock and the scripted one."""

from __future__ import annotations

import mmap
import subprocess
import sys
import time

import pytest

from convbench.clock import stopwatch as stopwatch_module
from convbench.clock.stopwatch import HostUsage, Reading, ScriptedStopwatch, WallStopwatch


def nothing() -> None:
    """Do nothing."""


def test_nothing_here_needs_torch_or_numpy_to_be_imported() -> None:
    modules = "clock, clock.cuda, clock.sampler, clock.samples, clock.settings, clock.stats"
    program = "import sys\n" + "\n".join(
        f"import convbench.{module}" for module in modules.split(", ")
    )
    program += "\nassert not {'torch', 'numpy'} & set(sys.modules), 'imported'"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_wall_clock_gives_the_total_of_the_block() -> None:
    calls: list[int] = []

    def sleep() -> None:
        calls.append(1)
        time.sleep(0.002)

    reading = WallStopwatch().time(sleep, 5)
    assert len(calls) == 5
    assert reading.seconds >= 5 * 0.002  # a sleep is never shorter than it was told
    assert reading.cpu_seconds < reading.seconds  # it slept


def test_wall_clock_reads_each_counter_around_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([1_000, 251_001_000])
    monkeypatch.setattr(time, "perf_counter_ns", lambda: next(ticks))
    usages = iter([HostUsage(5_000, 100, 10, 7), HostUsage(2_000_005_000, 130, 14, 500_000_007)])
    monkeypatch.setattr(HostUsage, "now", classmethod(lambda _: next(usages)))
    monkeypatch.setattr(stopwatch_module, "others_running", lambda: 7)
    assert WallStopwatch().time(nothing, 3) == Reading(
        seconds=0.251, cpu_seconds=2.0, page_faults=30, involuntary_switches=4, others_running=7,
        waited_seconds=0.5,
    )  # fmt: skip


@pytest.mark.skipif(stopwatch_module.resource is None, reason="this system has no getrusage")
def test_new_pages_are_counted_as_faults() -> None:
    def touch_new_pages() -> None:
        # mapped anew from the system: what an allocator kept would fault no more
        with mmap.mmap(-1, 8 << 20) as fresh:
            for place in range(0, len(fresh), mmap.PAGESIZE):
                fresh[place] = 1

    assert WallStopwatch().time(touch_new_pages, 1).page_faults > 0


def test_without_getrusage_the_counters_read_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopwatch_module, "resource", None)
    reading = WallStopwatch().time(lambda: sum(range(100_000)), 20)
    assert (reading.page_faults, reading.involuntary_switches) == (0, 0)
    assert reading.cpu_seconds > 0


def test_script_answers_by_work_or_name_with_number_iterator_or_function() -> None:
    def by_name() -> None: ...

    def by_itself() -> None: ...

    watch = ScriptedStopwatch({"by_name": iter([1.0, 2.0]), by_itself: 3.0, nothing: lambda: 4.0})
    told = [watch.time(*asked).seconds for asked in ((by_name, 2), (by_itself, 1), (by_name, 3))]
    assert told == [2.0, 3.0, 6.0]
    assert watch.time(nothing, 2).cpu_seconds == 8.0
    assert watch.asked == [("by_name", 2), ("by_itself", 1), ("by_name", 3), ("nothing", 2)]
    assert watch.clock() == 19.0
    with pytest.raises(LookupError, match="'by_name' ended after 2 readings"):
        watch.time(by_name, 1)
    with pytest.raises(LookupError, match="no script for 'test_"):
        watch.time(test_script_answers_by_work_or_name_with_number_iterator_or_function, 1)


def test_script_runs_the_work_as_often_as_it_is_asked() -> None:
    calls: list[int] = []

    def work() -> None:
        calls.append(1)

    ScriptedStopwatch({work: 1.0}).time(work, 7)
    assert len(calls) == 7
