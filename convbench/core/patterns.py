"""Regular expressions that a user gives, or the header of a run: searched with errors in words."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn

from convbench.core.errors import ConvbenchError

_SECONDS: Final = 2.0
"""Of computing, for all names together: far more than an expression takes that does not explode."""
_LONGEST: Final = 10_000
"""Characters of an expression: to compile a million takes a second."""


def matching(
    pattern: str, names: Sequence[str], option: str, error_type: type[ConvbenchError]
) -> list[str]:
    """Return the names in which the regular expression is found, in their order.

    Raises `error_type` for what is no regular expression or too long, and for one that takes more
    than 2 s of computing, as "(a+)+b" may: Python's `re` tries every way to split a text. That
    limit needs a timer of the process: it holds in the main thread, and not on Windows.
    """
    if len(pattern) > _LONGEST:
        raise error_type(
            f"{option} {pattern!r:.80} has {len(pattern):,} characters and may have {_LONGEST:,}: "
            "give a shorter one."
        )
    try:
        with _limited(_SECONDS):
            search = re.compile(pattern).search
            return [name for name in names if search(name)]
    except (re.error, RecursionError, OverflowError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise error_type(
            f"{option} {pattern!r:.200} is no regular expression ({why}): put a backslash before "
            "brackets and dots that are to match themselves."
        ) from None
    except TimeoutError:
        raise error_type(
            f"{option} {pattern!r:.200} takes too long to match: give one without a repetition "
            "inside a repetition."
        ) from None


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise TimeoutError inside the block after so many seconds of computing."""
    if not hasattr(signal, "setitimer") or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _stop(*_: object) -> NoReturn:
    raise TimeoutError
