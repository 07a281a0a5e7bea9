"""Torch's random numbers: drawn from a seed, or put back, and no GPU is touched for it.

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


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Put back the random state of the CPU, and of every GPU that this process uses already."""
    import torch

    from convbench.core.torch_internals import has_context

    count = torch.cuda.device_count() if torch.cuda.is_initialized() else 0
    with torch.random.fork_rng(devices=list(filter(has_context, range(count)))):
        yield
