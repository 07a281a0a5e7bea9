"""The clocks of a CUDA device, on a scripted one; the last tests need a real one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from scripted import ScriptedDriver

from convbench.clock.cuda import CudaStopwatch, clocks_for, inconsistent, stopwatch_for
from convbench.clock.cuda_graphs import KernelStopwatch
from convbench.clock.nvml import DeviceState
from convbench.clock.stopwatch import HostUsage, WallStopwatch


def tells(device: ScriptedDriver, what: str) -> Callable[[], None]:
    """Return work that writes a word down among what the device is told."""
    return lambda: device.told.append(what)


def state_of(device: ScriptedDriver) -> Callable[[], DeviceState]:
    """Return a reader that is written down too."""

    def read() -> DeviceState:
        device.told.append("nvml")
        return DeviceState(1410, 0x4, memory_clock_mhz=1593, power_mw=250_000, temperature_c=55)

    return read


def test_nothing_here_needs_torch_to_be_imported() -> None:
    names = ("cuda", "caches", "cuda_driver", "cuda_flags", "cuda_graphs", "nvml", "settings")
    program = "import sys\n" + "\n".join(f"import convbench.clock.{name}" for name in names)
    program += "\nassert not {'torch', 'pynvml'} & set(sys.modules), 'imported'"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_events_stand_around_the_block_and_nvml_behind_it() -> None:
    device = ScriptedDriver(1500.0)
    watch = CudaStopwatch("cuda:1", driver=device, state=state_of(device))
    reading = watch.time(tells(device, "work"), 3)
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
        "nvml",
    ]
    assert reading.seconds == 1.5
    assert (reading.sm_clock_mhz, reading.throttle_reasons) == (1410, 0x4)
    state = (reading.memory_clock_mhz, reading.power_mw, reading.temperature_c)
    assert state == (1593, 250_000, 55)


def test_the_host_clock_is_read_before_the_first_launch_behind_the_last_and_behind_the_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = ScriptedDriver()

    def clock() -> int:
        device.told.append("clock")
        return {1: 1_000, 2: 3_001_000, 3: 8_001_000}[device.told.count("clock")]

    def usage(_: type[HostUsage]) -> HostUsage:
        device.told.append("usage")
        return HostUsage(0, 0, 0)

    monkeypatch.setattr(time, "perf_counter_ns", clock)
    monkeypatch.setattr(HostUsage, "now", classmethod(usage))
    watch = CudaStopwatch(driver=device, state=state_of(device))
    reading = watch.time(tells(device, "work"), 1)
    assert (reading.host_seconds, reading.issue_seconds) == (0.008, 0.003)
    told = [entry for entry in device.told if isinstance(entry, str) and entry != "event"]
    assert told == [
        *("synchronize", "usage", "clock"),
        *("work", "clock"),
        *("synchronize", "clock", "usage", "nvml"),
    ]


def test_without_a_reader_a_scripted_device_tells_no_state() -> None:
    for watch in (CudaStopwatch(driver=ScriptedDriver()), KernelStopwatch(driver=ScriptedDriver())):
        reading = watch.time(lambda: None, 1)
        assert (reading.sm_clock_mhz, reading.throttle_reasons) == (None, None)


def test_an_exception_of_the_work_comes_through() -> None:
    def out_of_memory() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        CudaStopwatch(driver=ScriptedDriver()).time(out_of_memory, 1)


def test_without_cuda_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match=r"'cuda': torch sees no CUDA device; run where"):
        stopwatch_for("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(RuntimeError, match=r"'cuda:2': torch sees only 2 CUDA"):
        stopwatch_for("cuda:2")


def test_each_device_has_its_clocks_and_others_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from convbench.clock import cuda

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    asked: list[str] = []

    def reader(device: str) -> Callable[[], DeviceState]:
        asked.append(device)
        return lambda: DeviceState(None, None)

    monkeypatch.setattr(cuda, "reader_for", reader)
    assert {name: type(watch) for name, watch in clocks_for("cpu").items()} == {
        "wall": WallStopwatch
    }
    assert {name: type(watch) for name, watch in clocks_for("cuda:1").items()} == {
        "events": CudaStopwatch,
        "kernel": KernelStopwatch,
    }
    assert asked == ["cuda:1"]  # of the same device, not of the first one
    assert isinstance(stopwatch_for("cpu"), WallStopwatch)
    assert isinstance(stopwatch_for("cuda"), CudaStopwatch)
    for device in ("mps", "gpu", "", "cuda:", "cuda:x"):
        with pytest.raises(ValueError, match=f"device '{device}': no stopwatch"):
            clocks_for(device)


@pytest.mark.parametrize(
    ("host", "events", "kernel", "said"),
    [
        (3e-5, 2e-5, 1e-5, None),
        (1e-5, 1e-5, 1e-5, None),
        (1e-5, 1.019e-5, 1.038e-5, None),  # 2 % is granted to each
        (1e-5, 1.021e-5, 1e-5, r"CUDA events \(10\.21 µs\) exceed host wall time \(10 µs\) by"),
        (1e-5, 1e-5, 1.021e-5, r"kernel time \(10\.21 µs\) exceed CUDA events \(10 µs\) by"),
        (1e-5, float("nan"), 1e-5, "CUDA events .* exceed host wall time"),
        (1e-5, 1e-5, float("nan"), "kernel time .* exceed CUDA events"),
    ],
)
def test_host_holds_events_and_events_hold_the_kernel(
    host: float, events: float, kernel: float, said: str | None
) -> None:
    sentence = inconsistent(host, events, kernel)
    if said is None:
        assert sentence is None
    else:
        with pytest.raises(AssertionError, match=said):
            raise AssertionError(sentence)


def test_real_clocks_are_ordered_and_grow_with_the_work() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here")
    matrix = torch.zeros(2048, 2048, device="cuda")

    def work() -> object:
        return matrix @ matrix

    clocks = clocks_for("cuda")
    for watch in clocks.values():
        watch.time(work, 10)
        assert 0 < watch.time(work, 20).seconds < watch.time(work, 200).seconds
    events, kernel = clocks["events"].time(work, 100), clocks["kernel"].time(work, 100)
    assert events.host_seconds is not None
    assert events.issue_seconds is not None
    assert 0 < events.issue_seconds < events.host_seconds
    assert inconsistent(events.host_seconds, events.seconds, kernel.seconds) is None
