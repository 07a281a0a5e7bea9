"""The backward pass, counted: which gradients torch really asks for, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.nn.utils.stateless import _reparametrize_module

from convbench.profiling.engine import Dispatch, Ledger, Weights, watching
from convbench.profiling.profile import Profile


def count_backward(
    module: nn.Module, inputs: tuple[Any, ...], ledger: Ledger, *, how: str
) -> Profile:
    """Count forward and backward of module(*inputs), on the device that the inputs are on.

    The gradients are those of every parameter that requires one, and of inputs that do. A first
    layer whose input needs none does not run that part, as in training.
    """
    meta = how == "shapes"
    held = dict(_named(module))
    copies = {
        name: (tensor.detach().to("meta") if meta else tensor.detach().clone()).requires_grad_(
            tensor.requires_grad
        )
        for name, tensor in held.items()
    }
    fixed = {name for name, _ in module.named_buffers()}
    weights = Weights(
        [copy for name, copy in copies.items() if name not in fixed], [copies[n] for n in fixed]
    )
    dispatch = Dispatch(ledger, weights, real=not meta)
    with torch.inference_mode(mode=False), torch.enable_grad(), watching(ledger):
        # in force for the backward pass too: activation checkpointing runs parts again there
        with (
            _reparametrize_module(module, copies, tie_weights=True),
            _naming_gradients(ledger),
            dispatch,
        ):
            outputs = module(*inputs)
            ends = [tensor for tensor in _tensors(outputs) if tensor.requires_grad]
            forward = Profile.of(module, ledger, how=how)
            ledger.events.clear()
            dispatch.backward = True
            wanted = [t for t in (*copies.values(), *_tensors(inputs)) if t.requires_grad]
            if ends and wanted:
                torch.autograd.grad(
                    ends, wanted, [torch.ones_like(end) for end in ends], allow_unused=True
                )
            ledger.path = ""
    return forward.with_backward(Profile.of(module, ledger, how=how))


def _named(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    elif hasattr(value, "__dict__"):
        for item in vars(value).values():
            yield from _tensors(item)


@contextmanager
def _naming_gradients(ledger: Ledger) -> Iterator[None]:
    """Give every node of the autograd graph the name of the module that made it.

    When a module returns, the nodes behind its output that nobody has named are its own; the name
    is put in force when a node runs backward.
    """
    named: set[Any] = set()

    def leave(module: nn.Module, _: Any, result: Any) -> None:
        name = ledger.names.get(id(module))
        if name is None:
            return
        waiting = [tensor.grad_fn for tensor in _tensors(result)]
        while waiting:
            node = waiting.pop()
            if node is None or node in named:
                continue
            named.add(node)
            node.register_prehook(_Putter(ledger, name))
            waiting.extend(following for following, _ in node.next_functions)

    handle = hooks.register_module_forward_hook(leave)
    try:
        yield
    finally:
        handle.remove()


class _Putter:
    """Put a module's name in force, when its part of the backward pass begins."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self.ledger, self.name = ledger, name

    def __call__(self, _: Any) -> None:
        self.ledger.path = self.name
