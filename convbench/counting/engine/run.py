"""`profile`: count any module, forward and backward, and leave it as it was."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import RLock
from typing import Any, Final

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.parameter import is_lazy

from convbench.core.collector import collector_paused
from convbench.core.modules import kind_of
from convbench.core.torch_internals import uncompiled
from convbench.counting.engine.attempt import Attempt, set_up
from convbench.counting.engine.backward import count_backward
from convbench.counting.engine.callables import Called, as_module, recorder_of, took_part
from convbench.counting.engine.errors import (
    ErrorText,
    ProfileError,
    UnknownOperatorError,
    on_meta,
    refusal,
)
from convbench.counting.engine.fast_path import FastPath
from convbench.counting.engine.function_mode import FunctionMode
from convbench.counting.engine.hand_written import Weights
from convbench.counting.engine.lazy import settled
from convbench.counting.engine.leaks import release
from convbench.counting.engine.module_state import as_it_was
from convbench.counting.engine.module_tensors import (
    held_by,
    meta_copy,
    meta_leaf,
    parts_of,
    real_leaf,
    tensors_of,
)
from convbench.counting.engine.profile import Profile
from convbench.counting.engine.provenance import all_tensors, fused
from convbench.counting.engine.pytree import Given, exhausted, mapped, tensors_in
from convbench.counting.engine.recorder import watching

__all__ = ["ProfileError", "UnknownOperatorError", "count", "profile"]

_FLOAT = {"FloatFunctional", "FXFloatFunctional"}
"""Of torch's package of quantised layers, those that compute in floats."""
_NO_GRAPH = "does not require grad and does not have a grad_fn"
"""What torch says where a forward takes gradients itself and was run without autograd."""
_REENTRANT = "use_reentrant=True"
"""What torch says where a re-entrant checkpoint is differentiated by torch.autograd.grad."""

_ONE_AT_A_TIME = RLock()
"""A count exchanges weights and settings of the process for a while; another would put back its."""

Way = Callable[[nn.Module, Given, Attempt], Profile]


def profile(
    module: Any,
    *inputs: Any,
    kwargs: Mapping[str, Any] | None = None,
    backward: bool = False,
    strict: bool = False,
    shapes: bool = False,
) -> Profile:
    """Count what module(*inputs, **kwargs) multiplies, by the operators that run.

    module: an nn.Module, an exported program, or a function of tensors. Nothing is computed and no
    weight is copied: shapes alone are followed, on the meta device. A module that decides by its
    data, or is quantised or scripted, is run for real instead, and the profile says so. backward:
    count the gradients of all weights, and of the inputs that require them, too. strict: raise
    UnknownOperatorError for an operator without a rule, and for what ran out of sight; otherwise
    the total is a lower bound, and says so. shapes: note the shapes of every module's inputs and
    outputs and its kernel, for the columns input, output and kernel.

    The module is left as it was, with what its code reaches: tensors (values, memory, hooks,
    attributes), containers and objects by the methods of their own kind, classes, globals that its
    code names, settings of torch, the environment, the working folder, random numbers.

    Not put back: what only C or another process holds (iterators, streams, locks, values of a
    thread or a context), what an import did, handlers of signals, NumPy's settings of errors, and
    the flushing of denormals. Random numbers are one stream for all threads: while others run,
    those of Python and NumPy stay as they are, and torch's too unless the module seeded them.

    A count waits for one in another thread. No other thread may use the module meanwhile: its calls
    make the count a lower bound, and with backward it meets weights without values. What a thread
    that was there before computes, called with functions and into tensors that exist, is not seen.

    The notes of the profile say where random numbers or values of tensors may decide what runs.
    Not seen are random numbers of the operating system, and of generators of Python and NumPy that
    the module makes while it runs.

    Raises ProfileError when the module cannot be run on these inputs.
    """
    given = Given(inputs, dict(kwargs or {}))
    return count(as_module(module), given, backward=backward, strict=strict, shapes=shapes)


def count(
    module: nn.Module,
    inputs: Given,
    *,
    backward: bool = False,
    strict: bool = False,
    shapes: bool = False,
    device: torch.device | None = None,
) -> Profile:
    """Count as `profile` does. device: what a module on the meta device takes itself to be on."""
    with _ONE_AT_A_TIME, torch.inference_mode(mode=False), set_up():
        find = partial(_counted, backward=backward, shapes=shapes, device=device)
        found = find(module, inputs)
        if isinstance(module, Called) and module.adopt():
            found = find(module, inputs)
    if strict and found.unsupported:
        names = ", ".join(f"{name} (×{calls})" for name, calls in found.unsupported.items())
        raise UnknownOperatorError(
            f"{kind_of(module)} runs operators without a counting rule: {names}. The total, "
            f"{found.total.multiplications:,}, is a lower bound; leave strict out to take it so."
        )
    return found


def _counted(
    module: nn.Module,
    inputs: Given,
    *,
    backward: bool,
    shapes: bool,
    device: torch.device | None,
) -> Profile:
    """Count by shapes, or for real where that will not do."""
    parts = parts_of(module)
    if any(map(is_lazy, tensors_of(parts))):
        module = settled(module, inputs)
        parts = parts_of(module)
    why = _must_run(parts) or ""
    found: Profile | str = why
    if not why:
        found = _without_values(
            module, parts, inputs, backward=backward, shapes=shapes, device=device
        )
    if not isinstance(found, Profile):
        found = _for_real(module, inputs, found, backward=backward, shapes=shapes)
    return found


@collector_paused()
def _without_values(
    module: nn.Module,
    parts: list[nn.Module],
    inputs: Given,
    *,
    backward: bool,
    shapes: bool,
    device: torch.device | None,
) -> Profile | str:
    """Count by shapes; return why it must be run where that will not do."""
    waiting: list[Way] = [_with_gradients] if backward else [_by_shapes, _by_meta_copies]
    given = next(tensors_in(inputs), None)
    given = next(iter(tensors_of(parts)), None) if given is None else given
    if device is None and given is not None and not given.is_meta:
        device = given.device
    why, accumulate = "", False
    while waiting:
        way = waiting.pop(0)
        attempt = Attempt(device, shapes=shapes, accumulate=accumulate)
        found: Profile | None = None
        failure: ErrorText | None = None
        try:
            with _in_place(module, parts, attempt) as subject:
                if attempt.state is not None and fused(attempt.state.scripted):
                    return "it reaches TorchScript that runs fused"
                found = way(subject, inputs, attempt)
        except (Exception, SystemExit) as raised:  # noqa: BLE001  whatever it is, running it will tell
            failure = ErrorText.of(raised)
        failure = attempt.close() or failure
        kept = _released(module, attempt, all_of_them=device is not None)
        if kept:
            return f"{' and '.join(kept)} kept tensors of the count, which have no values"
        if failure is None:
            return found or ""
        if failure.final:
            raise ProfileError(failure.text)
        why = failure.short
        if _NO_GRAPH in failure.text and not backward:
            waiting = [_with_graph] if way is not _with_graph else []
        elif _REENTRANT in failure.text and not accumulate:
            waiting, accumulate = [way], True
    return why


def _released(module: nn.Module, attempt: Attempt, *, all_of_them: bool) -> list[str]:
    """Take tensors without values from who keeps them outside the module; return who did.

    Of a module that is on the meta device itself, its results may have none.
    """
    kept, left = release(attempt.made.values() if all_of_them else attempt.emptied)
    if (kept or left) and not attempt.alone:
        raise ProfileError(
            f"Another thread runs parts of {kind_of(module)} while it is counted, and holds "
            "tensors of the count: let it wait, or count a copy of the module."
        )
    if left:
        raise ProfileError(
            f"{kind_of(module)} leaves tensors outside itself when it runs, in "
            f"{', '.join(left)}. Those of this count have no values and could not be taken back: "
            "clear them before you use them, and count a copy of the module that keeps them in "
            "itself."
        )
    return sorted(set(kept))


def _by_shapes(module: nn.Module, inputs: Given, attempt: Attempt) -> Profile:
    recorder = recorder_of(module, shapes=attempt.shapes)
    weights = Weights(*held_by(part for _, part in recorder.parts))
    dispatch = attempt.dispatch(recorder, weights, real=False)
    given = mapped(inputs, meta_copy)
    attempt.follow(tensors_in(given))
    with torch.no_grad(), watching(recorder), dispatch, FastPath(dispatch, attempt.device):
        outputs = given.call(module)
        dispatch.returned(outputs)
    return Profile.of(module, recorder, how="shapes")


def _by_meta_copies(module: nn.Module, inputs: Given, attempt: Attempt) -> Profile:
    """Follow shapes once more, with a copy of every weight on the meta device in its place.

    Slower, and right where torch looks at devices and data types before it dispatches anything.
    """
    recorder = recorder_of(module, shapes=attempt.shapes)
    parameters = {name: meta_copy(tensor) for name, tensor in module.named_parameters()}
    buffers = {name: meta_copy(tensor) for name, tensor in module.named_buffers()}
    copies = {**parameters, **buffers}
    weights = Weights(parameters.values(), buffers.values())
    dispatch = attempt.dispatch(recorder, weights, real=False)
    given = mapped(inputs, meta_copy)
    attempt.follow([*copies.values(), *tensors_in(given)])
    with (
        torch.no_grad(),
        watching(recorder),
        dispatch,
        FastPath(dispatch, attempt.device, mixed=True),
    ):
        outputs = exhausted(
            functional_call(module, copies, given.inputs, given.named, tie_weights=True)
        )
        dispatch.returned(outputs)
    took_part(recorder, {id(copies[name]): tensor for name, tensor in module.named_parameters()})
    return Profile.of(module, recorder, how="shapes")


def _with_autograd(
    module: nn.Module, inputs: Given, attempt: Attempt, *, backward: bool
) -> Profile:
    given = mapped(inputs, meta_leaf)
    attempt.follow(tensors_in(given))
    return count_backward(module, given, attempt, how="shapes", backward=backward)


_with_gradients: Final = partial(_with_autograd, backward=True)
_with_graph: Final = partial(_with_autograd, backward=False)
"""For a forward that takes gradients itself."""


def _for_real(
    module: nn.Module, inputs: Given, why: str, *, backward: bool, shapes: bool
) -> Profile:
    how = f"run for real, because by shapes alone: {why}"
    if any(tensor.is_meta for tensor in [*tensors_of(parts_of(module)), *tensors_in(inputs)]):
        raise on_meta(module, inputs, why)
    graph = accumulate = False
    while True:
        attempt = Attempt(None, shapes=shapes, accumulate=accumulate)
        try:
            with _in_place(module, parts_of(module), attempt) as subject:
                for tensor in tensors_of(parts_of(subject)):
                    if not is_lazy(tensor):  # what is fused or scripted writes past the dispatcher
                        attempt.values.keep(tensor)
                if attempt.scripted(parts_of(module)):
                    attempt.storages = None  # constants of TorchScript are not in Python
                if backward or graph:
                    given = mapped(inputs, real_leaf)
                    return count_backward(subject, given, attempt, how=how, backward=backward)
                return _run(subject, inputs, attempt, how)
        except (Exception, SystemExit) as error:
            failure = ErrorText.of(error).text
            if _NO_GRAPH in failure and not (backward or graph):
                graph = True
            elif _REENTRANT in failure and not accumulate:
                accumulate = True
            else:
                raise refusal(module, inputs, error) from error
        finally:
            attempt.close()


def _run(module: nn.Module, inputs: Given, attempt: Attempt, how: str) -> Profile:
    recorder = recorder_of(module, shapes=attempt.shapes)
    weights = Weights(*held_by(part for _, part in recorder.parts))
    given = mapped(inputs, real_leaf)
    attempt.add_existing(all_tensors())
    dispatch = attempt.dispatch(recorder, weights, real=True)
    with torch.no_grad(), watching(recorder), dispatch, FunctionMode(dispatch, None, mixed=False):
        outputs = given.call(module)
        dispatch.returned(outputs)
    attempt.read_graphs(parts_of(module))
    return Profile.of(module, recorder, how=how)


def _must_run(parts: list[nn.Module]) -> str | None:
    """Say why shapes alone will not do, where the kinds of a module and its parts show it."""
    for part in parts:
        if isinstance(part, torch.jit.ScriptModule):
            return "a TorchScript module" if part is parts[0] else "it holds a TorchScript module"
        if "quantized" in type(part).__module__ and type(part).__name__ not in _FLOAT:
            return "it holds quantised layers"
    return None


@contextmanager
def _in_place(module: nn.Module, parts: list[nn.Module], attempt: Attempt) -> Iterator[nn.Module]:
    """Yield the module to run, and put back what running changes.

    One that torch.compile wrapped is run uncompiled.
    """
    subject = module
    with ExitStack() as stack:
        state = stack.enter_context(as_it_was(parts))
        attempt.state = state
        attempt.add_existing([*tensors_of(parts), *state.tensors()])
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # the model's own are for who runs it, not for who counts
        if "torch._dynamo" in sys.modules:  # who has compiled something has loaded it: 3 s, 70 MB
            subject = uncompiled(subject)
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        # casts of weights that an autocast around us keeps: ours have no values
        stack.callback(torch.clear_autocast_cache)
        torch.clear_autocast_cache()
        yield subject
