"""Torch's random numbers: drawn from a seed, or put back, and no GPU is started for it.

`torch.random.fork_rng()` by itself reads the random state of every GPU of the machine: that starts
a context on each, takes memory there, and fails on one that only a single process may use.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw the CPU's random numbers from a seed, and put its random state back afterwards."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def gpus_in_use() -> list[int]:
    """Return the GPUs that this process has a context on: those whose random state may be read."""
    import torch

    from convbench.core.torch_internals import has_context

    count = torch.cuda.device_count() if torch.cuda.is_initialized() else 0
    return [index for index in range(count) if has_context(index)]
