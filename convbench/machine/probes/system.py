"""The system: memory, load, steal, kernel, libc, allocator, and the environment that matters."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from typing import Any, Final

from convbench.core.sources import UNKNOWN, Read, read_file, whole

THREAD_VARIABLES: Final = (
    "OMP_NUM_THREADS", "OMP_DYNAMIC", "OMP_PROC_BIND", "OMP_PLACES", "OMP_WAIT_POLICY",
    "OMP_SCHEDULE", "GOMP_CPU_AFFINITY", "GOMP_SPINCOUNT", "KMP_AFFINITY", "KMP_BLOCKTIME",
    "KMP_SETTINGS", "MKL_NUM_THREADS", "MKL_DYNAMIC", "MKL_ENABLE_INSTRUCTIONS",
    "OPENBLAS_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY",
    "ONEDNN_DEFAULT_FPMATH_MODE",
)  # fmt: skip
MALLOC_VARIABLES: Final = (
    "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_TOP_PAD_",
    "MALLOC_ARENA_MAX", "MALLOC_CONF", "GLIBC_TUNABLES", "PYTORCH_CUDA_ALLOC_CONF",
)  # fmt: skip
ALLOCATORS: Final = ("jemalloc", "tcmalloc", "mimalloc", "snmalloc", "hoard")
_HARMLESS: Final = re.compile(r"[\w.,:;={}()+ -]{1,120}")  # no slash: a path is never told
_STEAL_FIELD: Final = 7  # user nice system idle iowait irq softirq steal
_TOTAL_FIELDS: Final = 8  # guest time, behind these, is in user time already


def system(read: Read = read_file, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the facts of the system; memory is GiB, `steal_share` is of all time since boot.

    The environment's values are told only where they cannot be a path, else as "set". Sources:
    /proc, /sys/kernel/mm, the environment (by default this process's).
    """
    variables = os.environ if environment is None else environment
    stolen, total = cpu_ticks(read)
    available = memory_available(read)
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "kernel": platform.release(),
        "libc": _libc(),
        "memory_gib": _memory(),
        "memory_available_gib": UNKNOWN if available is None else round(available / 2**30, 1),
        "transparent_huge_pages": _chosen(read("/sys/kernel/mm/transparent_hugepage/enabled")),
        "load_1min": _load(),
        "steal_share": round(stolen / total, 4) if total else UNKNOWN,
        "allocator": _allocator(read, variables),
        "malloc_settings": settings(variables, MALLOC_VARIABLES),
        "thread_settings": settings(variables, THREAD_VARIABLES),
        "python": platform.python_version(),
    }


def cpu_ticks(read: Read = read_file) -> tuple[int, int]:
    """Return (stolen, all) ticks of all processors since boot; (0, 0) where untold."""
    words = read("/proc/stat").partition("\n")[0].split()[1 : 1 + _TOTAL_FIELDS]
    if len(words) < _TOTAL_FIELDS or not all(word.isdecimal() for word in words):
        return 0, 0
    return int(words[_STEAL_FIELD]), sum(map(int, words))


def setting(settings: object, name: str) -> str:
    """Return a variable's value out of `thread_settings` or `malloc_settings`; empty if unset."""
    for part in str(settings).split("; "):
        key, sign, value = part.partition("=")
        if sign and key == name:
            return value
    return ""


def settings(variables: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return the variables that are set as "NAME=value; …"; what may be a path only as "set"."""
    told = (
        f"{name}={variables[name] if _HARMLESS.fullmatch(variables[name]) else 'set'}"
        for name in names
        if variables.get(name)
    )
    return "; ".join(told) or "none"


def _allocator(read: Read, variables: Mapping[str, str]) -> str:
    # A preloaded library shows in the process's maps; where there are none, in what was asked.
    loaded = read("/proc/self/maps") or variables.get("LD_PRELOAD", "")
    files = {line.rsplit("/", 1)[-1] for line in loaded.replace(":", "\n").splitlines()}
    for name in ALLOCATORS:
        if any(file.startswith(f"lib{name}") for file in files):
            return name
    return "system"


def _libc() -> str:
    try:
        told = os.confstr("CS_GNU_LIBC_VERSION") if hasattr(os, "confstr") else None
    except (OSError, ValueError):
        told = None
    return told or " ".join(filter(None, platform.libc_ver())) or UNKNOWN


def _memory() -> float | str:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return UNKNOWN


def memory_available(read: Read = read_file) -> int | None:
    """Return the bytes that the system can give without swapping; None where untold."""
    for line in read("/proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable" and (kib := whole(value)) is not None:
            return kib * 1024
    return None


def _chosen(text: str) -> str:
    """Return the word in brackets of "always [madvise] never"."""
    found = re.search(r"\[(\w+)\]", text)
    return found[1] if found else UNKNOWN


def _load() -> float | str:
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return UNKNOWN
