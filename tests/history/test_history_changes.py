"""Change points: seldom one where nothing changed, and there where something did."""

import math

import numpy as np
import pytest
from comparing import recorded
from history import histories

from convbench.comparing.judging import Limits
from convbench.history.changes import find, windows
from convbench.history.scatter import MOST_FREEDOM, scatter
from convbench.history.shares import take_away

NULL = 200
INJECTED = 100
TENTH = math.log(1.1)


def points(values, groups, **limits):
    """Return the change points as (series, run)."""
    shares = take_away(values, groups)
    found = find(shares.left, shares.known, Limits(**limits))
    return [(level.series, level.run) for level in found.levels]


@pytest.mark.parametrize("tail", ["t", "far"])
def test_a_history_with_nothing_changed_seldom_has_a_change_point(tail):
    draw = np.random.default_rng(20)
    false = sum(bool(points(*histories.scattered(draw, tail=tail))) for _ in range(NULL))
    assert false <= 0.05 * NULL


def test_nor_where_the_smallest_change_matters():
    """What is sure is sure by itself, and not because a threshold hides it."""
    draw = np.random.default_rng(21)
    false = sum(bool(points(*histories.scattered(draw), threshold=1e-6)) for _ in range(NULL))
    assert false <= 0.05 * NULL


def test_a_tenth_is_found_at_its_run_and_nothing_else_is():
    draw = np.random.default_rng(22)
    found = 0
    for _ in range(INJECTED):
        values, groups = histories.scattered(draw)
        case, run = draw.integers(len(values)), draw.integers(1, values.shape[1])
        values[case, run:] += TENTH * draw.choice([-1, 1])
        found += points(values, groups) == [(case, run)]
    assert found >= 0.9 * INJECTED


def test_a_change_that_was_taken_back_is_found_at_both_ends():
    """Binary segmentation of the whole alone misses it; the stretches do not."""
    draw = np.random.default_rng(23)
    found = 0
    for _ in range(INJECTED // 2):
        values, groups = histories.scattered(draw, runs=10)
        values[5, 3:6] += TENTH
        found += points(values, groups) == [(5, 3), (5, 6)]
    assert found >= 0.9 * INJECTED // 2


def test_a_single_bad_run_in_the_middle_is_no_change():
    values, groups = histories.scattered(np.random.default_rng(24), runs=8)
    values[5, 4] += 3 * TENTH
    assert points(values, groups) == []


def test_one_wild_process_in_the_latest_run_is_no_change():
    values, groups = histories.scattered(np.random.default_rng(25), runs=8)
    values[5, 7, 1] += math.log(1.5)
    assert points(values, groups) == []
    values[5, 7, [0, 2]] += math.log(1.5)
    assert points(values, groups) == [(5, 7)]


def test_a_whole_group_that_moved_is_no_change_of_its_cases():
    values, groups = histories.scattered(np.random.default_rng(26), runs=8)
    values[:20, 4:] += math.log(1.4)
    assert points(values, groups) == []
    shares = take_away(values, groups)
    step = shares.common["g0"].mean(axis=1)
    assert np.mean(step[4:]) - np.mean(step[:4]) > math.log(1.2)


def test_a_case_that_a_slow_run_lacks_is_not_called_slower():
    """A mean over runs would take the group's slow day for its neighbours' only."""
    values, groups = histories.scattered(np.random.default_rng(27), runs=6)
    values[:20, 2] += math.log(2)
    values[3, 2] = np.nan
    assert points(values, groups) == []


def test_everything_that_changed_at_once_hides_nothing():
    """Each case by another factor, as on another processor: that is no scatter of theirs."""
    draw = np.random.default_rng(28)
    values, groups = histories.scattered(draw, runs=8, each=40)
    values[:, 4:] += draw.uniform(-0.6, 0.6, len(values))[:, None, None]
    found = points(values, groups)
    assert len(found) > 0.75 * len(values)
    assert {run for _, run in found} == {4}


def test_small_groups_change_only_beyond_the_drift():
    values, groups = histories.scattered(
        np.random.default_rng(29), runs=12, groups=30, each=1, drift=0.02
    )
    values[3, 6:] += math.log(1.07)
    values[9, 6:] += math.log(1.5)
    assert points(values, groups) == [(9, 6)]


@pytest.mark.parametrize(("cases", "runs"), [(3, 2), (3, 3), (40, 1), (0, 4)])
def test_where_nothing_can_be_told_nothing_is_said(cases, runs):
    values, groups = histories.scattered(np.random.default_rng(30), runs=runs, groups=1, each=40)
    values, groups = values[:cases], groups[:cases]
    if cases:
        values[0, runs // 2 :] += 3.0
    shares = take_away(values, groups)
    found = find(shares.left, shares.known, Limits())
    assert found.levels == ()
    assert found.smallest == (math.inf, math.inf) or (cases, runs) == (3, 3)


def test_two_runs_of_many_cases_can_differ():
    """Two runs hardly show how unlike cases scatter, so that this needs much, and luck."""
    found = []
    for seed in range(20):
        values, groups = histories.scattered(np.random.default_rng(seed), runs=2)
        values[7, 1] += math.log(1.5)
        found += points(values, groups)
    assert set(found) == {(7, 1)}
    assert len(found) > 10


def test_one_process_a_run_is_enough_where_there_are_many_cases():
    draw = np.random.default_rng(32)
    values, groups = histories.scattered(draw, processes=1, runs=8)
    assert points(values, groups) == []
    values[7, 3:] += math.log(1.3)
    assert points(values, groups) == [(7, 3)]


def test_a_few_cases_over_many_runs_have_their_own_scatter():
    values, groups = histories.scattered(np.random.default_rng(33), runs=16, groups=1, each=3,
                                         drift=0.0)  # fmt: skip
    values[1, 8:] += math.log(1.3)
    assert points(values, groups) == [(1, 8)]


def real(order, group=None):
    """Return recorded runs in an order, as logs."""
    cases = [case for case in recorded.recorded() if group in {None, case["group"]}]
    seconds = [
        [[one[0] if isinstance(one, list) else one for one in case["runs"][run]] for run in order]
        for case in cases
    ]
    return np.log(np.array(seconds)), [case["group"] for case in cases]


def test_recorded_runs_in_any_order_seldom_have_a_change_point():
    """Six real runs of 102 cases with nothing changed, made on a busy machine."""
    draw = np.random.default_rng(34)
    false = sum(bool(points(*real(draw.permutation(6)))) for _ in range(100))
    assert false <= 5


def test_a_tenth_is_found_in_recorded_runs():
    draw = np.random.default_rng(35)
    found = 0
    for _ in range(50):
        values, groups = real(draw.permutation(6))
        case, run = draw.integers(len(values)), draw.integers(1, 6)
        values[case, run:] += TENTH
        found += points(values, groups) == [(case, run)]
    assert found >= 0.85 * 50


@pytest.mark.parametrize(("runs", "number"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 7), (8, 41)])
def test_how_many_splits_are_tried(runs, number):
    tries = windows(runs)
    assert len(tries) == number
    assert all(0 <= first < split < end <= runs for first, split, end in tries)
    assert len({tuple(row) for row in tries}) == number


@pytest.mark.parametrize("runs", [2, 3, 5, 9, 30, 200])
def test_every_run_may_be_a_change_point_and_tries_stay_few(runs):
    tries = windows(runs)
    assert set(tries[:, 1]) == set(range(1, runs))
    assert len(tries) < 12 * runs * math.log2(runs + 1)


def test_the_scatter_is_that_of_the_runs_and_not_of_those_that_changed():
    draw = np.random.default_rng(36)
    values = 0.01 * draw.standard_normal((60, 8, 3))
    learnt = scatter(values)
    assert learnt.variance == pytest.approx(1, abs=0.35)
    assert learnt.freedom > MOST_FREEDOM / 2
    values[:12, 4:] += 1.0
    assert scatter(values).variance == pytest.approx(learnt.variance, rel=0.25)
    uneasy = values + 0.02 * draw.standard_normal((60, 8, 1))
    assert scatter(uneasy).variance == pytest.approx(13, rel=0.35)
