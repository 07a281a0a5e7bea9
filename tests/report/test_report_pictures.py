"""A picture is drawn alike by matplotlib and by the page, and both know nothing but the picture."""

import ast
import inspect

import pytest

from convbench.report.document import Document
from convbench.report.figures import canvas
from convbench.report.figures.picture import (
    BAR,
    Axis,
    Key,
    Line,
    Mark,
    Note,
    Panel,
    Picture,
    Rule,
    Whisker,
    Words,
    thinned,
)
from convbench.report.formats.html import chart, traces
from convbench.report.formats.html.facts import Facts
from convbench.report.formats.html.names import names_of

SEEN = Whisker(2.0, 4.0, cut_low=False, cut_high=True)
PICTURE = Picture(
    title="by hand",
    panels=(
        Panel(
            Axis((1, 100), "across", log=True, show=str),
            Axis((0, 5), "up", grid=True, show=str),
            (
                Rule(10, "one", upright=True),
                Line((1, 100), (0, 5), "grid", 1.5),
                Mark(10, 3, "s", "#0072B2", 0, seen=SEEN, hollow=True),
                Mark(50, 1, BAR, "#D55E00", 1, across=True),
                Words(20, 4, "beside <it>", note=1),
            ),
            title="a panel",
        ),
    ),
    height=3,
    pixels=300,
    keys=(Key("a key", "text", "o"), Key("a line", "one", dash=":")),
    notes=(Note("first", (("what", "3"),)), Note("second", (("what", "50"),))),
)


def test_a_picture_made_by_hand_is_drawn_by_matplotlib():
    figure = canvas.drawn(PICTURE)
    (axes,) = figure.axes
    assert (axes.get_xlim(), axes.get_ylim()) == ((1, 100), (0, 5))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("across", "up")
    assert axes.get_title(loc="left") == "a panel"
    (bar,) = axes.patches
    assert (bar.get_x(), bar.get_width()) == (0, 50)
    drawn = {line.get_marker(): line for line in axes.lines}
    assert (drawn["s"].get_xdata()[0], drawn["s"].get_ydata()[0]) == (10, 3)
    assert drawn["s"].get_markerfacecolor() == "white"
    assert drawn["^"].get_ydata()[0] == SEEN.high
    assert "v" not in drawn
    assert [text.get_text() for text in axes.texts] == ["beside <it>"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a key", "a line"]


def test_the_same_picture_is_drawn_by_the_page():
    document = Document(title="", blocks=())
    made = chart.drawn(PICTURE, names_of(document), Facts(document))
    axes = made.layout["xaxis"], made.layout["yaxis"]
    assert [pytest.approx(axis["range"], abs=2e-6) for axis in axes] == [[0, 2], [0, 5]]
    assert [axis["title"]["text"] for axis in axes] == ["across", "up"]
    assert made.layout["annotations"][0]["text"] == "a panel"
    (bar,) = (trace for trace in made.traces if trace["type"] == "bar")
    assert (bar["x"], bar["y"], bar["customdata"]) == ([50], [1], [1])
    symbols = {
        t["marker"]["symbol"]: t for t in made.traces if "marker" in t and "symbol" in t["marker"]
    }
    assert (symbols["square"]["x"], symbols["square"]["y"]) == ([10], [3])
    assert symbols["square"]["error_y"]["array"] == [1.0]
    assert symbols["triangle-up"]["y"] == [SEEN.high]
    (words,) = (trace for trace in made.traces if "text" in trace)
    assert (words["text"], words["customdata"]) == ([" beside &lt;it&gt;"], [1])
    assert [trace["name"] for trace in made.traces if "name" in trace] == ["a key", "a line"]
    (rule,) = made.layout["shapes"]
    assert (rule["x0"], rule["x1"], rule["yref"]) == (10, 10, "y domain")
    assert [note.title for note in made.notes] == ["first", "second"]


@pytest.mark.parametrize("module", [canvas, chart, traces])
def test_what_draws_knows_nothing_of_runs_or_of_kinds_of_figures(module):
    tree = ast.parse(inspect.getsource(module))
    used = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {name for name in used if name and name.startswith("convbench")}
    assert all(name.startswith(("convbench.report.figures", "convbench.report.formats.html"))
               for name in ours), ours  # fmt: skip
    assert not {name.rpartition(".")[2] for name in ours} & {"scatter", "rows", "curve", "trend"}


def test_of_too_many_places_the_last_one_stays():
    places = [(at, str(at)) for at in range(10)]
    assert thinned(places, 10) == places
    assert [at for at, _ in thinned(places, 4)] == [0, 3, 6, 9]
    assert [at for at, _ in thinned(places, 6)] == [1, 3, 5, 7, 9]
    assert thinned([], 4) == []
