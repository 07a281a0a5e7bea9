"""Which code this is: the git state of the working folder."""

from __future__ import annotations

import os
import re
from typing import Any

from convbench.core.sources import UNKNOWN, said_by, whole


def code() -> dict[str, Any]:
    """Return commit and dirty state; "unknown" outside git, without it, or where it is slow.

    Nothing that the folder's own configuration names is run: no filter of its files, no monitor of
    the file system, no program that fetches what is missing. A file with a filter is compared as it
    lies in the folder.
    """
    # --no-optional-locks: a look must not stand in the way of somebody's commit.
    git = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false")
    named = said_by(*git, "config", "--list", "-z", "--name-only", errors="surrogateescape")
    if not named:  # no repository; or it is not known what it would run
        return state("")
    keys = [key for key in named.split("\0") if key.startswith("filter.")]
    filters = dict.fromkeys(key.rpartition(".")[0] for key in keys)
    settings = [
        (f"{name}.{key}", value)
        for name in filters
        for key, value in (("clean", ""), ("process", ""), ("required", "false"))
    ]
    first = whole(os.environ.get("GIT_CONFIG_COUNT", "")) or 0  # settings of the caller stay
    said = said_by(
        *git,
        "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=all",
        GIT_ALLOW_PROTOCOL="none",
        GIT_CONFIG_COUNT=str(first + len(settings)),
        **{f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(settings, first)},
        **{f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(settings, first)},
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
