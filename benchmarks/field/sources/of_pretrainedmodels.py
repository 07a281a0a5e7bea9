"""pretrainedmodels: every model, at its own input size."""

from __future__ import annotations

import pretrainedmodels

from sources import Made, image

SIZES = {
    "inceptionv3": 299, "inceptionv4": 299, "inceptionresnetv2": 299, "nasnetalarge": 331,
    "pnasnet5large": 331, "xception": 299, "polynet": 331,
}  # fmt: skip


def names() -> list[tuple[str, str]]:
    """Return (model, model)."""
    return [(name, name) for name in pretrainedmodels.model_names]


def make(name: str) -> Made:
    """Make one without weights."""
    size = SIZES.get(name, 224)
    return pretrainedmodels.__dict__[name](num_classes=1000, pretrained=None), (
        image(3, size, size),
    )
