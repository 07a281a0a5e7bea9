"""Packages of one network, or a few: each name begins with its package."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn

from sources import Made, image, tokens


def _of(module: str, name: str, **options: Any) -> nn.Module:
    net: nn.Module = getattr(import_module(module), name)(**options)
    return net


VIT = {"patch_size": 8, "dim": 64, "depth": 2, "heads": 4}
PERCEIVER = {"num_freq_bands": 4, "depth": 2, "max_freq": 10.0, "num_latents": 16, "latent_dim": 32}
MAKERS: dict[str, Callable[[], Made]] = {
    **{
        f"lpips {net}": lambda net=net: (  # type: ignore[misc]
            _of("lpips", "LPIPS", net=net, pretrained=False, pnet_rand=True, verbose=False),
            (image(3, 64, 64), image(3, 64, 64)),
        )
        for net in ("alex", "vgg", "squeeze")
    },
    "facenet-pytorch InceptionResnetV1": lambda: (
        _of("facenet_pytorch", "InceptionResnetV1", pretrained=None), (image(3, 160, 160),)),
    **{
        f"facenet-pytorch {net}": lambda net=net: (  # type: ignore[misc]
            _of("facenet_pytorch.models.mtcnn", net, pretrained=False), (image(3, 48, 48),))
        for net in ("PNet", "ONet")
    },
    "facenet-pytorch RNet": lambda: (
        _of("facenet_pytorch.models.mtcnn", "RNet", pretrained=False), (image(3, 24, 24),)),
    "denoising-diffusion-pytorch Unet": lambda: (
        _of("denoising_diffusion_pytorch", "Unet", dim=32, dim_mults=(1, 2, 4)),
        (image(3, 32, 32), torch.tensor([3], device="cpu"))),
    "denoising-diffusion-pytorch Unet1D": lambda: (
        _of("denoising_diffusion_pytorch", "Unet1D", dim=32, dim_mults=(1, 2, 4), channels=8),
        (image(8, 64), torch.tensor([3], device="cpu"))),
    **{
        f"resnest {name}": lambda name=name: (  # type: ignore[misc]
            _of("resnest.torch", name, pretrained=False), (image(3, 224, 224),))
        for name in ("resnest50", "resnest101", "resnest200", "resnest269")
    },
    "snac SNAC": lambda: (_of("snac", "SNAC"), (image(1, 44032),)),
    **{
        f"vector-quantize-pytorch {name}": lambda name=name, more=more, size=size: (  # type: ignore[misc]
            _of("vector_quantize_pytorch", name, **more), (image(64, size),))
        for name, more, size in (
            ("VectorQuantize", {"dim": 32, "codebook_size": 64}, 32),
            ("ResidualVQ", {"dim": 32, "codebook_size": 64, "num_quantizers": 3}, 32),
            ("FSQ", {"levels": [8, 5, 5, 5], "dim": 32}, 32),
            ("LFQ", {"codebook_size": 256, "dim": 8}, 8),
        )
    },
    "linformer Linformer": lambda: (
        _of("linformer", "Linformer", dim=64, seq_len=128, depth=2, heads=4, k=32), (image(128, 64),)),
    "linformer LinformerLM": lambda: (
        _of("linformer", "LinformerLM", num_tokens=100, dim=64, seq_len=128, depth=2, heads=4, k=32),
        (tokens(128),)),
    "perceiver-pytorch Perceiver": lambda: (
        _of("perceiver_pytorch", "Perceiver", **PERCEIVER, num_classes=10), (image(32, 32, 3),)),
    "perceiver-pytorch PerceiverIO": lambda: (
        _of("perceiver_pytorch", "PerceiverIO", dim=32, queries_dim=32, depth=2, num_latents=16,
            latent_dim=64, latent_dim_head=16), (image(128, 32),)),
    "performer-pytorch PerformerLM": lambda: (
        _of("performer_pytorch", "PerformerLM", num_tokens=100, max_seq_len=128, dim=64, depth=2, heads=4),
        (tokens(128),)),
    "performer-pytorch causal": lambda: (
        _of("performer_pytorch", "PerformerLM", num_tokens=100, max_seq_len=128, dim=64, depth=2, heads=4,
            causal=True), (tokens(128),)),
    "local-attention LocalTransformer": lambda: (
        _of("local_attention", "LocalTransformer", num_tokens=100, dim=64, depth=2, max_seq_len=128,
            local_attn_window_size=32), (tokens(128),)),
    "conformer Conformer": lambda: (
        _of("conformer", "Conformer", dim=64, depth=2, dim_head=16, heads=4), (image(128, 64),)),
    "torchxrayvision DenseNet": lambda: (
        _of("torchxrayvision.models", "DenseNet", weights=None), (image(1, 224, 224),)),
}  # fmt: skip


def names() -> list[tuple[str, str]]:
    """Return (package, network)."""
    return [(name.partition(" ")[0], name) for name in MAKERS]


def make(name: str) -> Made:
    """Make one without weights."""
    return MAKERS[name]()
