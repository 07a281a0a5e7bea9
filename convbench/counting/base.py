"""What a counter is, and how one is run without leaving a trace in the model."""

from __future__ import annotations

import copy
import importlib
import pkgutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar, Final

from convbench.core.errors import ConvbenchError, one_line
from convbench.core.random_state import gpus_in_use
from convbench.core.registry import Registry
from convbench.counting.tally import Convention, Tally, Unavailable
from convbench.counting.zero_cost import is_zero_by_rule

if TYPE_CHECKING:
    from torch import nn


class CountError(ConvbenchError):
    """A counter that could not count a module."""


class Refusal(ConvbenchError):  # noqa: N818  it is no fault: the tool says that it cannot
    """A tool that says itself that it cannot count this."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of a tool; every number is in the tool's own unit.

    Attributes:
        value: its number.
        parts: the parts of that number that the tool itself reports separately as no
            multiply-accumulates.
        by_operator: the rest by operator; {} if the tool does not report it.
        by_module: the rest by qualified module name ("" is the whole); {} likewise.
        unknown: operators that the tool reports as unknown, with the number of calls, or 1 if it
            does not report that.
        unsaid: operators that it does not know and does not report, as the adapter saw them run.

    """

    value: int
    parts: dict[str, int] = field(default_factory=dict)
    by_operator: dict[str, int] = field(default_factory=dict)
    by_module: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    unsaid: dict[str, int] = field(default_factory=dict)


class Counter:
    """A tool that counts multiply-accumulates, used as its documentation says.

    Subclass it, set the class variables, write `count`, and decorate it with `register`. The first
    line of its docstring is what `convbench list counters` shows. What a tool counts besides
    multiply-accumulates must be declared from its documentation, not fitted to its results: as
    `Answer.parts` if the tool reports the amount, as `extras` if it only documents the rate.

    Attributes:
        name: by which it is looked up.
        title: its name in the audit's matrix, by which it is found too; `name` if it is empty.
        package: the name that pip installs.
        imports: the module to import.
        convention: what it counts, in words; `source` is filled in when it counts.
        unit: its number for one multiply-accumulate.
        extras: what it counts besides them without reporting it separately, as the rate for one
            element of a kind that `census` knows.
        backward: whether it can count a backward pass.
        per_sample: whether its number is the mean over samples; averaged: the extras in that mean.
        warm: whether it may be imported before the process that runs it is forked.
        in_runs: whether runs and `explain` use it.
        leaves_traces: whether it may change a module, so that it is given a copy.

    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    package: ClassVar[str]
    imports: ClassVar[str] = ""
    convention: ClassVar[Convention]
    unit: ClassVar[int] = 1
    extras: ClassVar[dict[str, int]] = {}
    backward: ClassVar[bool] = False
    per_sample: ClassVar[bool] = False
    averaged: ClassVar[frozenset[str]] = frozenset()
    warm: ClassVar[bool] = True
    in_runs: ClassVar[bool] = True
    leaves_traces: ClassVar[bool] = False

    def load(self) -> Any:
        """Import the tool and return its module; ImportError where it is not installed."""
        return importlib.import_module(self.imports) if self.imports else None

    def count(
        self, module: nn.Module, inputs: tuple[Any, ...], *, backward: bool = False
    ) -> Answer:
        """Ask the tool what module(*inputs) costs, with the gradients where backward is set.

        Raises Refusal where the tool says that it cannot; anything else is a crash.
        """
        raise NotImplementedError

    @property
    def label(self) -> str:
        """Its title, or its name."""
        return self.title or self.name

    @property
    def version(self) -> str:
        """The installed version; empty where it is not installed."""
        return _installed(self.package)

    @property
    def installed(self) -> str:
        """The package and its version, or how to install it."""
        found = self.version
        return f"{self.package} {found}" if found else f"not installed: pip install {self.package}"

    def tally(self, answer: Answer, module: nn.Module, inputs: tuple[Any, ...]) -> Tally:
        """Return an answer for module(*inputs) in the shared part, without what is declared."""
        from convbench.counting.census import declared, samples

        with untouched(module):
            beside = {**answer.parts, **declared(self, module, inputs)}
        macs = (answer.value - sum(beside.values())) * samples(self, inputs) // self.unit
        missed = {**answer.unknown, **answer.unsaid}
        return Tally(
            counter=self.name,
            macs=macs,
            by_operator={name: n // self.unit for name, n in answer.by_operator.items()},
            by_module={name: n // self.unit for name, n in answer.by_module.items()} or {"": macs},
            elementwise=beside,
            unsupported={n: c for n, c in sorted(missed.items()) if not is_zero_by_rule(n)},
            convention=replace(self.convention, source=f"{self.package} {self.version}"),
        )


def _load_counters() -> None:
    import convbench.counting.tools as package

    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        importlib.import_module(f"{package.__name__}.{module.name}")


COUNTERS: Final[Registry[Counter]] = Registry("counter", _load_counters, of=Counter)
"""Every registered counter by name; add one with a file in `tools/`, or with a plugin."""


@cache
def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def register(kind: type[Counter]) -> type[Counter]:
    """Register an instance of the decorated class under its name, and its title."""
    COUNTERS.register(kind.name)(kind())
    if kind.title:
        COUNTERS.alias(kind.title, kind.name)
    return kind


def asked_in_runs() -> list[str]:
    """Return the names of the counters that runs and explanations ask, in the order of files."""
    asked = [name for name in COUNTERS if COUNTERS[name].in_runs]
    return sorted(asked, key=lambda name: type(COUNTERS[name]).__module__)


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
        with (
            torch.random.fork_rng(devices=gpus_in_use()),
            as_it_was(parts),
            torch.no_grad(),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # tracing warns about constants that do not matter here
            yield
    finally:
        values.restore()


@contextmanager
def unpatched() -> Iterator[None]:
    """Put back torch's functions: some tools replace them, and leave theirs where they fail."""
    import torch

    owners = (torch, torch.nn.functional, torch.Tensor, torch.nn.Module)
    before = [dict(vars(owner)) for owner in owners]
    try:
        yield
    finally:
        for owner, held in zip(owners, before, strict=True):
            for name, now in dict(vars(owner)).items():
                if name in held and held[name] is not now:
                    setattr(owner, name, held[name])
                elif name not in held and isinstance(owner, type):
                    delattr(owner, name)  # it hid what a base class has


def ask(counter: Counter, module: nn.Module, inputs: tuple[Any, ...]) -> Answer:
    """Ask a counter what module(*inputs) costs, and leave everything as it was; as `count`."""
    with untouched(module), unpatched():
        counter.load()
        if counter.leaves_traces:
            module = _copied(module, counter.name)
        return counter.count(module, inputs)


def _copied(module: nn.Module, name: str) -> nn.Module:
    try:
        return copy.deepcopy(module)
    except Exception as error:
        raise CountError(
            f"{name} leaves traces in what it counts, so it is given a copy, and "
            f"{type(module).__name__} cannot be copied ({one_line(error)})"
        ) from error


def count_with(name: str, module: nn.Module, inputs: Any) -> Tally | Unavailable:
    """Count with the counter `name`; a counter that fails is Unavailable, with the reason.

    inputs: a tensor, or a tuple of the forward's positional arguments.
    """
    counter = COUNTERS[name]
    arguments = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    try:
        return counter.tally(ask(counter, module, arguments), module, arguments)
    except ImportError as error:
        return Unavailable(f"{name} is not installed ({error}): pip install {counter.package}")
    except SystemExit as error:
        return Unavailable(f"{name} failed: the module calls sys.exit({error.code!r:.80})")
    except Exception as error:  # noqa: BLE001  a counter may fail in any way; the reason is kept
        return Unavailable(f"{name} failed: {one_line(error)}")
