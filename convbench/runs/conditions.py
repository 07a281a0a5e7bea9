"""Conditions: how a case runs. One axis each; a suite is measured at every combination.

A new axis is a field of `Condition`, its values in AXES, and a line in `Condition.words`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from convbench.clock.allocator import ALLOCATORS, Allocator
from convbench.clock.caches import CACHE_MODES
from convbench.core import text as show

AXES: Final[dict[str, tuple[str, ...] | None]] = {
    "dtype": ("float32", "float64", "tf32", "bfloat16", "float16"),
    "layout": ("channels_first", "channels_last"),
    "threads": None,  # whole numbers, as many as there are cores
    "mode": ("eager", "compile", "cuda_graph"),
    "direction": ("forward", "training"),
    "cache": CACHE_MODES,
    "allocator": ALLOCATORS,
}
"""The axes and what each may be. The first value is the default on a CPU."""
_ON_A_GPU: Final = {"dtype": ("tf32", "bfloat16"), "layout": ("channels_last",)}
"""What is deployed there. PyTorch lets convolutions of float32 use TF32 unless it is told not to
(`torch.backends.cudnn.allow_tf32`, notes on CUDA semantics); tensor cores want channels last."""
_WITHOUT_TF32: Final = ("float32", "float16")
"""Data types in the place of those, on a GPU of before TF32 and bfloat16."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One combination of all axes, on one device. The fields are those of `Record`."""

    device: str
    threads: int
    dtype: str = "float32"
    layout: str = "channels_first"
    mode: str = "eager"
    direction: str = "forward"
    cache: str = "warm"
    allocator: Allocator = "kept"

    @property
    def words(self) -> dict[str, str]:
        """What is said of each axis; an axis that is as by default is left out, except some."""
        said = {
            "device": self.device,
            "dtype": show.precision(self.dtype, self.device),
            "layout": self.layout,
            "threads": show.on_threads(self.threads, self.device),
            "mode": self.mode,
            "direction": self.direction,
            "cache": {"cold": "cold caches"}.get(self.cache, self.cache.replace("_", " ")),
            "allocator": f"{self.allocator}'s allocator",
        }
        always = ("device", "dtype", "layout")
        return {
            axis: text
            for axis, text in said.items()
            if text and (axis in always or getattr(self, axis) != default(axis))
        }

    @property
    def label(self) -> str:
        """The condition in one line."""
        return " · ".join(self.words.values())

    @property
    def values(self) -> dict[str, Any]:
        """The axes and the device, by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def misfit(self, spatial_axes: int) -> str | None:
        """Return why nothing of so many spatial axes runs under this condition, or None."""
        on_gpu = self.device.startswith("cuda")
        warm, graph = self.cache == "warm", self.mode == "cuda_graph"
        rules = (
            (
                self.layout == "channels_last" and spatial_axes == 1,
                "PyTorch has no channels_last layout for one spatial axis: ask for channels_first",
            ),
            (
                self.dtype == "tf32" and not on_gpu,
                "TF32 is a number format of NVIDIA GPUs; the CPU computes float32",
            ),
            (graph and not on_gpu, "a CUDA graph needs a CUDA device"),
            (
                self.direction == "training" and (graph or not warm),
                "a training step is timed eager or compiled, with warm caches",
            ),
            (
                graph and not warm,
                "a CUDA graph replays on the same memory, so its caches cannot be cold",
            ),
            (
                self.allocator == "system" and on_gpu,
                "the allocator of the host's memory means nothing to a GPU",
            ),
        )
        return next((why for holds, why in rules if holds), None)


def defaults(
    axis: str, device: str, spatial_axes: int, *, tf32: bool = True
) -> tuple[str | None, ...]:
    """Return the values of an axis that neither a user nor a suite chose, on a device.

    Args:
        axis: a key of `AXES`.
        device: "cpu" or "cuda:<index>".
        spatial_axes: the most that a slot has; those of one axis have no channels_last.
        tf32: whether the device, if it is a GPU, computes TF32.

    """
    on_gpu = device.startswith("cuda")
    if not on_gpu or axis not in _ON_A_GPU or (axis, spatial_axes) == ("layout", 1):
        return (default(axis),)
    return _WITHOUT_TF32 if axis == "dtype" and not tf32 else _ON_A_GPU[axis]


def default(axis: str) -> str | None:
    """Return the value of an axis that a label leaves out; None for threads, which are tried."""
    known = AXES[axis]
    if axis == "allocator":
        return "kept"
    return known[0] if known else None


def combinations(device: str, axes: Mapping[str, tuple[Any, ...]]) -> Iterator[Condition]:
    """Return every combination of the values given; the last axis changes fastest."""
    names = [name for name in AXES if name in axes]
    for values in itertools.product(*(axes[name] for name in names)):
        yield Condition(device=device, **dict(zip(names, values, strict=True)))
