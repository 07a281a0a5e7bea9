"""`convbench history` as a user meets it: what is printed, what is written, what is refused."""

import subprocess
import sys

import pytest
from conftest_root import ROOT
from history import histories

HOSTILE = "<script>\x1b[31m|`[bold]x[/bold]"


@pytest.fixture
def runs(tmp_path):
    return histories.plain(tmp_path / "runs", 6, histories.slower(1.2, 5, since=3))


def test_it_shows_runs_changes_and_the_cases_that_changed(convbench, runs):
    text = convbench("history", "runs").stdout
    assert text.startswith("History of 6 runs, 2026-01-01 to 2026-01-06")
    assert "1 slower in 1 case, from run 4 on" in text
    assert all(f"r{run}" in text for run in range(6))
    assert "type 5 in 3→8 k3 @7×7 b1" in text
    assert text.index("What changed") < text.index("Runs") < text.index("Cases, run by run")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_it_fits_the_terminal(convbench, runs, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = convbench("history", "runs", "--case", "type [12]").stdout
    assert max(map(len, text.splitlines())) <= columns
    assert "2026-01-03 08:00" in text  # not cut in two


def test_a_case_is_chosen_by_its_name(convbench, runs):
    text = convbench("history", "runs", "--case", "^type 7 ").stdout
    assert "type 7 in " in text
    assert "type 5 in " not in text


def test_the_threshold_says_what_matters(convbench, runs):
    done = convbench("history", "runs", "--threshold", "50%")
    assert "no significant change beyond 50 %" in done.stdout


def test_out_writes_the_page_its_figure_and_its_data(convbench, runs, tmp_path):
    done = convbench("history", "runs", "--out", "page")
    assert done.stdout.rstrip().endswith("page/history.md")
    files = {p.relative_to(tmp_path / "page").as_posix() for p in (tmp_path / "page").rglob("*.*")}
    assert files == {"history.md", "figures/history.png", "tables/history.csv"}
    assert "figures/history.png" in (tmp_path / "page" / "history.md").read_text()
    assert (tmp_path / "page" / "tables" / "history.csv").read_text().count("\n") == 1 + 6 * 24
    before = {path: (tmp_path / "page" / path).read_bytes() for path in files}
    convbench("history", "runs", "--out", "page")
    assert {path: (tmp_path / "page" / path).read_bytes() for path in files} == before


def test_a_page_among_the_runs_is_taken_for_none(convbench, runs):
    convbench("history", "runs", "--out", "runs")
    assert "Found: 6 runs, 24 cases, 24 timed; all on cpu" in convbench("history", "runs").stdout


def test_hostile_names_do_nothing_to_the_terminal(convbench, tmp_path):
    def change(number, run, one):
        return type(one)(**{**vars(one), "label": HOSTILE}) if number == 5 else one

    histories.plain(tmp_path / "runs", 3, change, fingerprint={"git_commit": "a\x1b[2Jb"})
    text = convbench("history", "runs", "--case", "type 5").stdout
    assert "\x1b" not in text
    assert "<script>\N{REPLACEMENT CHARACTER}[31m|`[bold]x[/bold]" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing"], "missing does not exist: give a folder"),
        (["."], "holds no run, and no folder below it does: give"),
        (["runs", "--case", "["], "is no regular expression"),
        (["runs", "--case", "tipe 5"], "Near ones are type 5"),
        (["runs", "--case", "zzzzzz"], "Types there: type 0"),
        (["runs", "--threshold", "5x"], "give it as 5% or as 0.05"),
        (["runs", "--out", "runs/r0"], "runs/r0 holds a run (run.json)"),
        (["runs", "--out", "runs/r0/run.json"], "cannot be written"),
    ],
)
def test_what_is_refused_says_why_and_what_to_do(convbench, tmp_path, arguments, words):
    if arguments[0] != ".":
        histories.plain(tmp_path / "runs", 2)
    done = convbench("history", *arguments, code=2)
    assert words in done.stderr
    assert not done.stdout


def test_a_run_is_left_as_it_was_by_a_refusal(convbench, runs):
    before = {path: path.read_bytes() for path in (runs / "r0").rglob("*") if path.is_file()}
    convbench("history", "runs", "--out", "runs/r0", code=2)
    after = {path: path.read_bytes() for path in (runs / "r0").rglob("*") if path.is_file()}
    assert after == before


def test_help_says_that_it_is_no_gate(convbench):
    text = " ".join(convbench("history", "--help").stdout.split())
    assert "no gate" in text
    assert "`compare`" in text or "compare" in text


def test_history_imports_no_torch():
    code = (
        "import sys\n"
        "import convbench.history.command, convbench.report.formats.terminal\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
