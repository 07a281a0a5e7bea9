"""Files of an older convbench are read as what they were."""

import json

import pytest

from convbench import load_run
from convbench.runs.record import SCHEMA, Record

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
    assert SCHEMA == 3
    row = Record.from_json(FIRST).to_json()
    assert isinstance(row["samples"], list)
    with pytest.raises(ValueError, match="status"):
        Record.from_json({**row, "status": "perhaps"})


def test_a_run_of_schema_2_may_be_gone_on_with(tmp_path):
    """It is not too old; this one only lacks its suite."""
    from convbench.errors import RunError
    from convbench.runs.choices import Request
    from convbench.runs.job import decide

    header = {
        "schema": 2, "version": "0.1.0", "suite": {"name": "old", "cases": 1}, "seed": 0,
        "command": "", "started": "2026-01-01T00:00:00+00:00", "fingerprint": {},
    }  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(header))
    (tmp_path / "records.jsonl").write_text(json.dumps(FIRST) + "\n")
    with pytest.raises(RunError, match="does not hold the suite"):
        decide(Request(resume=True, out=tmp_path))


def test_a_run_of_schema_1_is_not_gone_on_with(tmp_path):
    from convbench.errors import RunError
    from convbench.runs.choices import Request
    from convbench.runs.job import decide

    header = {
        "schema": 1, "version": "0.1.0", "suite": {"name": "old", "cases": 1}, "seed": 0,
        "command": "", "started": "2026-01-01T00:00:00+00:00", "fingerprint": {},
    }  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(header))
    (tmp_path / "records.jsonl").write_text(json.dumps(FIRST) + "\n")
    with pytest.raises(RunError, match="older convbench"):
        decide(Request(resume=True, out=tmp_path))


@pytest.mark.parametrize("where", ["run.json", "records.jsonl"])
def test_half_a_surrogate_pair_is_no_text(tmp_path, where):
    """No file could be written of it, in any format."""
    from convbench.errors import RunError

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
