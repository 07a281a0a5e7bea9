"""A module and what it can reach in Python, put back after a count.

Reached are the attributes of its parts, what those hold (containers, objects of any kind, arrays,
tensors, random generators), the classes of its parts, what its own functions and hooks hold in
closures and defaults, and the globals that their code names. What torch and the standard library
keep for themselves is not followed.
"""

from __future__ import annotations

import random
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from operator import is_ as _same
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

import torch
from torch import Tensor, nn

ROOM: Final = 200_000
"""Things that are looked at, at most: what a module holds beyond that, a data set perhaps, is kept
as far as the containers it is in."""
ARRAY: Final = 1 << 26
"""Bytes of a NumPy array up to which its values are kept."""

_ATOMS: Final = frozenset(
    {int, float, bool, str, bytes, complex, type(None), type(...), range, slice, ModuleType}
    | {torch.dtype, torch.device, torch.Size, torch.layout, torch.memory_format}
    | {type(len), type(print), type(torch.relu)}
)
_PLAIN: Final = frozenset({dict, list, set, bytearray, OrderedDict, defaultdict, deque, Counter})
_HOLDERS: Final = frozenset({"types", "argparse", "collections"})
"""Of the standard library, where there are classes whose objects hold what users put there."""
_OTHERS: Final = (
    sys.stdlib_module_names - _HOLDERS | {"torch", "functorch", "numpy", "pandas", "sympy"}
    | {"convbench", "pytest", "_pytest"}
)  # fmt: skip
_MISSING: Final = object()
_HEAP: Final = 1 << 9
"""Set in the flags of a type that Python code defined."""


class State:
    """All that can be reached of a module, as it is now."""

    def __init__(self, parts: list[nn.Module]) -> None:
        """Look at the parts of a module, and whatever they hold."""
        self._attributes: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._empty: list[Any] = []
        self._containers: list[tuple[Any, Any]] = []
        self._tensors: list[tuple[Tensor, bool, Tensor | None]] = []
        self._classes: list[tuple[type, dict[str, Any]]] = []
        self._globals: list[tuple[dict[str, Any], str, Any]] = []
        self._cells: list[tuple[CellType, Any]] = []
        self._slots: list[tuple[Any, str, Any]] = []
        self._arrays: list[tuple[Any, Any]] = []
        self._generators: list[tuple[Any, Any]] = []
        self._seen: set[int] = set(map(id, parts))
        self._seen_classes: set[int] = set()
        self._waiting: list[Any] = []
        for part in parts:
            if not isinstance(part, torch.jit.ScriptModule):  # its state is not in Python
                self._part(vars(part))
        for kind in {kind for part in parts for kind in type(part).__mro__}:
            self._class(kind)
        self._look()

    def _part(self, attributes: dict[str, Any]) -> None:
        """Look at the attributes of one part: most are numbers and empty dicts of hooks."""
        self._attributes.append((attributes, attributes.copy()))
        for value in attributes.values():
            kind = type(value)
            if kind in _ATOMS:
                continue
            if (kind is dict or kind is OrderedDict) and not value:
                self._empty.append(value)
            elif kind is not tuple or not all(type(item) in _ATOMS for item in value):
                self._waiting.append(value)

    def _look(self) -> None:
        waiting, seen = self._waiting, self._seen
        while waiting and len(seen) < ROOM:
            value = waiting.pop()
            kind = type(value)
            if kind in _ATOMS or id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, Tensor):
                self._tensors.append((value, value.requires_grad, _gradient(value)))
            elif isinstance(value, dict):
                self._containers.append((value, dict(value)))
                waiting.extend(value.values())
                self._own(value, kind)
            elif isinstance(value, list | set | deque | bytearray):
                self._containers.append((value, list(value)))
                waiting.extend(value)
                self._own(value, kind)
            elif isinstance(value, tuple | frozenset):
                waiting.extend(value)
            else:
                self._thing(value, kind)

    def _thing(self, value: Any, kind: type) -> None:
        waiting = self._waiting
        if isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, MethodType):
            waiting += (value.__self__, value.__func__)
        elif isinstance(value, partial):
            waiting += (value.func, value.args, value.keywords)
        elif isinstance(value, staticmethod | classmethod):
            waiting.append(value.__func__)
        elif isinstance(value, property):
            waiting += (value.fget, value.fset)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, torch.Generator):
            self._generators.append((value.set_state, value.get_state()))
        elif isinstance(value, random.Random):
            self._generators.append((value.setstate, value.getstate()))
        elif isinstance(value, nn.Module):
            if not isinstance(value, torch.jit.ScriptModule):
                self._part(vars(value))
        elif kind.__module__.partition(".")[0] == "numpy":
            self._of_numpy(value)
        else:
            if kind.__module__ == "functools" and hasattr(value, "__wrapped__"):
                waiting.append(value.__wrapped__)  # a cached function
            self._own(value, kind)

    def _own(self, value: Any, kind: type) -> None:
        """Look at the attributes of an object that Python code defined the class of."""
        if kind in _PLAIN or _foreign(kind.__module__):
            return
        attributes = getattr(value, "__dict__", None)
        if type(attributes) is dict:
            self._attributes.append((attributes, attributes.copy()))
            self._waiting.extend(attributes.values())
        for above in kind.__mro__:
            names = above.__dict__.get("__slots__", ())
            for name in (names,) if isinstance(names, str) else names:
                if name not in {"__dict__", "__weakref__"}:
                    held = getattr(value, name, _MISSING)
                    self._slots.append((value, name, held))
                    self._waiting.append(held)
        if kind.__flags__ & _HEAP:
            self._class(kind)

    def _class(self, kind: type) -> None:
        if (
            not kind.__flags__ & _HEAP
            or _foreign(kind.__module__)
            or id(kind) in self._seen_classes
        ):
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
        if _foreign(function.__module__ or ""):
            return
        waiting = self._waiting
        for cell in function.__closure__ or ():
            if id(cell) not in self._seen:
                self._seen.add(id(cell))
                held = _contents(cell)
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
            self._generators.append((partial(setattr, bits, "state"), bits.state))
        elif isinstance(value, numpy.random.RandomState):
            self._generators.append((value.set_state, value.get_state()))

    def restore(self) -> None:
        """Put back what is not as it was."""
        for state, attributes in self._attributes:
            if state.keys() != attributes.keys():
                for name in [name for name in state if name not in attributes]:
                    del state[name]
            state.update(attributes)
        for container in self._empty:
            if container:
                container.clear()
        for container, items in self._containers:
            _fill(container, items)
        for tensor, needs, gradient in self._tensors:
            if tensor.requires_grad is not needs:
                with torch.inference_mode(mode=tensor.is_inference()):
                    tensor.requires_grad_(needs)
            if _gradient(tensor) is not gradient:
                tensor.grad = gradient
        for kind, held in self._classes:
            _reset(kind, held)
        for known, name, value in self._globals:
            if known.get(name, _MISSING) is not value:
                known[name] = value
        for cell, value in self._cells:
            if _contents(cell) is not value:
                cell.cell_contents = value
        for owner, name, value in self._slots:
            if getattr(owner, name, _MISSING) is not value:
                object.__delattr__(owner, name) if value is _MISSING else object.__setattr__(
                    owner, name, value
                )
        for array, values in self._arrays:
            if array.flags.writeable:
                array[...] = values
        for put, before in self._generators:
            put(before)


def _fill(container: Any, items: Any) -> None:
    """Give a container the items that it had, where it has others."""
    if isinstance(container, dict):
        if len(container) == len(items) and all(
            map(_same, (*container, *container.values()), (*items, *items.values()))
        ):
            return
        dict.clear(container)
        dict.update(container, items)
    elif len(container) != len(items) or not all(map(_same, container, items)):
        if isinstance(container, list | bytearray):
            container[:] = items
        else:
            container.clear()
            container.update(items) if isinstance(container, set) else container.extend(items)


def _reset(kind: type, held: dict[str, Any]) -> None:
    now = vars(kind)
    if len(now) == len(held) and all(map(_same, now.values(), held.values())):
        return
    for name in [name for name in now if name not in held]:
        delattr(kind, name)
    for name, value in held.items():
        if now.get(name, _MISSING) is not value:
            setattr(kind, name, value)


def _gradient(tensor: Tensor) -> Tensor | None:
    return tensor.grad if tensor.is_leaf else None  # reading another's warns


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return _MISSING


@lru_cache(maxsize=4096)
def _foreign(module: str) -> bool:
    return module.partition(".")[0] in _OTHERS


@lru_cache(maxsize=4096)
def _names(code: CodeType) -> tuple[str, ...]:
    """Return every name that the code may look up among globals, with what is defined inside it."""
    inner = [name for held in code.co_consts if isinstance(held, CodeType) for name in _names(held)]
    return tuple(dict.fromkeys((*code.co_names, *inner)))


@contextmanager
def as_it_was(parts: list[nn.Module]) -> Iterator[None]:
    """Put back all that running changes: what the parts reach, random states, the default type."""
    state = State(parts)
    python, dtype = random.getstate(), torch.get_default_dtype()
    numpy: Any = sys.modules.get("numpy.random")
    drawn = numpy.get_state() if numpy else None
    try:
        with torch.random.fork_rng():
            yield
    finally:
        state.restore()
        random.setstate(python)
        if drawn is not None:
            numpy.set_state(drawn)
        if torch.get_default_dtype() is not dtype:
            torch.set_default_dtype(dtype)
