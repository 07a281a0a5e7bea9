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
    assert title == "What convolutions cost: the quick suite on cpu (AMD EPYC)"


@pytest.mark.usefixtures("drawn_once")
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
    assert "Cheapest full replacement: shufflenet_unit" in text
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


def test_one_table_is_one_file_with_the_columns_that_were_asked_for(convbench, tmp_path):
    options = ("--table", "main", "--columns", "type,macs,params,ms,ratio", "--out", "o")
    done = convbench("report", QUICK, "--format", "latex", *options)
    assert done.stdout.split() == [str(Path("o", "table-main.tex"))]
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["table-main.tex"]
    text = (tmp_path / "o" / "table-main.tex").read_text(encoding="ascii")
    for head in ("type", "MACs (M)", "parameters", "time (ms)"):
        assert f"{{{head}}}" in text
    shown = convbench("report", QUICK, "--format", "terminal", *options).stdout
    assert re.search(r"shufflenet_unit +3\.663 +1,168 +0\.2\d\d ± 0\.0\d\d +0\.2", shown)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--table", "nope"], "no table 'nope'. Its tables: main; 3→128, 3×3, no padding, 7×7"),
        (["--table", ""], "no table ''. Its tables: main;"),
        (["--columns", "nope"], "no column 'nope'. A group has type, slot, macs, flops, params,"),
        (["--columns", ""], "no column ''. A group has type,"),
        (["--table", "left-out", "--columns", "macs"], "has status, label, slot, cases, reason."),
        (
            ["--columns", "type", "--format", "html"],
            "Those that do: csv, latex, markdown, terminal",
        ),
        (["--columns", "type", "--figures", "svg"], "--figures is for a whole report"),
        (["--figures", "gif"], "not written as 'gif'. Give one or more of png, svg, pdf."),
        (["--figures", ""], "not written as ''. Give one or more of png, svg, pdf."),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(convbench, tmp_path, options, said):
    done = convbench("report", QUICK, "--out", "o", *options, code=2)
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o").exists()


@pytest.mark.usefixtures("drawn_once")
def test_figures_are_written_in_the_forms_that_were_asked_for(convbench, tmp_path):
    convbench("report", QUICK, "--figures", "pdf,svg", "--out", "o")
    page = (tmp_path / "o" / "report.md").read_text(encoding="utf-8")
    shown = re.findall(r"\]\(figures/(.*?)\)", page)
    assert shown
    assert all(name.endswith(".svg") for name in shown)
    forms = {path.suffix for path in (tmp_path / "o" / "figures").iterdir()}
    assert forms == {".svg", ".pdf"}
    convbench("report", QUICK, "--format", "json", "--figures", "svg", "--out", "p")
    assert {path.name for path in (tmp_path / "p" / "figures").iterdir()} == set(shown)
