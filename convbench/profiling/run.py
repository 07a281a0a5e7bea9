"""`profile`: count any module, forward and backward, and leave it as it was."""

from __future__ import annotations

import copy
import sys
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parameter import is_lazy

from convbench.counting.base import untouched
from convbench.errors import ConvbenchError
from convbench.profiling.backward import count_backward
from convbench.profiling.engine import Dispatch, Ledger, Weights, watching
from convbench.profiling.fast import Fast
from convbench.profiling.profile import Profile

_FLOAT = {"FloatFunctional", "FXFloatFunctional"}
"""Of torch's package of quantised layers, those that compute in floats."""


_CONTAINERS = {dict, OrderedDict, list, set}


class ProfileError(ConvbenchError):
    """A module that cannot be run, neither by shapes nor for real."""


class UnknownOperatorError(ConvbenchError):
    """Operators without a rule, when `strict` asked for none."""


def profile(
    module: nn.Module, *inputs: Any, backward: bool = False, strict: bool = False
) -> Profile:
    """Count what module(*inputs) multiplies, by the operators that run.

    Nothing is computed and no weight is copied: shapes alone are followed, on the meta device. A
    module that decides by its data, or is quantised or scripted, is run for real instead, and the
    profile says so. backward: count the gradients of all weights, and of the inputs that require
    them, too. strict: raise UnknownOperatorError for an operator without a rule; otherwise the
    total is a lower bound, and says so. The module is left as it was.

    Raises ProfileError when the module cannot be run on these inputs.
    """
    if any(map(is_lazy, _tensors_of(module))):
        module = _settled(module, inputs)
    found: Profile | None = None
    why = _must_run(module) or ""
    if not why:
        for attempt in (_by_shapes,) if backward else (_by_shapes, _by_twins):
            try:
                with _as_it_was(module) as subject:
                    found = attempt(subject, inputs, backward=backward)
                break
            except Exception as error:  # noqa: BLE001  whatever it is, running it will tell
                why = f"{type(error).__name__}: {_first(error)}"
    if found is None:
        with _as_it_was(module) as subject:
            found = _for_real(subject, inputs, why, backward=backward)
    if strict and found.unsupported:
        names = ", ".join(f"{name} (×{calls})" for name, calls in found.unsupported.items())
        raise UnknownOperatorError(
            f"{type(module).__name__} runs operators without a counting rule: {names}. The total, "
            f"{found.total.multiplications:,}, is a lower bound; leave strict out to take it so."
        )
    return found


def _by_shapes(module: nn.Module, inputs: tuple[Any, ...], *, backward: bool) -> Profile:
    ledger = Ledger(module)
    if backward:
        return count_backward(module, _mapped(inputs, _meta_leaf), ledger, how="shapes")
    weights = Weights(*_held(module))
    dispatch = Dispatch(ledger, weights, real=False)
    with torch.inference_mode(mode=False), torch.no_grad(), _set_up(), watching(ledger):
        with dispatch, Fast(dispatch):
            module(*_mapped(inputs, _meta))
    return Profile.of(module, ledger, how="shapes")


def _by_twins(module: nn.Module, inputs: tuple[Any, ...], *, backward: bool) -> Profile:
    """Follow shapes once more, with every weight's twin on the meta device in its place.

    Slower, and right where torch looks at devices and data types before it dispatches anything.
    """
    del backward  # the backward pass works on twins in any case
    ledger = Ledger(module)
    parameters = {name: _meta(tensor) for name, tensor in module.named_parameters()}
    buffers = {name: _meta(tensor) for name, tensor in module.named_buffers()}
    twins = {**parameters, **buffers}
    weights = Weights(parameters.values(), buffers.values())
    dispatch = Dispatch(ledger, weights, real=False)
    with torch.inference_mode(mode=False), torch.no_grad(), _set_up(), watching(ledger):
        with dispatch, Fast(dispatch):
            functional_call(module, twins, _mapped(inputs, _meta), tie_weights=True)
    return Profile.of(module, ledger, how="shapes")


def _for_real(module: nn.Module, inputs: tuple[Any, ...], why: str, *, backward: bool) -> Profile:
    ledger = Ledger(module)
    how = f"run for real, because by shapes alone: {why}"
    if any(tensor.is_meta for tensor in _tensors_of(module)):
        raise ProfileError(
            f"{type(module).__name__} cannot be counted by shapes alone ({why}), and its weights "
            "are on the meta device, so it cannot be run: make it on the CPU."
        )
    try:
        with untouched(module), _values_kept(module):
            if backward:
                return count_backward(module, _mapped(inputs, _leaf), ledger, how=how)
            weights = Weights(*_held(module))
            with torch.inference_mode(mode=False), torch.no_grad(), _set_up(), watching(ledger):
                with Dispatch(ledger, weights, real=True):
                    module(*_mapped(inputs, _leaf))
    except Exception as error:
        raise _refusal(module, inputs, error) from error
    return Profile.of(module, ledger, how=how)


def _refusal(module: nn.Module, inputs: Any, error: Exception) -> ProfileError:
    return ProfileError(
        f"{type(module).__name__} cannot be run on inputs {_shapes(inputs)}: "
        f"{type(error).__name__}: {_first(error)}. Give inputs of the shape it wants."
    )


def _must_run(module: nn.Module) -> str | None:
    """Say why shapes alone will not do, where the module's kind shows it."""
    if isinstance(module, torch.jit.ScriptModule):
        return "a TorchScript module"
    for part in _parts(module):
        if isinstance(part, torch.jit.ScriptModule):
            return "it holds a TorchScript module"
        if "quantized" in type(part).__module__ and type(part).__name__ not in _FLOAT:
            return "it holds quantised layers"
    return None


def _settled(module: nn.Module, inputs: tuple[Any, ...]) -> nn.Module:
    """Return a copy whose lazy layers have taken the shapes that the inputs give them."""
    with torch.random.fork_rng(), torch.no_grad():
        try:
            subject = _copied(module).to("meta")
            subject(*_mapped(inputs, _meta))
        except Exception:  # noqa: BLE001  whatever it is, running it will tell
            subject = _copied(module)
            try:
                subject(*_mapped(inputs, _leaf))
            except Exception as error:
                raise _refusal(module, inputs, error) from error
    return subject


def _copied(module: nn.Module) -> nn.Module:
    made: Any = nn.UninitializedBuffer
    blank = {
        id(buffer): made(device=buffer.device, dtype=buffer.dtype)
        for buffer in module.buffers()
        if is_lazy(buffer)  # which torch cannot copy itself
    }
    return copy.deepcopy(module, blank)


@contextmanager
def _as_it_was(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the module to run, and put back what running changes.

    One that torch.compile wrapped is run uncompiled.
    """
    subject = module
    with ExitStack() as stack:
        stack.enter_context(_restored(subject))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # the model's own are for who runs it, not for who counts
        if "torch._dynamo" in sys.modules:  # who has compiled something has loaded it: 3 s, 70 MB
            if isinstance(subject, torch._dynamo.OptimizedModule):  # noqa: SLF001  its only name
                subject = subject._orig_mod  # noqa: SLF001  as above
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield subject


@contextmanager
def _restored(module: nn.Module) -> Iterator[None]:
    """Put back every attribute that the modules had, what it held, and the random state."""
    before = [
        (part, dict(vars(part)))
        for part in _parts(module)
        if not isinstance(part, torch.jit.ScriptModule)  # its state is not in Python
    ]
    held = [  # parameters, buffers, children, hooks, and lists and dicts of the model's own
        (value, value.copy())
        for _, attributes in before
        for value in attributes.values()
        if type(value) in _CONTAINERS
    ]
    try:
        with torch.random.fork_rng():
            yield
    finally:
        for part, attributes in before:
            state = vars(part)
            if state.keys() != attributes.keys():
                for name in [name for name in state if name not in attributes]:
                    del state[name]
            state.update(attributes)
        for container, items in held:
            if container or items:
                container.clear()
                (container.extend if type(container) is list else container.update)(items)


@contextmanager
def _values_kept(module: nn.Module) -> Iterator[None]:
    """Give every weight and buffer its values back: a module that runs may change them."""
    kept = [(t, t.detach().clone()) for t in _tensors_of(module) if not is_lazy(t)]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, values in kept:
                tensor.data.copy_(values)


@contextmanager
def _set_up() -> Iterator[None]:
    """Keep transformers from their fused layer, whose parts no one sees."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _parts(module: nn.Module) -> list[nn.Module]:
    """Return the module and all inside it, each once: as modules() does, and much faster."""
    found = {id(module): module}
    waiting = [module]
    while waiting:
        for child in waiting.pop()._modules.values():  # noqa: SLF001  children() hides who is shared
            if child is not None and id(child) not in found:
                found[id(child)] = child
                waiting.append(child)
    return list(found.values())


def _held(module: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Return all parameters, and all buffers."""
    parts = _parts(module)
    return (
        [p for part in parts for p in part._parameters.values() if p is not None],  # noqa: SLF001
        [b for part in parts for b in part._buffers.values() if b is not None],  # noqa: SLF001
    )


def _tensors_of(module: nn.Module) -> list[Tensor]:
    parameters, buffers = _held(module)
    return parameters + buffers


def _mapped(value: Any, function: Any) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, list | tuple):
        items = [_mapped(item, function) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: _mapped(item, function) for key, item in value.items()}
    return value


def _meta(tensor: Tensor) -> Tensor:
    return tensor.detach().to("meta")


def _meta_leaf(tensor: Tensor) -> Tensor:
    return _meta(tensor).requires_grad_(tensor.requires_grad)


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def _shapes(inputs: Any) -> str:
    found = [tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__ for x in inputs]
    return ", ".join(map(str, found)) or "(none)"


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no message"
