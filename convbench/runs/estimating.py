"""About how long a run takes, before it begins."""

from __future__ import annotations

from typing import Final

from convbench.runs.cases import Case, Group

_SAMPLE_SECONDS: Final = 0.0035
"""A sample of a short call, with the untimed one before it."""
_MULTIPLICATION_SECONDS: Final = 5e-11
"""In a sample of a long call, about: from a tenth of it to twice as much."""
_CASE_SECONDS: Final = 0.012
"""Building a case, its first call, warm-up and check, in every process."""
_FIRST_SECONDS: Final = 0.15
"""The same in the first process, with the checks in float64 and the counters."""
_COMPILE_SECONDS: Final = 2.0
"""Compiling a case, in every process: from 1 s for a layer to many for a network."""
_OPEN: Final = 1.5
"""Processes of a group with open verdicts, in those of the sweep."""


def sweep_seconds(groups: tuple[Group, ...]) -> float:
    """Return about how many seconds the processes of all groups take, where nothing cuts them."""
    return sum(
        _OPEN
        * group.timing.processes
        * sum(_process(case, group.timing.max_rounds) for case in runs)
        + sum(_FIRST_SECONDS for _ in runs)
        for group in groups
        if (runs := group.runnable)
    )


def _process(case: Case, rounds: int) -> float:
    multiplications = float(case.cost().multiplications)
    if case.skeleton.direction == "training":
        multiplications *= 3
    compiling = _COMPILE_SECONDS if case.skeleton.mode == "compile" else 0.0
    sample = _SAMPLE_SECONDS + multiplications * _MULTIPLICATION_SECONDS
    return _CASE_SECONDS + compiling + (rounds + 2) * sample
