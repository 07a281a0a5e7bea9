"""Ceilings of a device: what it does at most, measured, for one data type and number of threads.

Each is the best of many trials, since what disturbs a trial only makes it slower; so several
measurements of one machine are put together by `Ceiling.best`.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convbench.clock.observing import observed
from convbench.core.serialization import ADDED, Duration, Rate, Stored, Whole

if TYPE_CHECKING:
    import torch

    from convbench.clock.stopwatch import Stopwatch, Work

SECONDS: Final = 0.06
"""How long a run looks for each rate; `convbench probe` takes longer."""
RATES: Final = 18
"""How many rates and times are looked for, about."""
FEWEST: Final = 3
MEMORY: Final = "memory"
"""Name of the level beyond all caches: DRAM, or the HBM of a GPU."""
_CALLS: Final = 20
"""Calls that are timed together, where one takes about a microsecond."""
_PAGE: Final = mmap.PAGESIZE
_PAGES: Final = 2048
_SLOWEST: Final = 1.5
"""A size whose first call takes so many times `SECONDS` is not tried again."""


@dataclass(frozen=True, kw_only=True)
class Level(Stored):
    """A level of the memory hierarchy.

    Attributes:
        name: "L1", "L2", "L3" or "memory".
        size: bytes that it holds; null for memory. Private caches (L1 and L2 of a processor) of all
            threads together.
        bytes_per_second: the highest rate of a copy whose source and target it holds; bytes read
            and bytes written both count.

    """

    name: str
    size: Whole | None
    bytes_per_second: Rate


@dataclass(frozen=True, kw_only=True)
class Ceiling(Stored):
    """The peak rates of a device, for one data type and number of threads.

    Attributes:
        device: "cpu" or "cuda:0".
        dtype: data type, as in a record.
        threads: threads of the host.
        multiplications_per_second: the highest rate of a matrix product or of a convolution without
            padding, of several shapes and trials, with no algorithm that multiplies less.
        bytes_per_second: the highest rate of a copy larger than every cache, of several trials;
            bytes read and bytes written both count.
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

    """

    device: str
    dtype: str
    threads: Whole
    multiplications_per_second: Rate
    bytes_per_second: Rate
    peak_of: str = field(default="", metadata=ADDED)
    levels: tuple[Level, ...] = field(default=(), metadata=ADDED)
    convolution_seconds: Duration | None = field(default=None, metadata=ADDED)
    operator_seconds: Duration | None = field(default=None, metadata=ADDED)
    primitive_seconds: Duration | None = field(default=None, metadata=ADDED)
    reorder_seconds: Duration | None = field(default=None, metadata=ADDED)
    watched_seconds: Duration | None = field(default=None, metadata=ADDED)
    reorder_bytes_per_second: Rate | None = field(default=None, metadata=ADDED)
    fault_seconds: Duration | None = field(default=None, metadata=ADDED)

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
        return replace(
            peak,
            bytes_per_second=max(self.bytes_per_second, other.bytes_per_second),
            levels=tuple(ordered),
            reorder_bytes_per_second=_of(
                max, self.reorder_bytes_per_second, other.reorder_bytes_per_second
            ),
            **shortest,
        )


_SHORTEST: Final = (
    "convolution_seconds", "operator_seconds", "primitive_seconds", "reorder_seconds",
    "watched_seconds", "fault_seconds",
)  # fmt: skip


def _of(best: Callable[[list[float]], float], *values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return best(known) if known else None


class Shape(NamedTuple):
    """A matrix product, where `kernel` is 0, or a convolution, by its sizes."""

    batch: int
    channels: int
    size: int
    kernel: int = 0
    stride: int = 1
    channels_last: bool = False

    @property
    def text(self) -> str:
        """What it is, for readers."""
        if not self.kernel:
            return f"product of two {self.size}×{self.size} matrices"
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        layout = "channels last" if self.channels_last else "channels first"
        return (
            f"convolution {self.channels}→{self.channels}, {self.kernel}×{self.kernel}, "
            f"{self.size}×{self.size}{stride}, batch {self.batch}, {layout}"
        )

    @property
    def multiplications(self) -> int:
        """How many a call makes."""
        if not self.kernel:
            return self.size**3
        outputs = (self.size - self.kernel) // self.stride + 1
        return self.batch * (self.channels * self.kernel * outputs) ** 2

    def work(self, device: str, kind: torch.dtype) -> Work:
        """Return the call; its operands are drawn here."""
        import torch

        def drawn(*sizes: int) -> torch.Tensor:
            found = torch.randn(*sizes, device=device).to(kind)
            last = torch.channels_last
            return found.contiguous(memory_format=last) if self.channels_last else found

        if not self.kernel:
            left, right = drawn(self.size, self.size), drawn(self.size, self.size)
            return lambda: left @ right
        image = drawn(self.batch, self.channels, self.size, self.size)
        weight = drawn(self.channels, self.channels, self.kernel, self.kernel)
        return lambda: torch.nn.functional.conv2d(image, weight, stride=self.stride)


# PyTorch asks oneDNN for direct convolutions only. On a GPU cuDNN may take Winograd's algorithm for
# 3×3 kernels of stride 1, which multiplies less: with a stride of 2 there is none.
_SHAPES: Final = {
    "cpu": (
        Shape(1, 0, 256), Shape(1, 0, 512), Shape(1, 0, 1024),
        Shape(4, 128, 30, 3, channels_last=True), Shape(4, 128, 30, 3),
        Shape(4, 256, 16, 3, channels_last=True), Shape(1, 64, 58, 3, channels_last=True),
        Shape(1, 256, 28, 1, channels_last=True),
    ),
    "cuda": (
        Shape(1, 0, 2048), Shape(1, 0, 4096), Shape(1, 0, 8192),
        Shape(64, 512, 28, 1, channels_last=True), Shape(64, 512, 28, 1),
        Shape(64, 256, 57, 3, 2, channels_last=True), Shape(64, 256, 57, 3, 2),
    ),
}  # fmt: skip


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

    from convbench.clock.cuda import stopwatch_for
    from convbench.clock.settings import execution

    say = tell or (lambda _: None)
    on_gpu = device.startswith("cuda")
    kind: torch.dtype = getattr(torch, "float32" if dtype == "tf32" else dtype)
    trial = _Trial(stopwatch_for(device), seconds)
    with execution(threads, device, tf32=dtype == "tf32"):
        rates: dict[str, float] = {}
        for shape in _SHAPES["cuda" if on_gpu else "cpu"]:
            say(shape.text)
            rates[shape.text] = shape.multiplications / trial.best(shape.work(device, kind))
        say("copies")
        levels = tuple(_levels(device, threads, trial))
        say("the shortest calls")
        one = torch.zeros(1, 1, 1, 1, device=device, dtype=kind)
        relu = torch.nn.ReLU()
        image = torch.ones(1, 64, 56, 56, device=device, dtype=kind)
        last = torch.channels_last
        reorder = trial.best(lambda: image.contiguous(memory_format=last))
        shortest = _shortest_convolutions(device, kind, trial)
        operator = trial.best(lambda: relu(one), _CALLS)
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
        **shortest,
    )


def _shortest_convolutions(device: str, kind: torch.dtype, trial: _Trial) -> dict[str, Any]:
    """Return what calling a convolution takes, by the names of the fields of a ceiling.

    A depthwise convolution of 16 channels on 3×3 goes to oneDNN, and has other numbers of reorders
    in the two layouts. What its call takes beside its kernels is that of its reorders and of one
    convolution: two equations.
    """
    import torch

    one = torch.zeros(1, 1, 1, 1, device=device, dtype=kind)
    tiny = torch.nn.Conv2d(1, 1, 1, bias=False).to(device, kind)
    found: dict[str, Any] = {"convolution_seconds": trial.best(lambda: tiny(one), _CALLS)}
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
        whole = trial.best(partial(depthwise, image), _CALLS)
        ran = observed(partial(depthwise, image))
        if {kernel.backend for kernel in ran.kernels} != {"oneDNN"}:
            return found
        beside.append((ran.reorders, whole - ran.kernel_seconds - ran.reorder_seconds))
    (many, long), (few, short) = sorted(beside, reverse=True)
    each = max(0.0, (long - short) / (many - few)) if many > few else 0.0
    return {**found, "reorder_seconds": each, "primitive_seconds": max(0.0, short - few * each)}


def _levels(device: str, threads: int, trial: _Trial) -> Iterator[Level]:
    """Yield the levels of the device's memory, the nearest first.

    Of a cache it is the time that more bytes take of a copy which it holds, so that the call itself
    does not count. Private caches are read by one thread, and have that rate times the threads.
    """
    import torch

    from convbench.clock.caches import ASSUMED_CACHE, TIMES_THE_CACHE, cache_sizes
    from convbench.clock.settings import execution

    on_gpu = device.startswith("cuda")
    if on_gpu:
        held = int(torch.cuda.get_device_properties(device).L2_cache_size)
        caches = {"L2": held} if held > 0 else {}
        largest = 2**28
    else:
        caches = {
            name.removesuffix("d").upper(): 1024 * size for name, size in cache_sizes().items()
        }
        largest = TIMES_THE_CACHE * max(caches.values(), default=ASSUMED_CACHE)
    nearer = 0
    for name, size in caches.items():
        low, high = max(size // 8, 3 * nearer // 2), size // 2
        nearer = size
        if low >= high:
            continue
        private = not on_gpu and name in {"L1", "L2"}
        many = threads if private else 1
        with execution(1 if private else threads, device):
            calls = _CALLS if high < 2**22 else 1
            few, more = (trial.best(_copy(device, part), calls) for part in (low, high))
        if more > few:
            rate = many * (high - low) / (more - few)
            yield Level(name=name, size=many * size, bytes_per_second=rate)
    rate = 2 * largest / trial.best(_copy(device, 2 * largest))
    yield Level(name=MEMORY, size=None, bytes_per_second=rate)


def _copy(device: str, moved: int) -> Work:
    """Return a copy that reads and writes `moved` bytes together."""
    import torch

    source = torch.ones(max(1, moved // 8), dtype=torch.float32, device=device)
    target = torch.zeros_like(source)
    return lambda: target.copy_(source)


def _fault_seconds() -> float:
    """Return what the first write to a page of new memory adds to the second, the least of 8."""
    import numpy as np

    def added() -> float:
        with mmap.mmap(-1, _PAGE * _PAGES) as memory:
            pages = np.frombuffer(memory, dtype=np.uint8)[::_PAGE]
            times = [time.perf_counter()]
            for value in (1, 2):
                pages[:] = value
                times.append(time.perf_counter())
            del pages  # else the memory could not be given back
            return max(0.0, (times[1] - times[0]) - (times[2] - times[1])) / _PAGES

    return min(added() for _ in range(8))


class _Trial:
    """Looks for the shortest time of a call."""

    def __init__(self, stopwatch: Stopwatch, seconds: float) -> None:
        self._stopwatch, self._seconds = stopwatch, seconds

    def best(self, work: Work, calls: int = 1) -> float:
        """Return the shortest time of a call in seconds, of `calls` timed together."""
        begin = time.perf_counter()
        best = self._stopwatch.time(work, calls).seconds
        if time.perf_counter() - begin > _SLOWEST * self._seconds and best > self._seconds:
            return best / calls  # so slow a size is no ceiling
        made = 1
        while made < FEWEST or time.perf_counter() - begin < self._seconds:
            best = min(best, self._stopwatch.time(work, calls).seconds)
            made += 1
        return best / calls
