"""The private names of torch that convbench uses, each with what happens where a torch lacks it.

Optional names are looked up when they are used; without them convbench does less, and says so:

    fast_path_guards           None: every operator is dispatched; counts are the same, slower
    next_node, current_node    `numbers_nodes` is False: a backward pass is refused with an error
    has_kernel, has_kernel_for False: the operator is unknown, and the count is a lower bound
    SETTINGS                   what is missing is neither read nor put back
    convolution_backend        None: a report says "unknown"
    compiled_graphs            0: what was compiled counts as not compiled, and has no time
    unflattened_as_code        no effect: exported programs are a lower bound, and slower in layers
    without_compiler           no effect: torch's counter loads the compiler, which takes 1 s
    has_context                False: processes on a GPU may count one too many, never one too few

All others are in every torch from 2.6 on, and nothing can be counted without them: AttributeError.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator
from torch.nn.utils.stateless import _reparametrize_module as reparametrized
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["HigherOrderOperator", "reparametrized"]

_C: Any = torch._C
_AUTOGRAD: Any = getattr(_C, "_autograd", None)

without_overrides: Final = _C.DisableTorchFunction
"""Context manager: no function mode and no subclass of Tensor overrides what is called."""
without_subclasses: Final = _C.DisableTorchFunctionSubclass
"""Context manager: no subclass of Tensor overrides what is called."""


class FastPathGuards(NamedTuple):
    """below_modes: a context without dispatch modes. transformed: see its type."""

    below_modes: Callable[[], Any]
    transformed: Callable[[], bool]
    """Tells whether autocast or a function transform (vmap) changes types or shapes."""


def fast_path_guards() -> FastPathGuards | None:
    """Return what a fast path past the dispatcher needs; None where torch lacks a part of it."""
    try:
        key, exclude = _C.DispatchKeySet(_C.DispatchKey.Python), _C._ExcludeDispatchKeyGuard
        casts, transform = _C._is_any_autocast_enabled, _C._functorch.peek_interpreter_stack
    except AttributeError:
        return None
    return FastPathGuards(lambda: exclude(key), lambda: casts() or transform() is not None)


numbers_nodes: Final = hasattr(_AUTOGRAD, "_get_sequence_nr") and hasattr(
    _C, "_current_autograd_node"
)
"""Whether torch tells the numbers of nodes in the graph of autograd."""
next_node: Final[Callable[[], int]] = getattr(_AUTOGRAD, "_get_sequence_nr", lambda: 0)
"""Returns the number of the next node in this thread's graph of autograd."""


def current_node() -> int:
    """Return the number of the node whose backward runs; -1 outside of any."""
    node = _C._current_autograd_node()
    return -1 if node is None else int(node._sequence_nr())


def has_kernel(operator: str) -> bool:
    """Tell whether the dispatcher runs an operator, by its full name."""
    known: Callable[[str], bool] = getattr(_C, "_dispatch_has_kernel", lambda _: False)
    return known(operator)


def has_kernel_for(operator: str, key: str) -> bool:
    """Tell whether an operator has a kernel of its own for a dispatch key."""
    known = getattr(_C, "_dispatch_has_kernel_for_dispatch_key", lambda *_: False)
    return bool(known(operator, key))


def full_name(operator: Any) -> str:
    """Return an operator's name with its namespace: "aten::conv2d"."""
    return str(operator._schema.name)


def parameters(operator: Any) -> Any:
    """Return the description of an operator's arguments, in order."""
    return operator._schema.arguments


def results_of(operator: Any) -> Any:
    """Return the description of what an operator returns, in order."""
    return operator._schema.returns


def weights_of(module: nn.Module) -> dict[str, Any]:
    """Return a module's own parameters by name: what `parameters()` walks the whole tree for."""
    return module._parameters


def buffers_of(module: nn.Module) -> dict[str, Any]:
    """Return a module's own buffers by name."""
    return module._buffers


def children_of(module: nn.Module) -> dict[str, nn.Module | None]:
    """Return a module's children by name, with those that it holds twice."""
    return module._modules


def uncompiled(module: nn.Module) -> nn.Module:
    """Return the module that torch.compile wrapped; any other as it is. Loads the compiler."""
    return module._orig_mod if isinstance(module, torch._dynamo.OptimizedModule) else module


def address(held: Any) -> int:
    """Return what identifies a storage or a generator of random numbers."""
    return int(held._cdata)


def stored(sparse: Tensor) -> int:
    """Return how many elements a sparse COO tensor stores."""
    return int(sparse._nnz())


def hooks_of(tensor: Any) -> tuple[dict[int, Any] | None, ...]:
    """Return the hooks of a tensor, of both kinds; None where it never had any."""
    return tensor._backward_hooks, getattr(tensor, "_post_accumulate_grad_hooks", None)


def convolution_backend(arguments: Any) -> Any:
    """Return the backend that torch chooses for a convolution; None where it tells none."""
    try:
        return _C._select_conv_backend(*arguments)
    except (AttributeError, TypeError):
        return None


def layout_of_convolution(x: Tensor, weight: Tensor) -> torch.memory_format:
    """Return the layout that a convolution computes in: channels last if either is laid out so."""
    from torch._prims_common import suggest_memory_format

    if x.ndim == 4 and torch.channels_last in map(suggest_memory_format, (x, weight)):  # noqa: PLR2004
        return torch.channels_last
    return torch.contiguous_format


def compiled_graphs() -> int:
    """Return how many graphs torch.compile has compiled in this process. Loads the compiler."""
    try:
        from torch._dynamo.utils import counters
    except ImportError:
        return 0
    return counters["stats"]["unique_graphs"]


class DispatchMode(TorchDispatchMode):
    """A dispatch mode of convbench: it does not load torch's compiler (1 s, 70 MB)."""

    def __init__(self) -> None:
        """Call torch's, which has no types."""
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Do without the guard against torch.compile, see `without_compiler`."""
        return False


def unflattened_as_code() -> AbstractContextManager[None]:
    """Have what `torch.export.unflatten` makes run as Python code.

    Otherwise torch interprets its graph: four times as slow, and with a thread for a progress bar.
    """
    from torch.export import unflatten  # a function, and a module of the same name

    module = sys.modules[unflatten.__module__]
    return getattr(module, "_disable_interpreter", nullcontext)()


@contextmanager
def without_compiler(mode: Any) -> Iterator[None]:
    """Run a class of dispatch modes without its guard against torch.compile.

    The guard imports torch's compiler (1 s, 70 MB) to keep it out of the mode. Where the compiler
    is not loaded, nothing is compiled, and the guard is not needed. mode: None for no class.
    """
    guard = vars(mode).get("__torch_dispatch__") if mode else None
    unguarded = getattr(guard, "__wrapped__", None)
    if unguarded is None or "torch._dynamo" in sys.modules:
        yield
        return
    mode.__torch_dispatch__ = unguarded
    try:
        yield
    finally:
        mode.__torch_dispatch__ = guard


def _function_modes() -> list[Any]:
    return [_C._get_function_stack_at(at) for at in range(_C._len_torch_function_stack())]


def _put_function_modes(modes: list[Any]) -> None:
    while _C._len_torch_function_stack():
        _C._pop_torch_function_stack()
    for mode in modes:
        _C._push_on_torch_function_stack(mode)


def _put_device(before: Any) -> None:
    """Put back the default device: none is no attribute, since torch 2.6 would look into None."""
    held = vars(torch._GLOBAL_DEVICE_CONTEXT)
    if before is None:
        held.pop("device_context", None)
    else:
        held["device_context"] = before


def _saving_hooks() -> Any:
    """Return the innermost pair of hooks of tensors that autograd saves, or None."""
    ignore = True  # whether they are traced
    return _AUTOGRAD._top_saved_tensors_default_hooks(ignore)


def _put_saving_hooks(before: Any) -> None:
    while (now := _saving_hooks()) != before and now is not None:
        _AUTOGRAD._pop_saved_tensors_default_hooks()


def _put_saving_disabled(before: Any) -> None:
    if before:
        _AUTOGRAD._saved_tensors_hooks_disable(before)
    else:
        _AUTOGRAD._saved_tensors_hooks_enable()


Setting = tuple[Callable[[], Any], Callable[[Any], Any]]
SETTINGS: Final[tuple[Setting, ...]] = (
    (_function_modes, _put_function_modes),
    (
        lambda: getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None),
        _put_device,
    ),
    (
        lambda: dict(vars(torch._tensor_str.PRINT_OPTS)),
        lambda old: vars(torch._tensor_str.PRINT_OPTS).update(old),
    ),
    (_saving_hooks, _put_saving_hooks),
    (
        getattr(_AUTOGRAD, "_saved_tensors_hooks_get_disabled_error_message", lambda: None),
        _put_saving_disabled,
    ),
)
"""Settings of this thread and of torch: how each is read and written; either may raise
AttributeError. The function modes come first: they see what the others do."""


def has_context(device: int) -> bool:
    """Tell whether this process has a context on a CUDA device."""
    told = getattr(_C, "_cuda_hasPrimaryContext", None)
    return told is not None and bool(told(device))
