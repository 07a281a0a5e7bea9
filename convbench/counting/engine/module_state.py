"""A module and what it can reach in Python, put back after a count.

Reached are the attributes of its parts, what those hold (containers, objects of any kind, arrays,
tensors, random generators), the classes of its parts, what its own functions and hooks hold in
closures and defaults, and the globals that their code names. What torch and the standard library
keep for themselves is not followed.
"""

from __future__ import annotations

import pickle
import random
import sys
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from types import (
    BuiltinMethodType,
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any, Final

import torch
from torch import Tensor, nn

from convbench.core.random_state import gpus_in_use
from convbench.counting.engine import restoring
from convbench.counting.engine.process_state import surroundings_kept
from convbench.counting.engine.restoring import attributes_of, foreign, members_of

ROOM: Final = 200_000
"""Things that are looked at, at most: what a module holds beyond that, a data set perhaps, is kept
as far as the containers it is in."""
ARRAY: Final = 1 << 26
"""Bytes of a NumPy array up to which its values are kept."""

_ATOMS: Final = frozenset(
    {int, float, bool, str, bytes, complex, type(None), type(...), range, slice, ModuleType}
    | {torch.dtype, torch.device, torch.Size, torch.layout, torch.memory_format}
)
_PLAIN: Final = frozenset(
    {dict, list, set, bytearray, OrderedDict, defaultdict, deque, Counter, array}
)
_CLEARED: Final = frozenset({OrderedDict, dict, set})
_SCRIPT: Final = (torch.ScriptMethod, torch.jit.ScriptFunction, torch.jit.ScriptModule)
_HEAP: Final = 1 << 9
"""Set in the flags of a type that Python code defined."""


_PUT_BACK: Final[tuple[Callable[..., None], ...]] = (
    *(restoring.items, restoring.memory, restoring.hooks, restoring.needs_gradient),
    *(restoring.gradient, restoring.class_attributes, restoring.variable, restoring.cell),
    *(restoring.slot, restoring.numbers, restoring.generator),
)
"""How each kind of thing is put back, in this order: memory of tensors before their gradients."""
_HELD: Final[tuple[tuple[Any, tuple[str, ...]], ...]] = (
    (BuiltinMethodType, ("__self__",)),
    (MethodType, ("__self__", "__func__")),
    (partial, ("func", "args", "keywords")),
    ((staticmethod, classmethod), ("__func__",)),
    (property, ("fget", "fset")),
)
"""What is made of other objects, and the names of these."""


class State:
    """All that can be reached of a module, as it is now."""

    def __init__(self, parts: list[nn.Module]) -> None:
        """Look at the parts of a module, and whatever they hold."""
        self._records: dict[Any, list[Any]] = {put: [] for put in _PUT_BACK}
        self._containers = self._records[restoring.items]
        self._tensors: list[tuple[Tensor, bool]] = self._records[restoring.needs_gradient]
        self._empty: list[Any] = []
        self.scripted: list[Any] = []
        self._seen: set[int] = set(map(id, parts))
        self._seen_classes: set[int] = set()
        self._waiting: list[Any] = []
        for part in parts:
            if isinstance(part, torch.jit.ScriptModule):  # its state is not in Python,
                self._keep(restoring.items, vars(part), vars(part).copy())  # its methods are kept
            else:
                self._part(vars(part))
        for kind in {kind for part in parts for kind in type(part).__mro__}:
            self._class(kind)
        self._look()

    def _keep(self, put: Callable[..., None], *record: Any) -> None:
        """Keep what `put` is called with afterwards."""
        self._records[put].append(record)

    def _part(self, attributes: dict[str, Any]) -> None:
        """Look at the attributes of one part: most are numbers and empty dicts of hooks."""
        self._containers.append((attributes, attributes.copy()))
        for value in attributes.values():
            kind = type(value)
            if kind in _CLEARED:
                if not value:
                    self._empty.append(value)
                elif kind is dict:
                    self._dict(value)
                else:
                    self._waiting.append(value)
            elif kind in _ATOMS:
                continue
            elif kind is not tuple or not all(type(item) in _ATOMS for item in value):
                self._waiting.append(value)

    def _dict(self, held: dict[Any, Any]) -> None:
        """Look at a plain dict: of parameters, of children, or one of the model's own."""
        seen = self._seen
        if id(held) in seen:
            return
        seen.add(id(held))
        self._containers.append((held, held.copy()))
        for value in held.values():
            if type(value) not in _ATOMS and id(value) not in seen:
                self._waiting.append(value)

    def _look(self) -> None:
        waiting, seen = self._waiting, self._seen
        while waiting and len(seen) < ROOM:
            value = waiting.pop()
            kind = type(value)
            if kind in _ATOMS or id(value) in seen:
                continue
            if kind is dict:
                self._dict(value)
                continue
            seen.add(id(value))
            if kind is nn.Parameter or isinstance(value, Tensor):
                self._tensors.append((value, value.requires_grad))
                attributes = value.__dict__
                if attributes:
                    self._dict(attributes)
                else:
                    self._empty.append(attributes)
            elif (held := restoring.items_of(value)) is not None:
                self._containers.append((value, held))
                waiting.extend(held.values() if isinstance(held, dict) else held)
                self._own(value, kind)
            elif isinstance(value, tuple):
                waiting.extend(tuple.__iter__(value))
            elif isinstance(value, frozenset):
                waiting.extend(frozenset.__iter__(value))
            elif not isinstance(value, ModuleType):
                self._thing(value, kind)

    def _thing(self, value: Any, kind: type) -> None:
        for kinds, names in _HELD:
            if isinstance(value, kinds):
                self._waiting.extend(getattr(value, name) for name in names)
                return
        if isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, _SCRIPT):
            self.scripted.append(value)
        elif isinstance(value, nn.Module):
            self._part(vars(value))
        else:
            self._object(value, kind)

    def _object(self, value: Any, kind: type) -> None:
        if isinstance(value, torch.Generator):
            self._generator(value.get_state, value.set_state)
        elif isinstance(value, random.SystemRandom):
            pass  # it draws from the operating system, and has no state to put back
        elif isinstance(value, random.Random):
            self._generator(value.getstate, value.setstate)
        elif kind.__module__.partition(".")[0] == "numpy":
            self._of_numpy(value)
        else:
            if kind.__module__ == "functools" and hasattr(value, "__wrapped__"):
                self._waiting.append(value.__wrapped__)  # a cached function
            self._own(value, kind)

    def _own(self, value: Any, kind: type) -> None:
        """Look at the attributes of an object that Python code defined the class of."""
        if kind in _PLAIN or foreign(kind.__module__):
            return
        attributes = attributes_of(value)
        if type(attributes) is dict:
            self._dict(attributes)
        for member in members_of(kind):
            held = restoring.slot_of(member, value)
            self._keep(restoring.slot, member, value, held)
            self._waiting.append(held)
        if kind.__flags__ & _HEAP:
            self._class(kind)

    def _class(self, kind: type) -> None:
        if not kind.__flags__ & _HEAP or foreign(kind.__module__) or id(kind) in self._seen_classes:
            return
        self._seen_classes.add(id(kind))
        held = dict(vars(kind))
        self._keep(restoring.class_attributes, kind, held)
        self._waiting.extend(
            value
            for name, value in held.items()
            if type(value) not in _ATOMS and (name[:2] != "__" or name == "__call__")
        )

    def _function(self, function: FunctionType) -> None:
        if foreign(function.__module__ or ""):
            return
        waiting = self._waiting
        for cell in function.__closure__ or ():
            if id(cell) not in self._seen:
                self._seen.add(id(cell))
                held = restoring.cell_of(cell)
                self._keep(restoring.cell, cell, held)
                waiting.append(held)
        waiting += filter(None, (function.__defaults__, function.__kwdefaults__, vars(function)))
        known = function.__globals__
        for name in _names(function.__code__):
            if name in known:
                held = known[name]
                self._keep(restoring.variable, known, name, held)
                if type(held) not in _ATOMS:
                    waiting.append(held)

    def _of_numpy(self, value: Any) -> None:
        numpy = sys.modules["numpy"]
        if isinstance(value, numpy.ndarray):
            if value.nbytes <= ARRAY:
                self._keep(restoring.numbers, value, value.copy())
        elif isinstance(value, numpy.random.Generator):
            bits = value.bit_generator
            self._generator(partial(getattr, bits, "state"), partial(setattr, bits, "state"))
        elif isinstance(value, numpy.random.RandomState):
            self._generator(value.get_state, value.set_state)

    def _generator(self, read: Callable[[], Any], write: Callable[[Any], Any]) -> None:
        self._keep(restoring.generator, read, write, read())

    def drew(self) -> bool:
        """Tell whether a random generator that was reached, but no tensor's, has moved on."""
        return any(
            not isinstance(before, Tensor) and pickle.dumps(read()) != pickle.dumps(before)
            for read, _, before in self._records[restoring.generator]
        )

    def tensors(self) -> Iterator[Tensor]:
        """Iterate over the tensors that were reached."""
        return (tensor for tensor, _ in self._tensors)

    def keep_hooks(self, tensor: Tensor) -> None:
        """Note the hooks of a tensor, before one is added."""
        if id(tensor) in self._seen:
            self._keep(restoring.hooks, tensor, restoring.hooks_of(tensor))

    def keep_data(self, tensor: Tensor) -> None:
        """Note which memory a tensor shows, before it is given another."""
        kept = self._records[restoring.memory]
        if id(tensor) in self._seen and all(tensor is not known for known, _ in kept):
            kept.append((tensor, tensor.detach()))

    def keep_gradients(self) -> None:
        """Note the gradients of tensors, before the first is made or set.

        Not earlier: torch crashes where one is read while another thread's backward makes it.
        """
        if not self._records[restoring.gradient]:
            for tensor in self.tensors():
                self._keep(restoring.gradient, tensor, restoring.gradient_of(tensor))

    def restore(self) -> None:
        """Put back what is not as it was."""
        for put, records in self._records.items():
            for record in records:
                put(*record)
            records.clear()
        for container in filter(None, self._empty):
            type(container).clear(container)  # a dict or a set


@lru_cache(maxsize=4096)
def _names(code: CodeType) -> tuple[str, ...]:
    """Return every name that the code may look up among globals, with what is defined inside it."""
    inner = [name for held in code.co_consts if isinstance(held, CodeType) for name in _names(held)]
    return tuple(dict.fromkeys((*code.co_names, *inner)))


@contextmanager
def as_it_was(parts: list[nn.Module]) -> Iterator[State]:
    """Put back all that running changes: what the parts reach, and the settings around them."""
    state = State(parts)
    devices = gpus_in_use()
    drawn = [torch.cuda.get_rng_state(device) for device in devices]
    with surroundings_kept():
        try:
            yield state
        finally:
            state.restore()
            for device, before in zip(devices, drawn, strict=True):
                torch.cuda.set_rng_state(before, device)
