"""geffnet: EfficientNet, MixNet and MobileNet of an implementation of their own."""

from __future__ import annotations

import inspect

import geffnet
from geffnet import gen_efficientnet, mobilenetv3

from sources import Made, image

NAMES = [
    name
    for module in (gen_efficientnet, mobilenetv3)
    for name, thing in inspect.getmembers(module, inspect.isfunction)
    if not name.startswith("_") and "pretrained" in inspect.signature(thing).parameters
]


def names() -> list[tuple[str, str]]:
    """Return (name up to the first underscore, name)."""
    return [(name.partition("_")[0], name) for name in sorted(set(NAMES))]


def make(name: str) -> Made:
    """Make one without weights."""
    return geffnet.create_model(name, pretrained=False), (image(3, 224, 224),)
