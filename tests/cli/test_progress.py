"""What a run shows while it goes on, and what it ends with."""

import io
import re
from dataclasses import replace

import pytest
from report.noisy import noisy_run
from report.report_runs import whole_run
from rich.cells import cell_len
from rich.console import Console
from scripted import samples

from convbench.convs.base import make
from convbench.core.spec import ConvSpec
from convbench.report.contents import contents
from convbench.runs.cases import expand
from convbench.runs.conditions import Condition
from convbench.runs.groups import HOPELESS, Progress
from convbench.runs.suite import SlotGroup, Suite, Timing
from convbench.ui.terminal.ending import show_ending
from convbench.ui.terminal.progress import Display


def two_groups(processes=3):
    slots = tuple(
        SlotGroup(
            spec=ConvSpec(in_channels=64, out_channels=128, input_size=size, kernel_size=3,
                          padding=1, stride=2, batch=16),
            competitors=tuple(make(name, {}) for name in ("standard", "lite")),
            block=False, baseline="standard", timing=Timing(processes=processes),
        )
        for size in ((56, 56), (28, 28))
    )  # fmt: skip
    suite = Suite(name="s", description="", groups=slots, axes={})
    return tuple(expand(suite, (Condition(device="cpu", threads=1),)))


GROUPS = two_groups()
TITLE = "64→128, 3×3, stride 2, padding 1, 56×56, batch 16"


def record(place=0, **changes):
    return replace(GROUPS[0].cases[place].skeleton, **changes)


def display(*, width=80, live=False, quiet=False):
    screen = io.StringIO()
    console = Console(file=screen, width=width, height=24, force_terminal=live, color_system=None)
    return Display(console, GROUPS, quiet=quiet), screen


def test_what_all_groups_share_is_said_once_and_each_group_by_its_readable_name():
    shown, screen = display()
    with shown:
        shown.progress(Progress(spent=1, left=9, stage=1, what="group 1 of 2",
                                group=GROUPS[0].label))  # fmt: skip
        shown.finished(GROUPS[0], [record(0), record(1)])
    first, stage, group = screen.getvalue().splitlines()
    assert first == "4 cases in 2 groups: cpu, float32, channels first, 1 thread"
    assert stage.startswith("1. First process of each group")
    assert group == f"   {TITLE}: 2 ok"


def test_every_stage_is_announced_once():
    shown, screen = display()
    with shown:
        for stage in (1, 1, 2, 2, 2, 3):
            shown.progress(Progress(spent=1, left=9, stage=stage, what="process 2 of 3",
                                    group=GROUPS[1].label))  # fmt: skip
    assert re.findall(r"^(\d)\. ", screen.getvalue(), re.MULTILINE) == ["1", "2", "3"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_share_and_the_time_left_are_visible_at_any_width(width):
    shown, screen = display(width=width, live=True)
    with shown:
        shown.progress(Progress(spent=95.0, left=105.0, stage=2, what="process 4 of 10",
                                group=GROUPS[0].label))  # fmt: skip
        shown.stage("timing")
        screen.truncate(0)
        screen.seek(0)
        shown._progress.refresh()
        line = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", screen.getvalue()).strip("\r\n ")
    assert "47 %, 1:45 left" in line
    assert re.search("[━╸╺-]", line)
    assert "process 4" in line[:width]
    assert cell_len(line) <= width


def test_nothing_is_done_before_it_is():
    shown, screen = display(width=100, live=True)
    with shown:
        shown.progress(Progress(spent=1e4, left=0.4, stage=2, what="process 9 of 9",
                                group=GROUPS[0].label))  # fmt: skip
        shown._progress.refresh()
    assert "99 %, 0:01 left" in screen.getvalue()
    assert "100 %" not in screen.getvalue()


BUSY = {"status": "invalid", "reason": HOPELESS}


@pytest.mark.parametrize(
    ("processes", "words"),
    [
        (1, "1 ok, 1 not measured yet (the machine was busy)"),
        (3, f"1 ok, 1 invalid ({HOPELESS})"),
    ],
)
def test_a_busy_first_process_is_no_verdict_while_more_are_to_come(processes, words):
    shown, screen = display(width=400)
    several = tuple(samples([1e-3] * 4, str(n)) for n in range(processes))
    shown.finished(GROUPS[0], [record(0), record(1, samples=several, **BUSY)])
    assert screen.getvalue() == f"   {TITLE}: {words}\n"


def test_a_failure_is_told_with_its_reason_when_it_happens():
    shown, screen = display(width=400)
    failed = [record(n).failed("ZeroDivisionError: of a stopwatch") for n in range(2)]
    shown.finished(GROUPS[0], failed)
    assert screen.getvalue().endswith(": 2 failed (ZeroDivisionError: of a stopwatch)\n")


def test_a_group_that_was_measured_before_says_so():
    shown, screen = display()
    shown.finished(GROUPS[0], [])
    assert screen.getvalue() == f"   {TITLE}: 2 measured before\n"


# --- how a run ends ------------------------------------------------------------------------


def ending(run, width=80, height=24):
    screen = io.StringIO()
    show_ending(run, Console(file=screen, width=width, height=height, color_system=None))
    return screen.getvalue()


RUNS = {
    "whole": whole_run,
    "noisy": noisy_run,
    "cut": lambda: replace(whole_run(), finished=False, records=whole_run().records[:5],
                           header=replace(whole_run().header, suite={"name": "s", "cases": 43})),
    "empty": lambda: replace(whole_run(), records=()),
}  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", RUNS)
def test_a_run_ends_with_every_answer_on_one_screen(name, width):
    run = RUNS[name]()
    text = ending(run, width)
    lines = text.splitlines()
    assert len(lines) <= 24 - 3, "the report's path and the prompt are there too"
    assert max(map(len, lines)) <= width
    joined = " ".join(text.split())
    for point in contents(run).findings:
        if point.answer:
            assert f"{point.lead}: " in joined
            assert f"{point.lead}: {point.answer}" in joined or point.text in joined
    assert not re.search(r"\d\n *(%|[µmn]?s\b|[kMG]\b)", text), "no number without its unit"


def test_an_ending_has_room_for_all_on_a_tall_screen():
    joined = " ".join(ending(whole_run(), height=100).split())
    for point in contents(whole_run()).findings:
        assert f"{point.lead}: {point.text}" in joined


def test_an_ending_says_why_cases_have_no_time():
    text = " ".join(ending(whole_run()).split())
    assert "34 timed, 7 skipped, 1 failed and 1 invalid" in text
    assert "Invalid: ghost in 64→64, 3×3, 56×56, batch 1: the output is not finite" in text


def test_an_ending_names_a_group_with_what_sets_it_apart():
    records = whole_run().records
    other = tuple(
        replace(r, group=f"{r.group} bf16", dtype="bfloat16", case=f"{r.case} bf16")
        for r in records
    )
    text = " ".join(ending(replace(whole_run(), records=(*records, *other))).split())
    assert "Invalid: ghost in 64→64, 3×3, 56×56, batch 1, float32 and 1 more: the output" in text


def test_an_ending_says_why_everything_was_skipped():
    records = tuple(
        replace(r, status="skipped", reason="no room", samples=()) for r in whole_run().records
    )
    text = " ".join(ending(replace(whole_run(), records=records)).split())
    assert re.search(r"Skipped: \w+ in 3→128, .* and \d+ more: no room", text)
    assert "Skipped: " not in ending(whole_run())


def test_an_interrupted_run_says_how_much_of_it_there_is():
    assert "5 cases of the 43 planned." in ending(RUNS["cut"]())


# --- a run as a whole ----------------------------------------------------------------------

BROKEN = '''
from convbench.clock.stopwatch import STOPWATCHES

@STOPWATCHES.register("broken")
class Broken:
    """It cannot time anything."""

    name = "broken"

    def __init__(self, device):
        pass

    def time(self, work, calls):
        raise RuntimeError("the counter is not connected")
'''


def test_a_run_that_could_measure_nothing_says_why_at_once_and_its_status_is_1(
    fresh, small, tmp_path
):
    (tmp_path / "broken.py").write_text(BROKEN)
    done = fresh("--plugin", "broken.py", "run", "--suite", small, "--only", "standard", "--out",
                 "o", "--stopwatch", "broken", code=1)  # fmt: skip
    told = " ".join(done.stderr.split())
    assert "1 failed (RuntimeError: the counter is not connected)" in told
    assert told.index("1 failed (") < told.index("What convolutions cost")
    done = fresh("run", "--out", "o", "--resume", code=2)
    assert "There is no stopwatch 'broken'" in done.stderr
    assert "`convbench --plugin broken.py run --resume`" in done.stderr


def test_a_stopwatch_of_another_device_says_what_it_is_for(convbench):
    done = convbench("run", "--device", "cpu", "--stopwatch", "cuda-events", code=2)
    assert "'cpu' is no CUDA device" in done.stderr
    assert "nvidia-smi" not in done.stderr
