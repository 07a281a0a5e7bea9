"""The stopwatch of a CUDA device, and which stopwatch belongs to which device."""

from __future__ import annotations

from itertools import repeat
from typing import Any, Protocol

from convbench.timing.stopwatch import HostUsage, Reading, Stopwatch, WallStopwatch, Work


class CudaDriver(Protocol):
    """The four things that the stopwatch needs of a device; a fake of them tests its logic."""

    def event(self) -> Any:
        """Return a new event that can carry a time."""
        ...

    def record(self, event: Any) -> None:
        """Queue the event behind the work queued so far."""
        ...

    def synchronize(self) -> None:
        """Wait until the device has done all that is queued."""
        ...

    def elapsed_ms(self, start: Any, stop: Any) -> float:
        """Return milliseconds between two recorded events that the device has reached."""
        ...


class CudaStopwatch:
    """CUDA events around a block of calls: time on the device's own clock.

    The time runs from the first call's start to the last one's end **on the device**. Where a
    kernel is shorter than its launch, the device waits for the host in between and the waiting is
    in the time: it is then the rate at which calls can be issued, not the length of the kernel.

    CPU time, page faults and switches are the host's, over launching and the wait for the end.

    Args:
        device: "cuda" or "cuda:1"; work must queue on this device's current stream.
        driver: stands in for the device; by default the real one, through torch.

    Raises:
        RuntimeError: torch sees no CUDA device, or not this one.

    """

    name = "cuda-events"

    def __init__(self, device: str = "cuda", *, driver: CudaDriver | None = None) -> None:
        """Find the device."""
        self.device = device
        self._driver = _TorchDriver(device) if driver is None else driver

    def time(self, work: Work, calls: int) -> Reading:
        """Return what `calls` calls of `work` took by the device's events."""
        driver = self._driver
        start, stop = driver.event(), driver.event()
        driver.synchronize()  # else the time would hold what others had queued before
        before = HostUsage.now()
        driver.record(start)
        for _ in repeat(None, calls):
            work()
        driver.record(stop)
        driver.synchronize()  # else the stop event may not have a time yet
        after = HostUsage.now()
        return after.since(before, driver.elapsed_ms(start, stop) / 1e3)


class _TorchDriver:
    """The real device, through torch."""

    def __init__(self, device: str) -> None:
        import torch

        if not torch.cuda.is_available():
            raise RuntimeError(
                f"device {device!r}: torch sees no CUDA device; run where `nvidia-smi` lists one, "
                "with a torch built for CUDA, or time on 'cpu'",
            )
        self._device = torch.device(device)
        count = torch.cuda.device_count()
        if (self._device.index or 0) >= count:
            raise RuntimeError(
                f"device {device!r}: torch sees only {count} CUDA device(s), numbered from 0; "
                "choose one of them, or look at CUDA_VISIBLE_DEVICES",
            )
        self._cuda: Any = torch.cuda  # Any, since its Event has no types

    def event(self) -> Any:
        return self._cuda.Event(enable_timing=True)

    def record(self, event: Any) -> None:
        # The stream is named: an event's default is the current *device's*, maybe another one.
        event.record(self._cuda.current_stream(self._device))

    def synchronize(self) -> None:
        self._cuda.synchronize(self._device)

    def elapsed_ms(self, start: Any, stop: Any) -> float:
        return float(start.elapsed_time(stop))


def stopwatch_for(device: str) -> Stopwatch:
    """Return the stopwatch that is right for a device: "cpu", "cuda" or "cuda:<index>".

    Raises:
        RuntimeError: a CUDA device that is not there.
        ValueError: any other device. A wall clock would time only the queueing of its work, so
            there is no default.

    """
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return WallStopwatch()
    if kind == "cuda" and (index.isdecimal() or device == "cuda"):
        return CudaStopwatch(device)
    raise ValueError(
        f"device {device!r}: no stopwatch is known for it; give 'cpu', 'cuda' or 'cuda:<index>'",
    )
