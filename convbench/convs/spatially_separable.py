"""The spatially separable convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, Need, knob, register
from convbench.core.arithmetic import Quantity
from convbench.core.costs import Step
from convbench.core.spec import Axis

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("spatially_separable")
@dataclass(frozen=True, kw_only=True)
class SpatiallySeparable(ConvType):
    """A K×K kernel as K×1 and then 1×K: one axis after another.

    B·(C·M·K·O_h·I_w + M·N·K·|O|) multiplications with M channels between; 2/K of the standard ones
    for a large image and equal channels. Only kernels of rank one can be represented for each pair
    of channels. It pays for large kernels (7×7 as 7×1 and 1×7); for 3×3 the second pass over memory
    often takes as much time as the third of the multiplications saves.
    """

    paper = "Szegedy et al. (Inception v3), arXiv:1512.00567, section 3.2"

    middle: int | None = knob(None, symbol=None, help="channels between; None: as the input")

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """At least two axes to separate."""
        yield Need(
            spec.dims > 1,
            "a slot with one spatial axis has nothing to separate: use 2 or 3 axes",
        )

    def _passes(self, spec: ConvSpec) -> list[tuple[Quantity, Quantity, tuple[Axis, ...]]]:
        """One (in, out, axes) for each axis: earlier axes are at output size, later at input."""
        middle = spec.in_channels if self.middle is None else self.middle
        last = spec.dims - 1
        return [
            (
                spec.in_channels if turn == 0 else middle,
                spec.out_channels if turn == last else middle,
                (
                    *(axis.pointwise_output() for axis in spec.axes[:turn]),
                    spec.axes[turn],
                    *(axis.pointwise_input() for axis in spec.axes[turn + 1 :]),
                ),
            )
            for turn in range(spec.dims)
        ]

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan one convolution for each axis, rows first."""
        steps: list[Step] = []
        for turn, (inputs, outputs, axes) in enumerate(self._passes(spec)):
            size = tuple(axis.output for axis in axes)
            steps.append(self.conv(spec, f"convolution along axis {turn}", inputs, outputs, axes))
            steps.extend(self.after(spec, outputs, size=size))
        return tuple(steps)

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build one convolution for each axis; as a block with batch norm and ReLU after each."""
        from convbench.core import modules

        parts: list[nn.Module] = []
        for inputs, outputs, axes in self._passes(spec):
            parts.append(modules.convolution(inputs, outputs, axes, bias=spec.bias))
            parts.extend(modules.after(self, spec, outputs))
        return modules.chain(*parts)
