"""The primitive steps that plans are made of. Each knows its cost, under the rules of `costs`."""

from convbench.core.steps.branches import Branches, flatten
from convbench.core.steps.convolutions import Conv, ConvTranspose, Linear, MixedConv
from convbench.core.steps.elementwise import (
    ELEMENTWISE,
    Elementwise,
    Gating,
    GlobalPool,
    Move,
    Pool,
    Resize,
)

__all__ = [
    "ELEMENTWISE",
    "Branches",
    "Conv",
    "ConvTranspose",
    "Elementwise",
    "Gating",
    "GlobalPool",
    "Linear",
    "MixedConv",
    "Move",
    "Pool",
    "Resize",
    "flatten",
]
