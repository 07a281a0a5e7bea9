"""Other processes on a GPU, as a fake of NVML samples them; a clock that a test sets."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from timing.test_cuda_nvml import FakeNvml, nvml

from convbench.clock import gpu_users
from convbench.clock.gpu_users import Others, Watch, in_a_container

__all__ = ["nvml"]

OWN = os.getpid()
BEGIN = 1_700_000_000.0


class Script:
    """A device: who holds a context there, who was sampled when, and what our allocator holds."""

    def __init__(self, nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch, *, container: bool) -> None:
        self.now = BEGIN
        self.held, self.reserved = {OWN: 100}, 50
        self.samples: list[Any] = []
        self.asked: list[float] = []
        nvml.nvmlDeviceGetComputeRunningProcesses = lambda part: [
            SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in self.held.items()
        ]
        nvml.nvmlDeviceGetProcessUtilization = self.utilization
        self._refuse = nvml.refuse
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: self.reserved)
        monkeypatch.setattr(gpu_users, "in_a_container", lambda: container)

    def utilization(self, card: object, since: int) -> list[Any]:
        """Return what is newer than `since` and not of the future; an error for nothing."""
        self.asked.append(self.now)
        new = [one for one in self.samples if since < one.timeStamp <= self.now * 1e6]
        return new or self._refuse()  # type: ignore[return-value]

    def watch(self, device: str = "cuda:0") -> Watch:
        """Begin."""
        return Watch(device, clock=lambda: self.now)


@pytest.fixture
def host(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Return a device of which NVML numbers processes as this system does."""
    return Script(nvml, monkeypatch, container=False)


@pytest.fixture
def container(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Return a device of which NVML has the host's numbers: this process is 4242 there."""
    script = Script(nvml, monkeypatch, container=True)
    script.held = {4242: 100}
    return script


def used(pid: int, share: int, after: float = 3.0) -> SimpleNamespace:
    """Return a sample: so many percent of the multiprocessors' time, so long after the begin."""
    return SimpleNamespace(pid=pid, smUtil=share, timeStamp=int((BEGIN + after) * 1e6))


@pytest.mark.parametrize(
    ("held", "samples", "share"),
    [
        ((OWN,), [], 0),
        ((OWN,), [used(OWN, 90), used(OWN, 80)], 0),
        ((OWN, 7), [used(OWN, 90)], 0),  # it is there and does nothing
        ((OWN, 7), [used(OWN, 90), used(7, 0)], 0),
        ((OWN, 7), [used(7, 20), used(OWN, 90), used(7, 40), used(7, 10)], 40),
        ((OWN,), [used(7, 20, after=-0.1)], 0),  # before
        ((OWN,), [used(OWN, 90), used(7, 20, after=2)], 20),  # it came and went
        ((OWN,), [used(7, 20, after=0.9)], 0),  # it went, maybe before this began
        ((OWN, 7), [used(7, 20, after=0.9)], 20),  # it did not
        ((OWN,), [used(7, 20)], 20),  # and this process used next to nothing
        ((OWN,), [used(7, 20), used(7, 2**32 - 1), used(0, 50)], 20),  # stray bytes
    ],
)
def test_how_busy_others_kept_the_device(
    host: Script, held: tuple[int, ...], samples: list[Any], share: int
) -> None:
    host.held, host.samples = dict.fromkeys(held, 100), samples
    watch = host.watch()
    host.now += 5
    assert watch.others() == Others(share, share)


def test_stray_bytes_are_no_sample_of_the_future(nvml: FakeNvml, host: Script) -> None:
    nvml.nvmlDeviceGetProcessUtilization = lambda card, since: [used(99, 60, after=1e9)]
    watch = host.watch()
    host.now += 5
    assert watch.others() == Others(0, 0)


def test_who_ends_while_rounds_are_timed_is_seen_between_them(host: Script) -> None:
    """The driver forgets a process when it ends; it is not asked more than once a second."""
    watch = host.watch()
    for place in range(60):
        host.now = BEGIN + place / 10
        host.samples = [used(7, 30, after=2.0)] if 20 <= place < 35 else []
        watch.look(place, 60)
    host.now, host.samples = BEGIN + 6, [used(OWN, 90, after=5.9)]
    assert watch.others() == Others(30, 30)
    assert host.asked == pytest.approx([BEGIN + second for second in (1, 2, 3, 4, 5, 6)])


CONTAINED = [
    # held before, held after, grown, samples, what others used
    ("alone", {4242: 100}, {4242: 100}, 0, [used(4242, 90)], (0, 0)),
    ("no list", {}, {}, 0, [used(4242, 90)], (0, 0)),
    ("numbers of its own in the list alone", {OWN: 0}, {OWN: 0}, 0, [used(4242, 90)], (0, 0)),
    ("its own numbers", {OWN: 9, 7: 9}, {OWN: 9, 7: 9}, 0, [used(OWN, 5), used(7, 90)], (90, 90)),
    ("two busy ones", {4242: 9, 7: 9}, {4242: 9, 7: 9}, 0, [used(4242, 90), used(7, 30)], (30, 90)),
    ("whose memory grew", {4242: 9, 7: 9}, {4242: 12, 7: 9}, 3,
     [used(4242, 4), used(7, 90)], (90, 90)),
    ("whose memory shrank", {4242: 9, 7: 9}, {4242: 8, 7: 9}, -1,
     [used(4242, 90), used(7, 3)], (3, 3)),
    ("both grew", {4242: 9, 7: 9}, {4242: 12, 7: 19}, 3, [used(4242, 4), used(7, 90)], (4, 90)),
    ("another's memory changed otherwise", {4242: 9, 7: 9}, {4242: 9, 7: 8}, 3,
     [used(4242, 4), used(7, 90)], (4, 90)),
    ("no memory is told", {4242: None, 7: None}, {4242: None, 7: None}, 3,
     [used(4242, 4), used(7, 90)], (4, 90)),
    ("numbers of its own in the list alone, where its memory grew",
     {OWN: 9, 7: 9}, {OWN: 12, 7: 9}, 3, [used(4242, 4), used(7000, 90)], (4, 90)),
    ("one of two was busy", {4242: 9, 7: 9}, {4242: 9, 7: 9}, 0, [used(7, 90)], (0, 90)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "grown", "samples", "share"),
    [row[1:] for row in CONTAINED],
    ids=[row[0] for row in CONTAINED],
)
def test_in_a_container_none_is_taken_for_this_process_unless_it_must_be(
    container: Script,
    before: dict[int, int],
    after: dict[int, int],
    grown: int,
    samples: list[Any],
    share: tuple[int, int],
) -> None:
    container.held = before
    watch = container.watch()
    container.held, container.samples = after, samples
    container.reserved += grown
    container.now += 5
    assert watch.others() == Others(*share)


def test_the_first_namespace_of_the_system_is_no_container() -> None:
    assert not in_a_container(lambda path: "pid:[4026531836]")
    assert in_a_container(lambda path: "pid:[4026532841]")

    def absent(path: str) -> str:
        raise FileNotFoundError(path)

    assert not in_a_container(absent)


def test_where_nvml_does_not_tell_of_others_none_are_accused(nvml: FakeNvml, host: Script) -> None:
    host.samples = [used(7, 30)]
    assert host.watch("cpu").others() == Others(0, 0)
    nvml.nvmlDeviceGetProcessUtilization = nvml.refuse
    watch = host.watch()
    host.now += 5
    watch.look()
    assert watch.others() == Others(0, 0)
    nvml.nvmlDeviceGetHandleByUUID = nvml.refuse
    assert host.watch().others() == Others(0, 0)
