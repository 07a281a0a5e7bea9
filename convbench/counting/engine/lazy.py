"""Modules with lazy layers: a copy whose layers have the shapes that the inputs give them."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from convbench.core.random_state import gpus_in_use
from convbench.counting.engine.errors import refusal
from convbench.counting.engine.module_tensors import meta_copy, real_leaf
from convbench.counting.engine.pytree import Given, mapped


def settled(module: nn.Module, given: Given) -> nn.Module:
    """Return a copy whose lazy layers have taken the shapes that the inputs give them."""
    with torch.random.fork_rng(devices=gpus_in_use()), torch.no_grad():
        try:
            subject = _copied(module).to("meta")
            mapped(given, meta_copy).call(subject)
        except Exception:  # noqa: BLE001  whatever it is, running it will tell
            subject = _copied(module)
            try:
                mapped(given, real_leaf).call(subject)
            except Exception as error:
                raise refusal(module, given, error) from error
    return subject


def _copied(module: nn.Module) -> nn.Module:
    made: Any = nn.UninitializedBuffer
    blank = {
        id(buffer): made(device=buffer.device, dtype=buffer.dtype)
        for buffer in module.buffers()
        if is_lazy(buffer)  # which torch cannot copy itself
    }
    return copy.deepcopy(module, blank)
