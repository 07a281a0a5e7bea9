"""About how long a run takes, before it begins."""

from __future__ import annotations

from collections.abc import Iterable
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


GUESSED: Final = (
    f"on a GPU that is a guess, which rests on {_GPU.process:g} s for starting a process and "
    f"{_GPU.case:g} s for preparing a case in it; neither was measured"
)
"""What an estimate for a GPU rests on, before its first processes have run."""


def sweep_seconds(groups: tuple[Group, ...]) -> float:
    """Return about how many seconds the processes of all groups take, where nothing cuts them."""
    return first_seconds(groups) + sum(
        _OPEN * group.timing.processes * process_seconds(group, group.timing.max_rounds)
        for group in groups
    )


def first_seconds(groups: Iterable[Group]) -> float:
    """Return about how many seconds the first processes take more than others."""
    return sum(_of(group).first * len(group.runnable) for group in groups if group.runnable)


def process_seconds(group: Group, rounds: int) -> float:
    """Return about how many seconds a process of a group takes for so many rounds."""
    runs = group.runnable
    costs = _of(group)
    return costs.process + sum(_case(case, rounds, costs) for case in runs) if runs else 0.0


def fitting(seconds: float, wanted: Iterable[tuple[int, float]]) -> int:
    """Return how many processes each group can have in so many seconds, asked in turn.

    wanted: of each group how many it is to have, and the seconds of one.
    """
    groups = list(wanted)
    most = max((number for number, _ in groups), default=0)
    for each in range(1, most + 1):
        if sum(min(each, number) * cost for number, cost in groups) > seconds:
            return each - 1
    return most


def _of(group: Group) -> _Costs:
    return _GPU if group.cases[0].skeleton.device.startswith("cuda") else _CPU


def _case(case: Case, rounds: int, costs: _Costs) -> float:
    multiplications = float(case.cost().multiplications)
    if case.skeleton.direction == "training":
        multiplications *= 3
    compiling = _COMPILE_SECONDS if case.skeleton.mode == "compile" else 0.0
    sample = _SAMPLE_SECONDS + multiplications * costs.multiplication
    return costs.case + compiling + (rounds + 2) * sample * costs.samples
