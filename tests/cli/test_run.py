"""`convbench run`: the main job, and what happens when it is cut short."""

import errno
import importlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest_root import ROOT
from plugin_text import PLUGIN

from convbench.machine.threads import default_threads
from convbench.runs.groups import HOPELESS
from convbench.runs.store import load


def lines(folder):
    """Return the records as they are when all lines are read, as JSON types."""
    return [record.to_json() for record in load(folder).records]


def measured(record):
    """Tell whether a case ran to the end; where all is busy, its times are rightly not believed."""
    return record["status"] == "ok" or record["reason"] == HOPELESS


def test_run_writes_a_run_and_its_report(ran):
    folder = ran[0]
    records = lines(folder)
    skipped = records[2]
    assert skipped["status"] == "skipped"
    assert all(measured(record) for record in records if record is not skipped)
    assert len(records) == 7
    assert skipped["name"] == "depthwise"
    assert "gives 1 × 3 channels" in skipped["reason"]
    for record in records:
        if measured(record):
            assert record["tallies"]["fvcore"]["macs"] == record["cost"]["multiplications"]
            assert record["tallies"]["torch"]["macs"] == record["cost"]["multiplications"]
            assert record["samples"]
            for samples in record["samples"]:
                assert samples["seconds"]
                assert samples["process"] in {"fresh", "forked"}
                assert (samples["allocator"] == "kept") is (platform.libc_ver()[0] == "glibc")
            assert record["ran"]["convolution_backend"] not in {"", "none"}
    report = (folder / "report.md").read_text()
    assert "depthwise_separable" in report
    assert "python -m convbench run --suite" in report
    assert (folder / "tables" / "cases.csv").read_text().count("\n") == len(records) + 1


def test_samples_of_a_group_share_their_session(ran):
    sessions = {}
    for record in lines(ran[0]):
        if record["samples"]:
            said = tuple(samples["session"] for samples in record["samples"])
            sessions.setdefault(record["group"], set()).add(said)
    assert len(sessions) == 3
    assert all(len(found) == 1 for found in sessions.values())
    each = [session for found in sessions.values() for said in found for session in said]
    assert len(each) == len(set(each)), "every process has a session of its own"


def test_quiet_prints_only_where_the_report_is(ran):
    assert ran[1].splitlines() == ["reports/cpu-small/report.md"]


def test_the_default_number_of_threads_is_said_with_its_reason(convbench, small, tmp_path):
    number, because = default_threads("cpu")
    dry = convbench("run", "--suite", small, "--only", "lite", "--dry-run").stdout
    assert dry.splitlines()[-1] == f"--threads {number}: {because}"
    said = convbench("run", "--suite", small, "--only", "lite").stdout
    assert said.strip() == "reports/cpu-small/report.md"
    folder = tmp_path / "reports" / "cpu-small"
    told = json.loads((folder / "run.json").read_text())["fingerprint"]
    assert (told["threads"], told["threads_because"]) == (number, because)
    assert {record["threads"] for record in lines(folder)} == {number}
    assert f" {because} " in (folder / "report.md").read_text(), "beside the environment"


def test_a_number_of_threads_that_was_asked_for_is_not_tried(convbench, small, monkeypatch):
    monkeypatch.setattr("convbench.machine.threads.default_threads", lambda device: 1 / 0)
    dry = convbench("run", "--suite", small, "--threads", "1", "--dry-run").stdout
    assert dry.splitlines()[-1] == "--threads 1: as asked"


def test_a_dry_run_writes_nothing(convbench, small, tmp_path):
    done = convbench("run", "--suite", small, "--dry-run")
    assert "depthwise: skip: a depthwise convolution gives 1 × 3 channels" in done.stdout
    assert "6 cases to measure, 1 to skip, about" in done.stdout
    assert not (tmp_path / "reports").exists()


def test_the_budget_is_written_down_and_in_the_command(convbench, small, tmp_path):
    convbench("run", "--suite", small, "--only", "standard", "--budget", "1.5m", "--out", "o")
    header = json.loads((tmp_path / "o" / "run.json").read_text())
    assert header["suite"]["budget"] == 90.0
    assert header["command"].endswith("--budget 90 --seed 0")
    assert all(measured(record) for record in lines(tmp_path / "o"))


def test_only_keeps_the_baseline(convbench, small, tmp_path):
    convbench("run", "--suite", small, "--only", r"^lite .*6×6", "--out", "o")
    assert [record["name"] for record in lines(tmp_path / "o")] == ["standard", "lite"]


def test_axes_from_the_command_line(convbench, small, tmp_path):
    convbench(
        "run", "--suite", small, "--dtype", "float32,bfloat16", "--layout",
        "channels_first,channels_last", "--threads", "1", "--only", "standard", "--out", "o",
    )  # fmt: skip
    records = lines(tmp_path / "o")
    assert {(r["dtype"], r["layout"]) for r in records} == {
        (dtype, layout)
        for dtype in ("float32", "bfloat16")
        for layout in ("channels_first", "channels_last")
    }
    assert {record["threads"] for record in records} == {1}
    skipped = [record for record in records if record["status"] == "skipped"]
    assert len(skipped) == 2, "channels_last has no form for one axis"
    assert all("one spatial axis" in record["reason"] for record in skipped)


def test_the_same_seed_gives_the_same_order_and_another_does_not_lose_the_first(
    convbench, small, tmp_path
):
    convbench("run", "--suite", small, "--seed", "7", "--quiet")
    first = (tmp_path / "reports" / "cpu-small" / "records.jsonl").read_bytes()
    convbench("run", "--suite", small, "--seed", "8", "--quiet")
    aside = [path for path in (tmp_path / "reports").iterdir() if path.name != "cpu-small"]
    assert len(aside) == 1, "the first run was moved aside, not overwritten"
    assert (aside[0] / "records.jsonl").read_bytes() == first


# What runs in the background of a shell ignores Ctrl-C, and so would what it starts.
HEEDING = (
    "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from convbench.ui.cli import main\nmain()"
)


def start(tmp_path, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", HEEDING, *map(str, arguments)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_lines(process, path, number):
    while process.poll() is None:
        if path.exists() and path.read_bytes().count(b"\n") >= number:
            return
        time.sleep(0.01)
    pytest.fail(f"ended before {number} records: {process.communicate()}")


WAITING = PLUGIN.replace(
    "def build(self, spec):",
    """def build(self, spec):
        import pathlib, time
        while spec.in_channels > int(pathlib.Path("built").read_text()):
            time.sleep(0.01)
""",
)
"""A type that is built only up to so many channels, and else waits: nothing here is a race."""
SLOW = """
name = "slow"
[timing]
processes = 2
max_rounds = 10
budget = 600
self_check = 0
[[slots]]
in_channels = [4, 8, 12, 16]
out_channels = 8
input_size = "16x16"
kernel_size = 3
padding = "same"
types = ["standard", "lite", "doubled"]
"""
RUN = ("--plugin", "waiting.py", "run")


@pytest.fixture
def slow(tmp_path):
    """Write the suite and its plugin; return a function that sets how far it is built."""
    assert WAITING != PLUGIN
    (tmp_path / "slow.toml").write_text(SLOW)
    (tmp_path / "waiting.py").write_text(WAITING)
    return lambda channels: (tmp_path / "built").write_text(str(channels))


def test_kill_and_resume(convbench, slow, tmp_path):
    finished = 6
    slow(8)
    process = start(tmp_path, *RUN, "--suite", "slow.toml", "--out", "o")
    path = tmp_path / "o" / "records.jsonl"
    wait_for_lines(process, path, finished)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = path.read_bytes()
    assert kept.count(b"\n") == finished
    with path.open("ab") as file:
        file.write(b'{"case": "torn in the mid')  # as if the kill had hit a write
    report = convbench("report", "o").stdout
    assert "report.md" in report, "a partial run has a report too"
    assert "not finished" in (tmp_path / "o" / "report.md").read_text().lower()
    slow(16)
    convbench(*RUN, "--suite", "slow.toml", "--out", "o", "--resume")
    assert path.read_bytes().startswith(kept), "what was acknowledged is still there, unchanged"
    cases = [record["case"] for record in lines(tmp_path / "o")]
    assert len(cases) == len(set(cases)) == 12
    assert "not finished" not in (tmp_path / "o" / "report.md").read_text().lower()
    whole = path.read_bytes()
    convbench(*RUN, "--suite", "slow.toml", "--out", "o", "--resume")
    assert path.read_bytes() == whole, "a finished run has nothing left to measure"


def test_ctrl_c_leaves_a_valid_run_and_a_report(convbench, slow, tmp_path):
    slow(4)
    process = start(tmp_path, *RUN, "--suite", "slow.toml", "--out", "o")
    wait_for_lines(process, tmp_path / "o" / "records.jsonl", 3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "--resume" in errors
    assert (tmp_path / "o" / "report.md").exists()
    slow(16)
    convbench(*RUN, "--out", "o", "--resume", "--quiet")
    assert len(lines(tmp_path / "o")) == 12


def test_a_folder_in_use_is_refused(convbench, slow, tmp_path):
    slow(4)
    process = start(tmp_path, *RUN, "--suite", "slow.toml", "--out", "o")
    wait_for_lines(process, tmp_path / "o" / "records.jsonl", 3)
    done = convbench(*RUN, "--out", "o", "--resume", code=2)
    assert "another convbench" in done.stderr
    done = convbench(*RUN, "--suite", "slow.toml", "--out", "o", code=2)
    assert "another convbench" in done.stderr, "nor is a live run moved aside"
    process.kill()
    process.communicate()


def removed(folder):
    shutil.rmtree(folder)


def replaced(folder):
    """Put another run into the place of the folder."""
    folder.rename(folder.with_name("moved"))
    shutil.copytree(ROOT / "reports" / "cpu-quick", folder)


@pytest.mark.parametrize(("happens", "kept"), [(removed, ""), (replaced, ".kept-1")])
@pytest.mark.parametrize(
    "made", ["convbench.report.write.contents", "convbench.core.files.write_files"]
)
def test_a_folder_that_is_lost_while_the_report_is_made(
    made, happens, kept, convbench, finished, monkeypatch
):
    """Once it was another run that was reported, or none, with status 0."""
    module, name = made.rsplit(".", 1)
    make = getattr(importlib.import_module(module), name)
    before, todo = load(finished), [happens]

    def disturbed(*arguments, **named):
        found = make(*arguments, **named)
        if todo:
            todo.pop()(finished)
        return found

    monkeypatch.setattr(made, disturbed)
    done = convbench("run", "--resume", "--out", finished, code=2)
    folder = finished.with_name(f"cpu-small{kept}")
    assert "was moved, removed or replaced" in " ".join(done.stderr.split())
    assert f"cpu-small{kept}." in done.stderr
    assert done.stdout.split() == [str(folder / "report.md")]
    assert load(folder).header == before.header
    assert load(folder).by_case().keys() == before.by_case().keys()
    assert "depthwise_separable" in (folder / "report.md").read_text()
    assert (folder / "tables" / "cases.csv").exists()
    if happens is replaced:
        there, other = load(finished), load(ROOT / "reports" / "cpu-quick")
        assert (there.header, there.records) == (other.header, other.records)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [(errno.ENOSPC, "free space on the disk"), (errno.EFBIG, "raise the limit")],
)
def test_a_report_without_room_names_how_to_go_on(error, remedy, convbench, finished, monkeypatch):
    def full(_):
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        done = convbench("run", "--resume", "--out", finished, "--quiet", code=2)
    assert "report.md cannot be written" in done.stderr
    assert remedy in done.stderr
    assert done.stderr.endswith("then go on with --resume.\n")
    convbench("run", "--resume", "--out", finished, "--quiet")


def test_a_resume_reads_what_is_finished_under_the_lock(finished):
    """Another process may finish the run between the decision and the measuring."""
    from types import SimpleNamespace

    from convbench.runs.choices import Request
    from convbench.runs.job import decide, opened
    from convbench.runs.runner import run

    whole = (finished / "records.jsonl").read_bytes()
    (finished / "records.jsonl").write_bytes(whole.split(b"\n", 1)[0] + b"\n")
    job = decide(Request(resume=True, out=finished))
    assert len(job.before) == 1
    (finished / "records.jsonl").write_bytes(whole)
    nothing = lambda *_: None  # noqa: E731
    silent = SimpleNamespace(stage=nothing, progress=nothing, finished=nothing, moved=nothing)
    store, before, machine = opened(job, silent)
    run(job.plan, store, before, silent, machine)
    store.close()
    assert (finished / "records.jsonl").read_bytes() == whole


def test_resume_with_an_edited_suite_is_refused(convbench, small, finished):
    small.write_text(small.read_text().replace("min_rounds = 3", "min_rounds = 4"))
    done = convbench("run", "--suite", small, "--out", finished, "--resume", code=2)
    assert "another text of suite small" in done.stderr


def test_the_same_competitor_twice_is_one_case(convbench, tmp_path):
    (tmp_path / "s.toml").write_text(
        'name = "s"\n[timing]\nprocesses = 1\nself_check = 0\n'
        "[[slots]]\nin_channels = 4\n"
        'out_channels = 4\ninput_size = "8"\nkernel_size = 3\n'
        'types = ["grouped", {type = "grouped", groups = 2}, "standard"]\n'
    )
    convbench("run", "--suite", "s.toml", "--out", "o", "--quiet")
    assert len(lines(tmp_path / "o")) == 2
    assert "not finished" not in (tmp_path / "o" / "report.md").read_text().lower()


IMPOSTORS = {
    "the name of another": 'class B(Doubled): pass\n\nregister("other")(B).name = "standard"\n',
    "the label of another": '@register("other")\nclass B(Doubled):\n    label = "standard"\n',
    "one class, two names": 'register("other")(Doubled)\n',
}


@pytest.mark.parametrize("types", ['["standard", "other"]', '"all"'])
@pytest.mark.parametrize("what", IMPOSTORS)
def test_two_types_with_one_identity_are_refused(what, types, convbench, tmp_path):
    """Once the record of one was overwritten by that of the other."""
    (tmp_path / "two.py").write_text(PLUGIN + IMPOSTORS[what])
    (tmp_path / "s.toml").write_text(
        "[timing]\nself_check = 0\n[[slots]]\nin_channels = 4\n"
        f'out_channels = 4\ninput_size = "8"\nkernel_size = 3\ntypes = {types}\n'
    )
    one = "two names" in what and "other" in types  # of which the suite has one alone
    done = convbench(
        *("--plugin", "two.py", "run", "--suite", "s.toml", "--dry-run"), code=0 if one else 2
    )
    assert one or "Two convolution types (" in done.stderr
    name = "other" if "two names" in what else "standard"
    assert one or f") make the case '{name} | 4→4" in done.stderr


def test_a_plan_whose_parameters_are_not_the_modules_is_not_timed(convbench, tmp_path):
    wrong = PLUGIN.replace("spec.in_channels, spec.out_channels),)", "1, spec.out_channels),)")
    (tmp_path / "wrong.py").write_text(wrong)
    (tmp_path / "s.toml").write_text(
        'name = "s"\n[timing]\nprocesses = 1\nself_check = 0\n'
        "[[slots]]\nin_channels = 4\n"
        'out_channels = 4\ninput_size = "8"\nkernel_size = 3\ntypes = ["doubled"]\n'
    )
    convbench("--plugin", "wrong.py", "run", "--suite", "s.toml", "--out", "o", "--quiet", code=1)
    (record,) = lines(tmp_path / "o")
    assert record["status"] == "failed"
    assert "the module has 48 parameters and its plan has 12" in record["reason"]
    assert record["samples"] == []


def test_report_twice_is_byte_identical(convbench, finished):
    def files():
        return {
            path.relative_to(finished): path.read_bytes()
            for path in sorted(finished.rglob("*"))
            if path.is_file()
        }

    first = files()
    convbench("report", "reports/cpu-small")
    assert files() == first
    convbench("report", "reports/cpu-small", "--format", "markdown")
    assert files() == first


def test_a_case_that_fails_becomes_a_row(convbench, tmp_path):
    (tmp_path / "s.toml").write_text(
        """
name = "failing"
[timing]
processes = 1
self_check = 0
[[slots]]
in_channels = 400000
out_channels = 400000
input_size = "64x64"
kernel_size = 3
types = ["standard", "depthwise"]
[[slots]]
in_channels = 2
out_channels = 2
input_size = "8x8"
kernel_size = 3
types = ["standard"]
"""
    )
    done = convbench("run", "--suite", "s.toml", "--only", "^standard", "--out", "o")
    huge, small = lines(tmp_path / "o")
    assert huge["status"] == "failed"
    assert huge["reason"].startswith("out of memory: it needs about")
    assert huge["cost"]["multiplications"] == 400_000**2 * 9 * 62 * 62, "what is known is kept"
    assert measured(small)
    assert "1 failed" in done.stderr
    assert "out of memory" in (tmp_path / "o" / "report.md").read_text()


def test_resume_keeps_to_the_environment(convbench, finished):
    header = json.loads((finished / "run.json").read_text())
    header["fingerprint"]["cpu"] = "another"
    (finished / "run.json").write_text(json.dumps(header))
    done = convbench("run", "--out", finished, "--resume", code=2)
    assert "cpu was 'another' and is" in done.stderr
    convbench("run", "--out", finished, "--resume", "--force")
