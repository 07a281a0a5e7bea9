"""How many threads can be measured on this machine: the number that is taken unless one is given.

Threads that share one call wait for the slowest of them. Where they fill all cores, whatever else
wants to run takes its turn on one of them, and every call waits for that one. So the number is
found by trying it, with a neighbour: a convolution is timed with as many threads as torch would
take, half of them, a quarter, …, 1, in turn, in windows of 25 ms, once alone and once beside one
process that is busy all the window. A number **holds** where a call in a window beside the
neighbour lasts on average no more than `MOST_LONGER` times an undisturbed one (10 % quantile of
those alone), in the second best window. The largest that holds, and is quicker than all fewer, is
taken; else 1.

**Why the mean.** A stalled sample is one of few, since it lasts as long as many. On 2 cores, with 2
threads beside one busy process, the median sample was 1.03 times an undisturbed one and the mean
2.1 to 3.3 times; with 1 thread 1.01 and 1.02 to 1.06.

**Why the second best window.** Others may be busy too while this is measured, and should
not change what is found: the neighbour is there in every window, the others come and go. Beside
two processes busy 70 % of the time, the best windows had means of 2 to 15 with 2 threads of 2
cores, and of 1.03 to 1.12 with 1.

**Why halves.** One thread less than there are cores leaves room for just one neighbour, and the
next changes the answer; and runs with different numbers of threads do not compare. With that number
tried too, a simulated machine of 8 cores (`tests/doctor/test_threads.py`) got 7 when left alone and
4 in 30 of 60 tries beside one process busy 70 % of the time; with halves 4 in all.

Where a quota allows no more cores than torch would take, half of the quota is the most that is
tried: a process that uses up its quota stands still by itself.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from statistics import fmean
from typing import Any, Final, NamedTuple, Protocol

from convbench.clock.conversation import ProcessError
from convbench.clock.processes import ready
from convbench.machine.busy_process import Neighbour

MOST_LONGER: Final = 1.25
"""How many times as long a call may last beside a neighbour, for its number of threads to hold."""
WORTH: Final = 1.1
"""How many times as long it must last undisturbed with any fewer threads: more are no gain else."""
SECONDS: Final = 1.4
"""For all windows; a round that has begun is ended."""
WINDOW: Final = 0.025
FEWEST_ROUNDS: Final = 3
_UNDISTURBED: Final = 0.1
_VARIABLES: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_WHOLE: Final = 10  # a ratio from here on is shown without decimals


class Window(Protocol):
    """Times calls for a while."""

    def __call__(self, number: int, *, beside: bool) -> list[float]:
        """Return seconds a call with so many threads, beside a busy neighbour or alone."""
        ...


class Threads(NamedTuple):
    """A number of threads, and in words why it is this."""

    number: int
    because: str


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Seconds of calls with one number of threads, one list a window."""

    alone: list[list[float]] = field(default_factory=list)
    beside: list[list[float]] = field(default_factory=list)

    @property
    def undisturbed(self) -> float:
        """Seconds of a call that nothing disturbed."""
        calls = sorted(seconds for window in self.alone for seconds in window)
        return calls[int(_UNDISTURBED * len(calls))]

    @property
    def longer(self) -> float:
        """How many times as long a call lasts beside the neighbour, in the second best window."""
        best = sorted(fmean(window) for window in self.beside)[:2]
        return best[-1] / self.undisturbed


@cache
def default_threads(device: str) -> Threads:
    """Return the number of threads for a device. Imports torch; found once in a process.

    For a GPU it is 1, and where the environment says how many it is torch's own number; nothing is
    tried then. Else it takes a process of its own and some 1.5 s there; where that fails, it is
    half.

    Args:
        device: "cpu" or "cuda:<index>".

    """
    import torch

    from convbench.machine.probes.processor import processor

    if device != "cpu":
        return Threads(1, "a GPU's work is launched by one thread of the host")
    own = int(torch.get_num_threads())
    for name in _VARIABLES:
        if re.match(r"\s*[1-9]", os.environ.get(name, "")):
            return Threads(own, f"{name} is set")
    numbers, limit = candidates(own, processor()["cpu_quota_cores"])
    if numbers == (1,):
        return Threads(1, limit or "torch takes no more")
    try:
        number, because = judge(ready().ask("convbench.machine.threads:errand", numbers))
    except (ProcessError, OSError) as error:
        number, because = numbers[1], f"{numbers[0]} could not be tried: {_said(error)}"
    return Threads(number, f"{limit}; {because}" if limit else because)


def candidates(most: int, quota: float | str) -> tuple[tuple[int, ...], str]:
    """Return the numbers to try, largest first (12 gives 12, 6, 3, 1), and what else limits them.

    quota: cores that the process may use, or no number where there is no such limit.
    """
    limited = isinstance(quota, int | float) and quota <= most
    numbers = [max(1, int(quota) // 2) if limited else most]
    while numbers[-1] > 1:
        numbers.append(numbers[-1] // 2)
    return tuple(numbers), f"a quota allows {quota:g} cores" if limited else ""


def judge(found: Mapping[int, Timed]) -> Threads:
    """Return the largest number that can be measured, from what was timed with each.

    found: by number of threads, the largest first and 1 last.
    """
    most, *_, fewest = found
    number = next((number for number in found if _can_be(number, found)), fewest)
    beside = f"beside one busy process a call lasts {_shown(found[most].longer)} times as long"
    if number == most:
        return Threads(number, f"{beside} with {most} threads")
    share = found[most].undisturbed / found[number].undisturbed
    if WORTH * share <= 1:
        fewer = f"{_shown(found[number].longer)} times with {number}"
        return Threads(number, f"{beside} with {most} threads, and {fewer}")
    slower = f"a call lasts {_shown(share)} times as long with {most} threads as with {number}"
    return Threads(number, slower)


def _can_be(number: int, found: Mapping[int, Timed]) -> bool:
    """Whether a number of threads holds, and is quicker than fewer."""
    timed = found[number]
    worth = all(
        each.undisturbed >= WORTH * timed.undisturbed
        for fewer, each in found.items()
        if fewer < number
    )
    return worth and timed.longer <= MOST_LONGER


def _shown(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= _WHOLE else f"{ratio:.1f}"


def _said(error: Exception) -> str:
    """Return what is wrong, without a path: it goes into a run's header."""
    said = str(error.strerror if isinstance(error, OSError) else error)
    return type(error).__name__ if "/" in said or "\\" in said else said


def errand(numbers: tuple[int, ...], *, tell: Callable[[Any], None]) -> dict[int, Timed]:  # noqa: ARG001
    """Time calls with each number of threads in this process, for `clock.processes.Nursery.ask`."""
    import torch

    # The slot that the suites begin with: a layer in which threads have something to share.
    draw = torch.Generator().manual_seed(0)
    image = torch.randn(1, 64, 56, 56, generator=draw)
    weight = torch.randn(64, 64, 3, 3, generator=draw)
    neighbour = Neighbour()

    def window(number: int, *, beside: bool) -> list[float]:
        torch.set_num_threads(number)
        torch.conv2d(image, weight, padding=1)  # the threads are there, and the data is at hand
        seconds = []
        with neighbour.busy(WINDOW) if beside else nullcontext():
            begin = before = time.perf_counter()
            while before < begin + WINDOW:
                torch.conv2d(image, weight, padding=1)
                after = time.perf_counter()
                seconds.append(after - before)
                before = after
        return seconds

    try:
        with torch.inference_mode():
            return timed(numbers, window, time.perf_counter)
    finally:
        neighbour.end()


def timed(numbers: Sequence[int], window: Window, clock: Callable[[], float]) -> dict[int, Timed]:
    """Return the windows of every number of threads, taken in turn until `SECONDS` are over."""
    end = clock() + SECONDS
    found = {number: Timed() for number in numbers}
    for number in numbers:
        window(number, beside=False)  # what is built at the first calls belongs to no window
    rounds = 0
    while rounds < FEWEST_ROUNDS or clock() < end:
        rounds += 1
        for number, each in found.items():
            each.alone.append(window(number, beside=False))
            each.beside.append(window(number, beside=True))
    return found
