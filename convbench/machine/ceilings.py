"""Ceilings of a device: a large product or convolution, and a copy that no cache holds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from convbench.core.serialization import Rate, Stored, Whole

if TYPE_CHECKING:
    from convbench.clock.stopwatch import Stopwatch, Work

SIDE: Final = 1024
"""Side of the square matrices; on a GPU four times as long."""
CHANNELS: Final = 128
IMAGE: Final = 30
"""Channels in and out, and sides, of the images that are convolved with 3×3 kernels."""
SECONDS: Final = 0.25
"""How long each ceiling is looked for."""
FEWEST: Final = 3


@dataclass(frozen=True, kw_only=True)
class Ceiling(Stored):
    """The peak rates of a device, for one data type and number of threads.

    Attributes:
        device: "cpu" or "cuda:0".
        dtype: data type, as in a record.
        threads: threads of the host.
        multiplications_per_second: the highest rate of a product of two square matrices or of a
            convolution without padding, of several trials.
        bytes_per_second: the highest rate of a copy larger than every cache, of several trials;
            bytes read and bytes written both count.

    """

    device: str
    dtype: str
    threads: Whole
    multiplications_per_second: Rate
    bytes_per_second: Rate


def measure_ceiling(device: str, dtype: str, threads: int) -> Ceiling:
    """Measure one ceiling, in this process. Takes about a second.

    Raises whatever torch raises for a data type that the device does not have.
    """
    import torch

    from convbench.clock.caches import ASSUMED_CACHE, TIMES_THE_CACHE, last_level_cache
    from convbench.clock.cuda import stopwatch_for
    from convbench.clock.settings import execution

    on_gpu = device.startswith("cuda")
    side = 4 * SIDE if on_gpu else SIDE
    kind: torch.dtype = getattr(torch, "float32" if dtype == "tf32" else dtype)
    stopwatch = stopwatch_for(device)
    with execution(threads, device, tf32=dtype == "tf32"):
        left, right = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
        product = _best(lambda: left @ right, stopwatch)
        images = torch.randn(4, CHANNELS, IMAGE, IMAGE, device=device).to(kind)
        weights = torch.randn(CHANNELS, CHANNELS, 3, 3, device=device).to(kind)
        convolved = _best(lambda: torch.nn.functional.conv2d(images, weights), stopwatch)
        multiplied = 4 * CHANNELS**2 * 9 * (IMAGE - 2) ** 2
        largest = 2**28 if on_gpu else TIMES_THE_CACHE * (last_level_cache() or ASSUMED_CACHE)
        source = torch.ones(largest // 4, dtype=torch.float32, device=device)
        target = torch.zeros_like(source)
        copied = _best(lambda: target.copy_(source), stopwatch)
    return Ceiling(
        device=device,
        dtype=dtype,
        threads=threads,
        multiplications_per_second=max(side**3 / product, multiplied / convolved),
        bytes_per_second=2 * source.numel() * 4 / copied,
    )


def _best(work: Work, stopwatch: Stopwatch) -> float:
    """Return the shortest time of a call in seconds; the best is what a ceiling is about."""
    best = float("inf")
    end = time.perf_counter() + SECONDS
    made = 0
    while made < FEWEST or time.perf_counter() < end:
        best = min(best, stopwatch.time(work, 1).seconds)
        made += 1
    return best
