"""The backward pass, counted: which gradients torch really asks for, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.stateless import _reparametrize_module

from convbench.counting.engine.contractions import Weights
from convbench.counting.engine.engine import Dispatch
from convbench.counting.engine.ledger import watching
from convbench.counting.engine.nested import exhausted, tensors_in
from convbench.counting.engine.posing import Posing
from convbench.counting.engine.profile import Profile
from convbench.counting.engine.provenance import all_tensors
from convbench.counting.engine.refusals import ProfileError
from convbench.counting.engine.subjects import Called, ledger_of, took_part
from convbench.counting.engine.twins import Setting, parts_of, twin


class OutsideError(RuntimeError):
    """Weights that no part of the module holds: they cannot have twins, so it must be run."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("it uses parameters that are in none of its parts")


def count_backward(
    module: nn.Module, inputs: tuple[Any, ...], setting: Setting, *, how: str, backward: bool = True
) -> Profile:
    """Count forward and backward of module(*inputs), on the device that the inputs are on.

    The gradients are those of every parameter that requires one, and of inputs that do. A first
    layer whose input needs none does not run that part, as in training. Without `backward` only the
    forward is counted, with what it takes gradients of itself.
    """
    meta = how == "shapes"
    ledger = ledger_of(module)
    loose = module.loose if isinstance(module, Called) else {}  # used as they are
    copies = {
        name: (twin(tensor) if meta else tensor.detach().clone()).requires_grad_(
            tensor.requires_grad
        )
        for name, tensor in _named(module)
    }
    setting.follow(copies.values())
    if not meta:
        setting.there(all_tensors())
    fixed = {name for name, _ in module.named_buffers()}
    weights = Weights(
        [copy for name, copy in copies.items() if name not in fixed], [copies[n] for n in fixed]
    )
    dispatch = setting.dispatch(ledger, weights, real=not meta)
    dispatch.leaves = {}
    poses = Posing(dispatch, setting.device if meta else None, mixed=meta)
    with torch.enable_grad(), watching(ledger):
        # in force for the backward pass too: activation checkpointing runs parts again there
        with (
            _reparametrize_module(module, copies, tie_weights=True),
            dispatch,
            poses,
        ):
            outputs = exhausted(module(*inputs))
            dispatch.returned(outputs)
            took_part(ledger, {id(tensor): copies[name] for name, tensor in loose.items()})
            if not meta:
                setting.read_graphs(parts_of(module))
            forward = Profile.of(module, ledger, how=how)
            if backward:
                given = [*copies.values(), *tensors_in(inputs)]
                every = {id(tensor): tensor for tensor in given} | dispatch.leaves
                wanted = [tensor for tensor in every.values() if tensor.requires_grad]
                if meta and not _without_values(wanted):
                    raise OutsideError
                ledger.begin()
                _differentiate(module, outputs, wanted, dispatch, accumulate=setting.accumulate)
            ledger.path = ""
    return forward.with_backward(Profile.of(module, ledger, how=how)) if backward else forward


def _without_values(tensors: list[Tensor]) -> bool:
    with torch._C.DisableTorchFunction():  # noqa: SLF001  for a twin says that it has some
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
    dispatch.ledger.without_graph = bool(wanted) and not ends
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
