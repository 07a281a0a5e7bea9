"""The report for a terminal: no wider than that, in signs that it has."""

import io
import re
from dataclasses import replace

import pytest
from report.report_runs import header, many_groups, whole_run
from rich.cells import cell_len
from rich.console import Console

from convbench.core.intervals import Interval
from convbench.report.contents import contents
from convbench.report.document import Column, Document, Fold, Heading, Paragraph, Table
from convbench.report.formats.terminal import render
from convbench.report.formats.terminal.narrowing import narrowed
from convbench.report.legible import STAND_INS, legible
from convbench.report.one_table import one_table
from convbench.runs.record import Run

HOSTILE = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "[bold]no markup[/bold] [link=http://x]y[/link]",
    "a\u202eb\u200bc\u2028d",
    "深い畳み込み層" * 5,
    "x" * 200,
    "two\nlines\r\tand\x85more",
)


def page(document, width=80, encoding="utf-8", **more):
    binary = io.BytesIO()
    screen = io.TextIOWrapper(binary, encoding=encoding, errors="strict", newline="\n")
    render(document, Console(file=screen, width=width, highlight=False, **more))
    screen.flush()
    return binary.getvalue().decode(encoding)


def hostile_run():
    run = whole_run()
    records = tuple(
        replace(
            r,
            label=HOSTILE[i % len(HOSTILE)],
            name=HOSTILE[i % len(HOSTILE)],
            reason=HOSTILE[(i + 1) % len(HOSTILE)] if r.status != "ok" else "",
            flags=(HOSTILE[(i + 2) % len(HOSTILE)],),
        )
        for i, r in enumerate(run.records)
    )
    return replace(run, records=records)


RUNS = {
    "whole": whole_run,
    "many": many_groups,
    "hostile": hostile_run,
    "empty": lambda: Run(header=header(), records=()),
    "untimed": lambda: replace(
        whole_run(), records=tuple(replace(r, samples=()) for r in whole_run().records)
    ),
    "torn": lambda: replace(whole_run(), torn=2, finished=False),
}


@pytest.fixture(scope="module")
def documents():
    return {name: contents(make()) for name, make in RUNS.items()}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(documents, name, width):
    lines = page(documents[name], width).split("\n")
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "cp1252"])
@pytest.mark.parametrize("name", ["whole", "hostile"])
def test_a_terminal_that_cannot_show_every_sign_is_never_sent_one(documents, name, encoding):
    text = page(documents[name], encoding=encoding)
    if name == "whole":
        assert "?" not in text
        assert "+/-" in text or "±" in text
        assert max(map(len, text.split("\n"))) <= 80


@pytest.mark.parametrize("name", ["whole", "hostile"])
def test_nothing_in_a_name_steers_the_terminal(documents, name):
    text = page(documents[name])
    assert not [sign for sign in text if sign != "\n" and not sign.isprintable()]


def test_names_are_no_markup(documents):
    assert "[bold]no markup[/bold]" in page(documents["hostile"], 200)


def test_colour_is_for_terminals_and_not_where_it_is_not_wanted(documents, monkeypatch):
    coloured = page(documents["whole"], force_terminal=True, color_system="standard")
    assert "\x1b[32m" in coloured, "a verdict in green"
    monkeypatch.setenv("NO_COLOR", "1")
    plain = page(documents["whole"], force_terminal=True, color_system="standard")
    assert "\x1b[32m" not in plain
    assert "\x1b" not in page(documents["whole"])


def test_the_findings_come_first_and_whole(documents):
    text = " ".join(page(documents["whole"]).split())
    start = text.index("What the numbers say")
    for point in documents["whole"].findings:
        found = text.index(" ".join(f"{point.lead}: {point.text}".split()))
        assert found > start
    assert text.index("Cost and time: ") > found
    assert text.index("All groups, one row each") > text.index("Cost and time: ")


def test_a_group_is_one_table_with_counts_and_times(documents):
    lines = page(documents["whole"], 120).split("\n")
    at = lines.index("Cost and time: 64→64, 3×3, 56×56, batch 1")
    part = lines[at : at + 30]
    head = " ".join(part[1:9]).split()
    for word in ("case", "count", "ratio", "time", "verdict"):
        assert word in head
    row = next(line for line in part if line.startswith("depthwise_separable")).split()
    assert {"14.65", "0.127", "faster"} <= set(row)
    assert {"1.00", "baseline"} <= set(
        next(line for line in part if line.startswith("standard ")).split()
    )


@pytest.mark.parametrize("width", [80, 120])
def test_time_and_verdict_are_never_left_out_for_width(documents, width):
    lines = page(documents["whole"], width).split("\n")
    rows = [line for line in lines if line.startswith(("bottleneck ", "standard "))]
    assert len(rows) >= 2
    for row in rows:
        assert re.search(r"\d (ms|µs)", row)
        assert re.search(r"faster|slower|same|cannot tell|baseline", row)


def test_a_run_without_times_shows_what_it_costs(documents):
    text = page(documents["untimed"])
    assert "multiplications" in text
    assert "14.65 M" in text


def test_what_is_not_shown_is_named(documents):
    text = " ".join(page(documents["whole"]).split())
    assert re.search(r"Not shown here: \d+ folded parts and 8 figures\.", text)
    assert "Left out of tables for width: " in text
    wide = " ".join(page(documents["whole"], 300).split())
    assert "for width" not in wide
    assert "folded parts" in " ".join(page(documents["many"]).split())


TIME = Interval(value=1e-3, low=9e-4, high=1.1e-3, confidence=0.95, processes=3)


def wide_table(cells=("one", "two")):
    columns = (
        Column(name="case", key="label"),
        Column(name="time of a call", key="seconds", kind="seconds"),
        Column(name="something else", key="other", kind="integer"),
        Column(name="flags", key="flags"),
    )
    rows = tuple((cell, TIME, 10**12, f"a flag of some length: {'word ' * 9}") for cell in cells)
    return Table(id="results", caption="", columns=columns, rows=rows)


def shown(table, width):
    screen = io.StringIO()
    found = narrowed(table, Console(file=screen, width=width))
    Console(file=screen, width=200).print(found.grid)
    lines = screen.getvalue().rstrip("\n").split("\n")
    assert max(len(line.rstrip()) for line in lines) <= width
    return found, lines


def test_columns_are_left_out_by_priority():
    kept = []
    for width in (200, 80, 50, 30):
        found, lines = shown(wide_table(), width)
        row = next(line for line in lines if line.startswith("two"))
        assert row.split()[1:4] == ["1.00", "ms", "±11"], "a time stays, with its interval"
        kept.append((found.dropped, bool(found.notes)))
    assert kept == [
        ((), False),
        ((), False),
        ((), True),
        (("something else",), True),
    ]


@pytest.mark.parametrize("key", ["time", "s", "ms", "us", "ns"])
def test_a_time_that_was_asked_for_outlives_what_stands_left_of_it(key):
    table = one_table(whole_run(), keys=["type", "macs", "params", key, "ratio", "verdict"]).shown
    for width in (80, 60):
        found, lines = shown(table, width)
        assert not any(name.startswith("time (") for name in found.dropped)
        assert lines[0].lstrip().startswith(("type", "time")), "it is no list"
        assert "verdict" in " ".join(lines[:3])
    assert "parameters" in found.dropped


def test_the_fastest_of_each_group_is_kept_before_its_ratio_and_verdict():
    (table, *_) = (
        block for block in contents(many_groups()).walk()
        if isinstance(block, Table) and block.id == "overview"
    )  # fmt: skip
    for width in (60, 56, 48, 44):
        found, lines = shown(table, width)
        assert "fastest" in " ".join(lines[:3])
        assert not any(note.startswith("fastest") for note in found.notes)
    assert found.dropped == ("time ratio", "time of baseline")


def test_a_table_without_room_for_a_time_with_its_interval_is_a_list():
    found, lines = shown(wide_table(), 20)
    assert lines[:4] == ["one", "  time of a call:", "    1.00 ms", "  ±: ±11 %"]
    assert not found.dropped
    assert not found.notes


def test_a_table_of_text_alone_is_a_list_before_a_column_goes():
    columns = tuple(Column(name=name, key=name) for name in ("name", "package", "what"))
    table = Table(id="t", caption="", columns=columns, rows=(("thop", "0.1.1 of it", "all " * 9),))
    found, lines = shown(table, 30)
    assert lines[0] == "thop"
    assert lines[1] == "  package: 0.1.1 of it"
    assert not found.notes


def test_text_that_has_no_room_is_told_below_with_its_cases():
    found, _ = shown(wide_table(("a", "b", "c", "d", "e", "f")), 45)
    (note,) = found.notes
    assert note.startswith("flags: a flag of some length: word")
    assert note.endswith("(a, b, c, d and 2 more).")


def test_cases_that_share_a_name_have_a_row_each():
    document = Document(
        title="t",
        blocks=(
            Heading(level=2, text="Time"),
            wide_table(("same", "same")),
            Fold(summary="f", blocks=(Paragraph(text="inside"),)),
        ),
    )
    text = page(document)
    assert text.count("same") >= 2
    assert "inside" not in text
    assert "1 folded part" in text


@pytest.mark.parametrize("sign", STAND_INS)
def test_every_stand_in_is_plain(sign):
    assert STAND_INS[sign].isascii()
    assert legible(f"a{sign}b", "ascii") in {f"a{STAND_INS[sign]}b", "a b"}
    assert legible(f"a{sign}b", "utf-8") in {f"a{sign}b", "a b"}


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        ("café", "ascii", "cafe"),
        ("中", "ascii", "?"),
        ("中", "utf-8", "中"),
        ("a\x1b[1m", "utf-8", "a\N{REPLACEMENT CHARACTER}[1m"),
        ("a\x1b[1m", "ascii", "a?[1m"),
        ("a\n\tb", "utf-8", "a b"),
    ],
)
def test_legible(text, encoding, found):
    assert legible(text, encoding) == found
