"""Published figures are compared at the precision printed."""

from dataclasses import replace

import pytest
from report.report_runs import whole_run

from convbench.report.published_figures import figures, meets


@pytest.mark.parametrize(
    ("derived", "printed", "meeting"),
    [
        (978_875_392, "978.9 M", "met"),
        (978_875_392, "978.9M", "met"),
        (978_949_999, "978.9 M", "met"),
        (978_950_001, "978.9 M", "not met"),
        (978_875_392, "1 G", "met"),
        (2_169_508, "2,169,508", "met"),
        (2_169_509, "2,169,508", "not met"),
        (978_875_392, "978.9", "not compared"),
        (978_875_392, "about a billion", "not compared"),
        (None, "978.9 M", "not compared"),
    ],
)
def test_meets(derived, printed, meeting):
    assert meets(derived, printed) == meeting


def test_a_batch_is_divided_out_of_multiplications_and_not_of_parameters():
    record = next(r for r in whole_run().records if r.name == "osnet_x1_0")
    cost = replace(record.cost, multiplications=8 * record.cost.multiplications)
    record = replace(
        record,
        cost=cost,
        input_shape=(8, 3, 256, 128),
        published={"multiplications": ("978.9 M", "a"), "parameters": ("2.2 M", "b")},
    )
    found = figures(replace(whole_run(), records=(record,)))
    assert [item.meeting for item in found] == ["met", "met"]


def test_an_unknown_quantity_is_shown_and_not_compared():
    record = next(r for r in whole_run().records if r.name == "osnet_x1_0")
    record = replace(record, published={"parameters with a classifier": ("2.7 M", "x")})
    (found,) = figures(replace(whole_run(), records=(record,)))
    assert (found.derived, found.meeting) == (None, "not compared")
