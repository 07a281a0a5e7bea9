"""Cells run in processes of their own, and end as verdicts whatever a tool does."""

import importlib
import json
import sys

import pytest
import torch

from convbench.audit import cell as cells
from convbench.audit import run as runs
from convbench.audit.case import CASES
from convbench.audit.result import AuditError, AuditResult
from convbench.audit.run import run_audit
from convbench.clock.processes import Nursery, forkable
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


ODD = """
import os
import time

from convbench.counting.base import Answer, Counter, register


@register
class Odd(Counter):
    "Hangs on what has stride 2, and ends its process on what is transposed."

    name = "odd"
    package = "torch"

    def count(self, module, inputs, *, backward=False):
        if module.transposed:
            os._exit(3)
        time.sleep(3600 if module.stride == (2, 2) else 0)
        return Answer(value=115_200)
"""


def test_a_case_that_hangs_or_dies_is_a_crash_and_the_next_one_is_asked(tmp_path):
    plugin = tmp_path / "odd.py"
    plugin.write_text(ODD)
    with Nursery(plugins=[str(plugin)]) as nursery:
        said = [
            runs._asked(nursery, wait, "odd", case, ()).cell
            for case, wait in (
                ("transposed/stride 1", 3600.0),
                ("plain/3x3", 3600.0),
                ("plain/stride 2", 2.0),
                ("plain/3x3", 3600.0),
            )
        ]
    assert [(cell.verdict, cell.why) for cell in said] == [
        ("crashes", "its process ended with status 3 and no answer"),
        ("right", ""),
        ("crashes", "no answer in 2 s"),
        ("right", ""),
    ]


@pytest.fixture
def _same_threads(monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)


@pytest.mark.usefixtures("_same_threads")
def test_a_tool_that_is_missing_has_cells_that_say_so(monkeypatch):
    monkeypatch.setattr(COUNTERS["fvcore"], "imports", "no_such_package")
    cell = cells.answer("fvcore", "plain/3x3", (), tell=print).cell
    assert cell.verdict == "not installed"
    assert cell.why == "ModuleNotFoundError: No module named 'no_such_package'"


def test_a_tool_that_there_is_not_starts_no_process(monkeypatch):
    monkeypatch.setattr(COUNTERS["fvcore"], "imports", "no_such_package.inner")
    monkeypatch.setattr(runs, "Nursery", None)
    told = []
    result = run_audit(["fvcore"], CHOSEN[:2], progress=told.append)
    assert [cell.why for cell in result.cells] == [
        "ModuleNotFoundError: No module named 'no_such_package'"
    ] * 2
    assert {cell.verdict for cell in told} == {"not installed"}
    assert tuple(told) == result.cells
    assert result.counters[0].version == ""


@pytest.mark.usefixtures("_same_threads")
def test_what_an_answer_had_to_import_is_imported_before_the_next_fork(monkeypatch):
    monkeypatch.delitem(sys.modules, "stringprep", raising=False)
    action = lambda m, x: importlib.import_module("stringprep") and 115_200  # noqa: E731
    monkeypatch.setattr(COUNTERS["fvcore"], "count", Scripted(action).count)
    said = cells.answer("fvcore", "plain/3x3", (), tell=print)
    assert "stringprep" in said.imported
    del sys.modules["stringprep"]
    cells.before_fork("fvcore", "plain/3x3", (*said.imported, "no_such_module"))
    assert "stringprep" in sys.modules


@pytest.mark.skipif(not forkable("cpu"), reason="processes are not forked on this system")
def test_a_tool_is_imported_once_and_not_in_every_fork():
    with Nursery() as nursery:
        said = nursery.ask("convbench.audit.cell:answer", "fvcore", "plain/3x3", ())
    assert said.version == COUNTERS["fvcore"].version
    assert said.cell.verdict == "right"
    assert not any(name.startswith("fvcore") for name in said.imported)


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
