"""Every model of timm, at its own input size."""

from __future__ import annotations

import timm

from sources import Made, by_turns, image


def names() -> list[tuple[str, str]]:
    """Return (module of timm, model), each module's shortest name first."""
    return by_turns(
        [
            (module, name)
            for module in timm.list_modules()
            for name in timm.list_models(module=module)
        ]
    )


def make(name: str) -> Made:
    """Make one without weights."""
    net = timm.create_model(name, pretrained=False)
    return net, (image(*net.pretrained_cfg["input_size"]),)
