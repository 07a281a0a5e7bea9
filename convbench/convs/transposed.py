"""The transposed convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convbench.convs.base import (
    WITHIN_GROUPS,
    Caveat,
    ConvType,
    Need,
    groups_divide,
    knob,
    register,
)
from convbench.core.arithmetic import Quantity, at_least, ceil_div, maximum, product
from convbench.core.costs import Step
from convbench.core.facts import (
    convolution_matrix,
    matrix_lines,
    overlap_by_phase,
    overlap_counts,
    overlap_picture,
)
from convbench.core.spec import Axis
from convbench.core.steps import ConvTranspose

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


MOST_SHOWN = 5
"""Larger kernels, scales and dilations are not drawn: the picture must stay small."""


@register("transposed")
@dataclass(frozen=True, kw_only=True)
class Transposed(ConvType):
    """The gradient of a convolution, used forward: every input element adds a K×K patch.

    B·C·N·|K|·|I|/G multiplications, on the input positions. Where K is not a multiple of the scale
    the patches overlap unevenly, which causes checkerboard artefacts. It pays when an upsampling
    must be learned and cheap; resize_conv costs scale^dims times as much, without these artefacts.
    """

    paper = (
        "Zeiler et al., Deconvolutional networks, CVPR 2010; Dumoulin and Visin, arXiv:1603.07285; "
        "Odena et al., Deconvolution and checkerboard artifacts, Distill 2016"
    )
    upsamples = True

    groups: int = knob(1, symbol="G", help="parts the channels are split into")

    @property
    def caveat(self) -> Caveat:
        """What groups take away."""
        return Caveat() if self.groups == 1 else WITHIN_GROUPS

    def _axes(self, spec: ConvSpec) -> tuple[Axis, ...]:
        """Each axis from input to output size: what is cropped is in pad_low and pad_high."""
        scale: Quantity = 1 if spec.scale is None else spec.scale
        axes = []
        for size, axis in zip(spec.input_size, spec.axes, strict=True):
            cropped = (size - 1) * scale + axis.reach - axis.output
            low = maximum(ceil_div(cropped, 2), 0)
            axes.append(
                replace(
                    axis,
                    input=size,
                    stride=scale,
                    pad_low=low,
                    pad_high=cropped - low,
                )
            )
        return tuple(axes)

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """Groups divide; PyTorch takes an output padding below the scale or the dilation only."""
        yield from groups_divide(
            self.groups, in_channels=spec.in_channels, out_channels=spec.out_channels
        )
        for axis in self._axes(spec):
            extra = axis.pad_low - axis.pad_high
            yield Need(
                at_least(maximum(axis.stride, axis.dilation) - 1, extra),
                f"an output of {axis.output} from {axis.input} needs output_padding={extra}, which "
                "must stay below the scale or the dilation: use an odd kernel or number padding",
            )

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan one transposed convolution."""
        conv = ConvTranspose(
            label="transposed convolution",
            batch=spec.batch,
            in_channels=spec.in_channels,
            out_channels=spec.out_channels,
            axes=self._axes(spec),
            groups=self.groups,
            bias=spec.bias,
        )
        return (conv, *self.after(spec, spec.out_channels))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build one transposed convolution; an uneven crop is PyTorch's output_padding."""
        from convbench.core import modules

        axes = self._axes(spec)
        conv: nn.Module = modules.TRANSPOSED[spec.dims](
            spec.in_channels,
            spec.out_channels,
            tuple(axis.kernel for axis in axes),
            stride=tuple(axis.stride for axis in axes),
            padding=tuple(axis.pad_low for axis in axes),
            output_padding=tuple(axis.pad_low - axis.pad_high for axis in axes),
            groups=self.groups,
            bias=spec.bias,
            dilation=tuple(axis.dilation for axis in axes),
        )
        return modules.chain(conv, *modules.after(self, spec, spec.out_channels))

    def facts(self, spec: ConvSpec) -> tuple[tuple[str, list[str]], ...]:
        """Show the matrix form, and the overlaps that make a checkerboard."""
        scale = 1 if spec.scale is None else spec.scale
        kernel, dilation = spec.kernel_size[0], spec.dilation[0]
        small = product(spec.in_channels, spec.input_positions)
        large = product(spec.out_channels, spec.output_positions)
        matrix = convolution_matrix(4, 3)
        turned = [list(row) for row in zip(*matrix, strict=True)]
        phases = overlap_by_phase(kernel, scale, dilation)
        inside = set(phases)
        even = len(inside) == 1
        small_enough = max(kernel, scale, dilation) <= MOST_SHOWN
        counts = overlap_counts(4, kernel, scale, dilation) if small_enough else []
        drawn = (
            [
                f"One axis, 4 inputs, {kernel} taps, scale {scale}: " + " ".join(map(str, counts)),
                *overlap_picture(counts),
            ]
            if small_enough
            else []
        )
        return (
            (
                "As a matrix product",
                [
                    f"A convolution from the large image to the small is a matrix C of {small:,} × "
                    f"{large:,};",
                    f"this type multiplies by its transpose, {large:,} × {small:,}. It restores "
                    "the shape, not the values.",
                    "One axis, 3 taps: C takes 4 elements to 2, its transpose 2 elements to 4:",
                    *matrix_lines(matrix),
                    "",
                    *matrix_lines(turned),
                ],
            ),
            (
                "Overlap (how many products land on each output)",
                [
                    *drawn,
                    f"Kernel {kernel} and scale {scale}: away from the border every output gets "
                    + (
                        f"{min(inside)} products an axis: no checkerboard."
                        if even
                        else f"{min(inside)} to {max(inside)} products an axis, in turns: a "
                        "checkerboard. Without dilation, a kernel that is a multiple of the scale "
                        "has none."
                    ),
                ],
            ),
        )
