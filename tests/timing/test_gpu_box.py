"""What a machine with GPUs asks of the rest: which device is touched, by whom, and who pays."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from scripted import samples

import convbench
from convbench import ConvSpec, profile
from convbench.clock.crew import Order, Outcome
from convbench.clock.gathering import Gathering
from convbench.clock.sampler import measure_group
from convbench.clock.samples import Samples
from convbench.clock.stopwatch import Reading, Work
from convbench.convs.base import make
from convbench.core import torch_internals
from convbench.core.random_state import gpus_in_use, seeded
from convbench.counting.base import count_with
from convbench.runs import compiling
from convbench.runs.cases import expand
from convbench.runs.conditions import Condition
from convbench.runs.estimating import sweep_seconds
from convbench.runs.suite import parse_suite

SOURCES = sorted(Path(convbench.__file__).parent.rglob("*.py"))


class SlowAtFirst:
    """A stopwatch on a clock of its own: the first call of a work takes long, all others 12 µs."""

    name = "slow at first"

    def __init__(self, first: float) -> None:
        """Begin at 0 s."""
        self.now, self.first, self.seen = 0.0, first, set[object]()

    def time(self, work: Work, calls: int) -> Reading:
        """Run the work and let the clock go on."""
        for _ in range(calls):
            work()
        key = getattr(work, "__wrapped__", work)
        seconds = 12e-6 * calls if key in self.seen else self.first
        self.seen.add(key)
        self.now += seconds
        return Reading(seconds=seconds, cpu_seconds=0, page_faults=0, involuntary_switches=0)


def test_long_first_calls_take_no_rounds_from_the_others() -> None:
    rounds = set()
    for first in (0.0, 0.4):  # of 17 types: 6.8 s, with a budget of 2 s
        watch = SlowAtFirst(first)
        found = measure_group(
            {f"type {n}": lambda n=n: n for n in range(17)},
            stopwatch=watch,
            seed=0,
            budget=2.0,
            session="s",
            min_rounds=4,
            clock=lambda watch=watch: watch.now,
        )
        for one in found.values():
            assert isinstance(one, Samples)
            assert one.first_call == pytest.approx(first or 0.0)
            rounds.add(len(one.seconds))
    assert rounds == {54}


@pytest.mark.parametrize(("kind", "beside"), [("fresh", 9.0), ("forked", 1.0)])
def test_what_a_process_takes_beside_its_rounds(kind: str, beside: float) -> None:
    """One that starts anew pays for its start each time, one that was forked does not."""
    crew, nursery = SimpleNamespace(names=("a",)), SimpleNamespace(kind=kind)
    found = Gathering(crew=crew, order=Order(seed=0), nursery=nursery)  # type: ignore[arg-type]
    found.outcomes["a"].append(Outcome(samples=samples([0.25] * 4)))
    found.took.append(10.0)
    found.rounds.append(1.0)
    assert found.overhead == beside
    found.took.append(3.0)
    found.rounds.append(1.0)
    assert found.overhead == 2.0, "the last ones count"


def test_the_compiler_is_warmed_on_the_case_s_device(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    zeros = torch.zeros

    def on(size: int, *, device: str) -> torch.Tensor:
        made.append(device)
        return zeros(size)

    graphs = iter(range(10))
    monkeypatch.setattr(torch, "zeros", on)
    monkeypatch.setattr(torch, "compile", lambda module, **_: module)
    monkeypatch.setattr(torch_internals, "compiled_graphs", lambda: next(graphs))
    compiling.compiled(torch.nn.ReLU(), lambda f: f(zeros(1)), anew=True, device="cuda:1")
    assert made == ["cuda:1"]


def test_no_source_waits_for_or_asks_whatever_device_is_current() -> None:
    everywhere = re.compile(r"(cuda\.synchronize|fork_rng|cuda\.current_stream)\(\)")
    found = [
        path.name
        for path in SOURCES
        if path.name not in {"cuda_driver.py", "random_state.py"}  # in a device's own context
        and everywhere.search(path.read_text())
    ]
    assert found == []


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Have torch tell of two GPUs, the second in use here; return whose random state was read."""
    read: list[Any] = []

    def state(device: int) -> int:
        read.append(device)
        return 0

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state", state)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: None)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: read.append("all"))
    monkeypatch.setattr(torch_internals, "has_context", lambda device: device == 1)
    return read


def test_random_numbers_touch_no_gpu_that_is_not_in_use(two_gpus: list[Any]) -> None:
    torch.manual_seed(5)
    two_gpus.clear()
    before = torch.get_rng_state()
    with seeded(3):
        drawn = torch.rand(4)
    assert two_gpus == []
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(drawn, torch.rand(4, generator=torch.Generator().manual_seed(3)))


def test_a_count_starts_no_gpu(two_gpus: list[Any]) -> None:
    spec = ConvSpec(in_channels=2, out_channels=2, input_size=(4, 4), kernel_size=3)
    count_with("fvcore", make("standard").build(spec), torch.zeros(1, 2, 4, 4))
    assert set(two_gpus) == {1}, "that of the one in use is put back"


def test_layers_that_take_their_shapes_from_the_input_start_no_gpu(two_gpus: list[Any]) -> None:
    profile(torch.nn.LazyConv2d(2, 3), torch.zeros(1, 2, 4, 4))
    assert set(two_gpus) == {1}


def test_without_a_gpu_in_use_no_random_state_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    assert gpus_in_use() == []


def test_the_estimate_of_a_run_knows_the_device() -> None:
    """Of a layer of 1.7·10¹⁰ multiplications: long calls on a CPU, long starts on a GPU."""
    suite = parse_suite(
        "[timing]\nprocesses = 10\nmax_rounds = 20\n[[slots]]\nin_channels = 512\n"
        'out_channels = 512\ninput_size = "86x86"\nkernel_size = 3\ntypes = ["standard"]\n',
        "s.toml",
    )
    cpu, gpu = (
        sweep_seconds(expand(suite, (Condition(device=device, threads=1),)))
        for device in ("cpu", "cuda:0")
    )
    assert 15 * 20 * 0.8 < cpu < 15 * 30 * 0.9, "15 processes of 20 calls of about 0.8 s"
    assert 15 * 6 < gpu < 15 * 8, "15 processes that start in about 6 s"
