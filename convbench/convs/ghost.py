"""The Ghost module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, Need, knob, register
from convbench.core.arithmetic import divides, exact, product
from convbench.core.costs import Step
from convbench.core.spec import Axis
from convbench.core.steps import Branches, Move

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("ghost")
@dataclass(frozen=True, kw_only=True)
class Ghost(ConvType):
    """A standard convolution to N/ratio channels; depthwise filters of these give the rest.

    About 1/ratio of the multiplications: similar feature maps are derived from one another instead
    of computed. It pays on CPUs with many channels; the extra pass and the concatenation take time
    without multiplications.
    """

    paper = "Han et al. (GhostNet), arXiv:1911.11907, section 3.1"

    ratio: int = knob(2, symbol="q", low=2, help="N divided by the channels that are computed")
    cheap_kernel: int = knob(3, symbol="d", help="taps a side of the depthwise copies")

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """The ratio divides N."""
        yield Need(
            divides(self.ratio, spec.out_channels),
            f"ratio={self.ratio} does not divide out_channels={spec.out_channels}: "
            "give one that does",
        )

    def _cheap(self, spec: ConvSpec) -> tuple[Axis, ...]:
        """The copies keep the output size."""
        return tuple(Axis.same(axis.output, kernel=self.cheap_kernel) for axis in spec.axes)

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan the computed channels, their copies, and the concatenation."""
        computed = exact(spec.out_channels, self.ratio)
        derived = computed * (self.ratio - 1)
        copies = self.conv(
            spec, "depthwise copies", computed, derived, self._cheap(spec), groups=computed
        )
        join = Move(
            label="concatenate",
            elements=product(spec.batch, spec.out_channels, spec.output_positions),
        )
        return (
            self.conv(spec, "convolution", spec.in_channels, computed),
            *self.after(spec, computed),
            Branches(label="copies", paths=((), (copies, *self.after(spec, derived)))),
            join,
        )

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build the computed channels and their copies; as a block each with batch norm, ReLU."""
        from torch import nn

        from convbench.core import modules

        computed = spec.out_channels // self.ratio
        derived = computed * (self.ratio - 1)
        copies = modules.chain(
            modules.convolution(
                computed, derived, self._cheap(spec), groups=computed, bias=spec.bias
            ),
            *modules.after(self, spec, derived),
        )
        return modules.chain(
            modules.convolution(spec.in_channels, computed, spec.axes, bias=spec.bias),
            *modules.after(self, spec, computed),
            modules.Concat(nn.Identity(), copies),
        )
