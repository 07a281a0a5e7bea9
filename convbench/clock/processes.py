"""Processes that have done nothing else: each with its own memory layout, and nothing warm.

What a process did before changes what it measures next: the layout of its memory, which pages its
allocator holds, what torch has cached. So whatever is timed is timed in a process that has done
nothing else, and many of them are asked, since each has its own luck.

To start Python and import torch takes 1.5 to 4 s, before anything is measured. So one process, the
nursery, imports torch and runs nothing of it, and every process that measures is forked from it
within a few milliseconds. That is the idea of `multiprocessing`'s fork server, which cannot be used
itself: there is one of it in a program, while every setting of the allocator (read when a process
starts) needs a nursery of its own; and it imports the caller's main module again, which in a script
without a guard runs the script again. Where forking is not possible (no fork on the system, or a
device whose context must not be inherited) every process is started anew; `Nursery.kind` says
which.
"""

from __future__ import annotations

import atexit
import mmap
import os
import pickle
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Self

from convbench.clock.steps import SIZE, step_in
from convbench.clock.worker import Errand, received, send
from convbench.core.errors import ConvbenchError

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
    """A fresh process ended without an answer: killed, out of memory, or crashed.

    Args:
        said: the message.
        at: the competitor that it had begun a step of; "" where there is none.
        hung: whether it was ended since it gave no sign.

    """

    def __init__(self, said: str, at: str = "", *, hung: bool = False) -> None:
        """Say how."""
        super().__init__(said)
        self.at, self.hung = at, hung


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
    with Nursery(allocator=allocator, plugins=plugins, kind="fresh") as one:
        return one.ask(function, *arguments, told=told)


class _Garbled(ProcessDied):
    """What came from a fresh process is no message: its pipe was written to by what it ran."""


class Nursery:
    """Processes to ask one after the other: forked from one that is ready, where that can be.

    Use it as a context manager, or `close` it. The ready process is started at once and is waited
    for only by the first question.

    Args:
        allocator: as in `fresh`.
        plugins: as in `fresh`.
        device: that the processes will use.
        kind: "forked" or "fresh": how its processes begin; by default as the device allows.

    """

    def __init__(
        self,
        *,
        allocator: Allocator = "kept",
        plugins: Sequence[str] = (),
        device: str = "cpu",
        kind: Literal["forked", "fresh"] | None = None,
    ) -> None:
        """Start the ready process, where there is to be one."""
        self.kind = kind or ("forked" if forkable(device) else "fresh")
        self._allocator: Allocator = allocator
        self._plugins = tuple(plugins)
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as this
        self._steps_file = tempfile.TemporaryFile()  # noqa: SIM115  as the one above
        self._steps_file.truncate(SIZE)
        self._steps = mmap.mmap(self._steps_file.fileno(), SIZE)
        if self.kind == "forked":
            self._process = self._start()

    def ask(
        self,
        function: str,
        *arguments: Any,
        told: Callable[[Any], None] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Call a function in a process that has done nothing else; as `fresh`, with its errors.

        timeout: seconds without a message and without a step begun (`clock.steps`) after which
        the process is ended, which is a ProcessDied.
        """
        errand = _errand(function, arguments, self._plugins)
        forked, kept = self.kind == "forked", False
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = self._start()  # something ended it
        self._steps[:] = bytes(SIZE)
        self._complaints.seek(0)
        self._complaints.truncate()
        watch = _Watch(self._process, timeout, lambda: step_in(self._steps)[0])
        try:
            with watch:
                hear = watch.hearing(told)
                answer = _converse(
                    self._process, errand, hear, self._complaints if forked else None
                )
            kept = forked and not watch.ended
        except (EOFError, BrokenPipeError):
            if watch.ended:
                raise ProcessDied(
                    f"it gave no sign for {timeout:,.0f} s and was ended: give a longer timeout "
                    "where it needs one",
                    step_in(self._steps)[1],
                    hung=True,
                ) from None
            how = _how_it_ended(self._process.wait(), self._complaints)
            raise ProcessDied(how, step_in(self._steps)[1]) from None
        except ProcessError as error:
            kept = forked and not watch.ended and not isinstance(error, _Garbled)
            if isinstance(error, ProcessDied):
                error.at = step_in(self._steps)[1]
            raise
        finally:
            if not kept:  # after Ctrl-C, too: what is being said is for nobody
                self._end()
        return answer

    def interrupt(self) -> None:
        """End what is being asked, from another thread: `ask` then raises ProcessDied."""
        process = self._process
        if process is None or process.stdin is None:
            return
        _close(process.stdin)  # which ends what was forked, too
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
            return
        process.kill()

    def close(self) -> None:
        """End the ready process, and whatever it forked."""
        self._end()
        self._complaints.close()
        self._steps.close()
        self._steps_file.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        role = "nursery" if self.kind == "forked" else "main"
        return _started(role, self._allocator, self._complaints, self._steps_file)

    def _end(self) -> None:
        if self._process is not None:
            _ended(self._process)
            self._process = None


_READY: dict[tuple[str, tuple[str, ...], str], tuple[object, Nursery]] = {}
_OF_THE_TEST: Final = "PYTEST_CURRENT_TEST"
"""Set by pytest, to another value for every test; no library reads it."""


def ready(
    allocator: Allocator = "kept", plugins: Sequence[str] = (), device: str = "cpu"
) -> Nursery:
    """Return the nursery of this program for such processes; it starts with the first question.

    It is kept until the program ends, or until the environment is another one: libraries read that
    when a process starts.
    """
    key = allocator, tuple(plugins), device
    around = {name: value for name, value in os.environ.items() if name != _OF_THE_TEST}
    known = _READY.get(key)
    if known is None or known[0] != around:
        if known is not None:
            known[1].close()
        made = Nursery(allocator=allocator, plugins=plugins, device=device)
        _READY[key] = around, made
    return _READY[key][1]


@atexit.register
def _close_all() -> None:
    for _, nursery in _READY.values():
        nursery.close()
    _READY.clear()


def forkable(device: str) -> bool:
    """Tell whether processes that use a device can be forked from one that is ready."""
    # macOS has fork, and its system libraries do not stand it; a GPU's context is not inherited
    return device == "cpu" and sys.platform.startswith("linux") and hasattr(os, "fork")


def _errand(function: str, arguments: tuple[Any, ...], plugins: Sequence[str]) -> Errand:
    module, _, name = function.partition(":")
    return Errand(
        module=module,
        function=name,
        plugins=tuple(plugins),
        arguments=pickle.dumps(arguments),
        path=tuple(sys.path),
        folder=os.getcwd(),  # noqa: PTH109  as text
    )


def _started(
    role: str, allocator: Allocator, complaints: IO[bytes], steps: IO[bytes]
) -> subprocess.Popen[bytes]:
    inherited = (steps.fileno(),) if os.name == "posix" else ()
    return subprocess.Popen(  # noqa: S603  this Python, with our own words
        [sys.executable, "-c", _BOOT.format(path=sys.path, role=role, steps=(*inherited, -1)[0])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        env=environment(allocator),
        pass_fds=inherited,
    )


def _ended(process: subprocess.Popen[bytes]) -> None:
    """End a process; a nursery sees its questions close, and ends what it forked."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            _close(stream)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)
        return
    process.kill()
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


_BOOT = (
    "import sys; sys.path[:] = {path!r}; from convbench.clock.worker import {role}; {role}({steps})"
)
_MESSAGES: Final = ("told", "result", "error", "ended", "over")
"""What a message may begin with."""
_PATIENCE: Final = 1.0
"""Seconds for a process to end by itself."""


def _converse(
    process: subprocess.Popen[bytes],
    errand: Errand,
    told: Callable[[Any], None] | None,
    complaints: IO[bytes] | None = None,
) -> Any:
    """Ask, and hear what is told until there is an answer.

    complaints: what a forked process wrote to standard error; its parent then also says when it is
    over, and nothing is returned before.
    """
    if process.stdin is None or process.stdout is None:  # pragma: no cover  both are pipes
        raise ProcessError("a fresh process has no pipes")
    send(process.stdin, errand)
    answer: tuple[Any, ...] = ()
    while not answer or (complaints is not None and answer[0] != "over"):
        message = _heard(process.stdout)
        if message[0] == "told":
            if told is not None:
                told(message[1])
        elif message[0] == "over" and answer:
            break
        else:
            answer = message
    if answer[0] == "result":
        return answer[1]
    if answer[0] == "over" and complaints is not None:
        raise ProcessDied(_how_it_ended(answer[1], complaints))
    if answer[0] == "ended":  # by SystemExit or KeyboardInterrupt
        raise ProcessDied(f"it ended its process ({answer[1]})")
    raise ProcessError(answer[1])


def _heard(stream: IO[bytes]) -> tuple[Any, ...]:
    """Return the next message; EOFError where there is none, ProcessDied where it is none."""
    data = received(stream)
    try:
        message = pickle.loads(data)  # noqa: S301  from a process that this one started
    except Exception:  # noqa: BLE001  other bytes may be taken for any instruction
        message = None
    if isinstance(message, tuple) and message and message[0] in _MESSAGES:
        return message
    raise _Garbled(
        "something that it ran wrote to the pipe of its results: let it write to files that it "
        "opens itself"
    )


def _how_it_ended(status: int, complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").strip().splitlines()
    said = f"; it said: {lines[-1][:200]}" if lines else ""
    if status == -signal.SIGKILL:
        return f"its process was killed (SIGKILL), as a system out of memory does{said}"
    if status < 0:
        named = {int(known): known.name for known in signal.Signals}
        return f"its process crashed ({named.get(-status, f'signal {-status}')}){said}"
    return f"its process ended with status {status} and no answer{said}"


class _Watch:
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
        self._process, self._seconds, self._steps = process, seconds, steps
        self._last, self._sign = steps(), time.monotonic()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.ended = False

    def __enter__(self) -> Self:
        if self._seconds is not None:
            threading.Thread(target=self._watch, args=(self._seconds,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
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
                    _close(self._process.stdin)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
                return
            self._process.kill()
            return


_LOOKS: Final = 8
"""Within a timeout: how often it is looked whether a step was begun."""


def _close(stream: IO[bytes]) -> None:
    with suppress(BrokenPipeError):
        stream.close()
