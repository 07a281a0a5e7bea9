"""Runs that are drawn by a machine whose noise is known: many or few processes, calm or busy.

Recorded runs say what a machine does; invented ones say what `compare` does where it does more, or
less: with as many processes as wanted, with processes that were disturbed, with cases of which some
have more processes than others. Times are in units that do not matter.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from trials import WANTED, Claim, false, slowed

from convbench.clock.samples import Samples
from convbench.comparing.comparison import compare
from convbench.comparing.gate import OK, REGRESSION, outcome
from convbench.comparing.sides import Side
from convbench.runs.record import Header, Record

GROUPS, CASES = 6, 17
ROUNDS = 9
_LUCK = (0.010, 0.020)
"""How far a case's processes lie apart, the standard deviation of the log: each case's own."""
_TAIL = 4
"""Degrees of freedom of that: a process now and then is far off without having been disturbed."""
_RUN, _PROCESS, _ROUND = 0.003, 0.01, 0.01
"""Likewise of a case from run to run, of a whole process, of rounds in a process."""
_DRIFT = 0.02
"""Likewise of a whole group from run to run."""


@dataclass(frozen=True)
class Machine:
    """What it does to runs.

    name: in words. processes: of each group. disturbed: the chance of a process that all its cases
    take up to three times as long in it; of a case in a process it is a quarter of that. busy: the
    share of samples that somebody else lengthens. mode: the chance of a process in which a case of
    every sixth takes 1.3 times as long. uneven: half of the cases have as many processes again.
    """

    name: str
    processes: int
    disturbed: float = 0.0
    busy: float = 0.0
    mode: float = 0.0
    uneven: bool = False


MACHINES = (
    Machine("3 calm processes", 3),
    Machine("3 processes, one in 15 disturbed", 3, disturbed=1 / 15),
    Machine("10 calm processes", 10),
    Machine("10 processes, one in 15 disturbed", 10, disturbed=1 / 15),
    Machine("10 processes, two samples in five lengthened", 10, busy=0.4),
    Machine("3 processes, every sixth case in a slow mode in one of seven", 3, mode=1 / 7),
    Machine("10 processes, every sixth case in a slow mode in one of seven", 10, mode=1 / 7),
    Machine("10 processes, every sixth case in a slow mode in one of two", 10, mode=1 / 2),
    Machine("5 processes, 10 of every second case, one in 15 disturbed", 5, 1 / 15, uneven=True),
)


@dataclass
class Came:
    """What came of reruns on a machine.

    regressions, wrong: reruns that show one, and any slower or faster. same: the share of rows that
    are called so. found, rows: trials in which a type that takes 10 % more is found, and its rows.
    blamed: those in which another one was called slower.
    """

    regressions: int = 0
    wrong: int = 0
    same: float = 0.0
    found: int = 0
    rows: int = 0
    blamed: int = 0


def claims(trials: int) -> Iterator[Claim]:
    """Ask of every machine how often a rerun cries wolf, and how often a tenth is found."""
    for machine in MACHINES:
        came = trial(machine, trials)
        yield Claim(
            f"invented, {machine.name}: of {trials} reruns {came.regressions} show a regression "
            f"(at most 5 %), {came.wrong} any slower or faster, and {came.same:.0%} of all rows "
            f"are called the same; a type that takes 10 % more is found in {came.found} of "
            f"{trials}, in {came.rows} of its {trials * GROUPS} rows, and another was blamed in "
            f"{came.blamed}",
            max(came.regressions, came.blamed) <= WANTED * trials,
        )


def trial(machine: Machine, trials: int) -> Came:
    """Compare runs of a machine, as they are and with one type after the other made slower."""
    came = Came()
    for seed in range(trials):
        left, right = pair(machine, random.Random(seed))  # noqa: S311
        plain = compare(left, right)
        came.regressions += outcome(plain).status != OK
        came.wrong += false(plain)
        came.same += len(plain.found("same")) / (trials * GROUPS * CASES)
        name = f"t{seed % CASES}"
        changed = compare(left, slowed(right, name, 1.1))
        hits = sum(row.pair.label == name for row in changed.found("slower"))
        came.found += outcome(changed).status == REGRESSION and hits > 0
        came.rows += hits
        came.blamed += len(changed.found("slower")) > hits
    return came


def pair(machine: Machine, draw: random.Random) -> tuple[Side, Side]:
    """Draw two runs with nothing changed between them."""
    levels = {(g, c): math.exp(draw.gauss(0, 1)) for g in range(GROUPS) for c in range(CASES)}
    luck = {key: draw.uniform(*_LUCK) for key in levels}
    return _run("left", machine, levels, luck, draw), _run("right", machine, levels, luck, draw)


def _run(
    name: str,
    machine: Machine,
    levels: dict[tuple[int, int], float],
    luck: dict[tuple[int, int], float],
    draw: random.Random,
) -> Side:
    records = []
    for group in range(GROUPS):
        day = draw.gauss(0, _DRIFT)
        whole = [
            draw.gauss(day, _PROCESS) + _disturbance(machine.disturbed, draw)
            for _ in range(2 * machine.processes)
        ]
        for case in range(CASES):
            run = draw.gauss(0, _RUN)
            more = machine.uneven and case % 2
            samples = []
            for process in range(machine.processes * (2 if more else 1)):
                own = draw.gauss(0, luck[group, case]) * _long_tail(draw)
                own += _disturbance(machine.disturbed / 4, draw)
                own += math.log(1.3) * (case % 6 == 0 and draw.random() < machine.mode)
                seconds = levels[group, case] * math.exp(whole[process] + run + own)
                samples.append(_samples(seconds, machine, f"{name} {group} {process}", draw))
            records.append(_record(f"t{case}", f"g{group}", tuple(samples)))
    return Side(name=name, header=_HEADER, records=tuple(records))


def _long_tail(draw: random.Random) -> float:
    """Return what makes a normal value one of Student's t, of the same variance."""
    return math.sqrt((_TAIL - 2) / (2 * draw.gammavariate(_TAIL / 2, 1)))


def _disturbance(chance: float, draw: random.Random) -> float:
    return draw.uniform(math.log(1.3), math.log(3)) if draw.random() < chance else 0.0


def _samples(seconds: float, machine: Machine, session: str, draw: random.Random) -> Samples:
    times, waited = [], []
    for _ in range(ROUNDS):
        own = seconds * math.exp(abs(draw.gauss(0, _ROUND)))
        lost = own * draw.expovariate(1 / 0.7) if draw.random() < machine.busy else 0.0
        times.append(own + lost)
        waited.append(lost)
    return Samples(
        seconds=tuple(times),
        cpu_seconds=(),
        page_faults=(),
        involuntary_switches=(),
        waited_seconds=tuple(waited),
        block=1,
        first_call=None,
        warmup_calls=None,
        stopwatch="wall",
        seed=0,
        threads=1,
        session=session,
        stop_reason="invented",
        process="forked",
    )


def _record(label: str, group: str, samples: tuple[Samples, ...]) -> Record:
    return Record(
        case=f"{label} | {group}",
        group=group,
        slot=group,
        kind="code",
        name=label,
        label=label,
        knobs={},
        spec=None,
        input_shape=(),
        device="cpu",
        dtype="float32",
        layout="channels_first",
        threads=1,
        status="ok",
        samples=samples,
    )


_HEADER = Header(
    version="",
    suite={"name": "invented", "cases": GROUPS * CASES},
    seed=0,
    command="",
    started="",
    fingerprint={},
)
