"""The transposed convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convbench.arithmetic import Quantity, at_least, ceil_div, maximum
from convbench.convs.base import ConvType, Need, groups_divide, knob, register
from convbench.cost import Step
from convbench.spec import Axis
from convbench.steps import ConvTranspose

if TYPE_CHECKING:
    from torch import nn

    from convbench.spec import ConvSpec


@register("transposed")
@dataclass(frozen=True, kw_only=True)
class Transposed(ConvType):
    """The gradient of a convolution, used forward: every input element paints a K×K patch.

    B·C·N·|K|·|I|/G multiplications, on the input positions. Where K is not a multiple of the scale
    the patches overlap unevenly, which shows as a checkerboard. It pays when an upsampling must be
    learned and cheap; resize_conv costs scale**dims times as much and has no checkerboard.
    """

    paper = (
        "Zeiler et al., Deconvolutional networks, CVPR 2010; Dumoulin and Visin, arXiv:1603.07285; "
        "Odena et al., Deconvolution and checkerboard artifacts, Distill 2016"
    )
    upsamples = True

    groups: int = knob(1, symbol="G", help="parts the channels are split into")

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
        from convbench import modules

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
