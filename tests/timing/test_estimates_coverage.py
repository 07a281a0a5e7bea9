"""How often intervals over processes hold what they should, by simulation with fixed seeds."""

from __future__ import annotations

import math
from statistics import median

import numpy as np
import pytest
from scripted import samples

from convbench.clock.estimates import Estimates
from convbench.clock.samples import of_process

TRIALS = 300
PROCESSES = 10
CASES = 20
ROUNDS = 8
DRIFT = 0.012
"""Of a ratio from this run to another: what intervals allow for."""
RATIOS = np.exp(np.linspace(0, 2, CASES))
"""Times of the cases, of which the first is the baseline."""


def world(draw: np.random.Generator, *, own: float, disturbed: float, processes: int) -> np.ndarray:
    """Return times of a group: of its cases, of the processes, of the rounds in each.

    The run as a whole drifts from the truth, each case by itself. A process is slow or quick as a
    whole (10 %), each case has its own luck with it, rounds scatter by 2 % and one in ten is a
    spike of up to 5x. disturbed: share of a case's processes that are
    1.5 to 3 times as slow throughout.
    """
    whole = np.exp(draw.normal(0, 0.1, (1, processes, 1)))
    luck = np.exp(draw.normal(0, own, (CASES, processes, 1)))
    slow = np.where(
        draw.random((CASES, processes, 1)) < disturbed,
        draw.uniform(1.5, 3, (CASES, processes, 1)),
        1.0,
    )
    drift = np.exp(draw.normal(0, DRIFT / math.sqrt(2), (CASES, 1, 1)))
    shape = (CASES, processes, ROUNDS)
    rounds = np.exp(draw.normal(0, 0.02, shape))
    spikes = np.where(draw.random(shape) < 0.1, draw.uniform(1, 5, shape), 1.0)
    return RATIOS[:, None, None] * drift * whole * luck * slow * rounds * spikes


def estimates(times: np.ndarray) -> Estimates:
    """Return what a group of these times says."""
    return Estimates(
        {
            f"c{case}": [samples(row, f"s{number}") for number, row in enumerate(rows)]
            for case, rows in enumerate(times)
        }
    )


WORLDS = [
    # luck of a case in a process; share of processes that are disturbed
    (0.01, 0.0),
    (0.03, 0.0),
    (0.01, 0.1),
    (0.03, 0.1),
]


@pytest.mark.parametrize(("own", "disturbed"), WORLDS)
def test_the_interval_of_a_ratio_holds_it(own: float, disturbed: float) -> None:
    draw = np.random.default_rng(11)
    held, widths = [], []
    for _ in range(TRIALS):
        group = estimates(world(draw, own=own, disturbed=disturbed, processes=PROCESSES))
        for case in range(1, CASES):
            found = group.ratio(f"c{case}", "c0")
            held.append(found.low <= RATIOS[case] <= found.high)
            widths.append(found.half_width)
    assert 0.93 <= float(np.mean(held)) <= 0.99
    # and not by saying nothing: the luck of both over the root of ten, the drift, and t(21) = 2.08
    error = math.hypot(math.hypot(own, own, 0.02) / math.sqrt(PROCESSES), DRIFT)
    assert median(widths) < 1.5 * 2.08 * error


@pytest.mark.parametrize(("own", "disturbed"), WORLDS)
def test_one_more_process_falls_into_the_interval_of_a_time(own: float, disturbed: float) -> None:
    draw = np.random.default_rng(12)
    held = []
    for _ in range(TRIALS):
        times = world(draw, own=own, disturbed=disturbed, processes=PROCESSES)
        group = estimates(times)
        more = world(draw, own=own, disturbed=0.0, processes=1)
        for case in range(CASES):
            found = group.time(f"c{case}")
            held.append(found.low <= of_process(samples(more[case, 0])) <= found.high)
    assert 0.93 <= float(np.mean(held)) <= 0.98


@pytest.mark.parametrize(("own", "disturbed"), WORLDS)
def test_equal_cases_are_seldom_called_different(own: float, disturbed: float) -> None:
    draw = np.random.default_rng(13)
    verdicts = []
    for _ in range(TRIALS):
        times = world(draw, own=own, disturbed=disturbed, processes=PROCESSES)
        group = estimates(times / RATIOS[:, None, None])
        verdicts += [group.ratio(f"c{case}", "c0").verdict for case in range(1, CASES)]
    wrong = verdicts.count("faster") + verdicts.count("slower")
    assert wrong / len(verdicts) < 0.06
    # 5 % is within reach of ten processes whose quotients scatter by 2 %, and by 5 % now and then
    assert verdicts.count("same") / len(verdicts) > (0.5 if own < 0.02 else 0.1)


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_few_processes_hold_it_too(processes: int) -> None:
    draw = np.random.default_rng(processes)
    held = []
    for _ in range(TRIALS):
        group = estimates(world(draw, own=0.03, disturbed=0.0, processes=processes))
        for case in range(1, CASES):
            found = group.ratio(f"c{case}", "c0")
            held.append(found.low <= RATIOS[case] <= found.high)
    assert float(np.mean(held)) >= 0.93


def test_sessions_that_share_nothing_hold_it_too() -> None:
    draw = np.random.default_rng(14)
    held = []
    for _ in range(TRIALS):
        kinds = {"own": 0.03, "disturbed": 0.0, "processes": PROCESSES}
        here, there = world(draw, **kinds), world(draw, **kinds)  # type: ignore[arg-type]
        for case in (1, 10, 19):
            top = [samples(row, f"t{n}") for n, row in enumerate(here[case])]
            bottom = [samples(row, f"b{n}") for n, row in enumerate(there[0])]
            found = Estimates({"top": top, "bottom": bottom}).ratio("top", "bottom")
            assert not found.paired
            held.append(found.low <= RATIOS[case] <= found.high)
    assert 0.93 <= float(np.mean(held)) <= 0.99


def test_a_single_process_allows_for_what_others_differ_by() -> None:
    """The same simulation, seen from one process: its rounds say nothing of its luck."""
    draw = np.random.default_rng(15)
    held = []
    for _ in range(TRIALS):
        group = estimates(world(draw, own=0.03, disturbed=0.0, processes=1))
        held += [
            (found := group.ratio(f"c{case}", "c0")).low <= RATIOS[case] <= found.high
            for case in range(1, CASES)
        ]
    assert float(np.mean(held)) >= 0.9
