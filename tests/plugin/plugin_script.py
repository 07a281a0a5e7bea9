"""Measurements from a script, so that outcomes are exact: what `convbench.measure` would return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convbench.clock.arguments import call_of
from convbench.clock.measurement import Measurement
from convbench.clock.samples import Samples

ROUNDS = 20


def samples(seconds: float, /, *, rounds: int = ROUNDS, **changes: Any) -> Samples:
    """Return clean samples of a fresh process, all within 1 % of `seconds`."""
    values: dict[str, Any] = {
        "seconds": tuple(seconds * (1 + (place % 5 - 2) / 200) for place in range(rounds)),
        "page_faults": (0,) * rounds,
        "involuntary_switches": (0,) * rounds,
        "block": 4,
        "first_call": 1.0,
        "warmup_calls": 10,
        "stopwatch": "wall",
        "seed": 0,
        "threads": 1,
        "session": "s",
        "stop_reason": "told so",
        "process": "fresh",
    }
    values["cpu_seconds"] = values["seconds"]
    return Samples(**{**values, **changes})


def spread(low: float, high: float, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return what makes samples that go from one time to another in even steps."""
    step = (high - low) / (rounds - 1)
    times = tuple(low + step * place for place in range(rounds))
    return {"seconds": times, "cpu_seconds": times, "rounds": rounds}


def busy(one: Samples, among: int = 1, but: int = 0) -> Samples:
    """Return the samples with somebody else in most of the time of every `among`-th of them.

    but: of these, every so-manieth is as it was; 0 for none.
    """
    times = tuple(
        0.4 * s if n % among == 0 and not (but and n % but == 0) else s
        for n, s in enumerate(one.seconds)
    )
    return Samples(**{**vars(one), "cpu_seconds": times})


class Script:
    """Stands in for `measure`: gives what it is told by name, and keeps what it was asked."""

    def __init__(self, times: Mapping[str, Any], **more: Any) -> None:
        """times: seconds, or samples, by the competitor's name. more: of the Measurement."""
        self.asked: list[dict[str, Any]] = []
        self._times, self._more = times, more

    def __call__(self, work: Mapping[str, Any], **options: Any) -> Measurement:
        for name, given in work.items():
            call_of(name, given)  # what cannot be called is refused as ever
        self.asked.append(options)
        failed = self._more.get("failures", {})
        return Measurement(
            samples={name: () if name in failed else self._of(name) for name in work}, **self._more
        )

    def _of(self, name: str) -> tuple[Samples, ...]:
        told = self._times[name]
        return (samples(told),) if isinstance(told, float) else tuple(told)
