"""Draws of bad input: how many, what is drawn, and what no command may do with it."""

from __future__ import annotations

import contextlib
import copy
import io
import re
import signal
import sys
from functools import cache, wraps
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from typer.main import get_command

from convbench.core.serialization import harmless
from convbench.ui.cli import main

DRAWS: Final = 1000
LONG: Final = settings.default.max_examples > DRAWS
"""Whether the profile "long" is in force: other draws each time, and each watched."""
HANGS: Final = 60
"""Seconds after which a draw of a long run is a failure."""

TEXTS: Final = (
    "", " ", "x", "-", "--", "-1", "0", "1", "1.5", "1e999", "9" * 50, "a" * 2000, "é×→💥",
    "\x1b[31mred", "\u202eabc", "a\nb", "\udcff", "../..", "/", ".", "~", "=", "a=", "=b", ",",
    ",,", "1,2", "1x1", "0x0", "x1", "7×7", "1x3x8x8", "-1x3", "(", "(a+)+$", "%s{0}", "5%", "200%",
    "cpu", "cpu:9", "meta", "[]", "{}", "'", '"', "None", "all", "auto", "same", "standard", "#",
)  # fmt: skip
NUMBERS: Final = (
    0, 1, -1, 2, 3, 7, 64, 255, 10**6, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**30, -(10**30),
    10**299, 10**400, 0.0, -0.0, 0.5, -0.5, 1.5, 1e-320, 5e-324, 1e-9, 1e9, 1e15, 1e20, 1e299,
    1e308, -1e308,
)  # fmt: skip
SCALARS: Final = (*TEXTS, *NUMBERS, None, True, False)

texts = st.sampled_from(TEXTS) | st.text(
    st.sampled_from("aéx1.-+,=:/\\%\"'[]{}()*?^$|#\n\t\x1b\u202e 0→"), max_size=8
)
numbers = (
    st.sampled_from(NUMBERS) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    st.sampled_from(SCALARS) | texts | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


CHECKS: Final[dict[str, Any]] = {
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # explaining is slow
}


def fuzzed(draws: int = DRAWS) -> Any:
    """Return what gives a test its draws: the same everywhere, or those of the profile "long"."""
    if LONG:
        return long
    return settings(max_examples=draws, derandomize=True, database=None, deadline=None, **CHECKS)


def long(test: Any) -> Any:
    """Give a test the draws of the profile "long", and let each that hangs fail."""
    test.hypothesis.inner_test = watched(test.hypothesis.inner_test)  # what runs once a draw
    return settings(settings.default, **CHECKS)(test)


def watched(test: Any) -> Any:
    """Let a draw that hangs fail, and so be shown."""

    def hangs(*_: object) -> None:
        raise AssertionError(f"the draw takes more than {HANGS} s")

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> Any:
        before = signal.signal(signal.SIGALRM, hangs)
        signal.alarm(HANGS)
        try:
            return test(*arguments, **named)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    return run


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2])
    found = []
    for key, item in inner:
        found.append((*path, key))
        if isinstance(item, dict | list):
            found += paths_of(item, (*path, key))
    return found


def _at(documents: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        documents = documents[key]
    return documents


class DROP:
    """In the place of a value: the key goes with it."""


@st.composite
def change(draw: Any, documents: Any, paths: list[tuple[Any, ...]]) -> tuple[Any, Any]:
    """Return a path, and what is put there."""
    path = draw(st.sampled_from(paths))
    old = _at(documents, path)
    how = draw(st.sampled_from(("other", "like", "like", "like", "drop", "add", "nest", "repeat")))
    number = isinstance(old, int | float) and not isinstance(old, bool)
    if how == "nest":
        what: Any = [old]
    elif how == "repeat" and isinstance(old, list):
        what = old * draw(st.integers(0, 3))
    elif how == "add" and isinstance(old, dict):
        what = {**old, draw(texts): draw(values)}
    elif how == "like" and isinstance(old, list) and old and isinstance(old[0], int | float):
        what = [draw(numbers)] * len(old)
    elif how == "like" and number:
        kind = st.integers if isinstance(old, int) else st.floats
        what = draw(numbers | kind(min_value=0, max_value=100))
    else:
        what = draw(texts if how == "like" and isinstance(old, str) else values)
    return path, DROP if how == "drop" else what


def changed(documents: Any, plan: list[tuple[Any, Any]]) -> Any:
    """Return the documents with the changes made that still find their place."""
    documents = copy.deepcopy(documents)
    for path, what in plan:
        try:
            holder = _at(documents, path[:-1])
            if what is DROP:
                del holder[path[-1]]
            else:
                holder[path[-1]] = copy.deepcopy(what)
        except (KeyError, IndexError, TypeError):
            continue
    return documents


CUTS = (
    b"", b" ", b"\n", b"\r\n", b"\0", b"\xff", b"\x1b[31m", b"\xef\xbb\xbf", b"{", b"]", b'"',
    b"NaN", b"1e999",
)  # fmt: skip
cuts = st.tuples(
    st.floats(0, 1), st.sampled_from((0, 0, 1, 8, 300)), st.sampled_from(CUTS)
)  # where as a share, how many bytes go, and what comes


def damaged(content: bytes, cut: tuple[float, int, bytes] | None) -> bytes:
    """Return a text in which something was put in the place of some of it."""
    if cut is None:
        return content
    where, gone, new = cut
    place = int(where * len(content))
    return content[:place] + new + content[place + gone :]


parser = cache(get_command)


def command(*arguments: str) -> tuple[int, str, str]:
    """Run `convbench` in this process; return its status, and what it printed and complained."""
    out, err = io.StringIO(), io.StringIO()
    status: Any = 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["convbench", *arguments])
        patch.setattr("typer.main.get_command", parser)  # made once, and not in each draw
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    return status, out.getvalue(), err.getvalue()


def check_command(arguments: list[str], may_end: set[int]) -> int:
    """Run a command, see that it ends as it should, and return its status."""
    status, out, err = command(*arguments)
    assert status in may_end, (status, out[-2000:], err[-2000:])
    check_text(out)
    assert harmless(err) == err or "Usage:" in err
    assert "nothing more could be written" not in err
    assert "Traceback" not in err
    if status == 2:
        assert err.strip()
        several = "Usage:" in err or any("\n" in word for word in arguments)
        check_message(err.removeprefix("convbench: ").removesuffix("\n"), several=several)
    return status


def check_message(text: str, *, several: bool = False) -> None:
    """See that an error is one line that can be read; some may have more lines."""
    assert several or ("\n" not in text and len(text) < LONGEST), text[:3000]


LONGEST: Final = 1500
"""Letters of a message."""
_NO_NUMBER: Final = re.compile(r"(?<![\w-])[-+]?(nan|inf|infinity)(?![\w-])", re.IGNORECASE)
_TOO_LONG: Final = re.compile(r".{0,80}\d[\d,]{320,}")


def check_text(text: str) -> None:
    """See that what is shown holds finite numbers of a length that somebody may read."""
    assert not (found := _NO_NUMBER.search(text)), text[
        max(0, found.start() - 80) : found.end() + 20
    ]  # type: ignore[union-attr]
    assert not (found := _TOO_LONG.search(text)), found
    assert harmless(text) == text
