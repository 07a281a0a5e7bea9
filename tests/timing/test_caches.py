"""Cold caches: what is emptied, in which order, and that no copy is used twice in a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convbench.clock import caches
from convbench.clock.caches import ColdWork, HostEvictor, copies_for, last_level_cache
from convbench.clock.crew import Order
from convbench.clock.group_process import do
from convbench.clock.sampler import measure_group
from convbench.clock.samples import Samples
from convbench.clock.stopwatch import ScriptedStopwatch
from convbench.convs.base import make
from convbench.core.spec import ConvSpec
from convbench.runs import measuring
from convbench.runs.cases import Case, expand
from convbench.runs.conditions import Condition
from convbench.runs.measuring import CaseCrew
from convbench.runs.suite import SlotGroup, Suite, Timing
from convbench.runs.workload import Workload

# --- the cache and what empties it ---------------------------------------------------------

SYSTEMS = [
    # what the files of the caches say: type, level, size -> bytes of the largest
    (["Data 1 32K", "Instruction 1 64K", "Unified 2 1024K", "Unified 3 36608K"], 36608 * 1024),
    (["Data 1 48K", "", "Unified 2 2M"], 2 * 2**20),
    (["Data 1 48K", "Unified 2 unknown"], 48 * 1024),
    ([], None),
]


@pytest.mark.parametrize(("caches_told", "size"), SYSTEMS)
def test_the_last_level_cache_is_the_largest(caches_told: list[str], size: int | None) -> None:
    files = {
        f"index{index}/{fact}": text
        for index, told in enumerate(caches_told)
        for fact, text in zip(("type", "level", "size"), told.split(), strict=False)
    }
    assert last_level_cache(lambda path: files.get(path.partition("cache/")[2], "")) == size


@pytest.mark.parametrize(("cache", "pool"), [(2**20, 3 * 2**20), (None, 3 * 64 * 2**20)])
def test_the_pool_is_three_times_the_cache(
    cache: int | None, pool: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "last_level_cache", lambda: cache)
    evictor = HostEvictor()
    assert evictor.pool_bytes == evictor._pool.nbytes == pool


def test_every_line_of_the_pool_is_written() -> None:
    evictor = HostEvictor(64 * 1000)
    assert evictor.pool_bytes == 64_000
    evictor.evict()
    evictor.evict()
    lines = evictor._pool.reshape(1000, 8)  # of 64 bytes
    assert (lines[:, 0] == 3).all()
    assert np.count_nonzero(lines - 1) == 1000


COPIES = [
    (0, 32),
    (1, 32),
    (2**20, 32),
    (2**25, 32),
    (2**26, 16),
    (2**29, 2),
    (2**30, 1),
    (2**40, 1),
]


@pytest.mark.parametrize(("size", "number"), COPIES)
def test_copies_are_limited_in_number_and_in_bytes(size: int, number: int) -> None:
    assert copies_for(size) == number


# --- the order -----------------------------------------------------------------------------


class Logged:
    """An evictor, a touch and copies that write down when they are used."""

    pool_bytes = 12

    def __init__(self) -> None:
        self.log: list[str] = []

    def evict(self) -> None:
        """Write it down."""
        self.log.append("evict")

    def touch(self) -> None:
        """Write it down."""
        self.log.append("touch")

    def copies(self, number: int) -> list[Callable[[], str]]:
        """Return so many, named by their number."""

        def copy(name: str) -> Callable[[], str]:
            def call() -> str:
                self.log.append(name)
                return name

            return call

        return [copy(str(place)) for place in range(number)]


def test_a_sample_evicts_then_touches_then_uses_each_copy_once() -> None:
    seen = Logged()
    work = ColdWork(seen.copies(4), seen, touch=seen.touch)
    assert work.most_calls == 4
    assert seen.log == []
    for _ in range(2):
        work.prepare()
        assert [work() for _ in range(4)] == ["0", "1", "2", "3"]
    assert seen.log == ["evict", "touch", "0", "1", "2", "3"] * 2


def test_without_a_touch_nothing_is_read_beforehand() -> None:
    seen = Logged()
    work = ColdWork(seen.copies(2), seen)
    work.prepare()
    work()
    assert seen.log == ["evict", "0"]


def samples_of(log: list[str]) -> list[list[str]]:
    """Return what was called from each eviction to the next."""
    found: list[list[str]] = []
    for word in log:
        if word == "evict":
            found.append([])
        else:
            found[-1].append(word)
    return found


@pytest.mark.parametrize("number", [1, 2, 3, 5, 32])
def test_in_a_measurement_no_copy_is_used_twice_between_evictions(number: int) -> None:
    """A sample is its eviction, its touch, and calls on other copies; then comes one untimed."""
    seen = Logged()
    work = ColdWork(seen.copies(number), seen, touch=seen.touch)
    watch = ScriptedStopwatch({work: 0.001})
    found = measure_group(
        {"cold": work}, stopwatch=watch, seed=0, budget=1e9, session="s", min_rounds=6,
        max_rounds=6, clock=watch.clock, target_block_seconds=1.0,
    )["cold"]  # fmt: skip
    assert isinstance(found, Samples)
    assert found.block == number  # 1000 are wanted, and there are no more copies
    first, *others = samples_of(seen.log)
    assert first == ["touch", "0"]
    for sample in others:
        assert sample[0] == "touch"
        timed = sample[1 : 1 + number]
        assert timed == [str(place) for place in range(len(timed))]
    for sample in others[-6:-1]:
        assert len(sample) == 1 + number + 1  # and the conditioning call of the next round
    assert len(watch.asked) == len(samples_of(seen.log))


# --- in a run ------------------------------------------------------------------------------


def cases(cache: str) -> tuple[Case, ...]:
    """Return a case of a small convolution with these caches."""
    spec = ConvSpec(in_channels=4, out_channels=4, input_size=(8, 8), kernel_size=3, padding="same")
    slot = SlotGroup(
        spec=spec, competitors=(make("standard"),), block=False, baseline=None, timing=Timing()
    )
    suite = Suite(name="s", description="", groups=(slot,), axes={})
    (group,) = expand(suite, (Condition(device="cpu", threads=1, cache=cache),))
    return group.cases


def measured(cache: str, monkeypatch: pytest.MonkeyPatch) -> Samples:
    """Measure it in this process, emptying a small pool."""
    monkeypatch.setattr(measuring, "evictor_for", lambda _: HostEvictor(6400))
    order = Order(seed=0, number=0, session="s", seconds=0.05, min_rounds=2, max_rounds=4)
    (outcome,) = do(CaseCrew(cases=cases(cache)), order, tell=lambda _: None).values()
    assert outcome.samples is not None, outcome.failure
    return outcome.samples


@pytest.mark.parametrize(("cache", "pool"), [("warm", 0), ("cold_weights", 6400), ("cold", 6400)])
def test_samples_taken_with_a_pool_carry_its_size(
    cache: str, pool: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured(cache, monkeypatch)
    assert found.pool_bytes == pool
    assert cache == "warm" or found.block <= 32


@pytest.mark.parametrize("cache", ["cold_weights", "cold"])
def test_copies_have_weights_of_their_own_and_inputs_where_all_is_cold(cache: str) -> None:
    (case,) = cases(cache)
    workload = Workload(case, seed=0)
    reads: list[tuple[int, int]] = []

    def hook(module: Any, given: tuple[Any, ...], _: object) -> None:
        reads.append((next(module.parameters()).data_ptr(), given[0].data_ptr()))

    workload.module.register_forward_hook(hook)  # copied with the module
    workload.chill(HostEvictor(6400))
    work = workload.work
    assert isinstance(work, ColdWork)
    outputs = [work() for _ in range(work.most_calls)]
    assert all((output == outputs[0]).all() for output in outputs)
    assert len({weights for weights, _ in reads}) == work.most_calls == 32
    assert len({inputs for _, inputs in reads}) == (32 if cache == "cold" else 1)


def test_copies_of_several_competitors_share_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = cases("cold")
    workload = Workload(case, seed=0)
    moved = workload.inputs.nbytes + sum(p.nbytes for p in workload.module.parameters())
    monkeypatch.setattr(caches, "MOST_BYTES", 20 * moved)
    workload.chill(HostEvictor(6400), competitors=2)
    assert isinstance(workload.work, ColdWork)
    assert workload.work.most_calls == 10


def test_warm_work_is_called_as_it_is() -> None:
    (case,) = cases("warm")
    workload = Workload(case, seed=0)
    assert workload.work == workload.call
