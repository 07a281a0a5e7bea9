"""The page as text: its structure, that nothing escapes, that it is the same every time."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report.html.html_pages import AWKWARD, awkward, committed, folded, html, read
from report.report_runs import header, whole_run

from convbench.core.errors import MissingExtraError
from convbench.report.contents import contents
from convbench.report.document import Figure, Fold, Table
from convbench.report.formats.html.page import embed, page
from convbench.report.renderers import RENDERERS
from convbench.report.write import write_report
from convbench.runs.record import Run

PAGES = ("committed", "awkward")


@pytest.fixture(scope="module", params=PAGES)
def tree(request):
    return read(html(request.param))


def data(tree):
    (script,) = tree.all("script", type="application/json")
    return json.loads(script.text)


def test_one_file_is_written_and_the_same_bytes_every_time_and_anywhere(tmp_path):
    (first,) = write_report(whole_run(), tmp_path / "a", ["html"])
    (second,) = write_report(whole_run(), tmp_path / "b", ["html"])
    assert first.name == "report.html"
    assert first.read_bytes() == second.read_bytes()
    assert str(tmp_path).encode() not in first.read_bytes()


def test_the_hash_seed_changes_nothing_and_torch_is_not_needed():
    code = (
        "import hashlib, sys\n"
        "from pathlib import Path\n"
        "from convbench.report.contents import contents\n"
        "from convbench.report.formats.html.page import page\n"
        "from convbench.runs.store import load\n"
        "text = page(contents(load(Path('reports/cpu-quick'))))\n"
        "assert 'torch' not in sys.modules\n"
        "print(hashlib.sha256(text.encode()).hexdigest())\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=root, check=True, capture_output=True,
        text=True, env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(root), "LC_ALL": "C"},
    )  # fmt: skip
    assert done.stdout.strip() == hashlib.sha256(html("committed").encode()).hexdigest()


def test_structure(tree):
    (root,) = tree.all("html")
    assert root.attributes["lang"] == "en"
    for one in ("h1", "main", "nav", "header", "title"):
        assert len(tree.all(one)) == 1, one
    ids = [e.attributes["id"] for e in tree.walk() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for link in tree.all("a"):
        address = link.attributes["href"]
        assert address.startswith("data:text/csv") or address.removeprefix("#") in ids
    for element in tree.walk():
        for name in ("aria-labelledby", "aria-describedby"):
            assert element.attributes.get(name, ids[0]) in ids
    levels = [int(e.tag[1]) for e in tree.walk() if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_headers(tree):
    assert tree.all("table")
    for table in tree.all("table"):
        (caption,) = table.all("caption")
        assert caption.text.strip()
        heads = table.all("th", scope="col")
        for row in table.all("tbody")[0].all("tr"):
            cells = [e for e in row.children if not isinstance(e, str)]
            assert len(cells) == len(heads)
            assert cells[0].attributes["scope"] == "row"


@pytest.mark.parametrize(("name", "document"), [("committed", committed), ("awkward", awkward)])
def test_every_table_figure_and_finding_of_the_document_is_on_the_page(name, document):
    tree = read(html(name))
    figures = [block for block in document().walk() if isinstance(block, Figure)]
    tables = [block for block in document().walk() if isinstance(block, Table) and block.rows]
    assert [e.attributes["id"] for e in tree.all("figure")] == [figure.id for figure in figures]
    for element, figure in zip(tree.all("figure"), figures, strict=True):
        (plot,) = element.all("div", role="group")
        assert plot.attributes["aria-label"] == figure.alt
        assert element.all("figcaption")[0].text == figure.caption
    rows = [len(table.all("tbody")[0].all("tr")) for table in tree.all("table")]
    assert rows == [len(table.rows) for table in tables]
    cards = [card.all("h3")[0].text for card in tree.all("li", **{"class": "card"})]
    assert cards == [
        "Cheapest full replacement",
        "Fastest full replacement",
        *(["depthwise_separable against standard"] if name == "committed" else []),  # it says why
        "How sure",
        "Try next",
    ]


def test_the_scripts_are_the_ones_that_the_policy_names(tree):
    (policy,) = tree.all("meta", **{"http-equiv": "Content-Security-Policy"})
    rules = policy.attributes["content"]
    assert "default-src 'none'" in rules
    assert "unsafe-eval" not in rules
    scripts = [e for e in tree.all("script") if "type" not in e.attributes]
    assert len(scripts) == 3
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in rules


def test_nothing_is_fetched(tree):
    for element in tree.walk():
        for name in ("src", "srcset", "action", "poster", "data", "xlink:href"):
            assert name not in element.attributes
        address = element.attributes.get("href", "#")
        assert address.startswith(("#", "data:"))
    (css,) = (e.text for e in tree.all("style") if ":root" in e.text)
    assert "url(" not in css
    assert "@import" not in css


def test_awkward_names_are_text_and_nothing_else():
    calm, wild = read(html("committed")), read(html("awkward"))
    tags = {e.tag for e in calm.walk()} | {"p"}
    assert {e.tag for e in wild.walk()} <= tags
    assert len(wild.all("script")) == len(calm.all("script"))
    for element in wild.walk():
        assert not any(name.startswith("on") for name in element.attributes)
        assert not {"b", "i", "img"} & {element.tag}
    shown = " ".join(e.text for e in wild.all("th", scope="row"))
    for name in AWKWARD:
        assert " ".join(name.split()) in " ".join(shown.split())


def test_what_plotly_draws_holds_no_markup_of_its_own():
    charts = data(read(html("awkward")))["charts"]
    texts = []

    def collect(value):
        if isinstance(value, str):
            texts.append(value)
        for item in value.values() if isinstance(value, dict) else []:
            collect(item)
        for item in value if isinstance(value, list) else []:
            collect(item)

    for chart in charts.values():
        collect({key: value for key, value in chart.items() if key != "notes"})
    assert any("&lt;script&gt;" in text for text in texts)
    assert not [text for text in texts if "<" in text or ">" in text]
    # the notes become text nodes, so they hold the names as they are
    titles = {note["title"] for chart in charts.values() for note in chart["notes"]}
    assert "<script>alert(1)</script>" in titles


@settings(max_examples=40)
@given(st.recursive(st.text() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_embedded_data_is_harmless_and_reads_back(value):
    text = embed(value)
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == value


def test_a_control_character_becomes_a_visible_mark():
    run = whole_run()
    text = page(contents(Run(header=header(command="a\x00b\x1bc"), records=run.records)))
    assert "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c" in text
    assert "\x00" not in text


def test_a_run_without_cases_is_a_page_too():
    tree = read(page(contents(Run(header=header(), records=()))))
    assert "no cases" in tree.all("main")[0].text
    assert not tree.all("figure")
    assert not tree.all("li", **{"class": "card"})


def test_a_run_that_is_not_whole_says_so_before_anything_else():
    run = whole_run()
    tree = read(page(contents(Run(header=run.header, records=run.records, finished=False))))
    notes = [e.text for e in tree.all("header")[0].all("p", role="note")]
    assert any("not finished" in note for note in notes)


def test_groups_beyond_the_first_are_folded_as_in_the_document():
    document = folded()
    tree = read(html("folded"))
    assert len(tree.all("details")) == sum(isinstance(b, Fold) for b in document.walk()) > 5
    rows = [len(table.all("tbody")[0].all("tr")) for table in tree.all("table")]
    tables = [block for block in document.walk() if isinstance(block, Table) and block.rows]
    assert rows == [len(table.rows) for table in tables]


def test_every_case_with_every_column_is_kept_inside():
    (link,) = read(html("committed")).all("a", download="cases.csv")
    kept = base64.b64decode(link.attributes["href"].partition(",")[2])
    assert kept == RENDERERS["csv"](committed())["tables/cases.csv"]


@pytest.mark.parametrize("package", ["plotly", "jinja2"])
def test_a_missing_extra_is_said_when_html_is_asked_for(package, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.offline", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convbench\[html\]'"):
        write_report(whole_run(), tmp_path, ["html"])
    assert not list(tmp_path.iterdir())
    write_report(whole_run(), tmp_path, ["csv"])


def test_without_the_extra_and_without_torch_all_formats_are_still_found():
    code = (
        "import sys\n"
        "sys.modules.update({'plotly': None, 'jinja2': None})\n"
        "from convbench.report.renderers import RENDERERS\n"
        "assert {'html', 'markdown'} <= set(RENDERERS)\n"
        "assert 'matplotlib' not in sys.modules\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
