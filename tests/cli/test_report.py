"""`report` and `schema`: which formats, where to, and what is said of those that are missing."""

import json
import re
import sys
from pathlib import Path

import pytest
from conftest_root import ROOT

from convbench.report.renderers import RENDERERS, SCREENS
from convbench.report.write import ALL

QUICK = ROOT / "reports" / "cpu-quick"
PLUGIN = """
from convbench.report.renderers import RENDERERS

@RENDERERS.register("titles")
def render(document):
    return {"titles.txt": document.title.encode()}
"""


def test_help_names_every_format_and_no_other(convbench):
    text = " ".join(convbench("report", "--help").stdout.replace("│", " ").split())
    files, printed = re.search(r"Files: (.*?)\. Printed here: (.*?)\.", text).groups()
    assert set(files.replace(", or all of them", "").split(", ")) == set(RENDERERS)
    assert set(printed.split(", ")) == set(SCREENS)


def test_a_format_of_a_plugin_is_a_choice_like_any_other(fresh, tmp_path):
    (tmp_path / "titles.py").write_text(PLUGIN, encoding="utf-8")
    options = ("--plugin", "titles.py", "report")
    assert "parquet, titles, or all" in " ".join(
        fresh(*options, "--help").stdout.replace("│", " ").split()
    )
    known = fresh(*options, QUICK, "--format", "zzz", code=2).stderr
    assert "titles, terminal" in " ".join(known.split())
    done = fresh(*options, QUICK, "--format", "titles,csv", "--out", "o")
    assert done.stdout.split()[0] == str(Path("o", "titles.txt"))
    title = (tmp_path / "o" / "titles.txt").read_text(encoding="utf-8")
    assert title == "What convolutions cost: the quick suite on cpu"


def test_the_default_writes_what_it_did_into_the_run(convbench, tmp_path):
    for name in ("run.json", "records.jsonl"):
        (tmp_path / name).write_bytes((QUICK / name).read_bytes())
    paths = convbench("report", tmp_path).stdout.split()
    assert {"report.md", "cases.csv"} <= {path.replace("\\", "/").split("/")[-1] for path in paths}
    assert (tmp_path / "report.md").read_bytes() == (QUICK / "report.md").read_bytes()


def test_out_is_another_folder_and_the_run_is_left_alone(convbench, tmp_path):
    before = {p: p.stat().st_mtime_ns for p in QUICK.rglob("*")}
    done = convbench("report", QUICK, "--format", "json,csv", "--out", "a/b")
    assert json.loads((tmp_path / "a" / "b" / "report.json").read_text(encoding="utf-8"))
    assert (tmp_path / "a" / "b" / "tables" / "cases.csv").exists()
    assert done.stdout.split()[0].endswith("report.json")
    assert {p: p.stat().st_mtime_ns for p in QUICK.rglob("*")} == before


def test_the_terminal_report_is_printed_and_no_file_is_written(convbench, tmp_path):
    text = convbench("report", QUICK, "--format", "terminal").stdout
    assert "Cheapest by count: shufflenet_unit" in text
    assert max(map(len, text.split("\n"))) <= 100
    assert not list(tmp_path.iterdir())


def test_files_and_the_terminal_go_together(convbench, tmp_path):
    text = convbench("report", QUICK, "--format", "terminal,csv", "--out", "o").stdout
    assert text.index("cases.csv") < text.index("What the numbers say")


def test_all_says_which_formats_are_left_out_and_how_to_install_them(
    convbench, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for name in set(RENDERERS) - {"parquet", "csv"}:
        monkeypatch.setitem(RENDERERS._items, name, lambda document, name=name: {name: b""})
    done = convbench("report", QUICK, "--format", ALL, "--out", "o")
    assert "parquet is left out" in done.stderr
    assert "pip install 'convbench[parquet]'" in done.stderr
    assert not (tmp_path / "o" / "parquet").exists()
    assert (tmp_path / "o" / "json").exists()
    assert (tmp_path / "o" / "tables").exists()


def test_a_format_that_was_asked_for_is_not_left_out_in_silence(convbench, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = convbench("report", QUICK, "--format", "csv,parquet", "--out", "o", code=2)
    assert "pip install 'convbench[parquet]'" in done.stderr
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("termnal", "Did you mean terminal"),
        ("csv,markdwn", "Did you mean markdown"),
        ("al", "Did you mean all"),
        ("zzz", "Known: csv, html, json"),
        ("", "Known: csv, html, json"),
    ],
)
def test_an_unknown_format_is_one_message(convbench, tmp_path, asked, says):
    assert says in convbench("report", QUICK, "--format", asked, "--out", "o", code=2).stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["report", "run", "record"])
def test_schemas_are_printed_as_they_ship(convbench, name):
    assert json.loads(convbench("schema", name).stdout)["$id"].startswith(f"urn:convbench:{name}:")


def test_an_unknown_schema_is_an_error(convbench):
    convbench("schema", "reports", code=2)


def test_help_of_schema_says_which_files(convbench):
    text = " ".join(convbench("schema", "--help").stdout.replace("│", " ").split())
    assert "one line of records.jsonl" in text
