"""Several processes: intervals by hand, what is paired, who is disturbed, what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import variance

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import each, processes, samples

from convbench.clock import stats
from convbench.clock.estimates import (
    _ALONE,
    _DRIFT,
    Estimates,
    compare,
    over_processes,
    typical,
)
from convbench.clock.samples import Samples, of_process
from convbench.clock.variances import moderated, quantile
from convbench.core.intervals import Interval, RatioInterval

# --- one process ---------------------------------------------------------------------------

QUARTILES = [
    # rounds, in any order -> the lower quartile: the value at a quarter of the way up
    ([3.0], 3.0),
    ([3.0, 2.0], 2.0),
    ([4.0, 1.0, 3.0, 2.0], 1.0),
    ([5.0, 4.0, 3.0, 2.0, 1.0], 2.0),
    ([8.0, 1.0, 7.0, 2.0, 6.0, 3.0, 5.0, 4.0], 2.0),
    ([9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0], 3.0),
    ([100.0, 1.0, 100.0, 100.0, 1.0, 100.0], 1.0),  # two thirds disturbed, and not seen
]


@pytest.mark.parametrize(("rounds", "found"), QUARTILES)
def test_a_process_says_the_lower_quartile_of_its_rounds(rounds: list[float], found: float) -> None:
    assert of_process(samples(rounds)) == found


def wider(found: Interval | RatioInterval) -> tuple[float, float, float]:
    """Return the interval of one process as it is with what others differ by, ±1.96 times 4 %."""
    others = 1.959964 * _ALONE
    return (
        found.value,
        found.value / math.exp(math.hypot(math.log(found.value / found.low), others)),
        found.value * math.exp(math.hypot(math.log(found.high / found.value), others)),
    )


def ends(found: Interval | RatioInterval) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def test_one_process_is_what_its_own_rounds_say_and_what_others_differ_by() -> None:
    times = [1.0, 1.1, 0.9, 1.05, 5.0, 1.02, 0.99, 1.01]
    own = stats.quantile_interval(times, 0.25)
    others = 1.959964 * min(0.95, own.confidence) / 0.95  # about: it is what the rounds reach
    found = typical([samples(times)])
    assert (found.value, found.confidence) == (own.value, own.confidence)
    assert found.low < min(own.low, own.value * math.exp(-0.8 * others * _ALONE))
    other = samples([2.0 * t for t in reversed(times)])
    apart = samples(times, "t")
    for base in (samples(times), apart):
        assert ends(compare([other], [base])) == pytest.approx(
            wider(stats.ratio(other, base)), rel=0.02
        )
    assert typical([apart]).processes == compare([other], [apart]).processes == 1
    assert Estimates({"a": [apart]}).disturbed("a") == ()


# --- a time: where one more process would fall ---------------------------------------------

# Two-sided quantiles of Student's t, from a printed table: (processes, confidence, quantile).
T = [
    (2, 0.95, 12.706),
    (3, 0.95, 4.303),
    (5, 0.95, 2.776),
    (10, 0.95, 2.262),
    (3, 0.99, 9.925),
    (10, 0.8, 1.383),
]


@pytest.mark.parametrize(("count", "confidence", "t"), T)
def test_where_one_more_process_falls_by_the_t_table(
    count: int, confidence: float, t: float
) -> None:
    times = [2.0**step for step in range(count)]
    found = typical(each(times[::-1]), confidence)
    # log2 of the times are 0, 1, …, n - 1: mean (n - 1)/2, variance n (n + 1)/12.
    centre = (count - 1) / 2
    # A run drifts by 1.2 %, which is told by none of them.
    spread = math.sqrt(count * (count + 1) / 12) * math.sqrt(1 + 1 / count)
    reach = t * math.hypot(spread, _DRIFT / math.log(2))
    assert found.value == times[(count - 1) // 2]  # one that was measured
    assert math.log2(found.high) == pytest.approx(centre + reach, rel=2e-4)
    assert math.log2(found.low) == pytest.approx(centre - reach, rel=1e-3)
    assert (found.confidence, found.processes) == (confidence, count)
    assert found.each == tuple(times[::-1])


def test_processes_that_agree_exactly_are_still_not_the_same() -> None:
    """0.2 % is the least that is believed: t(2) is 4.303, and one more process has sqrt(4/3)."""
    found = typical(each([1.0] * 3))
    reach = 4.303 * math.hypot(0.002 * math.sqrt(4 / 3), _DRIFT)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((-reach, reach), rel=1e-3)


def test_more_rounds_do_not_narrow_what_processes_spread() -> None:
    few, many = (typical(each([1.0, 1.5, 1.2], rounds)) for rounds in (3, 300))
    assert few == many
    assert (few.low < 1.0, few.high > 1.5) == (True, True)


USABLE = [
    ([1.0, 1.01, 1.02], True),
    ([1.0, 1.1, 1.2], False),  # t(2) is 4.3: the ends differ by a factor of 2.5
    ([1.0, 1.1, 1.2] * 3, True),
    ([1.0, 1.5], False),
]


@pytest.mark.parametrize(("times", "usable"), USABLE)
def test_an_interval_over_more_than_a_factor_of_two_is_of_no_use(
    times: list[float], usable: bool
) -> None:
    found = typical(each(times))
    assert found.usable is usable
    assert found.usable is (found.high / found.low <= 2)
    assert found.half_width == pytest.approx(
        max(found.high / found.value, found.value / found.low) - 1
    )


def test_the_median_of_several_processes_and_its_interval() -> None:
    """Logs 0, 1, 2, ln 2 each: sd ln 2, t(2) = 4.303, over the root of 3."""
    found = over_processes([1.0, 4.0, 2.0])
    reach = 4.303 * math.log(2) / math.sqrt(3)
    assert (found.value, found.processes) == (pytest.approx(2.0), 3)
    assert math.log(found.high / 2) == pytest.approx(reach, rel=1e-3)
    assert found.each == (1.0, 4.0, 2.0)


# --- a ratio: what is paired ---------------------------------------------------------------


def test_a_ratio_is_the_geometric_mean_of_the_quotients_within_each_process() -> None:
    """Quotients 2, 4 and 8: log2 has mean 2 and sd 1; t(2) = 4.303, over the root of 3."""
    found = compare(each([20.0, 12.0, 8.0]), each([10.0, 3.0, 1.0]))
    reach = 4.303 / math.sqrt(3)
    assert found.value == pytest.approx(4.0)
    assert math.log2(found.low) == pytest.approx(2 - reach, abs=1e-3)
    assert math.log2(found.high) == pytest.approx(2 + reach, abs=1e-3)
    assert (found.paired, found.processes, found.confidence) == (True, 3, 0.95)
    assert found.each == (2.0, 4.0, 8.0)
    assert (found.verdict, found.usable) == ("cannot tell", False)
    assert found.half_width == pytest.approx(2**reach - 1, rel=1e-3)


def test_the_quotients_are_of_what_each_process_says_and_not_of_its_rounds() -> None:
    """Lower quartiles of four rounds are the fastest: 3 / 1, and 4 / 2."""
    top = processes([[3.0, 30.0, 9.0, 9.0], [4.0, 5.0, 6.0, 40.0]])
    bottom = processes([[9.0, 1.0, 1.0, 7.0], [2.0, 2.0, 2.0, 2.0]])
    found = compare(top, bottom)
    assert found.each == (3.0, 2.0)
    assert found.value == pytest.approx(math.sqrt(6))


def test_pairs_are_made_by_session_and_not_by_place() -> None:
    bottom = each([1.0, 10.0, 100.0])
    top = [samples([2 * s.seconds[0]] * 6, s.session) for s in bottom]
    found = compare(top[::-1], bottom)
    assert found.each == (2.0, 2.0, 2.0)
    assert (found.value, found.verdict) == (pytest.approx(2.0), "slower")


def test_a_process_in_which_only_one_was_timed_is_left_out() -> None:
    top = [*each([2.0, 2.0]), samples([50.0] * 6, "lonely")]
    found = compare(top, each([1.0, 1.0, 1.0]))
    assert (found.value, found.processes, found.paired) == (pytest.approx(2.0), 2, True)


def test_a_single_shared_session_is_compared_by_its_rounds_alone() -> None:
    shared = samples([1.0, 1.1, 0.9, 1.0, 1.2, 1.0], "both")
    twice = samples([2 * t for t in shared.seconds], "both")
    found = compare([twice, samples([9.0] * 6, "x")], [samples([7.0] * 6, "y"), shared])
    assert ends(found) == pytest.approx(wider(stats.ratio(twice, shared)), rel=0.02)


def test_sessions_that_share_nothing_are_estimated_apart() -> None:
    """Logs -d, 0, d on both sides: error d sqrt(2/3), with the freedom of the smaller, 2."""
    d = math.log(1.02)
    bottom = each([math.exp(step * d) for step in (-1, 0, 1)])
    top = [samples([1.5 * s.seconds[0]] * 6, f"t{n}") for n, s in enumerate(bottom)]
    found = compare(top, bottom)
    reach = 4.303 * math.hypot(d * math.sqrt(2 / 3), _DRIFT)
    assert (found.paired, found.processes, found.each) == (False, 3, ())
    assert found.value == pytest.approx(1.5)
    assert math.log(found.high / found.value) == pytest.approx(reach, rel=1e-3)
    assert (found.verdict, compare(bottom, top).verdict) == ("slower", "faster")


def test_what_processes_share_cancels_only_in_pairs() -> None:
    slow = [1.0, 1.6, 0.7, 1.1, 2.0]  # a process is slow as a whole
    top, bottom = each([1.2 * s for s in slow]), each(slow)
    assert compare(top, bottom).verdict == "slower"
    elsewhere = [samples(s.seconds, f"else {s.session}") for s in bottom]
    assert compare(top, elsewhere).verdict == "cannot tell"


def test_one_process_against_several_claims_nothing() -> None:
    several = [samples([1.0 + place / 100] * 9, f"t{place}") for place in range(3)]
    found = compare([samples([50.0] * 9)], several)
    assert (found.processes, found.confidence, found.verdict) == (1, 0.0, "cannot tell")
    assert found.value == pytest.approx(50 / 1.01, rel=1e-3)
    assert not found.usable


def test_fewer_than_five_rounds_in_all_have_no_verdict() -> None:
    assert compare(each([2.0] * 2, 2), each([1.0] * 2, 2)).verdict == "cannot tell"
    assert compare(each([2.0] * 2, 3), each([1.0] * 2, 3)).verdict == "slower"


@pytest.mark.parametrize(("margin", "verdict"), [(0.1, "same"), (0.05, "slower")])
def test_the_margin_says_what_is_too_small_to_matter(margin: float, verdict: str) -> None:
    """The interval is 1.04 · exp(±2.262 · 0.012), 1.012 to 1.069."""
    assert compare(each([1.04] * 10), each([1.0] * 10), margin=margin).verdict == verdict


# --- variances are those of the whole group ------------------------------------------------


def test_variances_that_agree_are_one_by_hand() -> None:
    """Cases of logs -d, 0, d: each has variance d² of 2 degrees of freedom.

    They differ by no more than chance, so the others are worth the most, 12. The typical variance
    is d² exp(0.5772), since the digamma of 1 is -0.5772; so (12 · 1.7811 + 2) d² / 14, and t(14)
    is 2.145.
    """
    d = 0.03
    steps = [math.exp(step * d) for step in (-1, 0, 1)]
    base = each([1.0] * 3)
    cases = {"base": base, **{name: each(k * s for s in steps) for name, k in (("a", 2), ("b", 5))}}
    apart = Estimates({name: several for name, several in cases.items() if name != "base"})
    sd = d * math.sqrt((12 * math.exp(0.57722) + 2) / 14)
    for name, value in (("a", 2.0), ("b", 5.0)):
        time = apart.time(name)
        assert (time.value, time.confidence) == (pytest.approx(value), 0.95)
        reach = 2.145 * math.hypot(sd * math.sqrt(4 / 3), _DRIFT)
        assert math.log(time.high / value) == pytest.approx(reach, rel=1e-3)
        ratio = Estimates(cases).ratio(name, "base")
        reach = 2.145 * math.hypot(sd / math.sqrt(3), _DRIFT)
        assert math.log(ratio.high / value) == pytest.approx(reach, rel=1e-3)


def test_variances_are_those_that_the_prior_makes_of_all_cases() -> None:
    draw = np.random.default_rng(5)
    spreads = [0.01, 0.012, 0.02, 0.011, 0.05]
    logs = {f"c{n}": draw.normal(n, sd, 6) for n, sd in enumerate(spreads)}
    estimates = Estimates({name: each(np.exp(values)) for name, values in logs.items()})
    freedom = np.full(len(logs), 5.0)

    def reaches(values: dict[str, np.ndarray], factor: float) -> dict[str, float]:
        own = np.array([variance(row) for row in values.values()])
        drawn, free, _ = moderated(own, freedom[: len(own)])
        return {
            name: quantile(0.95, f) * math.hypot(math.sqrt(v * factor), _DRIFT)
            for name, v, f in zip(values, drawn, free, strict=True)
        }

    for name, reach in reaches(logs, 1 + 1 / 6).items():
        found = estimates.time(name)
        assert math.log(found.high / found.low) / 2 == pytest.approx(reach)
    quotients = {name: row - logs["c0"] for name, row in logs.items() if name != "c0"}
    for name, reach in reaches(quotients, 1 / 6).items():
        assert math.log(estimates.ratio(name, "c0").high) == pytest.approx(
            float(np.mean(quotients[name])) + reach
        )


# --- disturbed processes -------------------------------------------------------------------

DISTURBED = [
    # seconds of the processes -> the time, and those that lie far from the others
    ([0.143e-3, 0.221e-3, 31.7e-3], 0.221e-3, (31.7e-3,)),
    ([1.0, 1.0, 1.0, 1.24], 1.0, ()),  # nearer than a quarter: nothing is disturbed
    ([1.0, 1.0, 1.0, 1.26], 1.0, (1.26,)),
    ([1.0, 1.0, 1.0, 0.7], 1.0, (0.7,)),
    ([1.0, 1.2, 1.44, 1.728, 2.0], 1.44, ()),  # all differ: none is far
    ([1.0, 1.01, 1.5, 1.02, 3.0], 1.02, ()),  # two of five are no accident
    ([1.0, 1.01, 1.5, 1.02, 3.0, 1.01], 1.01, (1.5, 3.0)),
    ([1.0, 50.0], 1.0, ()),  # of two, nobody knows which
]


@pytest.mark.parametrize(("seconds", "value", "far"), DISTURBED)
def test_disturbed_processes_are_named_and_left_out(
    seconds: list[float], value: float, far: tuple[float, ...]
) -> None:
    estimates = Estimates({"a": each(seconds), "base": each([1.0] * len(seconds))})
    kept = [s for s in seconds if s not in far]
    assert estimates.disturbed("a") == far
    found = estimates.time("a")
    assert (found.value, found.each, found.processes) == (value, tuple(seconds), len(seconds))
    ratio = estimates.ratio("a", "base")
    assert ratio.each == tuple(seconds)
    assert ratio.value == pytest.approx(math.exp(sum(map(math.log, kept)) / len(kept)))
    assert all(found.low < s < found.high for s in kept)


def test_a_disturbed_base_is_seen_in_the_quotients_too() -> None:
    found = compare(each([2.0] * 6), each([1.0] * 5 + [9.0]))
    assert (found.value, found.verdict) == (pytest.approx(2.0), "slower")


SECONDS = st.lists(st.floats(0.95, 1.05), min_size=3, max_size=12)


@given(SECONDS, st.data(), st.sampled_from([0.5, 0.8, 0.95, 0.99]))
def test_a_printed_time_was_measured_and_lies_in_its_interval(
    seconds: list[float], data: st.DataObject, confidence: float
) -> None:
    factors = data.draw(st.lists(st.floats(1, 1000), min_size=len(seconds), max_size=len(seconds)))
    times = [s * f for s, f in zip(seconds, factors, strict=True)]
    estimates = Estimates({"a": each(times), "b": each(seconds), "c": each(factors)})
    for name, measured in (("a", times), ("b", seconds), ("c", factors)):
        found = estimates.time(name, confidence)
        assert found.value in measured
        assert found.low <= found.value <= found.high


@given(SECONDS, st.floats(1, 1000), st.data())
def test_one_process_moves_nothing_by_more_than_the_others_spread(
    seconds: list[float], factor: float, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(seconds) - 1))
    moved = [s * factor if n == place else s for n, s in enumerate(seconds)]
    others = [s for n, s in enumerate(seconds) if n != place]
    base = each([1.0] * len(seconds))
    before, after = (Estimates({"a": each(s), "base": base}) for s in (seconds, moved))
    assert min(others) <= after.time("a").value <= max(others)
    # as long as it is not far from them it counts, as one of those that are kept
    spread = math.log(max(seconds) / min(seconds))
    nearest = max(math.log(1.25), 4 * 1.4826 * spread)
    share = nearest / (len(seconds) // 2 + 1)
    shift = math.log(after.ratio("a", "base").value / before.ratio("a", "base").value)
    assert abs(shift) <= (spread if math.log(factor) > nearest + spread else spread + share) + 1e-9


# --- refusals ------------------------------------------------------------------------------

ONE = samples([1.0] * 6)
REFUSED: list[tuple[str, Callable[[], object], str]] = [
    ("no process", lambda: typical([]), "no process was measured"),
    ("no numerator", lambda: compare([], [ONE]), "numerator: no process was measured"),
    ("no denominator", lambda: compare([ONE], []), "denominator: no process was measured"),
    ("0 s", lambda: typical(processes([[0.0, 1.0], [1.0, 1.0]])), "took 0 s"),
    ("0 s below", lambda: compare([ONE], [samples([0.0] * 6)]), "took 0 s"),
    (
        "rounds that do not pair",
        lambda: compare([samples([1.0] * 6)], [samples([1.0] * 7)]),
        "session 's' has 6 rounds of one competitor and 7",
    ),
    *(
        (f"confidence {given_}", asked, f"confidence={given_}")
        for given_ in (0.0, 1.0, 1.5, -0.1, math.nan)
        for asked in (
            lambda given_=given_: typical(each([1.0, 2.0]), given_),
            lambda given_=given_: compare(each([1.0] * 2), each([1.0] * 2), given_),
        )
    ),
]


@pytest.mark.parametrize(
    ("ask", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_cannot_be_is_refused(ask: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ask()


def test_a_case_of_zero_times_takes_nothing_from_the_others() -> None:
    good: dict[str, list[Samples]] = {"a": each([1.0, 1.1, 1.2]), "b": each([2.0, 2.2, 2.4])}
    zero = {**good, "zero": each([0.0] * 3), "empty": []}
    assert Estimates(zero).time("a") == Estimates(good).time("a")
    assert Estimates(zero).ratio("a", "b") == Estimates(good).ratio("a", "b")
    with pytest.raises(ValueError, match="larger block"):
        Estimates(zero).ratio("a", "zero")
