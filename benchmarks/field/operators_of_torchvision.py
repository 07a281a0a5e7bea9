"""What importing torchvision asks for, where its compiled part does not load.

No network that is counted needs that part, but nms, which multiplies nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch

_LIBRARIES: list[torch.library.Library] = []


def declared() -> None:
    """Declare torchvision's operators nms and qnms, if nothing has."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:  # operator torchvision::nms does not exist
        _declare()
        # what multiplies falls back to Python; only this question stands in the way of detectors
        boxes: Any = importlib.import_module("torchvision.ops.boxes")
        boxes._assert_has_ops = lambda: None  # noqa: SLF001


def _declare() -> None:
    if _LIBRARIES or hasattr(torch.ops.torchvision, "nms"):
        return
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl(
        "nms",
        lambda dets, *_: torch.arange(len(dets), device=dets.device),
        "CompositeExplicitAutograd",
    )
    _LIBRARIES.append(library)
