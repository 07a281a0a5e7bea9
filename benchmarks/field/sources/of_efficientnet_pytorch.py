"""efficientnet-pytorch: B0 to B8, with its own swish and padding."""

from __future__ import annotations

from efficientnet_pytorch import EfficientNet

from sources import Made, image


def names() -> list[tuple[str, str]]:
    """Return (family, name)."""
    every = [f"efficientnet-b{number}" for number in range(9)] + ["efficientnet-l2"]
    return [("efficientnet", name) for name in every]


def make(name: str) -> Made:
    """Make one without weights."""
    size = EfficientNet.get_image_size(name) or 224
    return EfficientNet.from_name(name), (image(3, size, size),)
