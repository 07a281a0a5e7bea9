"""Neighbours: busy processes beside a measurement.

A neighbour is busy in bursts: periods are drawn from 20 to 500 ms, and of each it is busy for a
share, 70 % unless told otherwise. As a program, `python noise.py SEED SHARE PARENT`, it ends when
the process PARENT is no longer the one that started it.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

SHARE = 0.7


@contextmanager
def busy(number: int, share: float = SHARE) -> Iterator[None]:
    """Keep so many neighbours meanwhile; each has its number as its seed."""
    others = [
        subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, __file__, str(seed), str(share), str(os.getpid())]
        )
        for seed in range(number)
    ]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def be_busy(seed: int, share: float, parent: int) -> None:
    """Be a neighbour until the parent is gone."""
    draw = random.Random(seed)  # noqa: S311  (an order, not a secret)
    while os.getppid() == parent:
        period = draw.uniform(0.02, 0.5)
        end = time.perf_counter() + share * period
        while time.perf_counter() < end:
            pass
        time.sleep((1 - share) * period)


if __name__ == "__main__":
    be_busy(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
