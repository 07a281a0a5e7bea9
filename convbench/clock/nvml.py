"""The state of an NVIDIA device as its driver's library NVML tells it: clock and slowdowns.

It is read through the package nvidia-ml-py (`pip install convbench[gpu]`), which is imported as
`pynvml`. Where that is missing, or the driver does not answer, the state is untold, never an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Final, NamedTuple


class DeviceState(NamedTuple):
    """What the device was doing at one moment.

    Attributes:
        sm_clock_mhz: clock of its multiprocessors in MHz; None where untold.
        throttle_reasons: bits of why it runs slower than it could, see `slowdowns`; None where
            untold.

    """

    sm_clock_mhz: int | None
    throttle_reasons: int | None


UNTOLD = DeviceState(None, None)
StateReader = Callable[[], DeviceState]

_POWER_CAP: Final = 0x4
_SLOWDOWNS: Final = {
    _POWER_CAP: "power cap",
    0x8: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
"""Bits of nvmlClocksEventReasons (nvml.h). Idle (0x1), clocks that a user set (0x2), a sync-boost
group (0x10) and the display (0x100) are choices, not a device in distress."""
HELD_DOWN: Final = sum(_SLOWDOWNS) - _POWER_CAP
"""The slowdowns that are not the work's own: what is heavy meets the power cap every time."""
CLOCK_REASONS: Final = (
    "nvmlDeviceGetCurrentClocksEventReasons",
    "nvmlDeviceGetCurrentClocksThrottleReasons",
)
"""The function was renamed; drivers and packages know one name or both."""


def slowdowns(reasons: int) -> tuple[str, ...]:
    """Return in words which of the reasons slow the device down against the user's will."""
    return tuple(word for bit, word in _SLOWDOWNS.items() if reasons & bit)


def untold() -> DeviceState:
    """Return a state that says nothing."""
    return UNTOLD


def reader_for(device: str) -> StateReader:
    """Return a function that reads the state of "cuda" or "cuda:<index>"; it never raises.

    A reading takes tens of microseconds to some milliseconds of host time: keep it out of what is
    timed.
    """
    nvml = library()
    try:
        nvml.nvmlInit()
        # By UUID: NVML counts all devices, torch only those of CUDA_VISIBLE_DEVICES.
        handle = nvml.nvmlDeviceGetHandleByUUID(_uuid(device))
    except Exception:  # noqa: BLE001  absent, broken, or without an answer
        return untold

    def read() -> DeviceState:
        return DeviceState(
            ask(nvml, ("nvmlDeviceGetClockInfo",), handle, nvml.NVML_CLOCK_SM),
            ask(nvml, CLOCK_REASONS, handle),
        )

    return read


def library() -> Any:
    """Return NVML's package; None where it is absent or broken."""
    try:
        return import_module("pynvml")
    except Exception:  # noqa: BLE001  either way it tells nothing
        return None


def _uuid(device: str) -> str:
    import torch

    return prefixed(str(torch.cuda.get_device_properties(device).uuid))


def prefixed(uuid: str) -> str:
    """Return a device's UUID as NVML writes it."""
    return uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"


def ask(nvml: Any, names: Iterable[str], *arguments: object) -> int | None:
    """Return what the first function that answers says; None where none does."""
    for name in names:
        try:
            return int(getattr(nvml, name)(*arguments))
        except Exception:  # noqa: BLE001, S112  not allowed, or not in this version
            continue
    return None
