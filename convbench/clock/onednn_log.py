"""oneDNN's own log of what it runs: captured from the C library's standard output, and parsed.

Format: https://uxlfoundation.github.io/oneDNN/dev_guide_verbose.html
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

STANDARD_OUTPUT: Final = 1
_EXECUTED: Final = ",exec,"
_TENSOR: Final = re.compile(
    r"(?:^|\s)(\w+):[a-z0-9_]+:[^:]*:?(?:blocked|wino|packed|any)?:([A-Za-z0-9]*)"
)
_SHOWN: Final = {"src": "src", "wei": "weights", "dst": "dst"}


class Executed(NamedTuple):
    """One primitive that oneDNN ran.

    primitive: "convolution", "reorder"; implementation: "jit_dw:avx512_core"; layouts: of its
    tensors, a letter for each axis, "src aBcd16b, weights Abcde16a, dst aBcd16b": capitals are
    axes in blocks, whose lengths follow; seconds: by oneDNN's own clock.
    """

    primitive: str
    implementation: str
    layouts: str
    seconds: float


class Log:
    """What oneDNN writes while `captured` is open."""

    def __init__(self, descriptor: int) -> None:
        """Read from the file behind a descriptor."""
        self._descriptor, self._read = descriptor, 0

    def more(self) -> list[Executed]:
        """Return the primitives that ran since the last call."""
        _flush()
        size = os.fstat(self._descriptor).st_size
        text = os.pread(self._descriptor, size - self._read, self._read)
        self._read = size
        return [
            one for line in text.decode(errors="replace").splitlines() if (one := executed(line))
        ]


def executed(line: str) -> Executed | None:
    """Return the primitive of a line of the log; None for a line that is of none.

    The fields behind "exec": engine, primitive, implementation, kind of propagation, tensors,
    attributes, more, sizes, milliseconds.
    """
    before, mark, after = line.partition(_EXECUTED)
    fields = after.split(",")
    if not (mark and before.startswith("onednn_verbose")) or len(fields) < _FIELDS:
        return None
    try:
        seconds = float(fields[-1]) / 1e3
    except ValueError:
        return None
    found = [(name, tag) for name, tag in _TENSOR.findall(fields[4]) if tag]
    layouts = ", ".join(f"{_SHOWN[name]} {tag}" for name, tag in found if name in _SHOWN)
    return Executed(fields[1], fields[2], layouts, seconds)


_FIELDS: Final = 9


def readable() -> str:
    """Return why the log cannot be captured here; empty where it can."""
    import torch

    if not torch.backends.mkldnn.is_available():
        return "this build of PyTorch has no oneDNN"
    if sys.platform == "win32":
        return "oneDNN's log is not captured on Windows"
    return ""


@contextmanager
def captured() -> Iterator[Log]:
    """Have oneDNN log into a file, and yield its reader; the standard output is restored after.

    What other threads write to the standard output of the C library meanwhile is lost.
    """
    import torch

    _flush()
    kept = os.dup(STANDARD_OUTPUT)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), STANDARD_OUTPUT)
            try:
                with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
                    yield Log(file.fileno())
            finally:
                _flush()
                os.dup2(kept, STANDARD_OUTPUT)
    finally:
        os.close(kept)


def _flush() -> None:
    """Write out what the C library holds back of its standard output."""
    ctypes.CDLL(None).fflush(None)
