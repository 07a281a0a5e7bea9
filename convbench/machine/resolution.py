"""How small a difference a machine can tell, derived from trials in which there was none.

**Definition.** In an A/A trial the same call is timed as two competitors, for some seconds, and
the interval of their ratio is taken as for any two. A true difference of a factor 1 + d would have
moved that interval by this factor, and been found where the moved interval leaves out 1. The
smallest difference told is the smallest d that would have been found in at least 90 % of the
trials, whichever of the two was the slower: of the trials' reaches (how far the interval's farther
end lies from 1, as a factor), the one that 90 % of them do not exceed.

It holds for comparisons as long as the trials, in one process. A longer one tells smaller
differences, by how much depends on what the noise is made of; no law is assumed. What differs from
one process to the next is not in it. From 10 trials it is the second largest reach, from 9 or fewer
the largest, and as uncertain as such ends are. It holds for the machine as it was: while others
work beside, it is many times larger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from convbench.clock.samples import EVENT_TIME
from convbench.clock.stats import FEWEST_ROUNDS_FOR_A_VERDICT
from convbench.core import text as show
from convbench.core.serialization import SPARSE, Duration, Rate, Share, Stored, Whole

FOUND_SHARE: Final = 0.9
"""Share of the trials in which a difference must be found to count as one that can be told."""

FALSE_ALARM: Final = 0.05
"""Share of the A/A intervals that may leave out 1, by their construction."""

CHANCE: Final = 0.01
"""Where chance leaves out 1 so often only with this probability, the intervals are not believed."""


@dataclass(frozen=True, kw_only=True)
class Trial(Stored):
    """One comparison of a call with itself.

    Attributes:
        value: the measured ratio; the true one is 1.
        low: lower end of its interval.
        high: upper end of its interval.
        rounds: number of rounds.
        settled: whether the warm-up of both competitors had settled. Short trials often leave no
            time for that, which needs no warning, since the trials before were warm.

    Raises:
        ValueError: not 0 < low <= value <= high, or no round.

    """

    value: float
    low: float
    high: float
    rounds: int
    settled: bool = True

    def __post_init__(self) -> None:
        """Refuse what is no interval of a ratio."""
        if not (0 < self.low <= self.value <= self.high < math.inf and self.rounds >= 1):
            raise ValueError(f"Trial: {self} is no interval; give 0 < low <= value <= high")

    @property
    def excludes_one(self) -> bool:
        """Whether a difference was found where there is none: the interval leaves out 1."""
        return self.rounds >= FEWEST_ROUNDS_FOR_A_VERDICT and not self.low <= 1 <= self.high

    @property
    def half_width(self) -> float:
        """Half the interval's width, as a share: 0.01 for one from ÷1.01 to ×1.01.

        Infinite where there were too few rounds for an interval.
        """
        if self.rounds < FEWEST_ROUNDS_FOR_A_VERDICT:
            return math.inf
        return math.sqrt(self.high / self.low) - 1

    @property
    def reach(self) -> float:
        """The smallest difference, as a share, that this trial would have found either way."""
        if self.rounds < FEWEST_ROUNDS_FOR_A_VERDICT:
            return math.inf
        return max(self.high, 1 / self.low) - 1


@dataclass(frozen=True, kw_only=True)
class SizeResolution(Stored):
    """What the trials found at one size of work.

    Attributes:
        name: "tiny" or "middle".
        what: the call, in words.
        seconds_per_call: median over the trials.
        seconds_per_trial: duration of one comparison with its warm-up; the mean over the trials.
        page_faults_per_call: the mean; 0 if the system does not report it.
        trials: the comparisons.
        sm_clock_mhz: the lowest and the highest clock of a GPU in all samples; empty
            where it is not told, and in files from before it was kept.

    Raises:
        ValueError: no trials.

    """

    name: str
    what: str
    seconds_per_call: Duration
    seconds_per_trial: Duration
    page_faults_per_call: Rate
    trials: tuple[Trial, ...]
    sm_clock_mhz: tuple[Whole, ...] = field(default=(), metadata=SPARSE)

    def __post_init__(self) -> None:
        """Refuse an empty result."""
        if not self.trials:
            raise ValueError(f"SizeResolution {self.name!r}: trials is empty; give at least one")

    @property
    def told(self) -> int:
        """How many trials had rounds enough to tell a difference."""
        return sum(trial.rounds >= FEWEST_ROUNDS_FOR_A_VERDICT for trial in self.trials)

    @property
    def excluding_one(self) -> int:
        """How many trials found a difference where there is none; about 5 % by construction."""
        return sum(trial.excludes_one for trial in self.trials)

    @property
    def widest(self) -> float:
        """The largest half-width, as a share."""
        return max(trial.half_width for trial in self.trials)

    @property
    def typical(self) -> float:
        """The median half-width, as a share."""
        return median(trial.half_width for trial in self.trials)

    @property
    def smallest_difference(self) -> float | None:
        """The smallest difference told, as a share (see the module); None if none can be."""
        reaches = sorted(trial.reach for trial in self.trials)
        found = reaches[math.ceil(FOUND_SHARE * len(reaches)) - 1]
        return found if math.isfinite(found) else None


@dataclass(frozen=True, kw_only=True)
class Resolution(Stored):
    """What an A/A test of this machine found.

    Attributes:
        budget: seconds available.
        seconds: seconds taken.
        threads: intra-op threads.
        device: "cpu" or "cuda:<index>".
        seed: seed of the inputs and of the order of the rounds.
        allocator: "kept" if the environment kept freed pages mapped, else "system".
        steal_share: share of the processors' time that the hypervisor gave to other guests
            meanwhile; None if it is not known.
        sizes: the sizes of work, smallest first.
        clock: what their times are called on a GPU: those that the verdicts of a run rest on,
            "kernel time", or "event time" where no kernels could be timed alone; empty on a CPU,
            and in files from before it was kept, in which a GPU has event time.
        events: the same sizes by event time, launching included, where `clock` is kernel time.

    Raises:
        ValueError: no sizes.

    """

    budget: Duration
    seconds: Duration
    threads: Whole
    device: str
    seed: int
    allocator: str
    steal_share: Share | None
    sizes: tuple[SizeResolution, ...]
    clock: str = field(default="", metadata=SPARSE)
    events: tuple[SizeResolution, ...] = field(default=(), metadata=SPARSE)

    def __post_init__(self) -> None:
        """Refuse an empty result."""
        if not self.sizes:
            raise ValueError("Resolution: sizes is empty; give at least one")

    @property
    def clock_of_a_gpu(self) -> str:
        """What the times are called on a GPU; empty on a CPU, which has one clock."""
        return self.clock or (EVENT_TIME if self.device.startswith("cuda") else "")

    @property
    def trials(self) -> int:
        """Trials of all sizes together that had rounds enough to tell a difference."""
        return sum(size.told for size in self.sizes)

    @property
    def too_short(self) -> int:
        """Trials that ended before they could tell any."""
        return sum(len(size.trials) - size.told for size in self.sizes)

    @property
    def excluding_one(self) -> int:
        """How many of them found a difference where there is none."""
        return sum(size.excluding_one for size in self.sizes)

    @property
    def believable(self) -> bool:
        """Whether so many false differences could be chance, of all sizes and of each."""
        looks = [(self.excluding_one, self.trials)]
        looks += [(size.excluding_one, size.told) for size in self.sizes]
        return all(at_least(*look, FALSE_ALARM) >= CHANCE / len(looks) for look in looks)

    def nearest(self, seconds_per_call: float) -> SizeResolution:
        """Return the size whose call lasts nearest to this long, by factor.

        Raises:
            ValueError: a time that is not above 0.

        """
        if not seconds_per_call > 0:
            raise ValueError(f"seconds_per_call={seconds_per_call}: give more than 0 s")
        return min(
            self.sizes, key=lambda size: abs(math.log(size.seconds_per_call / seconds_per_call))
        )

    def facts(self) -> dict[str, Any]:
        """Return what the rules of `advice` look at, under keys that begin with "aa_"."""
        told = [size.smallest_difference for size in self.sizes]
        known = [100 * share for share in told if share is not None]
        clocks = [clock for size in self.sizes for clock in size.sm_clock_mhz]
        return {
            "aa_seconds": self.seconds,
            "aa_trials": self.trials,
            "aa_excluding_one": self.excluding_one,
            "aa_believable": self.believable,
            "aa_smallest_percent": max(known) if len(known) == len(told) else "none",
            "aa_page_faults_per_call": max(size.page_faults_per_call for size in self.sizes),
            "aa_steal_share": "unknown" if self.steal_share is None else self.steal_share,
            "aa_sm_clock_low_mhz": min(clocks, default="unknown"),
            "aa_sm_clock_high_mhz": max(clocks, default="unknown"),
        }


def at_least(events: int, of: int, share: float) -> float:
    """Return the probability of `events` or more in `of` independent tries of this share."""
    return sum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(events, of + 1))


def verdict(resolution: Resolution) -> list[str]:
    """Return what this machine can tell, in a sentence a size, the largest size first.

    Of a GPU by the clock that verdicts rest on, then by event time.
    """
    clock = resolution.clock_of_a_gpu
    told = [_sentence(resolution, size, clock) for size in reversed(resolution.sizes)]
    told += [_sentence(resolution, size, EVENT_TIME) for size in reversed(resolution.events)]
    if not resolution.believable:
        told.append(
            f"But {resolution.excluding_one} of {resolution.trials} trials found a difference "
            "where there is none: do not rely on it."
        )
    return told


def percent(share: float | None) -> str:
    """Return a share in per cent to two digits, never rounded to 0: 0.0127 is "1.3 %"."""
    return "none" if share is None or not math.isfinite(share) else show.share(share)


def duration(seconds: float) -> str:
    """Return seconds in the unit that suits them, to two or three digits: "2.1 ms"."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            value = seconds / scale
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"  # noqa: PLR2004
    return f"{seconds / 1e-9:.0f} ns"


def _sentence(resolution: Resolution, size: SizeResolution, clock: str) -> str:
    of = show.on_threads(resolution.threads, resolution.device), resolution.device
    call = f"{duration(size.seconds_per_call)} {f'of {clock} a call' if clock else 'call'}"
    where = (
        f"({call}, {', '.join(filter(None, of))}, comparisons of "
        f"{duration(size.seconds_per_trial)})"
    )
    if size.smallest_difference is None:
        return f"This machine cannot tell any difference {where}."
    return (
        f"This machine can tell differences of {show.about(size.smallest_difference, 2)} {where}."
    )
