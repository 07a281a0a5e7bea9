"""segmentation-models-pytorch: every architecture on encoders of different families."""

from __future__ import annotations

import segmentation_models_pytorch as smp

from sources import Made, image

ENCODERS = (
    "resnet18", "mobilenet_v2", "efficientnet-b0", "vgg11", "densenet121", "dpn68", "se_resnet50",
    "tu-efficientnet_lite0", "mit_b0", "xception", "mobileone_s0", "timm-regnetx_002",
)  # fmt: skip


def names() -> list[tuple[str, str]]:
    """Return (architecture, architecture on encoder)."""
    return [
        (architecture, f"{architecture} on {encoder}")
        for encoder in ENCODERS
        for architecture in smp.MODEL_ARCHITECTURES_MAPPING
        if architecture != "dpt"
    ]


def make(name: str) -> Made:
    """Make one without weights."""
    architecture, _, encoder = name.partition(" on ")
    net = smp.create_model(architecture, encoder, encoder_weights=None, classes=2)
    return net, (image(3, 128, 128),)
