"""Fresh processes: each starts with its own memory layout, its own allocator, and nothing warm.

What a process did before changes what it measures next: the layout of its memory, which pages its
allocator holds, what torch has cached. So whatever is timed is timed in a process that has done
nothing else, and several of them are asked, since each has its own luck.
"""

from __future__ import annotations

import os
import pickle
import platform
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, Literal

from convbench.errors import ConvbenchError
from convbench.timing.worker import receive, send

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Allocator = Literal["kept", "system"]
ALLOCATORS: Final = ("kept", "system")

_KEPT_PAGES: Final = {
    "MALLOC_MMAP_MAX_": "0",  # large blocks come from the heap, and are not unmapped when freed
    "MALLOC_TRIM_THRESHOLD_": str(2**46),  # the heap's top is never given back
    "MALLOC_TOP_PAD_": str(64 * 2**20),  # it grows in large steps
}
"""glibc's switches (mallopt(3)) that keep freed pages; other C libraries do not know them."""


class ProcessError(ConvbenchError):
    """A fresh process did not do what it was asked, for the reason in the message."""


class ProcessDied(ProcessError):  # noqa: N818  the two differ by how it ended
    """A fresh process ended without an answer: killed, out of memory, or crashed."""


def fresh(
    function: str,
    *arguments: Any,
    allocator: Allocator = "kept",
    plugins: Sequence[str] = (),
    told: Callable[[Any], None] | None = None,
) -> Any:
    """Call a function in a process of its own and return what it returns.

    Args:
        function: "package.module:function"; it also gets `tell`, to send messages home with.
        arguments: what it is called with; they must pickle.
        allocator: "kept" for pages that stay mapped when they are freed, "system" for whatever
            the system's allocator does. Set through the environment, so only glibc obeys.
        plugins: convbench plugins to load there first.
        told: is called with every message, in order.

    Raises:
        ProcessDied: it ended without an answer.
        ProcessError: the function raised; the message says what.

    """
    module, _, name = function.partition(":")
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603  this Python, with our own words
            [sys.executable, "-c", _BOOT.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment(allocator),
        )
        try:
            return _converse(process, (module, name, tuple(plugins)), arguments, told)
        except (EOFError, BrokenPipeError):
            raise ProcessDied(_how_it_ended(process, complaints)) from None
        finally:
            if process.poll() is None:
                process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    _close(stream)
            process.wait()


def environment(allocator: Allocator) -> dict[str, str]:
    """Return the environment of a fresh process: the caller's, with the allocator's switches.

    For "system" without those that this process, itself a fresh one, was started with.
    """
    if allocator == "kept":
        return {**os.environ, **_KEPT_PAGES}
    return {name: value for name, value in os.environ.items() if _KEPT_PAGES.get(name) != value}


def allocator_in_force() -> Allocator:
    """Return what the allocator of this very process does with freed pages.

    "kept" where glibc obeys the switches; another C library, or an allocator loaded before it, does
    not know them.
    """
    obeys = platform.libc_ver()[0] == "glibc" and not os.environ.get("LD_PRELOAD")
    told = all(os.environ.get(name) == value for name, value in _KEPT_PAGES.items())
    return "kept" if obeys and told else "system"


_BOOT = "import sys; sys.path[:] = {path!r}; from convbench.timing.worker import main; main()"


def _converse(
    process: subprocess.Popen[bytes],
    what: tuple[str, str, tuple[str, ...]],
    arguments: tuple[Any, ...],
    told: Callable[[Any], None] | None,
) -> Any:
    if process.stdin is None or process.stdout is None:  # pragma: no cover  both are pipes
        raise ProcessError("a fresh process has no pipes")
    send(process.stdin, (*what, pickle.dumps(arguments)))
    while True:
        message = receive(process.stdout)
        if message[0] == "result":
            return message[1]
        if message[0] in {"error", "ended"}:
            said = f"{message[1]}: {message[2]}" if message[2] else message[1]
            if message[0] == "ended":  # by SystemExit or KeyboardInterrupt
                raise ProcessDied(f"it ended its process ({said})")
            raise ProcessError(said)
        if told is not None:
            told(message[1])


def _how_it_ended(process: subprocess.Popen[bytes], complaints: IO[bytes]) -> str:
    status = process.wait()
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").strip().splitlines()
    said = f"; it said: {lines[-1][:200]}" if lines else ""
    if status == -signal.SIGKILL:
        return f"its process was killed (SIGKILL), as a system out of memory does{said}"
    if status < 0:
        named = {int(known): known.name for known in signal.Signals}
        return f"its process crashed ({named.get(-status, f'signal {-status}')}){said}"
    return f"its process ended with status {status} and no answer{said}"


def _close(stream: IO[bytes]) -> None:
    with suppress(BrokenPipeError):
        stream.close()
