"""Stopwatches: what a block of calls took. They decide nothing about order, warm-up or number."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Final, NamedTuple, Protocol

from convbench.core.registry import Registry

try:
    import resource
except ImportError:  # Windows has no such module; faults and switches then read 0.
    resource = None  # type: ignore[assignment]

Work = Callable[[], object]
Script = float | Iterator[float] | Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Totals for one block of calls.

    Attributes:
        seconds: duration of the block, of the kind that the stopwatch measures.
        cpu_seconds: CPU time of the whole process, all threads together, user and system.
        page_faults: page faults, minor and major; 0 if the system does not report it.
        involuntary_switches: involuntary context switches; 0 if the system does not report it.
        others_running: other tasks on the machine that ran or were ready to run when the block
            ended; 0 if the system does not report it.
        voluntary_switches: times the process yielded the processor (it slept, or waited for a lock
            or for data); None if the system does not report it.
        waited_seconds: how long the calling thread was ready to run while another had the
            processor; None if the system does not report it.
        host_seconds: duration of the block on the host, including the wait for the device; None if
            `seconds` is that already.
        issue_seconds: seconds on the host until the last call returned, while the device may still
            work; None if a call returns when its work is done.
        sm_clock_mhz: clock of the device's multiprocessors after the block; None if not known.
        throttle_reasons: bits for the reasons why the device was slowed down (NVML's clock event
            reasons); None if it is not known.
        memory_clock_mhz: clock of the device's memory; None if it is not known.
        power_mw: power of the device in mW, as its driver averages it; None if it is not known.
        temperature_c: temperature of the device in °C; None if it is not known.

    """

    seconds: float
    cpu_seconds: float
    page_faults: int
    involuntary_switches: int
    others_running: int = 0
    voluntary_switches: int | None = None
    waited_seconds: float | None = None
    host_seconds: float | None = None
    issue_seconds: float | None = None
    sm_clock_mhz: int | None = None
    throttle_reasons: int | None = None
    memory_clock_mhz: int | None = None
    power_mw: int | None = None
    temperature_c: int | None = None


class Stopwatch(Protocol):
    """Times a block of calls.

    `time(work, calls)` runs `work` exactly `calls` times and returns the totals of the block.
    Exceptions of `work` are passed on. What else the sampler asks of a stopwatch that has it:
    `overhead()`, seconds of a block without work; `most_calls`, in a block; `tells_first_call`,
    False where it cannot time one; `lost(error)`, see the function of that name.
    """

    name: str

    def time(self, work: Work, calls: int) -> Reading:
        """Run `work` `calls` times and return the totals."""
        ...


def lost(stopwatch: Stopwatch, error: BaseException | None = None) -> bool:
    """Tell whether this process can time nothing more after an error, or after no known one.

    Only a stopwatch of a device with a `lost` of its own can say so: see `clock.cuda_driver`.
    """
    tell: Callable[[BaseException | None], bool] | None = getattr(stopwatch, "lost", None)
    return tell is not None and tell(error)


def _load_stopwatches() -> None:
    import convbench.clock.cuda  # noqa: F401  it registers those of a device


STOPWATCHES: Final[Registry[Callable[[str], Stopwatch]]] = Registry("stopwatch", _load_stopwatches)
"""Every registered stopwatch by name, as what makes one for a device: "cpu", "cuda:0", ….

It raises ValueError for a device that it is not right for, RuntimeError for one that is not there.
"""


class HostUsage(NamedTuple):
    """What this process has used so far; subtract two of them with `since`."""

    cpu_nanoseconds: int
    page_faults: int
    involuntary_switches: int
    waited_nanoseconds: int | None = None
    voluntary_switches: int | None = None

    @classmethod
    def now(cls) -> HostUsage:
        """Read the counters of this process."""
        if resource is None:
            return cls(time.process_time_ns(), 0, 0)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        faults = usage.ru_minflt + usage.ru_majflt
        return cls(time.process_time_ns(), faults, usage.ru_nivcsw, run_delay(), usage.ru_nvcsw)

    def since(self, earlier: HostUsage, seconds: float) -> Reading:
        """Return a reading of `seconds` with what was used between `earlier` and this."""
        waited = _more(self.waited_nanoseconds, earlier.waited_nanoseconds)
        return Reading(
            seconds=seconds,
            cpu_seconds=(self.cpu_nanoseconds - earlier.cpu_nanoseconds) / 1e9,
            page_faults=self.page_faults - earlier.page_faults,
            involuntary_switches=self.involuntary_switches - earlier.involuntary_switches,
            others_running=others_running(),
            voluntary_switches=_more(self.voluntary_switches, earlier.voluntary_switches),
            waited_seconds=None if waited is None else waited / 1e9,
        )


def _more(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else now - before


def run_delay() -> int | None:
    """Return nanoseconds that this thread ever waited for a processor, ready to run; or None.

    Linux counts them for every thread (schedstat, the second number; sched-stats.rst of its
    documentation), to the nanosecond.
    """
    return _told("/proc/thread-self/schedstat", 1)


def others_running() -> int:
    """Return how many tasks beside the caller run or want to, on the whole machine; 0 if untold."""
    return max(0, (_told("/proc/loadavg", 3) or 0) - 1)


def _told(path: str, place: int) -> int | None:
    """Return the number at a place of a small file of the kernel, up to a slash; None if untold."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return int(os.read(descriptor, 128).split()[place].partition(b"/")[0])
    except (OSError, ValueError, IndexError):
        return None
    finally:
        os.close(descriptor)


_ASKED = 20
"""Blocks without work that are timed to learn the clock's own share."""


def _nothing() -> None:
    """Do nothing, as quickly as a call can."""


@STOPWATCHES.register("wall")
class WallStopwatch:
    """Wall clock of the host. Right for work that is done when the call returns, as on a CPU."""

    name = "wall"

    def __init__(self, device: str = "cpu") -> None:
        """Refuse, with ValueError, a device that is still at work when a call returns."""
        if device != "cpu":
            raise ValueError(f"the wall clock would time only the queueing of work on {device!r}")

    def overhead(self) -> float:
        """Return seconds that a block without work is said to take: what the clock itself adds."""
        return min(self.time(_nothing, 1).seconds for _ in range(_ASKED))

    def time(self, work: Work, calls: int) -> Reading:
        """Return what `calls` calls of `work` took by the wall clock."""
        before = HostUsage.now()
        # Innermost, so that reading the other counters is not part of the time.
        start = time.perf_counter_ns()
        for _ in repeat(None, calls):  # the cheapest loop there is: no integer is made per turn
            work()
        stop = time.perf_counter_ns()
        return HostUsage.now().since(before, (stop - start) / 1e9)


class ScriptedStopwatch:
    """Tells times from a script, so that order, stop rule and statistics are tested exactly.

    It runs the work as often as it is asked to, as any stopwatch does, but looks at no clock.

    Args:
        script: for each piece of work, by itself or by its `__name__`, seconds per call: one
            number for ever, an iterator, or a function; the last two are asked once a reading.

    Attributes:
        asked: what was asked, in order, as (`__name__` or repr of the work, calls).
        elapsed: scripted seconds told so far; `clock` returns the same, for a sampler's `clock`.

    """

    name = "scripted"

    def __init__(self, script: Mapping[Work | str, Script]) -> None:
        """Keep the script; nothing is read from it before the first question."""
        self._script = dict(script)
        self.asked: list[tuple[str, int]] = []
        self.elapsed = 0.0

    def clock(self) -> float:
        """Return the scripted seconds told so far."""
        return self.elapsed

    def time(self, work: Work, calls: int) -> Reading:
        """Run the work and return the next scripted time, as wall and CPU time alike.

        Raises:
            LookupError: the work is not in the script, or its iterator has ended.

        """
        label = getattr(work, "__name__", repr(work))
        self.asked.append((label, calls))
        seconds = self._seconds_per_call(work, label) * calls
        for _ in repeat(None, calls):
            work()
        self.elapsed += seconds
        return Reading(seconds=seconds, cpu_seconds=seconds, page_faults=0, involuntary_switches=0)

    def _seconds_per_call(self, work: Work, label: str) -> float:
        work = getattr(work, "__wrapped__", work)  # a first call is made through a wrapper
        key = work if work in self._script else label
        if key not in self._script:
            raise LookupError(f"no script for {label!r}; give one by the work or by its __name__")
        line = self._script[key]
        if isinstance(line, int | float):
            return line
        if isinstance(line, Iterator):
            try:
                return next(line)
            except StopIteration:
                count = sum(1 for asked, _ in self.asked if asked == label) - 1
                raise LookupError(
                    f"the script for {label!r} ended after {count} readings; give a longer one",
                ) from None
        return line()
