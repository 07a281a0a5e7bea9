"""What the A/A test times: a tiny convolution and a middle one, sized to this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from convbench.clock.stopwatch import Stopwatch, Work


class Call(NamedTuple):
    """A piece of work, and what it is in words."""

    work: Work
    what: str


class Target(NamedTuple):
    """A size of work: about how long a call is to last, and how it is built.

    seconds: wanted per call. channels, width: of the image, which has as many rows as that takes.
    """

    seconds: float
    channels: int
    width: int


TARGETS: Final = {
    "tiny": Target(seconds=20e-6, channels=8, width=8),
    "middle": Target(seconds=2e-3, channels=128, width=28),
}
"""20 µs is a layer that is mostly overhead, 2 ms one that is mostly arithmetic."""

_MOST_ROWS: Final = 4096
_NEAR: Final = 1.3  # a factor from the target that is near enough
_STEPS: Final = 5
_WARM_CALLS: Final = 8  # untimed; what is built at the first calls is no part of their length
_READINGS: Final = 10  # the shortest counts, since what runs beside can only lengthen one
_CALLS: Final = 3  # in a reading

Build = Callable[[int], "Call"]


def convolutions(device: str, stopwatch: Stopwatch, seed: int) -> dict[str, Call]:
    """Return a call of about the length of each target, smallest first. Imports torch.

    A 3×3 convolution without bias in float32, of seeded normal numbers; torch's global random
    state is not touched. A machine whose shortest call is above the target gets its shortest.
    """
    return {
        name: sized(_builder(target, device, seed), stopwatch, target.seconds)
        for name, target in TARGETS.items()
    }


def sized(build: Build, stopwatch: Stopwatch, seconds: float, rows: int = 8) -> Call:
    """Return the call with as many rows as make it last about `seconds`, in at most 5 tries."""
    for _ in range(_STEPS):
        call = build(rows)
        stopwatch.time(call.work, _WARM_CALLS)
        took = min(stopwatch.time(call.work, _CALLS).seconds for _ in range(_READINGS)) / _CALLS
        wanted = max(1, min(_MOST_ROWS, round(rows * seconds / max(took, 1e-9))))
        if wanted == rows or 1 / _NEAR <= took / seconds <= _NEAR:
            return call
        rows = wanted
    return build(rows)


def _builder(target: Target, device: str, seed: int) -> Build:
    import torch

    def build(rows: int) -> Call:
        draw = torch.Generator().manual_seed(seed)
        channels = target.channels
        weight = torch.randn(channels, channels, 3, 3, generator=draw) / (9 * channels) ** 0.5
        image = torch.randn(1, channels, rows, target.width, generator=draw)
        on_device = image.to(device), weight.to(device)
        return Call(
            lambda: torch.conv2d(*on_device, padding=1),
            f"3×3 convolution, {channels} channels, {rows}×{target.width}",
        )

    return build
