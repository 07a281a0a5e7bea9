"""Parquet: typed, exact, with units; the same bytes twice."""

import io
import sys
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report.report_runs import whole_run

from convbench.core.errors import MissingExtraError
from convbench.core.intervals import Interval
from convbench.report.contents import contents
from convbench.report.document import Column, Document, Table
from convbench.report.formats.csv import render as csv
from convbench.report.formats.parquet import render


@pytest.fixture(scope="module")
def files():
    return render(contents(whole_run()))


def read(data):
    return pq.read_table(io.BytesIO(data))


def written(*columns, rows):
    """Return a table of these columns as it is read back."""
    table = Table(id="t", caption="c", columns=columns, rows=rows)
    return read(render(Document(title="title", blocks=(table,)))["parquet/t.parquet"])


def test_the_same_tables_columns_and_rows_as_csv(files):
    plain = csv(contents(whole_run()))
    assert [name.replace("parquet", "csv").replace("csv/", "tables/") for name in files] == list(
        plain
    )
    for name, data in files.items():
        text = plain[name.replace("parquet", "csv").replace("csv/", "tables/")].decode()
        assert ",".join(read(data).column_names) == text.split("\n", maxsplit=1)[0]
        assert read(data).num_rows > 0


def test_every_case_is_as_the_run_says(files):
    rows = read(files["parquet/cases.parquet"]).to_pylist()
    records = whole_run().records
    assert [row["case"] for row in rows] == [record.case for record in records]
    for row, record in zip(rows, records, strict=True):
        cost = record.cost
        assert row["multiplications"] == (cost.multiplications if cost else None)
        assert (row["seconds_median"] is None) == (not record.samples)


@pytest.mark.parametrize(
    ("key", "kind", "unit"),
    [
        ("case", pa.string(), b""),
        ("multiplications", pa.int64(), b"1"),
        ("macs_torch", pa.int64(), b"1"),
        ("bytes_moved", pa.int64(), b"B"),
        ("threads", pa.int64(), b"1"),
        ("seconds_median", pa.float64(), b"s"),
        ("seconds_host", pa.float64(), b"s"),
        ("ratio_seconds", pa.float64(), b"1"),
        ("contaminated_share", pa.float64(), b"1"),
    ],
)
def test_types_and_units_of_the_cases(files, key, kind, unit):
    field = pq.read_schema(io.BytesIO(files["parquet/cases.parquet"])).field(key)
    assert field.type == kind
    assert field.metadata[b"unit"] == unit


def test_the_file_says_what_it_is(files):
    said = read(files["parquet/results.parquet"]).schema.metadata
    assert said[b"convbench.table"] == b"results"
    assert said[b"convbench.schema"] == b"2"
    low = read(files["parquet/results.parquet"]).schema.field("seconds_low")
    assert low.metadata[b"note"] == b"lower end of the interval of seconds"
    cases = read(files["parquet/cases.parquet"]).schema.field("multiplications")
    assert b"taps on padding included" in cases.metadata[b"note"]


@pytest.mark.parametrize(
    ("largest", "kind"),
    [
        (2**63 - 1, pa.int64()),
        (2**63, pa.decimal128(38, 0)),
        (10**38 - 1, pa.decimal128(38, 0)),
        (10**38, pa.decimal256(76, 0)),
        (10**76, pa.string()),
    ],
)
def test_a_count_is_exact_at_any_size(largest, kind):
    table = written(Column(name="n", key="n", kind="count"), rows=((largest,), (None,), (1,)))
    assert table.schema.field("n").type == kind
    first, missing, last = table.column("n").to_pylist()
    assert (int(first), missing, int(last)) == (largest, None, 1)
    assert isinstance(first, int | str | Decimal)


def test_intervals_are_three_columns_and_text_stays_text():
    time = Interval(value=2.0, low=1.5, high=3.0, confidence=0.95, processes=3)
    table = written(
        Column(name="case", key="label"),
        Column(name="t", key="seconds", kind="seconds"),
        Column(name="x", key="mixed"),
        Column(name="y", key="flag"),
        rows=(("=1+1", time, 1, True), ("b\x00\n", None, "two", None)),
    )
    assert table.to_pylist() == [
        {"label": "=1+1", "seconds": 2.0, "seconds_low": 1.5, "seconds_high": 3.0, "mixed": "1",
         "flag": True},
        {"label": "b\x00\n", "seconds": None, "seconds_low": None, "seconds_high": None,
         "mixed": "two", "flag": None},
    ]  # fmt: skip


def test_the_same_bytes_twice(files):
    assert render(contents(whole_run())) == files


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convbench\[parquet\]'"):
        render(Document(title="", blocks=()))
