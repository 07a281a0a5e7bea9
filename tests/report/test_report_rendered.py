"""What is shown of times, whatever disturbed them: read back from the pages of every format.

No interval spans more than a factor of 2, and no time lies beyond what its processes measured.
"""

import io
import json
import math
import random
import re
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest
from report.noisy import noisy_run
from report.report_runs import whole_run
from rich.console import Console

from convbench.clock.contamination import contaminated
from convbench.report.contents import contents
from convbench.report.formats import csv, html, latex, markdown, parquet, terminal
from convbench.report.formats import json as report_json
from convbench.runs.titles import titles

UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
TIME = re.compile(r"(?<![\w.,])([\d,]*\.?\d+) (s|ms|µs|ns)\b")
SHARE = re.compile(r"±([\d.]+) ?%")
RANGE = re.compile(r"(?<![\w.])([\d,]*\.?\d+)–([\d,]*\.?\d+)")
SPREAD = re.compile(r"([\d.,]+)( \w+)? … ([\d.,]+)")


@cache
def wild_run(seed=5):
    """Return a run of which every fourth process was slowed, by factors of up to thousands."""
    draw = random.Random(seed)

    def slowed(samples):
        if draw.random() < 0.75:
            return samples
        factor = math.exp(abs(draw.gauss(0, 2.5)))
        return replace(samples, seconds=tuple(
            factor * second * math.exp(abs(draw.gauss(0, 1))) for second in samples.seconds
        ))  # fmt: skip

    run = whole_run()
    records = (
        replace(record, samples=tuple(slowed(samples) for samples in record.samples))
        for record in run.records
    )
    return replace(run, records=tuple(records))


pytestmark = pytest.mark.usefixtures("drawn_once")
RUNS = {"noisy": noisy_run, "wild": wild_run, "quiet": whole_run}


@cache
def files(name):
    document = contents(RUNS[name]())
    found = {}
    for form in (csv, html, report_json, latex, markdown, parquet):
        found.update(form.render(document))
    return found


def text_of(data):
    """Return the text of a page as a reader sees it, whatever its format."""
    text = data.decode().replace("\N{NO-BREAK SPACE}", " ")
    for written, sign in ((r"\ensuremath{\pm}", "±"), (r"\textendash{}", "–"), (r"\ldots{}", "…"),
                          (r"\textmu{}", "µ"), (r"\%", "%"), ("~", " ")):  # fmt: skip
        text = text.replace(written, sign)
    return text


def screen(name, width):
    file = io.StringIO()
    terminal.render(contents(RUNS[name]()), Console(file=file, width=width))
    return file.getvalue()


def number(text):
    return float(text.replace(",", ""))


def intervals(text):
    """Yield (low, high) of every interval on a page; ± 20 % may be read as 0.8 to 1.2."""
    for share in SHARE.findall(text):
        yield 1 - float(share) / 100, 1 + float(share) / 100
    for low, high in RANGE.findall(text):
        yield number(low), number(high)


def check(text, *, some=True):
    found = list(intervals(text))
    assert found or not some
    for low, high in found:
        assert 0 < low <= high <= 2 * low, (low, high)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("file", ["report.md", "report.html", "report.tex"])
def test_no_interval_on_a_page_spans_more_than_a_factor_of_2(name, file):
    text = text_of(files(name)[file])
    if file == "report.html":
        text = re.sub(r"<script.*?</script>|<style.*?</style>", "", text, flags=re.DOTALL)
    check(text)
    assert name == "quiet" or SPREAD.search(text)


@pytest.mark.parametrize("name", RUNS)
def test_nor_in_a_table_for_a_paper_a_notebook_or_a_terminal(name):
    tables = {f: data for f, data in files(name).items() if f.startswith("latex/")}
    assert tables
    for data in tables.values():
        check(text_of(data), some=False)
    check("".join(map(text_of, tables.values())))
    check(RUNS[name]()._repr_html_().replace("\N{NO-BREAK SPACE}", " "))
    for width in (80, 200):
        check(screen(name, width))


def ends(table):
    """Yield (low, high) of every row and pair of columns of a table of data."""
    pairs = [column for column in table if column.endswith("_low")]
    assert pairs or not any(column.endswith("_high") for column in table)
    for low in pairs:
        high = low.removesuffix("_low") + "_high"
        there = table[[low, high]].dropna(how="all")
        yield from zip(there[low], there[high], strict=True)


@pytest.mark.parametrize("name", RUNS)
def test_nor_in_a_column_of_data(name):
    found = []
    for file, data in files(name).items():
        if file.endswith(".csv"):
            found += ends(pd.read_csv(io.BytesIO(data)))
        if file.endswith(".parquet"):
            found += ends(pd.read_parquet(io.BytesIO(data)))
    assert found
    assert all(0 < low <= high <= 2 * low for low, high in found)


def objects(node):
    if isinstance(node, dict):
        yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from objects(child)


@pytest.mark.parametrize("name", RUNS)
def test_nor_in_json(name):
    whole = json.loads(files(name)["report.json"])
    found = [node for node in objects(whole) if {"low", "high"} <= node.keys()]
    assert found
    for node in found:
        if node["low"] is None:
            assert node["high"] is None
        else:
            assert 0 < node["low"] <= node["high"] <= 2 * node["low"]


def charts(name):
    page = files(name)["report.html"].decode()
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])["charts"]


def ticked(key):
    """Return the axis of ratios of a figure: there is a line at 1."""
    return "xaxis" if key.startswith("promise") else "yaxis"


@pytest.mark.parametrize("name", RUNS)
def test_nor_in_a_figure_and_no_axis_is_longer_than_its_marks(name):
    seen = 0
    for key, chart in charts(name).items():
        for trace in chart["traces"]:
            for axis in "xy":
                bars = trace.get(f"error_{axis}", {})
                if "array" in bars:
                    (value,), (above,), (below,) = trace[axis], bars["array"], bars["arrayminus"]
                    assert value + above <= 2 * (value - below) * (1 + 1e-9)
                    seen += 1
                if bars and axis + "axis" in chart["ticks"]:
                    low, high = (10**end for end in chart["layout"][f"{axis}axis"]["range"])
                    assert low < trace[axis][0] < high
        for axis, ticks in chart["ticks"].items():
            # the grey lines of a scatter go as far as its axes
            drawn = ("markers",) if key.startswith("time-against") else ("markers", "lines")
            marks = [] if key.startswith("time-against") else [1.0] * (axis == ticked(key))
            marks += [
                value
                for trace in chart["traces"]
                if trace.get("mode") in drawn and trace.get("xaxis") != "x2"
                for value in trace[axis[0]]
                if value
            ]
            low, high = (10**end for end in chart["layout"][axis]["range"])
            room = max(2.01, (max(marks) / min(marks)) ** 0.09)
            assert ticks
            assert min(marks) / room < low, key
            assert high < max(marks) * room, key
    assert seen > 5


def measured(record):
    return [second for samples in record.samples for second in samples.seconds]


def read(text):
    """Return seconds of the first duration in a text, and how far 3 digits may be off."""
    value, unit = TIME.search(text).groups()
    return number(value) * UNITS[unit]


@pytest.mark.parametrize("name", RUNS)
def test_every_time_in_a_table_was_measured_by_one_of_the_processes(name):
    run = RUNS[name]()
    names = titles(run.records).groups
    records = {(names[r.group], r.label): r for r in run.records if r.samples and r.status == "ok"}
    group, at, seen = "", 0, 0
    for line in text_of(files(name)["report.md"]).splitlines():
        heading = re.match(
            r"## (?:Cost and time: )?(.*)|<details><summary>(.*)</summary>|\| \*\*(.*)\*\* \|", line
        )
        if heading:
            title = heading[1] or heading[2] or heading[3]
            group = title.replace("Networks", "networks")
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            at = 0
        elif "time of a call" in cells:
            at = cells.index("time of a call")
        elif at and (group, cells[0]) in records:
            # a low quantile of its rounds: some process measured it
            rounds = measured(records[group, cells[0]])
            assert any(abs(read(cells[at]) / one - 1) < 0.006 for one in rounds), cells
            seen += 1
    assert seen == len(records)


@pytest.mark.parametrize("name", RUNS)
def test_no_duration_in_words_is_shorter_or_longer_than_any_that_was_measured(name):
    run = RUNS[name]()
    rounds = [second for record in run.records for second in measured(record)]
    document = contents(run)
    said = " ".join(point.text + point.answer for point in document.findings)
    assert TIME.search(said)
    for value, unit in TIME.findall(said):
        assert 0.99 * min(rounds) <= number(value) * UNITS[unit] <= 1.01 * max(rounds)


@pytest.mark.parametrize("name", ["noisy", "wild"])
def test_a_disturbed_run_says_so_first_and_is_sure_of_nothing(name):
    page = text_of(files(name)["report.md"])
    first = page.splitlines()[2]
    assert first.startswith("The machine was busy while this was measured: ")
    assert "run again with --threads 1" in first
    answers = {point.lead: point.answer for point in contents(RUNS[name]()).findings}
    assert not [text for text in answers.values() if re.search(r"(?<!Not )\bsure", text)]
    assert answers["How sure"] == "Not sure: the machine was busy. Run again with --threads 1"
    assert not re.search(r"surely", page)


def test_a_quiet_one_does_not():
    assert "busy" not in text_of(files("quiet")["report.md"])
    assert contents(whole_run()).findings[-2].answer == (
        "bottleneck is faster than standard at 95 % confidence"
    )


def test_the_noisy_run_was_disturbed_and_every_row_says_by_what():
    """The data are what they are taken for: a process far off, and others beside the run."""
    table = pd.read_csv(io.BytesIO(files("noisy")["tables/cases.csv"]))
    timed = table.dropna(subset=["seconds_median"])
    each = timed["seconds_processes"].str.split().map(lambda texts: list(map(float, texts)))
    assert (each.map(max) > 100 * each.map(min)).any()
    assert any(any(contaminated(s)) for record in noisy_run().records for s in record.samples)
    far = each.map(lambda all_: max(all_) > 20 * sorted(all_)[1])
    assert timed[far]["flags"].str.contains(r"disturbed: 1 of 3 processes \(").all()
    assert not table["flags"].str.contains("not settled").any()
    assert timed["seconds_low"].isna().sum() == timed["seconds_confidence"].isna().sum() > 20
