"""Batches that double until the throughput saturates: in a suite, the runner, and on --resume."""

from __future__ import annotations

from dataclasses import replace

import pytest
from runs.test_runs_runner import carried_out
from scripted import samples

from convbench.core.errors import SuiteError
from convbench.machine import device
from convbench.runs import groups, runner
from convbench.runs.cases import expand
from convbench.runs.conditions import Condition
from convbench.runs.saturation import enough, gain, throughput
from convbench.runs.store import load
from convbench.runs.suite import BATCHES, parse_suite

SLOT = """
[timing]
processes = 2
max_rounds = 6
[[slots]]
in_channels = 4
out_channels = 4
input_size = "4x4"
kernel_size = 3
padding = "same"
types = ["standard", "lite"]
batch = "saturate"
"""
CPU = (Condition(device="cpu", threads=1),)


@pytest.fixture(autouse=True)
def _reports_take_no_time(monkeypatch):
    monkeypatch.setattr(runner, "report_seconds", lambda _cases: 0.0)


def expanded(text=SLOT, conditions=CPU):
    return expand(parse_suite(text, "s.toml"), conditions)


def test_a_suite_doubles_the_batch_of_a_slot_and_of_networks():
    nets = '[[networks]]\nnames = ["osnet_x0_25"]\ninput_size = "64x32"\nbatch = "saturate"\n'
    found = expanded(SLOT + nets)
    assert [group.cases[0].skeleton.input_shape[0] for group in found] == 2 * list(BATCHES)
    assert len({group.family for group in found}) == 2
    fixed = expanded(SLOT.replace('"saturate"', "[1, 2]"))
    assert {group.family for group in fixed} == {""}


def test_every_condition_saturates_by_itself():
    both = (*CPU, replace(CPU[0], layout="channels_last"))
    assert len({group.family for group in expanded(conditions=both)}) == 2


@pytest.mark.parametrize("value", ['"saturated"', '[1, "saturate"]'])
def test_another_word_and_a_list_with_it_are_refused(value):
    with pytest.raises(SuiteError, match="batch"):
        expanded(SLOT.replace('"saturate"', value))


def test_one_slot_cannot_have_both_a_fixed_batch_and_this():
    slot = SLOT.partition("[[slots]]")[2].replace('"saturate"', "2")
    with pytest.raises(SuiteError, match=r'or once with batch = "saturate"'):
        expanded(f"{SLOT}[[slots]]{slot}")


def records(batch, **seconds):
    """Return records of a batch, each with seconds of a call; None for one that failed."""
    (group,) = (g for g in expanded() if g.cases[0].skeleton.input_shape[0] == batch)
    found = {case.skeleton.label: case.skeleton for case in group.cases}
    return [
        replace(found[name], samples=(samples([took] * 6),))
        if took
        else replace(found[name], status="failed", reason="out of memory")
        for name, took in seconds.items()
    ]


def test_a_throughput_is_of_inputs():
    standard, lite = records(8, standard=2.0, lite=None)
    assert (throughput(standard), throughput(lite)) == (4.0, 0.0)


def on_gpu(batch, events, kernel=None):
    """Return a case of a GPU at a batch: seconds of its kernels, and between events."""
    (record,) = records(batch, standard=events)
    main = tuple(replace(one, stopwatch="cuda-events") for one in record.samples)
    alone = tuple(
        replace(one, seconds=(kernel,) * 6, stopwatch="cuda-kernel") for one in main if kernel
    )
    return replace(record, device="cuda:0", samples=main, also={"kernel": alone} if kernel else {})


def test_of_a_gpu_the_kernels_alone_saturate_and_not_the_launches():
    assert throughput(on_gpu(8, 2.0, 0.5)) == 16.0
    assert gain(on_gpu(8, 2.0, 0.5), on_gpu(4, 2.0, 0.25)) == 0.0


def test_no_kernel_time_is_divided_by_an_event_time_of_another_batch():
    """Kernels took 0.5 s at batch 4; at 8 they were not timed, and launching took 2 s at both."""
    larger, smaller = on_gpu(8, 2.0), on_gpu(4, 2.0, 0.5)
    assert gain(larger, smaller) == gain(on_gpu(8, 2.0, 1.0), on_gpu(4, 2.0)) == 1.0
    assert enough([[smaller], [larger]]) == "", "by event time it gains 100 %"
    only_kernels = replace(smaller, samples=smaller.also["kernel"], also={})
    assert gain(larger, only_kernels) is None
    assert enough([[only_kernels], [larger]]) == "", "nothing is known"


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ([], ""),
        ([records(1, standard=1.0, lite=1.0)], ""),
        ([records(1, standard=1.0, lite=1.0), records(2, standard=2.0, lite=1.7)], ""),
        (
            [records(1, standard=1.0, lite=1.0), records(2, standard=2.5, lite=1.9)],
            "saturated: from batch 1 to 2 no case gained 10 % of throughput (lite had the most, "
            "+5 %)",
        ),
        (
            [records(1, standard=1.0), records(2, standard=2.5)],
            "saturated: from batch 1 to 2 no case gained 10 % of throughput (standard had the "
            "most, −20 %)",
        ),
        ([records(4, standard=None, lite=None)], "saturated: at batch 4 no case has a time"),
    ],
)  # fmt: skip
def test_a_batch_is_enough_where_none_gains_or_none_fits(before, why):
    assert enough(before) == why


def seconds(place, name, _process):
    """Return a call on a device that works on up to 4 inputs at once; lite takes twice as long."""
    batch = BATCHES[place]
    return max(1.0, batch / 4) * {"standard": 1.0, "lite": 2.0}[name]


def test_larger_batches_are_skipped_and_take_no_time(tmp_path):
    folder = tmp_path / "run"
    script, _ = carried_out(expanded(), seconds, folder)
    assert {BATCHES[place] for place in script.asked} == {1, 2, 4, 8}
    found = load(folder)
    assert found.finished, "every case has its record"
    by_batch = {r.input_shape[0]: r for r in found.records if r.label == "lite"}
    assert [by_batch[batch].status for batch in BATCHES] == ["ok"] * 4 + ["skipped"] * 7
    reasons = {by_batch[batch].reason for batch in BATCHES[4:]}
    assert reasons == {
        "saturated: from batch 4 to 8 no case gained 10 % of throughput (standard had the most, "
        "+0 %)"
    }


def test_a_run_that_goes_on_times_no_batch_that_was_skipped(tmp_path):
    folder = tmp_path / "run"
    carried_out(expanded(), seconds, folder)
    whole = (folder / "records.jsonl").read_text().splitlines(keepends=True)
    cut = next(n for n, line in enumerate(whole) if '"batch": 8' in line or '"batch":8' in line)
    (folder / "records.jsonl").write_text("".join(whole[:cut]))
    script, _ = carried_out(expanded(), seconds, folder)
    assert {BATCHES[place] for place in script.asked} <= {1, 2, 4, 8}
    assert 8 in {BATCHES[place] for place in script.asked}
    assert load(folder).finished


def test_what_memory_does_not_hold_ends_the_row_and_is_skipped_with_that_reason(
    tmp_path, monkeypatch
):
    def too_large(case, _cost):
        return "out of memory: it needs too much" if case.skeleton.input_shape[0] > 2 else None

    monkeypatch.setattr(groups, "too_large", too_large)
    assert device.too_large is not too_large
    folder = tmp_path / "run"
    script, _ = carried_out(expanded(), lambda *_: 1.0, folder)
    assert {BATCHES[place] for place in script.asked} == {1, 2}
    status = {r.input_shape[0]: (r.status, r.reason) for r in load(folder).records}
    assert status[4] == ("skipped", "out of memory: it needs too much")
    assert {s for s, _ in status.values()} == {"ok", "skipped"}
