"""Published experiments: what is built is what was published, ratios and verdicts as defined."""

import json
from dataclasses import replace

import pytest
import torch
from scripted import samples

from convbench import profile
from convbench.clock.measurement import Measurement
from convbench.core.errors import SpecError, UnknownNameError
from convbench.core.intervals import Interval
from convbench.experiments.command import Asked, answer, as_data, write
from convbench.experiments.page import replication_page
from convbench.experiments.published import EXPERIMENTS
from convbench.experiments.replication import (
    Replicated,
    names_of,
    replicate,
    replicated,
    verdict,
)
from convbench.experiments.setups import Raced
from convbench.report.renderers import RENDERERS

EVERY = [(name, processor) for name in EXPERIMENTS for processor in ("cpu", "cuda")]


@pytest.mark.parametrize(("name", "processor"), EVERY)
def test_multiplications_are_those_that_are_counted_in_what_is_built(name, processor):
    for entry in EXPERIMENTS[name](processor).entries:
        with torch.device("meta"):
            module, x = entry.build().eval(), torch.zeros(entry.input_shape)
        assert profile(module, x).total.multiplications == entry.multiplications, entry.name


@pytest.mark.parametrize(("name", "processor"), EVERY)
def test_a_block_gives_what_it_takes_so_that_ten_can_be_stacked(name, processor):
    for entry in EXPERIMENTS[name](processor).entries:
        with torch.device("meta"):
            module, x = entry.build(), torch.zeros(entry.input_shape)
        assert module(x).shape == x.shape


def test_what_is_built_and_what_is_printed_differ_where_it_cannot_be_built_alone():
    differ = {
        (name, processor, entry.name)
        for name, processor in EVERY
        for entry in EXPERIMENTS[name](processor).entries
        if entry.multiplications != entry.printed_multiplications
    }
    assert differ == {("shufflenetv2-g2", "cpu", "8 groups ×1")}, "180 / 8 is not whole"


# each from the figures of the table and the multiplications, as in the paper
PRINTED = [
    ("shufflenetv2-g1", "cpu", "1:12 ×1", 76.2 / 57.6 * (32 * 32) / (9 * 108)),
    ("shufflenetv2-g2", "cpu", "8 groups ×1", 40.0 / 27.8 * 64**2 / (180**2 / 8)),
    ("shufflenetv2-g2", "cuda", "4 groups ×4", 437 / 338),
    ("shufflenetv2-g4", "cpu", "ReLU ×4", 5.4 / 5.2),
    ("fasternet-table1", "cpu", "depthwise 96 @56×56", 3.59 / 5.46 * 24**2 / 96),
]


@pytest.mark.parametrize(("name", "processor", "entry", "ratio"), PRINTED)
def test_a_printed_ratio_is_of_times_for_equal_multiplications(name, processor, entry, ratio):
    experiment = EXPERIMENTS[name](processor)
    (one,) = (e for e in experiment.entries if e.name == entry)
    assert experiment.printed_ratio(one) == pytest.approx(ratio)


def test_the_ratio_of_fasternet_is_about_the_one_that_its_text_says():
    """Section 4.1 says 6.2 times on the CPU, of arithmetic means of multiplications a second."""
    assert timed("fasternet-table1", lambda entry: 1.0).printed_ratio == pytest.approx(6.2, 0.02)


def timed(name, seconds, processes=6):
    """Return an experiment whose entries took what `seconds` says of each."""
    experiment = EXPERIMENTS[name]("cpu")
    measured = Measurement(
        samples={
            e.name: tuple(samples([seconds(e)] * 20, str(n)) for n in range(processes))
            for e in experiment.entries
        }
    )
    return replicated(name, experiment, Raced({}, measured, {}), "cpu", 1)


def slower(factor):
    """Return times that follow the multiplications, but for 1:12, which takes so much longer."""
    return lambda e: e.multiplications * 1e-9 * (factor if e.row == "1:12" else 1)


def test_the_ratio_of_an_experiment_is_the_mean_over_columns_for_equal_multiplications():
    found = timed("shufflenetv2-g1", slower(1.5))
    assert found.ratio.value == pytest.approx(1.5)
    assert found.holds == "holds"
    assert timed("shufflenetv2-g1", slower(0.9)).holds == "does not hold"
    assert timed("shufflenetv2-g1", slower(1.0)).holds == "does not hold", "published: 1.38"
    assert timed("shufflenetv2-g1", slower(1.5), processes=5).holds == "cannot tell"


VERDICTS = [
    # low, high, printed
    (1.01, 1.2, 1.3, "holds"),
    (0.8, 0.99, 1.3, "does not hold"),
    (0.97, 1.03, 1.3, "does not hold"),
    (0.97, 1.03, 1.04, "cannot tell"),
    (0.97, 1.10, 1.3, "cannot tell"),
]


@pytest.mark.parametrize(("low", "high", "printed", "holds"), VERDICTS)
def test_a_verdict_is_that_of_the_whole_interval(low, high, printed, holds):
    ratio = Interval(value=(low + high) / 2, low=low, high=high, confidence=0.96, processes=6)
    assert verdict(ratio, printed) == holds
    assert verdict(replace(ratio, confidence=0.9), printed) == "cannot tell"
    assert verdict(None, printed) == "cannot tell"


def test_an_entry_without_a_time_is_said_and_its_column_left_out_of_both_ratios():
    experiment = EXPERIMENTS["shufflenetv2-g1"]("cpu")
    lost = "1:12 ×4"
    several = tuple(samples([1e-3] * 20, str(n)) for n in range(6))
    measured = Measurement(
        samples={e.name: () if e.name == lost else several for e in experiment.entries},
        failures={lost: "no memory"},
    )
    found = replicated("shufflenetv2-g1", experiment, Raced({}, measured, {}), "cpu", 1)
    assert found.columns == ("×1", "×2")
    work = (32 * 32) / (9 * 108)
    assert found.ratio.value == pytest.approx(work)
    printed = ((76.2 / 57.6) * (21.7 / 15.1)) ** 0.5 * work
    assert found.printed_ratio == pytest.approx(printed)
    (text,) = RENDERERS["markdown"](replication_page([found], "here")).values()
    assert "No time: 1:12 ×4: no memory." in bytes(text).decode()
    assert ", at ×1 and ×2 alone; published:" in bytes(text).decode()


def test_an_experiment_without_any_pair_is_not_judged():
    experiment = EXPERIMENTS["shufflenetv2-g1"]("cpu")
    names = [entry.name for entry in experiment.entries]
    measured = Measurement(samples=dict.fromkeys(names, ()), failures=dict.fromkeys(names, "no"))
    found = replicated("shufflenetv2-g1", experiment, Raced({}, measured, {}), "cpu", 1)
    assert (found.ratio, found.holds, found.columns) == (None, "cannot tell", ())
    (text,) = RENDERERS["markdown"](replication_page([found], "here")).values()
    assert "“1:12” was not timed beside “1:1”" in bytes(text).decode()


def test_the_page_has_published_and_measured_side_by_side_with_the_verdict(tmp_path):
    found = [timed("shufflenetv2-g1", slower(1.5))]
    page = replication_page(found, "a machine")
    path = write(page, found, "a machine", tmp_path / "out")
    text = " ".join(path.read_text(encoding="utf-8").split())
    assert (
        "It holds here: “1:12” takes 1.50 (95 % interval 1.50–1.50) times as long as “1:1”" in text
    )
    assert "| 1:12 ×4 | 4.4 images/s |" in text
    assert "arXiv:1807.11164, Table 1" in text
    assert "convbench replicate shufflenetv2-g1 --out" in text
    data = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert data == as_data(found, "a machine")
    assert Replicated.from_json(data["experiments"][0]) == found[0]


def test_an_experiment_runs_here():
    found = replicate("shufflenetv2-g1", budget=0.1, processes=1)
    reasons = {line.no_time for line in found.lines} - {""}
    assert all(why.startswith("something else had the processor") for why in reasons)
    assert {line.implementation for line in found.lines} != {""}
    assert found.holds == "cannot tell", "one process has no interval"


def test_names_are_looked_up_and_all_is_every_one():
    assert names_of("all") == tuple(EXPERIMENTS)
    with pytest.raises(UnknownNameError, match="shufflenetv2-g1"):
        answer(Asked(name="shufflenetv2"))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"budget": 0.0}, "--budget 0"), ({"threads": 0}, "--threads 0"),
     ({"processes": 0}, "--processes 0")],
)  # fmt: skip
def test_numbers_that_are_none_are_refused(wrong, says):
    with pytest.raises(SpecError, match=says):
        replicate("shufflenetv2-g1", **wrong)
