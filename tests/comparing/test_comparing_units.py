"""Tables of processes and of runs: what is left out of them, and what is not."""

import math
import warnings

import numpy as np
import pytest
from comparing import recorded as runs

from convbench.comparing.units import (
    calm,
    centred,
    mean,
    middle,
    middle_of_others,
    of_processes,
    of_runs,
)

NONE = math.nan
STEADY = [0.0, 0.01, -0.01, 0.005, -0.005, 0.0, 0.01, -0.01]


def left_out(*rows):
    """Return the places that are left out, as (case, unit)."""
    table = np.array(rows)
    gone = np.isnan(calm(table)) & ~np.isnan(table)
    return [(int(row), int(column)) for row, column in zip(*np.nonzero(gone), strict=True)]


FAR = [
    # what, logs of the processes of one case, which of them are left out
    ("none is far", STEADY, []),
    ("one slow of eight", [*STEADY[:7], 1.1], [7]),
    ("one fast of eight", [*STEADY[:7], -1.1], [7]),
    ("two of eight", [*STEADY[:6], 0.5, 1.1], [6, 7]),
    ("three of eight are no accident", [*STEADY[:5], 0.5, 0.9, 1.1], []),
    ("one of four", [0.0, 0.01, -0.01, 0.7], [3]),
    ("one of three: which is the odd one?", [0.0, 0.01, 0.7], []),
    ("less than a quarter slower is near", [*STEADY[:7], math.log(1.2)], []),
    ("all far apart: none is far from the rest", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], []),
    ("what was not measured does not count", [0.0, 0.01, NONE, NONE, NONE, NONE, NONE, 0.7], []),
]


@pytest.mark.parametrize(("logs", "places"), [r[1:] for r in FAR], ids=[r[0] for r in FAR])
def test_what_lies_far_from_the_others_is_left_out(logs, places):
    assert left_out(logs) == [(0, place) for place in places]


def test_a_process_that_is_slow_in_all_cases_is_left_out_of_all():
    rows = [[value + case for value in STEADY] for case in range(8)]
    for row in rows:
        row[3] += 0.5
    assert left_out(*rows) == [(case, 3) for case in range(8)]


def test_what_all_cases_share_makes_none_of_them_far():
    """Every process a fifth slower than the one before, in all cases: a case is judged without."""
    rows = [[value + 0.2 * place for place, value in enumerate(STEADY)] for _ in range(8)]
    assert left_out(*rows) == []
    rows[2][4] += 0.5
    assert left_out(*rows) == [(2, 4)]


def test_a_case_in_slow_processes_alone_is_put_where_it_would_be_in_the_others():
    """Processes 4 and 5 are 10 % slower; case 0 has only these, case 1 only the others."""
    whole = np.add.outer(np.arange(12.0), [0.0, 0.0, 0.0, 0.0, 0.1, 0.1])
    table = whole.copy()
    table[0, :4] = NONE
    table[1, 4:] = NONE
    centres, about = centred(table)
    assert centres == pytest.approx(whole.mean(axis=1))
    assert about[0, 4:] == pytest.approx(0.1 - 0.2 / 6)


def test_where_all_cases_have_all_processes_the_centre_is_the_mean():
    table = np.random.default_rng(3).normal(0, 0.1, (20, 5))
    assert centred(table)[0] == pytest.approx(table.mean(axis=1))


def test_few_cases_do_not_show_what_they_share():
    table = np.add.outer(np.arange(7.0), [0.0, 0.2])
    table[0, 0] = NONE
    assert centred(table)[0][0] == pytest.approx(0.2)


def test_processes_are_columns_by_their_session():
    first = [runs.samples(math.e, session="x"), runs.samples(1.0, session="y")]
    table = of_processes([first, [runs.samples(1.0, session="y")], []])
    assert table[:, 1] == pytest.approx([0.0, 0.0, NONE], nan_ok=True)
    assert table[:, 0] == pytest.approx([1.0, NONE, NONE], nan_ok=True)


def test_of_a_process_it_is_its_lower_quartile():
    """Of 1 to 5 s the second: what was added to the others does not show."""
    one = runs.samples(1.0)
    busy = runs.replace(one, seconds=(4.0, 1.0, 5.0, 2.0, 3.0))
    assert of_processes([[busy]]) == pytest.approx(math.log(2.0))


def test_a_run_is_the_mean_of_its_processes_without_the_disturbed_one():
    def run(name, *seconds):
        return tuple(runs.samples(s, session=f"{name}{n}") for n, s in enumerate(seconds))

    table = of_runs([(run("a", 1.0, 1.0, 1.0, 3.0), run("b", 1.0, math.e)), (run("a", 2.0),)])
    assert table[0] == pytest.approx([0.0, 0.5])
    assert table[1] == pytest.approx([math.log(2.0), NONE], nan_ok=True)


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.8])
def test_medians_and_means_are_those_of_numpy_and_those_of_others_leave_one_row_out(missing):
    draw = np.random.default_rng(0)
    for shape in ((1, 3), (2, 2), (5, 4), (6, 1), (9, 3)):
        table = np.round(draw.normal(size=shape), 1)  # with ties
        table[draw.random(shape) < missing] = np.nan
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of what is empty
            others = [np.nanmedian(np.delete(table, row, 0), axis=0) for row in range(len(table))]
            for axis in (0, 1):
                np.testing.assert_array_equal(middle(table, axis), np.nanmedian(table, axis=axis))
                np.testing.assert_array_equal(mean(table, axis), np.nanmean(table, axis=axis))
        np.testing.assert_array_equal(middle_of_others(table), others)
    assert np.isnan(middle(np.zeros((2, 0)), axis=1)).tolist() == [True, True]
