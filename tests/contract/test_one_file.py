"""A counter and a stopwatch of one's own are one file each, and no list elsewhere names them."""

import json
import os
import re
import subprocess
import sys

import pytest
from code_blocks import called, pristine
from conftest_root import ROOT

COUNTER = '''
from convbench.counting.base import register
from convbench.counting.tools.flop_counter_mode import FlopCounterMode


@register
class Mine(FlopCounterMode):
    """The count of torch under another name."""

    name, title = "mine", ""
'''
SUITE = """
name = "s"
[timing]
processes = 1
min_rounds = 3
max_rounds = 6
self_check = 0
[[slots]]
in_channels = 3
out_channels = 8
input_size = "7x7"
kernel_size = 3
types = ["standard"]
"""


@pytest.fixture
def convbench(tmp_path, monkeypatch, auto_is_the_cpu):
    """Return a function that runs `convbench` in a folder, with the registries as they are now."""
    (tmp_path / "s.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*words):
        with pristine():
            status, said, complaints = called(words)
        assert status == 0, complaints
        return said

    return run


def _python(folder, *words):
    path = os.pathsep.join([str(ROOT), str(folder)])
    environment = {**os.environ, "PYTHONPATH": path}
    words = [sys.executable, *map(str, words)]
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def _records(folder):
    rows = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    return [row for row in rows if "case" in row]


def test_a_counter_is_one_file(convbench, tmp_path):
    (tmp_path / "mine.py").write_text(COUNTER)
    mine = ("--plugin", "mine.py")
    assert "mine" in convbench(*mine, "list", "counters")
    explained = ("profile", "osnet_x0_25", "--input", "1x3x64x32", "--explain-counter", "mine")
    assert convbench(*mine, *explained).startswith("mine: ")
    convbench(*mine, "run", "--suite", "s.toml", "--out", "o", "--quiet")
    (record,) = _records(tmp_path / "o")
    tallies = record["tallies"]
    assert set(tallies) == {"torch", "fvcore", "mine"}
    assert tallies["mine"]["macs"] == tallies["torch"]["macs"] > 0
    page = (tmp_path / "o" / "report.md").read_text()
    assert re.search(r"\bmine\b.* agree with the formula in 1 of 1 distinct case", page)
    asked = ("audit", "--counters", "mine", "--cases", "plain/3x3$", "--out", "a", "--quiet")
    assert "1 of 1 right" in convbench(*mine, *asked)


def test_a_counter_of_ones_own_is_held_to_the_contract(tmp_path):
    (tmp_path / "mine.py").write_text(COUNTER)
    contract = ROOT / "tests/contract/test_counters.py"
    said = _python(
        tmp_path,
        "-m",
        "pytest",
        "-p",
        "mine",
        "-p",
        "no:cacheprovider",
        "-q",
        "-k",
        "mine",
        contract,
    )
    assert "15 passed" in said


STOPWATCH = '''
from dataclasses import replace

from convbench.clock.stopwatch import STOPWATCHES, WallStopwatch


@STOPWATCHES.register("twice")
class Twice(WallStopwatch):
    """Twice the wall time."""

    name = "twice"

    def time(self, work, calls):
        found = super().time(work, calls)
        return replace(found, seconds=2 * found.seconds)
'''
MEASURED = """
import torch
from convbench import measure
from convbench.core.plugins import load_plugin

load_plugin("twice.py")
work = {"sum": (torch.nn.Conv2d(3, 4, 3).eval(), torch.randn(1, 3, 9, 9))}
found = measure(work, stopwatch="twice", budget=0.1, processes=2)
assert {samples.stopwatch for samples in found.samples["sum"]} == {"twice"}, found
assert {samples.process for samples in found.samples["sum"]} <= {"forked", "fresh"}, found
assert not found.notes, found.notes
"""


def test_a_stopwatch_is_one_file(convbench, tmp_path):
    (tmp_path / "twice.py").write_text(STOPWATCH)
    (tmp_path / "measured.py").write_text(MEASURED)
    mine = ("--plugin", "twice.py")
    assert "twice" in convbench(*mine, "list", "stopwatches")
    started = (*mine, "run", "--suite", "s.toml", "--out", "o", "--quiet")
    convbench(*started, "--stopwatch", "twice")
    (record,) = _records(tmp_path / "o")
    assert {samples["stopwatch"] for samples in record["samples"]} == {"twice"}
    header = json.loads((tmp_path / "o" / "run.json").read_text())
    assert header["fingerprint"]["stopwatch"] == "twice"
    assert "--stopwatch twice" in header["command"]
    convbench(*started, "--resume")  # by the same stopwatch, though it is not named again
    with pristine():
        status, _, said = called(["run", "--suite", "s.toml", "--out", "o", "--resume"])
    assert (status, "There is no stopwatch 'twice'" in said) == (2, True)
    _python(tmp_path, "measured.py")


def test_runs_of_different_stopwatches_do_not_compare():
    from convbench.comparing.environment import environments

    (found,) = environments({"torch": "2"}, {"torch": "2", "stopwatch": "twice"})
    assert (found.key, found.in_the_way) == ("stopwatch", True)


@pytest.mark.parametrize(
    ("name", "words"),
    [("wal", "Did you mean wall"), ("cuda-events", "is no CUDA device")],
)
def test_a_stopwatch_that_cannot_be_says_so(name, words):
    from convbench import measure

    with pytest.raises(ValueError, match=words):
        measure({"nothing": list}, stopwatch=name)
