"""Verdicts with their codes, one line each."""

import math
from dataclasses import replace

import pytest
from comparing import recorded as runs
from conftest_root import ROOT

from convbench.comparing.exact import changes
from convbench.comparing.judging import REASONS, Limits, holm, judge
from convbench.comparing.matching import Pair
from convbench.comparing.noise import Effect
from convbench.counting.tally import Unavailable

LIMITS = Limits()


def pair(left=None, right=None):
    left = left or runs.record(seconds=(1.0, 1.0, 1.0))
    return Pair(left=left, right=right or left)


def effect(ratio, error, freedom=10.0, raw=None):
    return Effect(raw=math.log(raw or ratio), net=math.log(ratio), error=error, freedom=freedom)


@pytest.mark.parametrize(
    ("ratio", "error", "sure", "moved", "verdict", "reasons"),
    [
        (1.10, 0.01, True, "same", "slower", ("beyond",)),
        (0.90, 0.01, True, "same", "faster", ("beyond",)),
        (1.10, 0.01, False, "same", "cannot tell", ("many",)),
        (1.00, 0.01, False, "same", "same", ("within",)),
        (1.02, 0.001, True, "same", "same", ("within",)),  # surely slower, too little to matter
        (1.00, 0.05, False, "same", "cannot tell", ("wide",)),
        (
            1.04,
            0.01,
            True,
            "same",
            "cannot tell",
            ("wide",),
        ),  # below the threshold, reaching beyond
        (1.10, 0.01, True, None, "cannot tell", ("drift",)),  # no shift seen: it may be the machine
        (1.30, 0.01, True, None, "slower", ("beyond",)),  # more than machines drift
        (0.70, 0.01, True, None, "faster", ("beyond",)),
    ],
)
def test_a_verdict_for_each_kind_of_interval(ratio, error, sure, moved, verdict, reasons):
    row = judge(pair(), effect(ratio, error), sure=sure, moved=moved, limits=LIMITS)
    assert (row.verdict, row.reasons) == (verdict, reasons)
    assert row.ratio.value == pytest.approx(ratio)
    assert row.ratio.low < ratio < row.ratio.high


@pytest.mark.parametrize(
    ("net", "raw", "moved", "verdict", "reasons"),
    [
        (1.00, 1.20, "slower", "slower", ("group",)),
        (1.00, 0.80, "faster", "faster", ("group",)),
        (1.00, 1.09, "cannot tell", "cannot tell", ("shift",)),  # not the same: it is not known
        (1.00, 1.02, "cannot tell", "same", ("within",)),
        (0.91, 1.00, "cannot tell", "cannot tell", ("shift",)),  # it stood still, the others moved
        (1.10, 1.01, "cannot tell", "cannot tell", ("shift",)),
        (1.10, 0.90, "same", "cannot tell", ("shift",)),
        (1.15, 1.25, "cannot tell", "slower", ("beyond",)),
        (0.83, 1.00, "slower", "cannot tell", ("shift",)),  # alone in not being slower
    ],
)
def test_what_a_moved_group_leaves_of_a_case(net, raw, moved, verdict, reasons):
    row = judge(pair(), effect(net, 0.005, raw=raw), sure=True, moved=moved, limits=LIMITS)
    assert (row.verdict, row.reasons) == (verdict, reasons)


def test_a_calm_machine_needs_no_shift():
    calm = Limits(absolute=True)
    row = judge(pair(), effect(1.10, 0.01), sure=True, moved=None, limits=calm)
    assert row.verdict == "slower"


def test_the_documentation_explains_every_code_as_the_program_does():
    page = (ROOT / "docs/compare.md").read_text(encoding="utf-8")
    assert [f"| `{code}` | {text} |" in page for code, text in REASONS.items()] == [True] * len(
        REASONS
    )


def test_every_reason_has_a_meaning():
    found = {"beyond", "many", "within", "wide", "drift", "group", "shift", "identical"}
    assert found <= set(REASONS)
    assert all(REASONS.values())


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(1.11, "cannot tell"), (1.8, "cannot tell"), (10.0, "slower")]
)
def test_samples_that_something_else_had_a_hand_in_make_no_case_a_little_slower(ratio, verdict):
    """What disturbs a third of the processes explains some per cent, and not ten times."""
    clean = runs.record(seconds=(1.0, 1.0, 1.0))
    disturbed = runs.record(seconds=([1.0, 0.8], 1.0, 1.0))
    both = pair(clean, disturbed)
    row = judge(both, effect(ratio, 0.01), sure=True, moved="same", limits=LIMITS)
    assert row.verdict == verdict
    assert row.reasons == ("beyond", "contaminated")


@pytest.mark.parametrize(
    "seconds",
    [
        ([1.0, 0.7],) * 3,  # three in ten of each process's samples are clean: so is a quartile
        ([1.0, 0.8], 1.0, 1.0, 1.0),  # one process of four can be left out
    ],
)
def test_what_low_quantiles_see_through_is_judged_as_ever(seconds):
    both = pair(runs.record(seconds=(1.0,) * 4), runs.record(seconds=seconds))
    row = judge(both, effect(1.11, 0.01), sure=True, moved="same", limits=LIMITS)
    assert (row.verdict, row.reasons) == ("slower", ("beyond",))


def test_fewer_than_five_rounds_cannot_tell():
    few = runs.record(seconds=(1.0, 1.0))
    few = replace(few, samples=tuple(replace(s, **runs.rounds(s, 2)) for s in few.samples))
    row = judge(pair(few), effect(1.5, 0.01), sure=True, moved="same", limits=LIMITS)
    assert (row.verdict, row.reasons) == ("cannot tell", ("few-rounds",))


@pytest.mark.parametrize(("threshold", "verdict"), [(0.05, "same"), (0.01, "slower")])
def test_the_threshold_is_the_margin_of_practical_equality(threshold, verdict):
    """1.02 ± 0.2 % lies within 5 % and beyond 1 %: of the row and of its ratio alone."""
    limits = Limits(threshold=threshold)
    row = judge(pair(), effect(1.02, 0.001), sure=True, moved="same", limits=limits)
    assert (row.verdict, row.ratio.verdict) == (verdict, verdict)


def test_processes_that_were_left_out_are_said():
    for disturbed, said in {(0, 2): "2 right", (1, 2): "1 left, 2 right"}.items():
        left_out = replace(effect(1.0, 0.01), disturbed=disturbed)
        row = judge(pair(), left_out, sure=False, moved="same", limits=LIMITS)
        assert row.notes == (f"disturbed processes left out: {said}",)


def test_samples_that_are_mostly_contaminated_say_nothing():
    clean = runs.record(seconds=(1.0, 1.0, 1.0))
    both = pair(clean, runs.record(seconds=([1.0, 0.8],) * 3))
    row = judge(both, effect(10.0, 0.01), sure=True, moved="same", limits=LIMITS)
    assert row.verdict == "cannot tell"


def test_the_same_where_no_shift_is_seen_says_so():
    row = judge(pair(), effect(1.0, 0.01), sure=False, moved=None, limits=LIMITS)
    assert (row.verdict, row.reasons) == ("same", ("within", "drift"))


def test_one_process_a_side_cannot_tell():
    row = judge(pair(), None, sure=False, moved="same", limits=LIMITS)
    assert (row.verdict, row.reasons, row.ratio) == ("cannot tell", ("one-process",), None)


@pytest.mark.parametrize(
    ("right", "change", "note"),
    [
        ({}, "", None),
        ({"cost": runs.cost(1001)}, "count changed", "multiplications 1,000 → 1,001"),
        ({"cost": runs.cost(parameters=11)}, "count changed", "parameters 10 → 11"),
        (
            {"tallies": {"torch": runs.tally(999)}},
            "count changed",
            "multiplications by torch 1,000 → 999",
        ),
        (
            {"tallies": {"torch": Unavailable("is not installed")}},
            "",
            "multiplications by torch: not known on the right side",
        ),
        ({"tallies": {}}, "", "multiplications by torch: not known on the right side"),
        (
            {"status": "failed", "reason": "RuntimeError: no memory"},
            "broken",
            "ok before, now failed: RuntimeError: no memory",
        ),
        ({"status": "invalid", "reason": "nan"}, "broken", "ok before, now invalid: nan"),
        ({"status": "skipped", "reason": "no fit"}, "broken", "ok before, now skipped: no fit"),
        ({"cost": None}, "count changed", "multiplications 1,000 → not known"),
        ({"cost": runs.cost(reads=11)}, "count changed", "reads 10 → 11"),
    ],
)
def test_what_became_of_the_counts_and_the_case(right, change, note):
    left = runs.record()
    said = changes(pair(left, replace(left, **right)))
    assert said == (change, (note,) if note else ())


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        ("skipped", "failed", "broken"),
        ("skipped", "invalid", "broken"),
        ("skipped", "ok", ""),
        ("failed", "ok", "mended"),
        ("failed", "skipped", "mended"),
        (None, "failed", ""),
        (None, "ok", ""),
        ("ok", None, ""),
        ("failed", "failed", ""),
    ],
)
def test_a_case_that_fails_now_and_did_not_is_broken(before, now, change):
    left, right = (s and runs.record(status=s, reason="why") for s in (before, now))
    assert changes(Pair(left=left, right=right))[0] == change


def test_many_counts_of_one_case_are_not_all_named():
    other = runs.cost(1001, parameters=11, additions=11, elementwise=11, reads=11)
    _, notes = changes(pair(runs.record(), runs.record(cost=other)))
    assert notes == (
        "multiplications 1,000 → 1,001", "additions 10 → 11", "parameters 10 → 11",
        "and 2 more counts",
    )  # fmt: skip


def test_a_case_that_runs_again_is_mended():
    left = runs.record(status="failed", reason="RuntimeError")
    right = runs.record()
    assert changes(pair(left, right))[0] == "mended"


def test_what_ran_is_told_where_it_changed_and_the_axes_are_not():
    left = runs.record(seconds=(1, 1), ran={"convolution_backend": "Mkldnn", "threads": "1"})
    right = replace(left, ran={"convolution_backend": "Slow2d", "threads": "2"})
    row = judge(pair(left, right), effect(1, 0.01), sure=False, moved="same", limits=LIMITS)
    assert row.notes == ("convolution_backend: Mkldnn → Slow2d",)


@pytest.mark.parametrize(
    ("chances", "sure"),
    [
        ([], []),
        ([0.04], [True]),
        ([0.06], [False]),
        ([0.01, 0.04], [True, True]),  # 0.01 * 2, then 0.04 * 1
        ([0.03, 0.04], [False, False]),  # 0.03 * 2 is too much, so the second is not asked
        ([0.04, 0.5, 0.01], [False, False, True]),
        ([0.001, 0.001, 0.9], [True, True, False]),
    ],
)
def test_holm_by_hand(chances, sure):
    assert holm(chances, 0.05) == sure
