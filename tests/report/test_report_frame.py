"""The frame: one row a case, units in the names, nothing lost on the way to CSV."""

import io
import json
from dataclasses import fields, replace

import jsonschema
import pandas as pd
import pytest
from report.report_runs import header, whole_run

from convbench.core.costs import Cost
from convbench.core.units import itemsize
from convbench.report.contents import contents
from convbench.report.formats.csv import render
from convbench.report.renderers import RENDERERS
from convbench.runs.columns import COLUMNS, FrameColumn, bytes_moved
from convbench.runs.frame import frame, rows
from convbench.runs.record import Run
from convbench.ui.schemas import schema


def test_one_row_a_case_in_order():
    run = whole_run()
    assert list(frame(run)["case"]) == [record.case for record in run.records]


def test_counts_stay_whole_numbers_and_ratios_refer_to_the_baseline():
    run = whole_run()
    table = frame(run).set_index("case")
    record = next(
        r for r in run.records if r.name == "depthwise_separable" and r.slot.startswith("3→128")
    )
    row = table.loc[record.case]
    assert row["multiplications"] == 10_275
    assert str(table["multiplications"].dtype) == "Int64"
    assert row["ratio_multiplications"] == pytest.approx(10_275 / 86_400)
    assert row["macs_fvcore"] == row["macs_torch"] == 10_275
    assert row["agreement_torch"] == "agrees"
    assert row["seconds_low"] <= row["seconds_median"] <= row["seconds_high"]
    # the second fastest of 8 rounds is their lower quartile, and the second of 3 processes is meant
    quartiles = [sorted(samples.seconds)[1] for samples in record.samples]
    assert row["seconds_median"] == sorted(quartiles)[1]
    assert row["seconds_processes"] == " ".join(map(repr, quartiles))
    assert row["processes"] == 3
    assert row["ratio_seconds_low"] <= row["ratio_seconds"] <= row["ratio_seconds_high"]
    assert row["bytes_moved"] == 4 * (row["elements_read"] + row["elements_written"])


def test_the_baseline_has_no_ratio_to_itself():
    run = whole_run()
    table = frame(run)
    own = table[table["case"] == table["baseline"]]
    assert len(own) == 4
    assert own["ratio_seconds"].isna().all()
    assert set(own["verdict"]) == {"baseline"}


def test_what_did_not_run_says_why():
    table = frame(whole_run()).set_index("label")
    assert table.loc["inverted_residual", "no_ratio_because"].tolist()[-1] == "the case is failed"
    assert pd.isna(table.loc["inverted_residual", "seconds_median"].tolist()[-1])


def test_every_row_without_a_time_ratio_has_a_reason():
    for row in rows(whole_run()):
        assert (row.time is None) == (bool(row.no_time) or row.is_baseline)


def test_rounds_of_one_process_that_do_not_pair_up_are_a_reason_and_no_crash():
    run = whole_run()
    records = [replace(record, samples=record.samples[:1]) for record in run.records]
    index = next(i for i, r in enumerate(records) if r.name == "lite" and r.samples)
    (short,) = records[index].samples
    cut = {
        name: getattr(short, name)[:3]
        for name in ("seconds", "cpu_seconds", "page_faults", "involuntary_switches")
    }
    records[index] = replace(records[index], samples=(replace(short, **cut),))
    row = rows(replace(run, records=tuple(records)))[index]
    assert row.time is None
    assert "rounds" in row.no_time


def test_an_empty_run_has_the_columns():
    table = frame(Run(header=header(), records=()))
    assert list(table.columns) == list(COLUMNS)
    assert table.empty


def test_columns_of_any_run_are_the_promised_ones_and_those_of_counters_and_backends():
    extra = set(frame(whole_run()).columns) - set(COLUMNS)
    assert extra == {
        "macs_fvcore", "macs_torch", "agreement_fvcore", "agreement_torch", "ran_backend",
    }  # fmt: skip


def test_cases_csv_is_the_frame():
    run = whole_run()
    written = render(contents(run))["tables/cases.csv"]
    assert written == frame(run).to_csv(index=False, lineterminator="\n").encode()
    back = pd.read_csv(io.BytesIO(written))
    assert back["multiplications"].sum() == frame(run)["multiplications"].sum()


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float32", 4), ("bfloat16", 2), ("float8_e4m3fn", 1), ("int4", None), ("bool", None)],
)
def test_itemsize(dtype, size):
    assert itemsize(dtype) == size


def test_bytes_are_unknown_without_a_known_type():
    record = next(r for r in whole_run().records if r.cost)
    assert bytes_moved(replace(record, dtype="bool")) is None


def test_a_count_beyond_64_bits_stays_exact():
    run = whole_run()
    first, *others = [record for record in run.records if record.cost][:3]
    cost = replace(first.cost, multiplications=2**70 + 1)
    large = replace(run, records=(replace(first, cost=cost), *others))
    table = frame(large)
    assert table["multiplications"][0] == 2**70 + 1
    assert str(table["parameters"].dtype) == "Int64"


def test_an_interval_beyond_a_factor_of_2_has_no_ends_and_the_row_names_who_was_disturbed():
    run = whole_run()
    records = list(run.records)
    index = next(i for i, r in enumerate(records) if r.name == "lite" and r.samples)
    slow, *others = records[index].samples
    slow = replace(slow, seconds=tuple(1.0 + second for second in slow.seconds))
    records[index] = replace(records[index], samples=(slow, *others), flags=("a: b",))
    row = frame(replace(run, records=tuple(records))).iloc[index]
    assert row["flags"] == "a: b; disturbed: 1 of 3 processes (1.00 s)"
    assert max(map(float, row["seconds_processes"].split())) > 1
    assert row["seconds_median"] < 1e-3
    assert len(row["ratio_seconds_processes"].split()) == 3
    for name in ("seconds", "ratio_seconds"):
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        assert (pd.isna(low) and pd.isna(high)) or high <= 2 * low


def test_a_column_that_is_declared_once_is_in_the_frame_the_csv_and_the_schema(monkeypatch):
    """It needs no second line anywhere; the schema refuses the table without it."""
    slowest = FrameColumn(
        "seconds_maximum",
        "seconds",
        lambda row: max((max(s.seconds) for s in row.record.samples), default=None),
        "the slowest round of all processes",
    )
    monkeypatch.setitem(COLUMNS, slowest.name, slowest)
    run = whole_run()
    index, record = next((i, r) for i, r in enumerate(run.records) if r.samples)
    expected = max(max(samples.seconds) for samples in record.samples)
    table = frame(run)
    assert table["seconds_maximum"].dtype == "Float64"
    assert table["seconds_maximum"][index] == expected
    document = contents(run)
    back = pd.read_csv(io.BytesIO(render(document)["tables/cases.csv"]))
    assert back["seconds_maximum"][index] == expected
    published = schema("report")
    said = published["$defs"]["case"]["properties"]["seconds_maximum"]
    assert said == {
        "type": ["number", "null"], "description": "the slowest round of all processes",
    }  # fmt: skip
    check = jsonschema.Draft202012Validator(published)
    report = json.loads(RENDERERS["json"](document)["report.json"])
    check.validate(report)
    (column,) = [c for c in report["data"][0]["columns"] if c["key"] == slowest.name]
    assert (column["unit"], column["note"]) == ("s", slowest.note)
    for row in report["data"][0]["rows"]:
        del row[slowest.name]
    assert not check.is_valid(report)


def test_a_field_of_a_cost_is_a_column():
    names = {item.name for item in fields(Cost)} - set(COLUMNS)
    assert names == {"reads", "writes", "peak_live"}
    assert {"elements_read", "elements_written", "peak_live_elements"} <= set(COLUMNS)
