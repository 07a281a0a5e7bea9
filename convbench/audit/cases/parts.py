"""Small modules that several families of cases are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


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
