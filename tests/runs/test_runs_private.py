"""What a run keeps of its maker: the suite without its comments, paths below the working folder."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.clock.gathering import TIMEOUT
from convbench.core.errors import SuiteError
from convbench.runs.choices import Request, shown_path
from convbench.runs.job import decide
from convbench.runs.suite import suite_text, without_comments

SECRET = "a comment of mine"
COMMENT = f"# {SECRET} \" ' \"\"\" '''"
words = st.text(st.sampled_from("ab #'\"\\[]=\t"), max_size=8)
VALUES = st.one_of(
    words.map(json.dumps),
    words.filter(lambda word: "'" not in word).map(lambda word: f"'{word}'"),
    words.map(lambda word: '"""\n# kept\n' + json.dumps(word)[1:-1] + '\n"""'),
    words.filter(lambda word: "'" not in word).map(lambda word: f"'''\n# kept {word}\n'''"),
    st.lists(words.map(json.dumps), max_size=3).map(lambda several: f"[{', '.join(several)}]"),
)


@given(st.lists(VALUES, max_size=6))
def test_comments_go_and_everything_else_stays(values):
    lines = [f"key{number} = {value} {COMMENT}" for number, value in enumerate(values)]
    text = "\n".join([COMMENT, *lines, f"[table] {COMMENT}", ""])
    bare = without_comments(text)
    assert SECRET not in bare
    assert tomllib.loads(bare) == tomllib.loads(text)


@pytest.mark.parametrize("name", ["quick", "default", "full", "example"])
def test_the_suites_are_the_same_without_comments(name):
    assert tomllib.loads(without_comments(suite_text(name))) == tomllib.loads(suite_text(name))


def test_paths_are_shown_below_the_working_folder_or_by_name(tmp_path, monkeypatch):
    (tmp_path / "here" / "in").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert shown_path(str(tmp_path / "here" / "in" / "a.toml")) == "in/a.toml"
    assert shown_path(str(tmp_path / "private" / "a.toml")) == "a.toml"
    assert shown_path("in/a.toml") == "in/a.toml"
    assert shown_path("../private/a.toml") == "a.toml"
    assert shown_path("in/../../private/a.toml") == "a.toml"
    assert shown_path("in/../a.toml") == "a.toml"
    assert shown_path("package.module") == "package.module"
    assert shown_path("quick") == "quick"


def test_a_run_of_a_suite_of_ones_own_tells_neither_its_folder_nor_its_comments(
    tmp_path, monkeypatch
):
    suite = tmp_path / "mine.toml"
    suite.write_text(f"{COMMENT}\n{suite_text('example')}")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    job = decide(Request(suite=str(suite), only="standard", device="cpu"))
    assert "--suite mine.toml" in job.command
    assert SECRET not in job.choice.text
    assert "#" not in job.choice.text


def test_the_timeout_is_the_plans_and_stands_in_the_command():
    job = decide(Request(suite="quick", only="standard", device="cpu", timeout=90.0))
    assert job.plan.timeout == 90
    assert "--timeout 90" in job.command
    plain = decide(Request(suite="quick", only="standard", device="cpu"))
    assert plain.plan.timeout == TIMEOUT
    assert "--timeout" not in plain.command


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan")])
def test_a_timeout_that_is_none_is_refused(seconds):
    with pytest.raises(SuiteError, match=r"--timeout .*: give seconds above 0"):
        decide(Request(suite="quick", device="cpu", timeout=seconds))
