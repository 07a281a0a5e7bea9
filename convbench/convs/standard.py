"""The standard convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, register
from convbench.core.arithmetic import product
from convbench.core.costs import Step
from convbench.core.facts import convolution_matrix, flipped_kernel_difference, matrix_lines

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("standard")
@dataclass(frozen=True, kw_only=True)
class Standard(ConvType):
    """Every output channel depends on every input channel through its own |K| taps.

    The baseline of all others: B·N·C·|K|·|O| multiplications. It does the most arithmetic for each
    element it moves, so it comes closest to a device's peak rate. It pays where memory limits more
    than arithmetic: on most GPUs, and where channels are few.
    """

    paper = "LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 1998"

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan one convolution."""
        conv = self.conv(spec, "convolution", spec.in_channels, spec.out_channels)
        return (conv, *self.after(spec, spec.out_channels))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build one convolution."""
        from convbench.core import modules

        return modules.chain(
            modules.convolution(spec.in_channels, spec.out_channels, spec.axes, bias=spec.bias),
            *modules.after(self, spec, spec.out_channels),
        )

    def facts(self, spec: ConvSpec) -> tuple[tuple[str, list[str]], ...]:
        """Show that cross-correlation and convolution are one, and the matrix form."""
        gap = flipped_kernel_difference()
        rows, columns = (
            product(spec.out_channels, spec.output_positions),
            product(spec.in_channels, spec.input_positions),
        )
        return (
            (
                "Cross-correlation or convolution",
                [
                    "What networks call convolution slides the kernel as it is: cross-correlation.",
                    "The mathematician's convolution slides it flipped. Flip the kernel and one",
                    "gives the other, with the same taps at the same places, so at equal cost.",
                    f"Checked on a 6×6 image with a 3×3 kernel: largest difference {gap:.1g}.",
                ],
            ),
            (
                "As a matrix product",
                [
                    f"For each image: output ({rows:,}) = matrix ({rows:,} × {columns:,}) · input "
                    f"({columns:,}).",
                    "One axis, 4 elements, 3 taps, 4 → 2:",
                    *matrix_lines(convolution_matrix(4, 3)),
                ],
            ),
        )
