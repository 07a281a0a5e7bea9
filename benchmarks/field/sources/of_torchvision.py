"""Every model of torchvision: classification, segmentation, detection, video, flow, quantizable."""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from torch import nn
from torchvision import models

from sources import Made, by_turns, image

VIDEO = {"mvit_v1_b": (3, 16, 224, 224), "mvit_v2_s": (3, 16, 224, 224), "s3d": (3, 16, 224, 224)}
SIZES = {"inception_v3": 299, "quantized_inception_v3": 299, "vit_h_14": 224}


class Detector(nn.Module):
    """A detector takes a list of images of any size."""

    def __init__(self, net: nn.Module) -> None:
        """`net`: the detector."""
        super().__init__()
        self.net = net

    def forward(self, *images: torch.Tensor) -> Any:
        """Call the detector."""
        return self.net(list(images))


def names() -> list[tuple[str, str]]:
    """Return (family, model)."""
    return by_turns(
        [
            (models.get_model_builder(n).__module__.rpartition(".")[2], n)
            for n in models.list_models()
        ]
    )


def make(name: str) -> Made:
    """Make one without weights."""
    builder = models.get_model_builder(name)
    known = signature(builder).parameters
    options: dict[str, Any] = {"weights": None}
    if "weights_backbone" in known:
        options["weights_backbone"] = None
    if "init_weights" in known or name in {"googlenet", "inception_v3"}:
        options["init_weights"] = False
    net = builder(**options)
    where = builder.__module__
    if ".detection" in where:
        return Detector(net), (torch.rand((3, 320, 320), device="cpu"),)
    if ".video" in where:
        return net, (image(*VIDEO.get(name, (3, 16, 112, 112))),)
    if ".optical_flow" in where:
        return net, (image(3, 128, 128), image(3, 128, 128))
    size = SIZES.get(name, 224)
    return net, (image(3, size, size),)
