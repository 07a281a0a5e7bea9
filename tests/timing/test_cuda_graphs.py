"""Captured work: the order in which a device is told, how often, and what a failure says."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from scripted import ScriptedDriver

from convbench.clock import cuda_graphs
from convbench.clock.cuda_driver import TorchDriver
from convbench.clock.cuda_graphs import KernelStopwatch, NotCapturableError, graphed
from convbench.clock.nvml import DeviceState
from convbench.clock.sampler import measure_group
from convbench.clock.samples import Samples


def captures(device: ScriptedDriver) -> list[int]:
    """Return the calls of every capture that the device was asked for."""
    return [told[1] for told in device.told if isinstance(told, tuple) and told[0] == "capture"]


def test_capture_comes_first_and_one_replay_is_timed_behind_a_delay() -> None:
    device = ScriptedDriver(2.0)

    def state() -> DeviceState:
        device.told.append("nvml")
        return DeviceState(1980, 0)

    reading = KernelStopwatch(driver=device, state=state).time(lambda: None, 5)
    assert device.told == [
        ("warm", 3),
        "synchronize",
        ("capture", 5),
        ("replay", 1),
        "event",
        "event",
        "synchronize",
        "delay",
        ("record", 1),
        ("replay", 1),
        ("record", 2),
        "synchronize",
        ("elapsed", 1, 2),
        "nvml",
    ]
    assert reading.seconds == 0.002
    assert (reading.host_seconds, reading.issue_seconds) == (None, None)
    assert (reading.sm_clock_mhz, reading.throttle_reasons) == (1980, 0)


def test_captured_once_for_a_work_and_a_number_of_calls() -> None:
    device = ScriptedDriver()
    watch = KernelStopwatch(driver=device)

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self) -> None: ...

    first, second = Unhashable(), Unhashable()
    for work, calls in ((first, 2), (first, 2), (first, 3), (second, 2), (first, 3), (second, 2)):
        watch.time(work, calls)
    assert captures(device) == [2, 3, 2]
    replayed = [told[1] for told in device.told if isinstance(told, tuple) and told[0] == "replay"]
    assert replayed == [1, 1, 1, 2, 2, 3, 3, 2, 3]  # twice after a capture
    watch.release()
    watch.time(first, 3)
    assert captures(device) == [2, 3, 2, 3]


def test_what_a_capture_used_up_is_prepared_again() -> None:
    device = ScriptedDriver()

    class Cold:
        def prepare(self) -> None:
            device.told.append("prepare")

        def __call__(self) -> None: ...

    work, watch = Cold(), KernelStopwatch(driver=device)
    watch.time(work, 1)
    assert device.told[:6] == [
        *(("warm", 3), "synchronize", ("capture", 1), ("replay", 1)),
        *("prepare", "event"),
    ]
    watch.time(work, 1)
    assert device.told.count("prepare") == 1  # else it is for the caller, before the stopwatch


def test_a_graph_of_other_length_replaces_the_one_before() -> None:
    device = Graphs()
    watch = KernelStopwatch(driver=device)

    def work() -> None: ...

    for calls in (1, 2, 1, 3):
        watch.time(work, calls)
        assert device.alive() == 1
    assert captures(device) == [1, 2, 1, 3]
    assert device.alive_at_capture == [0, 0, 0, 0], "its memory is free before the next is captured"


class Graphs(ScriptedDriver):
    """A device whose graphs are objects, so that one can tell which are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.graphs: list[weakref.ref[Any]] = []
        self.alive_at_capture: list[int] = []

    def alive(self) -> int:
        return sum(graph() is not None for graph in self.graphs)

    def capture(self, work: Any, calls: int) -> tuple[Any, object]:
        self.alive_at_capture.append(self.alive())
        _, output = super().capture(work, calls)
        graph = type("Graph", (), {})()
        self.graphs.append(weakref.ref(graph))
        return graph, output

    def replay(self, graph: object) -> None:
        """Keep no graph alive by writing it down."""


def test_the_output_of_a_graph_is_shown_once_after_its_first_replay() -> None:
    device = ScriptedDriver()
    watch = KernelStopwatch(driver=device)
    shown: list[tuple[object, object, object]] = []
    watch.accept = lambda work, output: shown.append((work, output, device.told[-2:]))

    def work() -> str:
        return "output"

    watch.time(work, 2)
    watch.time(work, 2)
    assert shown == [(work, "output", [("replay", 1), "synchronize"])]

    def refuse(work: object, output: object) -> None:
        raise ValueError("another output")

    watch.accept = refuse
    with pytest.raises(ValueError, match="another output"):
        watch.time(work, 3)


def test_a_group_is_captured_once_each_and_no_round_pays_for_it() -> None:
    """17 works, as the largest group of the suite quick has."""

    class Slow(ScriptedDriver):
        now = 0.0

        def capture(self, work: Any, calls: int) -> tuple[int, object]:
            self.now += 0.06
            return super().capture(work, calls)

        def elapsed_ms(self, start: int, stop: int) -> float:
            self.now += 0.0006
            return 0.6

    device = Slow()
    works = {f"work {number}": lambda number=number: number for number in range(17)}
    found = measure_group(
        works,
        stopwatch=KernelStopwatch(driver=device),
        seed=0,
        budget=0.5,
        session="s",
        min_rounds=4,
        blocks=dict.fromkeys(works, 200),
        clock=lambda: device.now,
    )
    assert captures(device) == [200] * 17
    for samples in found.values():
        assert isinstance(samples, Samples)
        assert len(samples.seconds) == 50, "0.5 s of rounds of 17 times 0.6 ms"
        assert samples.first_call is None


def test_a_block_of_a_graph_is_limited() -> None:
    device = ScriptedDriver(1e-6)
    found = measure_group(
        {"tiny": lambda: None},
        stopwatch=KernelStopwatch(driver=device),
        seed=0,
        budget=1e-6,
        session="s",
        min_rounds=2,
        max_rounds=2,
    )
    assert isinstance(found["tiny"], Samples)
    assert found["tiny"].block == cuda_graphs.MOST_CAPTURED == max(captures(device))


def test_work_that_waits_for_the_device_is_named_with_the_line_and_the_remedy() -> None:
    class Capturing(ScriptedDriver):
        capturing = False

        def capture(self, work: Any, calls: int) -> tuple[int, object]:
            self.capturing = True
            return super().capture(work, calls)

    device = Capturing()

    def reads_a_value() -> None:
        if device.capturing:
            raise RuntimeError("operation not permitted when stream is capturing\nsecond line")

    line = reads_a_value.__code__.co_firstlineno + 2
    for capture in (
        lambda: KernelStopwatch(driver=device).time(reads_a_value, 7),
        lambda: graphed(reads_a_value, driver=device),
    ):
        device.capturing = False
        with pytest.raises(NotCapturableError) as caught:
            capture()
        said = str(caught.value)
        assert said.startswith("reads_a_value: a CUDA graph of ")
        assert f"test_cuda_graphs.py:{line} in reads_a_value raised RuntimeError" in said
        assert "not permitted when stream is capturing; take out of the work" in said
        assert ".item()" in said
        assert "second line" not in said
        assert isinstance(caught.value.__cause__, RuntimeError)


def test_work_that_fails_anyway_is_not_blamed_on_the_capture() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    device = ScriptedDriver()
    with pytest.raises(ZeroDivisionError):
        KernelStopwatch(driver=device).time(broken, 1)
    assert captures(device) == []


def test_an_interrupt_while_capturing_stays_an_interrupt() -> None:
    calls: list[int] = []

    def interrupted_later() -> None:
        calls.append(1)
        if len(calls) > cuda_graphs.WARM_CALLS:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        KernelStopwatch(driver=ScriptedDriver()).time(interrupted_later, 1)


def test_a_graphed_call_is_one_replay_and_returns_the_captured_output() -> None:
    device = ScriptedDriver()
    made: list[object] = []

    def work() -> object:
        made.append(object())
        return made[-1]

    call = graphed(work, driver=device)
    assert len(made) == 4  # three to warm, one captured
    device.told.clear()
    assert call() is call() is made[3]
    assert device.told == [("replay", 1), ("replay", 1)]
    assert len(made) == 4
    assert call.work is work
    assert call.__name__ == "graphed work"


class FakeCuda:
    """The part of `torch.cuda` that the real driver uses; writes down what it is told."""

    def __init__(self, *, broken_end: bool = False) -> None:
        """Start with nothing told."""
        self.told: list[str] = []
        self.broken_end = broken_end
        self.pools = 0
        self.streams: list[object] = []
        self.Event = self.CUDAGraph = lambda **_: self.Thing(self)
        self._sleep = lambda cycles: self.told.append("sleep")

    class Thing:
        """A stream, an event and a graph alike."""

        def __init__(self, cuda: FakeCuda) -> None:
            """Keep where to write."""
            self.cuda = cuda

        def wait_stream(self, other: object) -> None:
            """Write it down."""
            self.cuda.told.append("current waits" if self is self.cuda.current else "side waits")

        def replay(self) -> None:
            """Write it down."""
            self.cuda.told.append("replay")

    current: Any = None

    def synchronize(self, device: object) -> None:
        """Write down what is waited for."""
        self.told.append(f"wait for {device}")

    def Stream(self) -> Any:  # noqa: N802
        """Return a new stream."""
        self.streams.append(self.Thing(self))
        return self.streams[-1]

    def current_stream(self, device: object = None) -> Any:
        """Return always the same stream."""
        self.current = self.current or self.Thing(self)
        return self.current

    @contextmanager
    def device(self, device: object) -> Iterator[None]:
        """Write it down."""
        self.told.append(f"on {device}")
        yield

    @contextmanager
    def stream(self, stream: object) -> Iterator[None]:
        """Write it down."""
        self.told.append("side stream")
        yield

    def graph_pool_handle(self) -> str:
        """Return another pool at every call."""
        self.pools += 1
        return f"pool {self.pools}"

    @contextmanager
    def graph(self, graph: object, *, pool: str, stream: object) -> Iterator[None]:
        """Write it down, and raise at the end of a broken capture as torch does."""
        assert stream is self.streams[-1], "the pool is shared on one stream"
        self.told.append(f"begin in {pool}")
        try:
            yield
        finally:
            self.told.append("end")
            if self.broken_end and self.told.count(f"begin in {pool}") > 1:  # not the empty one
                raise RuntimeError("capture was invalidated")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> TorchDriver:
    """Return the real driver on a fake of `torch.cuda`."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    made = TorchDriver("cuda:1")
    made._cuda = FakeCuda()
    return made


def test_the_real_driver_waits_for_its_own_device(driver: TorchDriver) -> None:
    driver.synchronize()
    assert driver._cuda.told == ["wait for cuda:1"]


def test_the_real_driver_warms_beside_captures_and_replays_on_its_device(
    driver: TorchDriver,
) -> None:
    told = driver._cuda.told

    def work() -> int:
        told.append("work")
        return len(told)

    driver.warm(work, 2)
    assert told == ["on cuda:1", "side waits", "side stream", "work", "work", "current waits"]
    told.clear()
    graph, output = driver.capture(work, 2)
    empty = ["begin in pool 1", "end"]  # which keeps the pool, as torch needs it
    assert told == ["on cuda:1", *empty, "begin in pool 1", "work", "work", "end"]
    assert output == 6
    told.clear()
    driver.capture(work, 1)
    assert told == ["on cuda:1", "begin in pool 1", "work", "end"], "all share one pool"
    assert len(driver._cuda.streams) == 1
    told.clear()
    driver.replay(graph)
    driver.delay()
    assert told == ["on cuda:1", "replay", "on cuda:1", "sleep"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_real_driver_raises_what_the_work_raised_not_what_ending_the_capture_did(
    driver: TorchDriver, error: type[BaseException]
) -> None:
    def fails() -> None:
        raise error("the first error")

    for broken in (True, False):
        driver._cuda, driver._pool, driver._beside = FakeCuda(broken_end=broken), None, None
        with pytest.raises(error, match="the first error"):
            driver.capture(fails, 1)
    driver._cuda, driver._pool, driver._beside = FakeCuda(broken_end=True), None, None
    with pytest.raises(RuntimeError, match="capture was invalidated"):
        driver.capture(lambda: None, 1)


def test_a_torch_without_the_spinning_kernel_goes_without(driver: TorchDriver) -> None:
    del driver._cuda._sleep
    driver.delay()
    assert driver._cuda.told == []


def test_a_real_graph_computes_the_same_and_a_sync_is_refused() -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here")
    image = torch.randn(8, 16, 32, 32, device="cuda")
    layer = torch.nn.Conv2d(16, 16, 3, padding=1, device="cuda")
    with torch.inference_mode():
        replayed = graphed(lambda: layer(image))
        first = replayed()
        assert isinstance(first, torch.Tensor)
        torch.testing.assert_close(first, layer(image))
        image.copy_(torch.randn_like(image))
        torch.testing.assert_close(replayed(), layer(image))
        with pytest.raises(NotCapturableError, match="could not be captured"):
            graphed(lambda: layer(image).sum().item())
        torch.testing.assert_close(replayed(), layer(image))  # the device is still of use
