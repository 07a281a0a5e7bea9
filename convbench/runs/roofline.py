"""The roofline of a case: the least time that its device's measured ceilings allow, and what binds.

Every step of the plan has limits: its multiplications at the peak rate, its bytes at the bandwidth
of the memory that holds them, and the shortest call. Steps run one after the other, so the sum of
the largest limit of each is the time that is attainable: the roofline model (Williams, Waterman and
Patterson, Communications of the ACM 52(4), 2009) of each step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Final

from convbench.convs.base import make
from convbench.core.costs import Cost, Step, total
from convbench.core.errors import ConvbenchError
from convbench.core.steps import Conv, ConvTranspose, flatten
from convbench.core.units import itemsize
from convbench.machine.ceilings import Ceiling, Level
from convbench.networks.base import NETWORKS
from convbench.runs.record import Record

ARITHMETIC: Final = "arithmetic"
CALLS: Final = "calls"
"""Names of limits; the others are those of levels of memory: "L2", "memory"."""


@dataclass(frozen=True, kw_only=True)
class StepBound:
    """What bounds a step.

    Attributes:
        label: of the step.
        multiplications: without taps on padding, which a kernel may leave out.
        bytes_moved: input and weights read once, output written once.
        im2col_bytes: what a kernel that first lays out the input as a matrix (im2col) moves beside
            these: the matrix written once and read once; 0 for a kernel of one tap.
        limits: seconds by name: of arithmetic, of the level that holds the bytes, and of calls.

    """

    label: str
    multiplications: int
    bytes_moved: int
    im2col_bytes: int
    limits: Mapping[str, float]

    @property
    def held_by(self) -> str:
        """Name of the level of memory that holds the bytes."""
        return next(name for name in self.limits if name not in {ARITHMETIC, CALLS})

    @property
    def moving(self) -> float:
        """Seconds of the bytes at the bandwidth of that level."""
        return self.limits[self.held_by]

    @property
    def binds(self) -> str:
        """Name of the largest limit."""
        return max(self.limits, key=lambda name: self.limits[name])

    @property
    def attainable(self) -> float:
        """Seconds: the largest limit."""
        return self.limits[self.binds]

    @property
    def without_calls(self) -> float:
        """Seconds: the largest limit but that of calls."""
        return max(seconds for name, seconds in self.limits.items() if name != CALLS)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What bounds a case on its device.

    steps: in the order of the plan; the whole as one where the plan is not known. ceiling: of the
    device, with its levels.
    """

    steps: tuple[StepBound, ...]
    ceiling: Ceiling

    @property
    def multiplications(self) -> int:
        """Without taps on padding."""
        return sum(step.multiplications for step in self.steps)

    @property
    def bytes_moved(self) -> int:
        """The least that an unfused program moves."""
        return sum(step.bytes_moved for step in self.steps)

    @property
    def im2col_bytes(self) -> int:
        """What im2col would move beside these."""
        return sum(step.im2col_bytes for step in self.steps)

    @property
    def arithmetic(self) -> float:
        """Seconds of all multiplications at the peak rate."""
        return self.multiplications / self.ceiling.multiplications_per_second

    @property
    def calls(self) -> float:
        """Seconds of the shortest calls of all steps."""
        return sum(step.limits[CALLS] for step in self.steps)

    def at(self, level: str) -> float | None:
        """Return seconds of all bytes and multiplications, if that level of memory held them."""
        rate = next((x.bytes_per_second for x in self.ceiling.levels if x.name == level), None)
        return max(self.arithmetic, self.bytes_moved / rate) if rate else None

    @property
    def attainable(self) -> float:
        """Seconds: the sum of what each step can attain."""
        return sum(step.attainable for step in self.steps)

    @cached_property
    def binds(self) -> str:
        """Name of the limit that most of the attainable time is due to."""
        found: dict[str, float] = {}
        for step in self.steps:
            found[step.binds] = found.get(step.binds, 0.0) + step.attainable
        return max(found, key=lambda name: found[name])

    @property
    def intensity(self) -> float:
        """Multiplications for each byte moved."""
        return self.multiplications / self.bytes_moved if self.bytes_moved else 0.0

    @property
    def ridge(self) -> float:
        """The intensity below which memory limits the speed: the peak rates' quotient."""
        return self.ceiling.multiplications_per_second / self.ceiling.bytes_per_second


def bound(record: Record, ceiling: Ceiling | None) -> Bound | None:
    """Return what bounds a forward pass; None without a cost, a ceiling, or one with its levels.

    A step whose input, weights and output a level of memory holds together is bound by that level;
    with cold caches the first step by memory. Kernel time is bound by no call.
    """
    size = itemsize(record.dtype)
    if record.cost is None or not size or record.direction != "forward":
        return None
    if ceiling is None or not ceiling.levels or ceiling.convolution_seconds is None:
        return None
    steps = [step for step in steps_of(record) if _works(step.cost)] or [_Whole(of=record.cost)]
    cold = record.cache == "cold"
    called = record.mode == "eager" and not record.kernels_alone
    return Bound(
        ceiling=ceiling,
        steps=tuple(
            _step(step, size, ceiling, called=called, cold=cold and not place)
            for place, step in enumerate(steps)
        ),
    )


def steps_of(record: Record) -> tuple[Step, ...]:
    """Return the steps of a record's plan, paths of branches one after another.

    Empty where what is registered under its name is missing or no longer costs what was recorded.
    """
    try:
        if record.kind == "network":
            batch, _, *sizes = record.input_shape
            plan = NETWORKS[record.name].plan(batch, tuple(sizes))
        elif record.spec is not None:
            plan = make(record.name, record.knobs).plan(record.spec)
        else:
            return ()
    except (ConvbenchError, ArithmeticError, TypeError, ValueError):
        return ()
    return flatten(plan) if total(plan) == record.cost else ()


@dataclass(frozen=True, kw_only=True)
class _Whole(Step):
    """All steps as one, where the plan is not known."""

    of: Cost

    @property
    def cost(self) -> Cost:
        return self.of


def _works(cost: Cost) -> bool:
    return bool(cost.multiplications or cost.elementwise or cost.writes)


def _step(step: Step, size: int, ceiling: Ceiling, *, called: bool, cold: bool) -> StepBound:
    cost = step.cost
    moved = int(cost.bytes_moved(size))
    level = held_by(moved, ceiling.levels, cold=cold)
    call = ceiling.convolution_seconds if cost.multiplications else ceiling.operator_seconds
    return StepBound(
        label=step.label,
        multiplications=int(cost.multiplications_valid),
        bytes_moved=moved,
        im2col_bytes=size * _im2col_elements(step),
        limits={
            ARITHMETIC: int(cost.multiplications_valid) / ceiling.multiplications_per_second,
            level.name: moved / level.bytes_per_second,
            CALLS: (call or 0.0) if called else 0.0,
        },
    )


def held_by(moved: int, levels: Iterable[Level], *, cold: bool = False) -> Level:
    """Return the fastest level that holds so many bytes; memory where none does, or if cold."""
    fits = [level for level in levels if level.size is None or (moved <= level.size and not cold)]
    return max(fits, key=lambda level: level.bytes_per_second)


def _im2col_elements(step: Step) -> int:
    """Return the elements of the matrix of im2col, or of col2im, written once and read once."""
    if not isinstance(step, Conv | ConvTranspose):
        return 0
    taps = prod(int(axis.kernel) for axis in step.axes)
    if taps == 1:
        return 0
    if isinstance(step, ConvTranspose):
        places, channels = prod(int(axis.input) for axis in step.axes), step.out_channels
    else:
        places, channels = prod(int(axis.output) for axis in step.axes), step.in_channels
    return 2 * int(step.batch) * int(channels) * taps * places
