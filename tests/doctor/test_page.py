"""The page and the command line."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from conftest_root import ROOT
from rich.console import Console

from convbench.machine.advice import Advice
from convbench.machine.fingerprint import fingerprint
from convbench.machine.resolution import (
    Resolution,
    SizeResolution,
    Trial,
    duration,
    percent,
    verdict,
)
from convbench.ui.terminal.doctor import page

PERCENTS = [
    (0.0, "0 %"), (0.00034, "0.034 %"), (0.0063, "0.63 %"), (0.0127, "1.3 %"), (0.05, "5.0 %"),
    (0.123, "12 %"), (1.96, "196 %"), (None, "none"),
]  # fmt: skip
DURATIONS = [(10, "10 s"), (1.25, "1.2 s"), (0.505, "505 ms"), (2.1e-3, "2.1 ms"),
             (18.2e-6, "18 µs"), (5e-8, "50 ns")]  # fmt: skip


@pytest.mark.parametrize(("share", "text"), PERCENTS)
def test_percent(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_the_verdict(quiet):
    assert verdict(quiet) == [
        "This machine can tell differences of about 1.0 % (2.0 ms call, 1 thread, cpu, "
        "comparisons of 500 ms).",
        "This machine can tell differences of about 1.0 % (20 µs call, 1 thread, cpu, "
        "comparisons of 500 ms).",
    ]


def test_a_verdict_that_is_not_to_be_relied_on():
    wrong = Trial(low=1.1, value=1.2, high=1.3, rounds=40)
    few = Trial(low=0.9, value=1.0, high=1.1, rounds=2)
    sizes = tuple(
        SizeResolution(
            name=name, what="", seconds_per_call=1e-5, seconds_per_trial=1.0,
            page_faults_per_call=0.0, trials=(trial,) * 6,
        )
        for name, trial in (("tiny", wrong), ("middle", few))
    )  # fmt: skip
    found = Resolution(
        budget=1.0, seconds=1.0, threads=2, device="cpu", seed=0, allocator="kept",
        steal_share=None, sizes=sizes,
    )  # fmt: skip
    assert verdict(found)[0].startswith("This machine cannot tell any difference")
    assert "6 of 6 trials found a difference where there is none" in verdict(found)[-1]


def printed(width, *found):
    screen = io.StringIO()
    console = Console(file=screen, width=width, highlight=False)
    for part in page(*found, console):
        console.print(part)
    return [line.rstrip() for line in screen.getvalue().splitlines()]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_page(quiet, width):
    warnings = (
        Advice(name="a", severity="serious", cause="It is on fire. " * 9, remedy="Put it out."),
        Advice(name="b", severity="note", cause="It is old.", remedy="Nothing."),
    )
    facts = {**fingerprint("cpu", 1), "something_new": "told", "cpu": "A very long name " * 9}
    lines = printed(width, quiet, warnings, facts)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert lines[0].startswith("This machine can tell differences of about 1.0 %")
    assert (
        text.index("!! It is on fire.") < text.index("→ Put it out.") < text.index("· It is old.")
    )
    assert re.search(r"^middle +2\.00 ms +1\.0 % ", text, re.MULTILINE), "a size, and what it tells"
    assert text.index("It is old.") < text.index("Processor\n")
    shown = {line.split()[0] for line in lines if line.startswith("  ") and line.split()}
    assert facts.keys() <= shown, "every fact has its line"
    assert lines.count("Others") == 1
    assert re.search(r"^  smt +(no|yes|unknown)$", text, re.MULTILINE)


def test_nothing_to_warn_of(quiet):
    assert "No warnings." in printed(80, quiet, (), {})


@pytest.fixture
def convbench(tmp_path, auto_is_the_cpu):
    """Return a function that runs `python -m convbench doctor` as a user does."""

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "convbench", "doctor", *arguments], cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


def test_doctor(convbench):
    done = convbench("--budget", "1", "--threads", "1")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("This machine can")
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    for word in ("Processor", "Torch", "git_commit", "can tell"):
        assert word in done.out


def test_doctor_json(convbench):
    done = convbench("--budget", "1", "--threads", "1", "--device", "cpu", "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(found) == ["schema", "verdict", "resolution", "derived", "advice", "fingerprint"]
    resolution = Resolution.from_json(found["resolution"])
    assert (resolution.threads, resolution.device) == (1, "cpu")
    assert resolution.allocator == "kept"
    for size in resolution.sizes:
        assert found["derived"][size.name]["smallest_difference"] == size.smallest_difference
    assert len(found["fingerprint"]) >= 50


WRONG = [
    (["--budget", "0"], "--budget 0", "give 1 to 3600 seconds"),
    (["--budget", "nan"], "--budget nan", "give 1 to 3600 seconds"),
    (["--budget", "soon"], "--budget", "valid"),
    (["--threads", "9999"], "--threads 9999", "give 1 to"),
    (["--threads", "0"], "--threads 0", "give 1 to"),
    (["--device", "gpu"], "'gpu'", "give auto, cpu"),
    (["--device", "mps"], "'mps'", "give auto, cpu"),
]


@pytest.mark.parametrize(("arguments", "given", "remedy"), WRONG)
def test_bad_input(convbench, arguments, given, remedy):
    done = convbench(*arguments)
    assert (done.code, done.out) == (2, "")
    said = " ".join(done.err.replace("│", " ").split())
    assert given in said
    assert remedy in said


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
def test_ctrl_c_ends_it_quietly(tmp_path):
    """The signal comes when its fresh process times, which must end too."""
    running = subprocess.Popen(
        [sys.executable, "-m", "convbench", "doctor", "--budget", "600"], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        while not (children := children_of(running.pid)):
            assert running.poll() is None, running.stderr.read()
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate()
    finally:
        running.kill()
    assert (running.returncode, out, err) == (130, "", "")
    assert not any(alive(child) for child in children)


def children_of(pid):
    """Return the Python processes that a process started."""
    done = subprocess.run(
        ["ps", "--ppid", str(pid), "-o", "pid=,comm="], capture_output=True, text=True, check=False
    )
    rows = (line.split(None, 1) for line in done.stdout.splitlines())
    return [int(number) for number, name in rows if "python" in name]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
