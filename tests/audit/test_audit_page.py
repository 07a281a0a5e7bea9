"""The page, its files, and the command."""

import json
from dataclasses import replace

import pytest

from convbench.audit.command import audit_command, write_audit
from convbench.audit.page import mark, page
from convbench.audit.result import AuditError, AuditResult, CaseInfo, CounterInfo
from convbench.audit.verdicts import Cell
from convbench.report.renderers import RENDERERS


def _cell(case, counter, verdict, macs=None, **more):
    return Cell(case=case, counter=counter, verdict=verdict, known=100, macs=macs, **more)


MARKS = [
    (_cell("a/b", "c", "right", 100), "✓"),
    (_cell("a/b", "c", "right", 100, changed=("hooks",)), "✓*"),
    (_cell("a/b", "c", "right by its convention", 100), "c"),
    (_cell("a/b", "c", "wrong", 400), "×4"),
    (_cell("a/b", "c", "silent zero", 0), "0"),
    (_cell("a/b", "c", "flagged", 50), "?×0.5"),
    (_cell("a/b", "c", "flagged", 0), "?×0"),
    (_cell("a/b", "c", "refuses"), "R"),
    (_cell("a/b", "c", "crashes"), "!"),
    (_cell("a/b", "c", "forward only"), "–"),
    (_cell("a/b", "c", "not built"), ""),
]


@pytest.mark.parametrize(("cell", "text"), MARKS)
def test_marks(cell, text):
    assert mark(cell) == text


def _result():
    cases = (
        CaseInfo(id="plain/one", count="10 * 10", known=100, backward=False, note=""),
        CaseInfo(id="odd/FFT", count="4 * 25", known=100, backward=True, note="complex products"),
    )
    counters = (
        CounterInfo(name="careless", version="1.0", convention="1 for each"),
        CounterInfo(name="sure", version="2.0", convention="1 for each"),
        CounterInfo(name="absent", version="", convention="unknown"),
    )
    return AuditResult(
        environment={"torch": "2.13.0"},
        counters=counters,
        cases=cases,
        cells=(
            _cell("plain/one", "careless", "right", 100, changed=("hooks",)),
            _cell("plain/one", "sure", "right", 100),
            _cell("plain/one", "absent", "not installed"),
            _cell("odd/FFT", "careless", "silent zero", 0),
            _cell("odd/FFT", "sure", "right by its convention", 100, why="counts bias"),
            _cell("odd/FFT", "absent", "not installed"),
        ),
    )


def test_scores():
    score = _result().score("careless")
    assert (score.right, score.silent, score.touched, score.asked) == (1, 1, 1, 2)
    assert _result().agreed == ("plain/one",)
    assert [item.name for item in _result().installed] == ["sure", "careless"]


def test_the_page_says_what_the_cells_say():
    text = RENDERERS["markdown"](page(_result()))["report.md"].decode()
    assert "asked of 2 counters. All of them are right on 1." in text
    assert "Without a silent error: sure." in text
    assert "not asked: absent" in text
    assert "- **odd/FFT:** complex products" in text
    one = next(line for line in text.splitlines() if line.startswith("| one"))
    assert [part.strip() for part in one.strip("|").split("|")] == ["one", "✓", "✓\\*"]
    assert "hooks (1)" in text


def test_the_files_are_the_same_every_time_and_can_be_read_again(tmp_path):
    written = write_audit(_result(), tmp_path / "a", "shown")
    read = AuditResult.from_json(json.loads((tmp_path / "a" / "audit.json").read_text()))
    again = write_audit(read, tmp_path / "b", "shown")
    names = [path.relative_to(tmp_path / "a").as_posix() for path in written]
    assert "report.md" in names
    assert "audit.json" in names
    assert "tables/audit_cells.csv" in names
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]


def test_list_runs_nothing():
    said = []
    status = audit_command(
        counters=["fvcore"], cases="padding same", only_list=True, echo=said.append
    )
    assert status == 0
    assert said[0].startswith("counter  fvcore")
    assert any("plain/padding same  165,888 = 1*16*8" in line for line in said)
    assert len(said) == 3


def test_the_command_writes_the_page(tmp_path, capsys):
    said = []
    status = audit_command(
        counters=["FlopCounterMode"], cases="^plain/(3x3|1x1)$", out=tmp_path, echo=said.append
    )
    assert status == 0
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("# Which counter")
    assert len(json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["cells"]) == 2
    assert said[-1].startswith("FlopCounterMode")
    assert "2 of 2 right" in said[-1]
    assert capsys.readouterr().err == "FlopCounterMode: 2 cases asked\n"


@pytest.mark.parametrize(
    ("pattern", "words"), [("(", "no regular expression"), ("nothing like it", "--list")]
)
def test_a_pattern_that_finds_nothing(pattern, words):
    with pytest.raises(AuditError, match=words):
        audit_command(cases=pattern, only_list=True)


def test_what_was_wrong_before_stands_beside_what_is_now(tmp_path):
    before = [{**_cell("odd/FFT", "convbench", "wrong", 3).to_json(), "value": 3}]
    (tmp_path / "before.json").write_text(json.dumps({"cells": before}), encoding="utf-8")
    result = _result()
    now = replace(result.cell("odd/FFT", "sure"), counter="convbench")
    write_audit(replace(result, cells=(*result.cells, now)), tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "What the matrix found in convbench" in text
    assert (tmp_path / "tables" / "audit_mended.csv").exists()
    (tmp_path / "before.json").write_text("[]", encoding="utf-8")
    with pytest.raises(AuditError, match="take it away"):
        write_audit(result, tmp_path)
