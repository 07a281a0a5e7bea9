"""The backward pass, counted: the gradients that torch computes, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from convbench.core import torch_internals
from convbench.counting.engine.attempt import Attempt
from convbench.counting.engine.callables import Called, recorder_of, took_part
from convbench.counting.engine.dispatch import Dispatch
from convbench.counting.engine.errors import ProfileError
from convbench.counting.engine.function_mode import FunctionMode
from convbench.counting.engine.hand_written import Weights
from convbench.counting.engine.module_tensors import meta_copy, parts_of
from convbench.counting.engine.profile import Profile
from convbench.counting.engine.provenance import all_tensors
from convbench.counting.engine.pytree import Given, tensors_in
from convbench.counting.engine.recorder import watching


class OutsideError(RuntimeError):
    """Weights in no part of the module: no meta tensor can take their place, so it is run."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("it uses parameters that are in none of its parts")


def count_backward(
    module: nn.Module, inputs: Given, attempt: Attempt, *, how: str, backward: bool = True
) -> Profile:
    """Count forward and backward of module(*inputs), on the device that the inputs are on.

    The gradients are those of every parameter that requires one, and of inputs that do. A first
    layer whose input needs none does not run that part, as in training. Without `backward` only the
    forward is counted, with what it takes gradients of itself.
    """
    if backward and not torch_internals.numbers_nodes:
        raise ProfileError(
            f"torch {torch.__version__} does not tell which node of its graph of autograd runs, so "
            "that a backward pass cannot be counted: leave backward out, or use another version."
        )
    meta = how == "shapes"
    recorder = recorder_of(module, shapes=attempt.shapes)
    loose = module.loose if isinstance(module, Called) else {}  # used as they are
    copies = {
        name: (meta_copy(tensor) if meta else tensor.detach().clone()).requires_grad_(
            tensor.requires_grad
        )
        for name, tensor in _named(module)
    }
    attempt.follow(copies.values())
    if not meta:
        attempt.add_existing(all_tensors())
    fixed = {name for name, _ in module.named_buffers()}
    weights = Weights(
        [copy for name, copy in copies.items() if name not in fixed], [copies[n] for n in fixed]
    )
    dispatch = attempt.dispatch(recorder, weights, real=not meta)
    dispatch.leaves = {}
    functions = FunctionMode(dispatch, attempt.device if meta else None, mixed=meta)
    with torch.enable_grad(), watching(recorder):
        # in force for the backward pass too: activation checkpointing runs parts again there
        with (
            torch_internals.reparametrized(module, copies, tie_weights=True),
            dispatch,
            functions,
        ):
            outputs = inputs.call(module)
            dispatch.returned(outputs)
            took_part(recorder, {id(tensor): copies[name] for name, tensor in loose.items()})
            if not meta:
                attempt.read_graphs(parts_of(module))
            forward = Profile.of(module, recorder, how=how)
            if backward:
                given = [*copies.values(), *tensors_in(inputs)]
                every = {id(tensor): tensor for tensor in given} | dispatch.leaves
                wanted = [tensor for tensor in every.values() if tensor.requires_grad]
                if meta and not _without_values(wanted):
                    raise OutsideError
                recorder.begin()
                _differentiate(module, outputs, wanted, dispatch, accumulate=attempt.accumulate)
            recorder.path = ""
    return forward.with_backward(Profile.of(module, recorder, how=how)) if backward else forward


def _without_values(tensors: list[Tensor]) -> bool:
    with torch_internals.without_overrides():  # which say that a stand-in has some
        return all(tensor.is_meta for tensor in tensors)


def _differentiate(
    module: nn.Module, outputs: Any, wanted: list[Tensor], dispatch: Dispatch, *, accumulate: bool
) -> None:
    found = list(tensors_in(outputs))
    if not found:
        raise ProfileError(
            f"{type(module).__name__} returns a {type(outputs).__name__} without any tensor: there "
            "is nothing to take gradients of. Leave backward out, or return the loss."
        )
    ends = [tensor for tensor in found if tensor.requires_grad]
    dispatch.recorder.without_graph = bool(wanted) and not ends
    if not ends or not wanted:
        return
    dispatch.known.backward = True
    gradients = [torch.ones_like(end) for end in ends]
    if accumulate:
        if dispatch.state is not None:
            dispatch.state.keep_gradients()
        torch.autograd.backward(ends, gradients)
    else:
        torch.autograd.grad(ends, wanted, gradients, allow_unused=True)


def _named(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()
