"""`convbench explain`: formulas that are read as they are worked, symbols with one meaning each."""

import re
from dataclasses import fields

import pytest
import sympy

from convbench.convs.base import TYPES, make
from convbench.core.errors import SpecError
from convbench.core.spec import ConvSpec
from convbench.formulas.explanation import default_slot, explain, in_symbols, versus_for
from convbench.formulas.symbols import factored, formula, limits, meanings, written

EVERY = [(name, dims, stride) for name in TYPES for dims in (1, 2, 3) for stride in (1, 2)]


def formulas(name, dims, stride):
    """Return the formula and the ratio of a type; () where it is not built so."""
    try:
        return [
            formula(name, dims=dims, stride=stride, ratio_to=other)
            for other in (None, versus_for(make(name), None))
        ]
    except SpecError:
        return []


def test_a_symbol_means_one_thing_over_all_types():
    found = {}
    for name, dims, stride in EVERY:
        for symbol, meaning in meanings(make(name), *formulas(name, dims, stride)).items():
            found.setdefault(symbol, set()).add(meaning)
    assert {symbol: said for symbol, said in found.items() if len(said) > 1} == {}
    assert {"B", "N", "C", "K", "G", "s", "q", "d", "r", "a", "E", "t", "m", "f", "D_out"} <= {
        *found
    }
    every = [*found.values()]
    assert len(every) == len({text for said in every for text in said}), "one thing, one symbol"


@pytest.mark.parametrize("name", TYPES)
def test_a_knob_with_a_symbol_is_in_a_formula(name):
    free = {
        str(one)
        for dims in (1, 2, 3)
        for each in formulas(name, dims, 1)
        for one in each.free_symbols
    }
    declared = {
        item.metadata["symbol"] for item in fields(TYPES[name]) if item.metadata.get("symbol")
    }
    assert declared <= free


@pytest.mark.parametrize("name", TYPES)
def test_every_symbol_shown_is_in_the_legend(name):
    kind = make(name)
    spec = default_slot(kind)
    parts = dict(explain(kind, spec, versus_for(kind, None)))
    legend = dict(line.split(": ", 1) for line in parts["Formula"][1:] if " = " not in line)
    shown = [parts["Formula"][0].partition("= ")[2]]
    for title, lines in parts.items():
        if title.startswith("Ratio"):
            shown += [line.rpartition(": ")[2].removeprefix("in symbols") for line in lines[2:]]
    used = set(re.findall(r"[A-Za-z_]+", " ".join(shown))) - {"max"}
    assert used == {*legend}
    assert "**" not in " ".join(shown)


@pytest.mark.parametrize(("name", "dims", "stride"), EVERY)
def test_taking_factors_out_changes_no_value_and_lengthens_nothing(name, dims, stride):
    for plain in formulas(name, dims, stride):
        short = factored(plain)
        assert sympy.expand(short - plain) == 0
        assert sympy.count_ops(short) <= sympy.count_ops(sympy.expand(plain))


RATIOS = {
    "depthwise_separable": "1/N + 1/K²",
    "ghost": "1/q + d²·(1 - 1/q)/(C·K²)",
    "bottleneck": "((H·W/(H_out·W_out) + N/C)/K² + N/(C·r))/r",
    "shuffled_grouped": "(1 + N/C)/G",
    "pointwise_grouped": "1/(G·K²)",
}


@pytest.mark.parametrize("name", RATIOS)
def test_quotients_as_they_are_read(name):
    assert written(formula(name, ratio_to="standard")) == RATIOS[name]


def test_a_limit_that_is_the_ratio_itself_is_not_said_again():
    assert limits(in_symbols(make("grouped"), default_slot(make("grouped")), "standard")) == ()


PRODUCTS = ["standard", "dilated", "depthwise", "pointwise", "resize_conv", "transposed"]


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_worked_product_has_the_factors_of_the_formula_in_its_order(name):
    kind = make(name)
    spec = ConvSpec(
        batch=2, in_channels=5, out_channels=kind.forced_outputs(5) or 7, input_size=(17, 23),
        kernel_size=1 if name == "pointwise" else 3, scale=2 if kind.upsamples else None,
    )  # fmt: skip
    parts = dict(explain(kind, spec, versus_for(kind, None)))
    numbers = {
        "B": 2, "C": 5, "N": spec.out_channels, "K": spec.kernel_size[0], "m": 1, "G": 1,
        "H": 17, "W": 23, "H_out": spec.output_size[0], "W_out": spec.output_size[1],
    }  # fmt: skip
    factors = []
    for factor in parts["Formula"][0].partition("= ")[2].removesuffix("/G").split("·"):
        factors += [numbers[factor.rstrip("²")]] * (2 if factor.endswith("²") else 1)
    worked = [int(n) for n in parts["Worked multiplications"][0].partition(" =")[0].split(" · ")]
    ones = [number for number in worked if number != 1]
    assert ones == [number for number in factors if number != 1]


def test_an_input_of_one_number_is_said_to_be_one_axis(convbench):
    text = convbench("explain", "standard", "--input", "28", "--kernel", "3").stdout
    assert "standard in the slot 3→128, kernel 3, no padding, length 28, batch 1" in text
    assert "1-D, length 28; for images write --input 28x28" in text
    assert "1-D" not in convbench("explain", "standard", "--input", "28x28").stdout


FITS_NOWHERE = {
    "grouped": ("groups=7", "groups=7 does not divide in_channels=64"),
    "ghost": ("ratio=5", "ratio=5 does not divide out_channels=64: give one that does"),
    "pointwise_grouped": ("groups=5", "groups=5 does not divide in_channels=64"),
}


@pytest.mark.parametrize("name", FITS_NOWHERE)
def test_a_knob_that_fits_nowhere_says_why(name, convbench):
    knob, reason = FITS_NOWHERE[name]
    said = " ".join(convbench("explain", name, "--knob", knob, code=2).stderr.split())
    assert "fits none of the slots that explain tries" in said
    assert f"Of the last, 64→64, 3×3, 56×56, batch 1: {reason}" in said


@pytest.mark.parametrize("name", TYPES)
def test_an_explanation_is_as_wide_as_the_terminal_and_splits_no_word(name, convbench, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    text = convbench("explain", name).stdout
    assert max(map(len, text.splitlines())) <= 60
    kind = make(name)
    sections = explain(kind, default_slot(kind), versus_for(kind, None))
    words = [word for title, lines in sections for line in (title, *lines) for word in line.split()]
    assert text.split() == words


def test_what_lines_up_stays_so_and_a_second_line_hangs(convbench, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    text = convbench("explain", "depthwise_separable").stdout
    assert "\n  parameters                   411\n  elementwise operations       0\n" in text
    assert "\n  block = False  wrap as layers are used: batch norm and\n    ReLU where" in text
    assert "\n    large kernel, K → ∞: 1/N\n" in text


@pytest.mark.parametrize("width", [60, 80])
def test_a_dry_run_is_as_wide_as_the_terminal(width, convbench, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    text = convbench("run", "--suite", "quick", "--threads", "1", "--dry-run").stdout
    assert max(map(len, text.splitlines())) <= width
    assert "\n  spatially_separable: measure\n" in text
    assert re.search(r"\n  grouped: skip: groups=2 does .*\n    \w", text)


def test_dispatch_runs_the_variants_here_in_place_of_the_explanation(convbench):
    text = convbench("explain", "depthwise", "--in-channels", "32", "--input", "28x28",
                     "--dispatch", "--device", "cpu", "--budget", "0.2").stdout  # fmt: skip
    assert "What runs for depthwise in the slot 32→32" in text
    assert "As asked: float32, 1 thread, batch 1, on cpu." in text
    assert "multiplier 2" in text
    assert "Worked multiplications" not in text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--dispatch", "--budget", "0"], "--budget 0: give seconds above 0"),
        (["--dispatch", "--device", "abacus"], "abacus"),
        (["--budget", "3"], "--budget and --device are for --dispatch"),
        (["--device", "cpu"], "--budget and --device are for --dispatch"),
    ],
)
def test_what_dispatch_cannot_do_is_said(convbench, options, says):
    assert says in " ".join(convbench("explain", "depthwise", *options, code=2).stderr.split())
