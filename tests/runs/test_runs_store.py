"""What becomes of a run whose folder is moved, removed or replaced while it is written."""

import gc
import os
import shutil
import threading
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from report.report_runs import header, whole_run

from convbench.core.errors import RunError
from convbench.core.files import dumps, loads, write_file
from convbench.runs.job import set_aside
from convbench.runs.store import HEADER, RECORDS, Store, load

RUN = replace(whole_run(), header=header(suite={"name": "all", "cases": 6}))
JSON = [record for record in RUN.records if "Fraction" not in repr(record)]
FIRST, SECOND, OTHERS = map(tuple, (JSON[:3], JSON[3:6], JSON[6:9]))


def removed(folder):
    shutil.rmtree(folder)


def emptied(folder):
    for item in folder.iterdir():
        item.unlink()


def without_records(folder):
    (folder / RECORDS).unlink()


def without_header(folder):
    (folder / HEADER).unlink()


def moved(folder):
    folder.rename(folder.with_name("moved"))


def copied_anew(folder):
    """As rsync does: a copy under another name, then renamed."""
    copy = folder / "copy"
    shutil.copy(folder / RECORDS, copy)
    copy.rename(folder / RECORDS)


def older_copy(folder):
    """As an editor or git does: the file as it was a while ago, under a new inode."""
    lines = (folder / RECORDS).read_bytes().splitlines(keepends=True)
    (folder / "older").write_bytes(b"".join(lines[:-2]))
    (folder / "older").rename(folder / RECORDS)


def other_records(folder):
    (folder / "other").write_text("something else\n")
    (folder / "other").rename(folder / RECORDS)


def another_run(folder):
    moved(folder)
    store = Store.create(folder, replace(RUN.header, seed=7))
    store.append(OTHERS)
    store.close()


def a_file(folder):
    moved(folder)
    folder.write_text("not a folder")


def a_link(folder):
    moved(folder)
    folder.with_name("elsewhere").mkdir()
    (folder.with_name("elsewhere") / "mine").write_text("kept")
    folder.symlink_to(folder.with_name("elsewhere"))


def put_back_in_place(folder):
    """As `cp` and `rsync --inplace` do: the same file, with what it held a while ago."""
    lines = (folder / RECORDS).read_bytes().splitlines(keepends=True)
    (folder / RECORDS).write_bytes(b"".join(lines[:-2]))


def emptied_in_place(folder):
    (folder / RECORDS).write_bytes(b"")


def others_in_place(folder):
    (folder / RECORDS).write_text("another text\n" * 100)


def added_in_place(folder):
    with (folder / RECORDS).open("a") as file:
        file.write("half a li")


def another_header(folder):
    (folder / "other").write_text(dumps(replace(RUN.header, seed=7).to_json()))
    (folder / "other").rename(folder / HEADER)


def a_header_that_is_no_text(folder):
    (folder / HEADER).write_bytes(b"\xff\xfe")
    (folder / RECORDS).unlink()


def a_pipe(folder):
    (folder / RECORDS).unlink()
    os.mkfifo(folder / RECORDS)


def a_pipe_for_the_header(folder):
    (folder / RECORDS).unlink()
    (folder / HEADER).unlink()
    os.mkfifo(folder / HEADER)


def a_link_without_end(folder):
    (folder / RECORDS).unlink()
    (folder / RECORDS).symlink_to("/dev/zero")


MEANWHILE = {
    removed: "out", emptied: "out", without_records: "out", without_header: "out", moved: "out",
    copied_anew: "out", older_copy: "out", a_link: "out",
    put_back_in_place: "out", emptied_in_place: "out", others_in_place: "out.kept-1",
    added_in_place: "out.kept-1", another_header: "out.kept-1",
    a_header_that_is_no_text: "out.kept-1", a_pipe: "out.kept-1",
    a_pipe_for_the_header: "out.kept-1", a_link_without_end: "out.kept-1",
    other_records: "out.kept-1", another_run: "out.kept-1", a_file: "out.kept-1",
}  # fmt: skip
"""What happens, and the folder that holds the whole run afterwards."""


@pytest.mark.parametrize("last", [False, True], ids=["between records", "after the last"])
@pytest.mark.parametrize("happens", MEANWHILE, ids=lambda happens: happens.__name__)
def test_nothing_is_lost(happens, last, tmp_path):
    said = []
    store = Store.create(tmp_path / "out", RUN.header)
    store.moved = lambda *told: said.append(told)
    store.append(FIRST)
    if last:
        store.append(SECOND)
    happens(tmp_path / "out")
    if not last:
        store.append(SECOND)
    store.close()
    kept = tmp_path / MEANWHILE[happens]
    assert store.path == kept
    assert load(kept).records == (*FIRST, *SECOND)
    assert load(kept).header == RUN.header
    ((folder, why),) = said
    assert folder == kept
    assert "moved, removed or replaced" in why
    assert f"is in {kept}." in why


def test_the_working_folder_itself_has_a_folder_beside_it(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    store = Store.create(Path(), RUN.header)
    store.append(FIRST)
    other_records(Path())
    store.append(SECOND)
    store.close()
    assert load(tmp_path / "here.kept-1").records == (*FIRST, *SECOND)


def test_of_two_runs_begun_in_one_folder_the_second_writes_nothing(tmp_path):
    first = Store.create(tmp_path / "out", RUN.header)
    (tmp_path / "out" / HEADER).rename(tmp_path / "away")  # as it is before it was written
    with pytest.raises(RunError, match="is being written by another"):
        Store.create(tmp_path / "out", replace(RUN.header, seed=7))
    assert not (tmp_path / "out" / HEADER).exists()
    (tmp_path / "away").rename(tmp_path / "out" / HEADER)
    first.close()
    assert load(tmp_path / "out").header == RUN.header


def test_what_was_put_there_stays_as_it_is(tmp_path):
    store = Store.create(tmp_path / "out", RUN.header)
    store.append(FIRST)
    another_run(tmp_path / "out")
    store.append(SECOND)
    store.close()
    assert load(tmp_path / "out").records == OTHERS
    assert load(tmp_path / "moved").records == FIRST


def test_the_folder_made_again_is_this_process_own(tmp_path):
    store = Store.create(tmp_path / "out", RUN.header)
    removed(tmp_path / "out")
    store.append(FIRST)
    with pytest.raises(RunError, match="is being written by another"):
        Store.reopen(tmp_path / "out")
    store.close()
    Store.reopen(tmp_path / "out")[0].close()


def test_ctrl_c_while_records_go_to_the_disk_moves_no_run(tmp_path, monkeypatch):
    def interrupted(_):
        monkeypatch.undo()
        raise KeyboardInterrupt

    store = Store.create(tmp_path / "out", RUN.header)
    said = []
    store.moved = lambda *told: said.append(told)
    store.append(FIRST)
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.append(SECOND)
    store.close()
    assert not said
    assert load(tmp_path / "out").records == (*FIRST, *SECOND)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_nowhere_to_write_is_said(tmp_path, monkeypatch):
    store = Store.create(tmp_path / "out", RUN.header)
    store.append(FIRST)
    removed(tmp_path / "out")
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: (_ for _ in ()).throw(OSError(30, "no")))
    with pytest.raises(RunError, match="neither it nor a folder beside it can be written"):
        store.append(SECOND)
    monkeypatch.undo()
    store.append(SECOND)
    store.close()
    assert load(tmp_path / "out").records == (*FIRST, *SECOND)


@pytest.fixture
def full():
    """Return a function after which no file of this process grows beyond a size, until it ends."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_leaves_whole_lines_and_no_other_folder(full, tmp_path):
    """Once 99 empty folders were made beside it, and the run was said to have been moved."""
    said = []
    store = Store.create(tmp_path / "out", RUN.header)
    store.moved = lambda *told: said.append(told)
    store.append(FIRST)
    empty_again = full((tmp_path / "out" / RECORDS).stat().st_size + 100)
    for _ in range(2):
        with pytest.raises(RunError, match=r"too large\): raise the limit .*go on with --resume"):
            store.append(SECOND)
        assert (load(tmp_path / "out").records, load(tmp_path / "out").torn) == (FIRST, 0)
    empty_again()
    store.append(SECOND)
    store.close()
    assert load(tmp_path / "out").records == (*FIRST, *SECOND)
    assert (said, list(tmp_path.iterdir())) == ([], [tmp_path / "out"])


def test_a_folder_that_was_removed_is_not_made_by_halves_on_a_full_disk(full, tmp_path):
    store = Store.create(tmp_path / "out", RUN.header)
    store.append(FIRST)
    removed(tmp_path / "out")
    empty_again = full(100)
    with pytest.raises(RunError, match="neither it nor a folder beside it can be written"):
        store.append(SECOND)
    assert list(tmp_path.iterdir()) == []
    empty_again()
    store.close()
    assert load(tmp_path / "out").records == FIRST


@pytest.mark.parametrize("written", [0, 100, None], ids=["nothing", "a part", "all"])
def test_an_interrupt_while_a_line_is_written_leaves_it_whole(written, tmp_path, monkeypatch):
    """Once such a run was said to have been moved, and written anew without the line."""
    said = []
    store = Store.create(tmp_path / "out", RUN.header)
    store.moved = lambda *told: said.append(told)
    store.append(FIRST)
    write = os.write

    def interrupted(file, content):
        write(file, content[:written])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.append(SECOND)
    store.close()
    assert load(tmp_path / "out").records == (*FIRST, *SECOND)
    assert (said, list(tmp_path.iterdir())) == ([], [tmp_path / "out"])


def test_records_that_are_a_link_are_not_written_to(tmp_path):
    Store.create(tmp_path / "out", RUN.header).close()
    victim = tmp_path / "victim"
    victim.write_bytes((tmp_path / "out" / RECORDS).read_bytes())
    (tmp_path / "out" / RECORDS).unlink()
    (tmp_path / "out" / RECORDS).symlink_to(victim)
    with pytest.raises(RunError, match="is a link"):
        Store.reopen(tmp_path / "out")
    assert victim.read_bytes() == b""


@pytest.mark.parametrize("error", [28, 122])
def test_a_full_disk_names_the_folder_and_how_to_go_on(error, tmp_path, monkeypatch):
    store = Store.create(tmp_path / "out", RUN.header)
    store.append(FIRST)

    def full(_):
        raise OSError(error, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(
        RunError, match=r"free space on the disk of .*out, then go on with --resume"
    ):
        store.append(SECOND)
    monkeypatch.undo()
    store.close()  # which finds what it wrote, and nothing else
    found = load(tmp_path / "out")
    assert (found.records, found.torn, found.path) == (FIRST, 0, store.path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files on this system")
@pytest.mark.parametrize("made", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_begun_in(made, tmp_path):
    Store.create(tmp_path / "out", RUN.header).close()
    (tmp_path / "out" / RECORDS).unlink()
    made(tmp_path / "out" / RECORDS)
    with pytest.raises(RunError, match=r"records\.jsonl is no regular file: remove it, or give"):
        set_aside(tmp_path / "out")


def test_a_link_that_waits_for_a_file_leads_nowhere(tmp_path):
    """Whatever a stranger links beside the file that is written, its target stays as it is."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    target = tmp_path / "page.md"
    target.symlink_to(victim)
    for name in (".page.md.part", f".page.md.{os.getpid()}.part"):
        (tmp_path / name).symlink_to(victim)
    write_file(target, "a page")
    assert (victim.read_text(), target.read_text()) == ("mine", "a page")
    assert not target.is_symlink()


def test_a_file_is_written_by_two_at_once(tmp_path):
    threads = [
        threading.Thread(target=lambda n=n: [write_file(tmp_path / "f", f"{n}" * 10_000)] * 50)
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set((tmp_path / "f").read_text())) == 1
    assert [item.name for item in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("text", ["a\udcffb", "\ud800", "lite|\udc80", "\\udcff", "𝄞"])
def test_text_that_is_no_unicode_can_be_read_again(text, tmp_path):
    assert loads(dumps([text]).encode()) == [text.encode("utf-8", "backslashreplace").decode()]
    odd = replace(RUN.header, command=f"python -m convbench run --suite {text}")
    store = Store.create(tmp_path / "out", odd)
    store.append([RUN.records[0].failed(f"RuntimeError: {text}")])
    store.close()
    assert load(tmp_path / "out").records[0].status == "failed"


# --- what is no file of convbench's -------------------------------------------------------------


def pipe(path):
    os.mkfifo(path)


def endless(path):
    path.symlink_to("/dev/zero")


def sparse(path):
    with path.open("wb") as file:
        file.truncate(1 << 40)


def nested(path):
    path.write_text("[" * 100_000 + "\n")


def nested_objects(path):
    path.write_text('{"more":' * 100_000 + "\n")


STRANGE = [pipe, endless, sparse, nested, nested_objects]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files on this system")
@pytest.mark.parametrize("name", [HEADER, RECORDS])
@pytest.mark.parametrize("made", STRANGE, ids=lambda made: made.__name__)
def test_what_is_no_file_of_a_run_is_told_at_once(made, name, tmp_path):
    Store.create(tmp_path / "out", RUN.header).close()
    (tmp_path / "out" / name).unlink()
    made(tmp_path / "out" / name)
    if name == RECORDS and made in {nested, nested_objects}:  # a last line that was cut off
        assert load(tmp_path / "out").torn == 1
        with (tmp_path / "out" / name).open("a") as file:
            file.write("{}\n")
    with pytest.raises(RunError) as caught:
        load(tmp_path / "out")
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("broken", [False, True], ids=["whole", "broken"])
def test_reading_a_run_leaves_the_garbage_collector_as_it_was(broken, tmp_path):
    store = Store.create(tmp_path / "run", RUN.header)
    store.append(FIRST)
    store.close()
    if broken:
        (tmp_path / "run" / RECORDS).write_text("[]\n[]\n")
    for collects in (True, False):
        try:
            (gc.enable if collects else gc.disable)()
            with pytest.raises(RunError) if broken else nullcontext():
                load(tmp_path / "run")
            assert gc.isenabled() is collects
        finally:
            gc.enable()


def test_a_count_beyond_64_bits_is_read_exactly(tmp_path):
    """The quick reader of JSON has a float for it, which is no count."""
    store = Store.create(tmp_path / "run", RUN.header)
    cost = replace(FIRST[0].cost, multiplications=2**70 + 1)
    store.append([replace(FIRST[0], cost=cost)])
    store.close()
    assert load(tmp_path / "run").records[0].cost.multiplications == 2**70 + 1


def test_a_byte_order_mark_before_records_is_no_part_of_them(tmp_path):
    store = Store.create(tmp_path / "run", RUN.header)
    store.append(FIRST)
    store.close()
    path = tmp_path / "run" / RECORDS
    whole = load(tmp_path / "run").records
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load(tmp_path / "run").records == whole
