"""Intervals: exact ranks, coverage by simulation with fixed seeds, verdicts, outliers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import samples

from convbench.clock.stats import median_interval, outliers, quantile_interval, ratio, verdict
from convbench.core.intervals import Interval, RatioInterval

TRIALS = 1500


def noisy(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return times around 1: log-normal with sigma 5 %, and one in ten a spike of 10x."""
    times = np.exp(draw.normal(0, 0.05, shape))
    return np.where(draw.random(shape) < 0.1, 10 * times, times)


# The median of `noisy` is where P = 1/2: nine tenths of it have log-normal quantile 5/9.
TRUE_MEDIAN = math.exp(0.05 * 0.139710)


# (values, confidence asked) -> (rank of the ends, confidence reached), from tables of Bin(n, 1/2).
RANKS = [
    (1, 0.95, 1, 0.0),
    (2, 0.95, 1, 0.5),
    (5, 0.95, 1, 0.9375),
    (6, 0.95, 1, 0.96875),
    (8, 0.95, 1, 0.9921875),
    (9, 0.95, 2, 0.9609375),
    (10, 0.95, 2, 0.978515625),
    (12, 0.95, 3, 0.961425781),
    (20, 0.95, 6, 0.958610535),
    (30, 0.95, 10, 0.957226055),
    (75_000, 0.95, 37_232, 0.950103822),  # as many as pytest-benchmark makes of a short call
    (10, 0.99, 1, 0.998046875),
    (10, 0.5, 4, 0.65625),
]


@pytest.mark.parametrize(("count", "asked", "rank", "reached"), RANKS)
def test_ranks_are_those_of_the_binomial_tables(
    count: int, asked: float, rank: int, reached: float
) -> None:
    values = [float(value) for value in range(1, count + 1)]
    interval = median_interval(values[::-1], asked)
    assert (interval.low, interval.high) == (rank, count + 1 - rank)
    assert interval.value == (count + 1) / 2
    assert interval.confidence == pytest.approx(reached, abs=1e-9)


@pytest.mark.parametrize("count", [6, 8, 12, 30])
def test_interval_of_a_median_covers_it(count: int) -> None:
    draws = noisy(np.random.default_rng(count), (TRIALS, count))
    intervals = [median_interval(row.tolist()) for row in draws]
    covered = sum(each.low <= TRUE_MEDIAN <= each.high for each in intervals) / TRIALS
    assert covered >= 0.94
    # As often as it says, and not by being needlessly wide either.
    assert covered == pytest.approx(intervals[0].confidence, abs=0.015)


def test_five_rounds_cover_what_they_say_and_say_less_than_was_asked() -> None:
    draws = noisy(np.random.default_rng(5), (TRIALS, 5))
    intervals = [median_interval(row.tolist()) for row in draws]
    covered = sum(each.low <= TRUE_MEDIAN <= each.high for each in intervals) / TRIALS
    assert intervals[0].confidence == 0.9375
    assert covered == pytest.approx(0.9375, abs=0.015)


# (values, share, confidence asked) -> (place of value and ends, from 0, confidence reached), from
# exact tables of Bin(n, share): the chance that low + 1 to high values are below the quantile, no
# more than half of what is missing to the confidence on either side.
QUANTILES = [
    (1, 0.25, 0.95, (0, 0, 0), 0.0),
    (2, 0.25, 0.95, (0, 0, 1), 0.375),
    (4, 0.25, 0.95, (0, 0, 3), 0.6796875),
    (6, 0.25, 0.95, (1, 0, 4), 0.8173828125),
    (8, 0.25, 0.95, (1, 0, 5), 0.895660400390625),
    (12, 0.25, 0.95, (2, 0, 6), 0.9540708661079407),
    (20, 0.25, 0.95, (4, 1, 9), 0.9618229581910782),
    (40, 0.25, 0.95, (9, 4, 16), 0.9723963989802437),
    (16, 0.25, 0.8, (3, 1, 6), 0.8569663083180785),
    (9, 0.5, 0.95, (4, 1, 7), 0.9609375),
    (12, 0.5, 0.95, (5, 2, 9), 0.96142578125),
    (12, 0.75, 0.95, (8, 5, 11), 0.9540708661079407),
    (12, 0.1, 0.95, (1, 0, 4), 0.713241120249),
]


@pytest.mark.parametrize(("count", "share", "asked", "places", "reached"), QUANTILES)
def test_places_of_a_quantile_are_those_of_the_binomial_tables(
    count: int, share: float, asked: float, places: tuple[int, int, int], reached: float
) -> None:
    found = quantile_interval([float(value) for value in reversed(range(count))], share, asked)
    assert (found.value, found.low, found.high) == places
    assert found.confidence == pytest.approx(reached, abs=1e-12)


@pytest.mark.parametrize("count", [6, 8, 12, 20, 40])
def test_interval_of_a_quartile_covers_it_as_often_as_it_says(count: int) -> None:
    draws = noisy(np.random.default_rng(count), (2 * TRIALS, count))
    # 0.25 of all is 0.25 / 0.9 of those without a spike: the log-normal quantile of 0.27778
    true = math.exp(0.05 * -0.589456)
    intervals = [quantile_interval(row.tolist(), 0.25) for row in draws]
    covered = sum(each.low <= true <= each.high for each in intervals) / len(intervals)
    assert covered == pytest.approx(intervals[0].confidence, abs=0.015)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("count", [5, 8, 12, 30])
def test_interval_of_a_ratio_covers_it(count: int, paired: bool) -> None:
    draws = noisy(np.random.default_rng(count), (TRIALS, 2, count))
    other = "s" if paired else "t"
    intervals = [ratio(samples((1.1 * a).tolist()), samples(b.tolist(), other)) for a, b in draws]
    assert intervals[0].paired is paired
    covered = sum(each.low <= 1.1 <= each.high for each in intervals) / TRIALS
    assert covered >= 0.93


@pytest.mark.parametrize("count", [8, 12, 30])
def test_the_same_against_itself_is_seldom_called_different(count: int) -> None:
    # Rounds are disturbed together (a sigma of 30 %), which pairing must take out.
    draw = np.random.default_rng(count)
    together = np.exp(draw.normal(0, 0.3, (TRIALS, 1, count)))
    draws = noisy(draw, (TRIALS, 2, count)) * together
    verdicts = [ratio(samples(a.tolist()), samples(b.tolist())).verdict for a, b in draws]
    assert (verdicts.count("faster") + verdicts.count("slower")) / TRIALS <= 0.06


def test_pairing_finds_what_lies_below_the_noise_of_the_rounds() -> None:
    draw = np.random.default_rng(0)
    together = np.exp(draw.normal(0, 0.5, 20))
    a, b = 1.08 * together * np.exp(draw.normal(0, 0.002, 20)), together
    assert ratio(samples(a.tolist()), samples(b.tolist())).verdict == "slower"
    assert ratio(samples(a.tolist()), samples(b.tolist(), "t")).verdict == "cannot tell"


def test_value_of_a_paired_ratio_is_exp_of_the_median_log_ratio() -> None:
    found = ratio(samples([2.0, 8.0, 3.0, 40.0]), samples([1.0, 2.0, 3.0, 4.0]))
    assert found.value == pytest.approx(math.sqrt(2 * 4))
    assert (found.low, found.high) == pytest.approx((1, 10))


def test_value_of_an_unpaired_ratio_is_that_of_the_medians() -> None:
    found = ratio(samples([2.0, 8.0, 3.0]), samples([1.0, 2.0], "t"))
    assert found.value == 3 / 1.5
    assert found.confidence == 0.5  # what a range of two values can support


VERDICTS = [
    ([2.0] * 5, [1.0] * 5, "slower"),
    ([1.0] * 5, [2.0] * 5, "faster"),
    ([1.0] * 5, [1.0] * 5, "same"),
    ([1.02] * 5, [1.0] * 5, "same"),
    ([2.0] * 4, [1.0] * 4, "cannot tell"),
    ([2.0] * 5 + [0.5], [1.0] * 6, "cannot tell"),
]


@pytest.mark.parametrize("session", ["s", "t"])
@pytest.mark.parametrize(("numerator", "denominator", "verdict"), VERDICTS[:5])
def test_verdicts(
    numerator: list[float], denominator: list[float], verdict: str, session: str
) -> None:
    assert ratio(samples(numerator), samples(denominator, session)).verdict == verdict


def test_one_round_the_other_way_is_enough_not_to_tell_at_six() -> None:
    numerator, denominator, verdict = VERDICTS[5]
    assert ratio(samples(numerator), samples(denominator)).verdict == verdict


WORDS = [
    # ends of the interval, rounds, margin -> what it says
    (0.96, 1.04, 9, 0.05, "same"),
    (1 / 1.05, 1.05, 9, 0.05, "same"),  # the ends of the margin are in it
    (1.01, 1.04, 9, 0.05, "same"),  # surely slower, and by too little to matter
    (0.96, 0.99, 9, 0.05, "same"),
    (1.0, 1.0, 9, 0.05, "same"),
    (1.04, 1.06, 9, 0.05, "slower"),
    (0.94, 0.99, 9, 0.05, "faster"),
    (1.5, 3.0, 9, 0.05, "slower"),
    (0.2, 0.4, 9, 0.05, "faster"),
    (0.99, 1.06, 9, 0.05, "cannot tell"),
    (0.94, 1.01, 9, 0.05, "cannot tell"),
    (1.0, 1.06, 9, 0.05, "cannot tell"),  # 1 is not left out
    (0.94, 1.0, 9, 0.05, "cannot tell"),
    (0.5, 2.0, 9, 0.05, "cannot tell"),
    (1.01, 1.04, 9, 0.01, "slower"),
    (0.96, 1.04, 9, 0.01, "cannot tell"),
    (0.9, 1.2, 9, 0.25, "same"),
    (1.5, 3.0, 4, 0.05, "cannot tell"),  # four rounds say nothing
    (0.99, 1.01, 4, 0.05, "cannot tell"),
    (1.5, 3.0, 5, 0.05, "slower"),
]


@pytest.mark.parametrize(("low", "high", "rounds", "margin", "says"), WORDS)
def test_what_an_interval_says(
    low: float, high: float, rounds: int, margin: float, says: str
) -> None:
    interval = Interval(value=math.sqrt(low * high), low=low, high=high, confidence=0.95)
    assert verdict(interval, rounds, margin) == says


USABLE = [
    # low, high, confidence -> whether the ends tell anything
    (1.0, 2.0, 0.95, True),
    (1.0, 2.01, 0.95, False),
    (1.0, 1.1, 0.0, False),
    (0.0, 0.0, 0.95, False),
]


@pytest.mark.parametrize(("low", "high", "confidence", "usable"), USABLE)
def test_ends_that_tell_nothing_are_not_usable(
    low: float, high: float, confidence: float, usable: bool
) -> None:
    ends = {"value": low, "low": low, "high": high, "confidence": confidence}
    assert Interval(**ends).usable is usable
    assert RatioInterval(**ends, paired=True, verdict="same").usable is usable


def test_half_widths() -> None:
    ends = {"value": 2.0, "low": 1.6, "high": 2.2, "confidence": 0.95}
    assert Interval(**ends).half_width == pytest.approx(0.25)
    found = RatioInterval(**{**ends, "low": 1.0, "high": 1.21}, paired=True, verdict="same")
    assert found.half_width == pytest.approx(0.1)


def test_unpaired_intervals_are_those_of_their_seed() -> None:
    draw = np.random.default_rng(3)
    a, b = (samples(noisy(draw, (20,)).tolist(), name) for name in "ab")

    def ends(seed: int) -> tuple[float, float]:
        found: RatioInterval = ratio(a, b, seed=seed)
        return found.low, found.high

    assert ends(1) == ends(1)
    assert len({ends(seed) for seed in range(5)}) > 1


times = st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=40)


@given(times, st.floats(0.01, 0.99))
def test_value_lies_in_its_interval(values: list[float], confidence: float) -> None:
    found = median_interval(values, confidence)
    assert min(values) <= found.low <= found.value <= found.high <= max(values)


@given(times, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_quantile_is_a_value_and_lies_in_its_interval(
    values: list[float], share: float, confidence: float
) -> None:
    found = quantile_interval(values, share, confidence)
    assert found.value in values
    assert min(values) <= found.low <= found.value <= found.high <= max(values)
    assert 0 <= found.confidence < 1


@given(times, st.randoms(use_true_random=False))
def test_the_inverse_ratio_is_the_inverse(values: list[float], shuffle: object) -> None:
    other = values[:]
    shuffle.shuffle(other)  # type: ignore[attr-defined]
    there = ratio(samples(values), samples(other))
    back = ratio(samples(other), samples(values))
    ends = (1 / back.value, 1 / back.high, 1 / back.low)
    assert (there.value, there.low, there.high) == pytest.approx(ends)
    opposite = {"faster": "slower", "slower": "faster"}
    assert back.verdict == opposite.get(there.verdict, there.verdict)


OUTLIERS = [
    ([1.0, 2.0, 3.0, 4.0, 5.0], ()),
    ([1.0, 2.0, 3.0, 4.0, 50.0], (4,)),
    ([-50.0, 2.0, 3.0, 4.0, 5.0], (0,)),
    ([0.0, 1.0, 2.0, 3.0, 4.0, 8.0], ()),  # quartiles 1.25 and 3.75: the far fence is at 11.25
    ([0.0, 1.0, 2.0, 3.0, 4.0, 11.3], (5,)),
    ([1.0, 1.0, 1.0, 1.1, 1.0], (3,)),
    ([1.0, 1.0, 100.0], ()),
    ([], ()),
]


@pytest.mark.parametrize(("values", "found"), OUTLIERS)
def test_outliers_lie_beyond_the_far_fences(values: list[float], found: tuple[int, ...]) -> None:
    assert outliers(values) == found


def test_what_has_no_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="values is empty"):
        median_interval([])
    with pytest.raises(ValueError, match="quantile_interval: values is empty"):
        quantile_interval([], 0.25)
    with pytest.raises(ValueError, match=r"confidence=1\.0"):
        median_interval([1.0], 1.0)
    with pytest.raises(ValueError, match=r"confidence=0"):
        quantile_interval([1.0], 0.25, 0)
    with pytest.raises(ValueError, match=r"confidence=95"):
        ratio(samples([1.0]), samples([1.0]), confidence=95)
    with pytest.raises(ValueError, match="2 rounds of one competitor and 3"):
        ratio(samples([1.0] * 2), samples([1.0] * 3))
    with pytest.raises(ValueError, match="took 0 s"):
        ratio(samples([1.0]), samples([0.0]))
