"""Names beside points, placed so that they do not cover one another. Deterministic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg

# Distances to try, in points; near ones first, and a thin line leads to a far one.
_DISTANCES: Final = (6.0, 11.0, 18.0, 27.0, 38.0, 52.0, 70.0)
_NO_LEADER: Final = 11.0
_DIRECTIONS: Final = 16
_GAP: Final = 1.5
_SAME_PLACE: Final = 6.0  # points nearer than this cannot be told apart by eye


Line = tuple[tuple[float, float], tuple[float, float]]


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    low: float
    right: float
    high: float

    def crossed(self, line: Line, first: int = 0, last: int = 40) -> bool:
        """Tell whether a line runs through, of which only so many of 40 steps are looked at."""
        (x0, y0), (x1, y1) = line
        return any(
            self.left < x0 + (x1 - x0) * part / 40 < self.right
            and self.low < y0 + (y1 - y0) * part / 40 < self.high
            for part in range(first, last + 1)
        )

    def overlap(self, other: Box) -> float:
        """Return the area that both cover, in square pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.high, other.high) - max(self.low, other.low)
        return width * height if width > 0 and height > 0 else 0.0

    def away(self, x: float, y: float) -> float:
        """Return the distance from a point to the rectangle, in pixels; 0 inside."""
        across = max(self.left - x, x - self.right, 0.0)
        return math.hypot(across, max(self.low - y, y - self.high, 0.0))

    def outside(self, frame: Box) -> float:
        """Return how far the rectangle sticks out of a frame, in pixels."""
        sides = (frame.left - self.left, self.right - frame.right,
                 frame.low - self.low, self.high - frame.high)  # fmt: skip
        return sum(max(0.0, side) for side in sides)


class Label(NamedTuple):
    """A name, the pixel it belongs to, and its colour."""

    text: str
    x: float
    y: float
    colour: str


class _Place(NamedTuple):
    """A candidate: where the text would stand, how far off, and the line that leads to it."""

    box: Box
    distance: float
    leader: Line
    far: bool
    """Whether the line is drawn."""


def place(
    axes: Axes,
    renderer: RendererAgg,
    labels: Sequence[Label],
    obstacles: Sequence[Box],
    size: float,
) -> None:
    """Write each label near its point, where it covers least: no label, marker or whisker.

    Crowded points choose first. `obstacles` are what must not be covered, in pixels; `size` is the
    font size in points.
    """
    scale = axes.figure.dpi / 72
    placing = _Placing(Box(*axes.get_window_extent(renderer).extents), labels, obstacles, scale)
    for label in placing.order():
        probe = axes.text(0, 0, label.text, fontsize=size, transform=None)
        extent = probe.get_window_extent(renderer)
        probe.remove()
        _write(axes, label, placing.best(label, extent.width, extent.height), size)


class _Placing:
    """What is taken already while names are placed, in pixels; `scale` is that of a point."""

    def __init__(
        self, frame: Box, labels: Sequence[Label], obstacles: Sequence[Box], scale: float
    ) -> None:
        self.frame = frame
        self.labels = labels
        self.taken = list(obstacles)
        self.leaders: list[Line] = []
        self.scale = scale

    def order(self) -> list[Label]:
        """Return the labels, those of crowded points first."""

        def crowd(label: Label) -> int:
            near = (math.hypot(label.x - one.x, label.y - one.y) for one in self.labels)
            return sum(distance < 60 * self.scale for distance in near)

        return sorted(self.labels, key=lambda label: (-crowd(label), label.x, label.text))

    def best(self, label: Label, width: float, height: float) -> _Place:
        """Return the place that costs least, and take it."""
        best, least = None, math.inf
        for option in self._options(label, width, height):
            if least <= option.distance:
                break  # a cost is no less than the distance, and the others are farther
            if (cost := self._cost(option, label)) < least:
                best, least = option, cost
        assert best is not None  # noqa: S101
        self.taken.append(best.box)
        self.leaders += [best.leader] * best.far
        return best

    def _options(self, label: Label, width: float, height: float) -> Iterator[_Place]:
        for distance in _DISTANCES:
            away = distance * self.scale
            for step in range(_DIRECTIONS):
                angle = 2 * math.pi * step / _DIRECTIONS
                across, up = math.cos(angle), math.sin(angle)
                # The point of the text's rectangle that faces the marker lies on the circle.
                x = label.x + across * away + (across - 1) * width / 2
                y = label.y + up * away + (up - 1) * height / 2
                box = Box(x - _GAP, y - _GAP, x + width + _GAP, y + height + _GAP)
                end = min(max(label.x, x), x + width), min(max(label.y, y), y + height)
                yield _Place(box, away, ((label.x, label.y), end), distance > _NO_LEADER)

    def _cost(self, option: _Place, label: Label) -> float:
        box, leader = option.box, option.leader
        covered = sum(box.overlap(other) for other in self.taken)
        crossed = sum(box.crossed(other) for other in self.leaders)
        if option.far:  # it may run through what stands where it begins and ends
            crossed += sum(other.crossed(leader, 8, 38) for other in self.taken)
            crossed += sum(_cross(leader, other) for other in self.leaders)
        own = box.away(label.x, label.y) + 4 * self.scale
        mistaken = any(
            box.away(other.x, other.y) < own
            and math.hypot(other.x - label.x, other.y - label.y) > _SAME_PLACE * self.scale
            for other in self.labels
        )  # a reader would take the name for that of another, nearer point
        out = box.outside(self.frame)
        return 10 * covered + 300 * crossed + 500 * out + 200 * mistaken + option.distance


def _cross(one: Line, other: Line) -> bool:
    def side(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    (a, b), (c, d) = one, other
    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def _write(axes: Axes, label: Label, option: _Place, size: float) -> None:
    to_points = 72 / axes.figure.dpi
    box = option.box
    # Of the figure, not in pixels: a PDF has fewer of them than what the places were chosen for.
    (x, y) = axes.figure.transFigure.inverted().transform((label.x, label.y))
    axes.annotate(
        label.text, xy=(float(x), float(y)), xycoords="figure fraction",
        xytext=((box.left + _GAP - label.x) * to_points, (box.low + _GAP - label.y) * to_points),
        textcoords="offset points", fontsize=size, color=label.colour, va="bottom", ha="left",
        zorder=5,
    )  # fmt: skip
    if option.far:
        (a, b), (c, d) = axes.transData.inverted().transform(option.leader)
        axes.plot([a, c], [b, d], color=label.colour, linewidth=0.5, alpha=0.7, zorder=2)
