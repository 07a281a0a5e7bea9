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


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    low: float
    right: float
    high: float

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


class Place(NamedTuple):
    """A candidate: where the text would stand, how far off, and the leader's two ends."""

    box: Box
    distance: float
    leader: tuple[tuple[float, float], tuple[float, float]]


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
    frame = Box(*axes.get_window_extent(renderer).extents)
    scale = axes.figure.dpi / 72
    taken = list(obstacles)
    leaders: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for label in sorted(
        labels, key=lambda one: (-_crowd(one, labels, 60 * scale), one.x, one.text)
    ):
        width, height = _extent(axes, renderer, label.text, size)
        best, least = None, math.inf
        for option in _candidates(label, width, height, scale):
            if (
                least <= option.distance
            ):  # no cost is less than the distance, and all others are farther
                break
            cost = _cost(option, taken, leaders, frame, scale)
            cost += _mistaken(option, label, labels, scale)
            if cost < least:
                best, least = option, cost
        assert best is not None  # noqa: S101
        _write(axes, label, best, size)
        taken.append(best.box)
        if best.distance > _NO_LEADER * scale:
            leaders.append(best.leader)


def _crowd(label: Label, labels: Sequence[Label], reach: float) -> int:
    return sum(math.hypot(label.x - other.x, label.y - other.y) < reach for other in labels)


def _extent(axes: Axes, renderer: RendererAgg, text: str, size: float) -> tuple[float, float]:
    probe = axes.text(0, 0, text, fontsize=size, transform=None)
    box = probe.get_window_extent(renderer)
    probe.remove()
    return box.width, box.height


def _candidates(label: Label, width: float, height: float, scale: float) -> Iterator[Place]:
    for distance in _DISTANCES:
        for step in range(_DIRECTIONS):
            angle = 2 * math.pi * step / _DIRECTIONS
            across, up = math.cos(angle), math.sin(angle)
            # The point of the text's rectangle that faces the marker lies on the circle.
            x = label.x + across * distance * scale + (across - 1) * width / 2
            y = label.y + up * distance * scale + (up - 1) * height / 2
            box = Box(x - _GAP, y - _GAP, x + width + _GAP, y + height + _GAP)
            end = (
                min(max(label.x, x), x + width),
                min(max(label.y, y), y + height),
            )
            yield Place(box, distance * scale, ((label.x, label.y), end))


def _cost(
    option: Place,
    taken: Sequence[Box],
    leaders: Sequence[tuple[tuple[float, float], tuple[float, float]]],
    frame: Box,
    scale: float,
) -> float:
    covered = sum(option.box.overlap(box) for box in taken)
    crossed = sum(_through(leader, option.box) for leader in leaders)
    if option.distance > _NO_LEADER * scale:
        crossed += sum(_through(option.leader, box, skip_ends=True) for box in taken)
        crossed += sum(_cross(option.leader, leader) for leader in leaders)
    out = option.box.outside(frame)
    return 10 * covered + 300 * crossed + 500 * out + option.distance


def _mistaken(option: Place, label: Label, labels: Sequence[Label], scale: float) -> float:
    """Return a penalty where a reader would take the name for that of another, nearer point."""
    own = option.box.away(label.x, label.y)
    others = (
        other
        for other in labels
        if math.hypot(other.x - label.x, other.y - label.y) > _SAME_PLACE * scale
    )
    return 200.0 * any(option.box.away(other.x, other.y) < own + 4 * scale for other in others)


def _through(
    line: tuple[tuple[float, float], tuple[float, float]], box: Box, *, skip_ends: bool = False
) -> bool:
    """Tell whether a line runs through a rectangle; `skip_ends` forgives where it starts."""
    (x0, y0), (x1, y1) = line
    first, last = (8, 38) if skip_ends else (0, 40)
    return any(
        box.left < x0 + (x1 - x0) * part / 40 < box.right
        and box.low < y0 + (y1 - y0) * part / 40 < box.high
        for part in range(first, last + 1)
    )


def _cross(
    one: tuple[tuple[float, float], tuple[float, float]],
    other: tuple[tuple[float, float], tuple[float, float]],
) -> bool:
    def side(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    (a, b), (c, d) = one, other
    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def _write(axes: Axes, label: Label, option: Place, size: float) -> None:
    to_points = 72 / axes.figure.dpi
    box = option.box
    # Of the figure, not in pixels: a PDF has fewer of them than what the places were chosen for.
    (x, y) = axes.figure.transFigure.inverted().transform((label.x, label.y))
    axes.annotate(
        label.text,
        xy=(float(x), float(y)),
        xycoords="figure fraction",
        xytext=((box.left + _GAP - label.x) * to_points, (box.low + _GAP - label.y) * to_points),
        textcoords="offset points",
        fontsize=size,
        color=label.colour,
        va="bottom",
        ha="left",
        zorder=5,
    )
    if option.distance > _NO_LEADER / to_points:
        (x0, y0), (x1, y1) = option.leader
        inverse = axes.transData.inverted()
        (a, b), (c, d) = inverse.transform([(x0, y0), (x1, y1)])
        axes.plot([a, c], [b, d], color=label.colour, linewidth=0.5, alpha=0.7, zorder=2)
