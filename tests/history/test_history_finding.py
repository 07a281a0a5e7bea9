"""Which runs are found, in which order, and what is said of folders that are none."""

import json
import os
import shutil

import pytest
from history import histories

from convbench.core.errors import RunError
from convbench.history.run_folders import find_runs

RECORDS = [histories.record(0, 0)]


def places(root):
    return [entry.place for entry in find_runs(root).runs]


def unread(root):
    return {item.place: item.why for item in find_runs(root).unread}


def test_runs_are_found_at_and_below_the_folder_and_sorted_by_time_and_then_place(tmp_path):
    for place, started in {
        "z": "2026-01-01T08:00:00Z",
        "deep/er/still": "2026-01-01T10:30:00+02:00",  # half past eight
        "b": "2026-01-01T09:00:00",  # no zone: UTC
        "a": "2026-01-01T09:00:00+00:00",
    }.items():
        histories.write(tmp_path / place, RECORDS, started=started, command=place)
    assert places(tmp_path) == ["z", "deep/er/still", "a", "b"]
    assert places(tmp_path / "z") == ["."]
    histories.write(tmp_path / "z" / "inner", RECORDS, started="2027-01-01T08:00:00Z")
    assert places(tmp_path / "z") == [".", "inner"]


def test_links_are_followed_once_and_in_no_circle(tmp_path):
    histories.plain(tmp_path / "elsewhere", runs=1)
    root = tmp_path / "root"
    histories.plain(root, runs=2)
    (root / "up").symlink_to(tmp_path, target_is_directory=True)
    (root / "r0" / "loop").symlink_to(root, target_is_directory=True)
    (root / "again").symlink_to(root / "r1", target_is_directory=True)
    (root / "nowhere").symlink_to(root / "missing")
    found = find_runs(root)
    assert len(found.runs) == 2
    assert [item.why for item in found.unread] == ["a copy of r0"]


def test_a_link_to_a_whole_disk_is_not_gone_through(tmp_path):
    disk = tmp_path / "disk"
    for number, folder in enumerate(("reports", "home/me", "home/me/work/reports")):
        histories.plain(disk / folder, runs=number + 1)
    histories.plain(tmp_path / "root", runs=3)
    (tmp_path / "root" / "all").symlink_to(disk, target_is_directory=True)
    found = find_runs(tmp_path / "root")
    places = [item.place for item in (*found.runs, *found.unread)]
    assert sorted(places) == ["all/reports/r0", "r0", "r1", "r2"], "two levels, not three"


def test_what_looks_like_a_run_and_cannot_be_read_is_named(tmp_path):
    histories.plain(tmp_path, runs=1)
    for name, files in {
        "not-json": {"run.json": "{", "records.jsonl": ""},
        "not-ours": {"run.json": '{"name": "another tool"}'},
        "newer": {"run.json": '{"format": "convbench run", "schema": 99, "suite": {}}'},
        "no-records": {"run.json": (tmp_path / "r0" / "run.json").read_text()},
        "no-header": {"records.jsonl": ""},
        "other": {"notes.txt": "not a run"},
    }.items():
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
    found = unread(tmp_path)
    assert list(found) == ["newer", "no-header", "no-records", "not-json", "not-ours"]
    for name, words in {
        "newer": "upgrade convbench", "no-header": "run.json cannot be read",
        "not-ours": "not a convbench",
        "no-records": "has no records.jsonl", "not-json": "not whole JSON",
    }.items():  # fmt: skip
        assert words in found[name]
    assert not any(str(tmp_path) in why for why in found.values())


@pytest.mark.parametrize(
    "started", ["yesterday", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:00"]
)
def test_a_run_whose_start_is_no_time_has_no_place(started, tmp_path):
    histories.plain(tmp_path, runs=1)
    histories.write(tmp_path / "when", RECORDS, started=started)
    assert f"{started!r} is no time in ISO 8601" in unread(tmp_path)["when"]


def test_a_folder_that_cannot_be_entered_is_named(tmp_path, monkeypatch):
    histories.plain(tmp_path, runs=1)
    (tmp_path / "locked").mkdir()
    scan = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert unread(tmp_path) == {"locked": "cannot be entered: Permission denied"}


def test_a_copy_of_a_run_is_no_second_measurement(tmp_path):
    histories.plain(tmp_path, runs=2)
    shutil.copytree(tmp_path / "r0", tmp_path / "backup")
    assert places(tmp_path) == ["backup", "r1"]
    assert unread(tmp_path) == {"r0": "a copy of backup"}


def test_runs_with_equal_headers_and_other_times_are_two(tmp_path):
    for name, run in (("one", 1), ("two", 2)):
        histories.write(tmp_path / name, [histories.record(0, run)], started="2026-01-01")
    assert places(tmp_path) == ["one", "two"]


def test_torn_and_unfinished_runs_are_runs(tmp_path):
    histories.plain(tmp_path, runs=1)
    histories.write(tmp_path / "part", RECORDS, started="2026-02-01", planned=7)
    with (tmp_path / "part" / "records.jsonl").open("a") as file:
        file.write(json.dumps({"case": "torn"})[:5])
    run = find_runs(tmp_path).runs[-1].run
    assert (run.torn, run.finished) == (1, False)


def test_no_folder_and_no_runs_say_what_to_do(tmp_path):
    with pytest.raises(RunError, match="does not exist: give a folder"):
        find_runs(tmp_path / "missing")
    with pytest.raises(RunError, match="holds no run, and no folder below it does: give"):
        find_runs(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file is a file: give a folder"):
        find_runs(tmp_path / "file")
    for number in range(7):
        (tmp_path / f"bad{number}").mkdir()
        (tmp_path / f"bad{number}" / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"no run that can be read.*bad0.*and 2 more.*mend these"):
        find_runs(tmp_path)
