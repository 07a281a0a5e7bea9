"""Types, networks, counters and stopwatches of your own, brought in by file or module name."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from convbench.core.errors import ConvbenchError


class PluginError(ConvbenchError):
    """A plugin that cannot be imported."""


_PREFIX: Final = "convbench_plugin_"


def brought_by(thing: Any) -> str:
    """Return what `load_plugin` is given in another process for it to have a thing too."""
    module = str(thing.__module__)
    return str(sys.modules[module].__file__) if module.startswith(_PREFIX) else module


def import_file(path: Path) -> ModuleType:
    """Import a Python file, wherever it lies; raises what it raises."""
    module = f"{_PREFIX}{path.stem}"
    spec = importlib.util.spec_from_file_location(module, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python file: give one that ends in .py.")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def load_plugin(name: str) -> None:
    """Import a Python file (a path that ends in .py) or a module, which registers what it brings.

    Raises PluginError with what went wrong.
    """
    try:
        if not name.endswith(".py"):
            importlib.import_module(name)
            return
        path = Path(name)
        if not path.is_file():
            raise PluginError(f"--plugin {name}: there is no such file. Check the path.")
        import_file(path)
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(
            f"--plugin {name} cannot be imported: {type(error).__name__}: {error}. Mend it, or "
            "leave the option out."
        ) from error
