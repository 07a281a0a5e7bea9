"""What the CUDA stopwatches need of a device."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import repeat
from typing import Any

from convbench.clock.nvml import StateReader, reader_for, untold
from convbench.clock.stopwatch import HostUsage, Reading, Work


class NotCapturableError(RuntimeError):
    """The work cannot be captured in a CUDA graph; the message says what failed, and where."""


DELAY_CYCLES = 100_000  # of the device's clock, at 1 to 2 GHz 50 to 100 µs: ten graph launches


class TorchDriver:
    """What timing by events, and capturing and replaying a CUDA graph, need of a device.

    Args:
        device: "cuda" or "cuda:1".

    Raises:
        ValueError: the device is of another kind.
        RuntimeError: torch sees no CUDA device, or not this one.

    """

    def __init__(self, device: str) -> None:
        """Find the device."""
        import torch

        if torch.device(device).type != "cuda":
            raise ValueError(f"device {device!r} is no CUDA device; give 'cuda' or 'cuda:<index>'")
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
        self._beside: Any = None
        self._pool: Any = None
        self._keeper: Any = None

    def event(self) -> Any:
        """Return a new event that can carry a time."""
        return self._cuda.Event(enable_timing=True)

    def record(self, event: Any) -> None:
        """Queue the event behind the work queued so far."""
        # The stream is named: an event's default is the current *device's*, maybe another one.
        event.record(self._cuda.current_stream(self._device))

    def synchronize(self) -> None:
        """Wait until the device has done all that is queued."""
        self._cuda.synchronize(self._device)

    def elapsed_ms(self, start: Any, stop: Any) -> float:
        """Return milliseconds between two recorded events that the device has reached."""
        return float(start.elapsed_time(stop))

    def warm(self, work: Work, calls: int) -> None:
        """Run the work on a side stream, as torch's notes on CUDA graphs ask for."""
        with self._cuda.device(self._device):
            beside = self._side()
            beside.wait_stream(self._cuda.current_stream())
            try:
                with self._cuda.stream(beside):
                    for _ in repeat(None, calls):
                        work()
            finally:
                self._cuda.current_stream().wait_stream(beside)

    def capture(self, work: Work, calls: int) -> tuple[Any, object]:
        """Return a graph of `calls` calls, and what the last of them returned.

        All graphs share one memory pool: replay one at a time, and read an output before the next
        replay. Where this raises, the stream and the pool are in no defined state any more.
        """
        output: object = None
        failure: BaseException | None = None
        with self._cuda.device(self._device):
            graph = self._cuda.CUDAGraph()
            try:
                with self._cuda.graph(graph, pool=self._shared_pool(), stream=self._side()):
                    for _ in repeat(None, calls):
                        # Freed before the next call makes its own: the graph reuses the memory.
                        output = None
                        try:
                            output = work()
                        except BaseException as error:
                            failure = error
                            raise
            except Exception:
                # Ending a broken capture raises once more, and says less than the work did.
                if failure is None:
                    raise
        if failure is not None:
            raise failure
        return graph, output

    def _side(self) -> Any:
        """Return the stream for warming and capturing: the pool is shared on one stream only."""
        self._beside = self._beside or self._cuda.Stream()
        return self._beside

    def _shared_pool(self) -> Any:
        """Return the pool of all graphs, kept alive by an empty graph, as torch itself does it.

        Torch does not take up a pool again whose last graph was freed (see the tree manager in
        torch/_inductor/cudagraph_trees.py).
        """
        if self._pool is None:
            self._pool = self._cuda.graph_pool_handle()
            self._keeper = self._cuda.CUDAGraph()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a graph without kernels
                with self._cuda.graph(self._keeper, pool=self._pool, stream=self._side()):
                    pass
        return self._pool

    def replay(self, graph: Any) -> None:
        """Queue one replay of the graph on the current stream."""
        with self._cuda.device(self._device):
            graph.replay()

    def delay(self) -> None:
        """Queue a kernel that spins. Without it in a future torch, a launch shows in the time."""
        sleep = getattr(self._cuda, "_sleep", None)
        if sleep is not None:
            with self._cuda.device(self._device):
                sleep(DELAY_CYCLES)


class DeviceStopwatch:
    """What the stopwatches of a device have in common.

    Args:
        device: "cuda" or "cuda:1"; work must queue on this device's current stream.
        driver: stands in for the device; by default the real one, through torch.
        state: reads clock and slowdowns after a block; by default NVML for the real device, else
            untold.

    Raises:
        RuntimeError: torch sees no CUDA device, or not this one.

    """

    def __init__(
        self,
        device: str = "cuda",
        *,
        driver: TorchDriver | None = None,
        state: StateReader | None = None,
    ) -> None:
        """Find the device."""
        self.device = device
        self._driver = TorchDriver(device) if driver is None else driver
        self._state = state or (reader_for(device) if driver is None else untold)

    def lost(self, error: BaseException | None) -> bool:
        """Tell whether this process can do nothing more on the device, after an error or none.

        After an illegal access, or another error that CUDA calls sticky, every call on the device
        fails until the process ends. After a failed capture torch's state is not defined.
        """
        if isinstance(error, NotCapturableError):
            return True
        try:
            self._driver.synchronize()
        except Exception:  # noqa: BLE001  whatever it raises, the device no longer works
            return True
        return False

    def _read(self, before: HostUsage, start: Any, stop: Any, **more: Any) -> Reading:
        """Return what lies between two events, what the host has used, and the device's state."""
        usage = HostUsage.now().since(before, self._driver.elapsed_ms(start, stop) / 1e3)
        return replace(usage, **more, **self._state()._asdict())
