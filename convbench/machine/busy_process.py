"""A process that is busy when it is told to: what else runs on a machine, held in hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_BUSY: Final = """
import sys, time
for line in sys.stdin:
    end = time.perf_counter() + float(line)
    print(flush=True)
    while time.perf_counter() < end: pass
    print(flush=True)
"""


class Neighbour:
    """A process that is idle until it is told to be busy.

    It is never busy for longer than it was told, and ends with the pipe that it reads from: when
    this process does, however that ends.
    """

    def __init__(self) -> None:
        """Start it; OSError where no process can be started."""
        self._process = subprocess.Popen(  # noqa: S603  this Python, with our own words
            [sys.executable, "-I", "-S", "-c", _BUSY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if self._process.stdin is None or self._process.stdout is None:  # pragma: no cover
            raise OSError("a process has no pipes")
        self._orders, self._answers = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @contextmanager
    def busy(self, seconds: float) -> Iterator[None]:
        """Be busy for so long from the beginning of the block, and be idle again after it.

        Raises RuntimeError where it has ended.
        """
        with suppress(BrokenPipeError):  # then there is no answer either
            self._orders.write(f"{seconds}\n".encode())
            self._orders.flush()
        self._answer()
        yield
        self._answer()

    def end(self) -> None:
        """End it."""
        self._process.kill()
        for stream in (self._orders, self._answers):
            with suppress(BrokenPipeError):
                stream.close()
        self._process.wait()

    def _answer(self) -> None:
        if not self._answers.readline():
            raise RuntimeError("the process that was to be busy meanwhile has ended")
