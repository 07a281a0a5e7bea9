"""Timing of the shapes, the pairs and the networks, in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from shapes import NETWORKS, pairs, real, shapes
from torch import nn

from convbench import build
from convbench.clock.cuda import stopwatch_for
from convbench.clock.settings import execution
from convbench.networks.models import load_model
from convbench.prediction.calibrating import shortest

Key = tuple[str, int, int]
"""What it is, which, and with how many threads."""


def timed(
    seed: int, numbers: tuple[int, int], threads: tuple[int, ...], seconds: float,
    *, tell: Callable[[Any], None],
) -> dict[Key, list[float]]:  # fmt: skip
    """Return the shortest time of a call in each pass, by what was called.

    seconds: for all; at least two passes are made.
    """
    found: dict[Key, list[float]] = {}
    stopwatch = stopwatch_for("cpu")

    def note(key: tuple[str, int], module: nn.Module, inputs: torch.Tensor) -> None:
        for count in threads:
            with execution(count):
                taken = shortest(module, (inputs,), count, stopwatch)
            found.setdefault((*key, count), []).append(taken)

    end = time.perf_counter() + seconds
    passes = 0
    while passes < 2 or time.perf_counter() < end:
        passes += 1
        tell(f"pass {passes}")
        for number, shape in enumerate(shapes(seed, numbers[0])):
            note(("shape", number), *real(shape, seed))
        for number, spec in enumerate(pairs(seed, numbers[1])):
            inputs = torch.randn(spec.input_shape)
            for name in ("standard", "depthwise_separable"):
                note((name, number), build(name, spec).eval(), inputs)
        for number, (name, size) in enumerate(NETWORKS.items()):
            note(("network", number), load_model(name), torch.randn(1, *size))
    return found
