"""Resize, then convolve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, Need, knob, register
from convbench.core.costs import Step
from convbench.core.steps import Resize

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("resize_conv")
@dataclass(frozen=True, kw_only=True)
class ResizeConv(ConvType):
    """Enlarge by nearest or linear interpolation, then a standard convolution on the large grid.

    The multiplications of a standard convolution at the resized size: about scale^dims times those
    of a transposed one with the same kernel. Every output depends on the same number of taps, so
    there are no checkerboard artefacts; it pays where these matter.
    """

    paper = "Odena et al., Deconvolution and checkerboard artifacts, Distill 2016"
    upsamples = True

    mode: str = knob("nearest", low=None, help="nearest or linear (bilinear in 2d)")

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """A mode that exists."""
        del spec
        yield Need(
            self.mode in ("nearest", "linear"),
            f"mode={self.mode!r} is not known: give 'nearest' or 'linear'",
        )

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan the resize, then the convolution on the enlarged grid."""
        resize = Resize(
            label=f"{self.mode} resize",
            batch=spec.batch,
            channels=spec.in_channels,
            size=spec.input_size,
            scale=1 if spec.scale is None else spec.scale,
            mode=self.mode,
        )
        conv = self.conv(spec, "convolution", spec.in_channels, spec.out_channels)
        return (resize, conv, *self.after(spec, spec.out_channels))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build an Upsample, then the convolution."""
        from torch import nn

        from convbench.core import modules

        linear = ("linear", "bilinear", "trilinear")[spec.dims - 1]
        resize = (
            nn.Upsample(scale_factor=spec.scale, mode="nearest")
            if self.mode == "nearest"
            else nn.Upsample(scale_factor=spec.scale, mode=linear, align_corners=False)
        )
        conv = modules.convolution(spec.in_channels, spec.out_channels, spec.axes, bias=spec.bias)
        return modules.chain(resize, conv, *modules.after(self, spec, spec.out_channels))
