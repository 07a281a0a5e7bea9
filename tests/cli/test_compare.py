"""`convbench compare` as a user meets it: statuses, files, and what is refused."""

import re

import pytest
from comparing import recorded as runs

from convbench.runs.store import Store


@pytest.fixture
def made(tmp_path):
    """Return a function that writes a run folder."""

    def write(name, first=(1, 1.001), **changes):
        header = runs.header(suite={"name": "s", "cases": 10}, **changes)
        store = Store.create(tmp_path / name, header)
        store.append(runs.record(f"t{n}", (1, 1.001) if n else first, run=name) for n in range(10))
        store.close()
        return name

    return write


def test_statuses_of_ok_regression_and_incomparable(convbench, made):
    a = made("a")
    assert "No regression was found." in convbench("compare", a, made("b")).stdout
    done = convbench("compare", a, made("slow", (1.5, 1.5)), code=3)
    assert "Regression: 1 case is slower." in done.stdout
    other = made("other", fingerprint={**runs.ENVIRONMENT, "torch": "2.14.0"})
    done = convbench("compare", a, other, code=5)
    assert "--allow torch" in done.stdout
    convbench("compare", a, other, "--allow", "torch")
    convbench("compare", a, other, "--allow", "all")
    convbench("compare", a, other, "--gate", "counts")


def test_what_is_inconclusive_fails_when_strict(convbench, made):
    a, b = made("a"), made("b", (1, 1.3))
    done = convbench("compare", a, b)
    assert "No regression was found. 9 of 10 cases could be judged by time: 9 same." in done.stdout
    done = convbench("compare", a, b, "--strict", code=4)
    assert "Not passed: 1 case is inconclusive, which fails with --strict" in done.stdout


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_it_fits_the_terminal_with_ratio_and_interval_whole(convbench, made, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = convbench("compare", made("a"), made("slow", (1.5, 1.5)), code=3).stdout
    assert max(map(len, text.splitlines())) <= columns
    row = text.partition("\nSlower\n")[2].partition("\n\nInconclusive")[0].splitlines()[4:]
    assert any(re.search(r"t0 .* 1\.50 +1\.\d+–1\.\d+", line) for line in row), row


def test_the_page_is_written_as_markdown(convbench, made, tmp_path):
    done = convbench("compare", made("a"), made("b"), "--markdown", "new/page.md")
    page = (tmp_path / "new/page.md").read_text()
    assert page.startswith("# b against a\n")
    assert "No regression was found." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a"], "Give a second one, or --by AXIS"),
        (["a", "nowhere"], "nowhere is not a folder"),
        (["a", "--by", "layuot"], "the axes are device, dtype, layout"),
        (["a", "--by", "layout"], "give two of these"),
        (["a", "a", "--by", "layout=x,y"], "with two runs"),
        (["a", "a", "--threshold", "5"], "give it as 5% or as 0.05"),
        (["a", "a", "--threshold", "nan"], "give it as 5% or as 0.05"),
        (["a", "a", "--drift", "-1%"], "give it as 5% or as 0.05"),
        (["a", "a", "--gate", "cii"], "There is no gate 'cii'"),
        (["a", "a", "--allow", "kernel"], "the keys that must match"),
        (["a", "a", "--markdown", "."], ". is a folder: name a file"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(convbench, made, arguments, message):
    made("a")
    done = convbench("compare", *arguments, code=2)
    assert message in " ".join(done.stderr.split())
