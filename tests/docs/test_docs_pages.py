"""Pages from the code: a new type gets one by itself, and any text stays text."""

import pytest
from conftest_root import ROOT
from convbench_docs import docstrings, grids, pipeline, reference, types_pages
from convbench_docs.connectivity import connectivity, small_slot
from convbench_docs.filling import fill
from convbench_docs.namespace import namespace
from convbench_docs.sources import Sources
from convbench_docs.svg import Drawing, figure
from convbench_docs.text import DocsError, anchor, code, fence, plain, table
from plugin_text import PLUGIN

from convbench import ConvSpec
from convbench.convs.base import TYPES, make
from convbench.core.errors import ConvbenchError

SOURCES = Sources(ROOT)
NASTY = "<script>alert(1)</script> a|b `c` [d](e) *f* _g_ $h$ ![i](j) {{k}} &amp; 1. l"


def rendered(text):
    """Return Markdown as the site renders it."""
    import markdown

    extensions = ["admonition", "attr_list", "md_in_html", "tables", "pymdownx.superfences"]
    return markdown.markdown(text, extensions=extensions)


def words(html):
    """Return the text of HTML, as a reader sees it."""
    from html.parser import HTMLParser

    found = []
    parser = HTMLParser(convert_charrefs=True)
    parser.handle_data = found.append
    parser.feed(html)
    return "".join(found)


@pytest.fixture
def doubled():
    """Register a type that nobody has drawn."""
    space = {}
    exec(compile(PLUGIN, "plugin", "exec"), space)
    yield "doubled"
    TYPES.remove("doubled")


def test_a_new_type_has_its_page_and_nothing_else_is_touched(doubled, monkeypatch):
    text = types_pages.page(make(doubled), SOURCES)
    monkeypatch.setattr(types_pages, "page", lambda kind, sources: kind.name)
    assert types_pages.pages(SOURCES) == {f"types/{name}.md": name for name in sorted(TYPES)}
    assert "Two standard convolutions' worth" in words(rendered(text))
    assert text.count("<svg") == 3
    assert "86,400" in words(rendered(text))
    assert "The committed run" in text
    assert "doubled.md" in types_pages.overview(SOURCES)


def test_pages_are_the_same_every_time():
    assert types_pages.page(make("ghost"), SOURCES) == types_pages.page(
        make("ghost"), Sources(ROOT)
    )


@pytest.mark.parametrize(
    "name", ["<script>", "a|b", "../../up", "x" * 80, "\\input{x}", "=1+1", "[a](b)"]
)
def test_a_type_of_any_name_is_harmless(name, doubled):
    cls = TYPES["doubled"]
    TYPES.register(name)(cls)
    cls.name = name
    cls.__doc__ = f"{NASTY}.\n\nIt pays: {NASTY}"
    try:
        text = types_pages.page(make(name), SOURCES)
        path = types_pages.file_name(name)
    finally:
        TYPES.remove(name)
        cls.name = "doubled"
    assert "/" not in path.removeprefix("types/").removesuffix(".md")
    assert ".." not in path
    html = rendered(text)
    for harm in ("<script", "<img", "alert(1)</", 'href="e"'):
        assert harm not in html, harm
    assert NASTY.replace("`", "") in words(html)  # what is in backquotes is code, by design
    assert name in words(html)


@pytest.mark.parametrize(
    "text", [NASTY, "1. one", "- two", "# three", "    four", "> five", "a\nb"]
)
def test_plain_text_reads_as_that_text(text):
    shown = " ".join(text.split())
    for markdown in (plain(text), code(text), table(("h",), [(plain(text),)])):
        assert shown in words(rendered(markdown))
    assert text.strip() in words(rendered(fence(text))) or "`" in text


def test_a_fence_is_longer_than_what_is_in_it():
    assert fence("```\n````").startswith("`````text\n")


def test_a_table_refuses_a_row_of_another_length():
    with pytest.raises(DocsError, match="a row of 1 cells in a table of 2 columns"):
        table(("a", "b"), [("c",)])


def test_an_anchor_is_never_empty():
    assert anchor("Größe: K×K!") == "gr-e-k-k"
    assert anchor("×") == "x"


# What is connected to what


@pytest.mark.parametrize(
    ("name", "knobs", "pairs", "seen"),
    [
        ("standard", {}, 256, 9),
        ("depthwise", {}, 16, 9),
        ("grouped", {"groups": 4}, 64, 9),
        ("pointwise", {}, 256, 1),
        ("pointwise_grouped", {"groups": 8}, 32, 1),
        ("partial", {}, 16 + 12, 9),
        ("dilated", {"rate": 3}, 256, 9),
        ("shuffled_grouped", {"groups": 2}, 256, 25),
        ("shufflenet_unit", {}, 256, 9),
        ("ghost", {}, 256, 25),
    ],
)
def test_connections_are_those_of_the_module(name, knobs, pairs, seen):
    kind = make(name, knobs)
    found = connectivity(kind, small_slot(kind))
    assert int(found.channels.sum()) == pairs
    assert int(found.seen.sum()) == seen
    assert found.beyond == 0


def test_taps_that_are_spread_leave_gaps_within_the_field():
    found = connectivity(make("dilated"), small_slot(make("dilated")))
    assert int(found.within.sum()) == 25
    assert found.seen[2:7, 2:7].tolist() == [[True, False] * 2 + [True], [False] * 5] * 2 + [
        [True, False] * 2 + [True]
    ]


def test_attention_sees_what_no_kernel_reaches():
    found = connectivity(make("dynamic"), small_slot(make("dynamic")))
    assert (int(found.seen.sum()), int(found.within.sum()), found.beyond) == (81, 9, 72)


@pytest.mark.parametrize(("kernel", "even"), [(2, True), (3, False), (4, True), (5, False)])
def test_overlap_is_even_where_the_scale_divides_the_kernel(kernel, even):
    spec = ConvSpec(in_channels=2, out_channels=2, input_size=(6, 6), kernel_size=kernel, scale=2)
    found = connectivity(make("transposed"), spec, everywhere=True)
    assert grids.is_even(found) is even


def test_one_and_three_axes_are_drawn_too():
    for size in ((9,), (5, 5, 5)):
        spec = ConvSpec(
            in_channels=4, out_channels=4, input_size=size, kernel_size=3, padding="same"
        )
        found = connectivity(make("lite"), spec)
        assert found.seen.ndim == 2
        assert int(found.seen.sum()) == 3 ** min(2, len(size))
        assert "<svg" in grids.positions(found, "lite").markup()


def test_the_random_state_is_left_as_it_was():
    import torch

    before = torch.random.get_rng_state()
    connectivity(make("lite"), small_slot(make("lite")))
    assert torch.equal(before, torch.random.get_rng_state())


# Drawings


def test_a_plan_is_drawn_step_by_step():
    kind = make("depthwise_separable", {"block": True})
    spec = ConvSpec(in_channels=3, out_channels=128, input_size=(7, 7), kernel_size=3)
    text = pipeline.drawing(spec, kind.plan(spec), kind.name).markup()
    for said in ("input 3×7×7", "→ 3×5×5", "675 multiplications · 6.6 %", "batch norm",
                 "9,600 multiplications · 93 %", "output 128×5×5"):  # fmt: skip
        assert said in text, said


def test_paths_beside_one_another_and_an_identity_are_drawn():
    kind = make("shufflenet_unit")
    spec = ConvSpec(
        in_channels=16, out_channels=32, input_size=(8, 8), kernel_size=3, stride=2, padding="same"
    )
    strided = pipeline.drawing(spec, kind.plan(spec), kind.name).markup()
    assert "average pool" in strided
    assert "Path 1 of 2" in strided
    assert "identity" not in strided
    equal = spec.with_(out_channels=16, stride=1)
    added = pipeline.drawing(equal, kind.plan(equal), kind.name).markup()
    assert "identity" in added
    assert "add the input" in added
    assert "average pool" not in added


def test_a_drawing_escapes_what_it_is_told():
    pen = Drawing(10, 10, name="<b>", title=NASTY, alt='"><script>')
    pen.text((0, 0), NASTY)
    pen.rect((0, 0), (1, 1), says=NASTY)
    html = figure([pen], NASTY)
    assert "<script" not in html
    assert "\n" not in html


# Reference


def test_a_field_of_which_nothing_is_said_is_an_error():
    from dataclasses import dataclass

    @dataclass
    class Silent:
        """Something. one: is said."""

        one: int
        two: int

    with pytest.raises(DocsError, match="says nothing of its two"):
        docstrings.documented(Silent)


def test_fields_are_found_wherever_they_are_said():
    from convbench.clock.samples import Samples
    from convbench.runs.suite import Suite, Timing

    assert docstrings.documented(Timing)["min_rounds"] == "in each process."
    assert docstrings.documented(Samples)["block"] == "calls in one sample."
    with pytest.raises(DocsError, match="groups"):
        docstrings.documented(Suite)


def test_every_public_name_and_command_is_on_its_page():
    import typer

    import convbench
    from convbench.ui.cli import app

    public = words(rendered(reference.public("convbench")))
    for name in convbench.__all__:
        assert name in public
    commands = words(rendered(reference.command_line()))
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        assert f"convbench {name}" in commands
        for parameter in command.params:
            option = max(parameter.opts, key=len)
            assert (option if option.startswith("-") else parameter.metavar or option) in commands


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[= nothing_of_this_name() ]]", "nothing_of_this_name"),
        ('[[= constant("convbench.clock.sampler.NO") ]]', "convbench.clock.sampler.NO"),
        ('[[= time("lite", "no such slot") ]]', "no such slot"),
        ('[[= clock_trial("aa", "no such words") ]]', "no such words"),
        ('[[= excerpt("README.md", "no such line") ]]', "no such line"),
        ('[[= excerpt("no/such.md", "x") ]]', "no/such.md"),
        ('[[= fields("convbench.api.cost") ]]', "is no dataclass"),
        ("[[= number( ]]", "page.md, line 1"),
    ],
)
def test_an_expression_that_cannot_be_is_an_error_that_says_so(text, said):
    with pytest.raises(ConvbenchError, match=said):
        fill(text, namespace(SOURCES), "page.md")
    assert fill("a [[= number(1234) ]] b\n", namespace(SOURCES), "page.md") == "a 1,234 b\n"
