"""Ceilings of a device: what it does at most, measured, for one data type and number of threads.

Each is the best of many trials, since what disturbs a trial only makes it slower; so several
measurements of one machine are put together by `Ceiling.best`.
"""

from __future__ import annotations

import math
import mmap
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.observing import observed
from convbench.core.serialization import ADDED, SPARSE, Duration, Speed, Stored, Whole
from convbench.machine.levels import CALLS, GAIN, MEMORY, Level, fitting, levels_of
from convbench.machine.shapes import FAMILIES, Shape
from convbench.machine.trials import Trial

if TYPE_CHECKING:
    import torch


__all__ = ["MEMORY", "RATES", "SECONDS", "Ceiling", "Level", "measure_ceiling", "peaks"]

SECONDS: Final = 0.06
"""How long a run looks for each rate; `convbench probe` takes longer."""
RATES: Final = 18
"""How many rates and times are looked for, about."""
_PAGE: Final = mmap.PAGESIZE
_PAGES: Final = 2048
_ROOM: Final = 0.25
"""Share of a GPU's free memory for the operands of a shape: an algorithm needs as much, and a graph
of it keeps its own."""
_LONGEST: Final = 0.25
"""Seconds of a call beyond which no larger size is tried: it has long saturated the device."""


@dataclass(frozen=True, kw_only=True)
class Ceiling(Stored):
    """The peak rates of a device, for one data type and number of threads.

    Attributes:
        device: "cpu" or "cuda:0".
        dtype: data type, as in a record.
        threads: threads of the host.
        multiplications_per_second: the highest rate of a matrix product or of a convolution without
            padding, of several shapes and trials, with no algorithm that multiplies less.
        bytes_per_second: the highest rate of a copy larger than every cache, of several trials, on
            a GPU the best of `STREAMS`; bytes read and bytes written both count.
        peak_of: what reached `multiplications_per_second`; empty in files from before it was kept.
        levels: bandwidth of each level, from the nearest to memory; empty in such files.
        convolution_seconds: the shortest call of `torch.nn.Conv2d`, of one multiplication; null in
            such files.
        operator_seconds: the shortest call of `torch.nn.ReLU`, of one element; null likewise.
        primitive_seconds: what a call of a oneDNN convolution takes beside its kernels and its
            reorders, the shortest seen; null likewise, and where none ran.
        reorder_seconds: what a reorder within such a call adds beside its own time; null likewise.
        watched_seconds: by how much a convolution that PyTorch computes itself seems longer when it
            is observed (`clock.observing`); null likewise.
        reorder_bytes_per_second: the highest rate at which a tensor of 64 × 56 × 56 was copied from
            channels first to channels last, read and written bytes both counted; null likewise.
        fault_seconds: what the first write to a page adds on the host; null likewise.
        sm_clock_mhz: clock of a GPU at the end of the trial that reached the peak of
            multiplications; null likewise, and where it is not told.

    """

    device: str
    dtype: str
    threads: Whole
    multiplications_per_second: Speed
    bytes_per_second: Speed
    peak_of: str = field(default="", metadata=ADDED)
    levels: tuple[Level, ...] = field(default=(), metadata=ADDED)
    convolution_seconds: Duration | None = field(default=None, metadata=ADDED)
    operator_seconds: Duration | None = field(default=None, metadata=ADDED)
    primitive_seconds: Duration | None = field(default=None, metadata=ADDED)
    reorder_seconds: Duration | None = field(default=None, metadata=ADDED)
    watched_seconds: Duration | None = field(default=None, metadata=ADDED)
    reorder_bytes_per_second: Speed | None = field(default=None, metadata=ADDED)
    fault_seconds: Duration | None = field(default=None, metadata=ADDED)
    sm_clock_mhz: Whole | None = field(default=None, metadata=SPARSE)

    @property
    def what(self) -> tuple[str, str, int]:
        """What it is the ceiling of: device, data type and threads."""
        return self.device, self.dtype, self.threads

    def best(self, other: Ceiling) -> Ceiling:
        """Return the higher rates and the shorter times of two measurements of one machine.

        Raises ValueError where they are of another device, data type or number of threads.
        """
        if self.what != other.what:
            raise ValueError(f"{self.what} and {other.what} are not measurements of one thing")
        peak = max(self, other, key=lambda one: one.multiplications_per_second)
        known = {level.name: level for level in self.levels}
        for level in other.levels:
            known[level.name] = max(
                level, known.get(level.name, level), key=lambda one: one.bytes_per_second
            )
        ordered = sorted(known.values(), key=lambda one: (one.size is None, one.size or 0))
        shortest: dict[str, Any] = {
            name: _of(min, getattr(self, name), getattr(other, name)) for name in _SHORTEST
        }
        quicker = min(self, other, key=lambda one: one.convolution_seconds or math.inf)
        shortest |= {name: getattr(quicker, name) for name in _DIFFERENCES}
        return replace(
            peak,
            bytes_per_second=max(self.bytes_per_second, other.bytes_per_second),
            levels=tuple(ordered),
            reorder_bytes_per_second=_of(
                max, self.reorder_bytes_per_second, other.reorder_bytes_per_second
            ),
            **shortest,
        )


_SHORTEST: Final = ("convolution_seconds", "operator_seconds")
_DIFFERENCES: Final = ("primitive_seconds", "reorder_seconds", "watched_seconds", "fault_seconds")
"""Of two times, so that what disturbed one may make them too small: those of one trial are kept."""


def _of(best: Callable[[list[float]], float], *values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return best(known) if known else None


def measure_ceiling(
    device: str,
    dtype: str,
    threads: int,
    seconds: float = SECONDS,
    tell: Callable[[str], None] | None = None,
) -> Ceiling:
    """Measure the ceilings of one data type and number of threads, in this process.

    Takes about `RATES` times `seconds`, which each rate is looked for; `tell` is told what is next.

    Raises whatever torch raises for a data type that the device does not have.
    """
    import torch

    from convbench.clock.cuda import clocks_for
    from convbench.clock.settings import execution
    from convbench.machine.device import memory_free

    say = tell or (lambda _: None)
    on_gpu = device.startswith("cuda")
    kind: torch.dtype = getattr(torch, "float32" if dtype == "tf32" else dtype)
    clocks = clocks_for(device)
    calling = Trial(next(iter(clocks.values())), seconds)
    # on a GPU kernels alone: of a short one its launch would be timed
    trial = Trial(clocks["kernel"], seconds) if on_gpu else calling
    best = trial.steady if on_gpu else trial.best
    reached: dict[str, int | None] = {}

    def rate(shape: Shape) -> float:
        say(shape.text)
        found = shape.multiplications / best(shape.work(device, kind))
        reached[shape.text] = trial.sm_clock_mhz
        return found

    free = memory_free(device) if on_gpu else None
    most = _ROOM * free / kind.itemsize if free else math.inf
    families = FAMILIES["cuda" if on_gpu else "cpu"]
    with execution(threads, device, tf32=dtype == "tf32"):
        rates = peaks(([one for one in few if one.elements <= most] for few in families), rate)
        say("copies")
        levels = levels_of(device, threads, trial)
        say("the shortest calls")
        one = torch.zeros(1, 1, 1, 1, device=device, dtype=kind)
        relu = torch.nn.ReLU()
        image = torch.ones(1, 64, 56, 56, device=device, dtype=kind)
        last = torch.channels_last
        reorder = best(lambda: image.contiguous(memory_format=last))
        shortest = _shortest_convolutions(device, kind, calling)
        operator = calling.best(lambda: relu(one), CALLS)
    peak = max(rates, key=lambda text: rates[text])
    return Ceiling(
        device=device,
        dtype=dtype,
        threads=threads,
        multiplications_per_second=rates[peak],
        bytes_per_second=levels[-1].bytes_per_second,
        peak_of=peak,
        levels=levels,
        operator_seconds=operator,
        reorder_bytes_per_second=2 * image.numel() * image.element_size() / reorder,
        fault_seconds=None if on_gpu else _fault_seconds(),
        sm_clock_mhz=reached[peak],
        **shortest,
    )


def peaks(families: Iterable[Iterable[Shape]], rate: Callable[[Shape], float]) -> dict[str, float]:
    """Return the multiplications a second of shapes, by what they are.

    In each family shapes get larger for as long as that makes them faster by `GAIN`, they fit into
    the device's memory, and they take no longer than `_LONGEST`.

    Raises RuntimeError where none of them fits.
    """
    found: dict[str, float] = {}
    too_large: list[BaseException] = []
    for family in families:
        best = 0.0
        for shape in family:
            if best and shape.multiplications > _LONGEST * best:
                break
            now = fitting(partial(rate, shape), too_large)
            if now is None:
                break
            found[shape.text] = now
            if now < (1 + GAIN) * best:
                break
            best = now
    if not found:
        raise too_large[0] if too_large else RuntimeError("the device has too little free memory")
    return found


def _shortest_convolutions(device: str, kind: torch.dtype, trial: Trial) -> dict[str, Any]:
    """Return what calling a convolution takes, by the names of the fields of a ceiling.

    A depthwise convolution of 16 channels on 3×3 goes to oneDNN, and has other numbers of reorders
    in the two layouts. What its call takes beside its kernels is that of its reorders and of one
    convolution: two equations.
    """
    import torch

    one = torch.zeros(1, 1, 1, 1, device=device, dtype=kind)
    tiny = torch.nn.Conv2d(1, 1, 1, bias=False).to(device, kind)
    found: dict[str, Any] = {"convolution_seconds": trial.best(lambda: tiny(one), CALLS)}
    if device.startswith("cuda"):
        return found
    watched = observed(lambda: tiny(one))
    if watched.kernels and {kernel.backend for kernel in watched.kernels} == {"ATen"}:
        found["watched_seconds"] = max(0.0, watched.kernel_seconds - found["convolution_seconds"])
    beside: list[tuple[int, float]] = []
    for layout in (torch.contiguous_format, torch.channels_last):
        depthwise = torch.nn.Conv2d(16, 16, 3, groups=16, bias=False).to(kind)
        depthwise.weight.data = depthwise.weight.data.contiguous(memory_format=layout)
        image = torch.zeros(1, 16, 3, 3, dtype=kind).contiguous(memory_format=layout)
        whole = trial.best(partial(depthwise, image), CALLS)
        ran = observed(partial(depthwise, image))
        if {kernel.backend for kernel in ran.kernels} != {"oneDNN"}:
            return found
        beside.append((ran.reorders, whole - ran.kernel_seconds - ran.reorder_seconds))
    (many, long), (few, short) = sorted(beside, reverse=True)
    each = max(0.0, (long - short) / (many - few)) if many > few else 0.0
    return {**found, "reorder_seconds": each, "primitive_seconds": max(0.0, short - few * each)}


def _fault_seconds() -> float:
    """Return what the first write to a page of new memory adds to the second, each the least of 8.

    A least difference would be one whose second write was disturbed.
    """
    import numpy as np

    def writes() -> tuple[float, float]:
        with mmap.mmap(-1, _PAGE * _PAGES) as memory:
            pages = np.frombuffer(memory, dtype=np.uint8)[::_PAGE]
            times = [time.perf_counter()]
            for value in (1, 2):
                pages[:] = value
                times.append(time.perf_counter())
            del pages  # else the memory could not be given back
            return times[1] - times[0], times[2] - times[1]

    took = [writes() for _ in range(8)]
    return max(0.0, min(first for first, _ in took) - min(second for _, second in took)) / _PAGES
