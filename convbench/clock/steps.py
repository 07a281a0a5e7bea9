"""Which competitor a process is at, in memory that its parent reads after it was ended.

A step is a call, a check or a block of calls of one competitor. When it begins, its name is stored
in shared memory, outside of whatever is timed; a message would wake the parent for each block.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from typing import Final

_LONGEST: Final = 1000
"""Bytes of a name."""
_AT: Final = struct.Struct(f"<QH{_LONGEST}s")
"""Steps begun; the length and the text of the name of the competitor at work."""
_FORKED: Final = struct.Struct(f"<H{_LONGEST}s")
"""The same of one that forked; it lies behind."""
SIZE: Final = _AT.size + _FORKED.size
_FOR_A_COPY: Final = 1.0
"""Seconds that a copy of the process has to return from a first call that forked."""

_forks = 0


def _count_fork() -> None:
    global _forks  # noqa: PLW0603  the hook cannot be removed: one for all
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_count_fork)


class ForkedError(RuntimeError):
    """A competitor forked, and the copy of the process returned from the call as well."""

    def __init__(self) -> None:
        """Say it."""
        super().__init__(
            "it forked, and the copy of its process returned from the call, too: let the copy "
            "end itself (os._exit)"
        )


class Steps:
    """The steps of one process; copies of that process are ended where they come to one.

    Args:
        memory: of `SIZE` bytes; by default, of this process and its copies alone.

    """

    def __init__(self, memory: mmap.mmap | None = None) -> None:
        """Begin with none."""
        self._memory = memory if memory is not None else mmap.mmap(-1, SIZE)
        self._process = os.getpid()
        self._count, self._name = 0, b""
        self._forked: set[bytes] = set()
        self._forks = _forks

    def begin(self, name: str = "") -> None:
        """Begin a step of a competitor, or of none ("")."""
        self._end_a_copy()
        self._count += 1
        self._name = name.encode()[:_LONGEST]
        self._forks = _forks
        _AT.pack_into(self._memory, 0, self._count, len(self._name), self._name)

    def end(self, *, first: bool = False) -> None:
        """End the step; ForkedError where a copy of this process returned from one of this name.

        first: whether it was a first call: where that forked, wait for the copy to return. A block
        of calls that each leave a copy would double the number of processes with each call.
        """
        self._end_a_copy()
        until = time.perf_counter() + (_FOR_A_COPY if first and _forks > self._forks else 0.0)
        while True:
            length, name = _FORKED.unpack_from(self._memory, _AT.size)
            if length:
                self._forked.add(name[:length])
                _FORKED.pack_into(self._memory, _AT.size, 0, b"")
            if self._name in self._forked:
                raise ForkedError
            if time.perf_counter() >= until:
                return
            time.sleep(_FOR_A_COPY / 100)

    def _end_a_copy(self) -> None:
        if os.getpid() != self._process:
            _FORKED.pack_into(self._memory, _AT.size, len(self._name), self._name)
            os._exit(0)


def step_in(memory: mmap.mmap) -> tuple[int, str]:
    """Return how many steps a process has begun, and of which competitor the last one is, or ""."""
    count, length, name = _AT.unpack_from(memory)
    return count, name[:length].decode(errors="replace")
