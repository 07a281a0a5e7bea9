"""The state of an NVIDIA device as its driver's library NVML tells it: clock, slowdowns, memory.

It is read through the package nvidia-ml-py, which is imported as `pynvml`. Where that is missing,
or the driver does not answer, the state is untold, never an error.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Final, NamedTuple


class DeviceState(NamedTuple):
    """What the device was doing at one moment.

    Attributes:
        sm_clock_mhz: clock of its multiprocessors in MHz; None where untold.
        throttle_reasons: bits of why it runs slower than it could, see `slowdowns`; None where
            untold.
        memory_clock_mhz: clock of its memory in MHz; None where untold.
        power_mw: power that the card draws, in mW; None where untold. The driver averages it over
            a second on most cards (nvmlDeviceGetPowerUsage in NVIDIA's NVML API reference).
        temperature_c: temperature of the chip in °C; None where untold.

    """

    sm_clock_mhz: int | None
    throttle_reasons: int | None
    memory_clock_mhz: int | None = None
    power_mw: int | None = None
    temperature_c: int | None = None


UNTOLD = DeviceState(None, None)
SLOWLY: Final = 0.1
"""Seconds for which what changes slowly is not asked again: memory clock, power, temperature."""
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


class Card(NamedTuple):
    """A device as NVML knows it.

    Attributes:
        nvml: the module, initialised.
        whole: handle of the card, which has clocks, power and slowdowns.
        part: handle of the MIG instance that is used, which has memory and processes; the card's
            own where it is not divided.

    """

    nvml: Any
    whole: Any
    part: Any

    @property
    def users(self) -> frozenset[int]:
        """Ids of the processes with a context on the device, as NVML numbers them."""
        told = self.nvml.nvmlDeviceGetComputeRunningProcesses(self.part)
        return frozenset(process.pid for process in told)


def card_with(nvml: Any, uuid: str) -> Card | None:
    """Return the device with a UUID as torch writes it; None where NVML does not know it.

    By UUID, since NVML counts all devices, and torch only those of CUDA_VISIBLE_DEVICES. Torch
    leaves out whether it is a card's or that of a MIG instance.
    """
    for prefix in ("GPU-", "MIG-", ""):
        try:
            part = nvml.nvmlDeviceGetHandleByUUID(prefix + uuid)
        except Exception:  # noqa: BLE001, S112  one of the others, or none
            continue
        try:
            return Card(nvml, nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(part), part)
        except Exception:  # noqa: BLE001  it is no MIG instance
            return Card(nvml, part, part)
    return None


def card_of(device: str) -> Card | None:
    """Return the card of "cuda" or "cuda:<index>"; None where NVML cannot be asked about it."""
    import torch

    nvml = library()
    try:
        nvml.nvmlInit()
        return card_with(nvml, str(torch.cuda.get_device_properties(device).uuid))
    except Exception:  # noqa: BLE001  absent, broken, or without an answer
        return None


def reader_for(device: str, clock: Callable[[], float] = time.perf_counter) -> StateReader:
    """Return a function that reads the state of "cuda" or "cuda:<index>"; it never raises.

    A reading takes tens of microseconds to some milliseconds of host time: keep it out of what is
    timed. clock: seconds, by which what changes slowly is asked again.
    """
    card = card_of(device)
    if card is None:
        return untold
    nvml, whole = card.nvml, card.whole
    since = -math.inf
    slow: tuple[int | None, int | None, int | None] = (None, None, None)

    def read() -> DeviceState:
        nonlocal since, slow
        state = DeviceState(
            ask(nvml, ("nvmlDeviceGetClockInfo",), whole, nvml.NVML_CLOCK_SM),
            ask(nvml, CLOCK_REASONS, whole),
        )
        now = clock()
        if now - since >= SLOWLY:
            since, slow = now, _slow_state(nvml, whole)
        return DeviceState(*state[:2], *slow)

    return read


def _slow_state(nvml: Any, card: Any) -> tuple[int | None, int | None, int | None]:
    """Return memory clock, power and temperature; the numbers that name these are in nvml.h."""
    return (
        ask(nvml, ("nvmlDeviceGetClockInfo",), card, getattr(nvml, "NVML_CLOCK_MEM", 2)),
        ask(nvml, ("nvmlDeviceGetPowerUsage",), card),
        ask(nvml, ("nvmlDeviceGetTemperature",), card, getattr(nvml, "NVML_TEMPERATURE_GPU", 0)),
    )


def free_bytes(device: str) -> int | None:
    """Return the free memory of "cuda" or "cuda:<index>"; None where NVML does not tell.

    Unlike torch's `mem_get_info` this leaves no context on the device.
    """
    card = card_of(device)
    try:
        return int(card.nvml.nvmlDeviceGetMemoryInfo(card.part).free) if card else None
    except Exception:  # noqa: BLE001  memory that is shared with the host is not told
        return None


def library() -> Any:
    """Return NVML's package; None where it is absent or broken."""
    try:
        return import_module("pynvml")
    except Exception:  # noqa: BLE001  either way it tells nothing
        return None


def ask(nvml: Any, names: Iterable[str], *arguments: object) -> int | None:
    """Return what the first function that answers says; None where none does."""
    for name in names:
        try:
            return int(getattr(nvml, name)(*arguments))
        except Exception:  # noqa: BLE001, S112  not allowed, or not in this version
            continue
    return None
