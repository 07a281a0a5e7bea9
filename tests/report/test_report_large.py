"""A report of many groups: what is on the page, where the rest is, and what is derived once."""

import csv
import io
import json
import shutil
from collections import Counter
from dataclasses import replace
from functools import cache

import jsonschema
import pytest
from comparing import recorded
from report.report_runs import whole_run

from convbench.clock.estimates import Estimates
from convbench.report.contents import contents
from convbench.report.document import Column, Fold, Paragraph, Table
from convbench.report.formats.html import page as html
from convbench.report.large import MOST_GROUPS, MOST_ROWS, cut
from convbench.report.renderers import RENDERERS
from convbench.report.write import write_report
from convbench.runs.record import Run
from convbench.runs.store import Store, load
from convbench.ui.schemas import schema

GROUPS = 250


def cases(number):
    """Return the records of a group: the later ones of them have a case more."""
    slot = f"3→8 k3 @7×7 b{number + 1}"
    base = f"standard | {slot} · cpu · float32 · channels_first · 1 thread"
    names = ("standard", "ghost", "lite")[: 3 if number >= 100 else 2]
    return [
        recorded.record(
            name, [(1 + place) * 1e-4 * (1 + one / 100) for one in range(2)], slot=slot,
            baseline=base, cost=recorded.cost(1000 - place),
        )
        for place, name in enumerate(names)
    ]  # fmt: skip


@cache
def large_run():
    records = tuple(record for number in range(GROUPS) for record in cases(number))
    return Run(header=recorded.header(suite={"name": "s", "cases": len(records)}), records=records)


def paragraphs(document):
    return [block.text for block in document.walk() if isinstance(block, Paragraph)]


def table(files, name):
    return list(csv.DictReader(io.StringIO(files[f"tables/{name}.csv"].decode())))


def test_the_page_has_the_groups_that_compare_most_and_says_where_the_others_are():
    document = contents(large_run())
    shown = [one for one in document.walk() if isinstance(one, Table) and one.id == "results"]
    assert len(shown) == MOST_GROUPS + 1, "the main one, and the others"
    assert all(len(one.rows) == 3 for one in shown), "those of two cases tell less"
    left = GROUPS - MOST_GROUPS - 1
    (said,) = [text for text in paragraphs(document) if "not on this page" in text]
    assert f"{left} more groups, which compare fewer cases or less work, are not on this" in said
    assert "tables/results.csv, which the csv format writes" in said
    page = RENDERERS["markdown"](replace(document, forms=()))["report.md"].decode()
    assert said.split("”. ")[1].partition(":")[0] in page


def test_the_data_has_every_group_and_every_case():
    files = RENDERERS["csv"](contents(large_run()))
    rows = table(files, "results")
    assert Counter(row["group"] for row in rows) == Counter(
        record.group for record in large_run().records
    )
    assert len(table(files, "overview")) == GROUPS
    assert len(table(files, "cases")) == len(large_run().records)
    whole = json.loads(RENDERERS["json"](contents(large_run()))["report.json"])
    jsonschema.Draft202012Validator(schema("report")).validate(whole)


def test_a_run_of_some_tens_of_groups_is_whole_on_its_page():
    document = contents(whole_run())
    page = RENDERERS["markdown"](document)["report.md"].decode()
    assert [one.id for one in document.data] == ["cases"]
    assert "not on this page" not in page
    assert "rows; all are in" not in page


def test_long_tables_are_cut_in_folds_too_and_say_so():
    columns = (Column(name="n", key="n", kind="integer"),)
    rows = tuple((number,) for number in range(MOST_ROWS + 3))
    long = Table(id="long", caption="Numbers.", columns=columns, rows=rows)
    short = replace(long, id="short", rows=rows[:MOST_ROWS])
    (fold, kept), rest = cut([Fold(summary="s", blocks=(long,)), short])
    assert kept is short
    (shown,) = fold.blocks
    assert shown.rows + rest[0].rows == rows
    assert [one.id for one in rest] == ["long"]
    assert shown.caption == (
        f"Numbers. The first {MOST_ROWS} of {MOST_ROWS + 3} rows; all are in tables/long.csv, "
        "which the csv format writes."
    )


def test_each_time_is_estimated_once_for_all_formats(monkeypatch):
    run = replace(large_run())  # nothing is kept with it yet
    seen = Counter()

    def counted(estimates, name, *rest, of=Estimates.time):
        seen[id(estimates), name] += 1
        return of(estimates, name, *rest)

    monkeypatch.setattr(Estimates, "time", counted)
    for name in ("csv", "json", "latex", "markdown"):
        RENDERERS[name](replace(contents(run), forms=()))
    assert len(seen) == len(run.records)
    assert set(seen.values()) == {1}


def test_a_run_that_was_read_needs_its_folder_no_more(tmp_path):
    """All samples are in memory: no file can change, or go, between reading and reporting."""
    run = large_run()
    store = Store.create(tmp_path / "run", run.header)
    store.append(run.records)
    store.close()
    found = load(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    assert found.records == run.records
    assert write_report(found, tmp_path / "out", ("csv",))


def test_a_page_of_html_holds_no_table_that_is_too_large_for_it(monkeypatch):
    pytest.importorskip("plotly")
    small = RENDERERS["html"](contents(whole_run()))["report.html"].decode()
    assert "kept inside this page" in small
    monkeypatch.setattr(html, "_MOST_INSIDE", 100)
    large = RENDERERS["html"](contents(whole_run()))["report.html"].decode()
    assert "too many to be kept inside this page. The csv format writes tables/cases.csv." in large
    assert "data:text/csv" not in large
