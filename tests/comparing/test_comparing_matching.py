"""Which cases belong together, and what is put on a side."""

import json
from dataclasses import replace

import pytest
from comparing import recorded as runs

from convbench.comparing import matching
from convbench.comparing.environment import environments
from convbench.comparing.matching import BY, check_apart, match, nearest, split
from convbench.comparing.sides import load_side, side
from convbench.core.errors import RunError
from convbench.runs.record import Run
from convbench.runs.store import Store


def labels(pairs):
    return [(p.label, p.left is not None, p.right is not None) for p in pairs]


def test_cases_are_matched_in_the_order_of_the_left_side():
    left = [runs.record("b"), runs.record("a")]
    right = [runs.record("a"), runs.record("c"), runs.record("b")]
    assert labels(match(left, right)) == [
        ("b", True, True),
        ("a", True, True),
        ("c", False, True),
    ]


@pytest.mark.parametrize("axis", BY)
def test_a_case_in_another_condition_is_another_case_unless_asked_by_it(axis):
    left = runs.record()
    value = 2 if axis == "threads" else "other"
    right = replace(left, **{axis: value})
    assert labels(match([left], [right])) == [
        ("standard", True, False),
        ("standard", False, True),
    ]
    assert labels(match([left], [right], (axis,))) == [("standard", True, True)]
    apart = match([left], [right])
    assert nearest(apart) == f"{axis} is {getattr(left, axis)} in one and {value} in the other"


def test_what_sides_without_a_common_case_differ_in_is_found_without_trying_all_pairs(monkeypatch):
    number = 40
    left = [runs.record(f"t{index}") for index in range(number)]
    right = [replace(record, layout="channels_last") for record in left]
    apart = match(left, right)
    asked = []
    of = matching.identity
    monkeypatch.setattr(matching, "identity", lambda *one: asked.append(one) or of(*one))
    said = "layout is channels_first in one and channels_last in the other"
    assert nearest(apart) == said
    assert len(asked) == 2 * number * len(BY)


def test_a_block_is_another_case_than_the_bare_type():
    bare = runs.record(knobs={"block": False})
    assert len(match([bare], [replace(bare, knobs={"block": True})])) == 2


def test_groups_of_one_run_are_split_by_an_axis():
    cases = [runs.record(layout=v) for v in ("channels_last", "channels_first")]
    first, last = split(runs.side(*cases), "layout", None)
    assert [r.layout for r in first.records] == ["channels_first"]
    assert last.name == "layout channels_last"
    turned, _ = split(runs.side(*cases), "layout", ("channels_last", "channels_first"))
    assert [r.layout for r in turned.records] == ["channels_last"]


@pytest.mark.parametrize(
    "values",
    [None, ("channels_first",), ("channels_first", "channels_first"), ("channels_first", "x")],
)
def test_values_that_the_run_has_not_are_refused_with_those_it_has(values):
    with pytest.raises(RunError, match="its cases have layout channels_first"):
        split(runs.side(runs.record()), "layout", values)


def run(*records, **changes):
    return Run(header=runs.header(**changes), records=records)


def test_repeats_are_one_side_with_the_processes_of_all():
    a = runs.record(seconds=(1.0, 2.0))
    b = runs.record(seconds=(3.0,), run=1, flags=("f: g",))
    one = side("x", [run(a), run(b)])
    (record,) = one.records
    assert [s.median for s in record.samples] == [1.0, 2.0, 3.0]
    assert record.flags == ("f: g",)
    assert one.runs == 2
    assert [len(samples) for samples in one.samples(record)] == [2, 1]


def test_a_case_that_failed_in_one_repeat_failed():
    failed = runs.record(status="failed", reason="no memory")
    (record,) = side("x", [run(runs.record(seconds=(1.0,))), run(failed)]).records
    assert (record.status, record.reason) == ("failed", "no memory")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_repeat_in_which_the_machine_was_busy_is_left_out_of_a_case(order):
    good = runs.record(seconds=(1.0, 2.0))
    bad = runs.busy(runs.record(seconds=(9.0,), run=1))
    one = side("x", [run((good, bad)[place]) for place in order])
    (record,) = one.records
    assert (record.status, [s.median for s in record.samples]) == ("ok", [1.0, 2.0])
    assert sorted(len(samples) for samples in one.samples(record)) == [0, 2]
    (none,) = side("x", [run(bad), run(runs.busy(runs.record(seconds=(8.0,), run=2)))]).records
    assert none.status == "invalid"


def test_runs_that_count_differently_are_no_repeats():
    with pytest.raises(RunError, match=r"count standard .* differently"):
        side("x", [run(runs.record()), run(runs.record(cost=runs.cost(7)))])


def test_runs_of_different_environments_are_no_repeats():
    other = {**runs.ENVIRONMENT, "torch": "2.14.0"}
    with pytest.raises(RunError, match=r"torch was '2\.13\.0' and is '2\.14\.0'"):
        side("x", [run(runs.record()), run(runs.record(), fingerprint=other)])


def test_why_a_number_of_threads_was_taken_is_no_difference():
    told = {"threads": 1, "threads_because": "2 threads last 1.9 times as long"}
    assert environments(told, {**told, "threads_because": "2.0 times"}) == ()
    (other,) = environments(told, {"threads": 2, "threads_because": "2.0 times"})
    assert (other.key, other.in_the_way) == ("threads", True)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"command": "convbench --plugin slower.py"}, "another by 'convbench --plugin slower.py'"),
        ({"fingerprint": {**runs.ENVIRONMENT, "git_commit": "abc"}}, "git_commit was None"),
    ],
)
def test_runs_of_another_command_or_commit_are_no_repeats(changes, why):
    other = run(runs.record(seconds=(1.0,), run=1), **changes)
    with pytest.raises(RunError, match=why):
        side("x", [run(runs.record(seconds=(1.0,))), other])


def test_a_copy_of_a_run_is_no_repeat_of_it():
    one = run(runs.record(seconds=(1.0,)))
    with pytest.raises(RunError, match="holds the same run twice"):
        side("x", [one, one])


def test_two_cases_of_a_side_that_nothing_tells_apart_are_refused():
    both = [runs.record(layout=v, case=v) for v in ("channels_first", "channels_last")]
    assert len(match(both, both)) == 2
    with pytest.raises(RunError, match="the same case but for layout"):
        match(both, both, ("layout",))


def test_counts_are_the_same_under_every_condition():
    left = [runs.record(threads=n, case=str(n)) for n in (1, 2)]
    (only,) = match(left, [runs.record(threads=8)], BY)
    assert only.left is left[0]
    unlike = runs.record(threads=2, case="2", cost=runs.cost(7))
    with pytest.raises(RunError, match="the same case"):
        match([left[0], unlike], [runs.record(threads=8)], BY)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("channels_first",), ("channels_first",)),
        (("channels_first", "channels_last"), ("channels_last",)),
        (("channels_first", "channels_last"),) * 2,
        ((), ("channels_last",)),
    ],
)
def test_two_runs_by_an_axis_have_one_value_each(left, right):
    sides = [runs.side(*(runs.record(layout=v) for v in s)) for s in (left, right)]
    with pytest.raises(RunError, match="needs one layout in each"):
        check_apart(*sides, "layout")


def write(path, *records):
    store = Store.create(path, runs.header())
    store.append(records)
    store.close()


def test_a_run_folder_or_a_folder_of_repeats_is_a_side(tmp_path):
    for name in ("1", "2"):
        write(tmp_path / "all" / name, runs.record(seconds=(1.0,), run=name))
    (tmp_path / "all" / "notes").mkdir()  # no run, and no reason to say so
    assert load_side(tmp_path / "all" / "1").runs == 1
    assert load_side(tmp_path / "all").runs == 2


def test_a_repeat_that_lost_its_header_is_not_left_out(tmp_path):
    for name in ("1", "2"):
        write(tmp_path / "all" / name, runs.record(seconds=(1.0,), run=name))
    (tmp_path / "all" / "2" / "run.json").unlink()
    with pytest.raises(RunError, match=r"run\.json cannot be read"):
        load_side(tmp_path / "all")


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_runs_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="give a"):
        load_side(tmp_path / name)


def test_an_unfinished_run_is_said(tmp_path):
    write(tmp_path / "a", runs.record())
    header = json.loads((tmp_path / "a" / "run.json").read_text())
    header["suite"]["cases"] = 5
    (tmp_path / "a" / "run.json").write_text(json.dumps(header))
    assert load_side(tmp_path / "a").unfinished == 1


def test_runs_in_memory_and_folders_compare_from_python(tmp_path):
    import convbench

    write(tmp_path / "a", runs.record(seconds=(1.0, 1.01)))
    slow = run(runs.record(seconds=(2.0, 2.01)))
    found = convbench.compare(str(tmp_path / "a"), slow)
    assert [row.verdict for row in found.rows] == ["slower"]
    assert found.right.name == "a run in memory"
    with pytest.raises(RunError, match=r"give it as 5% or as 0\.05"):
        convbench.compare(slow, slow, threshold=5)
    with pytest.raises(RunError, match="one run is given"):
        convbench.compare(slow)
