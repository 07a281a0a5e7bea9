"""Names of groups for readers: unique, and what all share is said once."""

from dataclasses import replace

import pytest
from report.report_runs import many_groups, whole_run

from convbench.core.spec import ConvSpec
from convbench.runs.titles import slot_title, titles

TITLES = {
    "64→64, 3×3, 56×56, batch 16": {"padding": "same", "batch": 16},
    "64→64, 3×3, no padding, 56×56, batch 1": {},
    "64→64, 3×3, stride 2, padding 1, 56×56, batch 1": {"stride": 2, "padding": 1},
    "64→64, 3×3, padding 1×2, dilation 2, bias, 56×56, batch 1": {
        "padding": (1, 2), "dilation": 2, "bias": True,
    },
    "64→64, 3×3, upsampling 2×, 56×56, batch 1": {"padding": "same", "scale": 2},
    "64→64, 3×5, 56×56, batch 1": {"padding": "same", "kernel_size": (3, 5)},
    "64→64, kernel 3, length 56, batch 1": {"padding": "same", "input_size": 56},
}  # fmt: skip


@pytest.mark.parametrize("title", TITLES)
def test_slots_have_names_that_need_no_explanation(title):
    fields = {"in_channels": 64, "out_channels": 64, "input_size": (56, 56), "kernel_size": 3}
    assert ConvSpec(**{**fields, **TITLES[title]}).title == title


@pytest.mark.parametrize("run", [whole_run, many_groups])
def test_every_group_has_a_name_of_its_own(run):
    records = run().records
    found = titles(records).groups
    assert set(found) == {record.group for record in records}
    assert len(set(found.values())) == len(found)


def test_what_all_groups_share_is_said_once():
    records = [record for record in whole_run().records if record.spec]
    alike = titles(records)
    assert alike.shared == "cpu, float32, channels first, 2 threads"
    assert alike.groups[records[0].group] == slot_title(records[0])
    other = replace(records[0], group="other", dtype="float64", layout="channels_last")
    apart = titles([*records, other])
    assert apart.shared == "cpu, 2 threads"
    assert apart.groups["other"] == f"{slot_title(other)}, float64, channels last"
    assert titles([]).shared == ""


def test_code_is_named_by_what_timed_it_and_an_unknown_condition_is_not_named():
    first, second = (
        replace(record, kind="code", spec=None, group=name, slot=name, dtype=dtype, threads=threads)
        for record, name, dtype, threads in zip(
            whole_run().records,
            ("a::test", "b::test"),
            ("unknown", "float32"),
            (1, 2),
            strict=False,
        )
    )
    found = titles([first, second])
    assert found.groups == {"a::test": "a::test", "b::test": "b::test"}
    assert titles([first]).shared == "cpu, channels first, 1 thread"
