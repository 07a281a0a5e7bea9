"""The environment a run was made in, as a flat table, and which of it a resumed run must match."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

MUST_MATCH: Final = (
    "cpu",
    "cpu_capability",
    "cores_logical",
    "machine",
    "system",
    "python",
    "torch",
    "device",
    "gpu",
    "gpu_driver",
    "cuda",
    "cudnn",
    "threads",
    "convbench",
)
"""Keys that two parts of one run must share: with any of them changed, times do not compare."""


def fingerprint(device: str, threads: int) -> dict[str, Any]:
    """Return the environment: hardware, system, packages, and what is busy now. Imports torch."""
    import torch

    from convbench import __version__

    found: dict[str, Any] = {
        "convbench": __version__,
        "device": device,
        "threads": threads,
        "cpu": _cpu_model(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cores_logical": os.cpu_count(),
        "cores_usable": _usable_cores(),
        "memory_gib": _memory_gib(),
        "machine": platform.machine(),
        "system": platform.system(),
        "kernel": platform.release(),
        "frequency_governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else "unknown",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "mkldnn": torch.backends.mkldnn.is_available(),
        "openmp": torch.backends.openmp.is_available(),
        "matmul_precision": torch.get_float32_matmul_precision(),
        "numpy": _version("numpy"),
        "fvcore": _version("fvcore"),
        "gpu": "none",
        "gpu_driver": "none",
        "cuda": torch.version.cuda or "none",
        "cudnn": str(torch.backends.cudnn.version() or "none"),
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        found["gpu"] = properties.name
        found["gpu_memory_gib"] = round(properties.total_memory / 2**30, 1)
        found["gpu_capability"] = f"{properties.major}.{properties.minor}"
        found["gpu_multiprocessors"] = properties.multi_processor_count
        found["gpu_driver"] = _nvidia_driver()
    return found


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return, in words, every key of MUST_MATCH in which two fingerprints differ."""
    return [
        f"{key} was {before.get(key)!r} and is {now.get(key)!r}"
        for key in MUST_MATCH
        if before.get(key) != now.get(key)
    ]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip() or "unknown"
    except OSError:
        return "unknown"


def _cpu_model() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.lower().startswith(("model name", "hardware")):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _usable_cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory_gib() -> float | str:
    if sys.platform.startswith("linux"):
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    return "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _nvidia_driver() -> str:
    text = _read("/proc/driver/nvidia/version")
    words = text.split("Kernel Module", 1)
    return words[1].split()[0] if len(words) > 1 else "unknown"
