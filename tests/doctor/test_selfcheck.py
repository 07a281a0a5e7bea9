"""The A/A test: exactly, by a scripted stopwatch; and once on the real clock."""

import gc
import json
import random
import subprocess
import sys

import pytest
from conftest_root import ROOT
from scripted import ScriptedDriver

from convbench.clock import cuda
from convbench.clock.cuda import CudaStopwatch
from convbench.clock.cuda_graphs import KernelStopwatch
from convbench.clock.sampler import measure_group
from convbench.clock.stats import ratio
from convbench.clock.stopwatch import ScriptedStopwatch
from convbench.machine import calls
from convbench.machine.calls import Call, sized
from convbench.machine.resolution import Resolution, verdict
from convbench.machine.selfcheck import (
    SelfCheckError,
    against_itself,
    in_fresh_process,
    self_check,
    trials_for,
)


@pytest.fixture(autouse=True)
def _little_garbage():
    """Keep what earlier tests imported out of the collection before each trial too."""
    gc.freeze()


def named(name):
    def work():
        return None

    work.__name__ = name
    return work


def check(script, budget=10.0, **changes):
    watch = ScriptedStopwatch(script)
    calls = {name: Call(named(name), f"the {name} one") for name in script}
    options = {"threads": 3, "device": "cpu", "seed": 5, "clock": watch.clock} | changes
    return watch, against_itself(calls, stopwatch=watch, budget=budget, **options)


def test_a_steady_machine_tells_everything():
    watch, found = check({"tiny": 2e-5, "middle": 2e-3})
    assert [size.name for size in found.sizes] == ["tiny", "middle"]
    for size, seconds in zip(found.sizes, (2e-5, 2e-3), strict=True):
        assert size.what == f"the {size.name} one"
        assert size.seconds_per_call == pytest.approx(seconds)
        assert len(size.trials) == 10
        assert {(t.value, t.low, t.high) for t in size.trials} == {(1, 1, 1)}
        assert (size.excluding_one, size.typical, size.widest) == (0, 0, 0)
        assert size.smallest_difference == 0
    assert (found.threads, found.device, found.seed, found.budget) == (3, "cpu", 5, 10.0)
    assert found.seconds == watch.elapsed == pytest.approx(10, rel=0.01)


def test_sizes_take_turns():
    watch, _ = check({"tiny": 1e-3, "middle": 2e-3}, budget=4.0)
    names = [name for name, _ in watch.asked]
    turns = [name for before, name in zip(["", *names], names, strict=False) if name != before]
    assert turns == ["tiny", "middle"] * 4


def alternating(first, second):
    while True:
        yield first
        yield second


def test_the_numbers_are_exact_where_the_second_of_a_round_takes_longer():
    """Half of the ratios are 1.1 and half 1/1.1: order cancels, and the interval is both ends."""
    _, found = check({"tiny": alternating(1e-3, 1.1e-3)})
    (size,) = found.sizes
    for trial in size.trials:
        assert (trial.low, trial.high) == (pytest.approx(1 / 1.1), pytest.approx(1.1))
        assert trial.value == pytest.approx(1)
    assert size.typical == size.widest == pytest.approx(0.1)
    assert size.smallest_difference == pytest.approx(0.1)
    assert size.excluding_one == 0


def noisy(seed, factor=1.0):
    draw = random.Random(seed)
    return lambda: 2e-3 * factor * draw.lognormvariate(0, 0.02)


def test_a_difference_of_the_size_told_is_found_in_nine_of_ten_comparisons():
    """The definition put to the test: inject what is told to be the smallest, and count."""
    _, found = check({"tiny": noisy(1)}, budget=20.0)
    (size,) = found.sizes
    told = size.smallest_difference
    assert 0.001 < told < 0.03
    assert found.believable

    def verdicts(factor):
        for seed in range(100):
            watch = ScriptedStopwatch({"a": noisy(seed + 100, factor), "b": noisy(seed + 500)})
            samples = measure_group(
                {name: named(name) for name in "ab"}, stopwatch=watch, seed=seed, budget=0.5,
                session="s", max_rounds=10**6, clock=watch.clock,
            )  # fmt: skip
            yield ratio(samples["a"], samples["b"], margin=0.0).verdict

    assert list(verdicts(1 + told)).count("slower") >= 85
    assert list(verdicts(1 / (1 + told))).count("faster") >= 85
    assert list(verdicts(1.0)).count("cannot tell") >= 90


def test_the_seed_decides():
    kept = [check({"tiny": noisy(1)}, seed=seed)[1].sizes for seed in (0, 0, 1)]
    assert kept[0] == kept[1] != kept[2]


def test_a_budget_that_began_earlier_leaves_less():
    watch, found = check({"tiny": 1e-3}, budget=10.0, begin=-4.0)
    assert watch.elapsed == pytest.approx(6, rel=0.02)
    assert found.seconds == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize(
    ("budget", "sizes", "each"), [(1, 2, 4), (4, 2, 4), (10, 2, 10), (10, 1, 20), (900, 2, 40)]
)
def test_trials_for_a_budget(budget, sizes, each):
    assert trials_for(budget, sizes) == each


@pytest.mark.parametrize("budget", [0, -1, 0.9, 3601, float("nan"), float("inf")])
def test_a_budget_that_cannot_be(budget):
    with pytest.raises(SelfCheckError, match="give 1 to 3600 seconds"):
        self_check(budget, 1, "cpu", 0)
    with pytest.raises(SelfCheckError, match="give 1 to 3600 seconds"):
        check({"tiny": 1e-3}, budget=budget)


def test_too_few_threads():
    with pytest.raises(SelfCheckError, match="threads=0"):
        self_check(1, 0, "cpu", 0)


def test_a_call_that_fails_is_one_clear_error():
    def broken():
        raise MemoryError("no room\nat all")

    watch = ScriptedStopwatch({"broken": 1e-3})
    with pytest.raises(SelfCheckError, match=r"cannot time .* 'cuda:0' \(MemoryError: no room\)"):
        against_itself(
            {"tiny": Call(broken, "")}, stopwatch=watch, budget=1.0, threads=1, device="cuda:0",
            seed=0, clock=watch.clock,
        )  # fmt: skip


def test_a_clock_too_coarse_is_one_clear_error():
    watch = ScriptedStopwatch({"tiny": 0.0})
    clock = iter(range(10**9))
    with pytest.raises(SelfCheckError, match="too coarse"):
        against_itself(
            {"tiny": Call(named("tiny"), "")}, stopwatch=watch, budget=100.0, threads=1,
            device="cpu", seed=0, clock=lambda: next(clock),
        )  # fmt: skip


SIZED = [
    # (what, seconds per row, seconds fixed, seconds wanted, rows)
    ("linear", 1e-6, 0.0, 20e-6, 20),
    ("near enough at once", 1e-6, 0.0, 9e-6, 8),
    ("with overhead", 1e-6, 5e-6, 20e-6, 12),
    ("overhead above what is wanted", 1e-6, 50e-6, 20e-6, 1),
    ("no end of rows", 1e-12, 0.0, 1.0, 4096),
]


@pytest.mark.parametrize(
    ("row", "fixed", "seconds", "rows"), [row[1:] for row in SIZED], ids=[row[0] for row in SIZED]
)
def test_a_call_is_sized_to_the_machine(row, fixed, seconds, rows):
    watch = ScriptedStopwatch({f"{n}": fixed + row * n for n in range(4097)})
    call = sized(lambda n: Call(named(f"{n}"), f"{n} rows"), watch, seconds)
    assert call.what == f"{rows} rows"


class Card(ScriptedDriver):
    """A GPU whose kernels take 2 % more or less; each launch takes the host up to twice as long."""

    def __init__(self, refuses=False):
        super().__init__()
        self.draw, self.refuses, self.replayed = random.Random(3), refuses, False

    def capture(self, work, calls):
        if self.refuses:
            raise RuntimeError("operation not permitted when stream is capturing")
        return calls, super().capture(work, calls)[1]

    def replay(self, graph):
        super().replay(graph)
        self.replayed = True

    def elapsed_ms(self, start, stop):
        among, self.replayed = (1.0, 1.02) if self.replayed else (1.0, 2.0), False
        return 5.0 * self.draw.uniform(*among)


@pytest.fixture
def card(monkeypatch):
    """Have `self_check` time calls of nothing on a scripted GPU; return what makes it refuse."""
    made = Card()
    main = CudaStopwatch("cuda:0", driver=made)
    kernel = KernelStopwatch("cuda:0", driver=made)
    monkeypatch.setattr(cuda, "clocks_for", lambda device: {"events": main, "kernel": kernel})
    call = {"tiny": Call(named("tiny"), "the tiny one")}
    monkeypatch.setattr(calls, "convolutions", lambda device, stopwatch, seed: call)
    return made


def test_a_gpu_is_tested_by_the_clock_that_verdicts_rest_on(card):
    found = self_check(1.0, 1, "cuda:0", 0)
    assert found.clock == "kernel time"
    assert found.budget == 1.0
    (alone,), (events,) = found.sizes, found.events
    assert 0.005 < alone.seconds_per_call < 0.0051
    assert 0.006 < events.seconds_per_call < 0.009, "with what launching takes"
    assert Resolution.from_json(json.loads(json.dumps(found.to_json()))) == found
    first, second = verdict(found)
    assert "of kernel time a call, cuda:0" in first
    assert "of event time a call, cuda:0" in second


def test_where_nothing_can_be_captured_the_test_is_of_event_time_as_the_run_is(card):
    card.refuses = True
    found = self_check(1.0, 1, "cuda:0", 0)
    assert (found.clock, found.events) == ("event time", ())
    assert 0.006 < found.sizes[0].seconds_per_call < 0.009
    assert "event time" in verdict(found)[0]


def test_on_a_cpu_no_clock_is_named(quiet):
    assert self_check(1.0, 1, "cpu", 0).clock == ""
    assert not {"clock", "events"} & quiet.to_json().keys(), "files of a CPU stay as they are"


def test_on_the_real_clock_everything_is_restored():
    import torch

    before = torch.get_num_threads(), torch.is_grad_enabled(), torch.get_rng_state()
    found = self_check(1.0, 1, "cpu", 3)
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])
    assert [size.name for size in found.sizes] == ["tiny", "middle"]
    for size in found.sizes:
        assert len(size.trials) == 4
        assert size.seconds_per_call > 0
        assert size.what.startswith("3×3 convolution")
    assert Resolution.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_in_a_fresh_process_pages_are_kept():
    found = in_fresh_process(1.0, 1, "cpu", 0)
    assert found.allocator == "kept"
    assert found.trials + found.too_short == 8


def test_importing_the_doctor_imports_nothing_heavy():
    code = (
        "import sys\n"
        "import convbench.machine, convbench.machine.command\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'sympy', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_self_check_needs_no_pandas():
    code = (
        "import sys\n"
        "sys.modules['pandas'] = None\n"
        "from convbench.machine.selfcheck import self_check\n"
        "found = self_check(1.0, 1, 'cpu', 0)\n"
        "assert found.trials + found.too_short == 8"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
