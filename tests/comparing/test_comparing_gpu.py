"""Comparisons and histories of GPU runs: frequencies, what disturbed, what ran, which time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from comparing.test_comparing_clocks import past
from report.gpu_runs import Edit, gpu_run, without_kernels
from scripted import samples

from convbench.clock.contamination import SHARED, flags
from convbench.clock.execution import Execution, Kernel
from convbench.clock.samples import KERNEL, Samples
from convbench.clock.variances import chance
from convbench.comparing.comparison import Comparison, compare
from convbench.comparing.environment import check_allowed
from convbench.comparing.frequencies import NONE, Span
from convbench.comparing.gate import OK, REGRESSION, outcome
from convbench.comparing.judging import Judged, Limits
from convbench.comparing.noise import Effect, Timed, noise
from convbench.comparing.page import page
from convbench.comparing.sides import side
from convbench.history.page import page as history_page
from convbench.history.tables import rows_of_changes, runs_table
from convbench.report.renderers import RENDERERS
from convbench.runs.record import Record, Run

TYPES = ("standard", "depthwise_separable", "bottleneck")
EIGHT = (*TYPES, "depthwise", "pointwise", "grouped", "shufflenet_unit", "ghost")
STEADY = Limits(absolute=True)


def edited(edit: Callable[[Samples], Samples], *names: str) -> Edit:
    """Return what changes the samples of both clocks, of all types or of those named."""

    def of(record: Record) -> Record:
        if names and record.name not in names:
            return record
        return replace(
            record,
            samples=tuple(map(edit, record.samples)),
            also={name: tuple(map(edit, told)) for name, told in record.also.items()},
        )

    return of


def longer(*names: str, by: float = 1.3) -> Edit:
    """Return what multiplies the times of all types, or of those named."""
    return edited(lambda one: replace(one, seconds=tuple(by * s for s in one.seconds)), *names)


def at(mhz: int, *, memory: int = 2619, by: float = 1.0, spread: int = 0) -> Callable[..., Samples]:
    """Return what gives samples clocks, and multiplies their times."""

    def edit(one: Samples) -> Samples:
        number = len(one.seconds)
        return replace(
            one,
            seconds=tuple(by * s for s in one.seconds),
            sm_clock_mhz=tuple(mhz + spread * (place % 4 - 1) for place in range(number)),
            memory_clock_mhz=(memory,) * number,
        )

    return edit


def compared(
    left: Edit, right: Edit, types: tuple[str, ...] = TYPES, **more: Any
) -> tuple[Comparison, dict[str, Judged]]:
    sides = [
        side(name, [gpu_run(types=types, seed=seed, edit=edit)])
        for name, seed, edit in (("left", 1, left), ("right", 2, right))
    ]
    found = compare(*sides, **{"limits": STEADY, **more})
    return found, {row.pair.label: row for row in found.rows}


def text(found: Comparison) -> str:
    document = page(found, outcome(found))
    return RENDERERS["markdown"](document)["report.md"].decode()


# --- the clock of the GPU under load -----------------------------------------------------------


@pytest.mark.parametrize("types", [TYPES, EIGHT])
def test_a_lower_clock_under_load_is_no_regression(types: tuple[str, ...]) -> None:
    """1,980 MHz against a locked 1,200: all is 1.65 times as slow, and the program the same."""
    limits = STEADY if types is TYPES else Limits()
    slow = edited(at(1200, by=1.65))
    found, rows = compared(edited(at(1980)), slow, types, limits=limits)
    assert {row.verdict for row in rows.values()} == {"cannot tell"}
    assert {row.reasons for row in rows.values()} == {("clock",)}
    assert {item.verdict for item in found.moved} <= {"cannot tell"}
    assert len(found.moved) == (types is EIGHT)
    assert outcome(found).status == OK
    said = text(found)
    assert "SM clock 1,980 → 1,200 MHz (medians)" in said
    assert f"{len(types)} cases are inconclusive" in said
    assert "give --allow sm_clock_mhz." in said
    assert "Both sides ran in the same environment" not in said
    row = next(line for line in said.splitlines() if line.startswith("| sm_clock_mhz"))
    assert [cell.strip() for cell in row.split("|")[1:-1]] == [
        "sm_clock_mhz", "1980", "1200",
        f"under load, medians of {len(types)} cases in which it differs",
    ]  # fmt: skip
    assert "the clock of the GPU under load differs" in outcome(found).why


def test_what_a_clock_does_to_some_cases_more_than_to_others_is_no_noise() -> None:
    """What memory limits does not follow the clock of the multiprocessors."""
    by = {"pointwise": 1.0, "depthwise": 1.0, "ghost": 1.2, "bottleneck": 1.3}

    def right(record: Record) -> Record:
        return edited(at(1200, by=by.get(record.name, 1.65)))(record)

    found, rows = compared(edited(at(1980)), right, EIGHT, limits=Limits())
    assert {(row.verdict, row.reasons) for row in rows.values()} == {("cannot tell", ("clock",))}
    assert found.scale == 1
    assert outcome(found).status == OK


def test_what_is_faster_at_a_higher_clock_is_no_improvement() -> None:
    _, rows = compared(edited(at(1200)), edited(at(1980, by=1 / 1.65)))
    assert {(row.verdict, row.reasons) for row in rows.values()} == {("cannot tell", ("clock",))}


def test_as_fast_at_a_higher_clock_may_hide_a_regression() -> None:
    _, rows = compared(edited(at(1200)), edited(at(1980)))
    assert {(row.verdict, row.reasons) for row in rows.values()} == {("cannot tell", ("clock",))}


def test_one_case_at_another_clock_excuses_no_whole_group() -> None:
    def right(record: Record) -> Record:
        return edited(at(1200 if record.name == "ghost" else 1980, by=1.3))(record)

    found, rows = compared(edited(at(1980)), right, EIGHT, limits=Limits())
    assert [item.verdict for item in found.moved] == ["slower"]
    assert rows.pop("ghost").verdict == "cannot tell"
    assert {(row.verdict, row.reasons) for row in rows.values()} == {("slower", ("group",))}
    assert "batch 1 (1.30 with its group)" in text(found)


def test_a_group_as_fast_at_a_higher_clock_is_not_called_the_same() -> None:
    found, _ = compared(edited(at(1200)), edited(at(1980)), EIGHT, limits=Limits())
    assert [item.verdict for item in found.moved] == ["cannot tell"]


def test_beyond_the_clock_a_small_group_must_be_beyond_the_drift_as_well() -> None:
    """Of 1.08 × 1.65 times the clock explains 1.65, and drift between runs may be 10 %."""
    for by, verdict, reason in ((1.08, "cannot tell", "clock"), (1.2, "slower", "beyond")):
        _, rows = compared(edited(at(1980)), edited(at(1200, by=1.65 * by)), limits=Limits())
        assert {(row.verdict, row.reasons) for row in rows.values()} == {(verdict, (reason,))}


def test_significant_is_what_lies_beyond_what_clocks_explain() -> None:
    found = Effect(raw=0.6, net=0.6, error=0.06, freedom=30, net_span=Span(-0.5, 0.0))
    assert found.surprise == pytest.approx(chance(0.1, 0.06, 30))
    assert replace(found, net=-0.6, raw=-0.6).surprise == pytest.approx(chance(0.6, 0.06, 30))


def test_cases_that_clocks_explain_do_not_hide_how_much_the_others_scatter() -> None:
    def case(number: int, ratio: float, span: Span = NONE) -> Timed:
        left, right = (
            tuple(samples([by * luck] * 6, f"{number} {place}") for place, luck in enumerate(lucks))
            for by, lucks in ((1.0, (1.0, 1.001, 0.999)), (ratio, (0.999, 1.0, 1.001)))
        )
        return Timed(group=str(number), left=(left,), right=(right,), span=span)

    others = [case(n, 1 + 0.004 * (-1) ** n) for n in range(8)]
    alone = noise(others).scale
    assert alone > 2
    clocked = [case(100 + n, 1.4, Span(-0.5, 0.0)) for n in range(20)]
    assert noise([*others, *clocked]).scale == pytest.approx(alone, rel=0.1)


def test_what_no_clock_explains_is_a_regression_all_the_same() -> None:
    """At most 1.65 of 2.5 times are the clock's; what is faster at a lower clock is faster."""
    found, rows = compared(edited(at(1980)), edited(at(1200, by=2.5)))
    assert {row.verdict for row in rows.values()} == {"slower"}
    assert rows["standard"].notes[-1] == "SM clock 1,980 → 1,200 MHz"
    assert outcome(found).status == REGRESSION
    _, rows = compared(edited(at(1980)), edited(at(1200, by=0.8)))
    assert {row.verdict for row in rows.values()} == {"faster"}


def test_a_regression_must_be_beyond_the_clock_by_the_threshold() -> None:
    found, rows = compared(edited(at(1980)), edited(at(1800, by=1.1 * 1.04)))
    assert {(row.verdict, row.reasons) for row in rows.values()} == {("cannot tell", ("clock",))}
    assert outcome(found, strict=True).status == 4


def test_clocks_that_vary_as_much_on_each_side_change_nothing() -> None:
    """Both go from 1,785 to 1,830 MHz in their middle half."""
    for right in (edited(at(1800, spread=15, by=1.3)), edited(at(1815, spread=15, by=1.3))):
        found, rows = compared(edited(at(1800, spread=15)), right)
        assert {row.verdict for row in rows.values()} == {"slower"}
        assert found.frequencies == {}
        assert "SM clock" not in text(found)


def test_equal_clocks_and_untold_ones_change_nothing() -> None:
    for left, right in (
        (edited(at(1980)), edited(at(1980, by=1.65))),
        (edited(at(1980)), edited(lambda one: replace(at(0, by=1.65)(one), sm_clock_mhz=()))),
        (edited(at(1980)), edited(at(0, by=1.65))),
    ):
        found, rows = compared(left, right)
        assert {row.verdict for row in rows.values()} == {"slower"}
        assert "Both sides ran in the same environment" in text(found)


def test_the_clock_of_the_memory_counts_as_well() -> None:
    found, rows = compared(edited(at(1980)), edited(at(1980, memory=1593, by=1.6)))
    assert {(row.verdict, row.reasons) for row in rows.values()} == {("cannot tell", ("clock",))}
    assert rows["standard"].notes[-1] == "memory clock 2,619 → 1,593 MHz"
    assert "give --allow memory_clock_mhz." in text(found)


@pytest.mark.parametrize("key", ["sm_clock_mhz", "all"])
def test_a_clock_that_was_meant_to_differ_is_what_is_compared(key: str) -> None:
    allowed = check_allowed((key,))
    found, rows = compared(edited(at(1980)), edited(at(1200, by=1.65)), allowed=allowed)
    assert {row.verdict for row in rows.values()} == {"slower"}
    assert "SM clock 1,980 → 1,200 MHz" in text(found)
    assert "Clock of the GPU under load" not in text(found)


def test_the_clock_at_which_a_condition_runs_is_its_own_doing() -> None:
    """What takes more power in another data type meets the power cap."""
    run = gpu_run(types=TYPES, axes={"dtype": ("float32", "bfloat16")})

    def by_dtype(record: Record) -> Record:
        return edited(at({"float32": 1980, "bfloat16": 1500}[record.dtype]))(record)

    run = replace(run, records=tuple(map(by_dtype, run.records)))
    halves = [
        replace(whole, records=tuple(r for r in whole.records if r.dtype == dtype))
        for dtype in ("float32", "bfloat16")
        for whole in [side(dtype, [run])]
    ]
    found = compare(*halves, by="dtype", limits=STEADY)
    assert found.frequencies == {}
    assert not any("clock" in row.reasons for row in found.rows)


# --- what disturbed, by its name ---------------------------------------------------------------


def hot(one: Samples) -> Samples:
    """Return samples at a clock that heat held down."""
    number = len(one.seconds)
    return replace(one, sm_clock_mhz=(1980,) * number, throttle_reasons=(0x40,) * number)


def waiting(one: Samples) -> Samples:
    """Return samples of a thread that waited for a processor most of the time."""
    return replace(one, waited_seconds=tuple(0.9 * s + 1e-3 for s in one.seconds))


def flagged(edit: Edit, *more: str) -> Edit:
    def of(record: Record) -> Record:
        record = edit(record)
        return replace(record, flags=(*flags(record.judged), *more))

    return of


@pytest.mark.parametrize(
    ("edit", "code", "words"),
    [
        (flagged(edited(hot)), "held-down", "the GPU's clock was held down (heat or power)"),
        (flagged(lambda record: record, SHARED), "shared", "another process used the GPU"),
        (flagged(edited(waiting)), "contaminated", "other load on the machine"),
    ],
)
def test_what_disturbed_a_gpu_is_called_by_its_name(edit: Edit, code: str, words: str) -> None:
    found, rows = compared(lambda record: record, lambda record: edit(longer()(record)))
    assert {row.verdict for row in rows.values()} == {"cannot tell"}
    assert {row.reasons[-1] for row in rows.values()} == {code}
    assert words in outcome(found).why
    runs = [gpu_run(types=TYPES, seed=seed) for seed in range(4)]
    one = longer("bottleneck")
    late = [
        gpu_run(types=TYPES, seed=9 + seed, edit=lambda record: edit(one(record)))
        for seed in range(4)
    ]
    old = past(*runs, *late)
    assert {level.excuse for level in old.found.doubted} == {code}
    said = RENDERERS["markdown"](history_page(old, ()))["report.md"].decode()
    assert words in said
    assert ("other load" in said) == (code == "contaminated")
    assert ("machine busy" in said) == (code == "contaminated")


def test_a_history_whose_clock_changed_counts_no_change() -> None:
    runs = [gpu_run(types=TYPES, seed=seed, edit=edited(at(1980))) for seed in range(4)]
    slow = edited(at(1200), "standard", "depthwise_separable")

    def late(record: Record) -> Record:
        return edited(at(1200, by=1.5), "bottleneck")(slow(record))

    found = past(*runs, *(gpu_run(types=TYPES, seed=9 + seed, edit=late) for seed in range(4)))
    assert found.found.levels == ()
    assert {level.excuse for level in found.found.doubted} == {"clock"}
    same = past(*runs, *(
        gpu_run(types=TYPES, seed=9 + seed, edit=edited(at(1980, by=1.5), "bottleneck"))
        for seed in range(4)
    ))  # fmt: skip
    assert len(same.found.levels) == 1


def test_a_history_whose_clock_changed_counts_none_against_the_common_shift() -> None:
    """Ten cases follow the clock. Three do not: against the shift they are faster."""
    still = ("pointwise", "depthwise", "ghost")
    types = (*EIGHT, "dilated", "transposed", "flattened", "lite", "dynamic")

    def late(record: Record) -> Record:
        return edited(at(1200, by=1.0 if record.name in still else 1.65))(record)

    runs = [gpu_run(types=types, seed=seed, edit=edited(at(1980))) for seed in range(4)]
    found = past(*runs, *(gpu_run(types=types, seed=9 + seed, edit=late) for seed in range(4)))
    assert found.found.levels == found.moved.levels == ()
    names = {found.cases[level.series].label for level in found.found.doubted}
    assert names == {*still}
    assert {level.excuse for level in (*found.found.doubted, *found.moved.doubted)} == {"clock"}


# --- what ran ----------------------------------------------------------------------------------


def kernel(name: str, backend: str = "cuDNN", **more: Any) -> Kernel:
    values: dict[str, Any] = {
        "operator": "cudnn_convolution", "backend": backend, "implementation": name,
        "layouts": "", "reorder": False, "calls": 1, "seconds": 1e-5,
    }  # fmt: skip
    return Kernel(**{**values, **more})


def ran(*kernels: Kernel, others: tuple[tuple[str, ...], ...] = ()) -> Edit:
    """Return what says which kernels ran: by the profiler, and in processes of a GPU."""

    def edit(record: Record) -> Record:
        chosen = tuple(one.implementation for one in kernels if one.chosen)
        each = (*others, *(chosen,) * (len(record.samples) - len(others)))
        named = [
            tuple(replace(one, kernels=names) for one, names in zip(several, each, strict=True))
            for several in (record.samples, record.also.get(KERNEL, ()))
        ]
        return replace(
            record, samples=named[0], also={KERNEL: named[1]},
            execution=Execution(kernels=kernels, passes=20),
        )  # fmt: skip

    return edit


BN = kernel("void at::native::batch_norm_kernel", "ATen", operator="batch_norm")
IMPLICIT, WINOGRAD = "sm90_xmma_fprop_implicit_gemm_tf32", "winograd_nonfused_4x4_3x3"


def twice(edit: Edit, by: float = 2.0) -> Edit:
    return lambda record: edit(longer(by=by)(record))


def test_other_kernels_of_a_slower_case_are_named() -> None:
    found, rows = compared(
        ran(kernel(WINOGRAD), BN), twice(ran(kernel(IMPLICIT), BN)), ("standard", "ghost")
    )
    said = (
        f"other kernels: cuDNN {WINOGRAD} (Winograd) before, cuDNN {IMPLICIT} (implicit GEMM) after"
    )
    assert {row.notes[-1] for row in found.rows} == {said}
    assert said in text(found)
    assert said in RENDERERS["json"](page(found, outcome(found)))["report.json"].decode()
    same, rows = compared(ran(kernel(WINOGRAD)), ran(kernel(IMPLICIT)), ("standard", "ghost"))
    assert {row.verdict for row in rows.values()} == {"same"}
    assert "other kernels" not in text(same)


def test_kernels_that_differ_in_their_arguments_alone_are_named_in_full() -> None:
    names = [f"void cutlass::Kernel2<cutlass_80_tensorop_s1688fprop, {n}>" for n in (1, 2)]
    before, after = (ran(kernel(name, "CUTLASS")) for name in names)
    _, rows = compared(before, twice(after))
    assert rows["standard"].notes[-1] == f"other kernels: {names[0]} before, {names[1]} after"


def test_the_same_kernels_are_not_named() -> None:
    _, rows = compared(ran(kernel(WINOGRAD), BN), twice(ran(BN, kernel(WINOGRAD))))
    assert {row.verdict for row in rows.values()} == {"slower"}
    assert not any("other kernels" in note for row in rows.values() for note in row.notes)
    _, rows = compared(ran(kernel(WINOGRAD)), twice(lambda record: record))
    assert not any("other kernels" in note for row in rows.values() for note in row.notes)


def test_of_choices_that_differ_among_processes_the_most_frequent_counts() -> None:
    right = ran(kernel(WINOGRAD), others=((IMPLICIT,), (IMPLICIT,)))
    _, rows = compared(ran(kernel(WINOGRAD)), twice(right))
    assert rows["standard"].notes[-1] == (
        f"other kernels: cuDNN {WINOGRAD} (Winograd) before, {IMPLICIT} in 2 of 3 processes after"
    )
    _, rows = compared(right, twice(right))
    assert not any("other kernels" in note for note in rows["standard"].notes)


def test_an_implementation_of_onednn_that_changed_is_named() -> None:
    jit = kernel("jit_dw:avx512_core", "oneDNN", operator="convolution")
    brg = kernel("brgconv:avx512_core", "oneDNN", operator="convolution")
    copy = kernel("jit:uni", "oneDNN", operator="reorder", reorder=True)

    def on_cpu(edit: Edit) -> Edit:
        def of(record: Record) -> Record:
            made = edit(record)
            main = tuple(replace(one, stopwatch="wall", kernels=()) for one in made.samples)
            return replace(made, device="cpu", also={}, samples=main)

        return of

    def cpu(run: Run, edit: Edit) -> Run:
        return replace(run, records=tuple(map(on_cpu(edit), run.records)))

    left, right = gpu_run(types=TYPES, seed=1), gpu_run(types=TYPES, seed=2)
    found = compare(
        side("left", [cpu(left, ran(jit))]),
        side("right", [cpu(right, twice(ran(brg, copy)))]),
        limits=STEADY,
    )
    assert {row.notes[-1] for row in found.rows} == {
        "other kernels: oneDNN jit_dw:avx512_core (direct, depthwise) before, "
        "oneDNN brgconv:avx512_core and oneDNN jit:uni, reorder after"
    }


def test_a_change_in_a_history_names_other_kernels() -> None:
    runs = [gpu_run(types=TYPES, seed=seed, edit=ran(kernel(WINOGRAD))) for seed in range(4)]
    one = longer("bottleneck")
    late = [
        gpu_run(types=TYPES, seed=9 + seed, edit=lambda r: ran(kernel(IMPLICIT))(one(r)))
        for seed in range(4)
    ]
    (row,) = rows_of_changes(past(*runs, *late))
    assert f"other kernels: cuDNN {WINOGRAD} (Winograd) before, cuDNN {IMPLICIT}" in row[-1]


# --- which time --------------------------------------------------------------------------------


def test_event_times_share_no_common_shift_with_kernel_times() -> None:
    """All kernels take 1.3 times as long; launching, of which some pairs alone have times, not."""
    fallen = ("ghost", "bottleneck")
    kernels = longer()

    def right(record: Record) -> Record:
        return without_kernels(*fallen)(record if record.name in fallen else kernels(record))

    limits = Limits()
    found, rows = compared(lambda record: record, right, EIGHT, limits=limits)
    assert "1 group has fewer than 8 cases with the same kind of time" in text(found)
    for name in fallen:
        row = rows[name]
        assert row.ratio is not None
        assert row.ratio.value == pytest.approx(1.0, rel=0.02), "not 1 / 1.3"
        assert row.verdict != "faster"


def test_the_shift_of_event_times_says_that_it_is_theirs() -> None:
    def events(record: Record) -> Record:
        return replace(record, also={})

    found, _ = compared(events, lambda r: events(longer()(r)), EIGHT, limits=Limits())
    assert [(item.clock, item.verdict) for item in found.moved] == [("event time", "slower")]
    assert ", event time: 1.30 (" in text(found)


def test_a_tally_says_of_which_time_its_verdicts_are() -> None:
    found, _ = compared(lambda record: record, twice(without_kernels("bottleneck")), TYPES)
    assert "2 slower (kernel time); 1 slower (event time)" in text(found)
    assert "2 slower (kernel time); 1 slower (event time)" in found.in_short
    found, _ = compared(lambda record: record, twice(lambda record: record), TYPES)
    assert "3 slower; threshold" in text(found)


def test_a_history_shares_no_shift_between_kernels_and_events() -> None:
    """Nine cases, of which one lacks kernels in a run: it has no share in the shift of the rest."""
    types = (*EIGHT, "dilated")
    runs = [gpu_run(types=types, seed=seed) for seed in range(3)]
    kernels = longer()

    def last(record: Record) -> Record:
        return without_kernels("bottleneck")(
            record if record.name == "bottleneck" else kernels(record)
        )

    found = past(*runs, gpu_run(types=types, seed=7, edit=last))
    (place,) = (n for n, case in enumerate(found.cases) if case.label == "bottleneck")
    assert found.cases[place].pool not in found.shares
    assert len(found.shares) == 1


def test_a_history_counts_changes_of_kernels_and_of_events_apart() -> None:
    types = (*TYPES, "ghost")
    runs = [gpu_run(types=types, seed=seed, edit=without_kernels("ghost")) for seed in range(4)]
    both = longer("ghost", "bottleneck")
    late = [
        gpu_run(types=types, seed=9 + seed, edit=lambda r: without_kernels("ghost")(both(r)))
        for seed in range(4)
    ]
    said = RENDERERS["markdown"](history_page(past(*runs, *late), ()))["report.md"].decode()
    assert "1 slower (kernel time) and 1 slower (event time) in 2 cases" in said


def test_the_shift_of_a_run_in_a_history_is_of_kernel_times() -> None:
    """Of 16 cases half have event times: launching took twice as long in the last run."""

    def events(record: Record) -> Record:
        return replace(record, also={}) if record.input_shape[0] == 1 else record

    def last(record: Record) -> Record:
        return events(longer(by=2.0)(record) if record.input_shape[0] == 1 else record)

    runs = [gpu_run((1, 32), types=EIGHT, seed=seed, edit=events) for seed in range(3)]
    found = past(*runs, gpu_run((1, 32), types=EIGHT, seed=7, edit=last))
    assert len(found.shares) == 2
    assert len(found.main_shares) == 1
    table = runs_table(found)
    place = [column.key for column in table.columns].index("whole")
    assert [row[place] for row in table.rows] == pytest.approx([1.0] * 4, rel=0.02)
    assert "a group, of kernel times, the median" in table.caption


def test_a_history_says_at_which_run_the_clock_changed() -> None:
    runs = [gpu_run(types=TYPES, seed=seed, edit=edited(at(1980))) for seed in range(2)]
    table = runs_table(past(*runs, gpu_run(types=TYPES, seed=3, edit=edited(at(1200)))))
    place = [column.key for column in table.columns].index("notes")
    assert [row[place] for row in table.rows] == ["", "", "SM clock 1,980 → 1,200 MHz"]
