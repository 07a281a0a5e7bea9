"""Markdown: what is text stays text. Read back with a Markdown parser."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from report.report_runs import whole_run

from convbench.report.contents import contents
from convbench.report.document import Bullet, Bullets, Code, Column, Fold, Heading, Paragraph, Table
from convbench.report.formats.markdown import escape, markdown, render

GOLDEN = Path(__file__).parent / "golden" / "report.md"
HOSTILE = (
    "a|b<script>alert(1)</script>",
    "`code` *bold* _it_ **b** __c__ ~~d~~",
    "[link](http://example.org) ![image](x.png)",
    "# heading",
    "- item",
    "1. item",
    "> quote & &amp; entity",
    "$x$ and $$y$$",
    "two\nlines\r\nand\ttab",
    "back\\slash \\| pipe",
    "</details><b>",
    "==underline==",
)


def parse(text):
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def texts(tokens):
    """Return the text of each inline token; fail on anything that is not text."""
    found = []
    for token in tokens:
        assert token.type != "html_block", token.content
        if token.type == "inline":
            assert {child.type for child in token.children} <= {"text", "text_special"}
            found.append("".join(child.content for child in token.children))
    return found


def plain(text):
    return " ".join(text.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_stays_text_in_a_paragraph_and_in_a_table(text):
    assert texts(parse(escape(text))) == [plain(text)]
    table = Table(
        id="t",
        caption="",
        columns=(Column(name=text, key="a"), Column(name="n", key="n", kind="count")),
        rows=((text, 1), ("next", 2)),
    )
    assert texts(parse(markdown(table))) == [plain(text), "n", plain(text), "1", "next", "2"]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
def test_any_name_stays_text(text):
    assert texts(parse(escape(text))) == [text]


def test_names_with_underscores_and_numbers_stay_readable():
    assert escape("depthwise_separable 0.119 978.9 M") == "depthwise_separable 0.119 978.9 M"


def test_a_report_of_hostile_names_holds_no_html_but_folds():
    run = whole_run()
    records = tuple(
        replace(
            r, label=HOSTILE[i % len(HOSTILE)], name=HOSTILE[i % len(HOSTILE)], flags=HOSTILE[:1]
        )
        for i, r in enumerate(run.records)
    )
    page = render(contents(replace(run, records=records)))["report.md"].decode()
    for token in parse(page):
        html = [token] if token.type == "html_block" else token.children or []
        for part in html:
            fold = re.fullmatch(r"<details><summary>[^<>]*</summary>\n|</details>\n?", part.content)
            assert fold or part.type not in {"html_inline", "html_block", "link_open"}, part.content
    assert "<script" not in page


def test_blocks():
    assert markdown(Heading(level=2, text="A_B *c*")) == "## A_B \\*c\\*"
    assert markdown(Paragraph(text="a < b")) == "a &lt; b"
    points = Bullets(items=(Bullet(text="b", lead="a"), Bullet(text="c")))
    assert markdown(points) == "- **a:** b\n- c"


def test_code_with_fences_inside_stays_code():
    (token,) = parse(markdown(Code(text="run ```x``` \n````")))
    assert token.type == "fence"
    assert token.content == "run ```x``` \n````\n"


def test_a_fold_holds_its_table_without_padding():
    table = Table(
        id="t",
        caption="",
        columns=(Column(name="a long name", key="a"), Column(name="n", key="n", kind="count")),
        rows=(("x", 1), ("y", 86_400)),
    )
    text = markdown(Fold(summary="more <b>", blocks=(table,)))
    assert text.startswith("<details><summary>more &lt;b&gt;</summary>\n\n|")
    assert text.endswith("\n\n</details>")
    assert "  " not in text
    cells = [t.content for t in parse(text) if t.type == "inline"]
    assert cells == ["a long name", "n", "x", "1", "y", "86,400"]


def test_numbers_are_aligned_to_the_right():
    table = Table(
        id="t",
        caption="c",
        columns=(
            Column(name="a", key="a"),
            Column(name="n", key="n", kind="count", note="per image"),
        ),
        rows=(("x", 1),),
    )
    lines = markdown(table).splitlines()
    assert lines[:2] == ["c", ""]
    assert lines[2].endswith("n (per image) |")
    assert lines[3].startswith("|:--")
    assert lines[3].endswith("-:|")


def test_an_empty_table_says_so():
    assert markdown(Table(id="t", caption="", columns=(), rows=())) == "No rows."


@pytest.mark.usefixtures("drawn_once")
def test_the_page_is_the_golden_one():
    """Run with CONVBENCH_REGENERATE=1 to write the golden page anew; then read its diff."""
    page = render(contents(whole_run()))["report.md"].decode()
    if os.environ.get("CONVBENCH_REGENERATE"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(page, encoding="utf-8")
    assert page == GOLDEN.read_text(encoding="utf-8")
