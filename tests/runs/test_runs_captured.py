"""Kernel time of every condition: what goes into a graph, and that the graph computes the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from runs.test_runs_groups import group
from scripted import put_in
from timing.test_kernel_time import Replaying

from convbench.clock import cuda_graphs, group_process
from convbench.clock.crew import Order, Outcome
from convbench.clock.samples import KERNEL, Samples
from convbench.runs import workload
from convbench.runs.conditions import Condition
from convbench.runs.measuring import CaseCrew
from convbench.runs.workload import Workload


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Replaying:
    """Put a scripted device in the place of the real one, and the module for a compiled one."""
    card = Replaying(5.0)
    put_in(monkeypatch, lambda: card)
    monkeypatch.setattr(cuda_graphs, "TorchDriver", lambda device: card)
    monkeypatch.setattr(workload, "compiled", lambda module, run, **_: (Compiled(module), 0.1))
    return card


class Compiled:
    """Stands for a compiled module, and counts its calls."""

    calls = 0

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module

    def __call__(self, x: torch.Tensor) -> Any:
        Compiled.calls += 1
        return self.module(x)


def timed(number: int = 0, digests: Any = None, **condition: Any) -> dict[str, Outcome]:
    """Time two types under a condition; return what was found, by type."""
    at = Condition(device="cpu", threads=1, **condition)
    found = group("standard", "depthwise_separable", condition=at)
    order = Order(
        seed=0, seconds=1e-6, min_rounds=2, max_rounds=2, number=number, session="s",
        grad=at.direction == "training", process="fresh", digests=digests or {},
    )  # fmt: skip
    outcomes = group_process.do(CaseCrew(cases=found.cases), order, tell=lambda _: None)
    return {identity.split(" | ")[0]: outcome for identity, outcome in outcomes.items()}


CONDITIONS: list[dict[str, Any]] = [
    {},
    {"mode": "compile"},
    {"mode": "cuda_graph"},
    {"direction": "training"},
    {"direction": "training", "mode": "compile"},
    {"cache": "cold"},
    {"cache": "cold_weights"},
    {"cache": "cold", "mode": "compile"},
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_every_condition_has_kernel_time(card: Replaying, condition: dict[str, Any]) -> None:
    for outcome in timed(**condition).values():
        assert outcome.failure == ""
        assert [flag for flag in outcome.flags if "kernels" in flag] == []
        kernel, main = outcome.also[KERNEL], outcome.samples
        assert isinstance(main, Samples)
        assert (kernel.stopwatch, kernel.block) == ("cuda-kernel", min(main.block, 200))
        assert (kernel.session, kernel.process) == (main.session, "fresh")
        assert (kernel.pool_bytes > 0) == (condition.get("cache", "warm") != "warm")
        assert kernel.pool_bytes == main.pool_bytes


def test_a_compiled_work_is_captured_compiled(card: Replaying) -> None:
    """And not the module that it was compiled of, whose kernels are others."""
    calls: list[int] = []
    capture = card.capture

    def counted(work: Any, number: int) -> Any:
        before = Compiled.calls
        found = capture(work, number)
        calls.append(Compiled.calls - before - number)
        return found

    card.capture = counted  # type: ignore[method-assign]
    timed(mode="compile")
    assert calls == [0, 0]


def test_gradients_of_another_graph_are_no_kernel_time(
    card: Replaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = Replaying.replay

    def spoiled(self: Replaying, graph: Any) -> None:
        replay(self, graph)
        step = graph[0].__self__
        for parameter in step.module.parameters():
            parameter.grad.mul_(1.5)

    monkeypatch.setattr(Replaying, "replay", spoiled)
    for outcome in timed(direction="training").values():
        assert outcome.failure == ""
        assert KERNEL not in outcome.also
        (flag,) = (flag for flag in outcome.flags if flag.startswith("kernels not timed"))
        assert "replayed from a CUDA graph grad of" in flag


def test_an_output_of_another_graph_is_no_kernel_time(
    card: Replaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = Replaying.replay

    def spoiled(self: Replaying, graph: Any) -> None:
        replay(self, graph)
        with torch.no_grad():
            graph[1].mul_(2)

    monkeypatch.setattr(Replaying, "replay", spoiled)
    for outcome in timed(cache="cold").values():
        assert "replayed from a CUDA graph the output was wrong" in outcome.flags[-1]


def test_later_processes_have_kernel_time_without_a_reference(card: Replaying) -> None:
    first = timed(direction="training")
    at = group("standard", "depthwise_separable",
               condition=Condition(device="cpu", threads=1, direction="training"))  # fmt: skip
    names = {case.identity: case.skeleton.name for case in at.cases}
    digests = {case: first[name].digests for case, name in names.items()}
    for outcome in timed(number=1, digests=digests, direction="training").values():
        assert outcome.failure == ""
        assert KERNEL in outcome.also


def test_a_replay_is_what_a_call_in_mode_cuda_graph_is(card: Replaying) -> None:
    (case,) = group(
        "standard", condition=Condition(device="cpu", threads=1, mode="cuda_graph")
    ).cases
    with torch.inference_mode():
        work = Workload(case, 0)
        work.get_ready()
        before = len(card.told)
        work.call()
    assert card.told[before:] == [], "no capture, no warming: one replay"
    assert work.captured is not None
    assert work.captured != work.work
