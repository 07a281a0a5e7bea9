"""What a count writes down: every call of an operator, and the module that was running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, Final

from torch import nn
from torch.nn.modules import module as hooks

from convbench.profiling.counts import NAMES, Counts

KIND: Final = "_convbench_kind"
"""Where a module that stands for another keeps the name of that one's type."""


def kind_of(part: nn.Module) -> str:
    """Return the name of a module's type, or of the type that it stands for."""
    return str(vars(part).get(KIND) or type(part).__name__)


class Ledger:
    """What was met: every call of an operator, the operators without a rule, where we are."""

    def __init__(self, module: nn.Module) -> None:
        """Name every module of the tree by its first name."""
        self.parts = tuple(module.named_modules())
        self.names = {id(part): name for name, part in self.parts}
        self.events: list[tuple[str, str, Counts, int]] = []
        self.unknown: dict[str, int] = {}
        self.path = ""
        self.stack: list[str] = []
        self.visits: dict[str, int] = {}

    def add(self, operator: str, counts: Counts, itemsize: int) -> None:
        """Note one call of an operator, in the module that is running."""
        self.events.append((self.path, operator, counts, itemsize))

    def miss(self, operator: str) -> None:
        """Note one call of an operator that has no rule."""
        self.unknown[operator] = self.unknown.get(operator, 0) + 1

    def rows(self) -> dict[tuple[str, str], tuple[int, Counts]]:
        """Return calls and summed counts by (module, operator), in the order first met."""
        sums: dict[tuple[str, str], list[int]] = {}
        calls: dict[tuple[str, str], int] = {}
        for path, operator, counts, itemsize in self.events:
            key = (path, operator)
            numbers = _NUMBERS(counts)
            row = sums.get(key)
            if row is None:
                row = sums[key] = [0] * len(NAMES)
            for place, number in enumerate(numbers):
                row[place] += number
            row[_MOVED] += (counts.reads + counts.writes) * itemsize
            calls[key] = calls.get(key, 0) + 1
        return {
            key: (calls[key], Counts(**dict(zip(NAMES, row, strict=True))))
            for key, row in sums.items()
        }


_NUMBERS: Final = attrgetter(*NAMES)
_MOVED: Final = NAMES.index("bytes_moved")


@contextmanager
def watching(ledger: Ledger) -> Iterator[None]:
    """Follow which module runs, by torch's own global hooks, removed afterwards."""
    names, stack = ledger.names, ledger.stack

    def enter(module: nn.Module, _: Any) -> None:
        stack.append(ledger.path)
        name = names.get(id(module))
        if name is not None:
            ledger.path = name
            ledger.visits[name] = ledger.visits.get(name, 0) + 1

    def leave(module: nn.Module, _: Any, __: Any) -> None:
        if stack:
            ledger.path = stack.pop()

    before = hooks.register_module_forward_pre_hook(enter)
    after = hooks.register_module_forward_hook(leave, always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()
