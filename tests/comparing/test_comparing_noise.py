"""What is estimated from the sides themselves, against numbers that were drawn."""

import math

import numpy as np
import pytest
from comparing import recorded as runs
from scipy import stats

from convbench.comparing.judging import holm
from convbench.comparing.noise import Timed, noise
from convbench.comparing.units import FEWEST_FOR_A_SHIFT

SEED = 7


def drawn(cases, processes=3, spread=0.01, shift=0.0, seed=SEED, freedom=None, groups=1):
    """Draw cases: log-medians of processes around 1 ms, on the right `shift` further."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(cases):
        scale = spread
        if freedom:
            scale = spread * math.sqrt(freedom / draw.chisquare(freedom))
        logs = draw.normal(0, scale, 2 * processes)
        sides = logs[:processes], logs[processes:] + shift
        group = f"g{number % groups}"
        left, right = (
            tuple(
                runs.samples(1e-3 * math.exp(v), session=f"{group} {n}") for n, v in enumerate(side)
            )
            for side in sides
        )
        found.append(Timed(group=group, left=(left,), right=(right,)))
    return found


def test_what_the_right_side_takes_more_is_the_raw_effect():
    right = (runs.samples(1.5, session="1"), runs.samples(1.5, session="2"))
    one = Timed(group="g", left=((runs.samples(1.0),),), right=(right,))
    (effect,) = noise([one]).effects
    assert effect.raw == pytest.approx(math.log(1.5))


def test_a_single_process_on_both_sides_says_nothing():
    one = Timed(group="g", left=((runs.samples(1.0),),), right=((runs.samples(1.5),),))
    assert noise([one]).effects == (None,)


def test_one_case_alone_is_students_t():
    """Two groups of three: scipy's pooled t test has the same p."""
    (case,) = drawn(1)
    (effect,) = noise([case]).effects
    left, right = ([math.log(s.median) for s in side] for (side,) in (case.left, case.right))
    assert effect.surprise == pytest.approx(stats.ttest_ind(left, right).pvalue, rel=1e-9)
    low, high = effect.interval(0.95)
    wanted = stats.ttest_ind(right, left).confidence_interval(0.95)
    assert (low, high) == pytest.approx((wanted.low, wanted.high))


def test_equal_variances_are_taken_together():
    """Nothing tells the cases apart, so each is judged with the freedom of all."""
    found = noise(drawn(400, groups=400), absolute=True)
    assert found.prior_freedom > 10
    errors = [effect.error for effect in found.effects]
    assert np.median(errors) == pytest.approx(0.01 * math.sqrt(2 / 3), rel=0.1)
    assert max(errors) < 2.5 * min(errors)


def test_cases_that_share_their_processes_are_worth_no_more_than_these():
    """Forty cases of two processes a side are alike because these are: no 40 times the freedom."""
    assert noise(drawn(40, processes=2), absolute=True).prior_freedom <= 2


@pytest.mark.parametrize("freedom", [3, 8])
def test_unequal_variances_keep_what_is_their_own(freedom):
    """Variances drawn from a scaled inverse chi-squared: its freedom is found again."""
    estimates = [noise(drawn(400, freedom=freedom, seed=s, groups=400), absolute=True).prior_freedom
                 for s in range(5)]  # fmt: skip
    assert np.median(estimates) == pytest.approx(freedom, rel=0.35)


@pytest.mark.parametrize("freedom", [None, 4])
def test_chances_of_unchanged_cases_are_what_they_say(freedom):
    chances = [
        effect.surprise
        for seed in range(10)
        for effect in noise(drawn(100, freedom=freedom, seed=seed, groups=5)).effects
    ]
    assert np.mean(np.array(chances) < 0.05) < 0.07
    assert np.mean(np.array(chances) < 0.005) < 0.01


def test_what_moves_a_whole_group_is_its_shift_and_no_effect():
    found = noise([*drawn(20, shift=0.2), *drawn_as("other", 20)])
    assert found.shifts["g0"].value == pytest.approx(0.2, abs=0.01)
    assert found.shifts["other"].value == pytest.approx(0.0, abs=0.01)
    assert max(abs(effect.net) for effect in found.effects) < 0.05
    assert found.effects[0].raw == pytest.approx(0.2, abs=0.05)


def drawn_as(group, cases):
    return [Timed(group=group, left=c.left, right=c.right) for c in drawn(cases, seed=SEED + 1)]


def test_a_slow_process_slows_all_cases_and_widens_none():
    """One process of the left side 30 % slower in everything: the cases are as sharp as before."""
    calm = drawn(20)
    slow = [
        Timed(
            group=c.group,
            left=((runs.times_of(c.left[0][0], 1.3), *c.left[0][1:]),),
            right=c.right,
        )
        for c in calm
    ]
    sharp, widened = (np.median([e.error for e in noise(c).effects]) for c in (calm, slow))
    assert widened < 1.3 * sharp
    assert noise(slow).shifts["g0"].error > 5 * noise(calm).shifts["g0"].error


@pytest.mark.parametrize("whole", [True, False])
def test_a_disturbed_process_of_ten_moves_nothing(whole):
    """Three times as slow, in all cases or in the first one: effects and errors stay."""
    calm = drawn(20, processes=10)
    hit = [
        Timed(
            group=c.group,
            left=((runs.times_of(c.left[0][0], 3.0), *c.left[0][1:]),)
            if whole or not n
            else c.left,
            right=c.right,
        )
        for n, c in enumerate(calm)
    ]
    before, after = noise(calm), noise(hit)
    assert after.effects[0].disturbed == (1, 0)
    assert after.effects[1].disturbed == (int(whole), 0)
    assert after.shifts["g0"].value == pytest.approx(before.shifts["g0"].value, abs=0.002)
    assert after.shifts["g0"].error < 2 * before.shifts["g0"].error
    for one, other in zip(before.effects, after.effects, strict=True):
        assert other.net == pytest.approx(one.net, abs=0.006)
        assert other.error == pytest.approx(one.error, rel=0.2)


def test_cases_with_more_processes_than_others_are_judged_with_them():
    """Half of the cases go on in ten more processes, slower ones by 10 %: none of them differs."""
    draw = np.random.default_rng(SEED)
    cases = []
    for number in range(20):
        sides = []
        for side in ("left", "right"):
            more = 10 if number % 2 and side == "right" else 0
            logs = draw.normal(0, 0.01, 5 + more) + np.array([0.0] * 5 + [0.1] * more)
            sides.append(tuple(runs.samples(math.exp(v), session=f"{side} {n}")
                               for n, v in enumerate(logs)))  # fmt: skip
        cases.append(Timed(group="g", left=(sides[0],), right=(sides[1],)))
    effects = noise(cases).effects
    assert max(abs(effect.net) for effect in effects) < 0.03
    assert np.mean([e.error for e in effects[1::2]]) < np.mean([e.error for e in effects[::2]])


def test_few_cases_show_no_shift():
    found = noise(drawn(FEWEST_FOR_A_SHIFT - 1, shift=0.2))
    assert not found.shifts["g0"].known
    assert found.effects[0].net == found.effects[0].raw


def test_absolute_takes_nothing_away():
    found = noise(drawn(30, shift=0.2), absolute=True)
    assert not found.shifts["g0"].known
    assert found.scale == 1
    assert all(effect.net == effect.raw for effect in found.effects)


def test_cases_that_differ_from_run_to_run_widen_all_intervals():
    """Each case has a run's luck of its own, which its processes share and so do not show."""
    draw = np.random.default_rng(SEED)
    restless = [
        Timed(
            group=c.group,
            left=c.left,
            right=(tuple(runs.times_of(s, luck) for s in c.right[0]),),
        )
        for c in drawn(100, spread=0.005)
        for luck in [math.exp(draw.normal(0, 0.03))]
    ]
    found = noise(restless)
    assert found.scale > 3
    assert np.mean([effect.surprise < 0.05 for effect in found.effects]) < 0.12


def test_of_several_runs_the_runs_are_what_is_counted():
    """Processes of one run share its luck: two runs of three are two values, not six."""
    sides = [
        tuple(
            tuple(runs.samples(1 + run / 10 + n / 1e4, session=f"{run} {n}") for n in range(3))
            for run in runs_of
        )
        for runs_of in ((0, 1), (2, 3))
    ]
    (effect,) = noise([Timed(group="g", left=sides[0], right=sides[1])]).effects
    logs = [[np.mean([math.log(s.median) for s in run]) for run in side] for side in sides]
    assert effect.freedom == 2
    assert effect.surprise == pytest.approx(stats.ttest_ind(*logs).pvalue, rel=1e-6)


@pytest.mark.parametrize("cases", [8, 12, 20])
@pytest.mark.parametrize("scatter", [0.0, 0.03])
def test_few_cases_are_not_too_sure_of_themselves(cases, scatter):
    """One group of few cases, with and without a run's luck in each: any at all is seldom sure."""
    draw = np.random.default_rng(SEED)
    false = 0
    for seed in range(60):
        calm = drawn(cases, seed=seed)
        restless = [
            Timed(group="g", left=c.left,
                  right=(tuple(runs.times_of(s, luck) for s in c.right[0]),))
            for c in calm for luck in [math.exp(draw.normal(0, scatter))]
        ]  # fmt: skip
        false += any(holm([e.surprise for e in noise(restless).effects], 0.05))
    assert false <= 6


def test_processes_that_agree_to_the_last_digit_are_not_certain():
    case = Timed(
        group="g",
        left=((runs.samples(1.0, session="1"), runs.samples(1.0, session="2")),),
        right=((runs.samples(1.00001, session="1"), runs.samples(1.00001, session="2")),),
    )
    (effect,) = noise([case]).effects
    assert effect.surprise > 0.05


def test_one_run_against_two_is_not_too_sure():
    """Each case has one degree of freedom, so that variances may look alike by chance."""
    false = 0
    for seed in range(30):
        draw = np.random.default_rng(seed)
        cases = []
        for number in range(60):
            logs = draw.normal(0, 0.02, 3)
            runs_of = [(runs.samples(math.exp(v), session=str(n)),) for n, v in enumerate(logs)]
            cases.append(
                Timed(group=f"g{number % 3}", left=(runs_of[0],), right=tuple(runs_of[1:]))
            )
        false += any(holm([e.surprise for e in noise(cases).effects], 0.05))
    assert false <= 4
