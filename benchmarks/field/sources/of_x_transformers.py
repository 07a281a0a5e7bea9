"""x-transformers: its transformer with one option after another."""

from __future__ import annotations

from typing import Any

from x_transformers import (
    ContinuousTransformerWrapper,
    Decoder,
    Encoder,
    TransformerWrapper,
    ViTransformerWrapper,
)

from sources import Made, image, tokens

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rotary": {"rotary_pos_emb": True},
    "alibi": {"alibi_pos_bias": True},
    "relative": {"rel_pos_bias": True},
    "glu": {"ff_glu": True},
    "swish glu": {"ff_glu": True, "ff_swish": True},
    "relu squared": {"ff_relu_squared": True},
    "rmsnorm": {"use_rmsnorm": True},
    "simple rmsnorm": {"use_simple_rmsnorm": True},
    "scalenorm": {"use_scalenorm": True},
    "qk norm": {"attn_qk_norm": True},
    "one kv head": {"attn_one_kv_head": True},
    "grouped kv": {"attn_kv_heads": 2},
    "talking heads": {"attn_pre_talking_heads": True},
    "memory": {"attn_num_mem_kv": 4},
    "gated values": {"attn_gate_values": True},
    "head scale": {"attn_head_scale": True},
    "sandwich norm": {"sandwich_norm": True},
    "macaron": {"macaron": True},
    "residual attention": {"residual_attn": True},
    "gated residual": {"gate_residual": True},
    "flash": {"attn_flash": True},
    "shift tokens": {"shift_tokens": 1},
    "sparse topk": {"attn_sparse_topk": 4},
}


def names() -> list[tuple[str, str]]:
    """Return (way, option)."""
    ways = [(kind, f"{kind}, {option}") for option in OPTIONS for kind in ("decoder", "encoder")]
    return [*ways, ("vit", "vit, plain"), ("continuous", "continuous, plain")]


def make(name: str) -> Made:
    """Make one."""
    kind, _, option = name.partition(", ")
    layers = (Decoder if kind == "decoder" else Encoder)(
        dim=64, depth=2, heads=4, **OPTIONS[option]
    )
    if kind == "vit":
        return ViTransformerWrapper(
            image_size=64, patch_size=8, num_classes=10, attn_layers=layers
        ), (image(3, 64, 64),)
    if kind == "continuous":
        return ContinuousTransformerWrapper(
            dim_in=32, dim_out=16, max_seq_len=64, attn_layers=layers
        ), (image(64, 32),)
    return TransformerWrapper(num_tokens=100, max_seq_len=64, attn_layers=layers), (tokens(64),)
