"""Verdicts with their codes, one line each."""

import math
from dataclasses import replace

import pytest
from comparing import recorded as runs

from convbench.comparing.judging import REASONS, Limits, changes, holm, judge
from convbench.comparing.matching import Pair
from convbench.comparing.noise import Effect
from convbench.counting.tally import Unavailable

LIMITS = Limits()


def pair(left=None, right=None):
    left = left or runs.record(seconds=(1.0, 1.0, 1.0))
    return Pair(label="standard", group="g", left=left, right=right or left)


def effect(ratio, error, freedom=10.0):
    return Effect(raw=math.log(ratio), net=math.log(ratio), error=error, freedom=freedom)


@pytest.mark.parametrize(
    ("ratio", "error", "sure", "known", "verdict", "reasons"),
    [
        (1.10, 0.01, True, True, "slower", ("beyond",)),
        (0.90, 0.01, True, True, "faster", ("beyond",)),
        (1.10, 0.01, False, True, "ambiguous", ("many",)),
        (1.00, 0.01, False, True, "same", ("within",)),
        (1.02, 0.001, True, True, "same", ("within",)),  # surely slower, and too little to matter
        (1.00, 0.05, False, True, "ambiguous", ("wide",)),
        (1.04, 0.01, True, True, "ambiguous", ("wide",)),  # below the threshold, reaching beyond
        (1.10, 0.01, True, False, "ambiguous", ("few-cases",)),
        (1.30, 0.01, True, False, "slower", ("beyond",)),  # more than machines drift
        (0.70, 0.01, True, False, "faster", ("beyond",)),
    ],
)
def test_a_verdict_for_each_kind_of_interval(ratio, error, sure, known, verdict, reasons):
    row = judge(pair(), effect(ratio, error), sure=sure, known=known, limits=LIMITS)
    assert (row.verdict, row.reasons) == (verdict, reasons)
    assert row.ratio.value == pytest.approx(ratio)
    assert row.ratio.low < ratio < row.ratio.high


def test_every_reason_has_a_meaning():
    found = {"beyond", "many", "within", "wide", "few-cases"}
    assert found <= set(REASONS)
    assert all(REASONS.values())


@pytest.mark.parametrize("share", [3, 6])
def test_samples_that_something_else_had_a_hand_in_never_make_a_case_slower(share):
    clean = runs.record(seconds=(1.0, 1.0, 1.0))
    dirty = replace(clean.samples[0], waited_seconds=tuple([0.5] * share + [0.0] * (5 - share))[:5])
    disturbed = replace(clean, samples=(dirty, *clean.samples[1:]))
    row = judge(pair(clean, disturbed), effect(1.3, 0.01), sure=True, known=True, limits=LIMITS)
    assert row.verdict == "ambiguous"
    assert row.reasons == ("beyond", "contaminated")


def test_one_process_a_side_is_ambiguous():
    row = judge(pair(), None, sure=False, known=True, limits=LIMITS)
    assert (row.verdict, row.reasons, row.ratio) == ("ambiguous", ("one-process",), None)


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
    ],
)
def test_what_became_of_the_counts_and_the_case(right, change, note):
    left = runs.record()
    said = changes(pair(left, replace(left, **right)))
    assert said == (change, (note,) if note else ())


def test_a_case_that_runs_again_is_mended():
    left = runs.record(status="failed", reason="RuntimeError")
    right = runs.record()
    assert changes(pair(left, right))[0] == "mended"


def test_what_ran_is_told_where_it_changed_and_the_axes_are_not():
    left = runs.record(seconds=(1, 1), ran={"convolution_backend": "Mkldnn", "threads": "1"})
    right = replace(left, ran={"convolution_backend": "Slow2d", "threads": "2"})
    row = judge(pair(left, right), effect(1, 0.01), sure=False, known=True, limits=LIMITS)
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
