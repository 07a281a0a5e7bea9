"""What one attempt at a count shares, and the settings that hold for all of them."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from convbench.core.torch_internals import without_subclasses
from convbench.counting.engine.dispatch import Dispatch
from convbench.counting.engine.errors import ErrorText
from convbench.counting.engine.hand_written import Weights
from convbench.counting.engine.module_state import State
from convbench.counting.engine.provenance import KnownStorages, Made, fused
from convbench.counting.engine.recorder import Recorder
from convbench.counting.engine.values import Values


class Attempt:
    """What one attempt leaves behind, to be looked at and put back.

    device: the device that meta tensors report; None: their own.
    shapes: those of calls are noted.
    made: tensors of this attempt, weakly; emptied: those of them that were to have values. memory:
    what is known to have been there or made in sight. values: what was written to. accumulate: take
    gradients as Tensor.backward does, which re-entrant checkpoints need. state: of the module, as
    it was before.
    """

    def __init__(
        self, device: torch.device | None, *, shapes: bool, accumulate: bool = False
    ) -> None:
        """Nothing has been done yet."""
        self.device, self.shapes, self.accumulate = device, shapes, accumulate
        self.made: Made = {}
        self.storages: KnownStorages | None = KnownStorages()
        self.emptied: list[weakref.ref[Tensor]] = []
        self.values = Values()
        self.state: State | None = None
        self._dispatch: Dispatch | None = None
        self._recorder: Recorder | None = None

    @property
    def alone(self) -> bool:
        """Tell whether no other thread was seen to run a part of the module."""
        return self._recorder is None or not self._recorder.elsewhere

    def dispatch(self, recorder: Recorder, weights: Weights, *, real: bool) -> Dispatch:
        """Make the dispatch mode of this attempt."""
        self._recorder = recorder
        made = self._dispatch = Dispatch(recorder, weights, real=real, values=self.values)
        made.made, made.storages, made.emptied = self.made, self.storages, self.emptied
        made.state = self.state
        return made

    def scripted(self, parts: list[nn.Module]) -> list[Any]:
        """Return the TorchScript of the parts, and what else of it is in reach."""
        found: list[Any] = [part for part in parts if isinstance(part, torch.jit.ScriptModule)]
        return found + ([] if self.state is None else self.state.scripted)

    def read_graphs(self, parts: list[nn.Module]) -> None:
        """Note what TorchScript, of the parts and elsewhere in reach, runs past the dispatcher."""
        for name, times in fused(self.scripted(parts)).items():
            if self._recorder is not None:
                self._recorder.miss(name, times)

    def follow(self, tensors: Iterable[Tensor]) -> None:
        """Watch whether these tensors without values outlive the attempt."""
        given = [tensor for tensor in tensors if tensor.is_meta]
        self.made.update((id(item), weakref.ref(item)) for item in given)
        if self.storages is not None:
            with without_subclasses():  # some answer otherwise
                self.storages.add(given)

    def add_existing(self, tensors: Iterable[Tensor]) -> None:
        """Take note of tensors that were there before."""
        if self.storages is not None:
            self.storages.add_existing(tensors)

    def close(self) -> ErrorText | None:
        """Put values back and let go of everything; return what an operator raised, if one did."""
        broken = (
            ErrorText.of(self._dispatch.error) if self._dispatch and self._dispatch.error else None
        )
        self._dispatch = None
        self.values.restore()
        return broken


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
