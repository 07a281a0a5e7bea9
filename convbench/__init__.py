"""convbench says what a convolution costs: derived by formula, counted, and timed."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from convbench.core.notebook_views import VIEWS
from convbench.core.version import __version__ as __version__

if TYPE_CHECKING:
    from convbench.api import (
        build,
        compare,
        cost,
        count,
        formula,
        load_run,
        measure,
        predict,
        profile,
        sweep,
    )
    from convbench.core.spec import ConvSpec

__all__ = [
    "ConvSpec",
    "build",
    "compare",
    "cost",
    "count",
    "formula",
    "load_run",
    "measure",
    "predict",
    "profile",
    "sweep",
]


for _view in ("costs", "formulas", "measurements", "plots", "profiles", "runs", "tallies"):
    VIEWS[_view] = partial(import_module, f"convbench.ui.notebook.{_view}")


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import convbench` imports no torch."""
    if name == "ConvSpec":
        from convbench.core.spec import ConvSpec

        return ConvSpec
    if name in __all__:
        from convbench import api

        return getattr(api, name)
    raise AttributeError(f"module 'convbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
