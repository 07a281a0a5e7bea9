"""LaTeX: what is text stays text, tables have the columns they declare, and it compiles."""

import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.report_runs import whole_run

from convbench.core.intervals import Interval, RatioInterval
from convbench.report.contents import contents
from convbench.report.document import (
    Bullet,
    Bullets,
    Code,
    Column,
    Document,
    Figure,
    Fold,
    Heading,
    Paragraph,
    Table,
)
from convbench.report.formats.latex import render
from convbench.report.formats.latex.escaping import breakable, escape

HOSTILE = (
    r"\input{/etc/passwd}",
    r"\end{tabular}\end{document}",
    "a & b % c # d $x^2$ ~ _e_ {f} \\",
    "[1cm] starts like an argument",
    "*starred",
    "\\verb|x| ``quotes'' ,, !` ?` << >> -- ---",
    "a|b<script>alert(1)</script>",
    "^^41^^5cinput{x}",
    "中文 ключ × · µ – ≥ “é” ñ Å ı ﬁ \u202e\u200b",
    "two\nlines\r\n\r\nand\ttab \x00\x07\x1b[31m",
    "x" * 300,
    "{",
    "}",
    "",
)
# All that escaped text may be made of.
SAFE = re.compile(
    r"""(?:[ A-Za-z0-9.,:;!?'()/=+@~-]
        |\{\}|\{[\[\]*]\}
        |\\[{}\#$%&_,]
        |\\char34\{\}|\\[A-Za-z]+\{\}
        |\\ensuremath\{(?:\\[A-Za-z]+|\^[123]|\^\\circ)\}
        |\\['`^~="u.vHrc]\{[A-Za-z]\}
        |\\texttt\{U\+[0-9A-F]{4,6}\})*""",
    re.VERBOSE,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_made_of_what_is_safe(text):
    for found in (escape(text), escape(text, code=True), breakable(text)):
        assert SAFE.fullmatch(found), found


@given(st.text())
def test_any_text_is(text):
    assert SAFE.fullmatch(escape(text))
    assert SAFE.fullmatch(breakable(text))


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("depthwise_separable(groups=4)", r"depthwise\_separable(groups=4)"),
        ("100 % & more", r"100 \% \& more"),
        ("3→128 k3 @7×7 · 12.5 µs ≥ 1",
         r"3\ensuremath{\rightarrow}128 k3 @7\ensuremath{\times}7 \ensuremath{\cdot} "
         r"12.5 \textmu{}s \ensuremath{\geq} 1"),
        ("2–3", r"2\textendash{}3"),
        ("--force", "-{}-force"),
        ("''", "'{}'"),
        ("[x]", "{[}x{]}"),
        ("café Ångström", r"caf\'{e} \r{A}ngstr\"{o}m"),
        ("中", r"\texttt{U+4E2D}"),
        ("a \n b", "a b"),
    ],
)  # fmt: skip
def test_known_signs(text, latex):
    assert escape(text) == latex


def test_an_apostrophe_of_a_command_stays_upright():
    assert escape("--only 'x'", code=True) == r"-{}-only \textquotesingle{}x\textquotesingle{}"


def test_a_long_word_may_be_broken_and_says_the_same():
    word = "shufflenet_unit(groups=3,reduction=4)"
    found = breakable(word)
    assert r"\allowbreak{}" in found
    assert found.replace(r"\allowbreak{}", "") == escape(word)


def hostile_run():
    run = whole_run()
    names = [text for text in HOSTILE if text]
    records = tuple(
        replace(
            r,
            label=names[i % len(names)],
            name=names[i % len(names)],
            reason=names[(i + 3) % len(names)] if r.status != "ok" else "",
            flags=(names[(i + 5) % len(names)],),
        )
        for i, r in enumerate(run.records)
    )
    command = "convbench run --only '\\end{quote}'\n  \n% no comment"
    return replace(run, records=records, header=replace(run.header, command=command))


def columns_of(spec):
    """Return how many columns a specification declares."""
    spec = re.sub(r">\{[^}]*\}|@\{[^}]*\}", "", spec)
    return len(re.findall(r"[lrc]|p\{[^}]*\}", spec))


def cells_of(line):
    """Return how many columns a row fills."""
    spans = sum(int(number) - 1 for number in re.findall(r"\\multicolumn\{(\d+)\}", line))
    return len(re.findall(r"(?<!\\)&", line)) + 1 + spans


def check_file(name, text):
    assert text.isascii(), name
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}"), name
    opened = []
    for kind, what in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            opened.append(what)
        else:
            assert opened.pop() == what, name
    assert not opened, name
    grid = re.search(r"\\begin\{(?:tabular|longtable)\}\{(.*)\}\n", text)
    if grid:
        rows = [line for line in text[grid.end() :].split("\n") if line.endswith(r" \\")]
        assert rows
        for row in rows:
            assert cells_of(row) == columns_of(grid.group(1)), (name, row)


@cache
def rendered(which):
    if which == "whole":
        return render(contents(whole_run()))
    document = contents(hostile_run())
    undrawn = tuple(block for block in document.blocks if not isinstance(block, Figure))
    return render(replace(document, blocks=undrawn))  # what is drawn has its own tests


@pytest.mark.usefixtures("drawn_once")
@pytest.mark.parametrize("which", ["whole", "hostile"])
def test_every_file_is_sound_and_every_reference_has_its_file(which):
    files = rendered(which)
    texts = {name: data.decode("ascii") for name, data in files.items() if name.endswith(".tex")}
    for name, text in texts.items():
        check_file(name, text)
    page = texts["report.tex"]
    inputs = re.findall(r"\\input\{(.*?)\}", page)
    assert sorted(f"{name}.tex" for name in inputs) == sorted(set(texts) - {"report.tex"})
    drawn = re.findall(r"\\includegraphics.*\{(.*?)\}", page)
    assert sorted(drawn) == sorted(name for name in files if name.endswith(".pdf"))
    assert "verbatim" not in page
    labels = re.findall(r"\\label\{(.*?)\}", "".join(texts.values()))
    assert len(labels) == len(set(labels))


def table(rows, **column):
    columns = (Column(name="case", key="label"), Column(name="time", key="seconds", **column))
    return Table(id="t_1", caption="All of it.", columns=columns, rows=rows)


def one(block):
    return render(Document(title="t", blocks=(Heading(level=2, text="Time"), block)))


def test_an_interval_stands_in_a_column_of_its_own_and_says_what_it_is():
    time = Interval(value=12.5e-6, low=11.9e-6, high=13.1e-6, confidence=0.95, processes=3)
    text = one(table((("a", time), ("b", None)), kind="seconds"))["latex/t-1.tex"].decode()
    assert r"\begin{tabular}{lr@{\ }l}" in text
    assert "a & 12.5~\\textmu{}s & \\ensuremath{\\pm}5~\\% \\\\\n" in text
    assert "b & \\textendash{} &  \\\\\n" in text
    assert r"\caption{Time. All of it.}\label{tab:t-1}" in text
    assert r"where one more process would fall (95 \%, 3 processes)" in text


def test_a_ratio_of_one_process_says_that():
    ratio = RatioInterval(
        value=0.5, low=0.4, high=0.6, confidence=0.9375, paired=True, verdict="faster"
    )
    text = one(table((("a", ratio),), kind="ratio"))["latex/t-1.tex"].decode()
    assert r"the interval of its median over rounds (93.8 \%, 1 process)" in text


def test_a_count_never_stands_without_its_convention():
    for name, data in rendered("whole").items():
        if name.startswith("latex/cost"):
            assert b"1 MAC = 1 multiplication, taps on padding included" in data


def test_a_long_table_runs_over_pages_and_a_short_one_floats():
    short, long = (one(table((("a", 1),) * n, kind="integer"))["latex/t-1.tex"] for n in (30, 31))
    assert b"longtable}{lr}" not in short
    assert b"longtable}{lr}" in long
    assert long.count(rb"\toprule") == 2


def test_a_table_that_is_too_wide_for_a_page_lies_on_its_side():
    names = [f"a column with a long name, {i}" for i in range(16)]
    columns = tuple(Column(name=name, key=name, kind="integer") for name in names)
    for number, turned in ((8, False), (16, True)):
        wide = Table(
            id="wide", caption="", columns=columns[:number], rows=((10**10,) * number,) * 3
        )
        files = one(wide)
        text = files["latex/wide.tex"].decode()
        check_file("wide", text)
        assert (r"\begin{landscape}" in text) == turned
        assert ("longtable,pdflscape}" in text) == turned
        assert b"longtable,pdflscape}" in files["report.tex"]


def test_parts_of_a_table_are_files_with_numbers():
    parts = tuple(replace(table((("a", 1),), kind="integer"), part=name) for name in ("x", "y"))
    files = render(Document(title="t", blocks=parts))
    assert [name for name in files if name.startswith("latex")] == [
        "latex/t-1-1.tex",
        "latex/t-1-2.tex",
    ]
    assert rb"\caption{y. All of it.}" in files["latex/t-1-2.tex"]


def test_a_caption_names_the_part_for_readers_and_once():
    part = replace(table((("a", 1),), kind="integer"), part="short", title="64→64, 3×3")
    for heading, said in (
        ("Cost and time: 64→64, 3×3", rb"\caption{Cost and time: 64\ensuremath{\rightarrow}64, 3"),
        ("The other groups", rb"\caption{The other groups: 64\ensuremath{\rightarrow}64, 3"),
    ):
        files = render(Document(title="t", blocks=(Heading(level=2, text=heading), part)))
        (data,) = (data for name, data in files.items() if name.startswith("latex/"))
        assert said in data
        assert data.count(b"rightarrow") == 1
        assert b"short" not in data


def test_blocks():
    document = Document(
        title="A & B",
        blocks=(
            Heading(level=3, text="part"),
            Paragraph(text="50 %"),
            Bullets(items=(Bullet(lead="a_b", text="c"), Bullet(text="d"))),
            Bullets(items=()),
            Code(text="a  b\n\n\\end{quote}"),
            Fold(summary="more", blocks=(Paragraph(text="inside"),)),
            Table(id="none", caption="", columns=(), rows=()),
        ),
    )
    files = {name: data.decode("ascii") for name, data in render(document).items()}
    page = files["report.tex"]
    for line in (
        r"\title{A \& B}",
        r"\subsection{part}",
        r"50 \%",
        r"\item \textbf{a\_b:} c",
        r"\item d",
        r"\mbox{}a~\allowbreak{}~\allowbreak{}b\\",
        r"\mbox{}\\",
        r"\mbox{}\textbackslash{}end\{quote\}\\",
        r"\subsection{more}",
        "inside",
    ):
        assert line in page.split("\n"), line
    assert page.count(r"\begin{itemize}") == 1
    assert "No rows." in files["latex/none.tex"]


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed here")
@pytest.mark.parametrize("which", ["whole", "hostile"])
def test_a_report_compiles(which, tmp_path):
    for name, data in rendered(which).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    done = subprocess.run([*command, "report.tex"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:].decode("latin-1")
    log = (tmp_path / "report.log").read_text(encoding="latin-1")
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert not [points for points in wide if points > 30], wide
    assert (tmp_path / "report.pdf").stat().st_size > 10_000
