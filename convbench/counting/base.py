"""What a counter is, and how one is run without leaving a trace in the model."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from convbench.core.errors import ConvbenchError, one_line
from convbench.core.registry import Registry
from convbench.counting.tally import Tally, Unavailable

if TYPE_CHECKING:
    from torch import nn


class CountError(ConvbenchError):
    """A counter that could not count a module."""


class Counter(Protocol):
    """Counts the multiply-accumulates of one forward pass."""

    name: str
    package: str

    def count(self, module: nn.Module, inputs: tuple[Any, ...]) -> Tally:
        """Return the tally of module(*inputs); any exception means that it cannot count it."""
        ...


def _load_counters() -> None:
    import convbench.counting.tools as package

    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        importlib.import_module(f"{package.__name__}.{module.name}")


COUNTERS: Final[Registry[Counter]] = Registry("counter", _load_counters)
"""Every registered counter by name."""


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Put back, afterwards, what a forward pass may change: buffers, random state, flags.

    Batch norm in training mode updates its statistics in every forward pass, dropout draws random
    numbers, and a counter's own forward pass must leave neither behind.
    """
    import torch

    from convbench.counting.engine.module_state import as_it_was
    from convbench.counting.engine.module_tensors import held_by, parts_of
    from convbench.counting.engine.values import Values

    parts, values = parts_of(module), Values()
    for buffer in held_by(parts)[1]:
        values.keep(buffer)
    try:
        with torch.random.fork_rng(), as_it_was(parts), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns about constants that do not matter here
            yield
    finally:
        values.restore()


def count_with(name: str, module: nn.Module, inputs: Any) -> Tally | Unavailable:
    """Count with the counter `name`; a counter that fails is Unavailable, with the reason.

    inputs: a tensor, or a tuple of the forward's positional arguments.
    """
    counter = COUNTERS[name]
    arguments = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    try:
        with untouched(module):
            return counter.count(module, arguments)
    except ImportError as error:
        return Unavailable(f"{name} is not installed ({error}): pip install {name}")
    except Exception as error:  # noqa: BLE001  a counter may fail in any way; the reason is kept
        return Unavailable(f"{name} failed: {one_line(error)}")
