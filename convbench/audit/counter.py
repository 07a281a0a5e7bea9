"""What an audited counter is: an adapter that asks one tool, and says what the tool's number means.

An adapter uses the tool as its documentation says, with the tool's own options only. What a tool
counts beside multiply-accumulates is declared here, never fitted: `parts` where the tool itself
says how much of its number that is, `extras` where it only says at what rate.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar, Final

from convbench.core.errors import ConvbenchError
from convbench.core.registry import Registry

if TYPE_CHECKING:
    from torch import nn


class Refusal(ConvbenchError):  # noqa: N818  it is no fault: the tool says that it cannot
    """A tool that says itself that it cannot count this."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a tool said.

    value: its number, in its own unit. parts: what of that it lists apart, not multiply-accumulates
    by its own account, in the same unit. unknown: operators that it says it does not know.
    """

    value: int
    parts: dict[str, int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


class Tool:
    """One counter. Subclass, set the class variables, write `load` and `count`, and register it.

    name: as the matrix shows it. package: as it is installed. unit: its operations for one
    multiply-accumulate. extras: what it declares to count beside them and does not list apart, as
    the rate for one element of a kind that `census` knows. backward: whether it can be asked.
    per_sample: whether its number is the mean of one sample; averaged: the extras in that mean.
    warm: whether it may be imported before the fork that it is asked in.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    unit: ClassVar[int] = 1
    convention: ClassVar[str] = "1 for each multiply-accumulate"
    extras: ClassVar[dict[str, int]] = {}
    backward: ClassVar[bool] = False
    per_sample: ClassVar[bool] = False
    averaged: ClassVar[frozenset[str]] = frozenset()
    warm: ClassVar[bool] = True

    def load(self) -> None:
        """Import the tool; ImportError where it is not installed."""
        raise NotImplementedError

    def count(self, module: nn.Module, inputs: tuple[Any, ...], *, backward: bool) -> Answer:
        """Ask the tool. Raises Refusal where it says that it cannot; anything else is a crash."""
        raise NotImplementedError

    @property
    def version(self) -> str:
        """The installed version; empty where it is not installed."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return ""


def _load_tools() -> None:
    import convbench.audit.counters as package

    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        importlib.import_module(f"{package.__name__}.{module.name}")


TOOLS: Final[Registry[Tool]] = Registry("audited counter", _load_tools)
"""Every audited counter by name; add one with a file in `counters/`."""


def register(kind: type[Tool]) -> type[Tool]:
    """Register an instance of the decorated class under its name."""
    TOOLS.register(kind.name)(kind())
    return kind


def arguments(module: nn.Module, inputs: tuple[Any, ...]) -> dict[str, Any]:
    """Return the inputs by the names of the forward's parameters, for tools that want names."""
    import inspect

    names = [
        name
        for name, parameter in inspect.signature(module.forward).parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    if len(names) < len(inputs):
        names = [f"input_{place}" for place in range(len(inputs))]
    return dict(zip(names, inputs, strict=False))


def run_both(module: nn.Module, inputs: tuple[Any, ...], *, backward: bool) -> None:
    """Call the module, and where asked for, the backward pass of the sum of all its outputs.

    The gradients that this makes are the adapter's and not the tool's, so none stays.
    """
    outputs = module(*inputs)
    if not backward:
        return
    wanted = [held for held in (*module.parameters(), *tensors(inputs)) if held.requires_grad]
    kept = [held.grad for held in wanted]
    summed = [one.real.sum() for one in tensors(outputs) if one.requires_grad]
    sum(summed[1:], summed[0]).backward()
    for held, gradient in zip(wanted, kept, strict=True):
        held.grad = gradient


def tensors(outputs: Any) -> Iterable[Any]:
    """Yield every tensor of nested tuples, lists and dictionaries."""
    import torch

    if isinstance(outputs, torch.Tensor):
        yield outputs
    elif isinstance(outputs, dict):
        for value in outputs.values():
            yield from tensors(value)
    elif isinstance(outputs, list | tuple):
        for value in outputs:
            yield from tensors(value)


def split(counts: dict[str, int], is_mac: Callable[[str], bool]) -> tuple[int, dict[str, int]]:
    """Return the sum of a tool's own breakdown, and the entries that are not MACs."""
    parts = {name: number for name, number in counts.items() if number and not is_mac(name)}
    return sum(counts.values()), parts
