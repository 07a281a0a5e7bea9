"""What may be counted, as a module: a module itself, an exported program, a function of tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from convbench.core.modules import KIND
from convbench.counting.engine.captures import held
from convbench.counting.engine.errors import ProfileError
from convbench.counting.engine.recorder import Recorder

_OUTSIDE: WeakKeyDictionary[nn.Module, dict[int, nn.Module]] = WeakKeyDictionary()
"""Modules that ran in a function and are none of its parts; what itself holds is put back."""


class Called(nn.Module):
    """A function as a module, with the modules that it holds as parts: its weights are those used.

    loose: parameters that it holds and that are in none of them.
    """

    called: Callable[..., Any]
    loose: dict[str, Tensor]

    def __init__(self, function: Callable[..., Any]) -> None:
        """Name it as the function is named."""
        super().__init__()
        vars(self)["called"] = function
        inner = function
        while isinstance(inner, partial):
            inner = inner.func
        vars(self)[KIND] = str(getattr(inner, "__name__", type(inner).__name__))
        modules, loose = held(function)
        vars(self)["loose"] = loose
        for name, module in modules.items():
            self._modules[name] = module
        for name, weight in loose.items():
            own: dict[str, Any] = self._parameters
            own[name] = weight  # a plain tensor, it may be

    def adopt(self) -> bool:
        """Take modules that ran and that it was not seen to hold for parts; tell whether it did."""
        ran = _OUTSIDE.pop(self, {})
        known = {id(part) for part in self.modules()}
        new = [part for key, part in ran.items() if key not in known]
        inside = {id(part) for module in new for part in list(module.modules())[1:]}
        for part in new:
            if id(part) not in inside:
                self._modules[f"{type(part).__name__.lower()}_{len(self._modules)}"] = part
        return bool(new)

    def forward(self, *inputs: Any) -> Any:
        """Call the function."""
        return self.called(*inputs)


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
        from convbench.networks.exported_modules import layered

        return layered(given)
    if callable(given):
        return Called(given)
    raise ProfileError(
        f"An object of type {type(given).__name__} cannot be counted: give a torch.nn.Module, an "
        "exported program or a function of tensors, and its inputs after it."
    )


def recorder_of(module: nn.Module, *, shapes: bool) -> Recorder:
    """Return a recorder for a module; of a function, only what it uses is its own."""
    recorder = Recorder(module, shapes=shapes)
    if isinstance(module, Called):
        recorder.used, recorder.outside = set(), _OUTSIDE.setdefault(module, {})
    return recorder


def took_part(recorder: Recorder, stand_ins: Mapping[int, Tensor]) -> None:
    """Note the use of tensors that others stood for, which are given by id."""
    if recorder.used is not None:
        recorder.used.update(id(stand_ins[key]) for key in recorder.used & stand_ins.keys())
