"""The function mode: meta tensors report a real device, and changes of tensors are noted first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from convbench.counting.engine.dispatch import Dispatch
from convbench.counting.engine.module_state import State
from convbench.counting.engine.pytree import mapped, tensors_in


def _is(kind: str) -> Callable[[torch.device], bool]:
    return lambda device: device.type == kind


_QUERIES: Final[dict[Any, Callable[[torch.device], Any]]] = {
    Tensor.device.__get__: lambda device: device,
    Tensor.get_device: lambda device: -1 if device.index is None else device.index,
    **{
        getattr(Tensor, f"is_{kind}").__get__: _is(kind)
        for kind in ("cpu", "cuda", "meta", "mps", "xpu")
    },
}
_LEAVES: Final = frozenset({Tensor.numpy, Tensor.__array__, Tensor.__dlpack__, Tensor.tolist})
"""What hands numbers to other libraries; tensors that are made of such may have been multiplied."""

_WHOLE: Final = frozenset({functional.rms_norm, torch.rms_norm})
"""Norms that torch takes apart: what they multiply is part of the norm, as in any other."""
_GRAD: Final[Any] = Tensor.grad
_DATA: Final[Any] = Tensor.data
_KEEPS: Final[dict[Any, Callable[[State, Any], None]]] = {
    **dict.fromkeys(
        (Tensor.backward, torch.autograd.backward, _GRAD.__set__, _GRAD.__delete__),
        lambda state, _: state.keep_gradients(),
    ),
    **dict.fromkeys(
        (Tensor.register_hook, Tensor.register_post_accumulate_grad_hook), State.keep_hooks
    ),
    **dict.fromkeys(
        (
            *(_DATA.__set__, Tensor.resize_, Tensor.as_strided_),
            *(Tensor.t_, Tensor.transpose_, Tensor.squeeze_, Tensor.unsqueeze_),
        ),
        State.keep_data,
    ),
}
"""Calls that change more of a tensor than its values, and what is kept of it before."""


class FunctionMode(TorchFunctionMode):
    """Let code that looks at a tensor's device take the way it takes when it computes.

    device: what meta tensors report; None: their own. What a call raises is kept in the dispatch
    mode: code that catches it takes another branch. mixed: a call that torch refuses because real
    tensors stand beside others is tried once more without real ones.
    """

    def __init__(self, dispatch: Dispatch, device: torch.device | None, *, mixed: bool) -> None:
        """See the class."""
        super().__init__()
        self.dispatch, self.device, self.mixed = dispatch, device, mixed

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Answer, or run."""
        if self.device is not None:
            query = _QUERIES.get(func)
            if query is not None and args[0].is_meta:
                return query(self.device)
        keep = _KEEPS.get(func)
        if keep is not None and self.dispatch.state is not None:
            keep(self.dispatch.state, args[0])
        if func in _LEAVES:
            self.dispatch.read(args[:1])
            if args[0].is_floating_point():
                self.dispatch.exported = True
                if func is not Tensor.tolist:
                    self.dispatch.recorder.miss("numbers given to another library, such as NumPy")
        kwargs = kwargs or {}
        before = self.dispatch.error
        try:
            return self._called(func, args, kwargs)
        except Exception as error:
            self.dispatch.error = self.dispatch.error or error
            if not self.mixed or not _mixed(args, kwargs):
                raise
        result = func(*mapped(args, self._meta), **mapped(kwargs, self._meta))
        self.dispatch.error = before
        return result

    def _called(self, func: Any, args: Any, kwargs: Any) -> Any:
        result = func(*args, **kwargs)
        if func in _WHOLE and not self.dispatch.known.backward:
            self.dispatch.known.normed((*args, *kwargs.values())[0], result)
        return result

    def _meta(self, tensor: Tensor) -> Tensor:
        return tensor if tensor.is_meta else self.dispatch.meta(tensor)


def _mixed(args: Any, kwargs: Any) -> bool:
    return len({item.is_meta for item in tensors_in((args, kwargs))}) > 1
