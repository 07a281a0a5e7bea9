"""What may be counted, as a module: a module itself, an exported program, a function of tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from torch import nn

from convbench.profiling.ledger import KIND
from convbench.profiling.refusals import ProfileError


class Called(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        """Name it as the function is named."""
        super().__init__()
        self.function = function
        vars(self)[KIND] = str(getattr(function, "__name__", type(function).__name__))

    def forward(self, *inputs: Any) -> Any:
        """Call the function."""
        return self.function(*inputs)


def as_module(given: Any) -> nn.Module:
    """Return a module that does what was given; ProfileError for what cannot be called."""
    if isinstance(given, type) and issubclass(given, nn.Module):
        raise ProfileError(
            f"{given.__name__} is a class of modules, not a module: make one, {given.__name__}(…)."
        )
    if isinstance(given, nn.Module):
        return given
    exported: Any = sys.modules.get("torch.export")
    if exported is not None and isinstance(given, exported.ExportedProgram):
        from convbench.profiling.exported import layered

        return layered(given)
    if callable(given):
        return Called(given)
    raise ProfileError(
        f"An object of type {type(given).__name__} cannot be counted: give a torch.nn.Module, an "
        "exported program or a function of tensors, and its inputs after it."
    )
