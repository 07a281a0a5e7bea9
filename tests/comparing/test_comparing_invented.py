"""The trials of benchmarks/compare: on runs that are drawn, and as a command on stored ones."""

import importlib
import json
import subprocess
import sys

import pytest
from comparing import recorded as runs
from conftest_root import ROOT

from convbench.runs.store import Store

FOLDER = ROOT / "benchmarks" / "compare"


@pytest.fixture
def invented(monkeypatch):
    """Return the module, found as its own command finds it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("invented")
    for name in ("invented", "trials"):
        sys.modules.pop(name, None)


MACHINES = [
    # processes, and what disturbs them; share of the same at least; rows of 60 at least
    ({"processes": 10}, 0.8, 50),
    ({"processes": 10, "disturbed": 1 / 15}, 0.75, 50),
    ({"processes": 10, "busy": 0.4}, 0.7, 40),
    ({"processes": 10, "mode": 1 / 7}, 0.75, 45),
    ({"processes": 5, "disturbed": 1 / 15, "uneven": True}, 0.7, 40),
]


@pytest.mark.parametrize(("what", "same", "rows"), MACHINES, ids=[str(row[0]) for row in MACHINES])
def test_reruns_are_the_same_and_a_tenth_is_found(invented, what, same, rows):
    """10 reruns: none shows a regression, and a type that takes 10 % more is found in each."""
    came = invented.trial(invented.Machine("", **what), 10)
    assert came.regressions == 0
    assert came.blamed == 0
    assert came.found == 10
    assert came.same >= same
    assert came.rows >= rows


def test_the_command_answers_about_stored_runs(tmp_path):
    for name in ("run01", "run02"):
        store = Store.create(tmp_path / name, runs.header(suite={"name": "s", "cases": 10}))
        store.append(
            runs.record(f"t{n}", [1 + (n * p) % 7 / 1e3 for p in range(1, 11)], run=name)
            for n in range(10)
        )
        store.close()
    page, times = tmp_path / "page.md", tmp_path / "times.json"
    done = subprocess.run(
        [sys.executable, FOLDER, tmp_path, "--trials", "2", "--page", page, "--times", times],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    told = done.stdout.splitlines()
    assert told[0].startswith("holds: 1 pairs of 2 real runs, 10 rows each: 0 show a regression")
    assert page.read_text().count("\n- ") == len(told)
    cases = json.loads(times.read_text())
    assert [len(case["runs"]) for case in cases] == [2] * 10
    assert cases[0]["runs"][0][0] == [1.0, 0.0]
