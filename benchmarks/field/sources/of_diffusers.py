"""diffusers: U-Nets, transformers and autoencoders, of its tests' sizes or by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import models

from sources import Made, Named, image


def _step() -> torch.Tensor:
    return torch.tensor([3], device="cpu")


def _states(*shape: int) -> torch.Tensor:
    return torch.rand(shape, device="cpu")


MAKERS: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
    "UNet2DModel": lambda: (models.UNet2DModel(sample_size=32), {"sample": image(3, 32, 32), "timestep": _step()}),
    "UNet2DConditionModel": lambda: (models.UNet2DConditionModel(cross_attention_dim=768), {"sample": image(4, 64, 64), "timestep": _step(), "encoder_hidden_states": _states(1, 77, 768)}),
    "UNet3DConditionModel": lambda: (models.UNet3DConditionModel(), {"sample": image(4, 4, 32, 32), "timestep": _step(), "encoder_hidden_states": _states(1, 77, 1024)}),
    "UNetMotionModel": lambda: (models.UNetMotionModel(), {"sample": image(4, 4, 32, 32), "timestep": _step(), "encoder_hidden_states": _states(1, 77, 1280)}),
    "ControlNetModel": lambda: (models.ControlNetModel(cross_attention_dim=768), {"sample": image(4, 32, 32), "timestep": _step(), "encoder_hidden_states": _states(1, 77, 768), "controlnet_cond": image(3, 256, 256)}),
    "AutoencoderKL": lambda: (models.AutoencoderKL(block_out_channels=(32, 64), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2), {"sample": image(3, 64, 64)}),
    "AsymmetricAutoencoderKL": lambda: (models.AsymmetricAutoencoderKL(), {"sample": image(3, 64, 64)}),
    "AutoencoderTiny": lambda: (models.AutoencoderTiny(), {"sample": image(3, 64, 64)}),
    "AutoencoderDC": lambda: (models.AutoencoderDC(in_channels=3), {"sample": image(3, 64, 64)}),
    "AutoencoderKLTemporalDecoder": lambda: (models.AutoencoderKLTemporalDecoder(), {"sample": image(3, 32, 32), "num_frames": 1}),
    "AutoencoderKLCogVideoX": lambda: (models.AutoencoderKLCogVideoX(), {"sample": image(3, 5, 32, 32)}),
    "AutoencoderKLWan": lambda: (models.AutoencoderKLWan(), {"sample": image(3, 5, 32, 32)}),
    "AutoencoderOobleck": lambda: (models.AutoencoderOobleck(), {"sample": image(2, 4096)}),
    "VQModel": lambda: (models.VQModel(), {"sample": image(3, 64, 64)}),
    "Transformer2DModel": lambda: (models.Transformer2DModel(num_attention_heads=4, attention_head_dim=16, in_channels=32, num_layers=2), {"hidden_states": image(32, 16, 16)}),
    "DiTTransformer2DModel": lambda: (models.DiTTransformer2DModel(num_layers=4), {"hidden_states": image(4, 32, 32), "timestep": _step(), "class_labels": _step()}),
    "PixArtTransformer2DModel": lambda: (models.PixArtTransformer2DModel(num_layers=4, sample_size=32, caption_channels=4096, use_additional_conditions=False), {"hidden_states": image(4, 32, 32), "encoder_hidden_states": _states(1, 20, 4096), "timestep": _step()}),
    "SD3Transformer2DModel": lambda: (models.SD3Transformer2DModel(num_layers=4), {"hidden_states": image(16, 64, 64), "encoder_hidden_states": _states(1, 20, 4096), "pooled_projections": _states(1, 2048), "timestep": _step()}),
    "FluxTransformer2DModel": lambda: (models.FluxTransformer2DModel(num_layers=2, num_single_layers=2, guidance_embeds=False), {"hidden_states": _states(1, 64, 64), "encoder_hidden_states": _states(1, 20, 4096), "pooled_projections": _states(1, 768), "timestep": _step(), "img_ids": _states(64, 3), "txt_ids": _states(20, 3)}),
    "AuraFlowTransformer2DModel": lambda: (models.AuraFlowTransformer2DModel(num_mmdit_layers=2, num_single_dit_layers=2), {"hidden_states": image(4, 32, 32), "encoder_hidden_states": _states(1, 20, 2048), "timestep": _step()}),
    "SanaTransformer2DModel": lambda: (models.SanaTransformer2DModel(num_layers=4), {"hidden_states": image(32, 32, 32), "encoder_hidden_states": _states(1, 20, 2304), "timestep": _step()}),
    "UVit2DModel": lambda: (models.UVit2DModel(), {"input_ids": torch.zeros((1, 16, 16), dtype=torch.long, device="cpu"), "encoder_hidden_states": _states(1, 20, 768), "pooled_text_emb": _states(1, 768), "micro_conds": _states(1, 5)}),
    "CogVideoXTransformer3DModel": lambda: (models.CogVideoXTransformer3DModel(num_layers=2), {"hidden_states": _states(1, 13, 16, 60, 90), "encoder_hidden_states": _states(1, 226, 4096), "timestep": _step()}),
    "WanTransformer3DModel": lambda: (models.WanTransformer3DModel(num_layers=2), {"hidden_states": image(16, 4, 32, 32), "timestep": _step(), "encoder_hidden_states": _states(1, 20, 4096)}),
    "LatteTransformer3DModel": lambda: (models.LatteTransformer3DModel(num_layers=2, in_channels=4, sample_size=32, patch_size=2, num_attention_heads=4, attention_head_dim=16, caption_channels=4096, activation_fn="gelu-approximate", norm_type="ada_norm_single"), {"hidden_states": image(4, 4, 32, 32), "timestep": _step(), "encoder_hidden_states": _states(1, 20, 4096)}),
    "PriorTransformer": lambda: (models.PriorTransformer(num_layers=4), {"hidden_states": _states(1, 768), "timestep": _step(), "proj_embedding": _states(1, 768), "encoder_hidden_states": _states(1, 77, 768)}),
    "Kandinsky3UNet": lambda: (models.Kandinsky3UNet(), {"sample": image(4, 32, 32), "timestep": _step(), "encoder_hidden_states": _states(1, 20, 4096), "encoder_attention_mask": torch.ones((1, 20), device="cpu")}),
    "StableCascadeUNet": lambda: (models.StableCascadeUNet(conditioning_dim=2048, clip_text_pooled_in_channels=1280), {"sample": image(16, 24, 24), "timestep_ratio": _step(), "clip_text_pooled": _states(1, 1, 1280)}),
    "ConsistencyDecoderVAE": lambda: (models.ConsistencyDecoderVAE(), {"sample": image(3, 64, 64)}),
}  # fmt: skip


def names() -> list[tuple[str, str]]:
    """Return (class, class)."""
    return [(name, name) for name in MAKERS]


def make(name: str) -> Made:
    """Make one."""
    net, given = MAKERS[name]()
    return Named(net, tuple(given)), tuple(given.values())
