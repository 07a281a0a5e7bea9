"""Where networks come from: a package, its networks by name, and how one is made.

A source is a module here with `PACKAGES` (what must be importable), `names()` -> [(family, name)] in a
fixed order, and `make(name)` -> (network, inputs). Inputs are made on the CPU, by `image` and the like,
wherever the network itself is made.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

Made = tuple[nn.Module, tuple[Any, ...]]

NAMES = (
    "timm", "torchvision", "pytorchcv", "segmentation_models_pytorch", "transformers", "open_clip",
    "pretrainedmodels", "geffnet", "monai", "vit_pytorch", "diffusers", "kornia", "spandrel",
    "super_image", "efficientnet_pytorch", "x_transformers", "several",
)  # fmt: skip


class Source(NamedTuple):
    """A package whose networks can be made by name."""

    package: str
    names: Callable[[], list[tuple[str, str]]]
    make: Callable[[str], Made]


def source(name: str) -> Source:
    """Import a source; raises ImportError where its package is not installed."""
    module = importlib.import_module(f"sources.of_{name}")
    return Source(name, module.names, module.make)


def image(*shape: int, batch: int = 1) -> Tensor:
    """Return images of (channels, height, width), on the CPU whatever the default device is."""
    return torch.rand((batch, *shape), device="cpu")


def tokens(length: int = 16, size: int = 100, batch: int = 1) -> Tensor:
    """Return `length` token numbers below `size`."""
    return torch.randint(0, size, (batch, length), device="cpu")


class Named(nn.Module):
    """A network that is called with keyword arguments, in a fixed order."""

    def __init__(self, net: nn.Module, names: tuple[str, ...]) -> None:
        """`names`: those of the values that it will be called with."""
        super().__init__()
        self.net, self.names = net, names

    def forward(self, *values: Any) -> Any:
        """Call the network."""
        return self.net(**dict(zip(self.names, values, strict=True)))


def by_turns(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Order networks so that each family's first comes first, then each one's second."""
    seen: dict[str, int] = {}
    turns = []
    for family, name in sorted(pairs, key=lambda pair: (pair[0], len(pair[1]), pair[1])):
        turns.append((seen.setdefault(family, 0), family, name))
        seen[family] += 1
    return [(family, name) for _, family, name in sorted(turns, key=lambda turn: turn[0])]
