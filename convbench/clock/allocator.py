"""What the allocator of a process does with pages that are freed, which is set as it starts."""

from __future__ import annotations

import os
import platform
from typing import Final, Literal

Allocator = Literal["kept", "system"]
ALLOCATORS: Final = ("kept", "system")

_KEPT_PAGES: Final = {
    "MALLOC_MMAP_MAX_": "0",  # large blocks come from the heap, and are not unmapped when freed
    "MALLOC_TRIM_THRESHOLD_": str(2**46),  # the heap's top is never given back
    "MALLOC_TOP_PAD_": str(64 * 2**20),  # it grows in large steps
}
"""glibc's switches (mallopt(3)) that keep freed pages; other C libraries do not know them."""


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
