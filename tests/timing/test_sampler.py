"""The sampler, with a scripted stopwatch: order, warm-up, blocks, stop rule, failures, drift."""

from __future__ import annotations

import gc
import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convbench.clock.sampler import Failure, measure_group, rounds_for
from convbench.clock.samples import Samples
from convbench.clock.stats import median_interval, outliers, ratio
from convbench.clock.stopwatch import ScriptedStopwatch, WallStopwatch


@pytest.fixture(autouse=True, scope="module")
def nothing_is_collected() -> Iterator[None]:
    """A collection looks through the objects of all tests, half a second each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        yield


def named(name: str, log: list[str] | None = None) -> Callable[[], None]:
    """Return work of this name, which writes its name into the log when called."""

    def work() -> None:
        if log is not None:
            log.append(name)

    work.__name__ = name
    return work


def run(script: dict[str, Any], **changes: Any) -> dict[str, Samples | Failure]:
    """Measure named work with scripted times, on a clock that is the script's own."""
    watch = changes.pop("stopwatch", None) or ScriptedStopwatch(script)
    work = changes.pop("work", None) or {name: named(name) for name in script}
    options: dict[str, Any] = {"seed": 0, "budget": 1e9, "session": "s", "max_rounds": 20}
    options |= {"clock": watch.clock, "target_block_seconds": 1e-9} | changes
    return measure_group(work, stopwatch=watch, **options)


def samples_of(found: dict[str, Samples | Failure], name: str) -> Samples:
    """Return the samples of one that did not fail."""
    one = found[name]
    assert isinstance(one, Samples)
    return one


# --- order ---------------------------------------------------------------------------------


def rounds_asked(seed: int, names: str, rounds: int) -> list[str]:
    """Return the order in each round, as one word a round, warm-up left out."""
    watch = ScriptedStopwatch(dict.fromkeys(names, 1.0))
    run({}, stopwatch=watch, work={name: named(name) for name in names}, seed=seed,
        min_rounds=rounds, max_rounds=rounds)  # fmt: skip
    order = "".join(name for name, _ in watch.asked)[-rounds * len(names) :]
    return [order[start : start + len(names)] for start in range(0, len(order), len(names))]


def test_every_round_times_each_once_and_pairs_of_rounds_mirror_each_other() -> None:
    orders = rounds_asked(0, "abcd", 20)
    assert all(sorted(order) == list("abcd") for order in orders)
    assert all(
        first == second[::-1] for first, second in zip(orders[::2], orders[1::2], strict=True)
    )
    assert len(set(orders[::2])) > 3


def test_every_order_comes_up_about_as_often() -> None:
    orders = [order for seed in range(60) for order in rounds_asked(seed, "abc", 20)]
    share = {order: orders.count(order) / len(orders) for order in set(orders)}
    assert len(share) == 6
    assert all(each == pytest.approx(1 / 6, abs=0.04) for each in share.values())


def test_the_order_is_that_of_the_seed() -> None:
    assert rounds_asked(1, "abcd", 10) == rounds_asked(1, "abcd", 10)
    assert rounds_asked(1, "abcd", 10) != rounds_asked(2, "abcd", 10)


@pytest.mark.parametrize(
    ("seconds", "rounds"),
    [(1e-3, ("aabbbbaa", "bbaaaabb")), (1.0, ("abba", "baab"))],
    ids=["short", "long"],
)
def test_exactly_what_is_called_when(seconds: float, rounds: tuple[str, str]) -> None:
    """First calls, two warm-up windows of five each, then one untimed call before each sample.

    A call of 20 ms or more conditions itself.
    """
    log: list[str] = []
    watch = ScriptedStopwatch({"a": seconds, "b": seconds})
    found = run({}, stopwatch=watch, work={name: named(name, log) for name in "ab"},
                min_rounds=2, max_rounds=2)  # fmt: skip
    called = "".join(log)
    assert sorted(called[:2]) == ["a", "b"]
    assert called[2:22] in ("a" * 10 + "b" * 10, "b" * 10 + "a" * 10)
    assert called[22:] in rounds
    assert len(watch.asked) == 2 + 20 + 4
    a = samples_of(found, "a")
    assert (a.warmup_calls, a.block, a.seconds) == (10, 1, (seconds, seconds))


@pytest.mark.parametrize(("seconds", "untimed"), [(0.0199, 1), (0.02, 0)])
def test_the_conditioning_call_is_one_call_whatever_the_block(seconds: float, untimed: int) -> None:
    log: list[str] = []
    found = run({"a": seconds}, work={"a": named("a", log)}, target_block_seconds=1.0,
                min_rounds=3, max_rounds=3)  # fmt: skip
    a = samples_of(found, "a")
    assert a.block > 50
    assert len(log) == 1 + a.warmup_calls + 3 * (untimed + a.block)


# --- first call, warm-up, block ------------------------------------------------------------


def test_the_first_call_is_kept_apart() -> None:
    found = run({"a": itertools.chain([50.0], itertools.repeat(1.0))})
    a = samples_of(found, "a")
    assert a.first_call == 50.0
    assert set(a.seconds) == {1.0}


def test_warm_up_goes_on_until_two_windows_agree() -> None:
    slow_start = [1.0] + [8.0] * 5 + [4.0] * 5 + [2.0] * 5
    found = run({"a": itertools.chain(slow_start, itertools.repeat(1.0))})
    a = samples_of(found, "a")
    # 8, 4, 2, 1, 1: five windows of five, and not one reading of them among the samples.
    assert a.warmup_calls == 25
    assert set(a.seconds) == {1.0}
    assert "settled" not in a.stop_reason


@pytest.mark.parametrize(("second", "windows"), [(1.049, 2), (1.051, 3)])
def test_two_windows_agree_within_five_percent(second: float, windows: int) -> None:
    times = itertools.chain([1.0] * 6, itertools.repeat(second))
    assert samples_of(run({"a": times}), "a").warmup_calls == 5 * windows


def test_one_spike_in_a_window_does_not_prolong_the_warm_up() -> None:
    times = itertools.chain([1.0, 1.0, 30.0, 1.0, 1.0, 1.0], itertools.repeat(1.0))
    assert samples_of(run({"a": times}), "a").warmup_calls == 10


def test_a_warm_up_that_never_settles_ends_and_says_so() -> None:
    doubling = (2.0**turn for turn in range(10_000) for _ in range(5))
    found = run({"a": itertools.chain([1.0], doubling)}, budget=1e300, max_rounds=10)
    a = samples_of(found, "a")
    assert a.warmup_calls == 20 * 5
    assert a.stop_reason.endswith("; the warm-up had not settled")


def test_warm_up_takes_at_most_its_share_of_the_budget() -> None:
    # 20 % of 100 s, for two: 10 s each, so 4 calls of 3 s, and the other settles in 10 of 0.5 s.
    found = run({"slow": 3.0, "quick": 0.5}, budget=100.0)
    assert samples_of(found, "slow").warmup_calls == 4
    assert samples_of(found, "slow").stop_reason.endswith("not settled")
    assert samples_of(found, "quick").warmup_calls == 10
    assert not samples_of(found, "quick").stop_reason.endswith("not settled")


def test_half_a_window_is_too_little_to_agree() -> None:
    found = run({"a": 1.5}, budget=50.0)  # 10 s of it: a window of 5, and 2 of the next
    assert samples_of(found, "a").warmup_calls == 7
    assert samples_of(found, "a").stop_reason.endswith("not settled")


BLOCKS = [
    # seconds per call, target, max_block -> block: the smallest step that reaches the target
    (1.0, 1.0, 100, 1),
    (0.5, 1.0, 100, 3),  # 2 are needed, 10 % more are taken, and rounded up
    (0.003, 1.0, 10_000, 367),  # 334 are needed
    (0.003, 1.0, 64, 64),
    (0.0, 1.0, 500, 500),  # a clock too coarse for a call
]


@pytest.mark.parametrize(("seconds", "target", "max_block", "block"), BLOCKS)
def test_a_sample_lasts_long_enough(
    seconds: float, target: float, max_block: int, block: int
) -> None:
    found = run({"a": seconds}, target_block_seconds=target, max_block=max_block, budget=1e6)
    a = samples_of(found, "a")
    assert a.block == block
    assert a.seconds == a.cpu_seconds == pytest.approx([seconds] * 20)


def test_blocks_are_calibrated_for_each_competitor_apart() -> None:
    found = run({"a": 1.0, "b": 0.5, "c": 0.25}, target_block_seconds=1.0)
    assert [samples_of(found, name).block for name in "abc"] == [1, 3, 5]


def test_a_spike_does_not_pass_for_a_long_block() -> None:
    """Three of five readings of a window are 100x too long; the block still must last."""
    times = itertools.cycle([1.0, 0.01, 1.0, 1.0, 0.01])
    found = run({"a": times}, target_block_seconds=1.0)
    assert samples_of(found, "a").block >= 100


def test_the_block_lasts_even_where_the_budget_is_tiny() -> None:
    found = run({"a": 0.003}, target_block_seconds=1.0, budget=1e-6)
    assert samples_of(found, "a").block == 367
    assert len(samples_of(found, "a").seconds) == 1  # and there is always a round


@pytest.mark.parametrize("block", [1, 7])
def test_a_block_that_is_known_is_warmed_by_one_sample_of_it(block: int) -> None:
    watch = ScriptedStopwatch({"a": 1e-3, "b": 1e-3})
    found = run({}, stopwatch=watch, work={name: named(name) for name in "ab"},
                blocks={"a": block}, target_block_seconds=3e-3, max_rounds=4,
                min_rounds=4)  # fmt: skip
    assert [calls for name, calls in watch.asked if name == "a"] == [1, block] + [block] * 4
    a, b = samples_of(found, "a"), samples_of(found, "b")
    assert (a.block, a.warmup_calls, a.settled) == (block, block, None)
    assert (b.block, b.settled) == (4, True)
    assert a.stop_reason == b.stop_reason == "4 rounds made, the most allowed"


def test_a_known_block_of_long_calls_has_no_conditioning_call() -> None:
    log: list[str] = []
    run({"a": 0.5}, work={"a": named("a", log)}, blocks={"a": 2}, min_rounds=3, max_rounds=3)
    assert len(log) == 1 + 2 + 3 * 2


# --- stop rule -----------------------------------------------------------------------------

STOPS = [
    # budget, min, max, seconds per round -> rounds, why. First call and warm-up come on top.
    (1e9, 10, 20, 1.0, 20, "20 rounds made, the most allowed"),
    (1e9, 1, 7, 1.0, 7, "7 rounds made, the most allowed"),
    (100.0, 10, 200, 1.0, 100, "budget of 100 s spent after 100 rounds"),
    (99.0, 10, 200, 1.0, 100, "budget of 99 s spent after 100 rounds"),  # 99, and its pair
    (99.5, 10, 200, 1.0, 100, "budget of 99.5 s spent after 100 rounds"),
    (100.0, 110, 200, 1.0, 110, "budget of 100 s spent after 110 rounds"),
    (100.0, 109, 200, 1.0, 110, "budget of 100 s spent after 110 rounds"),
    (
        60.0,
        190,
        200,
        1.0,
        180,
        "3 times the budget of 60 s spent after 180 rounds; at least 190 were wanted",
    ),
]


@pytest.mark.parametrize(("budget", "least", "most", "seconds", "rounds", "why"), STOPS)
def test_stop_rule(
    budget: float, least: int, most: int, seconds: float, rounds: int, why: str
) -> None:
    found = run({"a": seconds}, budget=budget, min_rounds=least, max_rounds=most)
    a = samples_of(found, "a")
    assert len(a.seconds) == rounds
    assert a.stop_reason == why


@given(
    budget=st.integers(30, 3000),
    least=st.integers(1, 300),
    more=st.integers(0, 300),
    seconds=st.sampled_from([0.25, 0.5, 1.0, 2.0]),
)
@settings(max_examples=60, deadline=None)
def test_rounds_for_tells_the_rounds_that_are_made(
    budget: int, least: int, more: int, seconds: float
) -> None:
    told: list[tuple[int, int]] = []
    found = run({"a": seconds}, budget=float(budget), min_rounds=least, max_rounds=least + more,
                progress=lambda *seen: told.append(seen))  # fmt: skip
    a = samples_of(found, "a")
    expected = rounds_for(seconds, budget, least, least + more)
    assert len(a.seconds) == expected
    assert told == [(done, expected) for done in range(1, expected + 1)]


def test_rounds_that_take_no_time_go_to_the_most_allowed() -> None:
    assert rounds_for(0.0, 1.0, 10, 200) == 200


# --- what is written down ------------------------------------------------------------------


def test_all_is_written_into_the_samples() -> None:
    found = run({"b": 1.0, "a": 2.0}, seed=7, threads=3, session="this one", max_rounds=10)
    assert list(found) == ["b", "a"]
    for name in "ab":
        one = samples_of(found, name)
        assert (one.seed, one.threads, one.session, one.stopwatch) == (
            7,
            3,
            "this one",
            "scripted",
        )
        assert len(one.seconds) == len(one.page_faults) == len(one.involuntary_switches) == 10


def test_a_group_of_none_gives_nothing() -> None:
    assert run({}, work={}, stopwatch=ScriptedStopwatch({})) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"budget": 0.0}, "budget=0.0"),
        ({"budget": float("nan")}, "budget=nan"),
        ({"target_block_seconds": 0.0}, "target_block_seconds=0.0"),
        ({"min_rounds": 0}, "min_rounds=0"),
        ({"min_rounds": 30, "max_rounds": 20}, "min_rounds=30, max_rounds=20"),
        ({"max_block": 0}, "max_block=0"),
    ],
)
def test_limits_that_cannot_be_met_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        run({"a": 1.0}, **change)


# --- failures ------------------------------------------------------------------------------


def failing(name: str, at: int, error: BaseException) -> Callable[[], None]:
    """Return work of this name that raises at its `at`-th call, counted from 1."""
    calls = itertools.count(1)

    def work() -> None:
        if next(calls) == at:
            raise error

    work.__name__ = name
    return work


# Calls: 1 is the first, 2 to 11 warm it up, then each round has two.
STAGES = [(1, "first call"), (5, "warm-up"), (12, "first conditioning call"), (19, "a round")]


@pytest.mark.parametrize("at", [at for at, _ in STAGES], ids=[stage for _, stage in STAGES])
def test_one_that_raises_fails_alone(at: int) -> None:
    error = RuntimeError("  out of memory\ntried to allocate everything")
    work = {"a": named("a"), "bad": failing("bad", at, error), "c": named("c")}
    found = run({"a": 1e-3, "bad": 1e-3, "c": 2e-3}, work=work)
    assert found["bad"] == Failure("RuntimeError: out of memory")
    for name, seconds in (("a", 1e-3), ("c", 2e-3)):
        assert samples_of(found, name).seconds == (seconds,) * 20


def test_an_error_without_words_has_its_type() -> None:
    work = {"bad": failing("bad", 1, MemoryError())}
    assert run({"bad": 1.0}, work=work) == {"bad": Failure("MemoryError")}


@pytest.mark.parametrize("at", [at for at, _ in STAGES])
def test_an_interrupt_passes_through(at: int) -> None:
    work = {"a": named("a"), "bad": failing("bad", at, KeyboardInterrupt())}
    with pytest.raises(KeyboardInterrupt):
        run({"a": 1e-3, "bad": 1e-3}, work=work)


# --- what is left as it was ----------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["gc on", "gc off"])
def collector(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Switch the garbage collector on or off for a test."""
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


@pytest.mark.parametrize("error", [None, RuntimeError("no"), KeyboardInterrupt()])
def test_garbage_is_collected_before_and_not_during(
    collector: bool, error: BaseException | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(gc, "collect", lambda: seen.append("collected"))

    def work() -> None:
        seen.append("on" if gc.isenabled() else "off")
        if error is not None and len(seen) > 15:
            raise error

    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            run({"work": 1.0}, work={"work": work})
    else:
        run({"work": 1.0}, work={"work": work})
    assert gc.isenabled() is collector
    assert seen[0] == "collected"
    assert set(seen[1:]) == {"off"}


def test_an_error_in_progress_is_the_callers_own_and_restores(collector: bool) -> None:
    def progress(_done: int, _expected: int) -> None:
        raise RuntimeError("broken pipe")

    with pytest.raises(RuntimeError, match="broken pipe"):
        run({"a": 1.0}, progress=progress)
    assert gc.isenabled() is collector


def test_the_global_random_state_is_not_touched() -> None:
    before = random.getstate()
    run({"a": 1.0, "b": 1.0})
    assert random.getstate() == before


# --- noise ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("jitter", [1e-5, 1e-3])
def test_drift_of_one_percent_a_round_cancels_in_the_ratio(seed: int, jitter: float) -> None:
    draw = np.random.default_rng(seed)
    readings = itertools.count()

    def drifting(base: float) -> Callable[[], float]:
        # Two readings a round, and the drift goes on from one to the next within it.
        return lambda: base * 1.01 ** (next(readings) / 2) * float(np.exp(draw.normal(0, jitter)))

    found = run({"a": drifting(1.2), "b": drifting(1.0)}, seed=seed, max_rounds=40)
    a, b = samples_of(found, "a"), samples_of(found, "b")
    assert a.seconds[-1] / a.seconds[0] > 1.4  # it did drift
    interval = ratio(a, b)
    assert interval.value == pytest.approx(1.2, rel=0.001)
    assert interval.low <= 1.2 <= interval.high


def noisy_median(times: Callable[[], float]) -> tuple[Samples, float]:
    """Measure 60 rounds of such times, and return them and their median."""
    samples = samples_of(run({"a": times}, max_rounds=60), "a")
    return samples, median_interval(samples.seconds).value


@pytest.mark.parametrize("seed", range(5))
def test_spikes_of_ten_times_are_kept_and_flagged_and_do_not_move_the_median(seed: int) -> None:
    draw = np.random.default_rng(seed)

    def spiky() -> float:
        return float(np.exp(draw.normal(0, 0.005)) * (10 if draw.random() < 0.1 else 1))

    samples, found = noisy_median(spiky)
    spikes = {index for index, value in enumerate(samples.seconds) if value > 5}
    assert found == pytest.approx(1.0, rel=0.01)
    assert spikes
    assert spikes <= set(outliers(samples.seconds))


@pytest.mark.parametrize("seed", range(5))
def test_of_two_modes_the_median_is_the_common_one(seed: int) -> None:
    draw = np.random.default_rng(seed)

    def bimodal() -> float:
        return float(np.exp(draw.normal(0, 0.003)) * (1.3 if draw.random() < 0.25 else 1))

    samples, found = noisy_median(bimodal)
    assert found == pytest.approx(1.0, rel=0.01)
    assert {round(value, 1) for value in samples.seconds} == {1.0, 1.3}


def test_with_a_real_clock() -> None:
    found = measure_group(
        {"one": lambda: sum(range(2_000)), "eight": lambda: sum(range(16_000))},
        stopwatch=WallStopwatch(),
        seed=0,
        budget=0.05,
        session="real",
        max_rounds=20,
    )
    one, eight = samples_of(found, "one"), samples_of(found, "eight")
    assert 0 < one.minimum < eight.minimum
    assert one.block > eight.block
    assert len(one.seconds) == len(eight.seconds) >= 1
