"""Trials of one call: the shortest of many counts, since what disturbs a trial only adds time."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from convbench.clock.stopwatch import Stopwatch, Work

FEWEST: Final = 3
_SLOWEST: Final = 1.5
"""A call that takes so many times the time of its trials is not tried again."""
_BLOCK: Final = 0.002
"""Seconds of calls that are timed together on a device."""
_MOST_TOGETHER: Final = 100


class Trial:
    """Looks for the shortest time of a call.

    Attributes:
        sm_clock_mhz: clock of the device after the best trial of the last call; None where untold.

    """

    def __init__(self, stopwatch: Stopwatch, seconds: float) -> None:
        """Time with a stopwatch, each call for so many seconds."""
        self._stopwatch, self._seconds = stopwatch, seconds
        self.sm_clock_mhz: int | None = None

    def best(self, work: Work, calls: int = 1) -> float:
        """Return the shortest time of a call in seconds, of `calls` timed together."""
        begin = time.perf_counter()
        best = self._stopwatch.time(work, calls)
        slow = best.seconds > self._seconds
        if time.perf_counter() - begin > _SLOWEST * self._seconds and slow:
            made = FEWEST  # so slow a size is no ceiling
        else:
            made = 1
            while made < FEWEST or time.perf_counter() - begin < self._seconds:
                other = self._stopwatch.time(work, calls)
                best = min(best, other, key=lambda reading: reading.seconds)
                made += 1
        self.sm_clock_mhz = best.sm_clock_mhz
        return best.seconds / calls

    def steady(self, work: Work) -> float:
        """Return the same of as many calls as keep a device busy for some milliseconds."""
        try:
            once = self._stopwatch.time(work, 1).seconds
            wanted = math.ceil(_BLOCK / once) if once > 0 else _MOST_TOGETHER
            return self.best(work, min(_MOST_TOGETHER, wanted))
        finally:
            release = getattr(self._stopwatch, "release", None)
            if release is not None:  # graphs hold memory that the next call may need
                release()
