"""What a figure shows, as data: one class for each kind of figure, before anyone draws it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from convbench.clock.samples import TIME
from convbench.core.intervals import Interval, RatioInterval
from convbench.core.serialization import ADDED, Whole


@dataclass(frozen=True, kw_only=True)
class Point:
    """A case in the plane of multiplications and seconds per call.

    label: the case. series: name of its type. caveat: whether it does less than the baseline does,
    as its record says.
    """

    label: str
    series: str
    multiplications: int
    seconds: Interval
    caveat: bool = False


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """Time of a call against multiplications. series: all types of the run; each has its look.

    group: short name of the group of cases, as in the table of all cases. clock: what the time is
    called; left out of a file where it is the time of a call.
    """

    title: str
    group: str = ""
    points: tuple[Point, ...]
    series: tuple[str, ...]
    clock: str = field(default=TIME, metadata=ADDED)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two ratios of a case to its baseline: multiplications, and time with its interval.

    label: the case. multiplications: divided by those of the baseline. caveat: as of a `Point`.
    """

    label: str
    multiplications: float
    time: RatioInterval
    caveat: bool = False


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """Time ratio beside multiplication ratio, one row a case. baseline: the case that is 1.

    group: as of a `Scatter`.
    """

    title: str
    group: str = ""
    baseline: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A pair depthwise separable / standard.

    channels: N, the output channels. taps: |K|, all taps of the kernel. derived: ratio of derived
    multiplications. counted: ratio of counted multiplications, as [counter, ratio].
    """

    channels: int
    taps: int
    derived: float
    counted: tuple[tuple[str, float], ...]
    time: RatioInterval | None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Depthwise separable divided by standard, 1/N + 1/|K|, and the pairs of a run beside it."""

    points: tuple[CurvePoint, ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A network: its multiplications and, where it was timed, seconds per call. label: its name."""

    label: str
    multiplications: int
    seconds: Interval | None


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Networks of one group, in the order to be shown. group, clock: as of a `Scatter`."""

    title: str
    group: str = ""
    bars: tuple[Bar, ...]
    clock: str = field(default=TIME, metadata=ADDED)


@dataclass(frozen=True, kw_only=True)
class TrendPoint:
    """A case in one run: seconds per call as measured, and without what moved its whole group.

    run: place in `Trend.runs`, from 0 on. seconds: None where the run has no time of it. alone:
    None where it cannot be told. said: of a run without a time, why (failed, skipped).
    """

    run: Whole
    seconds: Interval | None
    alone: float | None = None
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class TrendChange:
    """Something is otherwise than before. run: the first where it is. text: what, in short."""

    run: Whole
    kind: Literal["slower", "faster", "count"]
    text: str


@dataclass(frozen=True, kw_only=True)
class TrendLevel:
    """The usual time of some runs. first: place in `Trend.runs`. last: likewise, within."""

    first: Whole
    last: Whole
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TrendLine:
    """A case over the runs, oldest first; `levels` are between its change points."""

    label: str
    points: tuple[TrendPoint, ...]
    levels: tuple[TrendLevel, ...] = ()
    changes: tuple[TrendChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Cases over runs, a panel each.

    runs: names, the oldest first. boundaries: [place in runs before which the environment changed,
    what of it did].
    """

    title: str
    runs: tuple[str, ...]
    lines: tuple[TrendLine, ...]
    boundaries: tuple[tuple[Whole, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class RooflinePoint:
    """A case under the ceilings of its device.

    multiplications: without taps on padding, which a kernel may leave out. bytes_moved: the least
    that an unfused program moves.
    """

    label: str
    series: str
    multiplications: int
    bytes_moved: int
    seconds: Interval
    caveat: bool = False

    @property
    def intensity(self) -> float:
        """Multiply-accumulates for each byte moved."""
        return self.multiplications / self.bytes_moved

    @property
    def rate(self) -> float:
        """Multiply-accumulates a second that were reached."""
        return self.multiplications / self.seconds.value


@dataclass(frozen=True, kw_only=True)
class Roof:
    """A level of memory and the bytes a second of a copy that it holds."""

    name: str
    bytes_per_second: float


@dataclass(frozen=True, kw_only=True)
class Roofline:
    """What cases of one group reach of a device's measured ceilings.

    multiplications_per_second: of a large product or convolution. bytes_per_second: of a copy that
    no cache holds. levels: the caches. group, clock: as of a `Scatter`.
    """

    title: str
    group: str = ""
    multiplications_per_second: float
    bytes_per_second: float
    points: tuple[RooflinePoint, ...]
    series: tuple[str, ...]
    levels: tuple[Roof, ...] = ()
    clock: str = field(default=TIME, metadata=ADDED)


@dataclass(frozen=True, kw_only=True)
class WaterfallStep:
    """A factor of a time ratio. label: what it is."""

    label: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Waterfall:
    """A time ratio as a product: from the ratio of multiplications, factor by factor.

    label: the case. baseline: the case that is 1. multiplications: their ratio. factors: all
    others, which with it multiply to `time`. group: as of a `Scatter`.
    """

    title: str
    group: str = ""
    label: str
    baseline: str
    multiplications: float
    factors: tuple[WaterfallStep, ...]
    time: RatioInterval


@dataclass(frozen=True, kw_only=True)
class BatchPoint:
    """The time ratio of a type to the baseline at one batch."""

    batch: Whole
    time: RatioInterval


@dataclass(frozen=True, kw_only=True)
class BatchLine:
    """A type at its batches, smallest first. label, series: as of a `Point`."""

    label: str
    series: str
    points: tuple[BatchPoint, ...]


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Time ratios over the batch. baseline: the case that is 1. series: as of a `Scatter`.

    clock: what the times are called.
    """

    title: str
    baseline: str
    lines: tuple[BatchLine, ...]
    series: tuple[str, ...]
    clock: str


FigureData = Scatter | Ratios | Curve | Bars | Trend | Roofline | Waterfall | Batches
