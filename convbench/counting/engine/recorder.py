"""The record of a count: every call of an operator, and the module that was running."""

from __future__ import annotations

import sys
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import add, attrgetter
from threading import get_ident
from typing import Any, Final

import torch
from torch import nn
from torch.nn.modules import module as hooks

from convbench.core.torch_internals import (
    next_node,
    weights_of,
    without_overrides,
)
from convbench.counting.engine.counts import NAMES, Counts
from convbench.counting.engine.module_tensors import named_parts
from convbench.counting.engine.pytree import tensors_in

Shapes = tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]
"""Of a call: the shapes of the tensors that it takes, and of those that it returns."""

ONE_DRAW: Final = (
    "random numbers were drawn that may decide which layers run: the counts are those of one draw, "
    "and another may give others"
)


class Recorder:
    """Every call of an operator, the operators without a rule, and the module that runs.

    drew: Python code saw random numbers. looked: it saw values of tensors, in a run for real.
    without_graph: no output requires a gradient, but weights do.
    elsewhere: calls of its parts by other threads, which nobody counts. used: the tensors that
    operators were given, by id, where only they are to be counted as held. outside: modules that
    ran and are none of its parts, by id. unwatched: parts with trainable weights of their own whose
    last call was without autograd, in the count of a backward pass. shapes: the different ones of
    the calls of each part, in order; None where they are not noted.
    """

    def __init__(self, module: nn.Module, *, shapes: bool = False) -> None:
        """Name every module of the tree by its first name."""
        self.parts = named_parts(module)
        self.names = {id(part): name for name, part in self.parts}
        self.events: list[tuple[str, str, Counts, int]] = []
        self.unknown: dict[str, int] = {}
        self.again: dict[tuple[str, str], int] = {}
        self.path = ""
        self.stack: list[str] = []
        self.visits: dict[str, int] = {}
        self.elsewhere = 0
        self.drew = self.looked = self.without_graph = False
        self.used: set[int] | None = None
        self.outside: dict[int, nn.Module] = {}
        self.unwatched: dict[str, None] = {}
        self._differentiates = False
        self.shapes: dict[str, dict[Shapes, None]] | None = {} if shapes else None
        self._nodes, self._makers = [-1], [""]

    def entered(self, path: str) -> None:
        """Note that nodes of the graph of autograd are from here on made in a module."""
        self.path = path
        self._nodes.append(next_node())
        self._makers.append(path)

    def graphed(self, name: str, module: nn.Module) -> None:
        """Note whether a part that is called is followed by autograd: a checkpoint calls twice."""
        if torch.is_grad_enabled():
            self.unwatched.pop(name, None)
        elif any(held is not None and held.requires_grad for held in weights_of(module).values()):
            self.unwatched[name] = None

    def made_by(self, node: int) -> str:
        """Return the module in which a node was made, by its number: they count up."""
        return self._makers[bisect_right(self._nodes, node) - 1]

    def begin(self) -> None:
        """Forget the calls so far: another pass begins."""
        self.events.clear()
        self.again.clear()
        self._differentiates = True

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know of the count, in sentences."""
        found = []
        if self.drew:
            idle = [name for name, _ in self.parts if not self._ran(name)]
            parts = "1 part" if len(idle) == 1 else f"{len(idle)} parts"
            found.append(ONE_DRAW + (f"; {parts} did not run ({idle[0]} first)" if idle else ""))
        if self.looked:
            found.append(
                "values of tensors may decide which layers run: the counts are those for the "
                "weights and inputs given (on the command line the inputs are zeros), and others "
                "may take another path"
            )
        if self.without_graph:
            found.append(
                "no output wants a gradient, so that nothing was counted backward: does its "
                "forward run under torch.no_grad or torch.inference_mode?"
            )
        elif self.unwatched and self._differentiates:
            parts = "1 part" if len(self.unwatched) == 1 else f"{len(self.unwatched)} parts"
            found.append(
                f"{parts} with weights that require a gradient ran under torch.no_grad "
                f"({next(iter(self.unwatched))} first): nothing of that was counted backward"
            )
        return tuple(found)

    def _ran(self, name: str) -> bool:
        return any(other == name or other.startswith(f"{name}.") for other in self.visits)

    def add(self, operator: str, counts: Counts, itemsize: int) -> None:
        """Note one call of an operator, in the module that is running."""
        self.events.append((self.path, operator, counts, itemsize))

    def note(self, path: str, operator: str, counts: Counts, itemsize: int) -> None:
        """Note more about calls in a module, which were noted already."""
        self.events.append((path, operator, counts, itemsize))
        self.again[path, operator] = self.again.get((path, operator), 0) + 1

    def miss(self, operator: str, times: int = 1) -> None:
        """Note calls of an operator that has no rule."""
        self.unknown[operator] = self.unknown.get(operator, 0) + times

    def rows(self) -> dict[tuple[str, str], tuple[int, Counts]]:
        """Return calls and summed counts by (module, operator), in the order first met."""
        sums: dict[tuple[str, str], list[int]] = {}
        calls: dict[tuple[str, str], int] = {}
        for path, operator, counts, itemsize in self.events:
            key = (path, operator)
            row = sums.get(key)
            if row is None:
                row = sums[key] = list(_NUMBERS(counts))
                calls[key] = 1
            else:
                row[:] = map(add, row, _NUMBERS(counts))
                calls[key] += 1
            row[_READ] += counts.reads * itemsize
            row[_WRITTEN] += counts.writes * itemsize
        return {
            key: (calls[key] - self.again.get(key, 0), Counts.of(row)) for key, row in sums.items()
        }


def _noting_shapes(
    recorder: Recorder, enter: Callable[..., None], leave: Callable[..., None]
) -> tuple[Callable[..., None], Callable[..., None]]:
    """Return both hooks, which note the shapes of the calls as well."""
    names, met, here = recorder.names, recorder.shapes, get_ident()
    waiting: list[tuple[tuple[int, ...], ...]] = []

    def begins(module: nn.Module, inputs: Any) -> None:
        enter(module, inputs)
        if get_ident() == here:
            waiting.append(_shapes(inputs))  # now: a call may change them in place

    def ends(module: nn.Module, inputs: Any, named: Any, output: Any) -> None:
        if get_ident() == here and waiting:
            call = (*waiting.pop(), *_shapes(named)), _shapes(output)
            if output is not None and met is not None and id(module) in names:
                met.setdefault(names[id(module)], {})[call] = None
        leave(module, inputs, output)

    return begins, ends


def _shapes(value: Any) -> tuple[tuple[int, ...], ...]:
    with without_overrides():
        return tuple(tuple(item.shape) for item in tensors_in(value) if not item.is_nested)


_NUMBERS: Final = attrgetter(*NAMES)
_READ: Final = NAMES.index("bytes_read")
_WRITTEN: Final = NAMES.index("bytes_written")


@contextmanager
def watching(recorder: Recorder) -> Iterator[None]:
    """Follow which module runs, by torch's own global hooks, removed afterwards."""
    names, stack, visits, here = recorder.names, recorder.stack, recorder.visits, get_ident()
    graphs = torch.is_grad_enabled()
    entered = recorder.entered if graphs else partial(setattr, recorder, "path")

    def enter(module: nn.Module, _: Any) -> None:
        if get_ident() != here:
            if id(module) in names:
                recorder.elsewhere += 1
                recorder.miss("modules that another thread ran")
            return
        name = names.get(id(module))
        if name is None and len(stack) < 2:  # noqa: PLR2004  the module itself, and this one
            recorder.outside[id(module)] = module
        stack.append(recorder.path)
        if name is not None:
            entered(name)
            visits[name] = visits.get(name, 0) + 1
            if graphs:
                recorder.graphed(name, module)

    def leave(module: nn.Module, _: Any, __: Any) -> None:
        if stack and get_ident() == here:
            entered(stack.pop())

    def begin(*_: Any) -> None:
        sys.setprofile(None)
        recorder.miss("threads that it started, where nothing is counted")

    profiled = threading.getprofile()
    threading.setprofile(begin)
    noting = _noting_shapes(recorder, enter, leave) if recorder.shapes is not None else None
    before = hooks.register_module_forward_pre_hook(noting[0] if noting else enter)
    after = hooks.register_module_forward_hook(
        noting[1] if noting else leave, with_kwargs=noting is not None, always_call=True
    )
    try:
        yield
    finally:
        threading.setprofile(profiled)
        before.remove()
        after.remove()
