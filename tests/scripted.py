"""Samples with times that a test chose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from convbench.clock.samples import Samples


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
