"""Figures: the same bytes every time, labels apart, colours apart, foreign settings left alone."""

import io
import itertools
import random

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from report.report_runs import SLOTS, header, many_groups, samples, type_group, whole_run

from convbench.convs.base import TYPES, ConvType, register
from convbench.report.contents import contents
from convbench.report.document import Figure
from convbench.report.drawing import style
from convbench.report.drawing.labels import Box
from convbench.report.drawing.scatter import scatter
from convbench.report.figuredata import Point, Scatter
from convbench.report.figures import draw
from convbench.runs.record import Run
from convbench.timing.stats import Interval


def figures(run):
    return {b.id: b for b in contents(run).walk() if isinstance(b, Figure)}


@pytest.fixture(scope="module")
def drawn():
    return figures(whole_run())


def test_the_figures_of_a_quick_run(drawn):
    assert set(drawn) == {
        "promise-and-clock-1", "promise-and-clock-2", "promise-and-clock-3",
        "time-against-multiplications-1", "time-against-multiplications-2",
        "time-against-multiplications-3", "separable-against-its-curve", "networks-by-width",
    }  # fmt: skip


def test_every_figure_is_a_png_of_the_same_bytes_whatever_the_users_settings(drawn):
    for figure in drawn.values():
        first = draw(figure.data)
        assert first.startswith(b"\x89PNG")
        with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "savefig.dpi": 20}):
            assert draw(figure.data) == first


def test_drawing_leaves_the_users_settings_as_they_were(drawn):
    with mpl.rc_context({"font.size": 30}):
        before = dict(mpl.rcParams)
        draw(drawn["networks-by-width"].data)
        assert dict(mpl.rcParams) == before


def test_the_file_says_nothing_of_when_or_with_what(drawn):
    data = draw(drawn["networks-by-width"].data)
    assert b"Software" not in data
    assert b"tIME" not in data


@pytest.mark.parametrize("run", [whole_run, many_groups], ids=["quick", "full"])
def test_labels_of_a_scatter_do_not_collide(run):
    for name, figure in figures(run()).items():
        if not name.startswith("time-against"):
            continue
        boxes = label_boxes(figure.data)
        assert len(boxes) == len(figure.data.points)
        for one, other in itertools.combinations(boxes, 2):
            assert boxes[one].overlap(boxes[other]) == 0, (one, other)


def label_boxes(data):
    """Return where each name stands, in pixels, drawn as the file is."""
    with mpl.style.context("default"):
        canvas = scatter(data)
        renderer = FigureCanvasAgg(canvas).get_renderer()
        names = {style.plain(point.label) for point in data.points}
        (axes,) = canvas.axes
        return {
            text.get_text(): Box(*text.get_window_extent(renderer).extents)
            for text in axes.texts
            if text.get_text() in names
        }


def test_a_crowd_of_equal_points_is_still_legible():
    near = Interval(value=1e-3, low=0.9e-3, high=1.1e-3, confidence=0.95)
    points = tuple(
        Point(label=f"type number {i}", series=f"{i}", multiplications=10**7 + i, seconds=near)
        for i in range(14)
    )
    series = tuple(str(i) for i in range(14))
    boxes = label_boxes(Scatter(title="t", points=points, series=series))
    for one, other in itertools.combinations(boxes.values(), 2):
        assert one.overlap(other) == 0


def test_every_type_looks_different():
    looks = [style.look(name, tuple(TYPES)) for name in TYPES]
    assert len(set(looks)) == len(looks)


def test_a_type_looks_the_same_in_every_figure_and_whatever_else_is_installed(drawn):
    before = {name: figure.data for name, figure in drawn.items() if name.startswith("time-")}
    assert len({data.series for data in before.values()}) == 1

    @register("aaa_first")
    class Other(ConvType):
        pass

    try:
        after = figures(whole_run())
        assert {name: after[name].data for name in before} == before
    finally:
        TYPES.remove("aaa_first")


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (style.tick_count, 1e6, "1 M"),
        (style.tick_count, 1e7, "10 M"),
        (style.tick_count, 500, "500"),
        (style.tick_seconds, 1e-4, "100 µs"),
        (style.tick_seconds, 2e-3, "2 ms"),
        (style.tick_seconds, 5e-9, "5 ns"),
        (style.tick_rate, 1e10, "10 GMAC/s"),
        (style.tick_ratio, 0.05, "0.05"),
        (style.tick_ratio, 20, "20"),
    ],
)
def test_ticks(show, value, text):
    assert show(value) == text


def test_a_name_that_cannot_be_drawn_is_drawn_as_what_can():
    draw_names = random.Random(0)
    records = type_group(SLOTS[1], draw_names, names=("standard", "lite"))
    renamed = [
        type(r)(**{**vars(r), "label": label, "samples": (samples(1e-3, draw=draw_names),)})
        for r, label in zip(records, ("$\\frac{$ \x07 " * 20, "a\nb 中文"), strict=True)
    ]
    for figure in figures(Run(header=header(), records=tuple(renamed))).values():
        assert draw(figure.data).startswith(b"\x89PNG")


def test_the_picture_has_the_size_that_was_meant(drawn):
    from matplotlib.image import imread

    height, width = imread(
        io.BytesIO(draw(drawn["time-against-multiplications-1"].data)), format="png"
    ).shape[:2]
    assert (width, height) == (1350, 930)
