"""What a counter left changed in the model, in torch, or in the random state."""

from __future__ import annotations

import pickle
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
)
_FUNCTIONS = (
    (torch.nn.functional, ("conv1d", "conv2d", "conv3d", "conv_transpose2d", "linear", "relu")),
    (torch.nn.functional, ("batch_norm", "softmax", "interpolate", "avg_pool2d", "unfold")),
    (torch, ("matmul", "mm", "bmm", "addmm", "einsum", "conv2d", "mul", "add", "cat")),
    (torch.Tensor, ("matmul", "mm", "__matmul__", "mul", "__mul__", "add", "__add__", "sum")),
    (nn.Module, ("__call__", "_call_impl", "forward")),
)
_KEYS, _VALUES, _PICKLES = "state_dict keys", "state_dict values", "picklability"

State = dict[str, Any]
"""What is compared, by name: taken before a count, and again after it."""


def take(module: nn.Module) -> State:
    """Copy what a counter could change."""
    stateful = bool(list(module.parameters()) or list(module.buffers()))
    held = module.state_dict(keep_vars=True) if stateful else {}
    parts, parameters = list(module.modules()), list(module.parameters())
    return {
        _KEYS: tuple(held),
        _VALUES: [
            value.detach().clone()
            for value in held.values()
            if isinstance(value, torch.Tensor) and not is_lazy(value)
        ],
        "gradients": [None if p.grad is None else p.grad.clone() for p in parameters],
        "train flags": [part.training for part in parts],
        "requires_grad": [parameter.requires_grad for parameter in parameters],
        "hooks": [len(getattr(part, name, ())) for part in parts for name in _HOOKS],
        "attributes": [sorted(vars(part)) for part in parts],
        "random state": torch.get_rng_state(),
        "torch's functions": [
            getattr(owner, name) for owner, names in _FUNCTIONS for name in names
        ],
        _PICKLES: _pickles(module),
    }


def changes(before: State, after: State) -> tuple[str, ...]:
    """Name what differs, in a fixed order; empty where everything is as it was.

    Values are compared only where the keys are the same, and a module may begin to pickle.
    """
    found = [name for name, old in before.items() if not _same(old, after[name])]
    if _KEYS in found:
        found = [name for name in found if name != _VALUES]
    return tuple(name for name in found if name != _PICKLES or before[_PICKLES])


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, list):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        return old.shape == new.shape and old.dtype == new.dtype and torch.equal(old, new)
    return old is new or (not isinstance(old, torch.Tensor) and bool(old == new))


def _pickles(module: nn.Module) -> bool:
    try:
        pickle.dumps(module)
    except Exception:  # noqa: BLE001  a module may fail to pickle in any way
        return False
    return True
