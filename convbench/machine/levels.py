"""Levels of a device's memory: how fast each of them is read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from convbench.core.serialization import SPARSE, Speed, Stored, Whole

if TYPE_CHECKING:
    from convbench.clock.stopwatch import Work
    from convbench.machine.trials import Trial

MEMORY: Final = "memory"
"""Name of the level beyond all caches: DRAM, or the HBM of a GPU."""
CALLS: Final = 20
"""Calls that are timed together, where one takes about a microsecond."""
GAIN: Final = 0.02
"""A size saturates a device where the next larger one is faster by less than this share."""
_LEAST_MOVED: Final = 2**30
_MOST_MOVED: Final = 2**33
_TIMES_L2: Final = 32
"""A GPU's memory is read and written through so many times its L2 cache, which so serves 3 %."""


@dataclass(frozen=True, kw_only=True)
class Level(Stored):
    """A level of the memory hierarchy.

    Attributes:
        name: "L1", "L2", "L3" or "memory".
        size: bytes that it holds; null for memory. Private caches (L1 and L2 of a processor) of all
            threads together.
        bytes_per_second: the highest rate of a copy whose source and target it holds; bytes read
            and bytes written both count. On a GPU the best of `STREAMS`.
        of: which of these reached it; empty for a copy, and in files from before it was kept.

    """

    name: str
    size: Whole | None
    bytes_per_second: Speed
    of: str = field(default="", metadata=SPARSE)


def levels_of(device: str, threads: int, trial: Trial) -> tuple[Level, ...]:
    """Measure the levels of a device's memory, the nearest first; the last one is memory itself."""
    if not device.startswith("cuda"):
        return tuple(_of_host(device, threads, trial))
    from convbench.clock.caches import l2_bytes

    return gpu_levels(
        l2_bytes(device), lambda name, moved: trial.steady(_stream(name, device, moved))
    )


def fitting(measured: Callable[[], float], too_large: list[BaseException]) -> float | None:
    """Return what was measured; None where the device has no memory for it, which is noted."""
    import torch

    try:
        return measured()
    except torch.OutOfMemoryError as error:
        too_large.append(error)
        return None


def _of_host(device: str, threads: int, trial: Trial) -> Iterator[Level]:
    """Yield the levels of a processor's memory, the nearest first.

    Of a cache it is the time that more bytes take of a copy which it holds, so that the call itself
    does not count. Private caches are read by one thread, and have that rate times the threads.
    """
    from convbench.clock.caches import ASSUMED_CACHE, TIMES_THE_CACHE, cache_sizes
    from convbench.clock.settings import execution

    caches = {name.removesuffix("d").upper(): 1024 * size for name, size in cache_sizes().items()}
    largest = TIMES_THE_CACHE * max(caches.values(), default=ASSUMED_CACHE)
    nearer = 0
    for name, size in caches.items():
        low, high = max(size // 8, 3 * nearer // 2), size // 2
        nearer = size
        if low >= high:
            continue
        private = name in {"L1", "L2"}
        many = threads if private else 1
        with execution(1 if private else threads, device):
            calls = CALLS if high < 2**22 else 1
            few, more = (trial.best(_stream("copy", device, part), calls) for part in (low, high))
        if more > few:
            rate = many * (high - low) / (more - few)
            yield Level(name=name, size=many * size, bytes_per_second=rate)
    rate = 2 * largest / trial.best(_stream("copy", device, 2 * largest))
    yield Level(name=MEMORY, size=None, bytes_per_second=rate)


def gpu_levels(l2: int | None, seconds: Callable[[str, int], float]) -> tuple[Level, ...]:
    """Return the levels of a GPU's memory: its L2 cache where that is known, and its memory.

    Of the cache it is the time that more bytes take, as of a processor's caches. Memory is read and
    written in larger and larger pieces, for as long as that is faster by `GAIN`.

    Args:
        l2: bytes of the cache; None where they are not told.
        seconds: what a stream of `STREAMS` takes, of so many bytes read and written together.

    Raises torch.OutOfMemoryError where the smallest piece does not fit.

    """
    found = []
    rates: dict[str, float] = {}
    if l2:
        low, high = l2 // 8, l2 // 2
        for name in STREAMS:
            few, more = seconds(name, low), seconds(name, high)
            if more > few:
                rates[name] = (high - low) / (more - few)
        if rates:
            found.append(_fastest("L2", l2, rates))
    too_large: list[BaseException] = []
    rates, best, moved = {}, 0.0, max(_LEAST_MOVED, _TIMES_L2 * (l2 or 0))
    while best == 0 or moved <= _MOST_MOVED:
        for name in STREAMS:
            took = fitting(partial(seconds, name, moved), too_large)
            if took is not None:
                rates[name] = max(moved / took, rates.get(name, 0.0))
        fastest = max(rates.values(), default=0.0)
        if too_large or fastest < (1 + GAIN) * best:
            break
        best, moved = fastest, 2 * moved
    if not rates:
        raise too_large[0]
    return (*found, _fastest(MEMORY, None, rates))


def _fastest(name: str, size: int | None, rates: Mapping[str, float]) -> Level:
    best = max(rates, key=lambda stream: rates[stream])
    return Level(name=name, size=size, bytes_per_second=rates[best], of=best)


STREAMS: Final = {"copy": 2, "sum of two arrays": 3, "sum of one array": 1}
"""How the bandwidth of a GPU is looked for, and how many arrays that reads or writes."""


def _stream(name: str, device: str, moved: int) -> Work:
    """Return one of `STREAMS` that reads and writes `moved` bytes together, of float32."""
    import torch

    number = STREAMS[name]
    size = max(1, moved // (4 * number))
    first, *others = (torch.ones(size, dtype=torch.float32, device=device) for _ in range(number))
    if not others:
        return first.sum
    *more, target = others
    if more:
        return lambda: torch.add(first, more[0], out=target)
    return lambda: target.copy_(first)
