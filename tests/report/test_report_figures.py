"""Figures: the same bytes every time, labels apart, colours apart, foreign settings left alone."""

import io
import itertools
import random
import re

import matplotlib as mpl
import pytest
from matplotlib.container import ErrorbarContainer
from report.report_runs import SLOTS, header, many_groups, samples, type_group, whole_run

from convbench.convs.base import TYPES, ConvType, register
from convbench.core.intervals import Interval, RatioInterval
from convbench.report.contents import contents
from convbench.report.document import Figure
from convbench.report.figuredata import (
    Bar,
    Bars,
    Curve,
    CurvePoint,
    Pair,
    Point,
    Ratios,
    Roof,
    Roofline,
    RooflinePoint,
    Scatter,
    Trend,
    TrendLine,
    TrendPoint,
    Waterfall,
    WaterfallStep,
)  # fmt: skip
from convbench.report.figures import draw, said, style
from convbench.report.figures import figure as canvas_of
from convbench.report.figures.labels import Box
from convbench.runs.record import Run


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


@pytest.mark.parametrize("form", ["svg", "pdf"])
def test_so_is_every_form_of_it_and_its_text_is_text(drawn, form):
    data = drawn["networks-by-width"].data
    found = draw(data, form)
    assert draw(data, form) == found
    assert not re.search(rb"CreationDate|<dc:date>|[mM]atplotlib v", found)
    if form == "svg":
        texts = "".join(re.findall(r"<text.*?</text>", found.decode(), re.DOTALL))
        assert all(bar.label in texts for bar in data.bars)
        assert "multiplications (1 MAC = 1 multiplication)" in texts
    else:
        assert b"/Type3" not in found
        assert b"DejaVuSans" in found


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
    canvas = canvas_of(data)
    renderer = canvas.canvas.get_renderer()
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


def spread(value, factor, kind=Interval, **more):
    """Return a value with an interval of this factor to either side."""
    if kind is RatioInterval:
        more = {"paired": True, "verdict": "faster", **more}
    return kind(value=value, low=value / factor, high=value * factor, confidence=0.95, **more)


def all_figures(factor, processes=1):
    """Return one figure of each kind whose intervals all have this factor to either side."""
    series = ("a", "b")
    times = [spread(seconds, factor, processes=processes) for seconds in (1e-3, 4e-3)]
    shares = [spread(share, factor, RatioInterval, processes=processes) for share in (0.5, 1.5)]
    counts = (10**7, 10**8)
    return {
        "scatter": Scatter(title="t", series=series, points=tuple(
            Point(label=s, series=s, multiplications=n, seconds=time)
            for s, n, time in zip(series, counts, times, strict=True)
        )),
        "ratios": Ratios(title="t", baseline="x", pairs=tuple(
            Pair(label=s, multiplications=0.7, time=share)
            for s, share in zip(series, shares, strict=True)
        )),
        "curve": Curve(points=tuple(
            CurvePoint(channels=n, taps=9, derived=1 / n + 1 / 9, counted=(), time=share)
            for n, share in zip((8, 64), shares, strict=True)
        )),
        "bars": Bars(title="t", bars=tuple(
            Bar(label=s, multiplications=n, seconds=time)
            for s, n, time in zip(series, counts, times, strict=True)
        )),
        "trend": Trend(title="t", runs=("1", "2"), lines=(TrendLine(label="a", points=tuple(
            TrendPoint(run=i, seconds=time) for i, time in enumerate(times)
        )),)),
        "roofline": Roofline(
            title="t", multiplications_per_second=1e11, bytes_per_second=1e10, series=series,
            points=tuple(
                RooflinePoint(label=s, series=s, multiplications=n, bytes_moved=10**6, seconds=time)
                for s, n, time in zip(series, counts, times, strict=True)
            ),
            levels=(Roof(name="L1", bytes_per_second=1e11), Roof(name="L2", bytes_per_second=9e10)),
        ),
        "waterfall": Waterfall(
            title="t", label="a", baseline="x", multiplications=0.2, time=shares[0],
            factors=tuple(
                WaterfallStep(label=s, value=n) for s, n in zip(series, (5, 0.5), strict=True)
            ),
        ),
    }  # fmt: skip


def limits(data):
    return [(*axes.get_xlim(), *axes.get_ylim()) for axes in canvas_of(data).axes]


def whiskers(data):
    """Return how many error bars a picture has."""
    return sum(
        isinstance(each, ErrorbarContainer) and each.lines[2] != ()
        for axes in canvas_of(data).axes
        for each in axes.containers
    )


@pytest.mark.parametrize("name", all_figures(1.01))
def test_axes_follow_the_estimates_whatever_the_intervals_are(name):
    narrow, wide, wildest = (all_figures(factor)[name] for factor in (1.01, 1.3, 1e9))
    assert limits(narrow) == limits(wide) == limits(wildest)
    marks = 1 if name == "waterfall" else 2
    assert (whiskers(narrow), whiskers(wide), whiskers(wildest)) == (marks, marks, 0)


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        # there is a quarter of room beside the least and the largest ratio, 0.5 and 1.5
        ("ratios", [("<", 0.4, 0), (">", 1.875, 1)]),
        # and for an interval 12 % beyond the longest bar, of 4 ms
        ("bars", [(">", 4.48e-3, 1)]),
        ("scatter", []),
    ],
)
def test_a_whisker_that_would_leave_is_cut_with_an_arrow(name, cut):
    def arrows(factor):
        return [
            (line.get_marker(), pytest.approx(line.get_xdata()[0]), line.get_ydata()[0])
            for axes in canvas_of(all_figures(factor)[name]).axes
            for line in axes.lines
            if line.get_marker() in {"<", ">", "^", "v"}
        ]

    assert arrows(1.01) == []
    assert arrows(1.32) == cut


def test_a_caption_says_what_is_cut_and_what_is_not_drawn():
    for name in ("scatter", "ratios", "curve", "bars", "waterfall"):
        assert said(all_figures(1.01)[name]) == ""
        assert said(all_figures(1e9)[name]) == " Without a whisker: no interval."
        assert said(all_figures(1e9, processes=3)[name]) == (
            " Without a whisker: processes too far apart for an interval."
        )
    assert said(all_figures(1.32)["bars"]) == " An arrowhead: the interval goes on."
