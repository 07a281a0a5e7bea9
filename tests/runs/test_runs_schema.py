"""The files of a run: what they are, and what is said of files that are damaged or older."""

import json
from dataclasses import replace

import jsonschema
import pytest
from runs.executed import kernel
from runs.executed import record as executed

from convbench import load_run
from convbench.clock.execution import joined
from convbench.clock.samples import Samples
from convbench.core.errors import RunError
from convbench.core.spec import ConvSpec
from convbench.counting.tally import Unavailable
from convbench.runs.choices import Request
from convbench.runs.job import decide
from convbench.runs.record import SCHEMA, Header, Machine, More, Record
from convbench.ui.schemas import schema

SAMPLES = {
    "seconds": [1e-3, 1.1e-3, 0.9e-3], "cpu_seconds": [1e-3, 1.1e-3, 0.9e-3],
    "page_faults": [0, 0, 7], "involuntary_switches": [0, 1, 0], "block": 2, "first_call": 0.01,
    "warmup_calls": 20, "stopwatch": "wall", "seed": 0, "threads": 2, "session": "abc",
    "stop_reason": "budget of 1 s spent after 3 rounds", "others_running": [],
    "voluntary_switches": [], "waited_seconds": [], "host_seconds": [], "issue_seconds": [],
    "sm_clock_mhz": [], "throttle_reasons": [], "settled": True, "allocator": "system",
    "pool_bytes": 0, "process": "the caller's",
}  # fmt: skip
SPEC = {
    "in_channels": 3, "out_channels": 8, "input_size": [7, 7], "kernel_size": [3, 3],
    "stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "batch": 1, "bias": False,
    "scale": None,
}  # fmt: skip
FIRST = {
    "case": "standard | g", "group": "g", "slot": "s", "kind": "type", "name": "standard",
    "label": "standard", "knobs": {}, "caveat": {"text": "", "less": False},
    "spec": SPEC, "input_shape": [1, 3, 7, 7], "device": "cpu",
    "dtype": "float32", "layout": "channels_first", "threads": 2, "mode": "eager",
    "direction": "forward", "cache": "warm", "allocator": "system", "baseline": "standard | g",
    "status": "ok", "reason": "", "cost": None,
    "tallies": {"x": {"unavailable": "it is not installed"}}, "samples": [SAMPLES], "also": {},
    "published": {}, "flags": [], "ran": {},
}  # fmt: skip


HEADER = Header(
    version="0.1.0", suite={"name": "new", "cases": 1}, seed=0, command="", started="",
    fingerprint={"cpu": "one"},
).to_json()  # fmt: skip


def folder(tmp_path, *rows, **changes):
    """Write the files of a run with these lines."""
    (tmp_path / "run.json").write_text(json.dumps({**HEADER, **changes}))
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_a_record_is_read_as_it_was_written():
    record = Record.from_json(FIRST)
    assert record.samples[0].seconds == (1e-3, 1.1e-3, 0.9e-3)
    assert record.spec == ConvSpec(in_channels=3, out_channels=8, input_size=(7, 7), kernel_size=3)
    assert record.tallies["x"] == Unavailable("it is not installed")
    assert record.to_json() == {**FIRST, "execution": None}, "which files from before it lack"
    assert Record.from_json(json.loads(json.dumps(FIRST))) == record


def test_a_header_says_what_the_folder_is_and_in_which_version():
    assert (HEADER["format"], HEADER["schema"], SCHEMA) == ("convbench run", 1, 1)
    assert Header.from_json(HEADER).machine == Machine()


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_a_run_from_before_the_first_release_is_refused_and_says_what_to_do(tmp_path, version):
    """Their headers had a version alone; none of them is taken for one of today."""
    folder(tmp_path, FIRST, schema=version)
    header = json.loads((tmp_path / "run.json").read_text())
    del header["format"]
    (tmp_path / "run.json").write_text(json.dumps(header))
    with pytest.raises(RunError, match=rf"first release.*\(schema {version}\).*make the run again"):
        load_run(tmp_path)


DAMAGE = [
    # what of a record is changed, to what, and what the message must say; ... for left out
    ("mood", "good", "Record has 'mood', which is not known"),
    ("samples", ..., "Record lacks samples"),
    ("kind", "poem", "Record.kind holds 'poem'; give one of 'type', 'network', 'code'"),
    ("samples", [{**SAMPLES, "seconds": [1.0, "2", 1.0]}], "samples[0].seconds[1] holds '2'"),
    ("samples", [{**SAMPLES, "seconds": [1.0]}], "cpu_seconds has 3 entries and seconds has 1"),
    ("samples", [{**SAMPLES, "page_faults": [0, -1, 0]}], "page_faults[1] holds -1; give 0 or"),
    ("input_shape", [1, -1], "Record.input_shape[1] holds -1; give 0 or more"),
    ("knobs", {"a": [1]}, "Record.knobs.a holds [1]; give"),
    ("published", {"p": ["1 M"]}, "Record.published.p holds ['1 M']; give a list of 2"),
    ("tallies", {"x": {"macs": 1}}, "Record.tallies.x lacks"),
    ("spec", {**SPEC, "kernel_size": 0}, "Record.spec is none: kernel_size=0"),
    ("cost", {"multiplications": 1.5}, "Record.cost lacks"),
    ("caveat", None, "Record.caveat holds None; give a table"),
    ("caveat", {"text": 3, "less": True}, "Record.caveat.text holds 3; give text"),
    ("caveat", {"text": "", "less": 1}, "Record.caveat.less holds 1; give true or false"),
    ("caveat", {"text": "", "less": True, "more": 1}, "Record.caveat has 'more'"),
    ("threads", True, "Record.threads holds True; give a whole number"),
    ("samples", [{**SAMPLES, "first_call": 10**400}], "first_call holds 1000"),
]


@pytest.mark.parametrize(("key", "value", "says"), DAMAGE)
def test_a_damaged_record_is_named_by_file_line_and_place(tmp_path, key, value, says):
    row = {name: item for name, item in {**FIRST, key: value}.items() if item is not ...}
    folder(tmp_path, row, FIRST)
    with pytest.raises(RunError, match=r"records\.jsonl, line 1,.*restore it") as caught:
        load_run(tmp_path)
    assert says in str(caught.value)


@pytest.mark.parametrize("number", ["NaN", "-Infinity"])
def test_what_is_no_number_of_json_is_refused(tmp_path, number):
    folder(tmp_path, FIRST, FIRST)
    lines = (tmp_path / "records.jsonl").read_text()
    (tmp_path / "records.jsonl").write_text(lines.replace("0.001,", f"{number},", 1))
    with pytest.raises(RunError, match=f"line 1.*{number} is no number of JSON"):
        load_run(tmp_path)


def test_a_run_without_its_suite_is_not_gone_on_with(tmp_path):
    folder(tmp_path, FIRST)
    with pytest.raises(RunError, match="does not hold the suite"):
        decide(Request(resume=True, out=tmp_path))


# --- what one more process adds --------------------------------------------------------------

PROCESS = {**SAMPLES, "session": "def", "process": "forked", "settled": None}
MORE = {
    "more": "standard | g", "status": "ok", "reason": "", "flags": ["outliers: 2 of 8 samples"],
    "samples": [PROCESS], "also": {"kernel": [PROCESS]},
}  # fmt: skip


def written(tmp_path, *rows):
    """Write a run with these lines, and read it."""
    return load_run(folder(tmp_path, *rows))


def test_a_line_that_says_more_adds_to_the_record_before_it(tmp_path):
    third = json.loads(json.dumps(MORE).replace('"def"', '"ghi"'))
    (record,) = written(tmp_path, FIRST, MORE, third).records
    assert [s.session for s in record.samples] == ["abc", "def", "ghi"]
    assert [s.process for s in record.samples] == ["the caller's", "forked", "forked"]
    assert [s.session for s in record.also["kernel"]] == ["def", "ghi"]
    assert record.flags == ("outliers: 2 of 8 samples",)
    void = {**MORE, "status": "failed", "reason": "it died", "samples": [], "also": {}}
    (record,) = written(tmp_path, FIRST, MORE, void).records
    assert (record.status, record.reason) == ("failed", "it died")
    assert (record.samples, record.also) == ((), {})


def test_a_process_that_stands_there_twice_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"line 3, .*two of its processes have one session"):
        written(tmp_path, FIRST, MORE, MORE)


def test_a_last_line_that_is_whole_and_wrong_is_no_torn_one(tmp_path):
    with pytest.raises(RunError, match=r"line 1, .*Record\.threads holds -1; give 0 or more"):
        written(tmp_path, {**FIRST, "threads": -1})


def test_more_is_what_makes_the_new_record_of_the_old_one():
    one = Record.from_json(FIRST)
    two = replace(one, samples=(*one.samples, Samples.from_json(PROCESS)),
                  also={"kernel": (Samples.from_json(PROCESS),)}, flags=("far: off",))  # fmt: skip
    for before, now in ((one, two), (two, replace(one.failed("no"), samples=(), also={}))):
        more = More.between(before, now)
        assert more.onto(before) == now
        assert More.from_json(json.loads(json.dumps(more.to_json()))) == more
        jsonschema.Draft202012Validator(schema("record")).validate(more.to_json())


def test_a_further_process_brings_what_it_saw_of_the_same_calls():
    base = executed("standard", kernel(900e-6), kernel(50e-6, "reorder", calls=2))
    first, second = base.execution.kernels
    quicker = replace(base.execution, kernels=(replace(first, seconds=700e-6), second))
    seen = joined([base.execution, quicker])
    now = replace(base, samples=base.samples * 2, execution=seen)
    more = More.between(base, now)
    assert more.seen.seconds == (pytest.approx(800e-6), 50e-6)
    read = More.from_json(json.loads(json.dumps(more.to_json())))
    assert read.onto(base) == now
    assert More.between(base, replace(base, samples=base.samples * 2)).seen is None


BAD_LINES = [
    ("another case", {**MORE, "more": "nobody"}, "no record before"),
    ("an unknown status", {**MORE, "status": "perhaps"}, "More.status holds 'perhaps'"),
    ("a case that is no text", {**MORE, "more": 3}, "More.more holds 3; give text"),
    ("a reason that is no text", {**MORE, "reason": None}, "More.reason holds None; give text"),
    ("no samples", {k: v for k, v in MORE.items() if k != "samples"}, "More lacks samples"),
    (
        "samples of another kind",
        {**MORE, "samples": [{"seconds": [1.0]}]},
        r"\[0\] lacks allocator",
    ),
]


@pytest.mark.parametrize(("row", "says"), [r[1:] for r in BAD_LINES], ids=[r[0] for r in BAD_LINES])
def test_a_line_that_says_more_of_nothing_is_damage(tmp_path, row, says):
    with pytest.raises(RunError, match=says):
        written(tmp_path, FIRST, row, MORE)


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
    assert check.is_valid(FIRST)
    assert not check.is_valid(row)


@pytest.mark.parametrize("where", ["run.json", "records.jsonl"])
def test_half_a_surrogate_pair_is_no_text(tmp_path, where):
    """No file could be written of it, in any format."""
    header = {**HEADER, "suite": {"name": "o\\ud83d", "cases": 1}}
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
