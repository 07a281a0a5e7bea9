"""Tables in a terminal of any width: no number is split, and none is cut."""

import io
import re

import pytest
from conftest_root import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from report.report_runs import whole_run
from rich.cells import cell_len
from rich.console import Console

from convbench.comparing.command import Asked as Compared
from convbench.comparing.command import answer as compare
from convbench.core.intervals import Interval
from convbench.history.command import Asked as Followed
from convbench.history.command import answer as history
from convbench.report.contents import contents
from convbench.report.document import Column, Document, Table
from convbench.report.formats.terminal import print_document
from convbench.report.formats.terminal.prose import prose
from convbench.ui.terminal.listing import LISTS

QUICK = ROOT / "reports" / "cpu-quick"
NUMBER = re.compile(r"\d[\d,.]*\d|\d")
WIDTHS = st.integers(40, 160)
TABLES = [
    *(make() for name, make in LISTS.items() if name != "devices"),
    *(
        Document(title=block.id, blocks=(block,))
        for block in contents(whole_run()).walk()
        if isinstance(block, Table) and block.rows
    ),
    compare(Compared(left=QUICK, right=QUICK))[0],
    history(Followed(folder=QUICK, case="^(standard|lite)")),
]
"""What `list`, `report`, `compare` and `history` print."""


def printed(document, width):
    screen = io.StringIO()
    print_document(document, Console(file=screen, width=width, highlight=False))
    text = screen.getvalue()
    assert max(map(cell_len, text.split("\n"))) <= width
    return text


def numbers(document, width):
    """Return the numbers of a page, but for how many more cases a note is about."""
    return set(NUMBER.findall(re.sub(r"and\s+\d+\s+more", "", printed(document, width))))


@settings(deadline=None, max_examples=60)
@given(document=st.sampled_from(TABLES), width=WIDTHS)
def test_every_number_that_is_printed_is_whole(document, width):
    assert numbers(document, width) <= numbers(document, 2_000)


@settings(deadline=None, max_examples=60)
@given(document=st.sampled_from(TABLES), width=WIDTHS)
def test_no_unit_stands_on_another_line_than_its_number(document, width):
    for line in printed(document, width).split("\n"):
        for cell in re.split(r"\s{2,}", line.strip()):
            assert not re.match(r"(%|[µmn]?s|[kMG]?B)(?!\w)", cell), line


def test_lines_do_not_end_between_a_number_and_what_it_counts():
    text = (
        "cpu, float32, channels first, 1 thread; 10 processes of 1,234,567 samples, 95 % at 220 µs"
    )
    for width in range(15, 80):
        lines = prose(text, Console(width=width)).plain.split("\n")
        assert max(map(len, lines)) <= width
        assert " ".join(lines) == text
        assert not [line for line in lines if re.match("(thread|processes|%|µs)", line)]


WORDS = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12)
TIMES = st.floats(1e-7, 1e3).map(
    lambda value: Interval(
        value=value, low=0.9 * value, high=1.2 * value, confidence=0.95, processes=3
    )
)
ROWS = st.lists(
    st.tuples(st.lists(WORDS, min_size=1, max_size=6).map(" ".join), TIMES,
              st.integers(0, 10**13), st.lists(WORDS, max_size=9).map(" ".join)),
    min_size=1, max_size=4, unique_by=lambda row: row[0],
)  # fmt: skip


@settings(deadline=None, max_examples=80)
@given(rows=ROWS, width=WIDTHS)
def test_a_time_and_its_interval_are_always_there(rows, width):
    columns = (
        Column(name="case", key="label"),
        Column(name="time", key="seconds", kind="seconds"),
        Column(name="multiplications", key="multiplications", kind="integer"),
        Column(name="remark", key="remark"),
    )
    document = Document(
        title="t", blocks=(Table(id="t", caption="", columns=columns, rows=tuple(rows)),)
    )
    wide, narrow = (printed(document, w) for w in (2_000, width))
    found = r"[\d,.]+ (?:[µmn]?s)\b|±[\d.]+ %"
    assert sorted(re.findall(found, narrow)) == sorted(re.findall(found, wide))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_list_shows_every_name_whole(width):
    from convbench.networks.base import NETWORKS

    text = printed(LISTS["networks"](), width)
    assert set(NETWORKS) <= set(text.split())
    assert "978,875,392" in text
