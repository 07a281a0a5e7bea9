"""Writing: the same bytes twice, whole files or none, no torch."""

import subprocess
import sys
from dataclasses import replace

import pytest
from report.report_runs import header, whole_run

from convbench.core.errors import RunError, UnknownNameError
from convbench.report.contents import contents
from convbench.report.renderers import RENDERERS
from convbench.report.write import write_report
from convbench.runs.record import Run


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_twice_is_byte_identical_and_every_path_is_returned(tmp_path):
    paths = write_report(whole_run(), tmp_path / "a")
    write_report(whole_run(), tmp_path / "b")
    first = tree(tmp_path / "a")
    assert first == tree(tmp_path / "b")
    assert {str(p.relative_to(tmp_path / "a")) for p in paths} == set(first)
    assert paths[0].name == "report.md"
    write_report(whole_run(), tmp_path / "a")
    assert tree(tmp_path / "a") == first


def test_where_a_run_lies_does_not_show(tmp_path):
    write_report(replace(whole_run(), path=tmp_path / "x"), tmp_path / "x")
    write_report(replace(whole_run(), path=tmp_path / "y"), tmp_path / "y")
    assert tree(tmp_path / "x") == tree(tmp_path / "y")


def test_formats_are_chosen_and_other_files_stay(tmp_path):
    (tmp_path / "records.jsonl").write_text("keep")
    write_report(whole_run(), tmp_path, ["csv"])
    found = tree(tmp_path)
    assert found["records.jsonl"] == b"keep"
    assert "tables/cases.csv" in found
    assert "report.md" not in found


@pytest.mark.usefixtures("drawn_once")
def test_every_figure_that_the_page_shows_is_written(tmp_path):
    write_report(whole_run(), tmp_path, ["markdown"])
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    for path in (tmp_path / "figures").iterdir():
        assert f"(figures/{path.name})" in page
    assert page.count("](figures/") == len(list((tmp_path / "figures").iterdir()))


def test_an_unknown_format_writes_nothing(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean markdown"):
        write_report(whole_run(), tmp_path, ["csv", "markdwn"])
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="give a folder"):
        write_report(Run(header=header(), records=()), tmp_path / "file" / "out")


@pytest.mark.usefixtures("drawn_once")
@pytest.mark.parametrize("name", ["tables", "figures"])
def test_nothing_is_written_through_a_link_below_the_folder(tmp_path, name):
    """The folder may be a stranger's, and lead to a folder of the reader's own."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(victim)
    with pytest.raises(RunError, match=rf"out/{name} is a link to another folder, and nothing is"):
        write_report(whole_run(), tmp_path / "out")
    assert [*victim.iterdir()] == []
    assert [item.name for item in (tmp_path / "out").iterdir()] == [name]
    (tmp_path / "linked").symlink_to(victim)  # that of the command line may be one
    assert (victim / "report.md").name in {
        path.name for path in write_report(whole_run(), tmp_path / "linked")
    }


@pytest.mark.usefixtures("drawn_once")
def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    from pathlib import Path

    write_report(whole_run(), tmp_path, ["markdown"])
    before = tree(tmp_path)

    def broken(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(RunError, match="No space left"):
        write_report(Run(header=header(), records=()), tmp_path, ["markdown"])
    assert tree(tmp_path) == before


def test_a_format_is_one_registered_function(tmp_path):
    @RENDERERS.register("title-only")
    def render(document):
        return {"title.txt": document.title.encode()}

    try:
        (path,) = write_report(whole_run(), tmp_path, ["title-only"])
        assert path.read_text() == contents(whole_run()).title
    finally:
        RENDERERS.remove("title-only")


def test_both_formats_are_found():
    assert {"markdown", "csv"} <= set(RENDERERS)


def test_a_report_is_written_without_torch(tmp_path):
    code = (
        "import sys\n"
        "from convbench.report.write import write_report\n"
        "from convbench.runs.record import Header, Run\n"
        "from convbench.runs.frame import frame\n"
        "header = Header(version='0', suite={}, seed=0, command='', started='', fingerprint={})\n"
        "run = Run(header=header, records=())\n"
        f"write_report(run, {str(tmp_path)!r})\n"
        "frame(run)\n"
        "import convbench.report.figures.canvas\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
    assert (tmp_path / "report.md").exists()
