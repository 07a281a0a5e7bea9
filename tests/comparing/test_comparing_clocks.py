"""Comparisons and histories of GPU runs: kernel times, or event times on both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from report.gpu_runs import Edit, gpu_run, without_kernels

from convbench.clock.samples import KERNEL
from convbench.comparing.comparison import Comparison, compare
from convbench.comparing.gate import outcome
from convbench.comparing.judging import Judged, Limits
from convbench.comparing.matching import split
from convbench.comparing.page import page
from convbench.comparing.sides import side
from convbench.history.following import case_table
from convbench.history.history import History, history
from convbench.history.page import page as history_page
from convbench.history.run_folders import Entry, Finds
from convbench.history.tables import runs_table
from convbench.report.document import Table
from convbench.runs.record import Record, Run

TYPES = ("standard", "depthwise_separable", "bottleneck")
STEADY = Limits(absolute=True)


def longer(name: str, *, kernels: float = 1.0, events: float = 1.0) -> Edit:
    """Return what makes the times of a type longer, by each of its clocks."""

    def edit(record: Record) -> Record:
        if record.name != name:
            return record
        told = {KERNEL: (kernels, record.also.get(KERNEL, ())), "": (events, record.samples)}
        made = {
            key: tuple(replace(s, seconds=tuple(by * one for one in s.seconds)) for s in several)
            for key, (by, several) in told.items()
        }
        return replace(record, samples=made[""], also={KERNEL: made[KERNEL]})

    return edit


def compared(left: Run, right: Run) -> tuple[Comparison, dict[str, Judged]]:
    found = compare(side("left", [left]), side("right", [right]), limits=STEADY)
    return found, {row.pair.label: row for row in found.rows}


def test_slower_kernels_are_slower_whatever_launching_hides() -> None:
    """Of a launch-bound case kernels that take half as long again change no event time."""
    _, rows = compared(
        gpu_run(types=TYPES, seed=1),
        gpu_run(types=TYPES, seed=2, edit=longer("bottleneck", kernels=1.5)),
    )
    assert rows["bottleneck"].verdict == "slower"
    assert rows["bottleneck"].ratio is not None
    assert rows["bottleneck"].ratio.value == pytest.approx(1.5, rel=0.03)
    assert rows["standard"].verdict == "same"


def test_as_many_processes_are_told_as_timed_the_kernels() -> None:
    """In the first process of a case no kernels may be timed, as where another one's failed."""

    def late(record: Record) -> Record:
        return replace(record, also={KERNEL: record.also[KERNEL][1:]})

    found, rows = compared(gpu_run(types=TYPES, seed=1), gpu_run(types=TYPES, seed=2, edit=late))
    assert {row.ratio.processes for row in found.rows if row.ratio} == {2}
    assert rows["bottleneck"].verdict in {"same", "cannot tell"}


def test_slower_launches_are_no_slower_case() -> None:
    found, rows = compared(
        gpu_run(types=TYPES, seed=1),
        gpu_run(types=TYPES, seed=2, edit=longer("bottleneck", events=1.5)),
    )
    assert rows["bottleneck"].verdict == "same"
    document = page(found, outcome(found, strict=False, gated=True, partial=False))
    captions = [block.caption for block in document.walk() if isinstance(block, Table)]
    assert any("Times: kernel time." in caption for caption in captions)


def test_where_a_side_lacks_kernel_times_event_times_are_compared_on_both() -> None:
    _, rows = compared(
        gpu_run(types=TYPES, seed=1),
        gpu_run(types=TYPES, seed=2, edit=without_kernels("bottleneck")),
    )
    row = rows["bottleneck"]
    assert row.ratio is not None
    assert row.ratio.value == pytest.approx(1.0, rel=0.03), "27 and 27 µs, not 6 and 27"
    assert row.verdict == "same"
    assert row.notes[-1] == "event times: the kernels were not timed on both sides"
    assert "event times" not in " ".join(rows["standard"].notes)


def test_a_run_by_the_stopwatch_of_kernels_compares_with_kernel_times_alone() -> None:
    """As `--stopwatch cuda-kernel` has it: nothing else is timed, and these are kernel times."""

    def only(record: Record) -> Record:
        return replace(record, samples=record.also[KERNEL], also={})

    kernels = gpu_run(types=TYPES, seed=2, edit=only)
    _, rows = compared(gpu_run(types=TYPES, seed=1), kernels)
    assert {row.verdict for row in rows.values()} == {"same"}
    _, rows = compared(gpu_run(types=TYPES, seed=1, edit=without_kernels(*TYPES)), kernels)
    assert {row.verdict for row in rows.values()} == {None}
    assert {row.reasons for row in rows.values()} == {("not-timed",)}


def test_modes_are_compared_by_event_time() -> None:
    """Their kernels are the same, and what launching costs is what they differ in."""
    run = gpu_run(types=TYPES, axes={"mode": ("eager", "cuda_graph")})
    left, right = split(side("run", [run]), "mode", None)
    rows = {row.pair.label: row for row in compare(left, right, limits=STEADY, by="mode").rows}
    row = rows["bottleneck"]
    assert row.verdict == "faster"
    assert row.ratio is not None
    assert row.ratio.value == pytest.approx(6 / 27, rel=0.03)
    assert "not timed" not in " ".join(row.notes)


def test_repeats_are_put_together_by_kernel_time() -> None:
    """One of two repeats could not capture a case: its kernel times are those of the other."""
    runs = [gpu_run(types=TYPES, seed=1), gpu_run(types=TYPES, seed=2)]
    runs[1] = replace(
        runs[1],
        records=tuple(
            replace(
                record,
                samples=tuple(replace(s, session=f"{s.session}'") for s in record.samples),
                also={} if record.name == "bottleneck" else record.also,
            )
            for record in runs[1].records
        ),
    )
    found = side("both", runs)
    records = {record.name: record for record in found.records}
    assert [len(one) for one in found.samples(records["bottleneck"])] == [3, 0]
    assert [len(one) for one in found.samples(records["standard"])] == [3, 3]
    assert len(records["standard"].judged) == 6


def past(*runs: Run) -> History:
    entries = tuple(
        Entry(run=run, place=f"run {place}", started=datetime(2025, 1, 1 + place, tzinfo=UTC))
        for place, run in enumerate(runs)
    )
    return history(Finds(runs=entries, unread=()))


def test_a_history_is_of_kernel_time() -> None:
    runs = [gpu_run(types=TYPES, seed=seed) for seed in range(4)]
    late = [gpu_run(types=TYPES, seed=9 + seed, edit=longer("bottleneck", kernels=1.5))
            for seed in range(4)]  # fmt: skip
    found = past(*runs, *late)
    (level,) = found.found.levels
    assert found.cases[level.series].label == "bottleneck"
    assert level.run == 4
    table = case_table(found, level.series, 1)
    assert "kernel time" in {column.name for column in table.columns}
    assert "kernel time" in str(history_page(found, found.telling).blocks)


def test_a_history_in_which_a_run_lacks_kernel_times_is_of_event_time() -> None:
    """A change of the clock is none of the case."""
    runs = [gpu_run(types=TYPES, seed=seed) for seed in range(4)]
    late = [gpu_run(types=TYPES, seed=9 + seed, edit=without_kernels("bottleneck"))
            for seed in range(4)]  # fmt: skip
    found = past(*runs, *late)
    assert found.found.levels == ()
    clocks = {case.label: case.clock for case in found.cases}
    assert clocks == {
        "bottleneck": "event time",
        "standard": "kernel time",
        "depthwise_separable": "kernel time",
    }
    place = [case.label for case in found.cases].index("bottleneck")
    table = case_table(found, place, 1)
    seconds = [row[1].value for row in table.rows]
    assert seconds == pytest.approx([27e-6] * 8, rel=0.03)


def notes_of(found: History) -> list[str]:
    table = runs_table(found)
    place = [column.key for column in table.columns].index("notes")
    return [str(row[place]) for row in table.rows]


def test_a_run_without_a_kernel_time_is_left_out_of_a_history_that_has_it_since() -> None:
    """One capture that failed once hid that kernels take twice as long since run 4."""
    edit = without_kernels("bottleneck")
    first = [gpu_run(types=TYPES, seed=seed) for seed in range(4)]
    first[1] = gpu_run(types=TYPES, seed=1, edit=edit)
    late = [gpu_run(types=TYPES, seed=9 + seed, edit=longer("bottleneck", kernels=2.0))
            for seed in range(4)]  # fmt: skip
    found = past(*first, *late)
    (level,) = found.found.levels
    assert (found.cases[level.series].label, level.run) == ("bottleneck", 4)
    notes = notes_of(found)
    assert notes[1] == "1 case left out: no kernel time, unlike the last run"
    assert "kernel time" not in "".join(notes[:1] + notes[2:])
    turned = past(*first, gpu_run(types=TYPES, seed=20, edit=edit))
    notes = notes_of(turned)
    assert notes[0] == "1 case by event time: the last run has no kernel time"
    assert "event time" not in notes[1] + notes[4]


def test_a_gpu_and_a_cpu_are_compared_by_the_calls_as_they_are_made() -> None:
    """By event time, which like a CPU's time has the launching in it."""
    gpu = gpu_run(types=TYPES, seed=1)
    cpu = replace(
        gpu,
        records=tuple(
            replace(
                record,
                device="cpu",
                also={},
                samples=tuple(replace(one, stopwatch="wall") for one in record.samples),
            )
            for record in gpu.records
        ),
    )
    found = compare(side("cpu", [cpu]), side("gpu", [gpu]), limits=STEADY, by="device")
    for row in found.rows:
        assert row.ratio is None or row.ratio.value == pytest.approx(1.0, rel=0.01)
        assert "not timed" not in " ".join(row.notes)
        assert row.verdict == "same"
