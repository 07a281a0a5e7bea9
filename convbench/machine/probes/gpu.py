"""A CUDA device: what torch says of it, and what NVML adds where it can be imported."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from convbench.clock.caches import l2_bytes
from convbench.clock.nvml import CLOCK_REASONS, Card, ask, card_with, library, slowdowns
from convbench.core.errors import first_line, one_line
from convbench.core.sources import UNKNOWN, Read, read_file
from convbench.machine.probes.system import settings

ABSENT: Final = {"gpu": "none", "gpu_driver": "none"}
VARIABLES: Final = (
    "CUDA_LAUNCH_BLOCKING", "NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "CUDA_DEVICE_MAX_CONNECTIONS", "CUDA_MODULE_LOADING", "CUBLAS_WORKSPACE_CONFIG",
    "PYTORCH_NO_CUDA_MEMORY_CACHING", "PYTORCH_ALLOC_CONF", "TORCH_CUDNN_USE_HEURISTIC_MODE_B",
)  # fmt: skip
"""Of the environment: those by which CUDA, cuDNN and torch choose kernels or launch them."""
_MODES: Final = ("shared", "exclusive thread", "prohibited", "exclusive process")


def gpu(
    device: str, read: Read = read_file, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the facts of the device "cuda:<index>"; for "cpu", that there is none.

    For "cpu" also why torch cannot use a GPU that is here. Memory is GiB, L2 KiB, clocks MHz.
    Sources: torch.cuda, torch.backends.cudnn, the environment, and NVML through `pynvml`.
    """
    if not device.startswith("cuda"):
        why = unusable()
        return {**ABSENT, "gpu_unusable": why} if why else dict(ABSENT)
    import torch

    from convbench.core.torch_internals import has_context

    properties: Any = torch.cuda.get_device_properties(device)
    found: dict[str, Any] = {
        "gpu": properties.name,
        "gpu_memory_gib": round(properties.total_memory / 2**30, 1),
        "gpu_capability": f"{properties.major}.{properties.minor}",
        "gpu_multiprocessors": properties.multi_processor_count,
        "gpu_l2_kib": (l2_bytes(device) or 0) // 1024 or UNKNOWN,
        "gpu_driver": _driver(read("/proc/driver/nvidia/version")),
        "gpu_settings": settings(os.environ if environment is None else environment, VARIABLES),
        "cudnn_depthwise_kernel": getattr(torch.backends.cudnn, "depthwise_kernel", UNKNOWN),
    }
    ours = has_context(torch.device(device).index or 0)
    told = nvml_facts(library(), str(getattr(properties, "uuid", "")), ours=ours)
    return found | {
        key: value for key, value in told.items() if value != UNKNOWN or key not in found
    }


def nvml_facts(nvml: Any, uuid: str, *, ours: bool = False) -> dict[str, Any]:
    """Return what NVML says; every fact "unknown" where it is None or does not tell.

    Args:
        nvml: the module `pynvml`, a stand-in for it, or None.
        uuid: the device's, as torch writes it.
        ours: whether this process has a context on the device, and is one of its processes.

    Returns:
        The facts; `gpu_nvml` is "read", or says why there are none.

    """
    found = dict.fromkeys(("gpu_driver", *_ASKED, "gpu_other_processes"), UNKNOWN)
    if nvml is None:
        return {**found, "gpu_nvml": "the package nvidia-ml-py is not installed"}
    try:
        nvml.nvmlInit()
    except Exception as error:  # noqa: BLE001  whatever a driver raises, its facts are unknown
        return {**found, "gpu_nvml": f"the driver's library does not answer ({one_line(error)})"}
    try:
        card = card_with(nvml, uuid)
        if card is None:
            return {**found, "gpu_nvml": "the driver's library does not know the device"}
        return {
            "gpu_driver": _tried(lambda: _text(nvml.nvmlSystemGetDriverVersion())),
            **{key: _tried(partial(about, card)) for key, about in _ASKED.items()},
            "gpu_other_processes": _tried(lambda: _others(card.users, ours=ours)),
            "gpu_nvml": "read",
        }
    finally:
        _tried(nvml.nvmlShutdown)


_ASKED: Final[dict[str, Callable[[Card], Any]]] = {
    "gpu_clock_mhz": lambda c: c.nvml.nvmlDeviceGetClockInfo(c.whole, c.nvml.NVML_CLOCK_SM),
    "gpu_clock_max_mhz": lambda c: c.nvml.nvmlDeviceGetMaxClockInfo(c.whole, c.nvml.NVML_CLOCK_SM),
    "gpu_memory_clock_mhz": lambda c: c.nvml.nvmlDeviceGetClockInfo(c.whole, c.nvml.NVML_CLOCK_MEM),
    "gpu_persistence": lambda c: bool(c.nvml.nvmlDeviceGetPersistenceMode(c.whole)),
    "gpu_power_limit_w": lambda c: round(c.nvml.nvmlDeviceGetEnforcedPowerLimit(c.whole) / 1000),
    "gpu_ecc": lambda c: bool(c.nvml.nvmlDeviceGetEccMode(c.whole)[0]),
    "gpu_mig": lambda c: bool(c.nvml.nvmlDeviceGetMigMode(c.whole)[0]),
    "gpu_compute_mode": lambda c: _MODES[c.nvml.nvmlDeviceGetComputeMode(c.whole)],
    "gpu_temperature_c": lambda c: c.nvml.nvmlDeviceGetTemperature(
        c.whole, c.nvml.NVML_TEMPERATURE_GPU
    ),
    "gpu_throttled": lambda c: _throttled(ask(c.nvml, CLOCK_REASONS, c.whole)),
}


def unusable(read: Read = read_file) -> str:
    """Return why torch cannot use the NVIDIA GPU that is here, and what to do; "" otherwise.

    "" too where there is none, or where CUDA_VISIBLE_DEVICES hides all of them: that is a choice.
    """
    import torch

    if torch.cuda.is_available():
        return no_kernels(0)
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in {"", "-1"}:
        return ""
    card = _card_here(read)
    if not card:
        return ""
    return f"torch {torch.__version__} cannot use this machine's GPU ({card}): {no_cuda()}"


def no_cuda() -> str:
    """Return why torch finds no CUDA device, and what to do."""
    import torch

    if torch.version.cuda is None:
        return "this torch was built without CUDA; install a CUDA build (pytorch.org/get-started)"
    try:
        torch.cuda.init()
    except Exception as error:  # noqa: BLE001  whatever it raises says why
        why = first_line(error).partition(". ")[0].rstrip(".")  # more is advice, and addresses
        return (
            f"{why}; see what `nvidia-smi` says, update the driver, or install a torch built for "
            f"the driver's CUDA (this one is for CUDA {torch.version.cuda})"
        )
    return "torch finds no CUDA device; see whether `nvidia-smi` lists one"


def no_kernels(index: int) -> str:
    """Return why this torch has no kernels for a GPU, and what to do; "" where it has."""
    import torch

    capability, names = torch.cuda.get_device_capability(index), torch.cuda.get_arch_list()
    built = [re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-z]?", name) for name in names]
    versions = [(found[1], (int(found[2]), int(found[3]))) for found in built if found]
    # code for one GPU runs on later ones of its major version, intermediate code on all later ones
    if not versions or any(
        version <= capability and (kind == "compute" or version[0] == capability[0])
        for kind, version in versions
    ):
        return ""
    return (
        f"{torch.cuda.get_device_name(index)} has compute capability "
        f"{'.'.join(map(str, capability))} and torch {torch.__version__} was built for "
        f"{', '.join(names)}; install another build of torch (pytorch.org/get-started)"
    )


def _card_here(read: Read) -> str:
    """Return the name of the first NVIDIA GPU that this system can use; "" for none."""
    nvml = library()
    try:
        nvml.nvmlInit()
        return _text(nvml.nvmlDeviceGetName(nvml.nvmlDeviceGetHandleByIndex(0)))
    except Exception:  # noqa: BLE001  no package, no driver, or no GPU
        driver = _driver(read("/proc/driver/nvidia/version"))
        here = Path("/dev/nvidia0").exists() and driver != UNKNOWN
        return f"NVIDIA driver {driver}" if here else ""


def _tried(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Exception:  # noqa: BLE001  each card supports some of these and refuses others
        return UNKNOWN


def _others(users: frozenset[int], *, ours: bool) -> int:
    """Count the processes on the card beside this one."""
    # In a container NVML may know this process by another id, but it is listed if it has a context.
    return len(users) - (1 if ours or os.getpid() in users else 0)


def _throttled(reasons: int | None) -> bool | str:
    return UNKNOWN if reasons is None else bool(slowdowns(reasons))


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _driver(version_file: str) -> str:
    _, found, rest = version_file.partition("Kernel Module")
    words = [word for word in rest.split() if word[0].isdecimal()]
    return words[0] if found and words else UNKNOWN
