"""vit-pytorch: its transformers, of the sizes of its README, smaller."""

from __future__ import annotations

import importlib
from typing import Any

from torch import nn

from sources import Made, image

PLAIN = {
    "image_size": 64, "patch_size": 8, "num_classes": 10, "dim": 64, "depth": 2, "heads": 4, "mlp_dim": 128,
}  # fmt: skip
STAGES = {"num_classes": 10}
CUBE = {"image_size": 32, "frames": 8, "image_patch_size": 8, "frame_patch_size": 2}
REST = {"num_classes": 10, "dim": 64, "depth": 2, "heads": 4, "mlp_dim": 128}
MAKERS: dict[str, tuple[str, str, dict[str, Any], tuple[int, ...]]] = {
    **{
        module: (module, kind, PLAIN, (3, 64, 64))
        for module, kind in {
            "vit": "ViT", "simple_vit": "SimpleViT", "deepvit": "DeepViT", "parallel_vit": "ViT",
            "vit_for_small_dataset": "ViT", "learnable_memory_vit": "ViT", "normalized_vit": "nViT",
            "simple_flash_attn_vit": "SimpleViT", "simple_vit_with_qk_norm": "SimpleViT",
            "simple_vit_with_fft": "SimpleViT", "simple_vit_with_register_tokens": "SimpleViT",
            "simple_vit_with_patch_dropout": "SimpleViT", "vit_with_patch_merger": "ViT",
            "simple_vit_with_value_residual": "SimpleViT", "vit_with_decorr": "ViT",
            "simple_vit_with_hyper_connections": "SimpleViT", "jumbo_vit": "JumboViT",
            "vit_with_keel_post_ln": "ViT", "vit_with_patch_dropout": "ViT", "vit_5": "ViT",
            "simple_vit_attn_residual": "SimpleViT", "vit_detpool": "ViT", "rvt": "RvT",
            "simple_vit_with_specialized_cls": "SimpleViT", "jet_vit": "JetViT", "looped_vit": "LoopedViT",
            "simple_vit_orthog_residual_update": "SimpleViT", "es_vit": "ESViT",
            "simple_vit_with_relative_proj_pos_bias": "SimpleViT",
            "simple_vit_with_sparse_gating": "SimpleViT",
        }.items()
    },
    "cait": ("cait", "CaiT", {**PLAIN, "cls_depth": 1}, (3, 64, 64)),
    "xcit": ("xcit", "XCiT", {**PLAIN, "cls_depth": 1}, (3, 64, 64)),
    "ats_vit": ("ats_vit", "ViT", {**PLAIN, "max_tokens_per_depth": (32, 16)}, (3, 64, 64)),
    "pit": ("pit", "PiT", {**PLAIN, "depth": (1, 1), "image_size": 64}, (3, 64, 64)),
    "nest": ("nest", "NesT", {"image_size": 64, "patch_size": 4, "dim": 32, "heads": 2, "num_hierarchies": 3, "block_repeats": (1, 1, 2), "num_classes": 10}, (3, 64, 64)),
    "cross_vit": ("cross_vit", "CrossViT", {"image_size": 256, "num_classes": 10, "depth": 2, "sm_dim": 64, "sm_patch_size": 16, "sm_enc_depth": 1, "sm_enc_heads": 4, "sm_enc_mlp_dim": 128, "lg_dim": 64, "lg_patch_size": 64, "lg_enc_depth": 1, "lg_enc_heads": 4, "lg_enc_mlp_dim": 128, "cross_attn_depth": 1, "cross_attn_heads": 4}, (3, 256, 256)),
    "crossformer": ("crossformer", "CrossFormer", {"num_classes": 10, "dim": (32, 64, 64, 64), "depth": (1, 1, 1, 1), "global_window_size": (8, 4, 2, 1), "local_window_size": 7}, (3, 224, 224)),
    "cvt": ("cvt", "CvT", STAGES, (3, 224, 224)),
    "twins_svt": ("twins_svt", "TwinsSVT", STAGES, (3, 224, 224)),
    "regionvit": ("regionvit", "RegionViT", {**STAGES, "depth": (1, 1, 1, 1), "dim": (32, 32, 64, 64)}, (3, 224, 224)),
    "scalable_vit": ("scalable_vit", "ScalableViT", {"num_classes": 10, "dim": 32, "heads": (2, 2, 2, 2), "depth": (1, 1, 1, 1), "ssa_dim_key": (8, 8, 8, 8), "reduction_factor": (8, 4, 2, 1), "window_size": (64, 32, None, None)}, (3, 256, 256)),
    "sep_vit": ("sep_vit", "SepViT", {"num_classes": 10, "dim": 32, "dim_head": 16, "heads": (1, 2, 4, 8), "depth": (1, 1, 1, 1), "window_size": 7}, (3, 224, 224)),
    "max_vit": ("max_vit", "MaxViT", {"num_classes": 10, "dim_conv_stem": 32, "dim": 32, "dim_head": 16, "depth": (1, 1), "window_size": 7}, (3, 224, 224)),
    "mobile_vit": ("mobile_vit", "MobileViT", {"image_size": (256, 256), "dims": [96, 120, 144], "channels": [16, 32, 48, 48, 64, 64, 80, 80, 96, 96, 384], "num_classes": 10}, (3, 256, 256)),
    "levit": ("levit", "LeViT", {"image_size": 224, "num_classes": 10, "stages": 3, "dim": (64, 96, 128), "depth": 1, "heads": (2, 3, 4), "mlp_mult": 2}, (3, 224, 224)),
    "t2t": ("t2t", "T2TViT", {"dim": 64, "image_size": 64, "depth": 2, "heads": 4, "mlp_dim": 128, "num_classes": 10, "t2t_layers": ((7, 4), (3, 2))}, (3, 64, 64)),
    "local_vit": ("local_vit", "LocalViT", PLAIN, (3, 64, 64)),
    "cct": ("cct", "CCT", {"img_size": 64, "embedding_dim": 64, "num_layers": 2, "num_heads": 4, "num_classes": 10}, (3, 64, 64)),
    "vit_1d": ("vit_1d", "ViT", {"seq_len": 64, "patch_size": 8, **REST}, (3, 64)),
    "vit_3d": ("vit_3d", "ViT", {**CUBE, **REST}, (3, 8, 32, 32)),
    "simple_vit_1d": ("simple_vit_1d", "SimpleViT", {"seq_len": 64, "patch_size": 8, **REST}, (3, 64)),
    "simple_vit_3d": ("simple_vit_3d", "SimpleViT", {**CUBE, **REST}, (3, 8, 32, 32)),
    "vivit": ("vivit", "ViT", {**CUBE, "num_classes": 10, "dim": 64, "spatial_depth": 1, "temporal_depth": 1, "heads": 4, "mlp_dim": 128}, (3, 8, 32, 32)),
    "simple_uvit": ("simple_uvit", "SimpleUViT", PLAIN, (3, 64, 64)),
    "look_vit": ("look_vit", "LookViT", {"dim": 64, "image_size": 64, "num_classes": 10, "patch_size": 8, "highres_patch_size": 4, "highres_mlp_factor": 2, "cross_attn_heads": 4, "depth": 2, "heads": 4}, (3, 64, 64)),
}  # fmt: skip


def names() -> list[tuple[str, str]]:
    """Return (module, module)."""
    return [(name, name) for name in MAKERS]


def make(name: str) -> Made:
    """Make one."""
    module, kind, options, shape = MAKERS[name]
    net: nn.Module = getattr(importlib.import_module(f"vit_pytorch.{module}"), kind)(**options)
    return net, (image(*shape),)
