"""What the caches hold when a sample begins: the last call's data, or something else.

Timed again and again, a layer finds its weights and its input where the last call left them. In a
network they are often gone: others ran in between. Three modes tell the two apart:

- "warm": nothing is done;
- "cold_weights": before every sample, memory of three times the last-level cache is read, then
  the input; and every call of a sample uses another copy of the weights;
- "cold": the same, and another copy of the input too, which nothing reads beforehand.

The reading is not timed. Copies are limited in number; a sample never uses one twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from convbench.core.sources import Read, read_file, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convbench.clock.stopwatch import Work

CACHE_MODES: Final = ("warm", "cold_weights", "cold")
TIMES_THE_CACHE: Final = 3
ASSUMED_CACHE: Final = 64 * 2**20
"""Bytes of a last-level cache where the system does not tell: more than most have."""
MOST_COPIES: Final = 32
MOST_BYTES: Final = 2**30
"""Copies of weights and inputs of all competitors of a group together, at most."""
_LINE: Final = 64
L2_MULTIPLE: Final = 4  # one pass over as much as the cache holds leaves some of what was there
_MOST_CACHES: Final = 8


class Evictor(Protocol):
    """Makes a device's caches hold something else."""

    pool_bytes: int

    def evict(self) -> None:
        """Fill the caches with what nobody will ask for."""
        ...


def cache_sizes(read: Read = read_file) -> dict[str, int]:
    """Return KiB of the caches of data that the first processor uses: l1d, l2, …; {} if untold."""
    found = {}
    for index in range(_MOST_CACHES):
        kind, level, size = (
            read(f"/sys/devices/system/cpu/cpu0/cache/index{index}/{fact}")
            for fact in ("type", "level", "size")
        )
        number = whole(size)
        if number is not None and kind in {"Data", "Unified"}:
            name = "l1d" if level == "1" else f"l{level}"
            found[name] = number * {"M": 1024, "G": 1024**2}.get(size[-1], 1)
    return found


def last_level_cache(read: Read = read_file) -> int | None:
    """Return bytes of the largest cache that the first processor uses; None where untold."""
    sizes = cache_sizes(read).values()
    return max(sizes) * 1024 if sizes else None


def l2_bytes(device: str) -> int | None:
    """Return bytes of the L2 cache of "cuda" or "cuda:<index>"; None where torch does not tell."""
    import torch

    properties: Any = torch.cuda.get_device_properties(device)
    size = int(getattr(properties, "L2_cache_size", 0))
    return size if size > 0 else None


class HostEvictor:
    """Writes and reads three times the last-level cache of the host.

    Attributes:
        pool_bytes: size of what it goes through.

    """

    def __init__(self, pool_bytes: int | None = None) -> None:
        """Take the memory; every page is touched, so that none is mapped during a measurement."""
        import numpy as np

        known = last_level_cache() or ASSUMED_CACHE
        self.pool_bytes = TIMES_THE_CACHE * known if pool_bytes is None else pool_bytes
        self._pool = np.ones(max(1, self.pool_bytes // 8), dtype=np.int64)

    def evict(self) -> None:
        """Change every line of the pool, which pulls each through every cache."""
        self._pool[:: _LINE // 8] += 1


class L2Flush:
    """Overwrites a buffer of four times the L2 cache; an `Evictor`.

    `evict` only queues the writing, on the current stream of the device: whatever is queued there
    next starts behind it. Call it before a stopwatch, whose events then stand behind it too. The
    cache is left full of written lines, so the first misses also pay for writing those back, as
    they do behind a layer that has just stored its output.

    Args:
        device: "cuda" or "cuda:1".

    Attributes:
        pool_bytes: bytes of the buffer, which stays allocated.

    Raises:
        RuntimeError: no such device, or one that does not tell the size of its L2 cache.

    """

    def __init__(self, device: str = "cuda") -> None:
        """Ask for the cache's size and allocate the buffer."""
        import torch

        from convbench.clock.cuda_driver import TorchDriver

        TorchDriver(device)  # for its refusals
        size = l2_bytes(device)
        if size is None:
            raise RuntimeError(
                f"device {device!r}: torch does not tell the size of its L2 cache, so no buffer "
                "can be known to empty it; measure warm, or with rotating buffers of your own size",
            )
        self.pool_bytes = L2_MULTIPLE * size
        # A tensor made in inference mode could not be written to outside of it.
        with torch.inference_mode(mode=False):
            self._buffer = torch.empty(self.pool_bytes, dtype=torch.uint8, device=device)

    def evict(self) -> None:
        """Queue the overwriting of the buffer; returns before it is done."""
        self._buffer.zero_()


def evictor_for(device: str) -> Evictor:
    """Return what empties the caches of "cpu", "cuda" or "cuda:<index>"."""
    return L2Flush(device) if device.startswith("cuda") else HostEvictor()


class ColdWork:
    """A competitor that never finds its own data: another copy at every call of a sample.

    Args:
        copies: the same work, each on its own memory; at least one. A sample has at most as many
            calls.
        evictor: empties the caches before a sample.
        touch: reads what is to be warm nevertheless, after the eviction.

    """

    def __init__(
        self, copies: Sequence[Work], evictor: Evictor, touch: Callable[[], object] | None = None
    ) -> None:
        """Keep the copies; nothing runs yet."""
        self._copies = copies
        self._evictor = evictor
        self._touch = touch
        self._next = 0
        self.most_calls = len(copies)

    def prepare(self) -> None:
        """Empty the caches; the stopwatch is not running."""
        self._next = 0
        self._evictor.evict()
        if self._touch is not None:
            self._touch()

    def __call__(self) -> object:
        """Run on the next copy."""
        work = self._copies[self._next]
        self._next = (self._next + 1) % len(self._copies)
        return work()

    def again(self) -> object:
        """Run once more on the copy of the last call."""
        return self._copies[self._next - 1]()


def copies_for(bytes_of_one: int, competitors: int = 1) -> int:
    """Return how many copies of so many bytes a competitor is given, of several that share."""
    share = MOST_BYTES // max(1, competitors)
    return max(1, min(MOST_COPIES, share // max(1, bytes_of_one)))
