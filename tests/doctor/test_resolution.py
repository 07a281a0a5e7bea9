"""What follows from A/A trials, and how it is kept."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.machine.resolution import Resolution, SizeResolution, Trial, at_least

TRIALS = [
    # (what, low, value, high, rounds; excludes 1, half-width, reach)
    ("around 1", (1 / 1.02, 1.0, 1.02), 40, (False, 0.02, 0.02)),
    ("to one side", (1.0, 1.01, 1.0201), 40, (False, 0.01, 0.0201)),
    ("all above 1", (1.01, 1.02, 1.03), 40, (True, math.sqrt(1.03 / 1.01) - 1, 0.03)),
    ("all below 1", (0.5, 0.6, 0.8), 40, (True, math.sqrt(1.6) - 1, 1.0)),
    ("a point", (1.0, 1.0, 1.0), 40, (False, 0.0, 0.0)),
    ("the fewest rounds", (1.01, 1.01, 1.01), 5, (True, 0.0, 0.01)),
    ("too few rounds for a verdict", (1.01, 1.01, 1.01), 4, (False, math.inf, math.inf)),
]


@pytest.mark.parametrize(
    ("ends", "rounds", "says"), [row[1:] for row in TRIALS], ids=[row[0] for row in TRIALS]
)
def test_a_trial(ends, rounds, says):
    low, value, high = ends
    trial = Trial(low=low, value=value, high=high, rounds=rounds)
    assert trial.excludes_one is says[0]
    assert trial.half_width == pytest.approx(says[1])
    assert trial.reach == pytest.approx(says[2])


@pytest.mark.parametrize(
    "ends", [(0.0, 1.0, 1.0), (1.1, 1.0, 1.2), (0.9, 1.2, 1.1), (math.nan,) * 3, (1, 1, math.inf)]
)
def test_what_is_no_interval_is_refused(ends):
    low, value, high = ends
    with pytest.raises(ValueError, match="no interval"):
        Trial(low=low, value=value, high=high, rounds=9)


def with_reaches(*percents):
    trials = (Trial(low=1.0, value=1.0, high=1 + p / 100, rounds=40) for p in percents)
    return SizeResolution(
        name="tiny", what="", seconds_per_call=1e-5, seconds_per_trial=1.0,
        page_faults_per_call=0.0, trials=tuple(trials),
    )  # fmt: skip


DIFFERENCES = [
    # (reaches of the trials in %, the one that 90 % of them do not exceed)
    (range(1, 11), 9),
    (range(1, 21), 18),
    (range(1, 12), 10),  # 9 of 11 would be 82 %
    ([3], 3),
    ([1, 2, 3, 50], 50),  # 3 of 4 would be 75 %
    ([50, *[1] * 9], 1),
]


@pytest.mark.parametrize(("reaches", "percent"), DIFFERENCES)
def test_the_smallest_difference(reaches, percent):
    assert with_reaches(*reaches).smallest_difference == pytest.approx(percent / 100)


@given(st.lists(st.floats(0.1, 50), min_size=1, max_size=30))
def test_it_would_have_been_found_in_nine_of_ten_trials_and_no_smaller_one_would(reaches):
    size = with_reaches(*reaches)
    told = size.smallest_difference

    def found(difference):
        # The numerator is faster by this factor: the interval moves down, and must leave out 1.
        return sum(t.high / (1 + difference) < 1 for t in size.trials) >= 0.9 * len(reaches)

    assert found(told * (1 + 1e-9) + 1e-12)
    assert not found(told * (1 - 1e-9) - 1e-12)


def test_without_rounds_no_difference_is_told():
    trials = [Trial(low=0.9, value=1.0, high=1.1, rounds=2)] * 3
    size = SizeResolution(
        name="tiny", what="", seconds_per_call=1e-5, seconds_per_trial=1.0,
        page_faults_per_call=0.0, trials=tuple(trials),
    )  # fmt: skip
    assert size.smallest_difference is None
    assert size.widest == size.typical > 0


BELIEVED = [
    # (trials of each of two sizes, false differences in each, believed)
    (10, (0, 0), True),
    (10, (1, 1), True),
    (10, (3, 0), True),  # 1.2 %, and there were three looks
    (10, (4, 0), False),  # 0.1 %
    (10, (3, 3), False),  # 0.03 % of both together
    (40, (2, 2), True),
    (40, (5, 5), True),
    (40, (7, 7), False),
]


@pytest.mark.parametrize(("each", "false", "believed"), BELIEVED)
def test_more_false_differences_than_chance_are_not_believed(resolution_of, each, false, believed):
    assert resolution_of(each, false).believable is believed


@pytest.fixture
def resolution_of():
    def make(each, false):
        fine = Trial(low=0.99, value=1.0, high=1.01, rounds=40)
        wrong = Trial(low=1.01, value=1.02, high=1.03, rounds=40)
        sizes = tuple(
            SizeResolution(
                name=name, what="", seconds_per_call=1e-5, seconds_per_trial=1.0,
                page_faults_per_call=0.0, trials=(wrong,) * count + (fine,) * (each - count),
            )
            for name, count in zip(("tiny", "middle"), false, strict=True)
        )  # fmt: skip
        return Resolution(
            budget=1.0, seconds=1.0, threads=1, device="cpu", seed=0, allocator="kept",
            steal_share=None, sizes=sizes,
        )  # fmt: skip

    return make


def test_the_binomial_tail():
    assert at_least(0, 10, 0.05) == pytest.approx(1)
    assert at_least(1, 10, 0.05) == pytest.approx(1 - 0.95**10)
    assert at_least(10, 10, 0.5) == pytest.approx(2**-10)


def test_the_nearest_size_is_nearest_by_factor(quiet):
    assert quiet.nearest(1e-6).name == "tiny"
    assert quiet.nearest(150e-6).name == "tiny"
    assert quiet.nearest(250e-6).name == "middle"
    assert quiet.nearest(10).name == "middle"
    with pytest.raises(ValueError, match="more than 0"):
        quiet.nearest(0)


def test_json_and_back(quiet):
    assert Resolution.from_json(json.loads(json.dumps(quiet.to_json()))) == quiet


def broken(data, path, value):
    """Return a copy with one value changed, or left out where it is `...`."""
    data = json.loads(json.dumps(data))
    where = data
    for key in path[:-1]:
        where = where[key]
    if value is ...:
        del where[path[-1]]
    else:
        where[path[-1]] = value
    return data


WRONG = [
    (("budget",), ..., "Resolution lacks budget"),
    (("mood",), "good", "has 'mood', which is not known"),
    (("threads",), 1.5, "threads holds 1.5"),
    (("threads",), True, "threads holds True"),
    (("sizes",), [], "sizes is empty"),
    (("sizes",), "two", "give a list"),
    (("sizes", 0), 3, r"sizes\[0\] holds 3; give a table"),
    (("sizes", 0, "trials"), [], "trials is empty"),
    (("sizes", 0, "trials", 0, "low"), "small", r"sizes\[0\].trials\[0\].low holds \'small\'"),
    (("sizes", 0, "trials", 0, "low"), -1, "no interval"),
]


@pytest.mark.parametrize(("path", "value", "says"), WRONG)
def test_what_is_not_as_it_was_written_is_refused(quiet, path, value, says):
    with pytest.raises(ValueError, match=says):
        Resolution.from_json(broken(quiet.to_json(), path, value))
