"""Which samples something else had a hand in. They are flagged and shown, and never dropped.

A sample is contaminated where the processor was with somebody else for a share of it that shows:

- the calling thread was ready to run, and another had the processor (Linux tells how long);
- one thread alone, that never slept, and wall time that is not CPU time: a hypervisor gave it to
  another machine;
- where neither can be told, involuntary switches, each taken for one time slice of 3 ms;
- of a GPU's kernels alone, which need no host once they are queued, only what the thread waited
  beyond `HEAD_START`;
- on a GPU, a clock that the driver held down for heat or power, or that was below its usual one.

A single short interruption within a long sample changes nothing that matters and does not count.
"""

from __future__ import annotations

from statistics import median, median_low
from typing import TYPE_CHECKING, Final

from convbench.clock.cuda_kernels import short
from convbench.clock.nvml import HELD_DOWN, slowdowns
from convbench.clock.samples import KERNEL_TIME, QUANTILE, of_process, time_title
from convbench.clock.stats import outliers
from convbench.core import text as show
from convbench.core.once import once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convbench.clock.samples import Samples

LOST_SHARE: Final = 0.05
"""A sample that lost more of its time than this is contaminated."""
MOST_LOST: Final = 0.5
"""Where every sample lost more than this, none says how long the work itself takes."""
SLOW_CLOCK: Final = 0.95
"""Of a GPU's clock in the middle sample of a process: one that is slower lengthens the sample."""
SEEN_THROUGH: Final = 1 - QUANTILE
"""Share of contaminated samples up to which the low quantile of a process is a clean one."""
LOAD: Final = "contaminated"
HELD: Final = "clock held down"
OTHER_KERNELS: Final = "algorithms differ"
"""Kinds of flags: other load, a GPU's clock held down for heat or power, several choices."""
SHARED: Final = f"{LOAD}: another process used the GPU meanwhile"
"""Flag of a record of which no sample can say it."""
SHARED_UNTOLD: Final = (
    "unwatched: in this container it cannot be told whether another process used the GPU"
)
"""Flag of a record likewise."""
HEAD_START: Final = 50e-6
"""Seconds for which a device is kept busy while a graph is queued (`cuda_driver.DELAY_CYCLES`)."""
TIME_SLICE: Final = 0.003
"""Seconds that somebody else runs after an involuntary switch (Linux's base slice, about 3 ms)."""
MANY: Final = 0.1
"""A share of contaminated samples, or of outliers, from which a row says so."""
MOVED: Final = 0.02
"""A share of the time by which unsettled rounds must move it before a row says so."""
_MOST: Final = 0.75
"""Share of the processes whose first rounds must be the slower ones."""
_FAULTS_PER_CALL: Final = 1.0
_NOT_SETTLED: Final = "not settled"


def lost_shares(samples: Samples) -> tuple[float, ...]:
    """Return for every sample the share of its time that somebody else had, as far as is known."""
    wall = samples.host_seconds or samples.seconds
    lost = [0.0] * len(wall)
    alone = samples.threads == 1 and samples.stopwatch == "wall" and bool(samples.cpu_seconds)
    if alone:
        slept = samples.voluntary_switches or (0,) * len(wall)
        lost = [
            0.0 if naps else _missing(cpu, due)
            for cpu, due, naps in zip(samples.cpu_seconds, wall, slept, strict=True)
        ]
    if samples.waited_seconds:
        early = HEAD_START / samples.block if time_title([samples]) == KERNEL_TIME else 0.0
        waited = [max(0.0, one - early) for one in samples.waited_seconds]
        pairs = zip(waited, wall, strict=True)
        lost = [max(known, _share(*pair)) for known, pair in zip(lost, pairs, strict=True)]
    elif samples.involuntary_switches and not alone:
        slices = [n * TIME_SLICE / samples.block for n in samples.involuntary_switches]
        lost = [_share(held, due) for held, due in zip(slices, wall, strict=True)]
    return tuple(lost)


def _missing(part: float, whole: float) -> float:
    return max(0.0, 1 - part / whole) if whole else 0.0


def _share(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole else 0.0


@once
def contaminated(samples: Samples) -> tuple[bool, ...]:
    """Tell for every sample whether something else had a hand in it."""
    held = samples.throttle_reasons or (0,) * len(samples.seconds)
    clocks = samples.sm_clock_mhz or (0,) * len(samples.seconds)
    slow = SLOW_CLOCK * median(clocks)
    return tuple(
        lost > LOST_SHARE or bool(reasons & HELD_DOWN) or clock < slow
        for lost, reasons, clock in zip(lost_shares(samples), held, clocks, strict=True)
    )


def hopeless(processes: Sequence[Samples]) -> bool:
    """Tell whether something else had most of the time of every single sample."""
    lost = [share for samples in processes for share in lost_shares(samples)]
    return bool(lost) and min(lost) > MOST_LOST


def watched(samples: Samples) -> bool:
    """Tell whether the stopwatch said anything of who else had a hand in the samples."""
    return bool(
        samples.cpu_seconds
        or samples.waited_seconds
        or samples.involuntary_switches
        or samples.throttle_reasons
        or samples.sm_clock_mhz
    )


def contaminated_share(processes: Sequence[Samples]) -> float:
    """Return the contaminated share of all samples that were watched; 0 for none."""
    marks = [mark for samples in processes if watched(samples) for mark in contaminated(samples)]
    return sum(marks) / len(marks) if marks else 0.0


def disturbed_by(samples: Samples, told: Sequence[str] = ()) -> str:
    """Return what disturbed a process so much that its low quantile may not be a clean one.

    told: the flags of its record, of which `SHARED` is of all processes. It is that, `HELD` where
    the driver held a GPU's clock down in most of these samples, `LOAD` for anything else, and ""
    where nothing did.
    """
    if SHARED in told:
        return SHARED
    share = contaminated_share([samples])
    if share <= SEEN_THROUGH:
        return ""
    return HELD if held_share([samples]) > share / 2 else LOAD


def held_share(processes: Sequence[Samples]) -> float:
    """Return the share of all watched samples in which a GPU's clock was held down, see `HELD`."""
    told = [samples for samples in processes if watched(samples)]
    held = sum(bool(bits & HELD_DOWN) for samples in told for bits in samples.throttle_reasons)
    return held / max(1, sum(len(samples.seconds) for samples in told))


def faults_per_call(processes: Sequence[Samples]) -> float | None:
    """Return the median over all samples of page faults a call: memory mapped anew each time.

    None where no stopwatch told of any.
    """
    told = [faults / s.block for s in processes for faults in s.page_faults]
    return median(told) if told else None


def flags(processes: Sequence[Samples]) -> tuple[str, ...]:
    """Return what a reader of a row must know of its samples, as "kind: what was seen".

    "Not settled" is said only where it changes the answer: a warm-up ended before two windows
    agreed, and without the first half of their rounds the time of the processes is lower by more
    than `MOVED`, in the middle one and in most of them.
    """
    found = []
    share = contaminated_share(processes)
    if share >= MANY:
        found.append(f"{LOAD}: {share:.0%} of the samples")
    far = sum(len(outliers(samples.seconds)) for samples in processes)
    rounds = sum(len(samples.seconds) for samples in processes)
    if rounds and far >= max(2, MANY * rounds):
        found.append(f"outliers: {far} of {rounds} samples")
    faults = faults_per_call(processes)
    if faults is not None and faults >= _FAULTS_PER_CALL:
        found.append(f"page faults: {faults:,.0f} a call")
    found += _choices_differ(processes)
    slow = [word for s in processes for bits in s.throttle_reasons for word in slowdowns(bits)]
    if slow:
        found.append(f"{HELD}: {', '.join(sorted(set(slow)))}")
    moved = unsettled_by(processes)
    if moved > MOVED:
        found.append(f"{_NOT_SETTLED}: {moved:.0%} less without the first rounds")
    blind = {samples.stopwatch for samples in processes if not watched(samples)}
    found += [f"unwatched: {name} does not tell who else ran" for name in sorted(blind)]
    apart = {samples.process for samples in processes} - {"fresh", "forked"}
    found += [f"process: {why}" for why in sorted(apart)]
    return tuple(found)


def choices(processes: Sequence[Samples]) -> dict[tuple[str, ...], list[Samples]]:
    """Return the processes by the kernels that libraries chose in them; the most frequent first.

    Kernels that all of them have are left out of a choice; of processes that were not observed
    nothing is said.
    """
    found: dict[frozenset[str], list[Samples]] = {}
    for samples in processes:
        if samples.kernels:
            found.setdefault(frozenset(samples.kernels), []).append(samples)
    common = frozenset.intersection(*found) if len(found) > 1 else frozenset()
    return {
        tuple(name for name in several[0].kernels if name not in common): several
        for several in sorted(found.values(), key=len, reverse=True)
    }


def _choices_differ(processes: Sequence[Samples]) -> list[str]:
    """Return the flag of processes in which libraries chose different kernels, with their times."""
    found = choices(processes)
    if len(found) < 2:  # noqa: PLR2004  one choice is no difference
        return []
    of = sum(map(len, found.values()))
    told = [
        f"{len(several)} of {of} processes: {' + '.join(map(short, names)) or 'none of these'}, "
        f"{show.seconds(median_low(map(of_process, several)))} a call"
        for names, several in found.items()
    ]
    return [f"{OTHER_KERNELS}: {'; '.join(told)}"]


def unsettled_by(processes: Sequence[Samples]) -> float:
    """Return by what share of it the time is lower without the first half of the rounds.

    0 where every warm-up settled, or where the first rounds are not the slower ones in most of the
    processes.
    """
    if all(samples.settled is not False for samples in processes):
        return 0.0
    gains = [
        1 - of_process(samples.without(len(samples.seconds) // 2)) / of_process(samples)
        for samples in processes
        if samples.minimum > 0
    ]
    if sum(gain > 0 for gain in gains) < _MOST * max(1, len(gains)):
        return 0.0
    return max(0.0, median_low(gains))


def told_again(stored: Sequence[str], processes: Sequence[Samples]) -> tuple[str, ...]:
    """Return stored flags as a row shows them now: "not settled" by today's rule."""
    kept = [flag for flag in stored if not flag.startswith(_NOT_SETTLED)]
    return (*kept, *(flag for flag in flags(processes) if flag.startswith(_NOT_SETTLED)))
