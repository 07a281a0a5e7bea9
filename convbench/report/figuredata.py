"""What a figure shows, as data: one class for each kind of figure, before anyone draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from convbench.core.intervals import Interval, RatioInterval


@dataclass(frozen=True, kw_only=True)
class Point:
    """A case in the plane of multiplications and seconds per call.

    `caveat` marks one that does less than the baseline does, as its record says.
    """

    label: str
    series: str
    multiplications: int
    seconds: Interval
    caveat: bool = False


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """Time against multiplications. `series` are all names of the run: each has its own look."""

    title: str
    points: tuple[Point, ...]
    series: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two ratios of a case to its baseline: multiplications, and time with its interval."""

    label: str
    multiplications: float
    time: RatioInterval
    caveat: bool = False


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """Time ratio beside multiplication ratio, one row a case; `baseline` is what 1 means."""

    title: str
    baseline: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A pair depthwise separable / standard: channels N, taps |K|, and its ratios."""

    channels: int
    taps: int
    derived: float
    counted: tuple[tuple[str, float], ...]
    time: RatioInterval | None


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The ratio 1/N + 1/|K| over N, and the pairs of a run beside it."""

    points: tuple[CurvePoint, ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A network: its multiplications and, where it was timed, seconds per call."""

    label: str
    multiplications: int
    seconds: Interval | None


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Networks of one group, in the order to be shown."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True)
class TrendPoint:
    """A case in one run: seconds per call as measured, and without what moved its whole group.

    run: place in `Trend.runs`, from 0 on. seconds: None where the run has no time of it. alone:
    None where it cannot be told. said: of a run without a time, why (failed, skipped).
    """

    run: int
    seconds: Interval | None
    alone: float | None = None
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class TrendChange:
    """From run `run` on something is otherwise than before; `text` says what in a few words."""

    run: int
    kind: Literal["slower", "faster", "count"]
    text: str


@dataclass(frozen=True, kw_only=True)
class TrendLevel:
    """The usual time in seconds from run `first` to run `last`, both within."""

    first: int
    last: int
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
    """Cases over runs, a panel each; `runs` are names, the oldest first.

    boundaries: places in `runs` before which the environment changed, with what of it did.
    """

    title: str
    runs: tuple[str, ...]
    lines: tuple[TrendLine, ...]
    boundaries: tuple[tuple[int, str], ...] = ()


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
class Roofline:
    """What cases of one group reach of a device's measured ceilings; not part of a report.

    multiplications_per_second: of a large product or convolution. bytes_per_second: of a copy that
    no cache holds.
    """

    title: str
    multiplications_per_second: float
    bytes_per_second: float
    points: tuple[RooflinePoint, ...]
    series: tuple[str, ...]


FigureData = Scatter | Ratios | Curve | Bars | Trend
