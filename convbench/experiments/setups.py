"""Modules under conditions of their own, timed together in interleaved rounds, and observed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from convbench.clock.crew import Order, Tell
from convbench.clock.execution import Execution
from convbench.clock.gathering import Gathering
from convbench.clock.measurement import Measurement
from convbench.clock.measuring import Called, measurement_of
from convbench.clock.observing import PASSES, observed
from convbench.clock.processes import ready
from convbench.core.random_state import seeded

DTYPE: Final = "float32"
"""Of a setup that says nothing else; on a GPU without TF32."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A module, its input and what is in force while it runs; it pickles.

    Attributes:
        build: returns the module; a function of a module, or a partial of one.
        input_shape: of its input, batch first.
        multiplications: of one pass, to set times in relation to; 0 where it is not asked.
        threads: of the processor; every call sets them where they differ.

    """

    build: Callable[[], nn.Module]
    input_shape: tuple[int, ...]
    multiplications: int = 0
    dtype: str = DTYPE
    layout: str = "channels_first"
    threads: int = 1


@dataclass(frozen=True)
class Raced:
    """What came of setups that were timed together. executions: of those with a time, by name."""

    setups: Mapping[str, Setup]
    measurement: Measurement
    executions: Mapping[str, Execution]


def why_no_time(measurement: Measurement, name: str) -> str:
    """Return why a competitor has no time to believe; empty where it has one."""
    try:
        measurement.interval(name)
    except ValueError as error:
        said = str(error).removeprefix(f"{name} has no time: ").removeprefix(f"{name}: ")
        for end in (" The raw times are in .samples.", " Mend it and measure again."):
            said = said.removesuffix(end)
        return said.rstrip(".")
    return ""


class _Prepared(Called):
    """A setup's module on its input."""

    def execution(self, most: int = PASSES) -> Execution:
        """Return the library calls of one pass."""
        return observed(self.work, self.order.device, most=most)


@dataclass(frozen=True)
class _SetupCrew:
    """Setups by name, as `crew.Crew`."""

    setups: Mapping[str, Setup]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.setups)

    def build(self, order: Order, tell: Tell) -> Iterator[tuple[str, _Prepared | BaseException]]:
        for name, setup in self.setups.items():
            if name in order.without:
                continue
            tell(("at", name))
            try:
                yield name, _prepared(setup, order)
            except Exception as error:  # noqa: BLE001  the others go on
                yield name, error


def _prepared(setup: Setup, order: Order) -> _Prepared:
    with torch.inference_mode(mode=False), seeded(order.seed):
        dtype: torch.dtype = getattr(torch, setup.dtype)
        module: Any = setup.build().eval().to(order.device, dtype)
        inputs = torch.randn(setup.input_shape).to(order.device, dtype)
        if setup.layout == "channels_last":
            last = torch.channels_last if inputs.ndim == 4 else torch.channels_last_3d  # noqa: PLR2004
            module, inputs = module.to(memory_format=last), inputs.to(memory_format=last)

    def call(x: Any) -> Any:
        if torch.get_num_threads() != setup.threads:
            torch.set_num_threads(setup.threads)
        return module(x)

    return _Prepared(call, (inputs,), order)


def race(
    setups: Mapping[str, Setup],
    *,
    budget: float,
    processes: int = 5,
    device: str = "cpu",
    plugins: Sequence[str] = (),
    seed: int = 0,
    told: Callable[[str], None] | None = None,
) -> Raced:
    """Time setups together, in rounds of random order, in several processes.

    budget: seconds of rounds for all processes together; each setup has at least 4 rounds in each.
    A setup that raises, or whose output does not follow its input, has no time, with the reason in
    the measurement's `failures`.
    """
    threads = next(iter(setups.values())).threads
    found = Gathering(
        crew=_SetupCrew(setups),
        order=Order(seed=seed, threads=threads, device=device),
        nursery=ready("kept", tuple(plugins), device),
        told=told,
    )
    for _ in range(processes):
        if found.left:
            found.ask(budget / processes)
    executions = {
        name: execution
        for name in found.left
        if (execution := next((o.execution for o in found.outcomes[name] if o.execution), None))
    }
    return Raced(setups, measurement_of(found, []), executions)
