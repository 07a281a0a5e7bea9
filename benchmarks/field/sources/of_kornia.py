"""kornia: descriptors, detectors and classifiers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kornia
from kornia import feature

from sources import Made, image

MAKERS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "HardNet": (lambda: feature.HardNet(False), (1, 32, 32)),
    "HardNet8": (lambda: feature.HardNet8(False), (1, 32, 32)),
    "HyNet": (lambda: feature.HyNet(False), (1, 32, 32)),
    "SOSNet": (lambda: feature.SOSNet(False), (1, 32, 32)),
    "TFeat": (lambda: feature.TFeat(False), (1, 32, 32)),
    "KeyNet": (lambda: feature.KeyNet(False), (1, 64, 64)),
    "OriNet": (lambda: feature.OriNet(False), (1, 32, 32)),
    "AffNet": (lambda: feature.LAFAffNetShapeEstimator(False).features, (1, 32, 32)),
    "DeFMO": (lambda: feature.DeFMO(False), (6, 64, 64)),
    "SIFTDescriptor": (lambda: feature.SIFTDescriptor(32), (1, 32, 32)),
    "MKDDescriptor": (lambda: feature.MKDDescriptor(32, whitening=None), (1, 32, 32)),
    "DISK": (lambda: feature.DISK(), (3, 64, 64)),
    "XFeatModel": (lambda: feature.XFeatModel(), (1, 64, 64)),
    "BlobHessian": (lambda: feature.BlobHessian(), (1, 64, 64)),
    "CornerHarris": (lambda: feature.CornerHarris(0.04), (1, 64, 64)),
    "VisionTransformer": (lambda: _contrib("VisionTransformer")(), (3, 224, 224)),
    "MobileViT": (lambda: _contrib("MobileViT")("xs"), (3, 256, 256)),
    "TinyViT": (lambda: _contrib("TinyViT")(), (3, 224, 224)),
}


def _contrib(name: str) -> Any:
    for place in (kornia.contrib, getattr(kornia, "models", None)):
        if hasattr(place, name):
            return getattr(place, name)
    raise AttributeError(f"this kornia has no {name}")


def names() -> list[tuple[str, str]]:
    """Return (class, class)."""
    return [(name, name) for name in MAKERS]


def make(name: str) -> Made:
    """Make one without weights."""
    maker, shape = MAKERS[name]
    return maker(), (image(*shape),)
