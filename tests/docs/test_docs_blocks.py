"""Every code block of the documentation runs, of the written pages and of the generated ones."""

import re
import subprocess
import sys

import pytest
from code_blocks import Story, blocks
from conftest_root import ROOT
from convbench_docs import sections, types_pages
from convbench_docs.filling import fill
from convbench_docs.namespace import namespace
from convbench_docs.sources import Sources
from convbench_docs.text import fence

from convbench.convs.base import TYPES, make

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
SOURCES = Sources(ROOT)
MOST_EXCUSED = 3
BEGINNING = 40
"""Lines of a page, in which a reader finds an example, a command or a table."""


def filled(page):
    return fill((DOCS / page).read_text(encoding="utf-8"), namespace(SOURCES), page)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("auto_is_the_cpu", "drawn_once")
def test_every_block_of_a_page_runs(page, monkeypatch, tmp_path):
    found = blocks(filled(page))
    done = Story(page, tmp_path, monkeypatch).run(found)
    assert done["excused"] == sum(bool(block.excuse) for block in found)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_begins_with_what_it_is_for_and_an_example(page):
    title, _, first, *_ = lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    assert title.startswith("# ")
    assert re.match(r"[A-Za-z`]", first), "the first paragraph says what the page is for"
    begins = [line for line in lines[:BEGINNING] if line.startswith(("```", "|"))]
    assert begins, f"no example in the first {BEGINNING} lines"


def test_few_blocks_are_excused_from_running():
    excused = [
        f"{page}: {block.excuse}"
        for page in PAGES
        for block in blocks((DOCS / page).read_text(encoding="utf-8"))
        if block.excuse
    ]
    assert len(excused) <= MOST_EXCUSED, excused


def test_the_sessions_on_the_pages_of_types_give_what_they_say(monkeypatch, tmp_path):
    sessions = []
    for name in TYPES:
        kind = make(name)
        spec = sections.slot_for(kind)
        sessions.append(fence(sections.session(kind, spec, kind.cost(spec)), "python"))
    done = Story("types", tmp_path, monkeypatch).run(blocks("\n\n".join(sessions)))
    assert (done["sessions"], done["examples"]) == (len(TYPES), 4 * len(TYPES))


@pytest.mark.usefixtures("drawn_once")
def test_every_block_of_a_types_page_runs(monkeypatch, tmp_path):
    text = types_pages.page(make("ghost"), SOURCES)
    done = Story("types/ghost.md", tmp_path, monkeypatch).run(blocks(text))
    assert (done["sessions"], done["commands"]) == (1, 1)


def test_what_adds_something_is_shown_whole():
    """The page on extending has a file and a use of it for each thing that can be added."""
    text = filled("extending.md")
    titles = [block.title for block in blocks(text) if block.title]
    assert titles == ["my_type.py", "strip.py", "hooks.py", "points.py", "cpu_time.py", "tiny.py"]
    for title in titles:
        assert text.count(title.removesuffix(".py")) >= 2, title


def test_the_type_to_begin_with_keeps_the_contract(tmp_path):
    """In a process of its own, so that the registry here stays as it is."""
    (code,) = [
        block.code for block in blocks(filled("extending.md")) if block.title == "my_type.py"
    ]
    (tmp_path / "my_type.py").write_text(code)
    check = (
        "from convbench.core.plugins import load_plugin\n"
        "load_plugin('my_type.py')\n"
        "from convbench.testing import check_conv\n"
        "assert check_conv('my_type', examples=20)['slots'] == 20\n"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    subprocess.run([sys.executable, "-c", check], cwd=tmp_path, env=environment, check=True)


def test_a_wrong_session_is_found(monkeypatch, tmp_path):
    page = "```python\n>>> 1 + 1\n3\n```\n"
    with pytest.raises(AssertionError, match="Expected:\n    3\nGot:\n    2"):
        Story("page", tmp_path, monkeypatch).run(blocks(page))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("convbench explain no_such_type", "status 2"),
        ("make no-such-target", "no-such-target"),
        ("pip install 'convbench[nothing]'", "extra nothing"),
        ("python benchmarks/nothing", "benchmarks/nothing"),
        ("rm -r x", "nobody knows"),
    ],
)
def test_a_wrong_command_is_found(line, said, monkeypatch, tmp_path):
    with pytest.raises(AssertionError, match=said):
        Story("page", tmp_path, monkeypatch).run(blocks(f"```sh\n{line}\n```\n"))


def test_an_unknown_option_of_a_command_that_measures_is_found(monkeypatch, tmp_path):
    story = Story("page", tmp_path, monkeypatch)
    with pytest.raises(Exception, match="--bugdet"):
        story.run(blocks("```sh\nconvbench doctor --bugdet 3\n```\n"))


def test_an_excuse_belongs_to_the_block_after_it():
    text = "<!-- not run: needs a cluster -->\n\n```sh\nsrun x\n```\n\n```sh\nmake run\n```\n"
    assert [block.excuse for block in blocks(text)] == ["needs a cluster", ""]
