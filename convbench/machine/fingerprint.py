"""The environment a run was made in, as a flat table, and which of it a resumed run must match.

What it finds is a table of plain values (text, numbers, booleans), "unknown" where a thing is
untold, and never a host name, a user name or a path. The finding is in `machine.probes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

GROUPS: Final = {
    "Processor": (
        "cpu", "cpu_capability", "cpu_flags", "machine", "cores_physical", "cores_logical",
        "cores_usable", "cpu_quota_cores", "smt", "cache_l1d_kib", "cache_l2_kib", "cache_l3_kib",
        "numa_nodes", "frequency_governor", "frequency_mhz", "frequency_max_mhz", "boost",
        "virtual_machine",
    ),
    "System": (
        "system", "kernel", "libc", "memory_gib", "memory_available_gib",
        "transparent_huge_pages", "load_1min", "steal_share", "allocator", "malloc_settings",
        "thread_settings",
    ),
    "Device": (
        "device", "threads", "threads_because", "stopwatch", "gpu", "gpu_driver", "gpu_memory_gib",
        "gpu_capability",
        "gpu_multiprocessors", "gpu_l2_kib", "gpu_clock_mhz", "gpu_clock_max_mhz",
        "gpu_memory_clock_mhz", "gpu_persistence", "gpu_power_limit_w", "gpu_ecc", "gpu_mig",
        "gpu_compute_mode", "gpu_settings", "gpu_temperature_c", "gpu_throttled",
        "gpu_other_processes", "gpu_nvml", "gpu_unusable",
    ),
    "Torch": (
        "torch", "torch_git", "torch_debug", "torch_build_type", "torch_cxx11_abi", "torch_blas",
        "torch_use_mkldnn", "mkldnn", "mkldnn_version", "mkl_version", "openmp", "torch_threads",
        "torch_interop_threads", "denormals_flushed", "matmul_precision", "cuda", "cudnn",
        "cudnn_depthwise_kernel",
    ),
    "Code": ("convbench", "python", "numpy", "fvcore", "git_commit", "git_dirty"),
}  # fmt: skip
"""The facts by what they are of, as they are shown; one that stands nowhere here comes last."""
MAY_DIFFER: Final = frozenset(
    {
        "numa_nodes", "frequency_mhz", "kernel", "memory_gib", "memory_available_gib",
        "load_1min", "steal_share", "threads_because", "gpu_memory_gib", "gpu_capability",
        "gpu_l2_kib", "gpu_clock_mhz", "gpu_memory_clock_mhz", "gpu_persistence",
        "gpu_compute_mode", "gpu_temperature_c", "gpu_throttled", "gpu_other_processes",
        "gpu_nvml", "gpu_unusable", "torch_cxx11_abi", "torch_threads",
        "torch_interop_threads", "numpy", "fvcore", "git_commit", "git_dirty",
    }
)  # fmt: skip
"""Facts that two runs need not share for their times to compare."""
MUST_MATCH: Final = tuple(key for keys in GROUPS.values() for key in keys if key not in MAY_DIFFER)
"""Keys that two parts of one run must share: with any of them changed, times do not compare."""


def fingerprint(
    device: str, threads: int | Sequence[int], because: str | None = None
) -> dict[str, Any]:
    """Return the environment: hardware, system, packages, and what is busy now. Imports torch.

    Takes some 50 ms beyond that import, and no fact that is hard to get can hold it up for long.
    Nothing it looks for makes it fail.

    Args:
        device: "cpu" or "cuda:<index>", one that is there.
        threads: intra-op threads the run will use, or each number of them that it will; torch's
            own number is left as it is.
        because: why it is this number, where that is known; kept as it is told.

    """
    from convbench.core.version import __version__
    from convbench.machine.probes.code import code
    from convbench.machine.probes.gpu import gpu
    from convbench.machine.probes.processor import processor
    from convbench.machine.probes.system import system
    from convbench.machine.probes.torchbuild import torch_build

    return {
        "convbench": __version__,
        **code(),
        "device": device,
        "threads": _told(threads),
        **({} if because is None else {"threads_because": because}),
        **processor(),
        **system(),
        **torch_build(),
        **gpu(device),
    }


def _told(threads: int | Sequence[int]) -> int | str:
    """Return the number, or several as text: a list would not come back from JSON as it was."""
    if isinstance(threads, int):
        return threads
    return threads[0] if len(threads) == 1 else ", ".join(map(str, threads))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return, in words, every key of MUST_MATCH in which two fingerprints differ.

    A key that an older convbench did not look for cannot be compared and is left out.
    """
    return [
        f"{key} was {before[key]!r} and is {now.get(key)!r}"
        for key in MUST_MATCH
        if key in before and before[key] != now.get(key)
    ]
