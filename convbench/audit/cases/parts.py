"""Small modules that several families of cases are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from convbench.audit.case import Program, case


def conv(inputs: int, outputs: int, kernel: Any = 1, **knobs: Any) -> nn.Conv2d:
    """Return a convolution in two dimensions, without bias."""
    return nn.Conv2d(inputs, outputs, kernel, bias=False, **knobs)


def same(inputs: int = 8, outputs: int = 6, **knobs: Any) -> nn.Conv2d:
    """Return a 3×3 convolution that keeps the size of its image."""
    return conv(inputs, outputs, 3, padding=1, **knobs)


class Forward(nn.Module):
    """A module whose forward is a given function of the module and its inputs."""

    def __init__(self, forward: Callable[..., Any], **parts: nn.Module | torch.Tensor) -> None:
        """parts: modules, or tensors that become parameters, by attribute name."""
        super().__init__()
        for name, part in parts.items():
            value = part if isinstance(part, nn.Module) else nn.Parameter(part)
            setattr(self, name, value)
        self.calls = forward

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Call the given function; named inputs, by whatever name, come after the others."""
        return self.calls(self, *inputs, *named.values())


def image(*shape: int) -> tuple[torch.Tensor]:
    """Return one random input of that shape."""
    return (torch.randn(*shape),)


def forward(
    id: str,  # noqa: A002  as in `case`
    count: str,
    inputs: tuple[int, ...] | Callable[[], tuple[Any, ...]],
    *,
    note: str = "",
    backward: bool = False,
    **parts: tuple[int, ...] | Callable[[], nn.Module | torch.Tensor],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register as a case a module whose forward is the decorated function.

    inputs: the shape of one random input, or what makes them all. parts: of the module, by
    attribute name, the shape of a random parameter, or what makes it.
    """

    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        @case(id, count, note=note, backward=backward)
        def build() -> Program:
            made = {
                name: torch.randn(part) if isinstance(part, tuple) else part()
                for name, part in parts.items()
            }
            given = image(*inputs) if isinstance(inputs, tuple) else inputs()
            return Forward(function, **made), given

        return function

    return keep
