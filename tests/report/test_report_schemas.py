"""The published schemas: strict, described, and what the files that are written really are."""

import json
from dataclasses import fields, replace
from fractions import Fraction

import jsonschema
import pytest
from conftest_root import ROOT
from report.report_runs import header, many_groups, whole_run

from convbench.clock.samples import Samples
from convbench.core.costs import Cost
from convbench.core.errors import UnknownNameError
from convbench.core.intervals import Interval, RatioInterval
from convbench.core.spec import ConvSpec
from convbench.counting.tally import Convention, Tally, Unavailable
from convbench.report import document as doc
from convbench.report import figuredata
from convbench.report.contents import contents
from convbench.report.document import Column, Document, Table
from convbench.report.formats.json import render
from convbench.runs.record import SCHEMA, Header, Machine, More, Record, Run
from convbench.runs.store import load
from convbench.ui.schemas import SCHEMAS, schema, schema_text

QUICK = ROOT / "reports" / "cpu-quick"


def validator(name):
    checker = jsonschema.Draft202012Validator
    checker.check_schema(schema(name))
    return checker(schema(name))


def report(document):
    return json.loads(render(document)["report.json"], parse_constant=pytest.fail)


def top(name):
    """Return the object that a file of a schema is; of a line of records.jsonl, a record."""
    whole = schema(name)
    return whole["$defs"]["record"] if name == "record" else whole


def objects(node, path="$"):
    """Yield every subschema of a schema, with where it stands."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from objects(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from objects(value, f"{path}[{index}]")


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_has_an_id_with_its_version_and_refuses_what_it_does_not_name(name):
    whole = schema(name)
    said = top(name)["properties"].get("schema", {})
    assert whole["$id"] == f"urn:convbench:{name}:{said.get('const', SCHEMA)}"
    closed = [path for path, node in objects(whole) if "properties" in node and "required" in node]
    assert closed
    for path, node in objects(whole):
        if "required" in node:
            assert node["additionalProperties"] is False, path
            assert set(node["required"]) <= set(node["properties"]), path


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_at_the_top_is_described(name):
    for key, value in top(name)["properties"].items():
        assert value["description"], key


def test_a_profile_is_what_its_schema_says():
    import torch
    from torch import nn

    from convbench import profile

    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2))
    for asked in ({}, {"shapes": True}, {"backward": True, "shapes": True}):
        found = profile(net, torch.zeros(1, 3, 8, 8), **asked)
        validator("profile").validate(json.loads(json.dumps(found.to_json())))
        part = found.to_json(["macs", "share"], depth=0)
        validator("profile").validate(json.loads(json.dumps(part)))
        assert part["modules"] == [
            {"module": "", "kind": "Sequential", "multiplications": 3888, "share": 1.0}
        ]
    broken = {**found.to_json(), "multiplications": "many"}
    with pytest.raises(jsonschema.ValidationError):
        validator("profile").validate(broken)


@pytest.mark.parametrize("make", [whole_run, many_groups, lambda: load(QUICK)],
                         ids=["whole", "many", "committed"])  # fmt: skip
def test_a_report_is_what_its_schema_says(make):
    validator("report").validate(report(contents(make())))


@pytest.mark.parametrize("run", [
    Run(header=header(), records=()),
    replace(whole_run(), torn=1, finished=False),
], ids=["empty", "torn"])  # fmt: skip
def test_a_report_of_a_poor_run_is_too(run):
    validator("report").validate(report(contents(run)))


def test_the_committed_run_is_what_the_schemas_say():
    validator("run").validate(json.loads((QUICK / "run.json").read_text(encoding="utf-8")))
    lines = (QUICK / "records.jsonl").read_text(encoding="utf-8").splitlines()
    check = validator("record")
    for line in lines:
        check.validate(json.loads(line))
    assert sum("case" in json.loads(line) for line in lines) == 49


def test_synthetic_records_are_too():
    check = validator("record")
    for record in (*whole_run().records, *many_groups().records[:40]):
        check.validate(json.loads(json.dumps(record.to_json(), default=str)))
    made = header(
        suite={"name": "quick", "cases": 3, "budget": 60.0}, machine=Machine(failed="no time")
    )
    validator("run").validate(made.to_json())
    validator("run").validate(replace(made, machine=Machine()).to_json())


@pytest.mark.parametrize(
    ("name", "path", "kind"),
    [
        ("run", (), Header),
        ("record", ("$defs", "record"), Record),
        ("record", ("$defs", "more"), More),
        ("record", ("$defs", "cost"), Cost),
        ("record", ("$defs", "tally"), Tally),
        ("record", ("$defs", "convention"), Convention),
        ("record", ("$defs", "samples"), Samples),
        ("record", ("$defs", "conv_spec"), ConvSpec),
        ("report", ("$defs", "interval"), Interval),
        ("report", ("$defs", "ratio_interval"), RatioInterval),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_schema_names_exactly_the_fields_there_are(name, path, kind):
    node = schema(name)
    for step in path:
        node = node[step]
    assert set(node["properties"]) == {item.name for item in fields(kind)}


BLOCKS = ("Heading", "Paragraph", "Bullets", "Code", "Table", "Figure", "Fold")


def test_the_schema_of_a_report_names_every_block_and_every_figure():
    defs = schema("report")["$defs"]
    choices = schema("report")["properties"]["blocks"]["items"]["oneOf"]
    blocks = {choice["$ref"].rpartition("/")[2] for choice in choices}
    assert blocks == {name.lower() for name in BLOCKS}
    drawn = {kind.__name__.lower() for kind in figuredata.FigureData.__args__}
    choices = defs["figure"]["properties"]["data"]["oneOf"]
    assert {choice["$ref"].rpartition("/")[2] for choice in choices} == drawn
    for name in (*BLOCKS, *(kind.__name__ for kind in figuredata.FigureData.__args__)):
        there = {
            item.name for item in fields(getattr(doc, name, None) or getattr(figuredata, name))
        }
        assert set(defs[name.lower()]["properties"]) == {*there, "type"}, name


def test_raw_values_stay_what_they_are():
    each = (9.8e-4, 1e-3, 1.1e-3)
    seconds = Interval(value=1e-3, low=9e-4, high=1.1e-3, confidence=0.95, processes=3, each=each)
    wide = replace(seconds, low=5e-4)
    ratio = RatioInterval(
        value=0.5, low=0.4, high=0.6, confidence=0.95, paired=True, verdict="faster", processes=3
    )
    cells = [2**70, seconds, ratio, None, True, "a<b", float("nan"), float("inf"), Fraction(1, 4),
             wide]  # fmt: skip
    columns = tuple(Column(name=f"c{i}", key=f"c{i}") for i in range(len(cells)))
    table = Table(id="t", caption="", columns=columns, rows=(tuple(cells),))
    found = report(Document(title="t", blocks=(), data=(table,)))
    validator("report").validate(found)
    values = list(found["data"][0]["rows"][0].values())
    assert values[0] == 2**70
    assert values[1] == {
        "value": 1e-3, "low": 9e-4, "high": 1.1e-3, "confidence": 0.95, "processes": 3,
        "each": list(each),
    }  # fmt: skip
    assert values.pop() == {**values[1], "low": None, "high": None}
    assert values[2]["verdict"] == "faster"
    assert values[3:] == [None, True, "a<b", None, None, 0.25]


def test_units_stand_with_the_columns():
    (table,) = report(contents(whole_run()))["data"]
    units = {column["key"]: column["unit"] for column in table["columns"]}
    assert (units["seconds_median"], units["bytes_moved"]) == ("s", "B")
    assert (units["multiplications"], units["ratio_seconds"], units["label"]) == ("1", "1", "")
    assert all(set(row) == set(units) for row in table["rows"])


def test_the_findings_are_at_the_top():
    found = report(contents(whole_run()))
    leads = [point["lead"] for point in found["findings"]]
    assert leads[0] == "Cheapest full replacement"
    (listed,) = [b for b in found["blocks"] if b["type"] == "bullets" and b["id"] == "findings"]
    assert listed["items"] == found["findings"]


def test_a_validator_finds_what_is_wrong():
    found = report(contents(whole_run()))
    check = validator("report")
    assert not check.is_valid({**found, "more": 1})
    assert not check.is_valid({**found, "schema": 1})
    record = json.loads(json.dumps(whole_run().records[0].to_json(), default=str))
    assert validator("record").is_valid(record)
    assert not validator("record").is_valid({**record, "status": "perhaps"})
    assert not validator("record").is_valid({**record, "host": "me"})


def test_an_unavailable_counter_has_its_own_form():
    record = replace(whole_run().records[1], tallies={"x": Unavailable("why")})
    validator("record").validate(json.loads(json.dumps(record.to_json(), default=str)))


def test_an_unknown_schema_is_a_clear_error():
    with pytest.raises(UnknownNameError, match="Did you mean record"):
        schema_text("records")
