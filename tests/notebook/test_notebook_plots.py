"""Plots: matplotlib's figures that nobody has to close, or a clear reason why there is none."""

import gc
import math
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
from conftest_root import ROOT
from matplotlib.figure import Figure
from report.report_runs import SLOTS, header, whole_run
from runs.executed import explained_run

from convbench.core.errors import RunError, UnknownNameError
from convbench.report.figures.labels import Box
from convbench.runs.ceiling_share import shares
from convbench.runs.record import Machine, Run
from convbench.runs.store import load
from convbench.runs.titles import titles
from convbench.ui.notebook.plots import PLOTS

QUICK = ROOT / "reports" / "cpu-quick"


@pytest.fixture(scope="module")
def quick():
    return load(QUICK)


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_is_a_figure_that_draws_itself(quick, name):
    drawn = (explained_run() if name == "waterfall" else quick).plot(name)
    assert isinstance(drawn, Figure)
    assert drawn._repr_png_().startswith(b"\x89PNG")


def test_no_figure_is_kept_and_no_window_or_pyplot_is_needed():
    code = (
        "import sys, gc, weakref\n"
        "from convbench.runs.store import load\n"
        "from pathlib import Path\n"
        f"run = load(Path({str(QUICK)!r}))\n"
        "figures = [weakref.ref(run.plot(name)) for name in ('ratio', 'roofline')]\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert 'torch' not in sys.modules\n"
        "gc.collect()\n"
        "assert not any(figure() for figure in figures)\n"
        "import matplotlib.pyplot as plt\n"
        "run.plot('ratio')\n"
        "assert not plt.get_fignums()\n"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "MPLBACKEND": "TkAgg"}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=environment)


def test_a_users_settings_are_left_as_they_were(quick):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 30}):
        before = dict(mpl.rcParams)
        quick.plot("ratio")
        assert dict(mpl.rcParams) == before


def test_a_figure_can_be_stored(quick):
    drawn = pickle.loads(pickle.dumps(quick.plot("ratio")))
    assert isinstance(drawn, Figure)
    gc.collect()


def test_an_unknown_name_lists_those_there_are(quick):
    with pytest.raises(UnknownNameError, match=r"no plot \[\]. Known: ratio"):
        quick.plot([])
    with pytest.raises(UnknownNameError, match=r"no plot 'roof'.*Did you mean roofline"):
        quick.plot("roof")
    with pytest.raises(UnknownNameError, match="curve, networks, roofline, waterfall"):
        quick.plot("zzz")


def test_another_group_is_drawn_by_its_label(quick):
    for label, title in titles(quick.records).groups.items():
        drawn = quick.plot("ratio", group=label)
        assert drawn._suptitle.get_text() == title
    with pytest.raises(UnknownNameError, match="no group"):
        quick.plot("ratio", group="zzz")


def test_networks_can_be_drawn_by_every_plot_of_one_group(quick):
    label = next(record.group for record in quick.records if record.kind == "network")
    for name in ("ratio", "scatter", "roofline", "networks"):
        drawn = quick.plot(name, group=label)
        assert drawn._suptitle.get_text() == titles(quick.records).groups[label]


UNTIMED = replace(whole_run(), records=tuple(replace(r, samples=()) for r in whole_run().records))
ALONE = replace(
    whole_run(), records=tuple(r for r in whole_run().records if r.slot == SLOTS[2].label)
)
LACKING = [
    # (what lacks, run, plot, what the message must say)
    ("cases", Run(header=header(), records=()), "ratio", "the run holds no cases"),
    ("times", UNTIMED, "ratio", "has a time beside its baseline's"),
    ("times", UNTIMED, "scatter", "fewer than 2 cases of .* were timed"),
    ("networks", ALONE, "networks", "fewer than 2 networks"),
    ("a pair", ALONE, "curve", "no group holds both"),
    ("what ran", whole_run(), "waterfall", "the run does not say what ran"),
    ("ceilings", whole_run(), "roofline", "its header holds no measured ceilings"),
    ("a test of the machine",
     replace(whole_run(), header=header(machine=Machine(failed="it died"))), "roofline", "it died"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "run", "name", "says"), LACKING,
                         ids=[f"{row[0]}-{row[2]}" for row in LACKING])  # fmt: skip
def test_a_run_without_what_a_plot_needs_says_what_it_lacks(what, run, name, says):
    with pytest.raises(RunError, match=says) as caught:
        run.plot(name)
    if what != "cases":
        assert "Try another:" in str(caught.value)


def test_a_ceiling_of_another_device_is_no_ceiling(quick):
    header_ = quick.header
    ceilings = tuple(replace(one, dtype="bfloat16") for one in header_.machine.ceilings)
    machine = replace(header_.machine, ceilings=ceilings)
    with pytest.raises(RunError, match="whose ceiling was measured"):
        replace(quick, header=replace(header_, machine=machine)).plot("roofline")


def test_the_roofline_is_made_of_the_measured_ceilings_and_of_what_was_reached(quick):
    (limit,) = quick.header.machine.ceilings
    (axes,) = quick.plot("roofline").axes
    roof = next(line for line in axes.lines if len(line.get_xdata()) == 3)
    x, y = roof.get_xdata(), roof.get_ydata()
    assert y[1] == y[2] == limit.multiplications_per_second
    assert y[0] / x[0] == pytest.approx(limit.bytes_per_second)
    assert x[1] == pytest.approx(limit.multiplications_per_second / limit.bytes_per_second)
    group = axes.figure._suptitle.get_text()
    reached = {}
    for record in quick.records:
        if record.group == group and (share := shares(record, limit)):
            rate = share[0] * limit.multiplications_per_second
            moved = share[1] * limit.bytes_per_second
            reached[record.label] = (rate / moved, rate)
    marks = [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if len(line.get_xdata()) == 1 and line.get_marker() not in {"_", "|"}
    ]
    for place in reached.values():
        assert any(math.isclose(place[0], x) and math.isclose(place[1], y) for x, y in marks)


def test_names_of_a_roofline_do_not_collide(quick):
    drawn = quick.plot("roofline")
    renderer = drawn.canvas.get_renderer()
    names = {record.label for record in quick.records}
    (axes,) = drawn.axes
    boxes = [
        Box(*text.get_window_extent(renderer).extents)
        for text in axes.texts
        if text.get_text() in names
    ]
    assert len(boxes) > 10
    for index, one in enumerate(boxes):
        assert not any(one.overlap(other) for other in boxes[index + 1 :])
