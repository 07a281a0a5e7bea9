"""The multiplications of a training step: counted on a GPU, forward and backward."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from report.gpu_runs import SLOT
from scripted import samples

from convbench.machine.ceilings import Ceiling
from convbench.runs import groups
from convbench.runs.cases import expand
from convbench.runs.ceiling_share import flags
from convbench.runs.conditions import combinations
from convbench.runs.record import Record
from convbench.runs.suite import parse_suite
from convbench.runs.training import TrainingStep, counted_step

OSNET = '[[networks]]\nnames = ["osnet_x0_25"]\ninput_size = "64x32"\nbatch = [2]\n'


class Silent:
    def stage(self, text: str) -> None:
        pass


def cases(device="cuda:0", direction="training", batch=2):
    """Return cases of a convolution, of one with several steps, and of a network."""
    text = 'name = "s"\n' + SLOT.format(batch, '"standard", "depthwise_separable"') + OSNET
    axes = {"direction": (direction,), "threads": (1,), "dtype": ("float32",)}
    found = expand(parse_suite(text, "s.toml"), tuple(combinations(device, axes)))
    return {case.skeleton.name: case for group in found for case in group.cases}


@pytest.mark.parametrize("name", ["standard", "depthwise_separable"])
def test_a_layer_multiplies_three_times_as_often_both_ways(name):
    """Forward, for the gradient of the input, and for that of the weights: each as many."""
    case = cases()[name]
    assert counted_step(case).multiplications == 3 * case.cost().multiplications_valid


def test_nobody_asks_a_network_for_the_gradient_of_its_input():
    """OSNet's first layer has 3→16 channels, 7×7 taps, stride 2, padding 3, on 64×32 at batch 2."""
    case = cases()["osnet_x0_25"]
    down, across = (
        sum(0 <= 2 * out + tap - 3 < size for out in range(size // 2) for tap in range(7))
        for size in (64, 32)
    )
    first = 2 * 3 * 16 * down * across
    assert counted_step(case).multiplications == 3 * case.cost().multiplications_valid - first


def test_a_step_that_cannot_be_counted_says_why(monkeypatch):
    def broken():
        raise RuntimeError("no such\nlayer")

    monkeypatch.setattr("convbench.counting.engine.run.profile", lambda *_, **__: broken())
    assert counted_step(cases()["standard"]) == TrainingStep(reason="RuntimeError: no such")
    monkeypatch.setattr(
        "convbench.counting.engine.run.profile",
        lambda *_, **__: SimpleNamespace(unsupported={"x": 1, "y": 2}),
    )
    assert counted_step(cases()["standard"]).reason == "there is no rule for x, y"


@pytest.mark.parametrize(
    ("device", "direction", "asked"),
    [("cuda:0", "training", True), ("cuda:0", "forward", False), ("cpu", "training", False)],
)
def test_it_is_counted_on_a_gpu_alone(monkeypatch, device, direction, asked):
    case = cases(device, direction)["standard"]
    counted = []
    monkeypatch.setattr(groups, "asked_in_runs", list)
    monkeypatch.setattr(
        groups, "counted_step", lambda one: counted.append(one) or TrainingStep(multiplications=7)
    )
    record = replace(case.skeleton, status="ok", cost=case.cost(), samples=(samples([1e-3]),))
    found = groups._counted(case, record, Silent())
    assert counted == [case] * asked
    assert (found.step is not None) is asked
    assert Record.from_json(found.to_json()) == found
    assert ("step" in found.to_json()) is asked


def test_a_record_beyond_its_peak_says_at_which_clock_the_peak_was_reached():
    case = cases(direction="forward", batch=32)["standard"]
    taken = replace(samples([1e-3] * 6), stopwatch="cuda-events", sm_clock_mhz=(1980,) * 6)
    record = replace(case.skeleton, status="ok", cost=case.cost(), samples=(taken,))
    peak = Ceiling(
        device="cuda:0", dtype="float32", threads=1, bytes_per_second=1e13, sm_clock_mhz=1410,
        multiplications_per_second=case.cost().multiplications_valid / 1.2e-3,
    )  # fmt: skip
    (flag,) = flags(record, peak, None)
    assert flag.startswith("above the peak: 120% of it by the formula; ")
    assert flag.endswith("; at 1,980 MHz, the peak at 1,410 MHz")
    (same,) = flags(record, replace(peak, sm_clock_mhz=1980), None)
    assert "MHz" not in same
