"""A CUDA device: what torch says of it, and what NVML adds where it can be imported."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from convbench.clock.nvml import CLOCK_REASONS, ask, library, prefixed, slowdowns
from convbench.core.sources import UNKNOWN, Read, read_file

ABSENT: Final = {"gpu": "none", "gpu_driver": "none"}


def gpu(device: str, read: Read = read_file) -> dict[str, Any]:
    """Return the facts of the device "cuda:<index>"; for "cpu", that there is none.

    Memory is GiB, L2 KiB, clocks MHz. Sources: torch.cuda, and NVML through `pynvml`.
    """
    if not device.startswith("cuda"):
        return dict(ABSENT)
    import torch

    properties: Any = torch.cuda.get_device_properties(device)
    found: dict[str, Any] = {
        "gpu": properties.name,
        "gpu_memory_gib": round(properties.total_memory / 2**30, 1),
        "gpu_capability": f"{properties.major}.{properties.minor}",
        "gpu_multiprocessors": properties.multi_processor_count,
        "gpu_l2_kib": getattr(properties, "L2_cache_size", 0) // 1024 or UNKNOWN,
        "gpu_driver": _driver(read("/proc/driver/nvidia/version")),
    }
    index = torch.device(device).index or 0
    told = nvml_facts(library(), str(getattr(properties, "uuid", "")), index)
    return found | {
        key: value for key, value in told.items() if value != UNKNOWN or key not in found
    }


def nvml_facts(nvml: Any, uuid: str, index: int) -> dict[str, Any]:
    """Return what NVML says; every fact "unknown" where it is None or does not tell.

    Args:
        nvml: the module `pynvml`, a stand-in for it, or None.
        uuid: the device's; NVML counts devices that CUDA may have been denied,
            so its own index is the last resort.
        index: the device's, as CUDA counts.

    """
    found = dict.fromkeys(
        ("gpu_driver", "gpu_clock_mhz", "gpu_clock_max_mhz", "gpu_memory_clock_mhz",
         "gpu_persistence", "gpu_power_limit_w", "gpu_temperature_c", "gpu_throttled",
         "gpu_other_processes"),
        UNKNOWN,
    )  # fmt: skip
    if nvml is None:
        return found
    try:
        nvml.nvmlInit()
    except Exception:  # noqa: BLE001  whatever a driver raises, its facts are unknown
        return found
    try:
        card = _tried(lambda: nvml.nvmlDeviceGetHandleByUUID(prefixed(uuid))) if uuid else UNKNOWN
        if card == UNKNOWN:
            card = _tried(lambda: nvml.nvmlDeviceGetHandleByIndex(index))
        if card == UNKNOWN:
            return found
        asked: dict[str, Callable[[], Any]] = {
            "gpu_driver": lambda: _text(nvml.nvmlSystemGetDriverVersion()),
            "gpu_clock_mhz": lambda: nvml.nvmlDeviceGetClockInfo(card, nvml.NVML_CLOCK_SM),
            "gpu_clock_max_mhz": lambda: nvml.nvmlDeviceGetMaxClockInfo(card, nvml.NVML_CLOCK_SM),
            "gpu_memory_clock_mhz": lambda: nvml.nvmlDeviceGetClockInfo(card, nvml.NVML_CLOCK_MEM),
            "gpu_persistence": lambda: bool(nvml.nvmlDeviceGetPersistenceMode(card)),
            "gpu_power_limit_w": lambda: round(nvml.nvmlDeviceGetEnforcedPowerLimit(card) / 1000),
            "gpu_temperature_c": lambda: nvml.nvmlDeviceGetTemperature(
                card, nvml.NVML_TEMPERATURE_GPU
            ),
            "gpu_throttled": lambda: _throttled(ask(nvml, CLOCK_REASONS, card)),
            "gpu_other_processes": lambda: _others(nvml.nvmlDeviceGetComputeRunningProcesses(card)),
        }
        return {key: _tried(ask) for key, ask in asked.items()}
    finally:
        _tried(nvml.nvmlShutdown)


def _tried(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Exception:  # noqa: BLE001  each card supports some of these and refuses others
        return UNKNOWN


def _others(processes: list[Any]) -> int:
    """Count the processes on the card beside this one."""
    # In a container NVML may know this process by another id. Where ours is not listed, one of
    # those that are is taken for it: a process too few rather than a false alarm.
    others: int = sum(process.pid != os.getpid() for process in processes)
    return others if others < len(processes) else max(0, others - 1)


def _throttled(reasons: int | None) -> bool | str:
    return UNKNOWN if reasons is None else bool(slowdowns(reasons))


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _driver(version_file: str) -> str:
    _, found, rest = version_file.partition("Kernel Module")
    words = [word for word in rest.split() if word[0].isdecimal()]
    return words[0] if found and words else UNKNOWN
