"""The function mode that answers common calls by the rules of `shape_rules`, on the meta device."""

from __future__ import annotations

from typing import Any, Final
from weakref import ref

import torch
from torch import Tensor

from convbench.core.torch_internals import fast_path_guards
from convbench.counting.engine.dispatch import Dispatch
from convbench.counting.engine.function_mode import FunctionMode
from convbench.counting.engine.shape_rules import FAST

_ROOM: Final = 1 << 44
"""Elements of the one meta storage that every answer is a view of: it holds no memory."""


_LAYERS: Final = frozenset({"convolution", "linear", "dropout"})
"""Of what is answered, what is no map of each element by itself, or leaves it as it is."""


class FastPath(FunctionMode):
    """Answer a call if it is one of FAST on plain tensors; otherwise let it run, and be dispatched.

    Nothing is answered under a function transform (vmap) or autocast, which change shapes and data
    types, nor where torch lacks `fast_path_guards`.
    """

    def __init__(
        self, dispatch: Dispatch, device: torch.device | None = None, *, mixed: bool = False
    ) -> None:
        """Record answers where the dispatch mode records operators."""
        super().__init__(dispatch, device, mixed=mixed)
        guards = fast_path_guards()
        self._answers = FAST if guards is not None else {}
        self._guards: Any = guards
        self._strides: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._bases: dict[torch.dtype, Tensor] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Answer, or run."""
        answer = self._answers.get(func)
        if answer is not None and args:
            x = args[0]
            if (
                type(x) is Tensor
                and x.is_meta
                and x.is_contiguous()  # answers are: torch's keep another layout, which views feel
                and x not in self.dispatch.weights
                and x not in self.dispatch.known.padding  # its convolution is counted with it
                and not self._guards.transformed()
            ):
                found = answer(*args, **kwargs) if kwargs else answer(*args)
                if found is not None:
                    known = self.dispatch.made.get(id(x))
                    if known is None or known() is not x:
                        self.dispatch.check_known((x,))
                    if self.dispatch.recorder.used is not None:
                        self.dispatch.mark_used((*args, *(kwargs or {}).values()))
                    return self._recorded(found, args)
        return super().__torch_function__(func, types, args, kwargs)

    def _recorded(self, found: Any, args: Any) -> Any:
        name, shape, counts = found
        dispatch, known, x = self.dispatch, self.dispatch.known, args[0]
        result = x if not shape else self._made(shape, x.dtype)
        if name in {"mul", "add"}:
            known.see(name, args, result)
        elif name == "adaptive_avg_pool":
            known.see("adaptive_avg_pool2d", args, result)
        elif name not in _LAYERS:
            known.mapped(name, x, result)
        dispatch.recorder.events.append((dispatch.recorder.path, name, counts, x.element_size()))
        return result

    def _made(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        strides = self._strides.get(shape)
        if strides is None:
            step, backwards = 1, []
            for length in reversed(shape):
                backwards.append(step)
                step *= length
            strides = self._strides[shape] = tuple(reversed(backwards))
        with self._guards.below_modes():
            base = self._bases.get(dtype)
            if base is None:
                base = self._bases[dtype] = torch.empty(_ROOM, dtype=dtype, device="meta")
                self.dispatch.mark_known((base,))
            made = base.as_strided(shape, strides)
        self.dispatch.made[id(made)] = ref(made)
        return made
