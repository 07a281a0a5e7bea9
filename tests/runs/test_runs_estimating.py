"""What is said of a run's time before it begins: what it rests on, and what the budget lets run."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace

import pytest
import torch
from rich.console import Console
from runs.test_runs_runner import groups

from convbench.machine import device
from convbench.runs import estimating
from convbench.runs.choices import Request
from convbench.runs.estimating import (
    GUESSED,
    first_seconds,
    fitting,
    process_seconds,
    sweep_seconds,
)
from convbench.runs.groups import Progress
from convbench.runs.job import STARTUP_SECONDS, decide, shortfall
from convbench.ui.cli.running import _print_dry_run
from convbench.ui.terminal.progress import Display


@pytest.mark.parametrize(
    ("seconds", "wanted", "fits"),
    [
        (100, [(10, 10.0)], 10),
        (99, [(10, 10.0)], 9),
        (9, [(10, 10.0)], 0),
        (100, [(10, 10.0), (2, 10.0)], 8),  # 8 and 2
        (100, [(3, 10.0), (5, 0.0)], 5),
        (100, [], 0),
    ],
)
def test_as_many_processes_fit_as_the_seconds_have_room_for(seconds, wanted, fits):
    assert fitting(seconds, wanted) == fits


def test_the_sweep_is_its_first_processes_and_half_as_many_again_as_are_wanted():
    found = groups(2)
    assert sweep_seconds(found) == pytest.approx(
        first_seconds(found) + sum(1.5 * 3 * process_seconds(one, 8) for one in found)
    )


@pytest.fixture
def on(monkeypatch):
    """Return how to decide on a run of quick on a device that is scripted, or on the CPU."""

    def decided(where, **asked):
        monkeypatch.setattr(device, "resolve_device", lambda _: where)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
        return decide(Request(suite="quick", axes={"threads": ("1",)}, **asked))

    return decided


def test_a_budget_of_a_gpu_with_room_for_fewer_processes_says_how_many_and_what_would_do(on):
    job = on("cuda:0")
    said = shortfall(job)
    each = sum(process_seconds(one, one.timing.min_rounds) for one in job.groups)
    fixed = STARTUP_SECONDS + job.choice.suite.self_check + first_seconds(job.groups)
    fits = max(1, int((job.plan.budget - fixed) / each))
    assert fits < 10
    assert said.startswith(
        f"A budget of {job.plan.budget:.0f} s has room for about {fits} of the 10 processes that "
        "a group is to have"
    )
    assert f"--budget {math.ceil(fixed + 10 * each)} would do for all" in said
    assert GUESSED in said
    assert shortfall(on("cuda:0", budget=fixed + 10 * each + 1)) == ""


def test_where_no_budget_is_enough_fewer_cases_are(on, monkeypatch):
    monkeypatch.setattr(estimating, "_GPU", replace(estimating._GPU, process=1e4))
    assert re.search(
        r"all would take [\d,]+ s: choose fewer cases with --only", shortfall(on("cuda:0"))
    )


def test_nothing_is_said_of_a_cpu_and_of_a_run_that_is_gone_on_with(on):
    assert shortfall(on("cpu")) == ""
    job = on("cuda:0")
    resumed = replace(job, choice=replace(job.choice, resumed=object()))
    assert shortfall(resumed) == ""


def dry(job, capsys):
    _print_dry_run(job)
    return " ".join(capsys.readouterr().out.split())


def test_a_dry_run_says_what_the_estimate_for_a_gpu_rests_on(on, capsys):
    assert "has room for about" in dry(on("cuda:0"), capsys)
    enough = dry(on("cuda:0", budget=5000.0), capsys)
    costs = estimating._GPU
    assert (
        f"On a GPU that is a guess, which rests on {costs.process:g} s for starting a process and "
        f"{costs.case:g} s for preparing a case in it; neither was measured."
    ) in enough
    assert "guess" not in dry(on("cpu"), capsys)


def test_the_display_says_at_most_while_nothing_is_measured_and_when_fewer_fit():
    found = groups(1)
    screen = io.StringIO()
    console = Console(file=screen, width=100, height=24, force_terminal=True, color_system=None)
    stand = Progress(spent=5.0, left=50.0, stage=1, what="group 1 of 1", group=found[0].label)
    with Display(console, found, quiet=False) as shown:
        shown.progress(replace(stand, guessed=True))
        shown._progress.refresh()
        assert "9 %, at most 0:50 left" in screen.getvalue()
        assert "9 %, 0:50 left" not in screen.getvalue()
        shown.progress(replace(stand, stage=2, short="3 of 10 processes of a group fit"))
        shown._progress.refresh()
    assert "9 %, 0:50 left" in screen.getvalue()
    assert "in turn; about 3 of 10 processes of a group fit" in screen.getvalue()
