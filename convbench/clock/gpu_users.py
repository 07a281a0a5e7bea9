"""Which other processes used an NVIDIA GPU while it was timed, as its driver samples them.

The driver keeps, of every process that runs kernels, how much of the multiprocessors' time it used
in its latest sampling period, of 1/6 s to 1 s (nvmlDeviceGetProcessUtilization). It forgets a
process that ends, so it is asked again and again, between rounds.

In a container NVML may number processes otherwise than the container does, and even otherwise in
its samples than in its list of processes. Which of the samples are this process's own is then told
from what is known of it, or is not told: see `Watch.others`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from convbench.clock.nvml import Card, card_of

OFTEN: Final = 1.0
"""Seconds after which the driver is asked again."""
_PERIOD: Final = 1_000_000
"""Microseconds of the longest sampling period."""
_WHOLE: Final = 100  # percent
_FIRST_NAMESPACE: Final = "pid:[4026531836]"
"""Where processes have the numbers that NVML gives them (PROC_PID_INIT_INO of Linux)."""


class Others(NamedTuple):
    """How busy other processes kept a device in a sampling period, in percent of its time.

    Attributes:
        surely: at least so much, in the period in which it was most.
        perhaps: at most so much; more than `surely` where it cannot be told whose some of it was.

    """

    surely: int
    perhaps: int


def in_a_container(link: Callable[[str], str] = os.readlink) -> bool:
    """Tell whether this process has other numbers here than on the host."""
    try:
        return link("/proc/self/ns/pid") != _FIRST_NAMESPACE
    except OSError:  # no Linux: there are no such namespaces
        return False


class Watch:
    """Who uses a device from now on; begin it while this process has a context there.

    Args:
        device: "cuda", "cuda:<index>", or another, of which nothing is told.
        clock: seconds since the epoch.

    """

    def __init__(self, device: str, clock: Callable[[], float] = time.time) -> None:
        """Begin."""
        self._device, self._clock = device, clock
        self._card = card_of(device) if device.startswith("cuda") else None
        self._since = self._asked = clock()
        self._early: dict[int, int] = {}
        self._used: dict[int, int] = {}
        self._users: set[int] = set()
        self._first = self._last = self._memory()
        self._reserved = self._allocated()

    def look(self, *_: object) -> None:
        """Ask the driver, at most every `OFTEN` seconds. Keep it out of what is timed."""
        if self._card is not None and self._clock() - self._asked >= OFTEN:
            self._look(self._card)

    def others(self) -> Others:
        """Return what others used until now; nothing where the driver does not tell.

        A process that ran only in the first period, and has ended, may have run before it.
        Of this process the samples are those with its number; in a container, else those of the
        only process on the device, or of the only one whose memory grew or shrank as its own. Where
        none of these tells, the busiest process may be this one, and any less busy one is another.
        """
        if self._card is None:
            return Others(0, 0)
        self._look(self._card)
        used = dict(self._used)
        for pid in self._early.keys() & self._users:
            used[pid] = max(self._early[pid], used.get(pid, 0))
        own = self._own(used)
        if own is not None:
            used.pop(own, None)
        most, second, *_ = (*sorted(used.values(), reverse=True), 0, 0)
        return Others(second if own is None else most, most)

    def _look(self, card: Card) -> None:
        self._asked = now = self._clock()
        self._last = self._memory()
        begin, end = int(self._since * 1e6), int(now * 1e6) + _PERIOD
        with suppress(Exception):  # nothing new, not allowed, or not in this version
            for sample in card.nvml.nvmlDeviceGetProcessUtilization(card.whole, begin):
                # some drivers fill the rest of their answer with other bytes
                if sample.pid and 0 < sample.smUtil <= _WHOLE and begin < sample.timeStamp <= end:
                    early = sample.timeStamp <= begin + _PERIOD
                    found = self._early if early else self._used
                    found[sample.pid] = max(sample.smUtil, found.get(sample.pid, 0))

    def _own(self, used: dict[int, int]) -> int | None:
        """Return the number of this process in the samples; None where that cannot be told."""
        here = os.getpid()
        if here in used or not in_a_container():
            return here
        if len(used) == 1 and len(self._users) <= 1:
            return next(iter(used))
        grown = self._allocated() - self._reserved
        changed = {
            pid: change
            for pid, before in self._first.items()
            if (change := self._last.get(pid, before) - before)
        }
        if grown and len(changed) == 1 and used.keys() <= self._users:
            ((pid, change),) = changed.items()
            return pid if change * grown > 0 else None
        return None

    def _memory(self) -> dict[int, int]:
        """Return the bytes of each process that has a context, 0 where they are untold."""
        found: dict[int, int] = {}
        if self._card is not None:
            with suppress(Exception):  # not allowed, or not in this version
                told: Any = self._card.nvml.nvmlDeviceGetComputeRunningProcesses(self._card.part)
                found = {one.pid: getattr(one, "usedGpuMemory", 0) or 0 for one in told}
        self._users |= found.keys()
        return found

    def _allocated(self) -> int:
        """Return the bytes that this process's own allocator holds on the device."""
        if self._card is None:
            return 0
        import torch

        return int(torch.cuda.memory_reserved(self._device))
