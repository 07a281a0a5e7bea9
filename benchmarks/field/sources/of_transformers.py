"""transformers: the base model of every configuration that can be made by default."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, MODEL_MAPPING, AutoModel

from sources import Made, Named, image, tokens

DEPTHS = ("num_hidden_layers", "num_layers", "n_layer", "encoder_layers", "decoder_layers", "depth")
MOST_LAYERS = 4
"""Layers repeat: four of a language model say as much as its sixty."""


def names() -> list[tuple[str, str]]:
    """Return (type, type) of all configurations with a base model."""
    transformers.logging.set_verbosity_error()
    known = set(MODEL_MAPPING.keys())
    return [(name, name) for name in sorted(CONFIG_MAPPING) if CONFIG_MAPPING[name] in known]


def make(name: str) -> Made:
    """Make one from its default configuration, of at most four layers."""
    config = CONFIG_MAPPING[name]()
    config.use_cache = False
    for key in DEPTHS:
        depth = getattr(config, key, None)
        if isinstance(depth, int) and depth > MOST_LAYERS and not hasattr(config, "layer_types"):
            setattr(config, key, MOST_LAYERS)
    net = AutoModel.from_config(config)
    given = _inputs(net, config)
    return Named(net, tuple(given)), tuple(given.values())


def _inputs(net: Any, config: Any) -> dict[str, torch.Tensor]:
    main = net.main_input_name
    if main == "pixel_values":
        size = getattr(config, "image_size", None) or 224
        size = size if isinstance(size, list | tuple) else (size, size)
        channels = getattr(config, "num_channels", 3)
        found = {main: image(channels, *size)}
    elif main == "pixel_values_videos":
        found = {main: image(getattr(config, "num_frames", 16), 3, 224, 224)}
    elif main == "input_values":
        found = {main: torch.rand((1, 16000), device="cpu")}
    elif main == "input_features":
        mels = getattr(config, "num_mel_bins", 80)
        steps = 2 * getattr(config, "max_source_positions", 1500)
        found = {main: torch.rand((1, mels, steps), device="cpu")}
    else:
        found = {"input_ids": tokens(32)}
    text = getattr(config, "text_config", None)
    vision = getattr(config, "vision_config", None)
    if main == "input_ids" and text is not None and hasattr(config, "projection_dim"):
        size = getattr(vision, "image_size", 224)
        found["pixel_values"] = image(3, size, size)  # CLIP and its like
    if getattr(config, "is_encoder_decoder", False):
        found["decoder_input_ids"] = tokens(8)
    return found
