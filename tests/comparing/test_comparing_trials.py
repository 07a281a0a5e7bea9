"""What the gate claims: it seldom cries wolf, and it finds what is there. On recorded times."""

import itertools
from dataclasses import replace

import pytest
from comparing import recorded as runs

from convbench.comparing.comparison import compare
from convbench.comparing.gate import OK, REGRESSION, outcome

TRIALS = 100
RUNS = range(6)


def test_the_recorded_runs_are_a_hundred_rows():
    assert len(runs.real(0).records) == 102
    assert all(len(item.samples) == 3 for n in RUNS for item in runs.real(n).records)


def test_a_run_against_its_rerun_seldom_shows_a_regression():
    found = [outcome(compare(*runs.drawn(seed))).status for seed in range(TRIALS)]
    assert set(found) <= {OK, REGRESSION}
    assert found.count(REGRESSION) <= 0.05 * TRIALS


def test_real_runs_one_after_the_other_seldom_show_one():
    pairs = list(itertools.combinations(map(runs.real, RUNS), 2))
    found = [outcome(compare(a, b)).status for a, b in pairs]
    assert found.count(REGRESSION) <= 0.05 * len(pairs)


def test_most_rows_of_a_rerun_are_called_the_same():
    found = compare(runs.real(0), runs.real(1))
    assert len(found.found("same")) > 0.8 * len(found.rows)


@pytest.mark.parametrize("label", ["ghost", "standard", "depthwise", "pointwise"])
def test_a_type_that_became_a_tenth_slower_is_found(label):
    missed, blamed = 0, 0
    for seed in range(20):
        left, right = runs.drawn(seed)
        found = compare(left, runs.slower(right, label, 1.10))
        names = [row.pair.label for row in found.found("slower")]
        missed += label not in names or outcome(found).status != REGRESSION
        blamed += bool(set(names) - {label})
    assert missed <= 1
    assert blamed <= 1


def test_a_type_that_became_a_tenth_faster_is_no_regression():
    left, right = runs.drawn(0)
    found = compare(left, runs.slower(right, "ghost", 1 / 1.10))
    assert {row.pair.label for row in found.found("faster")} == {"ghost"}
    assert outcome(found).status == OK


def test_a_machine_that_is_slower_as_a_whole_is_not_taken_for_its_cases():
    """Every time 8 % longer: within what runs drift, so no row is slower and nothing fails."""
    left, right = runs.drawn(1)
    found = compare(left, replace(right, records=tuple(runs.times(r, 1.08) for r in right.records)))
    assert not found.found("slower")
    assert {item.verdict for item in found.moved} == {"cannot tell"}
    assert all(row.raw < 1.05 for row in found.found("same"))
    assert outcome(found).status == OK
    assert outcome(found, strict=True).status != OK


def test_all_that_became_much_slower_is_a_regression_and_every_row_says_so():
    """Every time 1.4 times as long: more than runs drift."""
    left, right = runs.drawn(1)
    found = compare(left, replace(right, records=tuple(runs.times(r, 1.4) for r in right.records)))
    slower = {item.group for item in found.moved if item.verdict == "slower"}
    assert len(slower) >= len(found.moved) - 1
    assert {row.pair.group for row in found.found("slower")} >= slower
    assert not found.found("same")
    assert outcome(found).status == REGRESSION


@pytest.mark.parametrize(("slow", "factor"), [(6, 1.09), (5, 1.09), (5, 1.2), (8, 1.2)])
def test_half_of_a_group_that_slows_makes_the_other_half_not_faster(slow, factor):
    """Ten calm cases: what did not move is never called faster, what slowed never the same."""
    calm = [runs.record(f"t{n}", (1.0, 1.001 + n / 1e4, 0.999)) for n in range(10)]
    moved = [runs.times(r, factor) if n < slow else r for n, r in enumerate(again(calm))]
    found = compare(runs.side(*calm), runs.side(*moved))
    assert not found.found("faster")
    assert not {row.pair.label for row in found.found("same")} & {f"t{n}" for n in range(slow)}


def again(records):
    """Return the same cases a hair different, as another run has them."""
    return [runs.times(r, 1 + (n % 3 - 1) / 1e3) for n, r in enumerate(records)]


def test_a_changed_count_is_found_with_no_timing_at_all():
    before = [runs.record(label) for label in ("standard", "depthwise", "lite")]
    after = [*before[:2], replace(before[2], cost=runs.cost(1001))]
    found = compare(runs.side(*before), runs.side(*after))
    (row,) = found.changed
    assert (row.pair.label, row.change, row.verdict) == ("lite", "count changed", None)
    assert row.notes == ("multiplications 1,000 → 1,001",)
    assert outcome(found).status == REGRESSION
