"""What timing one competitor gives: samples, raw and in order, or the reason of a failure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from statistics import median
from typing import Annotated, Any, Final

from convbench.clock.stopwatch import Reading
from convbench.core import text as show
from convbench.core.notebook_views import OneLine
from convbench.core.once import once
from convbench.core.serialization import SPARSE, Duration, Least, Stored, Whole

QUANTILE: Final = 0.25
"""Of a process's rounds: its time of a call, see `clock.estimates`."""
KERNEL: Final = "kernel"
"""Name of the clock of a GPU that times the kernels alone, and of its samples beside others."""
NO_KERNELS: Final = "kernels not timed: "
"""How the flag begins of what a GPU ran and whose kernels were not timed alone."""
TIME: Final = "time of a call"
KERNEL_TIME: Final = "kernel time"
EVENT_TIME: Final = "event time"
_TITLES: Final = {"cuda-kernel": KERNEL_TIME, "cuda-events": EVENT_TIME}
"""What a time is called, by the stopwatch that took it; any other is the time of a call."""


@dataclass(frozen=True)
class Failure:
    """Why a competitor has no samples: the exception's type and the first line it said."""

    reason: str


class Untimed(Failure):
    """A failure of which the competitor is no cause: another one left no device to time it on."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Samples(OneLine, Stored):
    """Raw samples of one competitor in one process, and how they were taken.

    Entry `i` of every tuple was measured in round `i`, so samples of two competitors of one
    `session` are paired by index. Except for `seconds`, a tuple is empty if the value is not
    available; `stopwatch.Reading` describes the values. Statistics are derived and never stored.

    Attributes:
        seconds: seconds per call, one entry a round (a block's time divided by `block`).
        cpu_seconds: CPU time of the whole process per call, of all threads together.
        page_faults: page faults, minor and major, of the whole block.
        involuntary_switches: times the system took the processor away during the block.
        others_running: other tasks that ran or were ready to run at the end of the block.
        voluntary_switches: times the process yielded the processor during the block.
        waited_seconds: seconds per call that the calling thread waited for a processor.
        host_seconds: seconds per call on the host, including the wait for the device.
        issue_seconds: seconds per call on the host until the last call of the block returned.
        sm_clock_mhz: clock of a device's multiprocessors after the block.
        throttle_reasons: bits for the reasons why the device was slowed down.
        memory_clock_mhz: clock of a device's memory after the block.
        power_mw: power of a device in mW after the block, as its driver averages it.
        temperature_c: temperature of a device in °C after the block.
        block: calls in one sample.
        first_call: seconds of the very first call, which includes one-time work. None if it is not
            known.
        warmup_calls: calls between the first one and the first round, without the untimed call
            before each sample. None if it is not known.
        stopwatch: name of the stopwatch, which says what kind of time this is.
        seed: of the order of the competitors; also 0 if the order was not random.
        threads: intra-op threads, as the caller stated; 0 if it did not.
        session: an id shared by all competitors that were interleaved together.
        stop_reason: why there were no more rounds, in words.
        settled: whether two windows of the warm-up agreed; None if that was not checked.
        allocator: "kept" if freed memory stays mapped, "system" for the default of the system; see
            `clock.processes`.
        pool_bytes: memory that was read before every sample to evict the caches; 0 for a warm
            measurement.
        process: "fresh" or "forked" for a new process, otherwise why there was none.
        kernels: names of the kernels that a GPU's libraries chose in this process, see
            `execution.Execution.choice`; empty where none were observed.

    Raises:
        ValueError: no rounds, tuples of different lengths, a time that is negative or not finite,
            or a block without calls.

    """

    seconds: tuple[Duration, ...]
    cpu_seconds: tuple[Duration, ...]
    page_faults: tuple[Whole, ...]
    involuntary_switches: tuple[Whole, ...]
    block: Annotated[int, Least(1)]
    first_call: Duration | None
    warmup_calls: Whole | None
    stopwatch: str
    seed: int
    threads: Whole
    session: str
    stop_reason: str
    others_running: tuple[Whole, ...] = ()
    voluntary_switches: tuple[Whole, ...] = ()
    waited_seconds: tuple[Duration, ...] = ()
    host_seconds: tuple[Duration, ...] = ()
    issue_seconds: tuple[Duration, ...] = ()
    sm_clock_mhz: tuple[Whole, ...] = ()
    throttle_reasons: tuple[Whole, ...] = ()
    settled: bool | None = True
    allocator: str = "system"
    pool_bytes: Whole = 0
    process: str = "the caller's"
    memory_clock_mhz: tuple[Whole, ...] = field(default=(), metadata=SPARSE)
    power_mw: tuple[Whole, ...] = field(default=(), metadata=SPARSE)
    temperature_c: tuple[Whole, ...] = field(default=(), metadata=SPARSE)
    kernels: tuple[str, ...] = field(default=(), metadata=SPARSE)

    def __post_init__(self) -> None:
        """Refuse what cannot be a measurement."""
        rounds = len(self.seconds)
        if not rounds:
            raise ValueError("Samples: seconds is empty; give at least one round")
        for name in EVERY_ROUND:
            length = len(getattr(self, name))
            if length and length != rounds:
                raise ValueError(
                    f"Samples: {name} has {length} entries and seconds has {rounds}; "
                    "give one entry a round, or none where they are not known",
                )
        for name in (*_TIMES, "first_call"):
            values = getattr(self, name)
            if not values or (name in _TIMES and min(values) >= 0 and sum(values) < math.inf):
                continue
            for value in values if name in _TIMES else (values,):
                if not (math.isfinite(value) and value >= 0):
                    raise ValueError(
                        f"Samples: {name} holds {value!r}, which is no duration; "
                        "give finite seconds that are not negative",
                    )
        if self.block < 1:
            raise ValueError(f"Samples: block is {self.block}; a sample has at least 1 call")

    @property
    def in_short(self) -> str:
        """How many rounds there are, and the typical call; it is no result, and has no interval."""
        rounds = show.plural(len(self.seconds), "round")
        calls = show.plural(self.block, "call")
        return f"{rounds} of {calls}, median {show.seconds(self.median)} a call by {self.stopwatch}"

    @cached_property
    def median(self) -> float:
        """Median of `seconds`: the typical call."""
        return median(self.seconds)

    @cached_property
    def minimum(self) -> float:
        """Smallest of `seconds`: the call that was disturbed least."""
        return min(self.seconds)

    @property
    def mad(self) -> float:
        """Median absolute deviation from the median, in seconds, not scaled to a sigma."""
        centre = self.median
        return median(abs(value - centre) for value in self.seconds)

    def without(self, rounds: int) -> Samples:
        """Return the samples without the first rounds; ValueError where none would be left."""
        return replace(self, **{name: getattr(self, name)[rounds:] for name in EVERY_ROUND})

    def only(self, seconds: tuple[float, ...]) -> Samples:
        """Return samples taken in the same rounds, of which nothing but the times is known."""
        told: dict[str, Any] = {**dict.fromkeys(EVERY_ROUND, ()), "seconds": seconds}
        return replace(self, **told)


EVERY_ROUND: Final = tuple(item.name for item in fields(Reading))
"""Names of what has an entry a round."""
_TIMES: Final = tuple(name for name in EVERY_ROUND if name.endswith("seconds"))


def judged(
    samples: tuple[Samples, ...], also: Mapping[str, tuple[Samples, ...]]
) -> tuple[Samples, ...]:
    """Return the samples that times, ratios and verdicts rest on: of a GPU the kernels' own.

    samples: of the main clock, one entry a process. also: of other clocks, by name. Where the
    kernels were not timed in any process, those of the main clock.
    """
    return also.get(KERNEL) or samples


def time_title(several: Iterable[Samples]) -> str:
    """Return what times are called that rest on these samples: by their clocks, on a GPU."""
    return joint_title(_TITLES.get(stopwatch, TIME) for stopwatch in {s.stopwatch for s in several})


def joint_title(titles: Iterable[str]) -> str:
    """Return what times of several titles are called: kernel or event time."""
    kinds = sorted(set(titles), reverse=True)
    words = [kind.removesuffix(" time") for kind in kinds[:-1]]
    return " or ".join([*words, *kinds[-1:]]) or TIME


def short_title(title: str) -> str:
    """Return what a time is called where it is clear that it is of a call: time, kernel time."""
    return title.removesuffix(" of a call")


@once
def of_process(samples: Samples) -> float:
    """Return seconds of a call in one process: the lower quartile of its rounds, a measured one."""
    return low_quantile(samples.seconds)


def low_quantile(values: Sequence[float]) -> float:
    """Return the lower quartile of measured values, one of them."""
    return sorted(values)[int(QUANTILE * (len(values) - 1))]
