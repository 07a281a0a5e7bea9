"""The large runs of benchmarks/scale, and what it says of the time that they take."""

import importlib
import json
import subprocess
import sys
from collections import Counter

import pytest
from conftest_root import ROOT

from convbench.comparing.matching import identity
from convbench.runs.store import RECORDS, load

FOLDER = ROOT / "benchmarks" / "scale"


@pytest.fixture
def large_runs(monkeypatch):
    """Return the module, found as its own command finds it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("large_runs")
    for name in ("large_runs", "steps"):
        sys.modules.pop(name, None)


@pytest.fixture
def command(large_runs):
    spec = importlib.util.spec_from_file_location("scale", FOLDER / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["scale"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["scale"]


def test_a_large_run_is_a_run_of_distinct_cases_in_many_slots_and_conditions(large_runs, tmp_path):
    size = large_runs.write(large_runs.Large(records=700), tmp_path / "a")
    run = load(tmp_path / "a")
    assert run.finished
    assert len(run.records) == len({identity(record) for record in run.records}) == 700
    assert 4000 < size / 700 < 8000
    assert {record.dtype for record in run.records} == {"float32", "bfloat16"}
    assert {record.kind for record in run.records} == {"type", "network"}
    assert {record.status for record in run.records} == {"ok", "skipped"}
    assert Counter(len(r.samples) for r in run.records if r.status == "ok").keys() == {2}
    known = run.by_case()
    last = run.records[-1].group  # which the number of records may cut off
    for record in [record for record in run.records if record.group != last]:
        assert known[record.baseline].group == record.group
        if record.spec and record.cost:
            assert record.slot in record.group
            assert record.spec.batch == record.input_shape[0]
            assert record.tallies["torch"].macs >= record.cost.multiplications_valid // 2


def test_the_same_seed_gives_the_same_run_and_another_one_a_repeat_of_it(large_runs, tmp_path):
    made = {"a": 0, "b": 0, "c": 1}
    for name, seed in made.items():
        large_runs.write(large_runs.Large(records=60, seed=seed), tmp_path / name)
    texts = [(tmp_path / name / RECORDS).read_bytes() for name in made]
    assert texts[0] == texts[1] != texts[2]
    first, other = (load(tmp_path / name).records for name in "ac")
    assert [(r.case, r.cost, r.tallies) for r in first] == [
        (r.case, r.cost, r.tallies) for r in other
    ]
    sessions = [{s.session for r in records for s in r.samples} for records in (first, other)]
    assert not sessions[0] & sessions[1]


def test_each_step_runs_in_a_process_of_its_own_and_says_what_it_took(large_runs, tmp_path):
    large_runs.write(large_runs.Large(records=40), tmp_path / "a")
    made = subprocess.run(
        [sys.executable, FOLDER / "steps.py", "load", tmp_path / "a"],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    told = json.loads(made.stdout)
    assert told["cpu"] > 0
    assert told["wall"] > 0
    assert 10e6 < told["memory"] < 1e9


def test_the_page_has_every_step_beside_its_goal_and_by_how_much_a_record_costs_more(command):
    told = [
        command.Took(step="load", records=10_000, cpu=1.0, wall=2.0, memory=10**9),
        command.Took(step="load", records=100_000, cpu=14.0, wall=30.0, memory=2 * 10**9),
        command.Took(step="compare", records=100_000, cpu=1.0, wall=2.0, memory=10**9),
    ]
    grown = command.growth(told)
    assert grown == pytest.approx({"load": 1.4})
    text = command.page(told, grown)
    assert "| load a run | 10,000 | 1.0 | 2.0 | 0.10 | 1.00 |  |" in text
    assert "| load a run | 100,000 | 14.0 | 30.0 | 0.14 | 2.00 | 10 s: not met |" in text
    assert "compare | 100,000 | 1.0 | 2.0 | 0.01 | 1.00 | 60 s: met |" in text
    assert "- load a run: 1.40" in text
