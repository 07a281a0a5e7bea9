"""What an output really depends on: found by differentiating the module that a type builds.

The plan says how much is multiplied, not which channel meets which. So the module is built, given
random weights, and asked: its output is differentiated by its input, and where the derivative is
not zero there is a connection. Nothing is known beforehand of any type.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from convbench.convs.base import ConvType
from convbench.core.costs import path_reach
from convbench.core.spec import ConvSpec
from convbench.formulas.explanation import default_slot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    Grid = NDArray[np.bool_]
    Numbers = NDArray[np.int64]

CHANNELS: Final = 16
"""Of the slot that is drawn, in and out: few enough to see, many enough for groups of groups."""
_NOTHING: Final = 1e-12
"""Of the largest derivative: what is smaller is rounding."""


@dataclass(frozen=True, kw_only=True)
class Connectivity:
    """What the outputs of a module depend on.

    Attributes:
        spec: the slot that was looked at.
        channels: (out, in): whether an output channel depends on an input channel, at the output
            in the middle.
        seen: input positions, first and last axis: whether the output in the middle depends on
            them, in any channel.
        within: the same shape: whether the plan's receptive field reaches them.
        inputs: output positions, first and last axis: on how many input positions each depends, of
            any channel. Empty unless asked for.

    """

    spec: ConvSpec
    channels: Grid
    seen: Grid
    within: Grid
    inputs: Numbers

    @property
    def beyond(self) -> int:
        """How many positions have a say that no kernel reaches: through a global average."""
        return int((self.seen & ~self.within).sum())


def small_slot(kind: ConvType) -> ConvSpec:
    """Return the first of a few small slots that the type fits; else what `explain` would take."""
    outputs = kind.forced_outputs(CHANNELS)
    plain: dict[str, Any] = {
        "in_channels": CHANNELS,
        "out_channels": CHANNELS if outputs is None else outputs,
        "input_size": (9, 9),
        "kernel_size": 3,
        "padding": "same",
    }
    for changes in (
        {},
        {"input_size": (5, 5), "scale": 2, "padding": 0},
        {"input_size": (5, 5), "scale": 2},
        {"padding": 0},
        {"kernel_size": 1, "padding": 0},
    ):
        spec = ConvSpec(**{**plain, **changes})
        if kind.fits(spec) is None:
            return spec
    return default_slot(kind)


def connectivity(kind: ConvType, spec: ConvSpec, *, everywhere: bool = False) -> Connectivity:
    """Build the type's module in a slot and find what its outputs depend on. Imports torch.

    everywhere: ask every output position how many inputs it depends on, not the middle one alone.
    The caller's random state is left as it was.
    """
    import numpy as np
    import torch

    middle = tuple(size // 2 for size in spec.output_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = kind.build(spec).to(torch.float64).eval()
        _filled(module)
        inputs = torch.rand(spec.input_shape, dtype=torch.float64).requires_grad_()
        output = module(inputs)
    largest = 0.0
    slopes = []
    for channel in range(spec.out_channels):
        slopes.append(_slope(output[(0, channel, *middle)], inputs))
        largest = max(largest, float(slopes[-1].max()))
    depends: Grid = np.stack(slopes) > _NOTHING * largest
    positions = tuple(range(2, depends.ndim))
    counts = np.zeros((0, 0), dtype=np.int64)
    if everywhere:
        shape = spec.output_size
        found = [
            int((_slope(output[(0, 0, *place)], inputs).max(axis=0) > _NOTHING * largest).sum())
            for place in np.ndindex(*shape)
        ]
        counts = _flat(np.array(found, dtype=np.int64).reshape(shape), np.max)
    return Connectivity(
        spec=spec,
        channels=np.asarray(depends.any(axis=positions)),
        seen=_flat(np.asarray(depends.any(axis=(0, 1))), np.any),
        within=_flat(_within(kind, spec, middle), np.any),
        inputs=counts,
    )


def _filled(module: nn.Module) -> None:
    """Give every weight a random value above zero, so that no connection cancels another."""
    import torch

    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.rand_like(weight) + 0.5)


def _slope(output: Any, inputs: Any) -> NDArray[np.float64]:
    """Return the absolute derivative of one output by every input, without the batch."""
    import torch

    (slope,) = torch.autograd.grad(output, inputs, retain_graph=True)
    found: NDArray[np.float64] = slope[0].abs().numpy()
    return found


def _within(kind: ConvType, spec: ConvSpec, place: tuple[int, ...]) -> Grid:
    """Return the input positions that the plan's receptive field of an output holds."""
    import numpy as np

    reach = path_reach(kind.plan(spec))
    held = np.ones(spec.input_size, dtype=bool)
    if not reach:
        return held
    for axis, ((low, high, jump), output) in enumerate(zip(reach, place, strict=True)):
        first = math.floor(Fraction(low) + Fraction(jump) * output)
        last = math.floor(Fraction(high) + Fraction(jump) * output)
        along = np.arange(spec.input_size[axis])
        inside = (along >= first) & (along <= last)
        held &= inside.reshape([-1 if axis == turn else 1 for turn in range(held.ndim)])
    return held


def _flat(grid: NDArray[Any], fold: Callable[..., Any]) -> NDArray[Any]:
    """Return a grid as rows and columns: one axis as one row, three without the one between."""
    if grid.ndim == 1:
        return grid[None, :]
    between = tuple(range(1, grid.ndim - 1))
    folded: NDArray[Any] = fold(grid, axis=between) if between else grid
    return folded
