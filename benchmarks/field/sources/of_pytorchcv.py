"""Every model of pytorchcv, at its own input size."""

from __future__ import annotations

from pytorchcv import model_provider

from sources import Made, by_turns, image

MODELS = model_provider._models  # noqa: SLF001  the package has no other list


def names() -> list[tuple[str, str]]:
    """Return (file of the package, model)."""
    return by_turns([(maker.__module__.rpartition(".")[2], name) for name, maker in MODELS.items()])


def make(name: str) -> Made:
    """Make one without weights."""
    net = MODELS[name](pretrained=False)
    channels = getattr(net, "in_channels", 3)
    size = getattr(net, "in_size", None) or (224, 224)
    if "jasper" in name or "quartznet" in name:
        import torch

        return net, (image(channels, 640), torch.tensor([640], device="cpu"))
    return net, (image(channels, *size),)
