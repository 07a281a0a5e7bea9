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
    CellType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, Final

import torch
from torch import Tensor, nn

from convbench.counting.engine import restoring
from convbench.counting.engine.process_state import surroundings_kept
from convbench.counting.engine.reaching import attributes_of, foreign, members_of

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
_HEAP: Final = 1 << 9
"""Set in the flags of a type that Python code defined."""


class State:
    """All that can be reached of a module, as it is now."""

    def __init__(self, parts: list[nn.Module]) -> None:
        """Look at the parts of a module, and whatever they hold."""
        self._empty: list[Any] = []
        self._attributes: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._containers: list[tuple[Any, Any]] = []
        self._tensors: list[tuple[Tensor, bool]] = []
        self._hooks: list[tuple[Tensor, Any]] = []
        self._data: list[tuple[Tensor, Tensor]] = []
        self._gradients: list[tuple[Tensor, Tensor | None]] = []
        self._classes: list[tuple[type, dict[str, Any]]] = []
        self._globals: list[tuple[dict[str, Any], str, Any]] = []
        self._cells: list[tuple[CellType, Any]] = []
        self._slots: list[tuple[MemberDescriptorType, Any, Any]] = []
        self._arrays: list[tuple[Any, Any]] = []
        self._generators: list[tuple[Any, Any, Any]] = []
        self._kept: tuple[tuple[Callable[..., None], list[Any]], ...] = (
            (restoring.attributes, self._attributes),
            (restoring.items, self._containers),
            (restoring.data, self._data),
            (restoring.hooks, self._hooks),
            (restoring.tensor, self._tensors),
            (restoring.put_gradient, self._gradients),
            (restoring.type_of, self._classes),
            (restoring.variable, self._globals),
            (restoring.cell, self._cells),
            (restoring.slot, self._slots),
            (restoring.numbers, self._arrays),
            (restoring.generator, self._generators),
        )
        self.scripted: list[Any] = []
        self._seen: set[int] = set(map(id, parts))
        self._seen_classes: set[int] = set()
        self._waiting: list[Any] = []
        for part in parts:
            if isinstance(part, torch.jit.ScriptModule):  # its state is not in Python,
                self._attributes.append((vars(part), vars(part).copy()))  # its methods are kept
            else:
                self._part(vars(part))
        for kind in {kind for part in parts for kind in type(part).__mro__}:
            self._class(kind)
        self._look()

    def _part(self, attributes: dict[str, Any]) -> None:
        """Look at the attributes of one part: most are numbers and empty dicts of hooks."""
        self._attributes.append((attributes, attributes.copy()))
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
                    self._attributes.append((attributes, attributes.copy()))
                    waiting.extend(attributes.values())
                else:
                    self._empty.append(attributes)
            elif (held := restoring.contents_of(value)) is not None:
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
        for kinds, look in _LOOKS:
            if isinstance(value, kinds):
                look(self, value)
                return
        if kind.__module__.partition(".")[0] == "numpy":
            self._of_numpy(value)
            return
        if kind.__module__ == "functools" and hasattr(value, "__wrapped__"):
            self._waiting.append(value.__wrapped__)  # a cached function
        self._own(value, kind)

    def _module(self, value: nn.Module) -> None:
        if isinstance(value, torch.jit.ScriptModule):
            self.scripted.append(value)
        else:
            self._part(vars(value))

    def _held(self, *values: Any) -> None:
        self._waiting.extend(values)

    def _own(self, value: Any, kind: type) -> None:
        """Look at the attributes of an object that Python code defined the class of."""
        if kind in _PLAIN or foreign(kind.__module__):
            return
        attributes = attributes_of(value)
        if type(attributes) is dict:
            self._attributes.append((attributes, attributes.copy()))
            self._waiting.extend(attributes.values())
        for member in members_of(kind):
            held = restoring.held_in(member, value)
            self._slots.append((member, value, held))
            self._waiting.append(held)
        if kind.__flags__ & _HEAP:
            self._class(kind)

    def _class(self, kind: type) -> None:
        if not kind.__flags__ & _HEAP or foreign(kind.__module__) or id(kind) in self._seen_classes:
            return
        self._seen_classes.add(id(kind))
        held = dict(vars(kind))
        self._classes.append((kind, held))
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
                held = restoring.contents(cell)
                self._cells.append((cell, held))
                waiting.append(held)
        if function.__defaults__:
            waiting.append(function.__defaults__)
        if function.__kwdefaults__:
            waiting.append(function.__kwdefaults__)
        if vars(function):
            waiting.append(vars(function))
        known = function.__globals__
        for name in _names(function.__code__):
            if name in known:
                held = known[name]
                self._globals.append((known, name, held))
                if type(held) not in _ATOMS:
                    waiting.append(held)

    def _of_numpy(self, value: Any) -> None:
        numpy = sys.modules["numpy"]
        if isinstance(value, numpy.ndarray):
            if value.nbytes <= ARRAY:
                self._arrays.append((value, value.copy()))
        elif isinstance(value, numpy.random.Generator):
            bits = value.bit_generator
            self._generator(partial(getattr, bits, "state"), partial(setattr, bits, "state"))
        elif isinstance(value, numpy.random.RandomState):
            self._generator(value.get_state, value.set_state)

    def _generator(self, read: Callable[[], Any], write: Callable[[Any], None]) -> None:
        self._generators.append((read, write, read()))

    def drew(self) -> bool:
        """Tell whether a random generator that was reached, but no tensor's, has moved on."""
        return any(
            not isinstance(before, Tensor) and pickle.dumps(read()) != pickle.dumps(before)
            for read, _, before in self._generators
        )

    def tensors(self) -> Iterator[Tensor]:
        """Iterate over the tensors that were reached."""
        return (tensor for tensor, _ in self._tensors)

    def keep_hooks(self, tensor: Tensor) -> None:
        """Note the hooks of a tensor, before one is added."""
        if id(tensor) in self._seen:
            self._hooks.append((tensor, restoring.hooks_of(tensor)))

    def keep_data(self, tensor: Tensor) -> None:
        """Note which memory a tensor shows, before it is given another."""
        if id(tensor) in self._seen and all(tensor is not known for known, _ in self._data):
            self._data.append((tensor, tensor.detach()))

    def keep_gradients(self) -> None:
        """Note the gradients of tensors, before the first is made or set.

        Not earlier: torch crashes where one is read while another thread's backward makes it.
        """
        if not self._gradients:
            self._gradients += [(item, restoring.gradient(item)) for item in self.tensors()]

    def restore(self) -> None:
        """Put back what is not as it was."""
        for put, records in self._kept:
            for record in records:
                put(*record)
            records.clear()
        for container in filter(None, self._empty):
            type(container).clear(container)  # a dict or a set


_LOOKS: Final[tuple[tuple[Any, Callable[[State, Any], None]], ...]] = (
    (FunctionType, State._function),  # noqa: SLF001  our own, as all below
    (BuiltinMethodType, lambda state, value: state._held(value.__self__)),  # noqa: SLF001
    (MethodType, lambda state, value: state._held(value.__self__, value.__func__)),  # noqa: SLF001
    (partial, lambda state, value: state._held(value.func, value.args, value.keywords)),  # noqa: SLF001
    ((staticmethod, classmethod), lambda state, value: state._held(value.__func__)),  # noqa: SLF001
    (property, lambda state, value: state._held(value.fget, value.fset)),  # noqa: SLF001
    (type, State._class),  # noqa: SLF001
    (torch.Generator, lambda state, value: state._generator(value.get_state, value.set_state)),  # noqa: SLF001
    (random.Random, lambda state, value: state._generator(value.getstate, value.setstate)),  # noqa: SLF001
    (nn.Module, State._module),  # noqa: SLF001
    ((torch.ScriptMethod, torch.jit.ScriptFunction), lambda s, value: s.scripted.append(value)),
)
"""Of what is no container, how it is looked at; the first kind that fits."""


@lru_cache(maxsize=4096)
def _names(code: CodeType) -> tuple[str, ...]:
    """Return every name that the code may look up among globals, with what is defined inside it."""
    inner = [name for held in code.co_consts if isinstance(held, CodeType) for name in _names(held)]
    return tuple(dict.fromkeys((*code.co_names, *inner)))


@contextmanager
def as_it_was(parts: list[nn.Module]) -> Iterator[State]:
    """Put back all that running changes: what the parts reach, and the settings around them."""
    state = State(parts)
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    drawn = [torch.cuda.get_rng_state(device) for device in devices]
    with surroundings_kept():
        try:
            yield state
        finally:
            state.restore()
            for device, before in zip(devices, drawn, strict=True):
                torch.cuda.set_rng_state(before, device)
