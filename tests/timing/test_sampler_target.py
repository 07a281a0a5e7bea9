"""The sampler's newer stages: its target, its checks, what work asks for, the clock's own share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from convbench.timing import sampler
from convbench.timing.competitor import FEWEST_CALLS, LONG_CALL, WarmUp
from convbench.timing.sampler import CLOCK_SHARE, Failure, measure_group
from convbench.timing.samples import Samples
from convbench.timing.stats import ratio
from convbench.timing.stopwatch import ScriptedStopwatch, WallStopwatch


def named(name: str, log: list[str] | None = None, output: object = None) -> Callable[[], object]:
    """Return work of this name, which writes its name into the log when called."""

    def work() -> object:
        if log is not None:
            log.append(name)
        return output

    work.__name__ = name
    return work


def run(script: dict[str, Any], **changes: Any) -> dict[str, Samples | Failure]:
    """Measure named work with scripted times, on a clock that is the script's own."""
    watch = changes.pop("stopwatch", None) or ScriptedStopwatch(script)
    work = changes.pop("work", None) or {name: named(name) for name in script}
    options: dict[str, Any] = {"seed": 0, "budget": 1e9, "session": "s", "max_rounds": 200}
    options |= {"clock": watch.clock, "target_block_seconds": 1e-9} | changes
    return measure_group(work, stopwatch=watch, **options)


def samples_of(found: dict[str, Samples | Failure], name: str) -> Samples:
    """Return the samples of one that did not fail."""
    one = found[name]
    assert isinstance(one, Samples)
    return one


def noisy(seed: int, base: float, spread: float) -> Callable[[], float]:
    """Return times around a base."""
    draw = np.random.default_rng(seed)
    return lambda: base * float(np.exp(draw.normal(0, spread)))


# --- the target ----------------------------------------------------------------------------


@pytest.mark.parametrize(("least", "rounds"), [(1, 6), (5, 6), (6, 6), (7, 8), (10, 10), (11, 12)])
def test_rounds_end_when_the_ratio_is_known(least: int, rounds: int) -> None:
    """Times without noise are known at once: after whole pairs, and 6 rounds to reach 95 %."""
    found = run({"a": 1.0, "b": 2.0}, base="a", target=0.01, min_rounds=least)
    assert len(samples_of(found, "a").seconds) == rounds
    assert samples_of(found, "b").stop_reason == (
        f"target met after {rounds} rounds: every ratio known to ±0.00%, and ±1.00% was asked for"
    )


@pytest.mark.parametrize("target", [0.1, 0.03, 0.01])
def test_the_ratio_is_known_as_well_as_was_asked(target: float) -> None:
    script = {"a": noisy(1, 1.0, 0.02), "b": noisy(2, 1.5, 0.02), "c": noisy(3, 0.5, 0.005)}
    found = run(script, base="a", target=target)
    a = samples_of(found, "a")
    assert a.stop_reason.startswith(f"target met after {len(a.seconds)} rounds")
    widths = [ratio(samples_of(found, name), a).half_width for name in "bc"]
    assert max(widths) <= target
    assert f"±{max(widths):.2%}, and ±{target:.2%} was" in a.stop_reason


def test_a_smaller_target_takes_more_rounds() -> None:
    rounds = []
    for target in (0.1, 0.03, 0.01):
        found = run({"a": noisy(1, 1.0, 0.02), "b": noisy(2, 1.5, 0.02)}, base="a", target=target)
        rounds.append(len(samples_of(found, "a").seconds))
    assert rounds == sorted(rounds)
    assert rounds[0] < rounds[2]
    assert all(number % 2 == 0 for number in rounds)


def test_intervals_are_looked_at_again_after_a_tenth_more_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []

    def widest(group: Any, _base: str) -> float:
        looked.append(len(group["a"].readings))
        return 1.0

    monkeypatch.setattr(sampler, "_widest", widest)
    run({"a": 1.0, "b": 1.0}, base="a", target=0.5, min_rounds=10, max_rounds=40)
    assert looked == [10, 12, 14, 16, 18, 20, 22, 26, 30, 34, 38]


NEVER: list[tuple[str, dict[str, Any]]] = [
    ("no target", {"base": "a"}),
    ("no base", {"target": 0.5}),
    ("a base that is not there", {"base": "z", "target": 0.5}),
    ("a base that is alone", {"base": "a", "target": 0.5, "script": {"a": 1.0}}),
    ("no time at all", {"base": "a", "target": 0.5, "script": {"a": 1.0, "b": 0.0}}),
]


@pytest.mark.parametrize("changes", [row[1] for row in NEVER], ids=[row[0] for row in NEVER])
def test_where_there_is_no_ratio_the_target_is_never_met(changes: dict[str, Any]) -> None:
    options = dict(changes)
    script = options.pop("script", {"a": 1.0, "b": 1.0})
    found = run(script, **options, max_rounds=30, max_block=1)
    assert samples_of(found, "a").stop_reason.startswith("30 rounds made, the most allowed")


def test_one_that_failed_does_not_hold_up_the_others() -> None:
    calls = itertools.count()

    def bad() -> None:
        if next(calls) > 20:
            raise RuntimeError("no")

    found = run({"a": 1.0, "b": 2.0, "bad": 1.0}, base="a", target=0.01, min_rounds=12,
                work={"a": named("a"), "b": named("b"), "bad": bad})  # fmt: skip
    assert found["bad"] == Failure("RuntimeError: no")
    assert samples_of(found, "a").stop_reason.startswith("target met after 12 rounds")
    gone = run({"bad": 1.0, "b": 2.0, "c": 2.0}, base="bad", target=0.01, max_rounds=20,
               work={"bad": bad, "b": named("b"), "c": named("c")})  # fmt: skip
    assert samples_of(gone, "b").stop_reason == "20 rounds made, the most allowed"


def test_the_budget_ends_what_does_not_meet_its_target() -> None:
    found = run({"a": noisy(1, 1.0, 0.3), "b": noisy(2, 1.0, 0.3)}, base="a", target=1e-6,
                budget=100.0)  # fmt: skip
    assert samples_of(found, "a").stop_reason.startswith("budget of 100 s spent after")


# --- accept and announce -------------------------------------------------------------------


def test_outputs_of_first_calls_are_accepted_before_anything_else_is_timed() -> None:
    log: list[str] = []
    seen: list[tuple[str, object, int]] = []
    work = {name: named(name, log, output=name.upper()) for name in "abc"}
    run(dict.fromkeys("abc", 1.0), work=work, max_rounds=2, min_rounds=1,
        accept=lambda name, output: seen.append((name, output, len(log))))  # fmt: skip
    assert sorted(seen) == [("a", "A", 3), ("b", "B", 3), ("c", "C", 3)]


def test_what_is_not_accepted_fails_alone_and_is_never_called_again() -> None:
    log: list[str] = []

    def accept(name: str, _output: object) -> None:
        if name == "b":
            raise ValueError("wrong\nvery")

    found = run(dict.fromkeys("abc", 1.0), work={name: named(name, log) for name in "abc"},
                max_rounds=4, accept=accept, min_rounds=1)  # fmt: skip
    assert found["b"] == Failure("ValueError: wrong")
    assert log.count("b") == 1
    assert len(samples_of(found, "a").seconds) == len(samples_of(found, "c").seconds) == 4


def test_one_whose_first_call_failed_has_no_output_to_accept() -> None:
    def bad() -> None:
        raise RuntimeError("no")

    seen: list[str] = []
    run({"a": 1.0, "bad": 1.0}, work={"a": named("a"), "bad": bad}, max_rounds=1, min_rounds=1,
        accept=lambda name, _: seen.append(name))  # fmt: skip
    assert seen == ["a"]


def test_the_budget_does_not_pay_for_checking() -> None:
    rounds = []
    for slow in (0.0, 500.0):
        watch = ScriptedStopwatch({"a": 1.0})

        def accept(_name: str, _output: object, slow: float = slow, watch: Any = watch) -> None:
            watch.elapsed += slow

        found = run({}, stopwatch=watch, work={"a": named("a")}, accept=accept, budget=50.0)
        rounds.append(len(samples_of(found, "a").seconds))
    assert rounds[0] == rounds[1] > 10


def test_outputs_are_not_kept() -> None:
    class Output:
        alive = 0

        def __init__(self) -> None:
            Output.alive += 1

        def __del__(self) -> None:
            Output.alive -= 1

    most: list[int] = []

    def work() -> Output:
        most.append(Output.alive)
        return Output()

    run({"work": 1.0}, work={"work": work}, max_rounds=3, min_rounds=1)
    assert max(most) == 0
    assert Output.alive == 0


def test_first_calls_are_announced_and_their_end() -> None:
    log: list[str] = []
    run(dict.fromkeys("abc", 1.0), work={name: named(name, log) for name in "abc"}, max_rounds=1,
        min_rounds=1, announce=lambda name: log.append(f"<{name}>"))  # fmt: skip
    names = log[1:7:2]
    assert sorted(names) == ["a", "b", "c"]
    assert log[:7] == [word for name in names for word in (f"<{name}>", name)] + ["<>"]
    assert not any(word.startswith("<") for word in log[7:])


# --- what work asks for --------------------------------------------------------------------


class Prepared:
    """Work that wants something done before each sample, and allows so many calls in one."""

    def __init__(self, most: int | None = None) -> None:
        self.log: list[str] = []
        if most is not None:
            self.most_calls = most

    def prepare(self) -> None:
        """Write it down."""
        self.log.append("prepare")

    def __call__(self) -> None:
        """Write it down."""
        self.log.append("call")


def test_work_is_prepared_before_every_reading_and_after_the_conditioning_call() -> None:
    work = Prepared()
    watch = ScriptedStopwatch({work: 1.0})
    run({}, stopwatch=watch, work={"w": work}, max_rounds=3, min_rounds=3)
    first, warm, rounds = work.log[:2], work.log[2:22], work.log[22:]
    assert first == ["prepare", "call"]
    assert warm == ["prepare", "call"] * 10
    assert rounds == ["call", "prepare", "call"] * 3
    assert len(watch.asked) == work.log.count("prepare")


@pytest.mark.parametrize(("most", "block"), [(None, 1000), (1, 1), (2, 2), (7, 7), (5000, 1000)])
def test_a_sample_has_no_more_calls_than_work_allows(most: int | None, block: int) -> None:
    work = Prepared(most)
    found = run({}, stopwatch=ScriptedStopwatch({work: 0.001}), work={"w": work}, max_rounds=2,
                min_rounds=1, target_block_seconds=1.0, max_block=1000)  # fmt: skip
    assert samples_of(found, "w").block == block


GROWN = [
    # block, seconds of it, most -> the next; a block is to last 2 ms
    (1, 0.001, 1000, 3),  # 2.2 are enough
    (1, 0.00001, 1000, 10),  # ten times at most, however short
    (1, 0.0, 1000, 10),
    (500, 0.001, 1000, 1000),
    (10, 0.003, 1000, 10),
    (1, 0.003, 1000, FEWEST_CALLS),  # long enough, and yet not a single call
    (2, 0.003, 1000, FEWEST_CALLS),
    (3, 0.003, 1000, 3),
    (1, 0.003, 2, 2),  # or as many as there may be
    (1, LONG_CALL * 0.99, 1000, FEWEST_CALLS),
    (1, LONG_CALL, 1000, 1),  # but for what is long by itself
    (2, 2 * LONG_CALL, 1000, 2),
]


@pytest.mark.parametrize(("block", "seconds", "most", "following"), GROWN)
def test_how_a_block_grows(block: int, seconds: float, most: int, following: int) -> None:
    goal = WarmUp(target_block_seconds=0.002, max_block=most, allowance=1.0)
    assert goal.grown(block, seconds) == following


# --- the clock's own share -----------------------------------------------------------------


class Slow(ScriptedStopwatch):
    """A clock that itself takes so many seconds for a block."""

    def __init__(self, script: Any, overhead: float) -> None:
        super().__init__(script)
        self._overhead = overhead

    def overhead(self) -> float:
        """Return the seconds."""
        return self._overhead


@pytest.mark.parametrize(
    ("overhead", "shortest"), [(0.0, 2.0), (0.001, 2.0), (0.002, 2.0), (0.004, 4.0), (0.05, 50.0)]
)
def test_a_block_lasts_a_thousand_times_what_the_clock_takes(
    overhead: float, shortest: float
) -> None:
    assert CLOCK_SHARE == 0.001
    watch = Slow({"a": 0.25}, overhead)
    found = run({}, stopwatch=watch, work={"a": named("a")}, target_block_seconds=2.0,
                max_rounds=2, min_rounds=1)  # fmt: skip
    lasts = samples_of(found, "a").block * 0.25
    assert shortest <= lasts <= 1.5 * shortest


def test_the_wall_clocks_share_is_the_least_of_several_empty_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks: Iterator[int] = itertools.chain.from_iterable(
        (0, 700 if block == 7 else 900 + block) for block in range(1000)
    )
    monkeypatch.setattr("time.perf_counter_ns", lambda: next(ticks))
    assert WallStopwatch().overhead() == pytest.approx(700e-9)


def test_a_script_is_found_by_the_work_itself_from_its_first_call_on() -> None:
    work = named("other name")
    found = run({}, stopwatch=ScriptedStopwatch({work: 2.0}), work={"w": work}, max_rounds=2,
                min_rounds=1)  # fmt: skip
    assert samples_of(found, "w").first_call == 2.0
