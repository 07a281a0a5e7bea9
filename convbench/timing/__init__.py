"""The clock: how long something takes, measured so that it stands up to a second look.

    stopwatch, cuda   what a block of calls took: on a CPU, on a CUDA device, or in a script
    competitor        its first call, its warm-up, how many calls make a sample
    sampler           the order of competitors, the rounds, and until when
    samples           the raw times that come of it
    stats             medians and ratios with their intervals, derived from samples and never stored
    settings          threads, flags and gradient mode while the clock runs

Nothing named here imports torch; `cuda` and `settings` do so only when they are used.
"""

from convbench.timing.sampler import measure_group, rounds_for
from convbench.timing.samples import Failure, Samples
from convbench.timing.stats import Interval, RatioInterval, median_interval, outliers, ratio
from convbench.timing.stopwatch import Reading, ScriptedStopwatch, Stopwatch, WallStopwatch

__all__ = [
    "Failure",
    "Interval",
    "RatioInterval",
    "Reading",
    "Samples",
    "ScriptedStopwatch",
    "Stopwatch",
    "WallStopwatch",
    "measure_group",
    "median_interval",
    "outliers",
    "ratio",
    "rounds_for",
]
