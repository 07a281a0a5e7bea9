"""Stopwatches: the wall clock, the scripted one, and the CUDA one with a fake device."""

from __future__ import annotations

import mmap
import subprocess
import sys
import time
from typing import Any

import pytest

from convbench.timing import stopwatch as stopwatch_module
from convbench.timing.cuda import CudaStopwatch, stopwatch_for
from convbench.timing.stopwatch import HostUsage, Reading, ScriptedStopwatch, WallStopwatch


def nothing() -> None:
    """Do nothing."""


def test_nothing_here_needs_torch_or_numpy_to_be_imported() -> None:
    modules = "timing, timing.cuda, timing.sampler, timing.samples, timing.settings, timing.stats"
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
    usages = iter([HostUsage(5_000, 100, 10), HostUsage(2_000_005_000, 130, 14)])
    monkeypatch.setattr(HostUsage, "now", classmethod(lambda _: next(usages)))
    assert WallStopwatch().time(nothing, 3) == Reading(
        seconds=0.251, cpu_seconds=2.0, page_faults=30, involuntary_switches=4
    )


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


class FakeDevice:
    """A CUDA device that only writes down what it is told; its events are numbers."""

    def __init__(self) -> None:
        """Start with nothing told."""
        self.told: list[object] = []

    def event(self) -> int:
        """Return the next number."""
        self.told.append("event")
        return self.told.count("event")

    def record(self, event: int) -> None:
        """Write it down."""
        self.told.append(("record", event))

    def synchronize(self) -> None:
        """Write it down."""
        self.told.append("synchronize")

    def elapsed_ms(self, start: int, stop: int) -> float:
        """Return 1500 ms."""
        self.told.append(("elapsed", start, stop))
        return 1500.0


def test_cuda_events_stand_around_the_block_and_the_device_is_waited_for() -> None:
    device = FakeDevice()
    reading = CudaStopwatch("cuda:1", driver=device).time(lambda: device.told.append("work"), 3)
    assert device.told == [
        "event",
        "event",
        "synchronize",
        ("record", 1),
        "work",
        "work",
        "work",
        ("record", 2),
        "synchronize",
        ("elapsed", 1, 2),
    ]
    assert reading.seconds == 1.5


def test_cuda_lets_an_exception_of_the_work_through() -> None:
    def out_of_memory() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        CudaStopwatch(driver=FakeDevice()).time(out_of_memory, 1)


def test_without_cuda_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match=r"'cuda': torch sees no CUDA device; run where"):
        stopwatch_for("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(RuntimeError, match=r"'cuda:2': torch sees only 2 CUDA"):
        stopwatch_for("cuda:2")
    assert isinstance(stopwatch_for("cuda:1"), CudaStopwatch)


def test_each_device_has_its_stopwatch_and_others_have_none() -> None:
    assert isinstance(stopwatch_for("cpu"), WallStopwatch)
    for device in ("mps", "gpu", "", "cuda:", "cuda:x"):
        with pytest.raises(ValueError, match=f"device '{device}': no stopwatch"):
            stopwatch_for(device)


def test_real_cuda_events_grow_with_the_work() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here")
    matrix = torch.zeros(2048, 2048, device="cuda")

    def work() -> Any:
        return matrix @ matrix

    watch = stopwatch_for("cuda")
    watch.time(work, 10)
    few, many = watch.time(work, 20), watch.time(work, 200)
    assert 0 < few.seconds < many.seconds
