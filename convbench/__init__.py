"""convbench says what a convolution costs: derived by formula, counted, and timed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convbench.api import (
        build,
        compare,
        cost,
        count,
        formula,
        load_run,
        measure,
        profile,
        sweep,
    )
    from convbench.spec import ConvSpec

__version__ = "0.1.0"
__all__ = [
    "ConvSpec",
    "build",
    "compare",
    "cost",
    "count",
    "formula",
    "load_run",
    "measure",
    "profile",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import convbench` imports no torch."""
    if name == "ConvSpec":
        from convbench.spec import ConvSpec

        return ConvSpec
    if name in __all__:
        from convbench import api

        return getattr(api, name)
    raise AttributeError(f"module 'convbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
