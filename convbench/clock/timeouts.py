"""A process that gives no sign for too long is ended."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Final, Self

PATIENCE: Final = 1.0
"""Seconds for a process to end by itself."""
_LOOKS: Final = 8
"""Within a timeout: how often it is looked whether a step was begun."""


class Watch:
    """Ends a process that has said nothing, and begun no step, for so many seconds.

    Args:
        process: which.
        seconds: None waits for ever.
        steps: returns how many steps the process has begun.

    Attributes:
        ended: whether it did.

    """

    def __init__(
        self, process: subprocess.Popen[bytes], seconds: float | None, steps: Callable[[], int]
    ) -> None:
        """Begin the time."""
        self._process, self._seconds, self._steps = process, seconds, steps
        self._last, self._sign = steps(), time.monotonic()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.ended = False

    def __enter__(self) -> Self:
        """Begin to watch."""
        if self._seconds is not None:
            threading.Thread(target=self._watch, args=(self._seconds,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no longer."""
        with self._lock:
            self._over.set()

    def hearing(self, told: Callable[[Any], None] | None) -> Callable[[Any], None]:
        """Return what is to be told every message: each begins the time anew."""

        def hear(message: Any) -> None:
            self._sign = time.monotonic()
            if told is not None:
                told(message)

        return hear

    def _watch(self, seconds: float) -> None:
        while not self._over.wait(min(seconds / _LOOKS, threading.TIMEOUT_MAX)):
            with self._lock:
                if self._over.is_set():
                    return
                if (steps := self._steps()) != self._last:
                    self._last, self._sign = steps, time.monotonic()
                if time.monotonic() - self._sign < seconds:
                    continue
                self.ended = True
                if self._process.stdin is not None:  # a nursery then ends what it forked
                    close_pipe(self._process.stdin)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE)
                return
            self._process.kill()
            return


def close_pipe(stream: IO[bytes]) -> None:
    """Close a pipe, also one whose other end is closed."""
    with suppress(BrokenPipeError):
        stream.close()
