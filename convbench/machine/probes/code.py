"""Which code this is: the git state of the working folder."""

from __future__ import annotations

import re
from typing import Any

from convbench.core.sources import UNKNOWN, said_by


def code() -> dict[str, Any]:
    """Return commit and dirty state; "unknown" outside git, without it, or where it is slow."""
    # --no-optional-locks: a look must not stand in the way of somebody's commit.
    said = said_by(
        "git", "--no-optional-locks", "-c", "core.fsmonitor=false",
        "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=all",
    )  # fmt: skip
    return state(said)


def state(said: str) -> dict[str, Any]:
    """Read what `git status --porcelain=v2 --branch` wrote; empty where there was no answer.

    Untracked files do not count as dirty.
    """
    if not said:
        return {"git_commit": UNKNOWN, "git_dirty": UNKNOWN}
    commit = re.search(r"^# branch\.oid ([0-9a-f]{7,})", said, re.MULTILINE)
    return {
        "git_commit": commit[1][:12] if commit else "none",
        "git_dirty": any(not line.startswith("#") for line in said.splitlines()),
    }
