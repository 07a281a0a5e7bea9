"""Files of an older convbench are read as what they were."""

import json
from dataclasses import replace

import jsonschema
import pytest

from convbench import load_run
from convbench.clock.samples import Samples
from convbench.core.errors import RunError
from convbench.runs.record import SCHEMA, More, Record
from convbench.ui.schemas import schema

SAMPLES = {
    "seconds": [1e-3, 1.1e-3, 0.9e-3], "cpu_seconds": [1e-3, 1.1e-3, 0.9e-3],
    "page_faults": [0, 0, 7], "involuntary_switches": [0, 1, 0], "block": 2, "first_call": 0.01,
    "warmup_calls": 20, "stopwatch": "wall", "seed": 0, "threads": 2, "session": "abc",
    "stop_reason": "budget of 1 s spent after 3 rounds",
}  # fmt: skip
FIRST = {
    "case": "standard | g", "group": "g", "slot": "s", "kind": "type", "name": "standard",
    "label": "standard", "knobs": {}, "spec": None, "input_shape": [1, 3, 7, 7], "device": "cpu",
    "dtype": "float32", "layout": "channels_first", "threads": 2, "baseline": "standard | g",
    "status": "ok", "reason": "", "cost": None, "tallies": {}, "samples": SAMPLES,
    "published": {}, "flags": [], "ran": {},
}  # fmt: skip


def test_a_record_of_schema_1_has_one_process_and_the_only_way_there_was():
    record = Record.from_json(FIRST)
    (samples,) = record.samples
    assert samples.seconds == (1e-3, 1.1e-3, 0.9e-3)
    assert (record.mode, record.direction, record.cache, record.allocator) == (
        "eager", "forward", "warm", "system",
    )  # fmt: skip
    assert record.also == {}
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


@pytest.mark.parametrize(
    ("name", "knobs", "text"),
    [
        ("depthwise", {"multiplier": 1}, "mixes no channels"),
        ("grouped", {"groups": 1}, ""),
        ("partial", {"fraction": "1/4", "block": False}, "passes part of the channels through "
                                                         "untouched"),
        ("somebodys", {}, ""),
        ("depthwise", {"no_longer_a_knob": 1}, ""),
    ],
)  # fmt: skip
def test_an_older_record_gives_up_what_its_type_does_where_it_is_known(name, knobs, text):
    assert Record.from_json({**FIRST, "name": name, "knobs": knobs}).caveat.text == text


@pytest.mark.parametrize("wrong", [None, {"text": 3, "less": True}, {"text": "", "less": 1},
                                   {"text": "", "less": True, "more": 1}])  # fmt: skip
def test_a_caveat_of_another_form_is_damage(wrong):
    row = Record.from_json(FIRST).to_json()
    with pytest.raises((TypeError, KeyError)):
        Record.from_json({**row, "caveat": wrong})


def test_a_record_of_schema_1_without_samples_has_none():
    assert Record.from_json({**FIRST, "status": "skipped", "samples": None}).samples == ()


def test_a_run_of_schema_1_loads_and_reports(tmp_path):
    header = {
        "schema": 1, "version": "0.1.0", "suite": {"name": "old", "cases": 1}, "seed": 0,
        "command": "python -m convbench run", "started": "2026-01-01T00:00:00+00:00",
        "fingerprint": {"cpu": "one"},
    }  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(header))
    (tmp_path / "records.jsonl").write_text(json.dumps(FIRST) + "\n")
    run = load_run(tmp_path)
    assert run.header.machine == {}
    from convbench.report.write import write_report

    page = write_report(run, tmp_path, ("markdown",))[0].read_text()
    assert "in one process" in page
    assert "A/A" not in page


def test_the_newest_schema_is_what_is_written():
    assert SCHEMA == 5
    row = Record.from_json(FIRST).to_json()
    assert isinstance(row["samples"], list)
    with pytest.raises(ValueError, match="status"):
        Record.from_json({**row, "status": "perhaps"})


def decided_on(tmp_path, version):
    """Ask to go on with a run of a schema, which lacks its suite."""
    from convbench.runs.choices import Request
    from convbench.runs.job import decide

    header = {
        "schema": version, "version": "0.1.0", "suite": {"name": "old", "cases": 1}, "seed": 0,
        "command": "", "started": "2026-01-01T00:00:00+00:00", "fingerprint": {},
    }  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(header))
    (tmp_path / "records.jsonl").write_text(json.dumps(FIRST) + "\n")
    decide(Request(resume=True, out=tmp_path))


def test_a_run_of_schema_4_may_be_gone_on_with(tmp_path):
    """It is not too old; this one only lacks its suite."""
    with pytest.raises(RunError, match="does not hold the suite"):
        decided_on(tmp_path, 4)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_run_that_was_timed_in_another_way_is_not_gone_on_with(tmp_path, version):
    with pytest.raises(RunError, match=rf"older convbench \(schema {version}\)"):
        decided_on(tmp_path, version)


# --- what one more process adds --------------------------------------------------------------

PROCESS = {**SAMPLES, "session": "def", "process": "forked", "settled": None}
MORE = {
    "more": "standard | g", "status": "ok", "reason": "", "flags": ["outliers: 2 of 8 samples"],
    "samples": [PROCESS], "also": {"kernel": [PROCESS]},
}  # fmt: skip


def written(tmp_path, *rows):
    """Write a run of schema 4 with these lines, and read it."""
    header = {
        "schema": 4, "version": "0.3.0", "suite": {"name": "new", "cases": 1}, "seed": 0,
        "command": "", "started": "", "fingerprint": {},
    }  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(header))
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_run(tmp_path)


def test_a_line_that_says_more_adds_to_the_record_before_it(tmp_path):
    first = Record.from_json(FIRST).to_json()
    (record,) = written(tmp_path, first, MORE, MORE).records
    assert [s.session for s in record.samples] == ["abc", "def", "def"]
    assert [s.process for s in record.samples] == ["the caller's", "forked", "forked"]
    assert [s.session for s in record.also["kernel"]] == ["def", "def"]
    assert record.flags == ("outliers: 2 of 8 samples",)
    void = {**MORE, "status": "failed", "reason": "it died", "samples": [], "also": {}}
    (record,) = written(tmp_path, first, MORE, void).records
    assert (record.status, record.reason) == ("failed", "it died")
    assert (record.samples, record.also) == ((), {})


def test_more_is_what_makes_the_new_record_of_the_old_one():
    one = Record.from_json(FIRST)
    two = replace(one, samples=(*one.samples, Samples.from_json(PROCESS)),
                  also={"kernel": (Samples.from_json(PROCESS),)}, flags=("far: off",))  # fmt: skip
    for before, now in ((one, two), (two, replace(one.failed("no"), samples=(), also={}))):
        more = More.between(before, now)
        assert more.onto(before) == now
        assert More.from_json(json.loads(json.dumps(more.to_json()))) == more
        jsonschema.Draft202012Validator(schema("record")).validate(more.to_json())


BAD_LINES = [
    ("another case", {**MORE, "more": "nobody"}, "KeyError"),
    ("an unknown status", {**MORE, "status": "perhaps"}, "status 'perhaps' is not known"),
    ("a case that is no text", {**MORE, "more": 3}, "more is no text"),
    ("a reason that is no text", {**MORE, "reason": None}, "reason is no text"),
    ("no samples", {k: v for k, v in MORE.items() if k != "samples"}, "KeyError"),
    ("samples of another kind", {**MORE, "samples": [{"seconds": [1.0]}]}, "missing"),
]


@pytest.mark.parametrize(("row", "says"), [r[1:] for r in BAD_LINES], ids=[r[0] for r in BAD_LINES])
def test_a_line_that_says_more_of_nothing_is_damage(tmp_path, row, says):
    first = Record.from_json(FIRST).to_json()
    with pytest.raises(RunError, match=says):
        written(tmp_path, first, row, MORE)


SCHEMA_REFUSES = [
    ("neither", {"case": "x"}),
    ("both", {**FIRST, **MORE}),
    ("more without flags", {k: v for k, v in MORE.items() if k != "flags"}),
    ("more with a field too many", {**MORE, "cost": None}),
]


@pytest.mark.parametrize("row", [r[1] for r in SCHEMA_REFUSES], ids=[r[0] for r in SCHEMA_REFUSES])
def test_the_published_schema_refuses_what_is_no_line(row):
    check = jsonschema.Draft202012Validator(schema("record"))
    assert check.is_valid(MORE)
    assert check.is_valid(Record.from_json(FIRST).to_json())
    assert not check.is_valid(row)


@pytest.mark.parametrize("where", ["run.json", "records.jsonl"])
def test_half_a_surrogate_pair_is_no_text(tmp_path, where):
    """No file could be written of it, in any format."""
    header = {
        "schema": 1, "version": "0.1.0", "suite": {"name": "o\\ud83d", "cases": 1}, "seed": 0,
        "command": "", "started": "", "fingerprint": {},
    }  # fmt: skip
    whole, half = json.dumps(header), json.dumps(header).replace("\\\\", "\\")
    (tmp_path / "run.json").write_text(half if where == "run.json" else whole)
    line = json.dumps({**FIRST, "label": "a\\ud800b"})
    line = line.replace("\\\\", "\\") if where == "records.jsonl" else line
    (tmp_path / "records.jsonl").write_text(f"{line}\n{line}\n")
    with pytest.raises(RunError, match=where):
        load_run(tmp_path)
    (tmp_path / "run.json").write_text(whole)
    (tmp_path / "records.jsonl").write_text(json.dumps({**FIRST, "label": "\U0001f600"}) + "\n")
    assert load_run(tmp_path).records[0].label == "\U0001f600"
