"""OSNet as a torch module, with the layer names of the public implementation (torchreid).

Those names (`conv2.0.conv2b.1.conv1.weight`, …) are what published checkpoints are stored under, so
they are an interface: attributes here must keep them. Imported only when a network is built.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from convbench.networks.osnet import FEATURES, NARROWING, REDUCTION, STREAMS, OSNet


class ConvNorm(nn.Module):
    """A convolution that keeps the size but for its stride, its normalisation, and ReLU."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        relu: bool = True,
        instance_norm: bool = False,
    ) -> None:
        """Call the normalisation bn, whichever it is, as the checkpoints do."""
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False
        )
        self.bn: nn.Module = (
            nn.InstanceNorm2d(out_channels, affine=True)
            if instance_norm
            else nn.BatchNorm2d(out_channels)
        )
        self.relu: nn.Module = nn.ReLU() if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Turn (batch, in_channels, h, w) into (batch, out_channels, ⌈h/stride⌉, ⌈w/stride⌉)."""
        result: Tensor = self.relu(self.bn(self.conv(x)))
        return result


class Lite3x3(nn.Module):
    """The Lite 3×3: a linear 1×1 convolution, then a depthwise 3×3, batch norm and ReLU."""

    def __init__(self, channels: int) -> None:
        """As many channels go out as come in."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (batch, channels, h, w)."""
        result: Tensor = self.relu(self.bn(self.conv2(self.conv1(x))))
        return result


class ChannelGate(nn.Module):
    """A weight between 0 and 1 for each channel of each image, from the channels' averages."""

    def __init__(self, channels: int) -> None:
        """Its hidden layer has 1/16 of the channels, rounded down."""
        super().__init__()
        hidden = channels // REDUCTION
        self.global_avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv2d(hidden, channels, 1)
        self.gate_activation = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Weight the channels of (batch, channels, h, w)."""
        hidden = self.relu(self.fc1(self.global_avgpool(x)))
        result: Tensor = x * self.gate_activation(self.fc2(hidden))
        return result


def stream(channels: int, depth: int, *, full_conv: bool) -> nn.Module:
    """Return `depth` layers of 3×3; a single one is not wrapped, so its name has no index."""
    layers: list[nn.Module] = [
        ConvNorm(channels, channels, kernel=3) if full_conv else Lite3x3(channels)
        for _ in range(depth)
    ]
    return layers[0] if depth == 1 else nn.Sequential(*layers)


class OSBlock(nn.Module):
    """Four streams of growing depth on fewer channels, one gate for all of them, and a residual."""

    def __init__(
        self, in_channels: int, out_channels: int, *, full_conv: bool, instance_norm: bool
    ) -> None:
        """Put a 1×1 convolution on the identity where the channels change."""
        super().__init__()
        middle = out_channels // NARROWING
        self.conv1 = ConvNorm(in_channels, middle)
        for depth, name in enumerate(STREAMS, start=1):
            self.add_module(name, stream(middle, depth, full_conv=full_conv))
        self.gate = ChannelGate(middle)
        self.conv3 = ConvNorm(middle, out_channels, relu=False)
        self.downsample: nn.Module | None = (
            ConvNorm(in_channels, out_channels, relu=False) if in_channels != out_channels else None
        )
        self.IN: nn.Module | None = (
            nn.InstanceNorm2d(out_channels, affine=True) if instance_norm else None
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Turn (batch, in_channels, h, w) into (batch, out_channels, h, w)."""
        wide = self.conv3(self._streams(self.conv1(x)))
        whole = wide + (x if self.downsample is None else self.downsample(x))
        result: Tensor = self.relu(whole if self.IN is None else self.IN(whole))
        return result

    def _streams(self, x: Tensor) -> Tensor:
        """Add the gated streams; each is let go when it is added, so few are held at once."""
        first, *others = STREAMS
        result: Tensor = self.gate(self.get_submodule(first)(x))
        for name in others:
            result = result + self.gate(self.get_submodule(name)(x))
        return result


class OmniScaleNetwork(nn.Module):
    """The network that an OSNet describes; its layers do not depend on the input size."""

    def __init__(self, network: OSNet) -> None:
        """Build the layers, with fresh weights."""
        super().__init__()
        stem, *stages = network.channels
        self.conv1 = ConvNorm(3, stem, kernel=7, stride=2, instance_norm=network.instance_norm)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = stem
        for stage, (out, blocks) in enumerate(zip(stages, network.blocks, strict=True)):
            parts: list[nn.Module] = []
            for _ in range(blocks):
                parts.append(
                    OSBlock(
                        channels,
                        out,
                        full_conv=network.full_conv,
                        instance_norm=network.instance_norm and stage == 0,
                    )
                )
                channels = out
            if stage < len(stages) - 1:
                parts.append(nn.Sequential(ConvNorm(out, out), nn.AvgPool2d(2, stride=2)))
            self.add_module(f"conv{stage + 2}", nn.Sequential(*parts))
        self.conv5 = ConvNorm(channels, channels)
        self.global_avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(nn.Linear(channels, FEATURES), nn.BatchNorm1d(FEATURES), nn.ReLU())
        self.classifier: nn.Module | None = (
            None if network.num_classes is None else nn.Linear(FEATURES, network.num_classes)
        )
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (batch, 3, h, w) into (batch, 512) features.

        In training, where there is a classifier, into (batch, num_classes) logits instead.
        """
        x = self.maxpool(self.conv1(x))
        for name in ("conv2", "conv3", "conv4", "conv5"):
            x = self.get_submodule(name)(x)
        features: Tensor = self.fc(torch.flatten(self.global_avgpool(x), 1))
        if self.training and self.classifier is not None:
            logits: Tensor = self.classifier(features)
            return logits
        return features


def initialise(module: nn.Module) -> None:
    """Give one layer fresh weights, as the public implementation does.

    Convolutions: normal with a variance of 2 over the fan out (He et al. 2015). Linear layers:
    normal with a deviation of 0.01. Normalisations: 1. All biases: 0.
    """
    layer: Any = module
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(layer.weight, 0, 0.01)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.InstanceNorm2d):
        nn.init.ones_(layer.weight)
    else:
        return
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
