"""The state of a device, as a fake of NVML tells it."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from convbench.clock.nvml import UNTOLD, DeviceState, reader_for, slowdowns


class FakeNvml(ModuleType):
    """A driver that answers; what a test deletes or replaces, it does not."""

    NVML_CLOCK_SM = 1

    class NVMLError(Exception):
        """What NVML raises."""

    def __init__(self) -> None:
        """Answer everything."""
        super().__init__("pynvml")
        self.asked: list[object] = []
        self.nvmlInit = lambda: self.asked.append("init")
        self.nvmlDeviceGetHandleByUUID = lambda uuid: self.asked.append(uuid) or uuid
        self.nvmlDeviceGetClockInfo = lambda handle, clock: {1: 1755}[clock]
        self.nvmlDeviceGetCurrentClocksEventReasons = lambda handle: 0x24

    def refuse(self, *_: object) -> int:
        """Raise as a driver does that doesn't allow a question."""
        raise self.NVMLError("Insufficient Permissions")


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    """Return the fake that is imported as `pynvml`."""
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    properties = SimpleNamespace(uuid="01234567-89ab")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    return fake


def test_clock_and_reasons_are_told_of_the_device_with_this_uuid(nvml: FakeNvml) -> None:
    read = reader_for("cuda:1")
    assert nvml.asked == ["init", "GPU-01234567-89ab"]
    assert read() == read() == DeviceState(1755, 0x24)
    assert nvml.asked.count("init") == 1


def test_memory_clock_power_and_temperature_are_told_and_not_asked_all_the_time(
    nvml: FakeNvml,
) -> None:
    now, asked = [0.0], []
    nvml.NVML_CLOCK_MEM, nvml.NVML_TEMPERATURE_GPU = 2, 0
    nvml.nvmlDeviceGetClockInfo = lambda handle, clock: {1: 1755, 2: 2619}[clock]
    nvml.nvmlDeviceGetTemperature = lambda handle, sensor: 61 + sensor

    def power(handle: str) -> int:
        asked.append(handle)
        return 512_345

    nvml.nvmlDeviceGetPowerUsage = power
    read = reader_for("cuda:1", clock=lambda: now[0])
    state = DeviceState(1755, 0x24, memory_clock_mhz=2619, power_mw=512_345, temperature_c=61)
    assert read() == read() == state
    assert asked == ["GPU-01234567-89ab"], "it changes slowly"
    now[0] = 0.11
    assert read() == state
    assert len(asked) == 2


def test_each_of_them_is_untold_by_itself(nvml: FakeNvml) -> None:
    nvml.nvmlDeviceGetClockInfo = lambda handle, clock: 1755 if clock == 1 else nvml.refuse()
    nvml.nvmlDeviceGetPowerUsage = nvml.refuse
    nvml.nvmlDeviceGetTemperature = lambda handle, sensor: 61
    assert reader_for("cuda:1")() == DeviceState(1755, 0x24, temperature_c=61)


def test_an_older_binding_knows_the_reasons_by_their_former_name(nvml: FakeNvml) -> None:
    del nvml.nvmlDeviceGetCurrentClocksEventReasons
    nvml.nvmlDeviceGetCurrentClocksThrottleReasons = lambda handle: 0x8
    assert reader_for("cuda")() == DeviceState(1755, 0x8)


def test_what_is_not_allowed_is_untold_and_the_rest_is_not(nvml: FakeNvml) -> None:
    nvml.nvmlDeviceGetClockInfo = nvml.refuse
    assert reader_for("cuda")() == DeviceState(None, 0x24)


@pytest.mark.parametrize("step", ["nvmlInit", "nvmlDeviceGetHandleByUUID"])
def test_a_driver_that_does_not_answer_leaves_all_untold(nvml: FakeNvml, step: str) -> None:
    setattr(nvml, step, nvml.refuse)
    assert reader_for("cuda")() == UNTOLD


def test_without_the_package_all_is_untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)  # an import of it then fails
    assert reader_for("cuda")() == UNTOLD == DeviceState(None, None)


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (0x0, ()),
        (0x1 | 0x2 | 0x10 | 0x100, ()),  # idle, a user's clocks, sync boost, display
        (0x4, ("power cap",)),
        (0x8 | 0x40, ("hardware slowdown", "hardware thermal slowdown")),
        (0x20 | 0x80 | 0x1, ("software thermal slowdown", "power brake")),
    ],
)
def test_slowdowns_are_those_that_nobody_chose(reasons: int, words: tuple[str, ...]) -> None:
    assert slowdowns(reasons) == words
