"""open_clip: every model, with an image and a text."""

from __future__ import annotations

import open_clip

from sources import Made, image, tokens


def names() -> list[tuple[str, str]]:
    """Return (name up to the first dash, name)."""
    return [(name.partition("-")[0], name) for name in sorted(open_clip.list_models())]


def make(name: str) -> Made:
    """Make one without weights."""
    net = open_clip.create_model(
        name,
        pretrained=None,
        pretrained_image=False,
        pretrained_text=False,
        pretrained_hf=False,
        output_dict=False,
    )
    size = net.visual.image_size
    size = size if isinstance(size, tuple) else (size, size)
    length = getattr(net, "context_length", 77) or 77
    return net, (image(3, *size), tokens(length))
