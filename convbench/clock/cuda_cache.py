"""Emptying a CUDA device's L2 cache before what is timed cold."""

from __future__ import annotations

from convbench.clock.cuda_driver import TorchDriver

L2_MULTIPLE = 4  # one pass over as much as the cache holds leaves some of what was there


class L2Flush:
    """Overwrites a buffer of four times the L2 cache; an `Evictor` as in `caches`.

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

        TorchDriver(device)  # for its refusals
        size = int(torch.cuda.get_device_properties(device).L2_cache_size)
        if size <= 0:
            raise RuntimeError(
                f"device {device!r}: its L2 cache is told as {size} bytes, so no buffer can be "
                "known to empty it; measure warm, or with rotating buffers of your own size",
            )
        self.pool_bytes = L2_MULTIPLE * size
        # A tensor made in inference mode could not be written to outside of it.
        with torch.inference_mode(mode=False):
            self._buffer = torch.empty(self.pool_bytes, dtype=torch.uint8, device=device)

    def evict(self) -> None:
        """Queue the overwriting of the buffer; returns before it is done."""
        self._buffer.zero_()
