"""The page: errors of predictions by kind, pairs, networks, and which goals were met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from tabulate import tabulate

from convbench.core import text as show
from convbench.prediction.calibration import Calibration
from convbench.prediction.predicting import Prediction


@dataclass(frozen=True)
class Point:
    """Something that was predicted and measured. passes: the shortest time of each pass."""

    HEAD: ClassVar = (
        "what", "number", "threads", "kind", "shape", "measured_seconds", "predicted_seconds",
        "low_seconds", "high_seconds", "by_flops_seconds", "by_roofline_seconds",
    )  # fmt: skip
    what: str
    number: int
    threads: int
    kind: str
    text: str
    passes: list[float]
    predicted: Prediction

    @property
    def measured(self) -> float:
        """The shortest time of a call."""
        return min(self.passes)

    @property
    def error(self) -> float:
        """Relative error of the prediction."""
        return abs(self.predicted.seconds / self.measured - 1)

    @property
    def held(self) -> bool:
        """Whether the stated interval holds the measured time."""
        return self.predicted.low <= self.measured <= self.predicted.high

    @property
    def noise(self) -> float:
        """Relative difference of the shortest times of every second pass and the others."""
        if len(self.passes) < 2:
            return 0.0
        return abs(min(self.passes[::2]) / min(self.passes[1::2]) - 1)

    @property
    def row(self) -> tuple[object, ...]:
        """Values in the order of HEAD."""
        found = self.predicted
        times = (self.measured, found.seconds, found.low, found.high)
        simple = (found.by_flops, found.by_roofline)
        return (self.what, self.number, self.threads, self.kind, self.text, *times, *simple)


def written(points: Sequence[Point], calibration: Calibration, date: str) -> tuple[str, bool]:
    """Return the page, and whether all goals were met."""
    shapes = [point for point in points if point.what == "shape"]
    networks = [point for point in points if point.what == "network"]
    goals, pairs = _goals(shapes, networks, points)
    met = all(ok for _, ok, _ in goals)
    fits = "; ".join(
        f"{show.plural(fit.threads, 'thread')}: median {fit.error():.1%}, 90 % below "
        f"{fit.error(0.9):.1%}" for fit in calibration.fits
    )  # fmt: skip
    lines = [
        "# Predicted and measured times",
        "",
        f"{calibration.machine.get('cpu')}, {calibration.machine.get('cores_usable')} cores, "
        f"PyTorch {calibration.machine.get('torch')}, float32, {date}. Made by `python "
        f"benchmarks/prediction`. The calibration took {calibration.took:.0f} s; its own stated "
        f"errors, of samples held out: {fits}.",
        "",
        "Shapes of the evaluation are varied layers of published networks, from another generator "
        "and seed than those of the calibration. Measured: the shortest time of a call over all "
        "passes, in a process of its own (with one thread at most the time of the processor), in "
        "inference mode with warm caches. Error: |predicted / measured - 1|.",
        "",
        "## Goals",
        "",
        *(f"- {'met' if ok else '**missed**'}: {goal}: {value}" for goal, ok, value in goals),
        "",
        "## Shapes",
        "",
        _table(shapes),
        "",
        "FLOPs × constant: multiplications at the median rate of the calibration's convolutions, "
        "for convolutions and products alone. Roofline: the larger of multiplications and bytes, "
        "each at its measured ceiling. noise: how far two halves of the passes are apart, median.",
        "",
        "## Networks",
        "",
        "None was calibrated on; one image, channels first.",
        "",
        tabulate(
            [
                (p.kind, p.threads, show.seconds(p.measured), show.seconds(p.predicted.seconds),
                 f"{p.predicted.seconds / p.measured - 1:+.1%}",
                 f"{show.seconds(p.predicted.low)} to {show.seconds(p.predicted.high)}",
                 f"{p.predicted.by_flops / p.measured - 1:+.0%}",
                 f"{p.predicted.by_roofline / p.measured - 1:+.0%}")
                for p in networks
            ],
            ["network", "threads", "measured", "predicted", "error", "90 % interval",
             "FLOPs × constant", "roofline"],
            tablefmt="pipe", disable_numparse=True,
        ),
        "",
        "## Depthwise separable / standard",
        "",
        pairs,
        "",
        "All points: points.csv.",
        "",
    ]  # fmt: skip
    return "\n".join(lines), met


def _goals(
    shapes: Sequence[Point], networks: Sequence[Point], points: Iterable[Point]
) -> tuple[list[tuple[str, bool, str]], str]:
    goals = []
    for threads in sorted({point.threads for point in shapes}):
        own = [point.error for point in shapes if point.threads == threads]
        median, most = np.quantile(own, [0.5, 0.9])
        of = f"{len(own)} shapes, {show.plural(threads, 'thread')}"
        goals += [
            (f"median error at most 8 %, {of}", median <= 0.08, f"{median:.1%}"),
            (f"90th percentile at most 25 %, {of}", most <= 0.25, f"{most:.1%}"),
        ]
    held = float(np.mean([point.held for point in shapes]))
    goals.append(("the 90 % interval holds at least 85 % of shapes", held >= 0.85, f"{held:.0%}"))
    by_key = {(p.what, p.number, p.threads): p for p in points}
    lines = []
    for threads in sorted({p.threads for p in shapes}):
        ratios = []
        for (what, number, count), new in by_key.items():
            if what != "depthwise_separable" or count != threads:
                continue
            old = by_key["standard", number, count]
            measured = new.measured / old.measured
            ratios.append((
                new.predicted.seconds / old.predicted.seconds / measured,
                new.predicted.by_flops / old.predicted.by_flops / measured,
                new.predicted.by_roofline / old.predicted.by_roofline / measured,
            ))  # fmt: skip
        near = np.mean(np.abs(np.array(ratios) - 1) <= 0.15, axis=0)
        of = f"{len(ratios)} pairs, {show.plural(threads, 'thread')}"
        goals.append((f"ratio within 15 % for at least 80 % of {of}", near[0] >= 0.8,
                      f"{near[0]:.0%}"))  # fmt: skip
        lines.append(
            f"- {of}: predicted ratio of times within 15 % of the measured one for {near[0]:.0%}; "
            f"ratio of FLOPs for {near[1]:.0%}, of rooflines for {near[2]:.0%}. Median error "
            f"{np.median(np.abs(np.array(ratios) - 1), axis=0)[0]:.1%}."
        )
    worst = max(point.error for point in networks)
    goals.append(("networks predicted within 20 %", worst <= 0.2, f"at most {worst:.1%} off"))
    ordered = True
    for threads in {point.threads for point in networks}:
        widths = [p for p in networks if p.threads == threads and p.kind.startswith("osnet")]
        by_time = sorted(widths, key=lambda p: p.measured)
        ordered &= by_time == sorted(widths, key=lambda p: p.predicted.seconds)
    goals.append(("OSNet's widths in the measured order", ordered, "yes" if ordered else "no"))
    return goals, "\n".join(lines)


def _table(points: Sequence[Point]) -> str:
    groups: dict[tuple[str, int], list[Point]] = defaultdict(list)
    for point in points:
        groups[point.kind, point.threads].append(point)
        groups["all", point.threads].append(point)
    rows = []
    for (kind, threads), own in sorted(groups.items(), key=lambda g: (g[0][1], -len(g[1]))):
        errors = [point.error for point in own]
        flops = [abs(p.predicted.by_flops / p.measured - 1) for p in own if p.predicted.by_flops]
        roof = [abs(p.predicted.by_roofline / p.measured - 1) for p in own]
        rows.append((
            kind, threads, len(own), f"{np.median(errors):.1%}", f"{np.quantile(errors, 0.9):.1%}",
            f"{np.mean([p.held for p in own]):.0%}",
            f"{np.median(flops):.0%}" if flops else "–", f"{np.median(roof):.0%}",
            f"{np.median([p.noise for p in own]):.1%}",
        ))  # fmt: skip
    return tabulate(
        rows,
        ["kind", "threads", "shapes", "median error", "90 % below", "in the interval",
         "FLOPs × constant", "roofline", "noise"],
        tablefmt="pipe", disable_numparse=True,
    )  # fmt: skip
