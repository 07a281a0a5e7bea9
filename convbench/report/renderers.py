"""What a renderer is, and all that are registered: each a file or folder in `formats`.

A format is for files (RENDERERS) or for the screen (SCREENS); no name is in both. Some of those for
files write a table by itself, too (TABLES).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from convbench.core.registry import Registry

if TYPE_CHECKING:
    from rich.console import Console

    from convbench.report.document import Document
    from convbench.report.one_table import OneTable

Files: TypeAlias = Mapping[str, bytes]
"""Content of files, by their path below the output folder, with forward slashes."""

Renderer: TypeAlias = "Callable[[Document], Files]"
"""Turns a document into files. The same document gives the same bytes, whenever and wherever.

One that needs an extra raises MissingExtraError where that is not installed.
"""

Screen: TypeAlias = "Callable[[Document, Console], None]"
"""Prints a document to a terminal, as wide and as coloured as the console says, and no file."""


def _load_renderers() -> None:
    import convbench.report.formats as package

    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        importlib.import_module(f"{package.__name__}.{module.name}")


RENDERERS: Final[Registry[Renderer]] = Registry("report format", _load_renderers)
"""Every report format by name; add one with `@RENDERERS.register("name")`."""

SCREENS: Final[Registry[Screen]] = Registry("report format", _load_renderers)
"""Every format that is printed by name; add one with `@SCREENS.register("name")`."""

TABLES: Final[Registry[Callable[[OneTable], Files]]] = Registry(
    "format of a single table", _load_renderers
)
"""Every format for files that writes one table by itself, as one file, by name."""
