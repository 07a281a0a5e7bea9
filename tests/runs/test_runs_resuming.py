"""`run --resume` of a header that was not written by convbench: one clear error, and soon."""

import json

import pytest

from convbench.core.errors import ConvbenchError
from convbench.core.files import dumps
from convbench.runs.choices import Request
from convbench.runs.job import decide
from convbench.runs.suite import load_suite, suite_text

AXES = {
    "dtype": ["float32"], "layout": ["channels_first"], "threads": [1], "mode": ["eager"],
    "direction": ["forward"], "cache": ["warm"], "allocator": ["kept"],
}  # fmt: skip
SLOT = '[[slots]]\nin_channels = 8\nout_channels = 8\ninput_size = "8x8"\nkernel_size = 3\n'
MANY = list(range(1, 3001))


def header(**changes):
    suite = {
        "name": "quick", "description": load_suite("quick").description, "cases": 49, "only": None,
        "device": "cpu", "axes": AXES, "processes": 1, "budget": 60.0, "text": suite_text("quick"),
    }  # fmt: skip
    known = {key: value for key, value in changes.items() if key in suite}
    found = {
        "format": "convbench run", "schema": 1, "version": "0.1.0", "seed": 0,
        "command": "convbench run", "started": "2026-01-01T00:00:00+00:00", "machine": {
            "failed": "", "cache_bytes": None, "ceilings": [], "resolution": None,
        }, "fingerprint": {}, "suite": {**suite, **known},
    }  # fmt: skip
    return {**found, **{key: value for key, value in changes.items() if key not in suite}}


def resumed(folder, **changes):
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(header(**changes)))
    (folder / "records.jsonl").touch()
    return decide(Request(resume=True, out=folder))


HOSTILE = {
    # what -> what the header says instead, what the error must say
    "no axes": ({"axes": {}}, "run.json, suite.axes: dtype is missing"),
    "threads in words": ({"axes": {**AXES, "threads": ["x"]}}, "threads = 'x' is wrong"),
    "no threads": ({"axes": {**AXES, "threads": []}}, "threads = None is wrong"),
    "a number for a type": ({"axes": {**AXES, "dtype": [3]}}, "dtype = 3 is wrong"),
    "an unknown mode": ({"axes": {**AXES, "mode": ["x"]}}, "mode = 'x' is wrong"),
    "an unknown axis": ({"axes": {**AXES, "mood": ["x"]}}, "mood = ['x'] is not a known key"),
    "a long text": ({"text": "." * 200_000}, "200,000 characters and may have 100,000"),
    "a long key": ({"text": f"a{'.a' * 40_000} = 1"}, "a key has more than 32 parts"),
    "a long table": ({"text": f"[a{' . a' * 20_000}]"}, "a key has more than 32 parts"),
    "a long key in quotes": ({"text": "a" + ".'a'" * 20_000 + " = 1"}, "more than 32 parts"),
    "lists in lists": ({"text": f"a = {'[' * 50_000}"}, "it is nested too deeply"),
    "tables in tables": ({"text": f"a = {'{a=' * 30_000}"}, "it is nested too deeply"),
    "a number of many digits": (
        {"text": SLOT + f"stride = {'9' * 5000}"}, "is not TOML: a number has too many digits"
    ),
    "a value that fills the screen": (
        {"text": SLOT + f'stride = "{"9" * 50_000}"'}, "stride = '9999"
    ),
    "a large grid": (
        {"text": SLOT.replace("channels = 8", f"channels = {MANY}")}, "above 20,000 cases"
    ),
    "a large grid of knobs": (
        {"text": SLOT + f"types = [{{type='dynamic', experts={MANY}, reduction={MANY}}}]"},
        "above 20,000 cases",
    ),
    "a large grid of networks": (
        {"text": f"[[networks]]\nnames=['osnet_x1_0']\ninput_size='64x32'\nbatch={[8] * 20_001}"},
        "above 20,000 cases",
    ),
    "an expression that explodes": (
        {"only": "(.*)*(.*)*(.*)*(.*)*Z"}, "takes too long to match: give one without a repetition"
    ),
    "an expression in expressions": ({"only": "(" * 10_000}, "it is nested too deeply"),
    "a long expression": ({"only": "a" * 1_000_000}, "1,000,000 characters and may have 10,000"),
    "cases beyond any run": ({"cases": 10**18}, "says that 1000000000000000000 cases were planned"),
    "no cases": ({"cases": 0}, "says that 0 cases were planned, and a run has 1 to 100,000"),
    "no time": ({"budget": 0}, "has a budget of 0 s, and this run has 5 to 86400 s"),
    "30 years": ({"budget": 1e9}, "has a budget of 1e+09 s, and this run has 5 to 86400 s"),
    "a seed of many digits": ({"seed": 10**300}, "give a whole number from 0 to 2**63 - 1"),
    "an unbalanced quote": (
        {"command": "convbench --plugin 'x", "text": SLOT + "types = ['mine']"},
        "There is no convolution type 'mine'",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _reached_sooner(monkeypatch):
    """Have a run of 20,000 cases at most: to expand 100,000, the real bound, takes a minute."""
    for module in ("suite", "cases"):
        monkeypatch.setattr(f"convbench.runs.{module}.MOST_CASES", 20_000)


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_header_is_one_error(tmp_path, what):
    changes, says = HOSTILE[what]
    with pytest.raises(ConvbenchError) as caught:
        resumed(tmp_path / "o", **changes)
    said = str(caught.value)
    assert says in said
    assert len(said) < 1000
    assert "0" * 100 not in said


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_a_budget_that_a_new_run_refuses_is_refused(tmp_path, seconds):
    resumed(tmp_path / "o")
    with pytest.raises(ConvbenchError, match=r"--budget .*: give 5 to 86400 seconds"):
        decide(Request(resume=True, out=tmp_path / "o", budget=seconds))


@pytest.mark.parametrize("option", ["seed", "processes"])
def test_a_number_of_many_digits_is_not_printed_whole(tmp_path, option):
    resumed(tmp_path / "o")
    for request in ({"resume": True, "out": tmp_path / "o"}, {"suite": "quick"}):
        with pytest.raises(ConvbenchError) as caught:
            decide(Request(**request, **{option: 10**300}))
        assert "0" * 100 not in str(caught.value)


def test_a_run_whose_own_budget_is_longer_than_a_day_goes_on(tmp_path):
    text = "[timing]\nself_check = 0\nbudget = 86400\n" + SLOT
    axes = {**AXES, "dtype": ["float32", "float64"]}
    assert resumed(tmp_path / "o", text=text, axes=axes, budget=2 * 86400.0).plan.budget == 172_800


def test_the_header_of_these_tests_is_one(tmp_path):
    assert resumed(tmp_path / "o").todo


def test_conditions_times_cases_are_bounded(tmp_path):
    text = SLOT.replace("in_channels = 8", f"in_channels = {MANY[:900]}")
    axes = {**AXES, "dtype": ["float32", "float64"]}
    with pytest.raises(ConvbenchError, match="cases under 2 conditions, and a run at most 20,000"):
        resumed(tmp_path / "o", text=text, axes=axes)


@pytest.mark.parametrize("only", ["standard", "standard|\udcff", "standard|\x1b"])
def test_the_same_only_goes_on_whatever_its_bytes_are(tmp_path, only):
    """As Python has an argument that is not UTF-8: with half a surrogate pair for each byte."""
    folder = tmp_path / "o"
    folder.mkdir()
    (folder / "run.json").write_text(dumps(header(only=only)))
    (folder / "records.jsonl").touch()
    assert decide(Request(resume=True, out=folder, only=only)).todo
    with pytest.raises(ConvbenchError, match="--resume was given 'lite'"):
        decide(Request(resume=True, out=folder, only="lite"))


def test_a_plugin_that_was_given_is_not_asked_for_again(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    changes = {"command": "convbench --plugin x.py run", "text": SLOT + "types = ['mine']"}
    with pytest.raises(ConvbenchError, match="begun with plugins: give them again"):
        resumed(tmp_path / "a", **changes)
    with pytest.raises(ConvbenchError) as caught:
        decide(Request(resume=True, out=tmp_path / "a", plugins=("../x.py",)))
    assert "give them again" not in str(caught.value)
