"""Reprs: whole, escaped, with their convention, and imported only when they are asked for."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from conftest_root import ROOT
from report.report_runs import header, whole_run
from scripted import samples

from convbench import ConvSpec, cost, count, formula, profile
from convbench.clock.measurement import Measurement
from convbench.core.costs import Cost
from convbench.counting.tally import Convention, Tally
from convbench.runs.record import Run

SPEC = ConvSpec(in_channels=3, out_channels=128, input_size=(7, 7), kernel_size=3)
HOSTILE = "<script>alert(1)</script> $x^2$ \\(y\\) </td> & \x1b[31m \u202e \"'"
VOID = {"br", "img", "meta", "hr"}


class Reader(HTMLParser):
    """Reads the text back, and fails where elements do not nest or one should not be there."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        assert tag in {"div", "span", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul",
                       "li", "details", "summary"}, tag  # fmt: skip
        assert not [name for name, _ in attrs if name not in {"class", "style", "role"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if self.open[-1:] == ["span"] else f" {data} "


def read(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    return " ".join(reader.text.split())


@pytest.fixture(scope="module")
def network():
    import torch

    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU()
    ), torch.zeros(1, 3, 8, 8)


def hostile_tally(**more):
    return Tally(
        counter=HOSTILE, macs=12_345_678, by_operator={HOSTILE: 5, "conv": 7},
        by_module={"": 12, HOSTILE: 12}, unsupported={HOSTILE: 2},
        convention=Convention(unit=HOSTILE, elementwise=HOSTILE, source=HOSTILE), **more,
    )  # fmt: skip


def test_a_cost_shows_every_count_with_what_it_is():
    text = read(cost("depthwise_separable", SPEC)._repr_html_())
    assert "multiplications 10,275 MACs, taps on padding included" in text
    assert "1 MAC = 1 multiplication; of one forward pass of the whole batch." in text
    assert "receptive field 3 × 3" in text


def test_a_cost_of_many_shapes_and_one_of_symbols_are_shown_too():
    import sympy

    many = Cost(multiplications=np.array([[10, 2_000], [3, 4]]))
    assert "4 values, 2 to 2,000" not in read(many._repr_html_())
    assert "4 values, 3 to 2,000" in read(many._repr_html_())
    symbolic = Cost(multiplications=sympy.Symbol("N") * sympy.Symbol("K") ** 2)
    assert "K**2*N" in read(symbolic._repr_html_())
    assert "K^{2} N" in symbolic._repr_latex_()


def test_a_tally_is_never_a_bare_number(network):
    for counter in ("torch", "fvcore"):
        tally = count(*network, counter=counter)
        text = read(tally._repr_html_())
        assert f"7,776 MACs, counted by {counter}" in text
        assert "1 MAC = 1 multiply-accumulate" in text
        assert tally.convention.unit in text
        assert "lower bound" not in text
        assert "MACs" in tally._repr_latex_()


def test_what_a_counter_does_not_know_comes_before_anything_it_counted():
    html = hostile_tally()._repr_html_()
    text = read(html)
    assert text.startswith("≥ 12,345,678 MACs")
    bound = text.index("A lower bound. The counter does not know")
    assert bound < text.index("operator MACs")
    assert r"\geq 12{,}345{,}678" in hostile_tally()._repr_latex_()


def test_a_profile_shows_totals_and_modules(network):
    found = profile(*network)
    text = read(found._repr_html_())
    assert "7,776 multiplications (= MACs) forward" in text
    assert "Conv2d 7,776 100 % 224" in text
    known = replace(found, name=HOSTILE, unsupported={HOSTILE: 1})
    assert "A lower bound. No counting rule for" in read(known._repr_html_())


def test_a_formula_is_mathematics_with_where_it_holds(network):
    from convbench.formulas.tracing.network import network_formula

    found = network_formula(*network)
    text = read(found._repr_html_())
    assert found._repr_latex_() in text
    assert "1 MAC = 1 multiplication" in text
    assert "holds where: H ≥ 3" in text
    hostile = replace(found, unsupported={HOSTILE: 1}, notes=(HOSTILE,), source=HOSTILE)
    text = read(hostile._repr_html_())
    assert "A lower bound. No rule for" in text
    assert hostile._repr_latex_().startswith(r"$\displaystyle \geq")


def test_a_types_formula_is_sympys_own_and_shows_itself():
    assert formula("depthwise_separable", ratio_to="standard")._repr_latex_().startswith("$")


def test_a_run_shows_its_findings_and_its_tables():
    run = whole_run()
    text = read(run._repr_html_())
    assert "What convolutions cost: the quick suite on cpu" in text
    assert "Cheapest full replacement:" in text
    assert "Cost and time: 3→128, 3×3, no padding, 7×7, batch 1" in text
    assert "In parentheses behind a ratio" in text


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (Run(header=header(), records=()), "This run holds no cases"),
        (replace(whole_run(), finished=False), "Mind: This run is not finished"),
    ],
)
def test_a_poor_run_says_so(run, says):
    assert says in read(run._repr_html_())


def measurement(*, processes=3, **more):
    several = {
        name: tuple(
            samples([seconds * (1 + 0.01 * (n + place) % 3) for n in range(8)], f"s{place}")
            for place in range(processes)
        )
        for name, seconds in (("standard", 1e-3), (HOSTILE, 2e-3))
    }
    return Measurement(samples={**several, **more}, failures=dict.fromkeys(more, HOSTILE))


def test_a_measurement_is_a_table_of_times_with_intervals_and_ratios():
    found = measurement()
    (head, _, first, second, *_) = str(found).splitlines()
    assert re.split(r"\s{2,}", head) == [
        "competitor",
        "time of a call",
        "time ÷ standard",
        "verdict",
    ]
    assert re.fullmatch(r"standard +1\.\d+ ms ±[\d.]+ %", first.strip())
    assert re.search(r"2\.\d+ ms ±[\d.]+ % +2\.00 \(\d\.\d+–\d\.\d+\) +slower", second)
    assert "95 % intervals, from 3 processes" in str(found)
    text = read(found._repr_html_())
    assert "2.00 (" in text
    assert "slower" in text


def test_a_measurement_says_of_a_number_that_nothing_narrow_is_known_of_it():
    a, b = samples([1e-3, 5e-3, 9e-3], "s0"), samples([9e-3, 1e-3, 5e-3], "s0")
    found = Measurement(samples={"a": (a,), "b": (b,)})
    assert str(found).count("(uncertain)") == 3


def test_a_competitor_without_a_time_has_its_reason():
    assert f"no time: {HOSTILE}" in str(measurement(broken=()))
    assert "no time:" in read(measurement(broken=())._repr_html_())
    zero = samples([0.0] * 8, "s0")
    text = str(Measurement(samples={"a": (zero,), "b": (samples([1e-3] * 8, "s0"),)}))
    assert re.search("^a +– +no time: ", text, re.MULTILINE)
    assert "time ÷ b" in text


def lines_of(name):
    if name == "comparison":
        from convbench import compare

        return compare(replace(whole_run(), path=None), whole_run())
    if name == "history":
        from convbench.history.history import history
        from convbench.history.run_folders import find_runs

        return history(find_runs(ROOT / "reports" / "cpu-quick"))
    run = whole_run()
    record = next(record for record in run.records if record.samples)
    return {"run": run, "record": record, "samples": record.samples[0],
            "measurement": measurement(broken=()), "tally": hostile_tally()}[name]  # fmt: skip


SAID = {
    "run": "<Run: suite quick, 43 cases in 4 groups, 34 timed, on cpu>",
    "record": "<Record: ",
    "samples": "<Samples: 8 rounds of ",
    "measurement": "<Measurement: 3 competitors: standard 1.0",
    "tally": "<Tally: ≥ 12,345,678 MACs (",
    "comparison": "<Comparison: ",
    "history": "<History: 1 run, 49 cases, 0 of them with a change>",
}


@pytest.mark.parametrize("name", SAID)
def test_a_repr_is_one_short_line(name):
    text = repr(lines_of(name))
    assert text.startswith(SAID[name])
    assert len(text) < 400
    assert "\n" not in text


def test_a_profile_and_a_formula_are_one_line_too(network):
    from convbench.formulas.tracing.network import network_formula

    found = profile(*network)
    assert repr(found) == "<Profile: Sequential: 7,776 MACs, 240 parameters>"
    assert repr(found.by_module) == "<ModuleCost: Sequential: 7,776 MACs, 240 parameters>"
    assert repr(network_formula(*network)).startswith("<NetworkFormula: 216·B·")


def hostile_run():
    records = tuple(
        replace(r, label=f"{HOSTILE}{i}", name=HOSTILE, flags=(HOSTILE,))
        for i, r in enumerate(whole_run().records)
    )
    return replace(whole_run(), records=records)


SHOWN = {"tally": hostile_tally, "run": hostile_run, "measurement": measurement}


@pytest.mark.parametrize("name", SHOWN)
def test_a_hostile_name_reads_as_it_is_and_is_neither_an_element_nor_mathematics(name):
    html = SHOWN[name]()._repr_html_()
    text = read(html)
    assert "<script>alert(1)</script>" in text
    bare = re.sub(r"<span>[$\\]</span>", "", html)
    assert "$" not in bare
    assert "\\" not in bare
    assert not [sign for sign in html if not sign.isprintable()]
    assert 'class="convbench mathjax_ignore tex2jax_ignore"' in html


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed here")
def test_what_is_for_paper_compiles(tmp_path, network):
    shown = [cost("depthwise_separable", SPEC), hostile_tally(), count(*network)]
    body = "\n\n".join(item._repr_latex_() for item in shown)
    (tmp_path / "t.tex").write_text(
        "\\documentclass{article}\\usepackage{amsmath}\\begin{document}\n"
        f"{body}\n\\end{{document}}\n",
        encoding="ascii",
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:].decode("latin-1")


def test_nothing_of_this_is_imported_before_it_is_asked_for():
    code = (
        "import convbench.core.costs, convbench.counting.tally, convbench.runs.record, sys\n"
        "assert not [m for m in sys.modules if m.startswith('convbench.ui.notebook')]\n"
        "cost = convbench.core.costs.Cost(multiplications=5)\n"
        "assert '5' in cost._repr_html_()\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'sympy', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
