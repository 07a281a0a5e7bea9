"""Whether all that ran was observed: a tensor that no observed operator made shows what was not.

Other threads, compiled code and other libraries can compute past a dispatch mode. What they make
comes back sooner or later: as an operator's argument, or in what the module returns. Fused parts of
TorchScript run past it too, and are read off the graph that was run.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, Final

from torch import Tensor, nn

from convbench.core.torch_internals import has_kernel, without_subclasses
from convbench.counting.engine.values import storage

UNSEEN: Final = "tensors made out of sight (by a thread, compiled code or another library)"
"""What a recorder calls them, among the operators without a rule."""
Made = dict[int, weakref.ref[Tensor]]
"""Tensors, weakly, by id: an id is free for another tensor when its own is gone."""


class KnownStorages:
    """The storages of tensors that existed before, or that an observed operator made.

    Views, parameters made of tensors and what `.data` gives are other names for the same memory.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self._known: dict[int, weakref.ref[Any]] = {}
        self._existing: list[Tensor] = []

    def add_existing(self, tensors: Iterable[Tensor]) -> None:
        """Add tensors that existed before the count; their storages are read when first needed."""
        self._existing += tensors

    def add(self, tensors: Iterable[Tensor]) -> None:
        """Add the storages of tensors; sparse ones and others without one are left out."""
        for tensor in tensors:
            found = storage(tensor)
            if found is not None:
                self._known[id(found)] = weakref.ref(found)

    def is_new(self, tensor: Tensor) -> bool:
        """Tell whether a tensor's storage was not known, and add it.

        Whole numbers and masks are not checked: they choose, and are not multiplied.
        """
        if not (tensor.is_floating_point() or tensor.is_complex()):
            return False
        found = storage(tensor)
        if found is None or self._knows(found):
            return False
        if self._existing:
            with without_subclasses():  # some answer otherwise
                self.add(self._existing)
            self._existing = []
            if self._knows(found):
                return False
        self._known[id(found)] = weakref.ref(found)
        return True

    def _knows(self, storage: Any) -> bool:
        known = self._known.get(id(storage))
        return known is not None and known() is storage


def all_tensors() -> list[Tensor]:
    """Return every tensor that Python code holds now."""
    kinds: set[type] = {Tensor}
    waiting: list[type] = [Tensor]
    for kind in waiting:  # which grows
        new: set[type] = set(type.__subclasses__(kind)) - kinds
        kinds |= new
        waiting.extend(new)
    return [item for item in gc.get_objects() if type(item) in kinds]


def fused(scripted: Iterable[Any]) -> dict[str, int]:
    """Return what TorchScript modules, methods and functions run past the dispatcher: names, times.

    It is read off the graphs that were made for them: those that were written and those that the
    executor has made of these.
    """
    found: dict[str, int] = {}
    inside: set[int] = set()
    for part in scripted:
        if id(part) not in inside:
            inside.update(map(id, part.modules() if isinstance(part, nn.Module) else ()))
            most: dict[str, int] = {}
            for graph in _graphs(part):
                names = [name for node in _nodes(graph) if _passes(name := node.kind())]
                most = max(most, {name: names.count(name) for name in names}, key=len)
            for name, times in most.items():
                found[name] = found.get(name, 0) + times
    return found


def _graphs(part: Any) -> Iterator[Any]:
    try:
        yield part.inlined_graph
        state = part.get_debug_state()
        for plan in state.execution_plans.values():
            yield plan.graph
    except (RuntimeError, AttributeError):  # it has no forward, or none that has run
        return


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _passes(kind: str) -> bool:
    """Tell whether a node runs without being dispatched: a group that is fused, or an own kind."""
    space, _, name = kind.partition("::")
    if space == "prim":
        return name == "fork" or (
            not name.startswith("is_")
            and any(sign in name for sign in ("Group", "mkldnn", "oneDNN", "Fused"))
        )
    if space in {"aten", "prims", "onnx", "cuda", "inductor", "static"}:
        return False
    return not has_kernel(kind)
