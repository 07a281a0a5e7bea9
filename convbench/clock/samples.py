"""What timing one competitor gives: samples, raw and in order, or the reason of a failure."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from statistics import median
from typing import Annotated, Any, Final

from convbench.clock.stopwatch import Reading
from convbench.core import text as show
from convbench.core.notebook_views import OneLine
from convbench.core.serialization import Duration, Least, Stored, Whole

QUANTILE: Final = 0.25
"""Of a process's rounds: its time of a call, see `clock.estimates`."""


@dataclass(frozen=True)
class Failure:
    """Why a competitor has no samples: the exception's type and the first line it said."""

    reason: str


@dataclass(frozen=True, kw_only=True, repr=False)
class Samples(OneLine, Stored):
    """What a stopwatch said of one competitor, with how it was asked.

    Entry `i` of every tuple was measured in round `i`, so two competitors of one `session` pair
    up by index. But for `seconds` a tuple is empty where untold, and `stopwatch.Reading` says more
    of what it holds. Statistics are derived from this and never stored in its place.

    Attributes:
        seconds: seconds per call, one entry a round (a block's time divided by `block`).
        cpu_seconds: CPU time of the whole process per call, of all threads together.
        page_faults: page faults, minor and major, of the whole block.
        involuntary_switches: times the system took the processor away during the block.
        others_running: tasks beside this one that ran or wanted to, at the end of the block.
        voluntary_switches: times the process gave a processor up by itself during the block.
        waited_seconds: seconds per call that the calling thread waited for a processor.
        host_seconds: host seconds per call, the wait for the device included.
        issue_seconds: host seconds per call until the last call of the block had returned.
        sm_clock_mhz: clock of a device's multiprocessors after the block.
        throttle_reasons: bits of why the device ran slower than it could.
        block: calls in one sample.
        first_call: seconds of the very first call, kept apart: it pays for what is built once.
            None where untold.
        warmup_calls: calls made between the first one and the first round. The one untimed
            conditioning call before each sample is not among them. None where untold.
        stopwatch: name of the stopwatch, which says what kind of time this is.
        seed: of the order of the competitors; 0 too where they were in no drawn order.
        threads: intra-op threads in force, as the caller told it; 0 where it did not say.
        session: an id shared by all competitors that were interleaved together.
        stop_reason: in words, why there are not more rounds.
        settled: whether two windows of the warm-up agreed; None where nobody looked.
        allocator: "kept" where freed memory stays mapped, "system" where the system's allocator
            does as it likes; see `clock.processes`.
        pool_bytes: memory that was read before every sample, so that caches hold something else;
            0 for a warm measurement.
        process: where it ran: "fresh" or "forked" for a process of its own, or why it was not.

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
    threads: int
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

    def __post_init__(self) -> None:
        """Refuse what cannot be a measurement."""
        rounds = len(self.seconds)
        if not rounds:
            raise ValueError("Samples: seconds is empty; give at least one round")
        for name in EVERY_ROUND:
            length = len(getattr(self, name))
            if length not in {0, rounds}:
                raise ValueError(
                    f"Samples: {name} has {length} entries and seconds has {rounds}; "
                    "give one entry a round, or none where they are not known",
                )
        first = () if self.first_call is None else (self.first_call,)
        times = {name: getattr(self, name) for name in EVERY_ROUND if name.endswith("seconds")}
        for name, values in {**times, "first_call": first}.items():
            for value in values:
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

    @property
    def median(self) -> float:
        """Median of `seconds`: the typical call."""
        return median(self.seconds)

    @property
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


def of_process(samples: Samples) -> float:
    """Return seconds of a call in one process: the lower quartile of its rounds, a measured one."""
    ordered = sorted(samples.seconds)
    return ordered[int(QUANTILE * (len(ordered) - 1))]
