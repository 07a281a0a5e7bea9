"""The torch modules that types and networks are built of: the one place that defines them.

Imported only when something is built, so that deriving a cost needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from convbench.convs.base import ConvType
    from convbench.core.spec import Axis, ConvSpec

KIND: Final = "_convbench_kind"
"""Where a module that stands for another keeps the name of that one's type."""

CONVS: Final[dict[int, Any]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: Final[dict[int, Any]] = {
    1: nn.ConvTranspose1d,
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
NORMS: Final[dict[int, Any]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
POOLS: Final[dict[int, Any]] = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "relu6": lambda: nn.ReLU6(inplace=True),
}


def kind_of(part: nn.Module) -> str:
    """Return the name of a module's type, or of the type that it stands for."""
    return str(vars(part).get(KIND) or type(part).__name__)


def convolution(
    in_channels: int, out_channels: int, axes: Sequence[Axis], *, groups: int = 1, bias: bool
) -> nn.Module:
    """Return the convolution over `axes`; padding that differs at the ends is put before it."""
    pads = [(axis.pad_low, axis.pad_high) for axis in axes]
    even = all(low == high and low >= 0 for low, high in pads)
    conv: nn.Module = CONVS[len(axes)](
        in_channels,
        out_channels,
        tuple(axis.kernel for axis in axes),
        stride=tuple(axis.stride for axis in axes),
        padding=tuple(low for low, _ in pads) if even else 0,
        dilation=tuple(axis.dilation for axis in axes),
        groups=groups,
        bias=bias,
    )
    return conv if even else nn.Sequential(Pad(pads), conv)


def after(kind: ConvType, spec: ConvSpec, channels: int, *operations: str) -> list[nn.Module]:
    """Return the modules of `ConvType.after`: batch norm and ReLU when the type is a block."""
    if not kind.block:
        return []
    return [
        NORMS[spec.dims](channels) if name == "batch_norm" else ACTIVATIONS[name]()
        for name in operations or ("batch_norm", "relu")
    ]


def with_identity(kind: ConvType, spec: ConvSpec, path: nn.Module, *activation: str) -> nn.Module:
    """Return a block's path with its input added where shapes agree, then the activation."""
    if not kind.block:
        return path
    end = [ACTIVATIONS[name]() for name in activation]
    if spec.input_shape == spec.output_shape:
        return Residual(path, *end)
    return chain(path, *end)


def chain(*parts: nn.Module) -> nn.Module:
    """Return the parts in sequence; one part alone is itself."""
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


class Pad(nn.Module):
    """Zero padding given for each axis as (low, high); a negative number crops."""

    def __init__(self, pads: Sequence[tuple[int, int]]) -> None:
        """Keep the padding in the order torch wants it: last axis first."""
        super().__init__()
        self.pads = [number for pair in reversed(pads) for number in pair]

    def forward(self, x: Tensor) -> Tensor:
        """Pad (batch, channels, *size)."""
        return functional.pad(x, self.pads)

    def extra_repr(self) -> str:
        """Show the padding."""
        return str(self.pads)


class Residual(nn.Module):
    """path(x) + x, then an activation where one is given."""

    def __init__(self, path: nn.Module, then: nn.Module | None = None) -> None:
        """`path` keeps the shape of its input."""
        super().__init__()
        self.path = path
        self.then = then if then is not None else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Add the input to what the path makes of it."""
        result: Tensor = self.then(self.path(x) + x)
        return result


class Concat(nn.Module):
    """The channels of several paths over one input, side by side."""

    def __init__(self, *paths: nn.Module) -> None:
        """Every path reads the same input."""
        super().__init__()
        self.paths = nn.ModuleList(paths)

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate along the channels."""
        return torch.cat([path(x) for path in self.paths], dim=1)


class Shuffle(nn.Module):
    """Channel shuffle: channel g·n + i becomes channel i·groups + g (Zhang et al. 2017)."""

    def __init__(self, groups: int) -> None:
        """`groups` divides the channels."""
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """Permute the channels of (batch, channels, *size)."""
        batch, channels, *size = x.shape
        parts = x.reshape(batch, self.groups, channels // self.groups, *size)
        return parts.transpose(1, 2).reshape(batch, channels, *size)


class SpreadChannels(nn.Module):
    """Pixel shuffle in 1, 2 or 3 dimensions: channels·scale**dims become positions."""

    def __init__(self, scale: int, dims: int) -> None:
        """Enlarge each of `dims` axes by `scale`."""
        super().__init__()
        self.scale, self.dims = scale, dims

    def forward(self, x: Tensor) -> Tensor:
        """Turn (batch, channels·scale**dims, *size) into (batch, channels, *size·scale)."""
        batch, channels, *size = x.shape
        scale, dims = self.scale, self.dims
        parts = x.reshape(batch, channels // scale**dims, *[scale] * dims, *size)
        # after (batch, channel), every axis is followed by the part of it that came from channels
        order = [0, 1, *(axis for d in range(dims) for axis in (2 + dims + d, 2 + d))]
        return parts.permute(order).reshape(
            batch, channels // scale**dims, *(length * scale for length in size)
        )


class FirstChannels(nn.Module):
    """Apply a module to the first channels and leave the others as they are."""

    def __init__(self, channels: int, module: nn.Module) -> None:
        """`module` keeps the shape of its input of `channels` channels."""
        super().__init__()
        self.channels, self.module = channels, module

    def forward(self, x: Tensor) -> Tensor:
        """Split, apply, and concatenate."""
        first, rest = x[:, : self.channels], x[:, self.channels :]
        return torch.cat([self.module(first), rest], dim=1)


class KernelAttention(nn.Module):
    """Weights over experts from the input: global average, two linear layers, softmax."""

    def __init__(self, channels: int, hidden: int, experts: int, temperature: float) -> None:
        """Softmax is taken of the logits divided by `temperature`."""
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, experts)
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, experts) that sum to 1 over the experts."""
        pooled = x.flatten(2).mean(2)
        logits = self.fc2(functional.relu(self.fc1(pooled)))
        return functional.softmax(logits / self.temperature, dim=1)


class MixedConvolution(nn.Module):
    """A convolution whose kernel is mixed for each sample from several experts."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        axes: Sequence[Axis],
        *,
        attention: KernelAttention,
        experts: int,
        bias: bool,
    ) -> None:
        """`attention` maps the input to (batch, experts)."""
        super().__init__()
        self.attention = attention
        self.shape = (out_channels, in_channels, *(axis.kernel for axis in axes))
        self.pads = [n for axis in reversed(axes) for n in (axis.pad_low, axis.pad_high)]
        self.even = all(axis.pad_low == axis.pad_high for axis in axes)
        self.options = {
            "stride": tuple(axis.stride for axis in axes),
            "dilation": tuple(axis.dilation for axis in axes),
            "padding": tuple(axis.pad_low if self.even else 0 for axis in axes),
        }
        self.convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[len(axes) - 1]
        self.weight = nn.Parameter(torch.empty(experts, *self.shape))
        self.bias = nn.Parameter(torch.zeros(experts, out_channels)) if bias else None
        for expert in self.weight:
            nn.init.kaiming_uniform_(expert, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve every sample with its own mix: one grouped convolution, a group a sample."""
        batch, experts, outputs = x.shape[0], self.weight.shape[0], self.shape[0]
        attention = self.attention(x)
        kernels = attention @ self.weight.reshape(experts, -1)
        bias = None if self.bias is None else (attention @ self.bias).reshape(-1)
        if not self.even:
            x = functional.pad(x, self.pads)
        mixed: Tensor = self.convolve(
            x.reshape(1, -1, *x.shape[2:]),
            kernels.reshape(batch * outputs, *self.shape[1:]),
            bias,
            groups=batch,
            **self.options,
        )
        return mixed.reshape(batch, outputs, *mixed.shape[2:])
