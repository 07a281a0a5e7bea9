"""The clock: how long something takes, measured so that it stands up to a second look.

    stopwatch, cuda   what a block of calls took: on a CPU, on a CUDA device, or in a script
    competitor        its first call, its warm-up, how many calls make a sample
    sampler           the order of competitors, the rounds, and until when
    samples           the raw times that come of it, and the time of a call in one process
    processes         where it happens: forked from a process that is ready, or started anew
    crew              what competes in a group, and what a process is told and says of it
    group_process     what one process does with the competitors of a group
    group_kernels     the times of their kernels alone on a GPU, also in a process of their own
    gathering         one process after the other is asked about them: the engine of all that times
    estimates         times and ratios over processes, with their intervals and verdicts
    stats             the same of the rounds of one process
    observing         which library calls or kernels ran in a pass; cuda_kernels: from their names
    nvml, gpu_users   what a GPU's driver tells: its clocks and slowdowns; who else used it
    settings          threads, flags and gradient mode while the clock runs

Nothing named here imports torch; `cuda` and `settings` do so only when they are used. The
clock uses `core` alone, but for `layers`, which times the parts of any module.
"""

from convbench.clock.sampler import measure_group, rounds_for
from convbench.clock.samples import Failure, Samples
from convbench.clock.stats import median_interval, outliers, ratio
from convbench.clock.stopwatch import Reading, ScriptedStopwatch, Stopwatch, WallStopwatch
from convbench.core.intervals import Interval, RatioInterval

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
