"""The parts of the page: cells, names and looks, charts, the numbers at a pointer."""

import math
import re
from dataclasses import replace
from importlib.resources import files

import pytest
from report.html.html_pages import awkward, committed
from report.report_runs import header, whole_run

from convbench.core.intervals import Interval, RatioInterval
from convbench.report.contents import contents
from convbench.report.document import Bullets, Column, Document, Figure, Table
from convbench.report.figuredata import Bar, Bars, Curve, Pair, Ratios, Scatter
from convbench.report.figures import picture, style
from convbench.report.formats.html import look
from convbench.report.formats.html.chart import drawn, log_ticks
from convbench.report.formats.html.facts import Facts
from convbench.report.formats.html.names import names_of
from convbench.report.formats.html.traces import text
from convbench.report.formats.html.view import grid, view
from convbench.runs.record import Run

RATIO = RatioInterval(value=0.5, low=0.4, high=0.6, confidence=0.95, paired=True, verdict="faster")


@pytest.fixture(scope="module")
def shown():
    return view(contents(whole_run()))


def charts(document, kind):
    names, facts = names_of(document), Facts(document)
    return {
        block.id: (block.data, drawn(picture(block.data), names, facts))
        for block in document.walk()
        if isinstance(block, Figure) and isinstance(block.data, kind)
    }


def test_a_cell_shows_what_every_format_shows_and_sorts_by_the_raw_value():
    seconds = Interval(value=1.23456e-3, low=1.2e-3, high=1.3e-3, confidence=0.95)
    table = Table(
        id="t",
        caption="c",
        columns=(
            Column(name="case", key="label"),
            Column(name="time", key="s", kind="seconds"),
            Column(name="ratio", key="r", kind="ratio"),
            Column(name="n", key="n", kind="count"),
        ),
        rows=(("a", seconds, RATIO, 1_234_567), ("b", None, None, 0)),
    )
    names = names_of(Document(title="", blocks=()))
    first, second = grid(table, names, "above").rows
    assert [(cell.text, cell.around) for cell in first.cells] == [
        ("a", ""), ("1.23 ms", "±5 %"), ("0.500", "(0.40–0.60)"), ("1.235 M", ""),
    ]  # fmt: skip
    assert [cell.value for cell in first.cells] == ["", "0.00123456", "0.5", "1234567"]
    assert [cell.value for cell in second.cells] == ["", "", "", "0"]
    assert [cell.text for cell in second.cells] == ["b", "–", "–", "0"]


def test_what_says_most_is_the_last_to_be_hidden():
    kinds = {"label": "text", "multiplications": "count", "parameters": "count",
             "seconds": "seconds", "ratio_seconds": "ratio", "verdict": "text", "rounds": "integer",
             "torch": "text", "caveat": "text"}  # fmt: skip
    long = "passes part of the channels through untouched"
    table = Table(
        id="t",
        caption="",
        columns=tuple(Column(name=key, key=key, kind=kind) for key, kind in kinds.items()),
        rows=(("a", 1, 1, 1.0, RATIO, "faster", 3, "agrees", long),),
    )
    shown = grid(table, names_of(Document(title="", blocks=())), "")
    hidden = [table.columns[number - 1].key for number in shown.spare]
    assert hidden == ["caveat", "rounds", "parameters", "multiplications", "torch"]
    assert table.columns[shown.folds - 1].key == "caveat"
    assert [row.folded for row in shown.rows] == [long]


def test_a_type_has_one_look_in_every_figure_and_it_is_that_of_the_pictures(shown):
    document = contents(whole_run())
    names = names_of(document)
    found = {}
    for data, chart in charts(document, Scatter).values():
        marks = [trace for trace in chart.traces if "customdata" in trace]
        for point, trace in zip(data.points, marks, strict=True):
            colour, marker = style.look(point.series, data.series)
            assert trace["marker"]["line"]["color"] == colour
            assert trace["marker"]["symbol"] == look.MARKS[marker]
            hollow = trace["marker"]["color"] == look.PAPER
            assert hollow == point.caveat
            found[point.label] = (colour, look.MARKS[marker])
    for data, chart in charts(document, Ratios).values():
        strips = [trace for trace in chart.traces if trace.get("xaxis") == "x2"]
        for pair, trace in zip(data.pairs, strips, strict=True):
            mark = trace["marker"]
            assert (mark["line"]["color"], mark["symbol"]) == found[pair.label]
    for label, (colour, mark) in found.items():
        seen = names.look(names.number(label))
        assert (seen.hue, seen.mark) == (colour, mark)


def test_looks_differ_and_every_colour_has_another_for_the_dark():
    assert len(set(look.DARK.values())) == len(look.DARK)
    assert set(style.COLOURS) <= set(look.DARK)
    assert set(look.MARKS.values()) == set(look.SHAPES)
    assert set(style.MARKERS) == set(look.MARKS)


def test_no_colour_of_a_chart_is_left_without_a_dark_one():
    def colours(value):
        if isinstance(value, str) and len(value) == 7 and value.startswith("#"):
            yield value
        for item in value.values() if isinstance(value, dict) else []:
            yield from colours(item)
        for item in value if isinstance(value, list | tuple) else []:
            yield from colours(item)

    for chart in view(committed()).charts.values():
        assert set(colours(chart)) <= set(look.DARK)
    scripts = files("convbench.report.formats.html") / "script"
    for script in scripts.iterdir():
        assert set(re.findall("#[0-9A-Fa-f]{6}", script.read_text())) <= set(look.DARK)


@pytest.mark.parametrize("document", [committed, awkward])
def test_every_mark_belongs_to_a_name_and_has_its_numbers(document):
    names = names_of(document())
    for chart in view(document()).charts.values():
        for trace in chart["traces"]:
            assert trace["meta"] is None or 0 <= trace["meta"] < len(names.names)
            for index in trace.get("customdata", []):
                assert chart["notes"][index]["title"]
                assert chart["notes"][index]["lines"]
            if trace["hoverinfo"] == "none":
                assert trace["customdata"]


def test_a_pointer_at_a_case_shows_all_its_numbers_with_intervals_and_units():
    ((data, chart),) = [
        found
        for key, found in charts(committed(), Scatter).items()
        if key == "time-against-multiplications-1"
    ]
    index = next(i for i, p in enumerate(data.points) if p.label == "bottleneck")
    lines = dict(chart.notes[index].lines)
    assert chart.notes[index].title == "bottleneck"
    assert lines["multiplications"] == "13,647,872"
    time = r"\d\d\d µs (±\d+ %, 95 % interval|\(processes: \d+ … \d+\))"
    assert re.fullmatch(time, lines["time of a call"])
    ratio = r"0\.[23]\d\d \(0\.[23]\d+–0\.[23]\d+\), 95 % interval, faster"
    assert re.fullmatch(ratio, lines["time ÷ baseline"])
    assert lines["multiplications ÷ baseline"] == "0.118"
    assert lines["counted by torch"] == "13,647,872, agrees"
    assert lines["bytes moved"] == "2.43 MB"
    assert lines["processes"] == "10"
    assert int(lines["rounds"]) >= 40
    assert {"parameters", "activations", "on real input", "spread", "first call"} <= set(lines)


@pytest.mark.parametrize("document", [committed, awkward])
def test_no_mark_or_word_lies_beyond_its_axes_where_plotly_would_drop_it(document):
    seen = 0
    for chart in view(document()).charts.values():
        for trace in chart["traces"]:
            for letter in "xy":
                axis = chart["layout"][letter + "axis" + trace.get(f"{letter}axis", letter)[1:]]
                low, high = sorted(axis["range"])
                for value in trace[letter] if trace.get("mode") in {"text", "markers"} else ():
                    if value is not None:
                        at = math.log10(value) if axis.get("type") == "log" else value
                        assert low <= at <= high, trace
                        seen += trace["mode"] == "text"
    assert seen > 10


def test_ratios_name_what_they_are_divided_by():
    pair = Pair(label="x", multiplications=0.25, time=RATIO)
    data = Ratios(title="g", baseline="<base>", pairs=(pair,))
    document = Document(title="", blocks=())
    shown = drawn(picture(data), names_of(document), Facts(document))
    lines = dict(shown.notes[0].lines)
    assert lines["multiplications ÷ <base>"] == "0.250"
    assert lines["time ÷ <base>"] == "0.500 (0.40–0.60), 95 % interval, faster"
    assert "time share ÷ count share" not in lines
    assert "&lt;base&gt;" in shown.layout["xaxis"]["title"]["text"]


def test_a_network_that_was_not_timed_says_so():
    seconds = Interval(value=0.1, low=0.1, high=0.1, confidence=0.0)
    bars = (
        Bar(label="a", multiplications=10, seconds=seconds),
        Bar(label="b", multiplications=20, seconds=None),
    )
    document = Document(title="", blocks=())
    shown = drawn(picture(Bars(title="t", bars=bars)), names_of(document), Facts(document))
    assert dict(shown.notes[1].lines)["time of a call"] == "not timed"
    assert [" not timed"] in [trace.get("text") for trace in shown.traces]
    assert not [trace for trace in shown.traces if "error_x" in trace]


def test_derived_and_counted_lie_on_the_curve():
    ((data, chart),) = charts(committed(), Curve).values()
    for point in data.points:
        assert point.derived == pytest.approx(1 / point.channels + 1 / point.taps)
    marks = [t for t in chart.traces if t.get("customdata") == [0]]
    (point,) = data.points
    assert [t["y"][0] for t in marks[:-1]] == pytest.approx([point.derived] * 3)
    assert marks[-1]["y"] == [point.time.value]


@pytest.mark.parametrize(
    ("plain", "shown"),
    [
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("a & b", "a &amp; b"),
        ("$x$", "&#36;x&#36;"),
        ("&lt;", "&amp;lt;"),
        ("two\nlines", "two lines"),
        ("n" * 60, "n" * 47 + "…"),
    ],
)
def test_text_for_plotly(plain, shown):
    assert text(plain) == shown


def test_ticks_are_ranked_and_cover_the_axis():
    ticks = log_ticks(1.5e6, 2.5e7, style.tick_count)
    assert [show for _, show, rank in ticks if rank == 0] == ["10 M"]
    assert [show for _, show, rank in ticks if rank <= 1] == ["2 M", "5 M", "10 M", "20 M"]
    assert all(1.5e6 <= value <= 2.5e7 for value, _, _ in ticks)
    values = [math.log10(value) for value, _, _ in ticks]
    assert values == sorted(values)


def test_a_row_is_about_the_type_of_its_case_and_a_listing_about_all(shown):
    names = shown.names
    standard = names.number("standard")
    assert names.mentioned("standard") == (standard,)
    assert names.mentioned("depthwise, lite and standard") == (
        names.number("depthwise"), names.number("lite"), standard,
    )  # fmt: skip
    assert names.mentioned("standard and something else") == ()
    assert names.mentioned("") == ()


def test_labels_with_knobs_belong_to_their_type():
    run = whole_run()
    records = tuple(
        replace(r, label="grouped(groups=8)") if r.name == "grouped" else r for r in run.records
    )
    names = names_of(contents(Run(header=run.header, records=records)))
    assert names.number("grouped(groups=8)") == names.number("grouped")
    assert "grouped(groups=8)" not in names.names


def answers(document):
    return {
        item.lead: item.answer
        for block in document.walk()
        if isinstance(block, Bullets)
        for item in block.items
        if item.answer
    }


def test_the_cards_answer_the_four_questions_of_a_stranger():
    assert answers(contents(whole_run())) == {
        "Cheapest full replacement": (
            "shufflenet_unit: 3.663 M multiplications, 32× fewer than standard"
        ),
        "Fastest full replacement": "bottleneck, 7.5× faster than standard",
        "How sure": "bottleneck is faster than standard at 95 % confidence",
        "Try next": "bottleneck in place of standard, then train",
    }


def test_an_answer_says_what_the_clock_cannot_tell():
    found = answers(committed())
    fastest, _, ties = found["Fastest full replacement"].partition("; statistically tied with ")
    assert re.fullmatch(r"\w+, \d(\.\d)?× faster than standard", fastest)
    more = int(ties.split()[0]) if ties else 0
    name = fastest.partition(",")[0]
    which = f"; which of {more + 1} is fastest is open" if more else ""
    assert found["How sure"] == f"{name} is faster than standard at 95 % confidence{which}"
    others = f" and {more} more" if more else ""
    assert found["Try next"] == f"{name}{others} in place of standard, then train"


def test_without_times_the_cards_say_that_nothing_is_known_of_speed():
    run = whole_run()
    records = tuple(replace(r, samples=()) for r in run.records)
    found = answers(contents(Run(header=header(), records=records)))
    assert found["How sure"] == "Nothing was timed"
    assert found["Try next"] == "Time the cases"
    assert "Fastest" not in found
