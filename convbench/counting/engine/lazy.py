"""Modules with lazy layers: a copy whose layers have the shapes that the inputs give them."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from convbench.counting.engine.errors import refusal
from convbench.counting.engine.module_tensors import meta_copy, real_leaf
from convbench.counting.engine.pytree import mapped


def settled(module: nn.Module, inputs: tuple[Any, ...]) -> nn.Module:
    """Return a copy whose lazy layers have taken the shapes that the inputs give them."""
    with torch.random.fork_rng(), torch.no_grad():
        try:
            subject = _copied(module).to("meta")
            subject(*mapped(inputs, meta_copy))
        except Exception:  # noqa: BLE001  whatever it is, running it will tell
            subject = _copied(module)
            try:
                subject(*mapped(inputs, real_leaf))
            except Exception as error:
                raise refusal(module, inputs, error) from error
    return subject


def _copied(module: nn.Module) -> nn.Module:
    made: Any = nn.UninitializedBuffer
    blank = {
        id(buffer): made(device=buffer.device, dtype=buffer.dtype)
        for buffer in module.buffers()
        if is_lazy(buffer)  # which torch cannot copy itself
    }
    return copy.deepcopy(module, blank)
