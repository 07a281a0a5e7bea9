"""Stand-ins for a module's tensors, and what one attempt at a count shares."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from convbench.counting.engine.contractions import Weights
from convbench.counting.engine.engine import Dispatch
from convbench.counting.engine.ledger import Ledger
from convbench.counting.engine.provenance import Made, Memory, fused
from convbench.counting.engine.refusals import Told
from convbench.counting.engine.state import State
from convbench.counting.engine.values import Values


class Setting:
    """What one attempt leaves behind, to be looked at and put back.

    device: where twins say that they are; None where everything is on the meta device and says so.
    made: tensors of this attempt, weakly; emptied: those of them that were to have values. memory:
    what is known to have been there or made in sight. values: what was written to. accumulate: take
    gradients as Tensor.backward does, which re-entrant checkpoints need. state: of the module, as
    it was before.
    """

    def __init__(self, device: torch.device | None, *, accumulate: bool = False) -> None:
        """Nothing has been done yet."""
        self.device, self.accumulate = device, accumulate
        self.made: Made = {}
        self.memory: Memory | None = Memory()
        self.emptied: list[weakref.ref[Tensor]] = []
        self.values = Values()
        self.state: State | None = None
        self._dispatch: Dispatch | None = None
        self._ledger: Ledger | None = None

    @property
    def alone(self) -> bool:
        """Tell whether no other thread was seen to run a part of the module."""
        return self._ledger is None or not self._ledger.elsewhere

    def dispatch(self, ledger: Ledger, weights: Weights, *, real: bool) -> Dispatch:
        """Make the dispatch mode of this attempt."""
        self._ledger = ledger
        made = self._dispatch = Dispatch(ledger, weights, real=real, values=self.values)
        made.made, made.memory, made.emptied = self.made, self.memory, self.emptied
        made.state = self.state
        return made

    def scripted(self, parts: list[nn.Module]) -> list[Any]:
        """Return the TorchScript of the parts, and what else of it is in reach."""
        found: list[Any] = [part for part in parts if isinstance(part, torch.jit.ScriptModule)]
        return found + ([] if self.state is None else self.state.scripted)

    def read_graphs(self, parts: list[nn.Module]) -> None:
        """Note what TorchScript, of the parts and elsewhere in reach, runs past the dispatcher."""
        for name, times in fused(self.scripted(parts)).items():
            if self._ledger is not None:
                self._ledger.miss(name, times)

    def follow(self, tensors: Iterable[Tensor]) -> None:
        """Watch whether these tensors without values outlive the attempt."""
        given = [tensor for tensor in tensors if tensor.is_meta]
        self.made.update((id(item), weakref.ref(item)) for item in given)
        if self.memory is not None:
            with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001  some answer otherwise
                self.memory.note(given)

    def there(self, tensors: Iterable[Tensor]) -> None:
        """Take note of tensors that were there before."""
        if self.memory is not None:
            self.memory.there(tensors)

    def close(self) -> Told | None:
        """Put values back and let go of everything; return what an operator raised, if one did."""
        broken = (
            Told.of(self._dispatch.broken) if self._dispatch and self._dispatch.broken else None
        )
        self._dispatch = None
        self.values.restore()
        return broken


def twin(tensor: Tensor) -> Tensor:
    """Return a tensor like this one, without values and with no memory in common."""
    meta = tensor.detach()
    return meta.clone() if meta.is_meta and meta.is_inference() else meta.to("meta")


def twin_leaf(tensor: Tensor) -> Tensor:
    """Return a twin that needs a gradient where the tensor does."""
    return twin(tensor).requires_grad_(tensor.requires_grad)


def leaf(tensor: Tensor) -> Tensor:
    """Return a copy with values of its own."""
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def parts_of(module: nn.Module) -> list[nn.Module]:
    """Return the module and all inside it, each once: as modules() does, and much faster."""
    found = {id(module): module}
    waiting = [module]
    while waiting:
        for child in waiting.pop()._modules.values():  # noqa: SLF001  children() hides who is shared
            if child is not None and id(child) not in found:
                found[id(child)] = child
                waiting.append(child)
    return list(found.values())


def held_by(parts: Iterable[nn.Module]) -> tuple[list[Tensor], list[Tensor]]:
    """Return all parameters, and all buffers, of the parts of a module."""
    parameters: list[Any] = []
    buffers: list[Any] = []
    for part in parts:
        if part._parameters:  # noqa: SLF001  parameters() walks through all that is inside
            parameters += part._parameters.values()  # noqa: SLF001
        if part._buffers:  # noqa: SLF001
            buffers += part._buffers.values()  # noqa: SLF001
    return [p for p in parameters if p is not None], [b for b in buffers if b is not None]


def tensors_of(parts: list[nn.Module]) -> list[Tensor]:
    """Return all parameters and buffers of the parts of a module."""
    parameters, buffers = held_by(parts)
    return parameters + buffers


@contextmanager
def values_kept(module: nn.Module) -> Iterator[None]:
    """Give every weight and buffer its values back: a module that runs may change them."""
    found = [t.detach() for t in tensors_of(parts_of(module)) if not is_lazy(t)]
    kept = [(tensor, tensor.clone()) for tensor in found]  # a tensor may be given other memory
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, values in kept:
                with torch.inference_mode(mode=tensor.is_inference()):
                    tensor.copy_(values)


@contextmanager
def set_up() -> Iterator[None]:
    """Keep transformers from their fused layer, whose parts no one sees; let hooks nest deeply."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    depth = sys.getrecursionlimit()
    sys.setrecursionlimit(2 * depth)
    try:
        yield
    finally:
        sys.setrecursionlimit(depth)
        torch.backends.mha.set_fastpath_enabled(before)
