"""Running the command line: in this process for speed, or as a user does, in another."""

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from code_blocks import pristine
from conftest_root import ROOT

from convbench.ui.cli import main

SMALL = """
name = "small"
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
types = ["standard", "depthwise_separable", "depthwise"]
[[slots]]
in_channels = 4
out_channels = 4
input_size = ["8", "6x6"]
kernel_size = 3
padding = "same"
types = ["standard", "lite"]
"""


@pytest.fixture(autouse=True)
def _on_the_cpu(auto_is_the_cpu):
    """Have every test here time on the CPU, unless it says otherwise."""


@pytest.fixture
def convbench(tmp_path, monkeypatch, capfd):
    """Return a function that runs `convbench` in an empty folder and checks its exit status.

    What a plugin registers is forgotten afterwards, as if it had been a process of its own.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["convbench", *map(str, arguments)])
        capfd.readouterr()
        try:
            with pristine():
                main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        out, err = capfd.readouterr()
        assert status == code, f"status {status}\n{out}\n{err}"
        return SimpleNamespace(stdout=out, stderr=err)

    return run


@pytest.fixture
def fresh(tmp_path):
    """Return a function that runs `python -m convbench` in a process of its own."""

    def run(*arguments, code=0):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "convbench", *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def small(tmp_path):
    """Write a suite that takes a second, and return its path."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def ran(once):
    """Run the small suite once; return its folder, which tests only read, and what it printed."""

    def make(home):
        (home / "small.toml").write_text(SMALL)
        command = ("-m", "convbench", "run", "--suite", "small.toml", "--device", "cpu", "--quiet")
        command = [sys.executable, *command]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        done = subprocess.run(
            command, cwd=home, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        (home / "printed").write_text(done.stdout + done.stderr)

    home = once("ran", make)
    return home / "reports" / "cpu-small", (home / "printed").read_text()


@pytest.fixture
def finished(ran, small, tmp_path):
    """Return a copy of that run, in a folder of the same name, for a test that changes it."""
    return shutil.copytree(ran[0], tmp_path / "reports" / "cpu-small")
