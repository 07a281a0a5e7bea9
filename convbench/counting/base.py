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
def untouched(module: nn.Module, *, draws: bool = True) -> Iterator[None]:
    """Put back, afterwards, what a forward pass may change: buffers, random state, flags.

    Batch norm in training mode updates its statistics in every forward pass, dropout draws random
    numbers, and a counter's own forward pass must leave neither behind. draws: put random numbers
    back too, which are one stream for all threads.
    """
    import torch

    before = [
        (part, part.training, dict(part._buffers))  # noqa: SLF001  no public way to put one back
        for part in module.modules()
        if not isinstance(part, torch.jit.ScriptModule)
    ]
    values = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    try:
        with torch.random.fork_rng(enabled=draws), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns about constants that do not matter here
            yield
    finally:
        for part, training, buffers in before:
            part.training = training
            part._buffers.clear()  # noqa: SLF001  as above
            part._buffers.update(buffers)  # noqa: SLF001  as above
        for buffer, value in values:
            with torch.inference_mode(mode=buffer.is_inference()), torch.no_grad():
                if buffer.shape != value.shape:
                    buffer.resize_(value.shape)
                buffer.copy_(value)


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
