"""CSV: raw for programs, and nothing in it that a spreadsheet would run."""

import io
from dataclasses import replace

import pandas as pd
import pytest
from report.report_runs import whole_run

from convbench.core.intervals import Interval
from convbench.report.contents import contents
from convbench.report.document import Column, Document, Table
from convbench.report.formats.csv import harmless, render

FORMULAS = [
    "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1,1)", "\t=1+1", "\r=1+1", "\n=1",
    "＝1+1", "＠SUM(1)", "@1+cmd|' /C calc'!A0", "@A1", "'=1+1", "''@A1", "@256*2", "@25|x",
]  # fmt: skip
PLAIN = ["standard", "'quoted'", "@256×128 b1", "1-1", "a=b", "", "–", "3→128 k3", " =1+1", "'"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_has_an_apostrophe_in_front(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", [*PLAIN, -1, -1.5, 0, None, True])
def test_anything_else_is_as_it_was(value):
    assert harmless(value) is value


def undone(text):
    """Undo it as the documentation says a program can."""
    rest = text.lstrip("'")
    return text[1:] if text.startswith("'") and rest[:1] in tuple("=+-@\t\r\n＝＋－＠") else text


@pytest.mark.parametrize("text", [*FORMULAS, *PLAIN])
def test_a_program_can_have_the_text_back(text):
    assert undone(harmless(text)) == text


def test_no_cell_of_a_report_of_hostile_names_is_a_formula():
    run = whole_run()
    records = tuple(
        replace(r, label=FORMULAS[i % len(FORMULAS)], name=FORMULAS[i % len(FORMULAS)],
                slot="=A1", flags=("=1+1: a flag",))
        for i, r in enumerate(run.records)
    )  # fmt: skip
    for name, data in render(contents(replace(run, records=records))).items():
        table = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
        for value in table.to_numpy().ravel():
            number = value.lstrip("-").replace(".", "").replace("e-", "").isdigit()
            assert number or value[:1] not in tuple("=+-@\t\r\n"), (name, value)
        assert not any(column.startswith(("=", "+", "-", "@")) for column in table)


def test_parts_of_a_table_are_one_with_their_group_and_intervals_are_three_columns():
    time = Interval(value=2.0, low=1.5, high=3.0, confidence=0.95, processes=3)
    columns = (Column(name="case", key="label"), Column(name="t", key="seconds", kind="seconds"))
    wide = replace(time, low=1.4)
    blocks = tuple(
        Table(id="t", caption="", columns=columns, rows=(row,), part=part)
        for row, part in ((("a", time), "one"), (("b", None), "two"), (("c", wide), "two"))
    )
    data = render(Document(title="", blocks=blocks))["tables/t.csv"].decode()
    assert data == (
        "group,label,seconds,seconds_low,seconds_high\none,a,2.0,1.5,3.0\ntwo,b,,,\ntwo,c,2.0,,\n"
    )
