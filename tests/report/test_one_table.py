"""One table by itself: the run's numbers, with units in the heads, as one file."""

import io
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest
from conftest_root import ROOT
from report.noisy import noisy_run
from report.report_runs import header, whole_run
from report.test_report_latex import check_file

from convbench.core.errors import UnknownNameError
from convbench.core.intervals import WORDS, RatioInterval
from convbench.report.groups import groups
from convbench.report.one_table import CHOICES, one_table
from convbench.report.renderers import TABLES
from convbench.runs.columns import COLUMNS
from convbench.runs.frame import frame, rows
from convbench.runs.record import Run
from convbench.runs.store import load
from convbench.runs.titles import titles

PAPER = ("type", "macs", "params", "ms", "ratio", "verdict")


@cache
def quick():
    return load(ROOT / "reports" / "cpu-quick")


RUNS = {"quick": quick, "noisy": noisy_run, "made up": whole_run}


def column(table, key):
    place = [column.key for column in table.columns].index(key)
    return [row[place] for row in table.rows]


def main_rows(run):
    label = next(r.group for r in run.records if titles(run.records).groups[r.group] in
                 one_table(run).raw.caption)  # fmt: skip
    return {row.record.label: row for row in rows(run) if row.record.group == label}


@pytest.mark.parametrize("name", RUNS)
def test_the_numbers_are_those_of_the_run(name):
    run = RUNS[name]()
    table = one_table(run, keys=(*PAPER, "flops", "us", "speedup", "gives_up")).raw
    found = main_rows(run)
    labels = column(table, "type")
    assert set(labels) == {label for label, row in found.items() if row.record.status == "ok"}
    shown = [found[label] for label in labels]
    assert column(table, "macs") == [row.record.cost.multiplications for row in shown]
    assert column(table, "flops") == [2 * row.record.cost.multiplications for row in shown]
    assert column(table, "params") == [row.record.cost.parameters for row in shown]
    for row, ms, us in zip(shown, column(table, "ms"), column(table, "us"), strict=True):
        for end in ("value", "low", "high"):
            seconds = getattr(row.seconds, end)
            assert getattr(ms, end) == pytest.approx(1e3 * seconds)
            assert getattr(us, end) == pytest.approx(1e6 * seconds)
        assert ms.each == pytest.approx([1e3 * one for one in row.seconds.each])
    for row, ratio, speedup in zip(
        shown, column(table, "ratio"), column(table, "speedup"), strict=True
    ):
        assert (ratio, speedup) == ((1.0, 1.0) if row.is_baseline else (row.time, ratio.inverse()))
    assert column(table, "verdict") == [
        WORDS.get(said, said) for said in (COLUMNS["verdict"].value(row) for row in shown)
    ]
    times = [row.seconds.value for row in shown]
    assert times == sorted(times)


def test_an_inverse_ratio_is_the_other_way_round():
    ratio = RatioInterval(
        value=0.5, low=0.4, high=0.8, confidence=0.95, paired=True, verdict="faster", each=(0.4,)
    )
    turned = ratio.inverse()
    assert (turned.value, turned.low, turned.high, turned.each) == (2, 1.25, 2.5, (2.5,))
    assert turned.verdict == "slower"
    assert turned.inverse() == ratio


def test_a_column_has_one_unit_and_its_head_names_it():
    made = one_table(quick(), keys=("type", "macs", "params", "bytes", "time", "ms", "s", "ratio"))
    heads = {column.key: column.name for column in made.shown.columns}
    assert heads == {
        "type": "type", "macs": "MACs (M)", "params": "parameters", "bytes": "bytes moved (MB)",
        "time": "time (µs)", "ms": "time (ms)", "s": "time (s)", "ratio": "time ÷ standard",
    }  # fmt: skip
    by_type = dict(zip(column(made.shown, "type"), made.shown.rows, strict=True))
    row = [str(cell) for cell in by_type["inverted_residual"]]
    assert row[1:4] == ["165.0", "52608", "21.1"]
    us, ms, s = row[4:7]
    assert re.fullmatch(r"\d,\d\d0 ± \d\d0", us)
    assert re.fullmatch(r"\d\.\d\d ± 0\.\d\d", ms)
    assert re.fullmatch(r"0\.00\d\d\d ± 0\.000\d\d", s)


def test_what_is_behind_a_time_holds_the_whole_interval_and_says_what_it_is():
    made = one_table(quick(), keys=("type", "ms"))
    for value, cell in zip(column(made.raw, "ms"), column(made.shown, "ms"), strict=True):
        middle, half = (float(text) for text in str(cell).split(" ± "))
        last = 10 ** -len(cell.text.partition(".")[2])
        assert abs(middle - value.value) <= last
        assert half >= max(value.high - value.value, value.value - value.low) - 1e-9
        assert half <= max(value.high - value.value, value.value - value.low) + last
    assert "± behind a time: where one more process would fall (95 %, 10 processes)." in made.note
    assert "MAC" not in made.note


def test_without_an_interval_stands_what_the_processes_measured():
    made = one_table(noisy_run(), keys=("type", "ms"))
    for value, cell in zip(column(made.raw, "ms"), column(made.shown, "ms"), strict=True):
        low, high = re.fullmatch(r"\(processes: ([\d.]+) … ([\d.]+)\)", cell.around).groups()
        assert float(low) == pytest.approx(min(value.each), rel=0.006)
        assert float(high) == pytest.approx(max(value.each), rel=0.006)
    assert "Processes in parentheses: what they measured" in made.note
    assert "±" not in made.note


def test_counts_never_stand_without_their_convention():
    for key in ("macs", "flops"):
        assert "padding included" in one_table(quick(), keys=("type", key)).note


@pytest.mark.parametrize("name", RUNS)
def test_every_key_and_every_column_of_the_frame_can_be_had_in_every_format(name):
    run = RUNS[name]()
    for keys in (tuple(CHOICES), tuple(frame(run).columns)):
        made = one_table(run, keys=keys)
        for form in TABLES:
            ((path, data),) = TABLES[form](made).items()
            assert path.startswith("table-main.")
            if form == "latex":
                check_file(path, data.decode("ascii"))


def test_a_group_goes_by_both_its_names_and_other_tables_by_their_own():
    run = quick()
    readable = titles(run.records).groups
    for group in groups(run):
        one, other = (one_table(run, name) for name in (group.label, readable[group.label]))
        assert one == other
        assert readable[group.label] in one.raw.caption
    table = one_table(run, "published", ("source", "label"))
    assert [column.key for column in table.shown.columns] == ["source", "label"]
    assert table.shown.rows


def test_the_caption_reads():
    assert one_table(quick()).shown.caption == (
        "Cost and time of convolution types, 64→64, 3×3, 56×56, batch 1 (cpu, float32, channels "
        "first, 1 thread)"
    )
    assert one_table(quick(), "networks, 256×128, batch 1").shown.caption.startswith(
        "Cost and time of networks, 256×128, batch 1 (cpu"
    )


def test_cases_that_did_not_run_are_left_out_and_counted():
    run = quick()
    label = one_table(run).raw.rows[0][0]
    records = tuple(
        replace(r, status="failed", reason="why", samples=()) if r.label == label else r
        for r in run.records
    )
    found = one_table(replace(run, records=records))
    assert label not in column(found.raw, "type")
    assert found.note.endswith("Left out: 4 cases, skipped or failed.")


def test_untimed_cases_have_their_costs():
    records = tuple(replace(record, samples=()) for record in whole_run().records)
    made = one_table(Run(header=header(), records=records))
    assert set(column(made.shown, "time")) == {None}
    assert None not in column(made.shown, "macs")


def test_a_run_without_cases_has_no_main_table():
    with pytest.raises(UnknownNameError, match=r"no table 'main'\. Its tables: environment"):
        one_table(Run(header=header(), records=()))


def test_csv_has_the_raw_values_in_the_unit_that_was_asked_for():
    (data,) = TABLES["csv"](one_table(quick(), keys=PAPER)).values()
    table = pd.read_csv(io.BytesIO(data))
    assert list(table) == [
        "type", "macs", "params", "ms", "ms_low", "ms_high", "ratio", "ratio_low", "ratio_high",
        "verdict",
    ]  # fmt: skip
    every = frame(quick()).set_index(["group", "label"])
    group = main_rows(quick())["standard"].record.group
    for row in table.itertuples():
        assert row.ms == pytest.approx(1e3 * every.loc[(group, row.type), "seconds_median"])
        assert row.ms_low == pytest.approx(1e3 * every.loc[(group, row.type), "seconds_low"])


@pytest.mark.parametrize("name", ["environment", "published", "overview"])
def test_latex_has_a_caption_for_a_table_of_a_report_too(name):
    (data,) = TABLES["latex"](one_table(quick(), name)).values()
    assert re.search(r"\\caption\{\w.*\}\\label", data.decode("ascii"))


def test_latex_is_sound_and_lines_up():
    ((name, data),) = TABLES["latex"](one_table(quick(), keys=PAPER)).items()
    text = data.decode("ascii")
    assert name == "table-main.tex"
    check_file(name, text)
    assert r"\begin{tabular}{lrrr@{\ }lr@{\ }ll}" in text
    assert r"\label{tab:main}" in text
    assert text.count(r"\begin{table}") == 1


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed here")
@pytest.mark.parametrize("name", RUNS)
def test_latex_compiles(name, tmp_path):
    (data,) = TABLES["latex"](one_table(RUNS[name](), keys=PAPER)).values()
    packages = r"\usepackage{array,booktabs,longtable}"
    page = rf"\documentclass{{article}}{packages}\begin{{document}}{data.decode()}\end{{document}}"
    (tmp_path / "page.tex").write_text(page, encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    done = subprocess.run([*command, "page.tex"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:].decode("latin-1")
