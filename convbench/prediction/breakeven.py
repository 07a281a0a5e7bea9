"""Where a type is faster than another: predicted over a grid, measured where it is close."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from convbench.clock.measurement import MeasurementError
from convbench.clock.measuring import measure
from convbench.convs.base import ConvType
from convbench.core.random_state import seeded
from convbench.core.spec import ConvSpec
from convbench.prediction.predicting import Prediction, PredictionError, laid, of_type

if TYPE_CHECKING:
    from convbench.core.intervals import RatioInterval
    from convbench.prediction.calibration import Fit

CLOSE: Final = 1.25
"""A predicted ratio up to this, or down to its inverse, is measured while there is time."""
A_SLOT: Final = 2.0
"""Seconds to measure a slot in."""
MOST: Final = 2000
"""Slots of a grid."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Slots with as many channels out as in, square images, and padding that keeps their size."""

    channels: tuple[int, ...]
    sizes: tuple[int, ...]
    batches: tuple[int, ...]
    kernel: int = 3

    @classmethod
    def of(cls, *, channels: str, sizes: str, batches: str, kernel: int) -> Grid:
        """Read numbers with commas between; PredictionError for anything else."""
        found = cls(channels=_numbers("--channels", channels), sizes=_numbers("--sizes", sizes),
                    batches=_numbers("--batches", batches), kernel=kernel)  # fmt: skip
        number = len(found.channels) * len(found.sizes) * len(found.batches)
        if number > MOST:
            raise PredictionError(f"The grid has {number} slots: give at most {MOST}.")
        return found

    def slots(self) -> list[ConvSpec]:
        """Return every slot: batches, then sizes, then channels."""
        return [
            ConvSpec(in_channels=channels, out_channels=channels, input_size=(size, size),
                     kernel_size=self.kernel, padding="same", batch=batch)
            for batch, size, channels in itertools.product(self.batches, self.sizes, self.channels)
        ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Place:
    """A slot of the map.

    Attributes:
        spec: the slot.
        new: prediction of the replacement; None where a type does not fit, `why` says so.
        old: prediction of what it replaces.
        measured: ratio of their measured times; None where it was not measured.
        why: reason for an empty place.

    """

    spec: ConvSpec
    new: Prediction | None = None
    old: Prediction | None = None
    measured: RatioInterval | None = None
    why: str = ""

    @property
    def ratio(self) -> float | None:
        """Predicted time of the replacement as a multiple of the other's."""
        return self.new.seconds / self.old.seconds if self.new and self.old else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The ratio's interval, with the errors of both taken to be independent."""
        if self.new is None or self.old is None or self.ratio is None:
            return None
        below = math.hypot(
            math.log(self.new.seconds / self.new.low), math.log(self.old.high / self.old.seconds)
        )
        above = math.hypot(
            math.log(self.new.high / self.new.seconds), math.log(self.old.seconds / self.old.low)
        )
        return self.ratio * math.exp(-below), self.ratio * math.exp(above)

    @property
    def multiplications(self) -> float | None:
        """FLOPs of the replacement as a multiple of the other's."""
        return self.new.by_flops / self.old.by_flops if self.new and self.old else None


@dataclass(frozen=True, kw_only=True)
class Map:
    """Ratios of times over a grid: new / old."""

    new: str
    old: str
    grid: Grid
    layout: str
    fit: Fit
    places: tuple[Place, ...]


def breakeven(
    new: ConvType,
    old: ConvType,
    grid: Grid,
    *,
    fit: Fit,
    layout: str = "channels_first",
    seconds: float = 0.0,
    seed: int = 0,
    told: Callable[[str], None] | None = None,
) -> Map:
    """Predict both types in every slot, and measure the slots that are closest to break-even.

    seconds: for measuring; 0 measures none. Raises as `predicting.of_type` does.
    """
    places = []
    for spec in grid.slots():
        why = next((f"{kind.name}: {no}" for kind in (new, old) if (no := kind.fits(spec))), "")
        if why:
            places.append(Place(spec=spec, why=why))
            continue
        both = [of_type(kind, spec, fit=fit, layout=layout) for kind in (new, old)]
        places.append(Place(spec=spec, new=both[0], old=both[1]))
    close = [
        index for index, place in enumerate(places)
        if place.ratio is not None and 1 / CLOSE <= place.ratio <= CLOSE
    ]  # fmt: skip
    close.sort(key=lambda index: abs(math.log(places[index].ratio or 1)))
    chosen = close[: int(seconds / A_SLOT)]
    for done, index in enumerate(chosen, 1):
        if told is not None:
            told(f"measuring slot {done} of {len(chosen)}: {places[index].spec.title}")
        with suppress(MeasurementError):  # others had the processor: it stays as predicted
            ratio = _measured(new, old, places[index].spec, fit.threads, layout, seed)
            places[index] = replace(places[index], measured=ratio)
    return Map(new=new.label, old=old.label, grid=grid, layout=layout, fit=fit,
               places=tuple(places))  # fmt: skip


def _measured(
    new: ConvType, old: ConvType, spec: ConvSpec, threads: int, layout: str, seed: int
) -> RatioInterval:
    import torch

    work: dict[str, Any] = {}
    for name, kind in (("new", new), ("old", old)):
        with seeded(seed):
            module, inputs = kind.build(spec).eval(), torch.randn(spec.input_shape)
        module, inputs = laid(module, inputs, layout=layout)
        work[name] = (module, inputs)
    return measure(work, budget=A_SLOT, seed=seed, threads=threads).ratio("new", "old")


def _numbers(name: str, text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise PredictionError(f"{name} {text!r}: give whole numbers from 1 on, such as 16,32,64.")
    return tuple(dict.fromkeys(found))
