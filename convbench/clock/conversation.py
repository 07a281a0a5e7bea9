"""What is said between this process and one that it started: a question, messages, an answer.

`clock.processes` starts and ends them; the other end is `clock.worker`.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
from collections.abc import Callable
from typing import IO, Any, Final

from convbench.clock.worker import Errand, received, send
from convbench.core.errors import ConvbenchError

_MESSAGES: Final = ("told", "result", "error", "ended", "over")
"""What a message may begin with."""


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


class Garbled(ProcessDied):
    """What came from a fresh process is no message: its pipe was written to by what it ran."""


def converse(
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
        raise ProcessDied(how_it_ended(answer[1], complaints))
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
    raise Garbled(
        "something that it ran wrote to the pipe of its results: let it write to files that it "
        "opens itself"
    )


def how_it_ended(status: int, complaints: IO[bytes]) -> str:
    """Return how a process ended without an answer, and its last line on standard error."""
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").strip().splitlines()
    said = f"; it said: {lines[-1][:200]}" if lines else ""
    if status == -signal.SIGKILL:
        return f"its process was killed (SIGKILL), as a system out of memory does{said}"
    if status < 0:
        named = {int(known): known.name for known in signal.Signals}
        return f"its process crashed ({named.get(-status, f'signal {-status}')}){said}"
    return f"its process ended with status {status} and no answer{said}"
