"""Import torchvision and timm where torchvision's compiled part does not load."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")
_LIBRARIES: list[Any] = []
_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def declare_operators() -> None:
    """Declare the operators that importing torchvision asks for, where they are missing.

    A torchvision whose compiled part does not fit the torch beside it cannot be imported, although
    no layer that is counted here needs that part. Nothing happens where it loads, or is absent.
    """
    import torch

    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None or _LIBRARIES or hasattr(torch.ops.torchvision, "nms"):
        return
    for binary in Path(found.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(str(binary))
        except OSError:
            continue
        return
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS.values():
        library.define(schema)
    _LIBRARIES.append(library)


def importing(load: Callable[[], Found]) -> Found:
    """Return what `load` gives; where torchvision's compiled part does not load, without it."""
    try:
        return load()
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    declare_operators()
    return load()


def import_timm() -> Any:
    """Return timm with its layers."""
    declare_operators()
    importlib.import_module("timm.layers")
    return importlib.import_module("timm")
