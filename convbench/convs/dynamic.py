"""The dynamic convolution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convbench.convs.base import ConvType, knob, register
from convbench.core.arithmetic import Quantity, maximum, product
from convbench.core.costs import Step
from convbench.core.errors import SpecError, quoted
from convbench.core.steps import Branches, Elementwise, GlobalPool, Linear, MixedConv

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("dynamic")
@dataclass(frozen=True, kw_only=True)
class Dynamic(ConvType):
    """A convolution whose kernel is mixed, for each sample, from E experts by attention.

    The multiplications of a standard convolution, those of the attention (a global average, two
    linear layers, softmax) and B·E·N·C·|K| to mix the kernels; E times the parameters. The capacity
    grows at nearly the same cost. It pays for small networks at large resolution and batch 1; at
    large batch every sample has its own weights, which runs as a grouped convolution.

    The receptive field given is that of the convolution; the attention sees the whole input.
    """

    paper = (
        "Chen et al. (Dynamic convolution), arXiv:1912.03458; "
        "Yang et al. (CondConv), arXiv:1904.04971"
    )

    experts: int = knob(4, symbol="E", help="kernels to mix")
    reduction: int = knob(4, symbol="a", help="C divided by the hidden units of the attention")
    temperature: float = field(
        default=30.0, metadata={"help": "divides the attention's logits; 30 is the paper's start"}
    )

    def __post_init__(self) -> None:
        """Check the temperature too."""
        super().__post_init__()
        if not isinstance(self.temperature, int | float) or not self.temperature > 0:
            raise SpecError(f"temperature={quoted(self.temperature)} of dynamic: give more than 0.")

    def _hidden(self, spec: ConvSpec) -> Quantity:
        return maximum(spec.in_channels // self.reduction, 1)

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan attention, mixing and convolution."""
        inputs, outputs, experts = spec.in_channels, spec.out_channels, self.experts
        hidden = self._hidden(spec)
        kernel = product(outputs, inputs, *(axis.kernel for axis in spec.axes))
        attention: tuple[Step, ...] = (
            GlobalPool(
                label="global average", batch=spec.batch, channels=inputs, size=spec.input_size
            ),
            Linear(
                label="attention 1",
                rows=spec.batch,
                in_features=inputs,
                out_features=hidden,
                bias=True,
            ),
            Elementwise(label="ReLU", operation="relu", batch=spec.batch, channels=hidden),
            Linear(
                label="attention 2",
                rows=spec.batch,
                in_features=hidden,
                out_features=experts,
                bias=True,
            ),
            Elementwise(label="softmax", operation="softmax", batch=spec.batch, channels=experts),
        )
        bank = kernel + outputs if spec.bias else kernel
        mix = Linear(
            label="mix the kernels",
            rows=spec.batch,
            in_features=experts,
            out_features=bank,
        )
        conv = MixedConv(
            label="convolution, a kernel for each sample",
            batch=spec.batch,
            in_channels=inputs,
            out_channels=outputs,
            axes=spec.axes,
            bias=spec.bias,
        )
        kernels = Branches(label="kernels for each sample", paths=((), (*attention, mix)))
        return (kernels, conv, *self.after(spec, outputs))

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build the attention and the convolution that uses it."""
        from convbench.core import modules

        attention = modules.KernelAttention(
            spec.in_channels, self._hidden(spec), self.experts, self.temperature
        )
        conv = modules.MixedConvolution(
            spec.in_channels,
            spec.out_channels,
            spec.axes,
            attention=attention,
            experts=self.experts,
            bias=spec.bias,
        )
        return modules.chain(conv, *modules.after(self, spec, spec.out_channels))
