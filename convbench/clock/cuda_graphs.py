"""Work captured in a CUDA graph: the time of its kernels alone, and a call that is one replay."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convbench.clock.cuda_driver import DeviceStopwatch, NotCapturableError, TorchDriver
from convbench.clock.stopwatch import STOPWATCHES, HostUsage, Reading, Work
from convbench.core.errors import one_line

WARM_CALLS = 3  # as torch's notes on CUDA graphs do: algorithms are chosen, memory is at hand
MOST_CAPTURED = 200  # calls in a graph: recording each takes time and memory


@STOPWATCHES.register("cuda-kernel")
class KernelStopwatch(DeviceStopwatch):
    """Time of the kernels alone: a block of calls captured in a CUDA graph, its replay in events.

    The device gets the whole block in one launch and waits for no Python between two calls. The
    launch of the graph itself isn't in the time either: the device is kept busy until it is queued.

    A capture runs the work three times on a side stream, then once for every call of the block,
    whose kernels are noted and not run. It is made once for a work and a number of calls, outside
    of what is timed; another number of calls replaces it. A first call is not timed: take it from
    `CudaStopwatch`.
    The captured calls read and write the same memory at every replay; whatever Python does in the
    work is not repeated.

    CPU time, page faults and switches are the host's, over one launch and the wait for the end.
    `host_seconds` and `issue_seconds` are None: one launch tells nothing about launching calls.

    Attributes:
        most_calls: calls in a block, at most.
        tells_first_call: False: a first call is not timed.
        accept: called with a work and the output of its graph, after the first replay; what it
            raises is raised by `time`.

    """

    name = "cuda-kernel"
    most_calls = MOST_CAPTURED
    tells_first_call = False

    def __init__(self, device: str = "cuda", **stand_ins: Any) -> None:
        """Find the device; nothing is captured before the first question."""
        super().__init__(device, **stand_ins)
        self.accept: Callable[[Work, object], None] | None = None
        # By identity, since a callable may be unhashable, with the work itself so that no other
        # one can get its id.
        self._captured: dict[int, tuple[Work, int, Any]] = {}

    def time(self, work: Work, calls: int) -> Reading:
        """Return what the kernels of `calls` calls of `work` took by the device's events.

        Raises:
            NotCapturableError: the work waits for the device, or does what a graph cannot hold.

        """
        graph = self._graph(work, calls)
        driver = self._driver
        start, stop = driver.event(), driver.event()
        driver.synchronize()
        before = HostUsage.now()
        driver.delay()  # else the device would reach `start` before the replay is queued
        driver.record(start)
        driver.replay(graph)
        driver.record(stop)
        driver.synchronize()
        return self._read(before, start, stop)

    def release(self) -> None:
        """Forget all captured graphs, and with them the memory that they hold."""
        self._captured.clear()

    def _graph(self, work: Work, calls: int) -> Any:
        _, captured, graph = self._captured.get(id(work), (work, 0, None))
        if captured != calls:
            self._captured.pop(id(work), None)
            del graph  # before the next is captured: that takes its memory
            graph, output = _capture(self._driver, work, calls)
            self._driver.replay(graph)  # the first replay also moves the graph to the device
            if self.accept is not None:
                self._driver.synchronize()
                self.accept(work, output)
            prepare = getattr(work, "prepare", None)
            if prepare is not None:  # what it had prepared, say a cold cache, is used up by now
                prepare()
            self._captured[id(work)] = (work, calls, graph)
        return graph


class Graphed:
    """A call that is one replay of captured work. Made by `graphed`.

    Attributes:
        work: what was captured; kept, since the graph reads the memory that it holds.

    """

    def __init__(self, work: Work, driver: TorchDriver) -> None:
        """Capture one call."""
        self.work = work
        self.__name__ = f"graphed {_name(work)}"
        self._driver = driver
        self._graph, self._output = _capture(driver, work, 1)

    def __call__(self) -> object:
        """Queue one replay and return what the captured call returned, with its new content."""
        self._driver.replay(self._graph)
        return self._output


def graphed(work: Work, device: str = "cuda", *, driver: TorchDriver | None = None) -> Graphed:
    """Return a callable whose call is one replay of `work`, captured here in a CUDA graph.

    It returns what the captured call returned: the same tensors at every call, overwritten by it.

    Raises:
        NotCapturableError: the work waits for the device, or does what a graph cannot hold.
        RuntimeError: torch sees no CUDA device, or not this one.

    """
    return Graphed(work, TorchDriver(device) if driver is None else driver)


def _capture(driver: TorchDriver, work: Work, calls: int) -> tuple[Any, object]:
    """Return the graph and the last output. What the work raises uncaptured comes through as is."""
    driver.warm(work, WARM_CALLS)
    driver.synchronize()
    try:
        return driver.capture(work, calls)
    except Exception as error:
        raise NotCapturableError(
            f"{_name(work)}: a CUDA graph of {calls} call(s) could not be captured, since "
            f"{_place_of(error)} raised {one_line(error)}; take out of the work what "
            "waits for the device or depends on its values (.item(), .cpu(), print, boolean masks, "
            "copies from unpinned memory), or measure it by events alone, without a graph",
        ) from error


def _place_of(error: BaseException) -> str:
    """Return the line of the work that raised: the innermost one outside of torch and of this."""
    here = Path(__file__).parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if "torch" not in path.parts and path.parent != here:
            return f"{path.name}:{frame.lineno} in {frame.name}"
    return "torch"


def _name(work: Work) -> str:
    return getattr(work, "__name__", None) or repr(work)
