"""Clocks of a CUDA device, whether they agree, and which stopwatch belongs to which device."""

from __future__ import annotations

import time
from itertools import repeat

from convbench.clock.cuda_driver import DeviceStopwatch, TorchDriver
from convbench.clock.cuda_graphs import KernelStopwatch
from convbench.clock.nvml import reader_for
from convbench.clock.samples import KERNEL
from convbench.clock.stopwatch import (
    STOPWATCHES,
    HostUsage,
    Reading,
    Stopwatch,
    WallStopwatch,
    Work,
)

__all__ = ["CudaStopwatch", "clocks_for", "inconsistent", "stopwatch_for"]

TOLERANCE = 0.02  # by which medians of separate blocks may contradict each other's order


@STOPWATCHES.register("cuda-events")
class CudaStopwatch(DeviceStopwatch):
    """CUDA events around a block of calls: time on the device's own clock, and on the host's.

    `seconds` runs from the first call's start to the last one's end **on the device**. Where a
    kernel is shorter than its launch, the device waits for the host in between and the waiting is
    in the time: it is then the rate at which calls can be issued, not the length of the kernel.
    One can tell by `issue_seconds`, until the last call had returned: it is then about as long.
    `host_seconds` runs from before the first launch to after the final wait.

    CPU time, page faults and switches are the host's, over launching and the wait for the end.
    Clock and slowdowns are read after the block, when all else has been read.

    """

    name = "cuda-events"

    def time(self, work: Work, calls: int) -> Reading:
        """Return what `calls` calls of `work` took by the device's events and the host's clock."""
        driver = self._driver
        start, stop = driver.event(), driver.event()
        driver.synchronize()  # else the time would hold what others had queued before
        before = HostUsage.now()
        begin = time.perf_counter_ns()
        driver.record(start)
        for _ in repeat(None, calls):
            work()
        issued = time.perf_counter_ns()
        driver.record(stop)
        driver.synchronize()  # else the stop event may not have a time yet
        end = time.perf_counter_ns()
        host = {"host_seconds": (end - begin) / 1e9, "issue_seconds": (issued - begin) / 1e9}
        return self._read(before, start, stop, **host)


def stopwatch_for(device: str, name: str = "") -> Stopwatch:
    """Return the stopwatch of a name, or else the main one of a device.

    Args:
        device: "cpu", "cuda" or "cuda:<index>"; whatever the named stopwatch takes.
        name: of a registered one; the device's main one where it is empty.

    Raises:
        UnknownNameError: a name that is not registered.
        RuntimeError: a CUDA device that is not there.
        ValueError: any other device, or one that the named stopwatch is not right for. A wall clock
            would time only the queueing of its work, so there is no default.

    """
    return STOPWATCHES[name](device) if name else next(iter(clocks_for(device).values()))


def clocks_for(device: str) -> dict[str, Stopwatch]:
    """Return every clock of a device by name, the main one first.

    On "cpu" `wall`. On "cuda" or "cuda:<index>" `events`, whose readings hold host wall and issue
    time as well, and `kernel`.

    Raises:
        RuntimeError: a CUDA device that is not there.
        ValueError: any other device.

    """
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return {"wall": WallStopwatch()}
    if kind == "cuda" and (index.isdecimal() or device == "cuda"):
        driver, state = TorchDriver(device), reader_for(device)
        return {
            "events": CudaStopwatch(device, driver=driver, state=state),
            KERNEL: KernelStopwatch(device, driver=driver, state=state),
        }
    raise ValueError(
        f"device {device!r}: no stopwatch is known for it; give 'cpu', 'cuda' or 'cuda:<index>'",
    )


def inconsistent(host: float, events: float, kernel: float) -> str | None:
    """Return a sentence if the three times of one work contradict each other, else None.

    The host waits for the device, and the device for the kernels, so host >= events >= kernel.
    `TOLERANCE` (2 %) is granted to each, since they are medians of blocks that ran one after the
    other. What is no number contradicts everything.

    Args:
        host: seconds per call by the host's clock, the wait for the device included.
        events: seconds per call by CUDA events.
        kernel: seconds per call of the kernels alone.

    """
    for longer, shorter, above, below in (
        (host, events, "host wall time", "CUDA events"),
        (events, kernel, "CUDA events", "kernel time"),
    ):
        if not longer * (1 + TOLERANCE) >= shorter:  # so written, a NaN is a contradiction too
            return (
                f"{below} ({shorter * 1e6:.4g} µs) exceed {above} ({longer * 1e6:.4g} µs) by more "
                f"than {TOLERANCE:.0%}, which cannot be for the same work; the device's clock may "
                "have changed in between, or the work queues on another stream: measure again"
            )
    return None
