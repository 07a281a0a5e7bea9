"""What a counter left changed in the model, in torch, or in the random state."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

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


@dataclass(frozen=True, kw_only=True)
class State:
    """What is compared: taken before a count, and again after it."""

    keys: tuple[str, ...]
    values: tuple[torch.Tensor, ...]
    gradients: tuple[torch.Tensor | None, ...]
    modes: tuple[bool, ...]
    wanted: tuple[bool, ...]
    hooks: tuple[int, ...]
    attributes: tuple[tuple[str, ...], ...]
    random: torch.Tensor
    functions: tuple[Any, ...]
    pickles: bool


def take(module: nn.Module, *, attributes: bool = True) -> State:
    """Copy what a counter could change."""
    held = module.state_dict(keep_vars=True) if _has_state(module) else {}
    parts = list(module.modules())
    parameters = list(module.parameters())
    return State(
        keys=tuple(held),
        values=tuple(_copy(value) for value in held.values() if _solid(value)),
        gradients=tuple(None if p.grad is None else p.grad.clone() for p in parameters),
        modes=tuple(part.training for part in parts),
        wanted=tuple(parameter.requires_grad for parameter in parameters),
        hooks=tuple(len(getattr(part, name, ())) for part in parts for name in _HOOKS),
        attributes=tuple(tuple(sorted(vars(part))) for part in parts) if attributes else (),
        random=torch.get_rng_state(),
        functions=tuple(getattr(owner, name) for owner, names in _FUNCTIONS for name in names),
        pickles=_pickles(module),
    )


def changes(before: State, after: State) -> tuple[str, ...]:
    """Name what differs, in a fixed order; empty where everything is as it was."""
    same_values = len(before.values) == len(after.values) and all(
        _equal(old, new) for old, new in zip(before.values, after.values, strict=True)
    )
    same_gradients = len(before.gradients) == len(after.gradients) and all(
        _equal(old, new) for old, new in zip(before.gradients, after.gradients, strict=True)
    )
    tests = {
        "state_dict keys": before.keys == after.keys,
        "state_dict values": same_values or before.keys != after.keys,
        "gradients": same_gradients,
        "train flags": before.modes == after.modes,
        "requires_grad": before.wanted == after.wanted,
        "hooks": before.hooks == after.hooks,
        "attributes": before.attributes == after.attributes,
        "random state": torch.equal(before.random, after.random),
        "torch's functions": all(
            old is new for old, new in zip(before.functions, after.functions, strict=True)
        ),
        "picklability": after.pickles or not before.pickles,
    }
    return tuple(name for name, unchanged in tests.items() if not unchanged)


def _has_state(module: nn.Module) -> bool:
    return bool(list(module.parameters()) or list(module.buffers()))


def _solid(value: Any) -> bool:
    from torch.nn.parameter import is_lazy

    return isinstance(value, torch.Tensor) and not is_lazy(value)


def _copy(value: torch.Tensor) -> torch.Tensor:
    return value.detach().clone()


def _equal(old: torch.Tensor | None, new: torch.Tensor | None) -> bool:
    if old is None or new is None:
        return old is new
    return old.shape == new.shape and old.dtype == new.dtype and bool(torch.equal(old, new))


def _pickles(module: nn.Module) -> bool:
    try:
        pickle.dumps(module)
    except Exception:  # noqa: BLE001  a module may fail to pickle in any way
        return False
    return True
