"""Samples with times that a test chose, and a device that tells times from a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any

import pytest

from convbench.clock import group_kernels, group_process
from convbench.clock.cuda import CudaStopwatch
from convbench.clock.cuda_graphs import KernelStopwatch
from convbench.clock.samples import KERNEL, Samples
from convbench.clock.stopwatch import Stopwatch, Work


def samples(seconds: Iterable[float], session: str = "s", **changes: Any) -> Samples:
    """Return samples with these times, of a stopwatch that saw nothing else."""
    times = tuple(float(value) for value in seconds)
    values: dict[str, Any] = {
        "seconds": times,
        "cpu_seconds": times,
        "page_faults": (0,) * len(times),
        "involuntary_switches": (0,) * len(times),
        "block": 1,
        "first_call": 1.0,
        "warmup_calls": 1,
        "stopwatch": "scripted",
        "seed": 0,
        "threads": 1,
        "session": session,
        "stop_reason": "",
    }
    return Samples(**{**values, **changes})


def processes(rows: Iterable[Iterable[float]]) -> list[Samples]:
    """Return one process a row, each with a session of its own."""
    return [samples(row, f"s{number}") for number, row in enumerate(rows)]


def each(values: Iterable[float], rounds: int = 6) -> list[Samples]:
    """Return one process a value, all of whose rounds took that long."""
    return processes([value] * rounds for value in values)


class ScriptedDriver:
    """A device that writes down what it is told and tells times from a script; needs no GPU.

    Args:
        milliseconds: what lies between two events: one number for ever, or one after the other.

    Attributes:
        told: what it was told, in order: the method's name, with its numbers where it has some.
            Events are numbered from 1, and so are graphs.

    """

    def __init__(self, milliseconds: float | Iterator[float] = 1.0) -> None:
        """Keep the script."""
        self._script = (
            repeat(milliseconds) if isinstance(milliseconds, int | float) else milliseconds
        )
        self.told: list[object] = []
        self._events = 0
        self._graphs = 0

    def event(self) -> int:
        """Return the next number."""
        self.told.append("event")
        self._events += 1
        return self._events

    def record(self, event: int) -> None:
        """Write it down."""
        self.told.append(("record", event))

    def synchronize(self) -> None:
        """Write it down."""
        self.told.append("synchronize")

    def elapsed_ms(self, start: int, stop: int) -> float:
        """Return the next time of the script."""
        self.told.append(("elapsed", start, stop))
        return next(self._script)

    def warm(self, work: Work, calls: int) -> None:
        """Run the work."""
        self.told.append(("warm", calls))
        for _ in repeat(None, calls):
            work()

    def capture(self, work: Work, calls: int) -> tuple[int, object]:
        """Run the work and return the next number with what it returned."""
        self.told.append(("capture", calls))
        output: object = None
        for _ in repeat(None, calls):
            output = work()
        self._graphs += 1
        return self._graphs, output

    def replay(self, graph: int) -> None:
        """Write it down; the work doesn't run."""
        self.told.append(("replay", graph))

    def delay(self) -> None:
        """Write it down."""
        self.told.append("delay")


def put_in(monkeypatch: pytest.MonkeyPatch, card: Callable[[], Any]) -> None:
    """Have processes time on a scripted device: on the one that `card` then returns."""

    def stopwatch(device: str, name: str = "") -> Stopwatch:
        kind = KernelStopwatch if name == KernelStopwatch.name else CudaStopwatch
        return kind(device, driver=card())

    kernel = lambda device: {KERNEL: KernelStopwatch(device, driver=card())}  # noqa: E731
    monkeypatch.setattr(group_process, "stopwatch_for", stopwatch)
    monkeypatch.setattr(group_kernels, "clocks_for", kernel)
