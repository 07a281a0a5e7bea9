"""A run that is killed again and again is, in the end, the run that nobody killed."""

import json
import os
import random
import signal
import subprocess
import sys

import pytest
from conftest_root import ROOT

SUITE = """
name = "killed"
[timing]
processes = 2
self_check = 0
max_rounds = 8
[[slots]]
in_channels = [2, 4, 6, 8, 10, 12, 14, 16]
out_channels = 8
input_size = "8x8"
kernel_size = 3
padding = "same"
types = ["standard", "depthwise_separable"]
"""
KILLS = 20
LONGEST = 3.0  # seconds after the start; importing alone takes about one


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no signals to kill by")
def test_twenty_kills_lose_nothing_and_repeat_nothing(convbench, tmp_path):
    (tmp_path / "killed.toml").write_text(SUITE)
    records = tmp_path / "o" / "records.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    draw = random.Random(4)
    acknowledged = b""
    for _ in range(KILLS):
        begun = (tmp_path / "o" / "run.json").exists()
        process = subprocess.Popen(
            [sys.executable, "-m", "convbench", "run", "--suite", "killed.toml", "--out", "o",
             *(["--resume"] if begun else [])],
            cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            _, errors = process.communicate(timeout=draw.uniform(0, LONGEST))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        else:
            assert process.returncode == 0, errors.decode()
        now = records.read_bytes() if records.exists() else b""
        assert now.startswith(acknowledged), "a row that was on disk is gone"
        acknowledged = now[: now.rfind(b"\n") + 1]
    begun = (tmp_path / "o" / "run.json").exists()
    convbench("run", "--suite", "killed.toml", "--out", "o", *(["--resume"] if begun else []))
    whole = records.read_bytes()
    assert whole.startswith(acknowledged)
    rows = [json.loads(line) for line in whole.splitlines()]
    cases = [row["case"] for row in rows if "case" in row]
    assert {row["more"] for row in rows if "more" in row} <= set(cases)
    convbench("run", "--suite", "killed.toml", "--dry-run", "--out", "other")
    assert len(cases) == len(set(cases)) == 16, "the set that an uninterrupted run has"
