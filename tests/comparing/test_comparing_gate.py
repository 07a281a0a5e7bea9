"""Environments that must match, exit statuses, presets, and what the page says of them."""

import subprocess
import sys
from dataclasses import replace

import pytest
from comparing import recorded as runs
from conftest_root import ROOT

from convbench.clock.contamination import SHARED
from convbench.comparing.comparison import compare
from convbench.comparing.environment import check_allowed
from convbench.comparing.gate import (
    CANNOT_TELL,
    GATES,
    INCOMPARABLE,
    OK,
    REGRESSION,
    STATUSES,
    gate,
    outcome,
)  # fmt: skip
from convbench.comparing.judging import Limits
from convbench.comparing.page import page
from convbench.core.errors import RunError
from convbench.core.spec import ConvSpec
from convbench.machine.fingerprint import MUST_MATCH
from convbench.report.document import Paragraph, Table
from convbench.report.renderers import RENDERERS

WHOLE = {key: f"the {key}" for key in MUST_MATCH}
CALM = (1.0, 1.001, 0.999)


def sides(left=None, right=None, records=None):
    records = records or [runs.record(f"t{n}", CALM) for n in range(10)]
    return (
        runs.side(*records, fingerprint=left or WHOLE),
        runs.side(*map(again, records), name="b", fingerprint=right or WHOLE),
    )


def again(one):
    """Return the same case a hair slower, as a rerun has it."""
    return runs.times(one, 1.0001)


def text(found, **changes):
    (made,) = RENDERERS["markdown"](page(found, outcome(found, **changes))).values()
    return made.decode()


def test_the_same_twice_is_ok():
    found = compare(*sides())
    assert {row.verdict for row in found.rows} == {"same"}
    assert outcome(found, strict=True).status == OK
    assert "No regression was found." in text(found)


@pytest.mark.parametrize("key", MUST_MATCH)
def test_every_key_that_must_match_is_named_when_it_alone_changed(key):
    found = compare(*sides(right={**WHOLE, key: "another"}))
    assert [item.key for item in found.in_the_way] == [key]
    ended = outcome(found)
    assert ended.status == INCOMPARABLE
    assert ended.why.endswith(f" differ in {key}.")
    assert {row.reasons for row in found.rows} == {("environment",)}
    assert f"the {key}" in text(found).replace("\\", "")


@pytest.mark.parametrize("key", MUST_MATCH)
def test_a_key_that_may_differ_is_named_and_not_in_the_way(key):
    found = compare(*sides(right={**WHOLE, key: "another"}), allowed=check_allowed((key,)))
    assert outcome(found).status == OK
    assert "allowed to differ here" in text(found)


def test_a_key_that_need_not_match_is_named_for_information():
    found = compare(*sides(left={**WHOLE, "kernel": "6.1"}, right={**WHOLE, "kernel": "6.2"}))
    assert outcome(found).status == OK
    assert [(d.key, d.must_match) for d in found.differences] == [("kernel", False)]


@pytest.mark.parametrize("key", ["cpu", "torch", "smt"])
def test_what_one_side_did_not_record_is_said_and_in_the_way(key):
    older = {name: value for name, value in WHOLE.items() if name != key}
    for left, right in ((older, WHOLE), (WHOLE, older)):
        found = compare(*sides(left=left, right=right))
        assert outcome(found).status == INCOMPARABLE
        assert "not recorded" in text(found)
        allowed = compare(*sides(left=left, right=right), allowed=check_allowed((key,)))
        assert outcome(allowed).status == OK


def test_all_keys_may_be_allowed_at_once():
    found = compare(*sides(right={"cpu": "another"}), allowed=check_allowed(("all", "torch")))
    assert outcome(found).status == OK


def test_a_run_is_the_same_as_itself():
    left, _ = sides()
    found = compare(left, left)
    assert {row.reasons for row in found.rows} == {("identical",)}
    assert outcome(found, strict=True).status == OK


def test_a_key_that_need_not_match_cannot_be_allowed():
    with pytest.raises(RunError, match=r"kernel.*must match.*torch"):
        check_allowed(("torch", "kernel"))


def test_the_keys_of_an_axis_may_differ_when_compared_by_it():
    right = {**WHOLE, "device": "cuda:0", "gpu": "G", "gpu_driver": "1", "cuda": "12", "cudnn": "9"}
    left, other = sides(right=right)
    other = replace(other, records=tuple(replace(r, device="cuda:0") for r in other.records))
    found = compare(left, other, by="device")
    assert not found.in_the_way
    assert len(found.shared) == 10


def test_nothing_in_common_is_incomparable():
    left, right = runs.side(runs.record("a", CALM)), runs.side(runs.record("b", CALM))
    ended = outcome(compare(left, right))
    assert ended.status == INCOMPARABLE
    assert ended.why == "Incomparable: the two sides have no case in common."


@pytest.mark.parametrize("status", ["failed", "invalid"])
def test_a_case_that_the_left_side_does_not_have_is_not_broken(status):
    failed = runs.record("b", status=status, reason="no memory", cost=None, tallies={})
    ended = outcome(compare(runs.side(runs.record("a", CALM)), runs.side(failed)))
    assert ended.status == INCOMPARABLE
    assert ended.why == "Incomparable: the two sides have no case in common."
    left, right = sides()
    found = compare(left, replace(right, records=(*right.records, failed)))
    assert outcome(found).status == OK
    assert not found.changed
    assert f"{status}: no memory" in text(found)


def test_a_changed_count_goes_before_an_environment_that_differs():
    left, right = sides(right={**WHOLE, "torch": "another"})
    right = replace(
        right, records=(replace(right.records[0], cost=runs.cost(7)), *right.records[1:])
    )
    ended = outcome(compare(left, right))
    assert ended.status == REGRESSION
    assert "1 case has changed counts" in ended.why


def test_what_no_longer_runs_is_a_regression():
    left, right = sides()
    broken = replace(right.records[0], status="failed", reason="no memory", samples=())
    found = compare(left, replace(right, records=(broken, *right.records[1:])))
    assert outcome(found).status == REGRESSION
    assert "no memory" in text(found)


def wide():
    """Return sides whose cases scatter, each in processes of its own."""
    scatter = ((1.0, 1.2, 0.8), (1.2, 0.8, 1.0), (0.8, 1.0, 1.2))
    return sides(records=[runs.record(f"t{n}", scatter[n % 3]) for n in range(12)])


def mixed(open_ones, cases):
    """Return sides of so many cases, of which so many scatter too much to be judged."""
    left, right = sides(records=[runs.record(f"t{n}", CALM) for n in range(cases)])
    noisy = (runs.record(f"t{n}", (1.0, 1.6)) for n in range(open_ones))
    return left, replace(right, records=(*noisy, *right.records[open_ones:]))


@pytest.mark.parametrize(
    ("open_ones", "cases", "headline"),
    [
        (0, 10, "No regression was found."),
        (3, 10, "No regression was found. 7 of 10 cases could be judged by time: 7 same."),
        (5, 5, "Inconclusive. None of 5 cases could be judged by time. Main reason (5 cases): "),
        (1, 1, "Inconclusive. None of 1 case could be judged by time. Main reason (1 case): "),
    ],
)
def test_the_headline_says_how_much_could_be_judged(open_ones, cases, headline):
    found = compare(*mixed(open_ones, cases))
    assert len(found.found("cannot tell")) == open_ones
    ended = outcome(found)
    assert ended.status == OK
    assert ended.why.startswith(headline)
    assert outcome(found, strict=True).status == (CANNOT_TELL if open_ones else OK)
    assert f"Main reason ({open_ones} case" in ended.why or open_ones in {0, 3}


def test_the_headline_says_when_most_cases_are_inconclusive():
    left, right = sides(records=[runs.record(f"t{n}", CALM) for n in range(10)])
    right = replace(right, records=(*right.records[:2], *map(runs.busy, right.records[2:])))
    ended = outcome(compare(left, right))
    assert ended.status == OK
    assert ended.why.startswith("Mostly inconclusive. 2 of 10 cases could be judged by time: 2")
    assert "the machine was busy during every sample" in ended.why
    assert ended.why.endswith("The counts of all 10 cases are the same.")


def test_the_headline_says_when_only_counts_were_compared():
    bare = [replace(side, records=tuple(replace(r, samples=()) for r in side.records))
            for side in sides()]  # fmt: skip
    ended = outcome(compare(*bare))
    assert ended.status == OK
    assert ended.why.startswith("Only counts could be compared: the counts of all 10 cases are")
    asked = outcome(compare(*sides(), times=False)).why
    assert "No regression was found: the counts of all 10 cases are the same." in asked


@pytest.mark.parametrize("where", [(0,), (1,), (0, 1)])
def test_what_a_busy_machine_made_invalid_is_not_measured_and_not_broken(where):
    both = list(sides())
    for number in where:
        first, *others = both[number].records
        both[number] = replace(both[number], records=(runs.busy(first), *others))
    found = compare(*both)
    row = found.rows[0]
    assert (row.verdict, row.reasons, row.change) == ("cannot tell", ("busy",), "")
    names = " and ".join(("left", "right")[number] for number in where)
    assert row.notes == (f"not measured: machine busy ({names})",)
    assert outcome(found).status == OK
    assert outcome(found, strict=True).status == CANNOT_TELL
    assert "broken" not in text(found)
    left, right = both
    changed = replace(right.records[0], cost=runs.cost(7))
    found = compare(left, replace(right, records=(changed, *right.records[1:])))
    assert outcome(found).status == REGRESSION


def test_a_wrong_result_is_broken_whatever_the_machine_did():
    left, right = sides()
    wrong = replace(right.records[0], status="invalid", reason="wrong result", samples=())
    found = compare(left, replace(right, records=(wrong, *right.records[1:])))
    assert found.rows[0].change == "broken"
    assert "1 case no longer runs" in outcome(found).why


def test_the_page_has_readable_slots_and_says_common_conditions_once():
    slots = [
        ConvSpec(
            in_channels=64,
            out_channels=64,
            input_size=(size, size),
            kernel_size=3,
            padding="same",
            batch=16,
        )
        for size in (56, 28)
    ]
    records = [
        runs.record(f"t{n}", CALM, slot.label, spec=slot) for slot in slots for n in range(9)
    ]
    left, right = sides(records=records)
    right = replace(right, records=(runs.times(right.records[0], 1.5), *right.records[1:]))
    said = text(compare(left, right))
    assert said.count("float32") == 1
    assert "all on cpu, float32, channels first, 1 thread" in said
    assert "t0 in 64→64, 3×3, 56×56, batch 16 (1.50" in said
    assert "k3" not in said
    assert "| 64→64, 3×3, 28×28, batch 16 " in said


def test_an_axis_that_is_compared_is_no_common_condition():
    left, _ = sides()
    last = replace(left, records=tuple(replace(r, layout="channels_last") for r in left.records))
    said = text(compare(left, last, by="layout"), gated=False)
    assert "all on cpu, float32, 1 thread" in said


def test_what_is_inconclusive_fails_only_when_that_is_asked():
    found = compare(*wide())
    assert found.found("cannot tell")
    assert outcome(found).status == OK
    assert outcome(found, strict=True).status == CANNOT_TELL


def lacking(left, right):
    return {
        "cases": (left, replace(right, records=right.records[1:])),
        "times": (
            left,
            replace(right, records=(replace(right.records[0], samples=()), *right.records[1:])),
        ),
        "an end": (left, replace(right, unfinished=1)),
        "processes": tuple(
            replace(s, records=tuple(replace(r, samples=r.samples[:1]) for r in s.records))
            for s in (left, right)
        ),
    }


@pytest.mark.parametrize("what", ["cases", "times", "an end", "processes"])
def test_a_side_that_lacks_something_passes_only_where_that_is_said(what):
    found = compare(*lacking(*sides())[what])
    ended = outcome(found)
    assert ended.status == INCOMPARABLE
    assert "--partial" in ended.why
    assert outcome(found, partial=True).status == OK
    assert outcome(found, partial=True, strict=True).status == CANNOT_TELL


@pytest.mark.parametrize("times", [True, False])
@pytest.mark.parametrize(
    "bare",
    [
        {"status": "failed", "reason": "no memory", "samples": (), "cost": None, "tallies": {}},
        {"samples": (), "cost": None, "tallies": {}},
    ],
)
def test_where_nothing_is_compared_nothing_passes(times, bare):
    left, right = (
        replace(s, records=tuple(replace(r, **bare) for r in s.records)) for s in sides()
    )
    ended = outcome(compare(left, right, times=times), partial=True)
    assert ended.status == INCOMPARABLE
    assert "no case has counts" in ended.why


def test_tallies_alone_are_counts():
    left, right = (
        replace(s, records=tuple(replace(r, cost=None) for r in s.records)) for s in sides()
    )
    found = compare(left, right, times=False)
    assert found.counted == 10
    assert outcome(found).status == OK


@pytest.mark.parametrize(("factor", "status"), [(1.3, INCOMPARABLE), (10, REGRESSION)])
def test_where_half_of_all_cases_changed_the_gate_does_not_pass(factor, status):
    calm = [runs.record(f"t{n}", (1.0, 1.004 + n / 1e3, 0.996)) for n in range(10)]
    moved = [runs.times(again(r), factor if n < 5 else 1) for n, r in enumerate(calm)]
    found = compare(runs.side(*calm), runs.side(*moved))
    assert outcome(found).status == status
    assert not {row.pair.label for row in found.found("slower")} & {f"t{n}" for n in range(5, 10)}


def test_a_time_of_nothing_is_no_time_and_no_crash():
    left, right = sides()
    nothing = runs.record("t0", (0.0, 0.0))
    found = compare(left, replace(right, records=(nothing, *right.records[1:])))
    assert outcome(found).status == INCOMPARABLE
    assert "not-timed" in text(found)


def test_a_case_more_is_no_hindrance():
    left, right = sides()
    more = runs.record("new", CALM)
    assert outcome(compare(left, replace(right, records=(*right.records, more)))).status == OK


def test_what_one_side_skips_is_not_lacking():
    skip = runs.record("no", status="skipped", reason="does not fit", cost=None, tallies={})
    left, right = sides()
    left = replace(left, records=(*left.records, skip))
    assert outcome(compare(left, right), strict=True).status == OK


def test_statuses_are_distinct_and_none_means_something_else_already():
    assert len(STATUSES) == 4
    assert not {1, 2} & set(STATUSES)
    assert max(STATUSES) < 124  # a time-out's, and beyond it a shell's own


def test_two_groups_are_a_finding_and_no_regression():
    left, _ = sides()
    slow = replace(
        left,
        records=tuple(replace(runs.times(r, 2), layout="channels_last") for r in left.records),
    )
    found = compare(left, slow, by="layout")
    assert len(found.found("slower")) == 10
    assert outcome(found, gated=False).status == OK
    assert outcome(found).status == REGRESSION


@pytest.mark.parametrize(("flags", "found"), [((), 10), ((SHARED,), 0)])
def test_another_process_on_the_gpu_may_explain_what_is_slower(flags, found):
    """All cases of a group take 1.3 times as long, and their rows say that the GPU was shared."""
    labels = [f"t{n}" for n in range(10)]
    times = {name: [1 + number / 100 + n / 1e4 for n in range(5)]
             for number, name in enumerate(labels)}  # fmt: skip
    left = runs.side(*(runs.record(name, times[name], run=1) for name in labels))
    right = runs.side(
        *(runs.record(name, [1.3 * t for t in times[name]], run=2, flags=flags) for name in labels)
    )
    assert len(compare(left, right).found("slower")) == found


@pytest.mark.parametrize(("dirty", "verdict"), [(0.0, "slower"), (0.9, "cannot tell")])
def test_other_load_that_may_explain_a_common_shift_makes_no_group_slower(dirty, verdict):
    """All cases of a group take 1.3 times as long, in processes that something else disturbed."""
    labels = [f"t{n}" for n in range(10)]
    times = {
        name: [1 + number / 100 + n / 1e4 for n in range(5)] for number, name in enumerate(labels)
    }
    left = runs.side(*(runs.record(name, times[name], run=1) for name in labels))
    right = runs.side(
        *(runs.record(name, [[1.3 * t, dirty] for t in times[name]], run=2) for name in labels)
    )
    found = compare(left, right)
    assert [item.verdict for item in found.moved] == [verdict]
    assert len(found.found("slower")) == (10 if verdict == "slower" else 0)
    assert outcome(found).status == (REGRESSION if verdict == "slower" else OK)


@pytest.mark.parametrize("name", GATES)
def test_presets_can_be_asked_for_and_say_what_they_are(name):
    preset = gate(name)
    assert preset.what
    assert 0 < preset.threshold < 1
    assert 0 < preset.drift < 1


def test_a_preset_that_is_not_there():
    with pytest.raises(RunError, match=r"no gate 'cii'.*ci .*steady .*counts"):
        gate("cii")


def test_counts_alone_need_no_environment_and_no_times():
    left, right = sides(right={**WHOLE, "torch": "another"})
    found = compare(left, right, times=gate("counts").times)
    assert outcome(found).status == OK
    assert "Times were not compared, as requested" in text(found)


def test_a_wider_threshold_lets_more_pass():
    left, _ = sides()
    first, *others = map(again, left.records)
    slow = replace(left, records=(runs.times(first, 1.08), *others))
    assert outcome(compare(left, slow)).status == REGRESSION
    assert outcome(compare(left, slow, limits=Limits(threshold=0.10))).status == OK


def test_the_page_names_what_is_slower_and_escapes_what_people_named():
    name = "<script>|`x`"
    left, right = sides(records=[runs.record(f"t{n}", CALM) for n in range(9)]
                        + [runs.record(name, CALM)])  # fmt: skip
    *others, last = right.records
    right = replace(right, records=(*others, runs.times(last, 1.5)))
    found = compare(left, right)
    said = text(found)
    assert "Regression: 1 case is slower." in said
    assert "<script>" not in said
    document = page(found, outcome(found))
    assert isinstance(document.blocks[0], Paragraph)
    tables = [block for block in document.walk() if isinstance(block, Table)]
    cases = [table for table in tables if table.columns[0].key == "label"]
    assert [(table.id, len(table.rows)) for table in cases] == [
        ("slower", 1), ("the-same-within-the-threshold", 9),
    ]  # fmt: skip
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)


def test_comparing_imports_no_torch():
    code = (
        "import sys\n"
        "import convbench.comparing.command, convbench.comparing.page\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
