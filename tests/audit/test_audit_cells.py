"""Cells run in processes of their own, and end as verdicts whatever a tool does."""

import json
import os
import subprocess
import sys
import time

import pytest
from conftest_root import ROOT

from convbench.audit import cell as cells
from convbench.audit import run as runs
from convbench.audit.case import CASES
from convbench.audit.result import AuditError, AuditResult
from convbench.audit.run import run_audit
from convbench.core.errors import UnknownNameError
from convbench.counting.base import COUNTERS, Answer, Counter, Refusal


class Scripted(Counter):
    """A tool that does what a test tells it to."""

    name = "scripted"
    package = "torch"

    def __init__(self, action, **options):
        self.action = action
        for name, value in options.items():
            setattr(self, name, value)

    def count(self, module, inputs, *, backward=False):
        found = self.action(module, inputs)
        return found if isinstance(found, Answer) else Answer(value=found)


def _raise(error):
    raise error


ANSWERS = [
    (lambda m, x: 115_200, "right", ""),
    (lambda m, x: 0, "silent zero", ""),
    (lambda m, x: _raise(Refusal("no such layer")), "refuses", "Refusal: no such layer"),
    (lambda m, x: _raise(NotImplementedError("no")), "refuses", "NotImplementedError: no"),
    (lambda m, x: _raise(KeyError("lost")), "crashes", "KeyError: 'lost'"),
    (lambda m, x: _raise(ValueError()), "crashes", "ValueError"),
    (lambda m, x: Answer(value=0, unknown={"aten::einsum": 1}), "flagged", "aten::einsum"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "verdict", "why"), ANSWERS)
def test_an_answer_becomes_a_verdict(action, verdict, why):
    cell = cells.ask(CASES["plain/3x3"], Scripted(action))
    assert (cell.verdict, cell.why, cell.known) == (verdict, why, 115_200)


def test_what_a_tool_changes_is_in_the_cell_even_when_it_crashes():
    def spoil(module, inputs):
        module.flops = 1
        raise RuntimeError("oops")

    assert cells.ask(CASES["plain/3x3"], Scripted(spoil)).changed == ("attributes",)


def test_extras_are_measured_on_the_program_itself():
    counted = Scripted(lambda m, x: 115_200 + 16 * 100, extras={"bias": 1})
    assert cells.ask(CASES["plain/with bias"], counted).why == "counts bias"
    assert cells.ask(CASES["plain/3x3"], counted).verdict == "wrong"


def test_a_tool_without_a_backward_pass_is_not_asked_for_one():
    cell = cells.ask(CASES["backward/first layer"], Scripted(lambda m, x: 1))
    assert cell.verdict == "forward only"


def test_a_missing_tool_is_a_cell_of_its_own():
    cell = cells.answer("plain/3x3", Scripted(lambda m, x: 1), "No module named 'scripted'")
    assert (cell.verdict, cell.why) == ("not installed", "No module named 'scripted'")


FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@FORKS
def test_a_hang_is_ended():
    hanging = Scripted(lambda m, x: time.sleep(60))
    cell = cells._forked("plain/3x3", hanging, "", limit=0.5)
    assert (cell.verdict, cell.why) == ("crashes", "no answer in 0.5 s")


@FORKS
def test_a_process_that_dies_is_a_crash():
    dying = Scripted(lambda m, x: os._exit(3))
    cell = cells._forked("plain/3x3", dying, "", limit=30)
    assert cell.verdict == "crashes"
    assert "died" in cell.why


@FORKS
def test_a_fork_leaves_this_process_alone():
    seen = []
    scripted = Scripted(lambda m, x: seen.append(1) or 115_200)
    assert cells._forked("plain/3x3", scripted, "", limit=30).verdict == "right"
    assert not seen


@FORKS
def test_a_tool_that_is_not_imported_before_the_fork_is_imported_in_it(monkeypatch):
    loaded = []
    monkeypatch.setattr(cells, "load", lambda name: loaded.append(name) or (scripted, "absent"))
    scripted = Scripted(lambda m, x: 1)
    cell = cells._forked("plain/3x3", scripted, None, limit=30)
    assert (cell.verdict, cell.why) == ("not installed", "absent")
    assert not loaded  # not in this process


def test_one_cell_from_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "convbench.audit.cell", "plain/3x3", "FlopCounterMode"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    data = json.loads(done.stdout)
    assert data["verdict"] == "right"
    assert data["value"] == 2 * 115_200


CHOSEN = ["plain/3x3", "transposed/stride 1", "plain/stride 2"]


def test_an_audit_is_every_cell_in_order_and_survives_json():
    told = []
    result = run_audit(["FlopCounterMode", "fvcore"], CHOSEN, jobs=2, progress=told.append)
    assert [(c.case, c.counter) for c in result.cells] == [
        (name, tool) for name in CHOSEN for tool in ("FlopCounterMode", "fvcore")
    ]
    assert {cell.verdict for cell in result.cells} == {"right"}
    assert len(told) == len(result.cells)
    assert result.agreed == tuple(CHOSEN)
    assert all(counter.version for counter in result.counters)
    assert AuditResult.from_json(json.loads(result.text())) == result


def test_without_forks_each_cell_has_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr(runs, "FORKS", False)
    began, popen = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **o: began.append(a) or popen(*a, **o))
    result = run_audit(["FlopCounterMode"], ["plain/3x3", "plain/stride 2"])
    assert [cell.verdict for cell in result.cells] == ["right", "right"]
    assert result.counters[0].version
    assert len(began) == 2


def test_a_worker_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(runs, "_GRACE", 0.0)
    result = run_audit(["FlopCounterMode"], ["plain/3x3"], limit=0.01)
    assert [(cell.verdict, cell.why) for cell in result.cells] == [
        ("crashes", "the counter ended its worker")
    ]


@pytest.mark.parametrize(
    ("counters", "cases", "error", "words"),
    [
        (["fvcor"], None, UnknownNameError, "fvcore"),
        (None, ["plain/3x"], UnknownNameError, "plain/3x3"),
        ([], None, AuditError, "at least one"),
    ],
)
def test_what_cannot_be_asked(counters, cases, error, words):
    with pytest.raises(error, match=words):
        run_audit(counters, cases)


def test_another_schema_is_refused():
    with pytest.raises(AuditError, match="run the audit again"):
        AuditResult.from_json({"schema": 99})


@pytest.mark.parametrize("name", tuple(COUNTERS))
def test_every_installed_counter_answers_the_plainest_case(name):
    result = run_audit([name], ["plain/3x3"])
    (cell,) = result.cells
    if cell.verdict == "not installed":
        pytest.skip(f"{name}: {cell.why}")
    assert cell.verdict == "right"
    assert cell.known == 115_200


SAID = {"reached/layers in a thread pool", "reached/TorchScript, optimised for inference"}
"""What convbench cannot see, and says so."""


def test_convbench_is_right_in_every_case_and_leaves_nothing_behind():
    result = run_audit(["convbench"])
    built = [cell for cell in result.cells if cell.verdict != "not built"]
    assert len(built) >= 81
    wrong = [(cell.case, cell.verdict, cell.macs, cell.known, cell.why) for cell in built
             if cell.verdict != "right" and cell.case not in SAID]  # fmt: skip
    assert not wrong
    assert {cell.case for cell in built if cell.verdict == "flagged"} == SAID
    assert not [(cell.case, cell.changed) for cell in built if cell.changed]
