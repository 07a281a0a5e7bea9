"""A scripted GPU run: what is true of it is what its report says, launch-bound and not."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from report.gpu_runs import LAUNCH, SHORTEST, Edit, gpu_run, whole_gpu_run, without_kernels
from rich.console import Console

from convbench.clock.contamination import SHARED, flags
from convbench.clock.execution import Execution, Kernel
from convbench.clock.samples import KERNEL
from convbench.core.intervals import RatioInterval
from convbench.machine.resolution import Resolution, SizeResolution, Trial
from convbench.report.contents import contents
from convbench.report.document import Bullet, Document, Figure, Table
from convbench.report.figuredata import Bars, Batches, Curve, CurvePoint, Ratios, Scatter
from convbench.report.figures import draw, picture
from convbench.report.formats.terminal import render
from convbench.report.one_table import one_table
from convbench.report.plots import _by_one_clock
from convbench.report.renderers import RENDERERS
from convbench.runs.columns_gpu import OF_A_GPU
from convbench.runs.frame import Row, frame, rows
from convbench.runs.launching import LAUNCH_BOUND
from convbench.runs.record import Machine, Record, Run
from convbench.ui.notebook.plots import plot
from convbench.ui.schemas import schema
from convbench.ui.terminal.ending import show_ending

ONE = ("standard", "depthwise_separable")
RATIO = RatioInterval(value=0.5, low=0.4, high=0.6, confidence=0.95, paired=True, verdict="faster")
ASKED = '[timing]\nprocesses = {}\n[[networks]]\nnames = ["osnet_x0_25"]\ninput_size = "64x32"\n'


def points(run: Run) -> dict[str, Bullet]:
    """Return the main findings by what they are about."""
    return {point.lead: point for point in contents(run).findings}


def tables(document: Document, identity: str) -> list[Table]:
    return [b for b in document.walk() if isinstance(b, Table) and b.id == identity]


def cells(table: Table, label: str) -> dict[str, Any]:
    """Return the row of a case by the keys of its columns."""
    keys = [column.key for column in table.columns]
    (found,) = (row for row in table.rows if row[0] == label)
    return dict(zip(keys, found, strict=True))


def by_name(run: Run) -> dict[str, Row]:
    return {row.record.name: row for row in rows(run)}


# --- a launch-bound run ------------------------------------------------------------------------


def test_the_verdict_is_that_of_the_kernels_and_not_of_launching() -> None:
    """Kernels of 4.9 and 9.6 µs, launched in 18 and 9: faster by kernels, slower by events."""
    row = by_name(gpu_run(types=ONE))["depthwise_separable"]
    assert row.time is not None
    assert row.event_ratio is not None
    assert row.launching is not None
    assert row.time.verdict == "faster"
    assert row.time.value == pytest.approx(0.507, rel=0.02)
    assert row.event_ratio.verdict == "slower"
    assert row.event_ratio.value == pytest.approx(2 * LAUNCH / 9.634e-6, rel=0.02)
    assert row.seconds is not None
    assert row.seconds.value == pytest.approx(4.886e-6, rel=0.02)
    assert row.event_time is not None
    assert row.event_time.value == pytest.approx(2 * LAUNCH, rel=0.02)
    assert row.launching.share == pytest.approx(1 - 4.886 / 18, rel=0.02)
    assert row.launching.bound is True
    assert row.flags == ("launch-bound: 4.89 µs of kernels in 18.0 µs a call",)
    assert by_name(gpu_run(types=ONE))["standard"].launching.bound is False  # type: ignore[union-attr]


def test_the_findings_say_that_it_is_launch_bound_and_what_to_do() -> None:
    found = points(gpu_run(types=ONE))
    assert "2.0× faster than standard" in found["Fastest"].text
    assert "4.89 µs ±4 % of kernel time a call" in found["Fastest"].text
    launching = found["Launching"].text
    assert launching.startswith("1 of 2 timed cases is launch-bound: the host takes longer")
    assert "a larger batch, a CUDA graph or torch.compile" in launching
    assert "launched call by call it is 1.9× slower than standard (95 % interval" in launching
    step = found["Try next"]
    assert step.text.startswith("Try depthwise_separable in place of standard")
    assert "It is launch-bound, so use a larger batch, a CUDA graph or torch.compile" in step.text
    assert "with a larger batch, a CUDA graph or torch.compile" in step.answer
    assert "launch-bound in 1 case" in found["How sure"].text


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("compile", "use a larger batch or a CUDA graph"),
        ("cuda_graph", "use a larger batch, or more of the network in one graph"),
    ],
)
def test_what_is_advised_is_not_what_was_done(mode: str, said: str) -> None:
    slower = {"standard": 1.0, "depthwise_separable": 30.0}

    def late(record: Record) -> Record:
        """Have every launch take long, in whatever mode."""
        factor = slower[record.name]
        return replace(record, samples=tuple(
            replace(s, seconds=tuple(factor * one for one in s.seconds),
                    issue_seconds=tuple(factor * one for one in s.seconds))
            for s in record.samples))  # fmt: skip

    run = gpu_run(types=ONE, axes={"mode": (mode,)}, edit=late)
    assert said in points(run)["Launching"].answer


def test_the_example_is_one_whose_verdict_launching_changes() -> None:
    """Though none is in the main group, whose batch is the largest."""
    text = points(whole_gpu_run())["Launching"].text
    assert text.startswith("96 of 180 timed cases are launch-bound")
    assert (
        "In 64→64, 3×3, 56×56, batch 1, ieee float32, channels first, depthwise_separable" in text
    )
    both = gpu_run(types=ONE, axes={"dtype": ("bfloat16", "float32")})
    assert "about the group with the most comparisons, 64→64, 3×3, 56×56, batch 1, bfloat16" in str(
        contents(both).blocks
    )
    assert "In 64→64, 3×3, 56×56, batch 1, ieee float32, depth" in points(both)["Launching"].text


# --- one that is not ---------------------------------------------------------------------------


def test_a_run_that_is_not_launch_bound_says_so_and_advises_nothing() -> None:
    run = gpu_run((128,), ONE)
    found = points(run)
    assert "Launching" not in found
    assert "launch" not in found["Try next"].text
    assert all(row.launching and row.launching.bound is False for row in rows(run))
    text = RENDERERS["markdown"](contents(run))["report.md"].decode()
    assert "Launch-bound are 0 of 2 cases." in text


@pytest.mark.parametrize(
    ("events", "issue", "is_bound"),
    [
        (1.2, 1.2, True),
        (1.0 + 0.9 * LAUNCH_BOUND, 1.2, False),  # it hardly waits
        (1.2, 0.9, False),  # gaps of the device, not of the host
        (1.0, 0.1, False),
    ],
)
def test_launch_bound_is_what_the_host_holds_up(
    events: float, issue: float, is_bound: bool
) -> None:
    def told(record: Record) -> Record:
        kernel = record.also[KERNEL][0].seconds[0]
        fixed = {"seconds": (events * kernel,) * 8, "issue_seconds": (issue * kernel,) * 8}
        alone = replace(record.also[KERNEL][0], seconds=(kernel,) * 8)
        main = replace(record.samples[0], **fixed)  # type: ignore[arg-type]
        return replace(record, samples=(main,), also={KERNEL: (alone,)})

    for row in rows(gpu_run(types=ONE, edit=told)):
        assert row.launching is not None
        assert row.launching.bound is is_bound
        assert any(flag.startswith("launch-bound") for flag in row.flags) is is_bound


def blind(record: Record) -> Record:
    """Take the issue times away, as older records lack them."""
    return replace(record, samples=tuple(replace(s, issue_seconds=()) for s in record.samples))


def test_without_issue_time_it_is_known_only_where_the_gpu_does_not_wait() -> None:
    found = by_name(gpu_run(types=ONE, edit=blind))
    separable, standard = (found[name].launching for name in ("depthwise_separable", "standard"))
    assert separable is not None
    assert standard is not None
    assert (separable.waits, separable.bound) == (True, None)
    assert (standard.waits, standard.bound) == (False, False)
    assert frame(gpu_run(types=ONE, edit=blind)).launch_bound.isna().sum() == 1


def test_without_issue_time_the_finding_says_how_long_the_gpu_waits() -> None:
    """Kernels of 4.9 µs in calls of 18 µs: for 73 % of the time none runs."""
    run = gpu_run(types=ONE, edit=blind)
    found = points(run)
    assert found["Launching"].answer == (
        "In 1 of 2 timed cases the GPU waits, for up to 73 % of the event time; the cause is not "
        "known"
    )
    text = found["Launching"].text
    assert "at most for 73 % (depthwise_separable)" in text
    assert "the run has no issue times" in text
    assert "calls follow one another every 18.0 µs" in text
    assert "leaves the GPU without a kernel for 73 % of the time" in found["Try next"].text
    said = str(contents(run).blocks)
    assert "Launch-bound are 0 of 1 case." in said
    assert "Of 1 it is not known, since they have no issue times: launching costs at most" in said
    assert "No kernels were timed alone" not in said


def test_without_issue_time_and_without_waiting_nothing_is_said() -> None:
    assert "Launching" not in points(gpu_run((128,), ONE, edit=blind))


# --- where kernels were not timed --------------------------------------------------------------


def test_a_case_without_kernel_time_has_event_time_and_no_ratio() -> None:
    run = gpu_run(types=(*ONE, "ghost", "bottleneck"), edit=without_kernels("bottleneck"))
    found = by_name(run)
    row = found["bottleneck"]
    assert row.seconds is not None
    assert row.seconds.value == pytest.approx(3 * LAUNCH, rel=0.02)
    assert row.time is None
    assert row.no_time == "one has event time and the other kernel time, which do not compare"
    assert row.launching is not None
    assert row.launching.bound is None
    said = str(contents(run).blocks)
    assert "Of 1 it is not known, since their kernels were not timed alone." in said
    assert row.against(found["ghost"]) is None
    assert found["ghost"].time is not None, "the others compare as before"
    assert "Not compared with it: bottleneck (event time)" in points(run)["Fastest"].text
    (table,) = tables(contents(run), "results")
    assert {"kernel time", "event time"} <= {column.name for column in table.columns}
    (*_, (label, *_)) = table.rows
    assert label == "bottleneck", "after those that are ranked, whatever its time"
    last = cells(table, "bottleneck")
    assert (last["seconds_kernel"], last["seconds_events"]) == (None, row.seconds)
    assert cells(table, "ghost")["seconds_events"] is None
    assert last["remarks"] == ("fewer channels inside; event time, not compared; kernels not timed")


QUICK = "depthwise_separable"


def quick_by_events(record: Record) -> Record:
    """Take the kernel times of one case away; its event time is the shortest time of all."""
    if record.name != QUICK:
        return record
    fast = tuple(replace(s, seconds=tuple(one / 100 for one in s.seconds)) for s in record.samples)
    return without_kernels(QUICK)(replace(record, samples=fast))


def mixed() -> Run:
    """Return a run in which one case of five has event time, less than any kernel time."""
    return gpu_run(types=(*ONE, "ghost", "bottleneck", "shufflenet_unit"), edit=quick_by_events)


def events_at_32(record: Record) -> Record:
    """Take the kernel times of one batch away."""
    return replace(record, also={}) if record.input_shape[0] == 32 else record


def test_the_headline_is_of_one_clock() -> None:
    found = points(mixed())
    assert found["Fastest"].text.startswith("ghost takes ")
    assert "of kernel time a call" in found["Fastest"].text
    assert found["Fastest"].text.endswith(f"Not compared with it: {QUICK} (event time).")
    assert found["Fastest"].answer.endswith("(kernel time; 1 with event time not compared)")
    console = Console(width=100, height=8, file=io.StringIO(), force_terminal=False)
    show_ending(mixed(), console)
    said = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert "(kernel time; 1 with event time not compared)" in said


def test_a_baseline_is_said_to_be_fastest_of_its_clock_alone() -> None:
    def slow(record: Record) -> Record:
        if record.name == QUICK:
            return quick_by_events(record)
        alone = tuple(replace(s, seconds=(1e-6,) * 8) for s in record.judged)
        return replace(record, also={KERNEL: alone}) if record.name == "standard" else record

    found = points(gpu_run(types=(*ONE, "ghost"), edit=slow))
    assert "is the baseline: no other full replacement with kernel time is faster" in (
        found["Fastest"].text
    )
    assert found["How sure"].answer.startswith("No type is faster than standard by kernel time")
    assert "no full replacement with kernel time was faster" in found["Try next"].text
    only = points(gpu_run(types=ONE, edit=slow))
    assert "no other full replacement was timed here with kernel time" in only["Fastest"].text


def test_a_baseline_by_the_rarer_clock_leaves_the_others_ranked() -> None:
    run = gpu_run(types=(*ONE, "ghost"), edit=without_kernels("standard"))
    (table,) = tables(contents(run), "results")
    *ranked, last = (row[0] for row in table.rows)
    assert (set(ranked), last) == ({QUICK, "ghost"}, "standard")
    assert points(run)["Fastest"].text.startswith(f"{ranked[0]} takes ")
    assert "promise-and-clock-1" not in contents(run).figures


def test_where_most_have_event_time_these_are_ranked() -> None:
    run = gpu_run(types=(*ONE, "ghost"), edit=without_kernels(QUICK, "standard"))
    (table,) = tables(contents(run), "results")
    assert [row[0] for row in table.rows] == ["standard", QUICK, "ghost"]
    assert points(run)["Fastest"].text.startswith("standard takes ")
    assert "Last, with kernel time and so not compared: ghost." in str(contents(run).blocks)


@pytest.mark.parametrize("form", ["markdown", "html", "latex"])
def test_every_format_marks_what_has_event_time_and_says_why(form: str) -> None:
    files = RENDERERS[form](contents(mixed()))
    page = b" ".join(data for name, data in files.items() if name.endswith(("md", "html", "tex")))
    text = " ".join(page.decode().split())
    assert "event time, not compared" in text
    assert "Last, with event time and so not compared: " in text
    assert "a CUDA graph could not be captured" in text


def test_the_terminal_marks_what_has_event_time_and_says_why() -> None:
    console = Console(width=120, file=io.StringIO(), force_terminal=False)
    render(contents(mixed()), console)
    text = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert "Last, with event time and so not compared: " in text
    assert "NotCapturableError: a CUDA graph could not be captured" in text


def test_data_has_a_column_for_each_clock() -> None:
    files = RENDERERS["csv"](contents(mixed()))
    rows = list(csv.DictReader(io.StringIO(files["tables/results.csv"].decode())))
    assert [row["label"] for row in rows][-1] == QUICK
    for row in rows:
        assert bool(row["seconds_kernel"]) is (row["label"] != QUICK)
        assert bool(row["seconds_events"]) is (row["label"] == QUICK)
    cases = csv.DictReader(io.StringIO(files["tables/cases.csv"].decode()))
    assert {row["label"]: row["clock"] for row in cases}[QUICK] == "event time"


def test_no_figure_mixes_clocks() -> None:
    document = contents(mixed())
    drawn = document.figures["time-against-multiplications-1"]
    assert isinstance(drawn, Scatter)
    assert len(drawn.points) == 4
    assert QUICK not in {point.label for point in drawn.points}
    assert drawn.clock == "kernel time"
    assert drawn.title.endswith(f"; not shown: event time of {QUICK}"), "so a notebook shows it too"
    ratios = document.figures["promise-and-clock-1"]
    assert isinstance(ratios, Ratios)
    assert ratios.title.endswith(f"; not shown: event time of {QUICK}")
    for figure in (block for block in document.walk() if isinstance(block, Figure)):
        assert "kernel or event" not in figure.caption


def test_bars_of_networks_have_the_times_of_one_clock() -> None:
    run = gpu_run(types=ONE, networks=True, edit=without_kernels("osnet_x0_25"))
    (bars,) = (data for data in contents(run).figures.values() if isinstance(data, Bars))
    assert {bar.label: bar.seconds is None for bar in bars.bars} == {
        "osnet_x0_25": True, "osnet_x1_0": False,
    }  # fmt: skip
    assert bars.clock == "kernel time"
    assert bars.title.endswith("; not shown: event time of osnet_x0_25")


def test_pairs_by_two_clocks_are_not_on_one_curve() -> None:
    run = gpu_run((1, 32, 128), ONE, edit=events_at_32)
    (figure,) = (b for b in contents(run).walk() if isinstance(b, Figure) and "curve" in b.id)
    assert isinstance(figure.data, Curve)
    assert "multiplications and kernel time" in figure.caption
    points = [(CurvePoint(channels=64, taps=9, derived=0.1, counted=(), time=ratio), clock)
              for ratio, clock in ((RATIO, "kernel time"), (RATIO, "event time"),
                                   (RATIO, "kernel time"), (None, "event time"))]  # fmt: skip
    found, clock, said = _by_one_clock(points)
    assert [point.time for point in found] == [RATIO, None, RATIO, None]
    assert (clock, said) == ("kernel time", "; not shown: 1 time by another clock")


def test_one_table_leaves_a_time_by_another_clock_empty_and_says_so() -> None:
    made = one_table(mixed(), "main", ("type", "us", "ratio", "verdict"))
    assert made.raw.rows[-1] == (QUICK, None, None, "not compared: event time")
    assert all(row[1] is not None for row in made.raw.rows[:-1])
    assert f"Not compared, for want of kernel time: {QUICK} (event time 180 ns" in made.note
    assert "kernels not timed: NotCapturableError: a CUDA graph could not be" in made.note


def test_groups_by_two_clocks_have_a_column_each() -> None:
    (table,) = tables(contents(gpu_run((1, 32), ONE, edit=events_at_32)), "overview")
    keys = [column.key for column in table.columns]
    for row in table.rows:
        one = dict(zip(keys, row, strict=True))
        assert (one["seconds_kernel_baseline"] is None) is ("batch 32" in one["title"])
        assert (one["seconds_events_baseline"] is None) is ("batch 32" not in one["title"])


def test_event_times_say_nothing_of_how_kernel_times_scatter() -> None:
    """How much processes differ is estimated from a whole group: from times of one kind alone."""

    def scattered(record: Record) -> Record:
        if record.name != "bottleneck":
            return record
        several = zip((1.0, 1.2, 1.45), record.samples, strict=True)
        apart = [replace(s, seconds=tuple(by * one for one in s.seconds)) for by, s in several]
        return replace(record, samples=tuple(apart), also={})

    run = gpu_run(types=(*ONE, "bottleneck"), edit=scattered)
    rest = replace(run, records=tuple(r for r in run.records if r.name != "bottleneck"))
    for name in ONE:
        assert by_name(run)[name].seconds == by_name(rest)[name].seconds
        assert by_name(run)[name].time == by_name(rest)[name].time


def test_a_group_whose_baseline_has_no_kernel_time_has_no_verdict() -> None:
    run = gpu_run(types=(*ONE, "ghost"), edit=without_kernels("standard"))
    assert {row.time for row in rows(run)} == {None}
    step = points(run)["Try next"].text
    assert "standard has event time and the others have another" in step
    (table,) = tables(contents(run), "launching")
    assert cells(table, "ghost")["ratio_seconds_events"].verdict == "slower"
    assert cells(table, "ghost")["ratio_seconds_kernel"] is None


def test_a_run_without_kernel_times_compares_event_times_and_says_what_they_are() -> None:
    run = gpu_run(types=ONE, edit=lambda record: replace(record, also={}))
    found, row = points(run), by_name(run)["depthwise_separable"]
    assert row.time is not None
    assert row.time.verdict == "slower"
    assert row.flags == ("kernels not timed: its times are event times",)
    assert "of event time a call" in found["Fastest"].text
    assert found["Launching"].answer == "Not known of 2 of 2 timed cases"
    assert "for a small layer that may be the time to launch it" in found["Launching"].text
    assert "These are event times, with launching in them" in found["Try next"].text
    assert "it is not known what launching costs" in str(contents(run).blocks)


# --- the whole report --------------------------------------------------------------------------


def test_the_frame_has_the_times_of_all_clocks_with_their_intervals() -> None:
    known = frame(gpu_run(types=ONE)).set_index("name").loc["depthwise_separable"]
    assert set(known.index) >= set(OF_A_GPU)
    assert known["clock"] == "kernel time"
    assert known["launch_bound"] == "yes"
    assert known["seconds_kernel"] == known["seconds_median"]
    assert known["seconds_low"] < known["seconds_median"] < known["seconds_high"]
    assert known["seconds_events_low"] < known["seconds_events"] < known["seconds_events_high"]
    assert known["ratio_seconds"] < 1 < known["ratio_seconds_events"]
    assert known["launch_share"] == pytest.approx(
        1 - known["seconds_kernel"] / known["seconds_events"]
    )
    assert known["seconds_issue"] <= known["seconds_events"] <= known["seconds_host"]
    assert known["seconds_first_call"] == 2e-3, "of the calls as they are made"


def test_the_table_of_cases_follows_its_schema() -> None:
    report = RENDERERS["json"](contents(gpu_run(types=ONE, edit=without_kernels("standard"))))
    jsonschema.validate(json.loads(report["report.json"]), schema("report"))


def test_modes_say_what_they_give_back() -> None:
    axes = {"mode": ("eager", "compile", "cuda_graph")}
    document = contents(gpu_run(types=ONE, axes=axes))
    (table,) = tables(document, "launching-modes")
    assert table.title == "64→64, 3×3, 56×56, batch 1"
    row = cells(table, "depthwise_separable")
    assert row["seconds_eager"].value == pytest.approx(2 * LAUNCH, rel=0.02)
    assert row["ratio_compile"].value == pytest.approx(0.6, rel=0.02)
    assert row["ratio_cuda_graph"].value == pytest.approx(4.886 / 18, rel=0.02)
    assert row["ratio_cuda_graph"].verdict == "faster"
    assert row["ratio_kernels"].value == pytest.approx(1.0, rel=0.02)
    assert len(tables(document, "launching")) == 3, "and each mode has its own times"
    assert not tables(contents(gpu_run(types=ONE)), "launching-modes")


def test_what_modes_give_back_is_one_table_of_data_though_a_group_lacks_a_mode() -> None:
    """As a training step does, of which there is no CUDA graph: its columns are empty there."""
    axes = {"mode": ("eager", "compile", "cuda_graph"), "direction": ("forward", "training")}
    document = contents(gpu_run(types=ONE, axes=axes))
    forward, training = tables(document, "launching-modes")
    assert forward.columns == training.columns
    assert cells(forward, "standard")["ratio_cuda_graph"] is not None
    assert cells(training, "standard")["ratio_cuda_graph"] is None
    assert cells(training, "standard")["ratio_compile"] is not None
    assert "tables/launching-modes.csv" in RENDERERS["csv"](document)


@pytest.mark.parametrize("form", ["markdown", "html", "csv", "json", "latex"])
def test_a_whole_run_of_a_gpu_is_rendered(form: str) -> None:
    """Three data types, two layouts, three batches, networks: 36 groups."""
    files = RENDERERS[form](contents(whole_gpu_run()))
    text = b"".join(
        data for name, data in files.items() if not name.endswith(("png", "pdf"))
    ).decode()
    assert any("launching" in name or b"launching" in data for name, data in files.items())
    if form in {"markdown", "html"}:
        for said in ("What launching costs", "kernel time", "Where the batch decides", "tf32"):
            assert said in text
        assert "times are of one call. Kernel time: a CUDA graph of the calls" in text


def test_figures_are_of_kernel_time_and_say_so() -> None:
    found = contents(whole_gpu_run()).figures
    for name, data in found.items():
        assert draw(data)[:4] == b"\x89PNG", name
    scatter = found["time-against-multiplications-1"]
    assert isinstance(scatter, Scatter)
    assert scatter.clock == "kernel time"
    assert picture(scatter).panels[0].y.title == "kernel time, with its interval"
    captions = [b.caption for b in contents(whole_gpu_run()).walk() if isinstance(b, Figure)]
    assert all("ernel time" in caption for caption in captions)
    plot(whole_gpu_run(), "scatter")


def test_the_batch_at_which_the_verdict_flips_is_a_figure() -> None:
    run = gpu_run((1, 32, 128), axes={"dtype": ("tf32",)})
    data = contents(run).figures["time-ratio-by-batch"]
    assert isinstance(data, Batches)
    lines = {line.label: [(p.batch, p.time.verdict) for p in line.points] for line in data.lines}
    assert lines["depthwise_separable"] == [(1, "slower"), (32, "faster"), (128, "faster")]
    assert "pointwise" not in lines, "no verdict changes"
    assert (data.title, data.clock) == ("64→64, 3×3, 56×56", "kernel time")
    assert "The batch decides: in 64→64" in points(run)["Count against time"].text
    assert "time-ratio-by-batch" not in contents(gpu_run((32, 128))).figures
    drawn = picture(data)
    assert drawn.panels[0].y.title == "kernel time ÷ standard"
    assert [text for _, text in drawn.panels[0].x.places or ()] == ["1", "32", "128"]


def test_a_verdict_of_kernels_and_one_of_events_are_no_flip() -> None:
    """Without kernels the one at batch 1 is of launching, which is not the batch's doing."""

    def without(record: Record) -> Record:
        return replace(record, also={}) if record.input_shape[0] == 1 else record

    run = gpu_run((1, 32), axes={"dtype": ("float32",)}, edit=without)
    verdicts = {
        row.record.input_shape[0]: row.time.verdict
        for row in rows(run)
        if row.record.name == "depthwise_separable" and row.time
    }
    assert verdicts == {1: "slower", 32: "faster"}
    assert "time-ratio-by-batch" not in contents(run).figures
    assert "The batch decides" not in str(contents(run).blocks)


def events_at(batch: int, *names: str) -> Edit:
    """Return what takes the kernel times of some types away at a batch."""

    def edit(record: Record) -> Record:
        return without_kernels(*names)(record) if record.input_shape[0] == batch else record

    return edit


def test_the_count_misleads_most_within_the_clock_of_the_main_group() -> None:
    """By event time at batch 1, where launching made each type 5 times slower."""
    types = ("standard", "shufflenet_unit")
    run = gpu_run((1, 32, 128), types, edit=events_at(1, *types))
    assert "batch 1:" not in points(run)["Count against time"].text


def test_where_a_group_has_event_times_its_verdicts_are_not_said_to_be_of_kernel_time() -> None:
    axes = {"dtype": ("float32",)}
    run = gpu_run((1, 32), ONE, axes)
    assert "Verdicts here are of kernel time." in points(run)["Launching"].text
    run = gpu_run((1, 32), ONE, axes, edit=events_at(32, *ONE))
    said = points(run)["Launching"].text
    assert "Verdicts are of kernel time, in 1 group of event time. To come near" in said


def test_kernels_that_some_processes_lack_are_said_to_be_partly_timed() -> None:
    def edit(record: Record) -> Record:
        told = record.also["kernel"][:1]
        return replace(without_kernels("standard")(record), also={"kernel": told})

    run = gpu_run(types=ONE, edit=lambda r: edit(r) if r.name == "standard" else r)
    row = next(row for row in rows(run) if row.record.name == "standard")
    why = "NotCapturableError: a CUDA graph could not be captured"
    assert f"kernels partly timed: in 1 of 3 processes ({why})" in row.flags
    assert not [flag for flag in row.flags if flag.startswith("kernels not timed")]


@pytest.mark.parametrize(
    ("dtype", "name", "told"),
    [
        ("tf32", "ampere_sgemm_128x64_nn", ("precision: kernels multiply ieee float32",)),
        ("tf32", "cutlass_tensorop_s1688fprop_optimized_tf32_256x64_16x4_nhwc_align4", ()),
        ("float32", "sm80_xmma_fprop_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nchw",
         ("precision: kernels multiply tf32",)),
        ("bfloat16", "a_name_that_says_nothing", ()),
    ],
)  # fmt: skip
def test_kernels_that_multiply_another_type_than_was_asked_for_are_flagged(
    dtype: str, name: str, told: tuple[str, ...]
) -> None:
    kernel = Kernel(operator="cudnn_convolution", backend="cuDNN", implementation=name, layouts="",
                    reorder=False, calls=1, seconds=1e-5)  # fmt: skip
    ran = Execution(kernels=(kernel,), passes=1)
    run = gpu_run(types=ONE, axes={"dtype": (dtype,)}, edit=lambda r: replace(r, execution=ran))
    for row in rows(run):
        assert tuple(flag for flag in row.flags if flag.startswith("precision")) == told


def test_a_tally_of_verdicts_is_of_one_clock_or_says_of_which() -> None:
    def without(record: Record) -> Record:
        return replace(record, also={}) if record.input_shape[0] == 1 else record

    lead = "depthwise_separable against standard"
    run = gpu_run((1, 32, 128), ONE, axes={"dtype": ("float32",)}, edit=without)
    said = points(run)[lead].text
    assert "Both were compared in 3 groups: it is by event time slower in 1; by kernel time" in said
    run = gpu_run((1, 32, 128), ONE, axes={"dtype": ("float32",)})
    assert "Both were compared in 3 groups: it is faster in 3." in points(run)[lead].text


def test_another_process_on_the_gpu_is_called_that() -> None:
    def shared(record: Record) -> Record:
        return replace(record, flags=(SHARED,))

    found = str(contents(gpu_run(types=ONE, edit=shared)).blocks)
    assert "another process used the GPU in 2 of 2 timed cases" in found
    assert "stop it (nvidia-smi lists them)" in found
    assert "other work" not in found


def test_a_power_cap_is_no_cause_beside_another_process() -> None:
    """What is heavy meets the power cap every time."""

    def capped(record: Record) -> Record:
        told = tuple(replace(s, throttle_reasons=(4,) * len(s.seconds)) for s in record.judged)
        return replace(record, also={"kernel": told}, flags=(*flags(told), SHARED))

    found = str(contents(gpu_run(types=ONE, edit=capped)).blocks)
    assert "Another process used the GPU in 2 of 2 timed cases. Nothing below is certain" in found
    assert "held down (heat or power)" not in found
    assert "-lgc" not in found


def test_a_clock_that_was_held_down_is_no_other_work() -> None:
    def hot(record: Record) -> Record:
        told = tuple(
            replace(
                s, throttle_reasons=(0x40,) * len(s.seconds), sm_clock_mhz=(1200,) * len(s.seconds)
            )
            for s in record.judged
        )
        return replace(record, also={"kernel": told}, flags=flags(told))

    found = str(contents(gpu_run(types=ONE, edit=hot)).blocks)
    assert "the GPU's clock was held down (heat or power) in" in found
    assert "nvidia-smi -lgc" in found
    assert "other work" not in found
    assert "Not sure, since the GPU's clock was held down (heat or power): depthwise" in found
    assert "The GPU's clock was held down (heat or power) in 2 of 2 timed cases. Nothing" in found
    assert "busy" not in found


@pytest.mark.parametrize(
    ("planned", "said"),
    [
        ({"processes": 10}, "The run was to have 10 processes for each: its budget, or a stop"),
        ({"processes": 3}, ""),
        ({"processes": None, "text": ASKED.format(12)}, "The run was to have 12 processes for"),
        ({"processes": None, "text": ASKED.format(2)}, ""),
        ({"processes": None, "text": "no suite"}, ""),
        ({}, ""),
    ],
)
def test_a_run_with_fewer_processes_than_were_wanted_says_so(
    planned: dict[str, Any], said: str
) -> None:
    """Each case has 3 processes."""
    run = gpu_run(types=ONE)
    run = replace(run, header=replace(run.header, suite={**run.header.suite, **planned}))
    text = points(run)["How sure"].text
    assert said in text
    assert ("was to have" in text) is bool(said)


def test_a_kernel_has_a_shortest_time() -> None:
    """The card of these tests, so that its numbers are known."""
    found = by_name(gpu_run(types=(*ONE, "pointwise"), axes={"dtype": ("bfloat16",)}))
    assert found["pointwise"].seconds is not None
    assert found["pointwise"].seconds.value == pytest.approx(SHORTEST, rel=0.02)


def test_one_table_names_the_clock() -> None:
    made = one_table(gpu_run(types=ONE), "main", ("type", "us", "ratio"))
    assert [column.name for column in made.raw.columns] == [
        "type",
        "kernel time",
        "kernel time ÷ standard",
    ]
    assert "a CUDA graph of the calls" in made.note


def test_the_screen_at_the_end_of_a_run_says_that_it_is_launch_bound() -> None:
    console = Console(width=100, height=60, file=io.StringIO(), force_terminal=False)
    show_ending(gpu_run(types=ONE), console)
    said = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert "Launching: 1 of 2 timed cases is launch-bound" in said
    assert "of kernel time a call" in said


def resolution(**changes: Any) -> Resolution:
    """Return an A/A test of a GPU of one size, whose trials reach 1 % either way."""
    return Resolution(
        budget=8.0, seconds=8.0, threads=1, device="cuda:0", seed=0, allocator="system",
        steal_share=None, sizes=(tried(0.01, 2e-5),), **changes,
    )  # fmt: skip


def tried(reach: float, seconds: float) -> SizeResolution:
    return SizeResolution(
        name="small", what="a convolution", seconds_per_call=seconds, seconds_per_trial=0.5,
        page_faults_per_call=0.0,
        trials=(Trial(value=1.0, low=1 / (1 + reach), high=1 + reach, rounds=20),) * 8,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "test", "told"),
    [
        ({"clock": "kernel time", "events": (tried(0.05, 3e-5),)}, "kernel time",
         "detected is 1 % at 20.0 µs a call (by event time 5 % at 30.0 µs a call)."),
        ({"clock": "event time"}, "event time", "detected is 1 % at 20.0 µs a call."),
        ({}, "event time", "detected is 1 % at 20.0 µs a call."),  # a file from before
    ],
)  # fmt: skip
def test_the_test_of_the_machine_says_of_which_clock_of_a_gpu_it_is(
    changes: dict[str, Any], test: str, told: str
) -> None:
    run = gpu_run(types=ONE)
    run = replace(
        run, header=replace(run.header, machine=Machine(resolution=resolution(**changes)))
    )
    text = points(run)["How sure"].text
    assert f"(A/A test, {test})" in text
    assert told in text
