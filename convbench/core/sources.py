"""Where facts come from: files, small commands, and how their text is read. Never an error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

UNKNOWN: Final = "unknown"
COMMAND_SECONDS: Final = 0.15
"""A command that has not answered by then is not waited for: its fact is unknown."""

Read = Callable[[str], str]
"""Returns the text of a file, stripped; empty where it cannot be read."""


def read_file(path: str) -> str:
    """Return the text of a file, stripped; empty where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def said_by(*command: str, errors: str = "replace", **environment: str) -> str:
    """Return what a command writes, stripped; empty where it fails, is absent or is slow.

    errors: what becomes of bytes that are not UTF-8. environment: variables for it beside those of
    this process.
    """
    try:
        done = subprocess.run(  # noqa: S603  (the callers' commands are constants)
            command,
            capture_output=True,
            text=True,
            errors=errors,
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=True,
            env={**os.environ, **environment},
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def sysctl(name: str) -> str:
    """Return a value of macOS's kernel; empty elsewhere."""
    return said_by("/usr/sbin/sysctl", "-n", name) if sys.platform == "darwin" else ""


def whole(text: str) -> int | None:
    """Return the number a text begins with, or None: "32K" is 32, "max" is None."""
    digits = text.strip()
    end = next((at for at, sign in enumerate(digits) if not sign.isdecimal()), len(digits))
    return int(digits[:end]) if end else None


def members(ranges: str) -> int | None:
    """Return how many numbers a list of ranges names ("0-3,8" names 5), or None."""
    count = 0
    for part in ranges.split(",") if ranges else ():
        first, _, last = part.partition("-")
        if not (first.strip().isdecimal() and (last or "0").strip().isdecimal()):
            return None
        count += int(last or first) - int(first) + 1
    return count or None
