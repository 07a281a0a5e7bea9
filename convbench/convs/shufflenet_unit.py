"""The ShuffleNet unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convbench.convs.base import SQUEEZES, Caveat, ConvType, Need, groups_divide, knob, register
from convbench.core.arithmetic import Quantity, at_least, divides, exact, indicator, product, same
from convbench.core.costs import Step
from convbench.core.spec import Axis
from convbench.core.steps import Branches, Elementwise, Move, Pool

if TYPE_CHECKING:
    from torch import nn

    from convbench.core.spec import ConvSpec


@register("shufflenet_unit")
@dataclass(frozen=True, kw_only=True)
class ShuffleNetUnit(ConvType):
    """Grouped 1×1, channel shuffle, depthwise K×K, grouped 1×1, and a parallel identity path.

    At stride 1 it adds its input (N = C); at a larger stride it concatenates the average-pooled
    input and N - C new channels. The middle has N/reduction channels. As a block it has batch norm
    after every convolution, ReLU after the first and after the join. It pays where pointwise
    layers dominate a small network; grouped 1×1 layers and the shuffle take more time than their
    multiplications suggest.
    """

    paper = "Zhang et al. (ShuffleNet), arXiv:1707.01083, figure 2"

    groups: int = knob(2, symbol="G", help="parts the channels are split into")
    first_groups: int | None = knob(None, help="groups of the first 1×1; None: as the others")
    reduction: int = knob(4, symbol="r", help="N divided by the channels in the middle")

    def _strided(self, spec: ConvSpec) -> Quantity:
        """1 where the unit strides and concatenates, 0 where it adds."""
        return 1 - indicator(spec.stride[0], 1)

    def _first_groups(self) -> Quantity:
        return self.groups if self.first_groups is None else self.first_groups

    @property
    def caveat(self) -> Caveat:
        """Without a reduction nothing is squeezed."""
        return Caveat() if self.reduction == 1 else SQUEEZES

    def forced_outputs(self, in_channels: Quantity, stride: int = 1) -> Quantity | None:
        """N = C at stride 1; more than C above."""
        return in_channels if stride == 1 else None

    def requirements(self, spec: ConvSpec) -> Iterator[Need]:
        """Equal strides; N = C at stride 1 and N > C above; groups and reduction divide."""
        strided = self._strided(spec)
        for axis, stride in zip(spec.axes, spec.stride, strict=True):
            yield Need(same(stride, spec.stride[0]), "the unit strides equally on every axis")
            yield Need(
                at_least(axis.input, 1 + 2 * strided),
                f"the 3×3 average pool beside the convolutions does not fit on {axis.input} "
                "positions: use a larger input",
            )
            shortcut = (axis.input - 1) // axis.stride + 1
            yield Need(
                same(shortcut, axis.output),
                f"the path beside the convolutions gives {shortcut} positions and the slot wants "
                f"{axis.output}: use padding='same'",
            )
        kept = same((spec.out_channels - spec.in_channels) * (1 - strided), 0)
        yield Need(
            kept, f"at stride 1 the unit adds its input: give out_channels={spec.in_channels}"
        )
        grows = at_least(spec.out_channels, spec.in_channels + strided)
        yield Need(
            grows,
            f"at stride {spec.stride[0]} the unit puts its {spec.in_channels} input channels "
            "beside new ones: give more out_channels than that",
        )
        yield Need(
            divides(self.reduction, spec.out_channels),
            f"reduction={self.reduction} does not divide out_channels={spec.out_channels}",
        )
        middle = exact(spec.out_channels, self.reduction)
        yield from groups_divide(self._first_groups(), in_channels=spec.in_channels, middle=middle)
        yield from groups_divide(
            self.groups,
            middle=middle,
            out_channels=spec.out_channels - spec.in_channels * strided,
        )

    def _pool(self, spec: ConvSpec) -> tuple[Axis, ...]:
        """The paper's 3×3 average pool with the slot's stride, giving the slot's output size."""
        strided = self._strided(spec)
        return tuple(
            Axis(
                input=axis.input,
                output=axis.output,
                kernel=1 + 2 * strided,
                stride=axis.stride,
                pad_low=strided,
                pad_high=strided,
            )
            for axis in spec.axes
        )

    def plan(self, spec: ConvSpec) -> tuple[Step, ...]:
        """Plan the path, what runs beside it, and the join."""
        strided = self._strided(spec)
        middle = exact(spec.out_channels, self.reduction)
        new = spec.out_channels - spec.in_channels * strided
        at_input = tuple(axis.pointwise_input() for axis in spec.axes)
        at_output = tuple(axis.pointwise_output() for axis in spec.axes)
        shuffle = Move(
            label="channel shuffle", elements=product(spec.batch, middle, spec.input_positions)
        )
        path = (
            self.conv(
                spec,
                "grouped 1×1 convolution",
                spec.in_channels,
                middle,
                at_input,
                groups=self._first_groups(),
            ),
            *self.after(spec, middle, size=spec.input_size),
            shuffle,
            self.conv(spec, "depthwise convolution", middle, middle, groups=middle),
            *self.after(spec, middle, "batch_norm"),
            self.conv(spec, "grouped 1×1 convolution", middle, new, at_output, groups=self.groups),
            *self.after(spec, new, "batch_norm"),
        )
        pool = Pool(
            label="average pool of the input, where the unit strides",
            batch=spec.batch * strided,
            channels=spec.in_channels,
            axes=self._pool(spec),
        )
        add = Elementwise(
            label="add the input, where the unit does not stride",
            operation="add",
            batch=spec.batch,
            channels=spec.out_channels,
            size=spec.output_size,
            times=1 - strided,
        )
        join = Move(
            label="concatenate, where the unit strides",
            elements=product(spec.batch, spec.out_channels, spec.output_positions, strided),
        )
        return (
            Branches(label="unit", paths=(path, (pool,)), keeps_input=1 - strided),
            add,
            join,
            *self.after(spec, spec.out_channels, "relu"),
        )

    def build(self, spec: ConvSpec) -> nn.Module:
        """Build the path and what runs beside it."""
        from convbench.core import modules

        strided = self._strided(spec)
        middle = spec.out_channels // self.reduction
        new = spec.out_channels - spec.in_channels * strided
        at_input = [axis.pointwise_input() for axis in spec.axes]
        at_output = [axis.pointwise_output() for axis in spec.axes]
        first = self._first_groups()
        path = modules.chain(
            modules.convolution(spec.in_channels, middle, at_input, groups=first, bias=spec.bias),
            *modules.after(self, spec, middle),
            modules.Shuffle(first),
            modules.convolution(middle, middle, spec.axes, groups=middle, bias=spec.bias),
            *modules.after(self, spec, middle, "batch_norm"),
            modules.convolution(middle, new, at_output, groups=self.groups, bias=spec.bias),
            *modules.after(self, spec, new, "batch_norm"),
        )
        end = modules.after(self, spec, spec.out_channels, "relu")
        if not strided:
            return modules.Residual(path, *end)
        pool = modules.POOLS[spec.dims](3, stride=spec.stride, padding=1)
        return modules.chain(modules.Concat(pool, path), *end)
