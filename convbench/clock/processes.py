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
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Self

from convbench.clock.allocator import Allocator, environment
from convbench.clock.conversation import (
    Garbled,
    ProcessDied,
    ProcessError,
    converse,
    how_it_ended,
)
from convbench.clock.steps import SIZE, step_in
from convbench.clock.timeouts import PATIENCE, Watch, close_pipe
from convbench.clock.worker import Errand

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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
        watch = Watch(self._process, timeout, lambda: step_in(self._steps)[0])
        try:
            with watch:
                hear = watch.hearing(told)
                answer = converse(self._process, errand, hear, self._complaints if forked else None)
            kept = forked and not watch.ended
        except (EOFError, BrokenPipeError):
            if watch.ended:
                raise ProcessDied(
                    f"it gave no sign for {timeout:,.0f} s and was ended: give a longer timeout "
                    "where it needs one",
                    step_in(self._steps)[1],
                    hung=True,
                ) from None
            how = how_it_ended(self._process.wait(), self._complaints)
            raise ProcessDied(how, step_in(self._steps)[1]) from None
        except ProcessError as error:
            kept = forked and not watch.ended and not isinstance(error, Garbled)
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
        close_pipe(process.stdin)  # which ends what was forked, too
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
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
            close_pipe(stream)
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
        return
    process.kill()
    process.wait()


_BOOT = (
    "import sys; sys.path[:] = {path!r}; from convbench.clock.worker import {role}; {role}({steps})"
)
