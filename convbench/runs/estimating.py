"""About how long a run takes, before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from convbench.runs.cases import Case, Group

_SAMPLE_SECONDS: Final = 0.0035
"""A sample of a short call, with the untimed one before it."""
_COMPILE_SECONDS: Final = 2.0
"""Compiling a case, in every process: from 1 s for a layer to many for a network."""
_OPEN: Final = 1.5
"""Processes of a group with open verdicts, in those of the sweep."""


@dataclass(frozen=True)
class _Costs:
    """What a kind of device takes, in seconds.

    Attributes:
        multiplication: in a sample of a long call, about: from a tenth of it to twice as much.
        process: starting one, beside its cases.
        case: building a case, its first call, warm-up and check, in every process.
        first: the same in the first process, with the checks in float64 and the counters.
        samples: of the time of samples, with what is timed by further clocks.

    """

    multiplication: float
    process: float
    case: float
    first: float
    samples: float


_CPU: Final = _Costs(multiplication=5e-11, process=0.0, case=0.012, first=0.15, samples=1.0)
_GPU: Final = _Costs(multiplication=2e-13, process=6.0, case=0.3, first=0.3, samples=1.5)
"""Not measured: each process imports torch and starts a context; each case is searched for the
fastest algorithm and captured in a graph, whose replays take a quarter of the rounds' time more."""


def sweep_seconds(groups: tuple[Group, ...]) -> float:
    """Return about how many seconds the processes of all groups take, where nothing cuts them."""
    return sum(
        _OPEN
        * group.timing.processes
        * (costs.process + sum(_case(case, group.timing.max_rounds, costs) for case in runs))
        + costs.first * len(runs)
        for group in groups
        if (runs := group.runnable)
        for costs in (_GPU if runs[0].skeleton.device.startswith("cuda") else _CPU,)
    )


def _case(case: Case, rounds: int, costs: _Costs) -> float:
    multiplications = float(case.cost().multiplications)
    if case.skeleton.direction == "training":
        multiplications *= 3
    compiling = _COMPILE_SECONDS if case.skeleton.mode == "compile" else 0.0
    sample = _SAMPLE_SECONDS + multiplications * costs.multiplication
    return costs.case + compiling + (rounds + 2) * sample * costs.samples
