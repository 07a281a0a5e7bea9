"""The other end of `clock.processes`: a process that does errands and says what came of them.

The parent writes one pickled errand to standard input and keeps it open: when it closes, however
the parent ended, this process ends too. Messages go back on what was standard output; anything
that is printed goes to standard error instead.

`main` does one errand and ends. `nursery` imports torch, runs nothing of it, and forks a child for
every errand: a child begins as a process does that has just imported torch, in a few milliseconds.
Between the two messages are passed on whole, so that a child that dies in the middle of one takes
nothing else along.
"""

from __future__ import annotations

import gc
import importlib
import mmap
import os
import pickle
import select
import signal
import socket
import struct
import sys
import threading
import warnings
from contextlib import suppress
from functools import partial
from typing import IO, Any, Final, NamedTuple

from convbench.clock.steps import SIZE
from convbench.core.errors import one_line
from convbench.core.plugins import load_plugin
from convbench.core.torchvision_import import importing

LENGTH = struct.Struct("<Q")
_AT_ONCE: Final = 1 << 20
"""Bytes of a message that are read in one piece: its length may be what something else wrote."""
_PR_SET_CHILD_SUBREAPER: Final = 36
"""Of prctl(2): orphans below this process become its children."""
_OURS: Final = "convbench."
"""What the nursery imports before it forks: of other modules it is not known what they start.

Where such a module has a function `before_fork`, that is called with the errand's arguments."""


class Errand(NamedTuple):
    """A function to be called, its arguments pickled, and what is loaded, found and near by then.

    plugins: loaded first. path: where modules are found. folder: the working folder.
    """

    module: str
    function: str
    plugins: tuple[str, ...]
    arguments: bytes
    path: tuple[str, ...]
    folder: str


memory: mmap.mmap | None = None
"""For `clock.steps`; mapped once, since what a child allocates moves what is built after it."""


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message: its length, then its pickle."""
    pass_on(stream, pickle.dumps(message))


def pass_on(stream: IO[bytes], data: bytes) -> None:
    """Write one message that is pickled already."""
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one message; EOFError where the stream ends before it does."""
    return pickle.loads(received(stream))  # noqa: S301  from the process that started this one


def received(stream: IO[bytes]) -> bytes:
    """Read one message and leave it pickled; EOFError as `receive`."""
    (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    parts = []
    while count and (part := stream.read(min(count, _AT_ONCE))):  # no more than what comes
        parts.append(part)
        count -= len(part)
    if count:
        raise EOFError
    return b"".join(parts)


def main(steps: int) -> None:
    """Do the errand on standard input; steps: descriptor of the file of `memory`, -1 for none."""
    answers = _begin(steps)
    questions = sys.stdin.buffer
    errand = receive(questions)
    threading.Thread(target=_follow, args=(questions,), daemon=True).start()
    _do(errand, answers)


def nursery(steps: int) -> None:
    """Fork a child for every errand on standard input, one at a time, until it closes."""
    answers = _begin(steps)
    _adopt()
    import torch  # noqa: F401

    warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
    questions = sys.stdin.buffer
    while True:
        try:
            errand = receive(questions)
        except EOFError:
            os._exit(0)
        if errand.module.startswith(_OURS):
            with suppress(Exception):  # the child fails too, and says how
                module = importlib.import_module(errand.module)
                if hasattr(module, "before_fork"):
                    module.before_fork(*_given(errand))
        gc.collect()
        gc.freeze()  # what is imported is no child's garbage
        here, there = socket.socketpair()
        child = os.fork()
        if not child:
            here.close()
            os.close(questions.fileno())
            os.close(answers.fileno())  # what a child writes there would not be passed on whole
            threading.Thread(target=_follow, args=(there.makefile("rb"),), daemon=True).start()
            _do(errand, there.makefile("wb"))
        there.close()
        _mind(child, here, questions, answers)


def _mind(child: int, here: socket.socket, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Pass on what a child says until it ends, and say how it did; end it if the parent ended."""
    # without a buffer: a message that lies in one would not wake `select`
    said: Any = here.makefile("rb", buffering=0)
    end = os.pidfd_open(child)  # what it has forked may hold its end of the socket open
    while True:
        watched: list[Any] = [here, questions, end]
        ready, _, _ = select.select(watched, [], [])
        if questions in ready:  # nothing is asked meanwhile: it has closed
            _end_all()
            os._exit(1)
        if here not in ready:
            break
        try:
            pass_on(answers, received(said))
        except EOFError:
            break
    said.close()
    here.close()
    os.close(end)
    _, status = os.waitpid(child, 0)
    _end_all()
    send(answers, ("over", os.waitstatus_to_exitcode(status)))


def _adopt() -> None:
    """Become the parent of whatever a child leaves behind, so that it can be ended (Linux)."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_all() -> None:
    """End every child, and what they leave behind, in whatever group and session it is."""
    while children := _children():
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> list[int]:
    own, found = os.getpid(), []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdecimal():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                if int(file.read().rpartition(b")")[2].split()[1]) == own:
                    found.append(int(name))
    return found


def _begin(steps: int) -> IO[bytes]:
    """Leave Ctrl-C to the parent, which ends this process; return where answers go."""
    global memory  # noqa: PLW0603  of this process and its children
    memory = mmap.mmap(steps, SIZE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _do(errand: Errand, answers: IO[bytes]) -> None:
    """Do an errand, send what comes of it, and end this process.

    What the errand forks comes back here too, and says nothing.
    """
    own = os.getpid()

    def say(*message: Any) -> None:
        if os.getpid() == own:
            send(answers, message)

    try:
        sys.path[:] = errand.path
        os.chdir(errand.folder)
        for plugin in errand.plugins:
            load_plugin(plugin)
        work = getattr(importlib.import_module(errand.module), errand.function)
        result = work(*_given(errand), tell=lambda m: say("told", m))
        say("result", result)
    except BaseException as error:  # noqa: BLE001  whatever it is, the parent is told
        say("error" if isinstance(error, Exception) else "ended", one_line(error))
    answers.flush()
    os._exit(0)  # nothing is left to tidy, and torch's own tidying can hang


def _given(errand: Errand) -> Any:
    """Return what the errand's function is called with, which may be models of torchvision."""
    return importing(partial(pickle.loads, errand.arguments))  # from the process that started this


def _follow(stream: IO[bytes]) -> None:
    """End with the parent, however it ended."""
    stream.read()
    os._exit(1)


if __name__ == "__main__":
    main(-1)
