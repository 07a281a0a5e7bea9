"""How far predictions of times are from measured ones, on shapes that were not calibrated on.

    python benchmarks/prediction [--calibration FILE] [--seconds 300] [--page FILE]

Calibrates this machine unless a calibration is given, then times shapes, pairs of a standard and a
depthwise separable convolution, and networks in another process, and writes a page and a table of
all points. About 7 minutes on 2 cores, on which nothing else should run.
"""

from __future__ import annotations

import argparse
import csv
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch
from page import Point, written
from shapes import NETWORKS, Shape, pairs, shapes

from convbench.clock.processes import ready
from convbench.convs.base import make
from convbench.prediction.calibrating import calibrate
from convbench.prediction.calibration import Fit, load, save
from convbench.prediction.predicting import Prediction, laid, of_model, of_type, predict


def main() -> int:
    """Answer; the status says whether the goals were met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calibration", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=57721)
    parser.add_argument("--shapes", type=int, default=260)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--page", type=Path, metavar="FILE")
    asked = parser.parse_args()
    if asked.calibration is None:
        calibration = calibrate(None, 55.0, told=_say)
        save(calibration)
    else:
        calibration = load(asked.calibration)
    threads = tuple(fit.threads for fit in calibration.fits)
    _say("predicting")
    predictions = {}
    for fit in calibration.fits:
        for key, found in _predictions(asked, fit).items():
            predictions[(*key, fit.threads)] = found
    times = ready().ask(
        "measuring:timed",
        asked.seed,
        (asked.shapes, asked.pairs),
        threads,
        asked.seconds,
        told=_say,
    )
    names = _names(asked)
    points = [
        Point(what=key[0], number=key[1], threads=key[2], kind=names[key[:2]][0],
              text=names[key[:2]][1], passes=times[key], predicted=predictions[key])
        for key in times
    ]  # fmt: skip
    text, met = written(points, calibration, datetime.now(UTC).date().isoformat())
    if asked.page is not None:
        asked.page.parent.mkdir(parents=True, exist_ok=True)
        asked.page.write_text(text)
        with asked.page.with_name("points.csv").open("w", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(Point.HEAD)
            table.writerows(point.row for point in points)
    else:
        sys.stdout.write(text)
    return 0 if met else 1


def _predictions(asked: argparse.Namespace, fit: Fit) -> dict[tuple[str, int], Prediction]:
    found = {}
    for number, shape in enumerate(shapes(asked.seed, asked.shapes)):
        found["shape", number] = predict(*_meta(shape), fit=fit)
    for number, spec in enumerate(pairs(asked.seed, asked.pairs)):
        for name in ("standard", "depthwise_separable"):
            found[name, number] = of_type(make(name), spec, fit=fit)
    for number, (name, size) in enumerate(NETWORKS.items()):
        found["network", number] = of_model(name, ["x".join(map(str, (1, *size)))], fit=fit)
    return found


def _meta(shape: Shape) -> tuple[object, ...]:
    with torch.device("meta"):
        module, inputs = shape.make().eval(), torch.empty(shape.size)
    return laid(module, inputs, layout="channels_last" if shape.channels_last else "channels_first")


def _names(asked: argparse.Namespace) -> dict[tuple[str, int], tuple[str, str]]:
    names = {}
    for number, shape in enumerate(shapes(asked.seed, asked.shapes)):
        size = "×".join(map(str, shape.size))
        order = "channels last" if shape.channels_last else "channels first"
        names["shape", number] = shape.kind, f"{size} {shape.text} {order}"
    for number, spec in enumerate(pairs(asked.seed, asked.pairs)):
        for name in ("standard", "depthwise_separable"):
            names[name, number] = name, spec.label
    for number, name in enumerate(NETWORKS):
        names["network", number] = name.rpartition(":")[2], ""
    return names


def _say(text: object) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")


if __name__ == "__main__":
    sys.exit(main())
