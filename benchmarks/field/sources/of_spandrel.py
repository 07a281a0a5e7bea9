"""spandrel: networks that restore and enlarge images, by default."""

from __future__ import annotations

import importlib
import pkgutil

import spandrel.architectures
from torch import nn

from sources import Made, image


def names() -> list[tuple[str, str]]:
    """Return (architecture, architecture)."""
    found = pkgutil.iter_modules(spandrel.architectures.__path__)
    return [(item.name, item.name) for item in found if not item.name.startswith("__")]


def make(name: str) -> Made:
    """Make the architecture's first network that needs no argument."""
    package = importlib.import_module(f"spandrel.architectures.{name}")
    kinds = [
        thing
        for key, thing in vars(package).items()
        if isinstance(thing, type) and issubclass(thing, nn.Module) and not key.startswith("_")
    ]
    errors = []
    for kind in kinds:
        try:
            return kind(), (image(getattr(kind, "in_channels", 3), 64, 64),)
        except TypeError as error:  # it has no defaults
            errors.append(str(error))
    raise TypeError("; ".join(errors) or "no network")
