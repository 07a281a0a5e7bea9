"""The other end of `processes.fresh`: a process that does one errand and says what came of it.

The parent writes one pickled errand to standard input and keeps it open: when it closes, however
the parent ended, this process ends too. Messages go back on what was standard output; anything
that is printed goes to standard error instead.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import struct
import sys
import threading
from typing import IO, Any

from convbench.plugins import load_plugin

LENGTH = struct.Struct("<Q")


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message: its length, then its pickle."""
    data = pickle.dumps(message)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one message; EOFError where the stream ends before it does."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)  # noqa: S301  from the process that started this one


def main() -> None:
    """Do the errand on standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    questions = sys.stdin.buffer
    module, function, plugins, arguments = receive(questions)
    threading.Thread(target=_follow, args=(questions,), daemon=True).start()
    try:
        for plugin in plugins:
            load_plugin(plugin)
        work = getattr(importlib.import_module(module), function)
        result = work(*pickle.loads(arguments), tell=lambda m: send(answers, ("told", m)))  # noqa: S301
        send(answers, ("result", result))
    except BaseException as error:  # noqa: BLE001  whatever it is, the parent is told
        said = str(error).strip().splitlines()
        kind = "error" if isinstance(error, Exception) else "ended"
        send(answers, (kind, type(error).__name__, said[0] if said else ""))
    answers.flush()
    os._exit(0)  # nothing is left to tidy, and torch's own tidying can hang


def _follow(stream: IO[bytes]) -> None:
    """End with the parent, however it ended."""
    stream.read()
    os._exit(1)


if __name__ == "__main__":
    main()
