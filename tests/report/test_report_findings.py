"""Findings: sentences from the data. What may not be said is tested as much as what is."""

import json
import random
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from report.noisy import noisy_run
from report.report_runs import SLOTS, header, samples, type_group, whole_run

from convbench.machine.resolution import Resolution
from convbench.report.document import Bullets, Paragraph, Table
from convbench.report.findings import findings, main_group
from convbench.report.findings_run import counted
from convbench.report.groups import groups
from convbench.report.results import main_section
from convbench.runs.record import Machine, Record, Run

SLOT = SLOTS[1]


def points(run):
    """Return the text of each point by its lead."""
    blocks = findings(run, groups(run))
    return {
        item.lead: item.text
        for block in blocks
        if isinstance(block, Bullets)
        for item in block.items
    }


def answers(run):
    return {
        item.lead: item.answer
        for block in findings(run, groups(run))
        if isinstance(block, Bullets)
        for item in block.items
    }


def timed(rounds=25, scatter=0.02, seed=3, **middles):
    """Return a run of one group with the types named, timed around these seconds."""
    draw = random.Random(seed)
    records = [
        replace(record, samples=(samples(middles[record.name], rounds=rounds, session="one",
                                         scatter=scatter, draw=draw),))
        for record in type_group(SLOT, draw, names=tuple(middles))
    ]  # fmt: skip
    return Run(header=header(), records=tuple(records))


def repeated(run, processes=10):
    """Return the run as ten processes that agree would have it."""
    return replace(run, records=tuple(
        replace(record, samples=tuple(
            replace(record.samples[0], session=f"p{number}") for number in range(processes)
        ))
        for record in run.records
    ))  # fmt: skip


def test_the_separable_sentence_has_both_ratios_and_the_interval():
    text = points(timed(standard=1e-3, depthwise_separable=4e-4))[
        "depthwise_separable against standard"
    ]
    assert "needs 7.9× fewer multiplications and is 2.5× faster than standard (95 % int" in text


def test_an_interval_that_contains_1_is_never_faster():
    found = points(timed(scatter=0.5, seed=4, standard=1e-3, depthwise_separable=9.9e-4))
    text = found["depthwise_separable against standard"]
    assert (
        "and is statistically tied with standard (time ratio 1.27, 95 % interval 0.89–1.75)" in text
    )
    assert "faster than standard" not in " ".join(found.values())
    assert found["Try next"].startswith("Keep standard for now")


def test_few_rounds_are_never_a_verdict():
    found = points(timed(rounds=3, standard=1e-3, depthwise_separable=4e-4))
    assert "fewer than 5 rounds" in found["depthwise_separable against standard"]
    assert "2 cases had fewer than 5 rounds" in found["How sure"]
    assert "×" not in found["Try next"]


def test_a_slower_type_with_fewer_multiplications_is_named():
    found = points(timed(standard=1e-3, depthwise_separable=2e-3, lite=5e-4))
    assert "is 2.0× slower than standard" in found["depthwise_separable against standard"]
    said = "needs 7.9× fewer multiplications and is 2.0× slower than standard (95 % interval"
    assert said in found["Count against time"]
    assert "yet slower" not in found["Count against time"], "it would be said twice"
    found = points(timed(standard=1e-3, depthwise_separable=2e-3, lite=1.5e-3))
    slow = (
        "yet slower in 64→64, 3×3, 56×56, batch 1: lite (7.9× fewer, 1.5× the time) and "
        "depthwise_separable (7.9× fewer"
    )
    assert slow in found["Count against time"]


@pytest.mark.parametrize("name", ["pointwise", "depthwise", "partial", "grouped"])
def test_a_type_that_does_less_wins_nothing(name):
    found = points(timed(**{"standard": 1e-3, "lite": 5e-4, name: 1e-5}))
    assert found["Fastest full replacement"].startswith("lite takes")
    assert f"{name} (" in found["Fastest full replacement"]
    assert "is faster still, but no full replacement." in found["Fastest full replacement"]
    assert "Fastest" not in found
    assert found["Try next"].startswith("Try lite in place of standard")
    assert not found["Cheapest full replacement"].startswith(name)


def test_what_a_type_gives_up_goes_with_its_records_whatever_its_name():
    """A plugin's type is not registered where a run is reported later."""
    run = timed(standard=1e-3, lite=5e-4, depthwise=1e-5)
    rows = [
        {**record.to_json(), **({"name": "mine", "label": "mine"} if record.name == "depthwise"
                                else {})}
        for record in run.records
    ]  # fmt: skip
    read = [Record.from_json(json.loads(json.dumps(row))) for row in rows]
    found = points(replace(run, records=tuple(read)))
    assert (
        "mine (mixes no channels) is faster still, but no full replacement."
        in found["Fastest full replacement"]
    )
    assert found["Try next"].startswith("Try lite in place of standard")
    assert not found["Cheapest full replacement"].startswith("mine")


def test_types_that_need_the_same_share_the_first_place():
    text = points(timed(standard=1e-3, depthwise_separable=4e-4, lite=8e-4))[
        "Cheapest full replacement"
    ]
    assert text.startswith("depthwise_separable and lite need 14.65 M multiplications, 7.9× fewer")


def test_a_tie_on_the_clock_is_said_and_whether_it_is_one_of_equals():
    same = repeated(timed(standard=1e-3, depthwise_separable=4e-4, lite=4e-4))
    assert "It is as fast within 5 % as lite." in points(same)["Fastest"]
    assert answers(same)["Fastest"].endswith("; as fast within 5 % as 1 other")
    wide = timed(scatter=0.3, standard=1e-3, depthwise_separable=4e-4, lite=4e-4)
    assert "It is statistically tied with " in points(wide)["Fastest"]
    assert answers(wide)["Fastest"].endswith("; statistically tied with 1 other")
    for run in (same, wide):
        assert answers(run)["How sure"].endswith("; which of 2 is fastest is open")


def test_without_a_usable_interval_nothing_is_tied():
    runs = [
        timed(rounds=8, scatter=1.5, seed=seed, standard=1e-3, depthwise_separable=9e-4, lite=9e-4)
        for seed in range(8)
    ]
    said = [text for run in runs for text in (*points(run).values(), *answers(run).values())]
    assert not any("tied" in text.lower() for text in said)
    assert any("is inconclusive against standard (time ratio " in text for text in said)
    assert any(". It is inconclusive against " in text for text in said)
    assert any(text.endswith("; inconclusive against 2 others") for text in said)
    far = timed(rounds=8, scatter=1.0, standard=1e-1, depthwise_separable=4e-4)
    assert re.search(
        r"faster than standard \(interval wider than a factor of 2, not shown\)",
        points(far)["Fastest"],
    )


def test_types_that_do_less_are_times_but_no_answer():
    run = timed(pointwise=1e-4)
    assert points(run)["Try next"] == (
        "Time a full replacement: only types that do less than a convolution were timed."
    )
    (group,) = groups(run)
    tables = [block for block in main_section(group, [group]) if isinstance(block, Table)]
    assert "Ratios" not in tables[0].caption


def test_a_type_that_takes_as_long_as_the_baseline_is_neither_faster_nor_open():
    run = repeated(timed(standard=1e-3, depthwise_separable=1e-3))
    text = points(run)["depthwise_separable against standard"]
    assert "is as fast as standard within 5 % (time ratio " in text
    assert points(run)["Try next"].startswith("Keep standard: no full replacement was faster")


def test_the_four_verdicts_are_counted_apart():
    middles = (4e-4, 2e-3, 1e-3, 1e-3)
    runs = [repeated(timed(standard=1e-3, depthwise_separable=middle)) for middle in middles]
    records = [
        replace(record, group=f"{number}", case=f"{number}{record.case}",
                baseline=f"{number}{record.baseline}")
        for number, run in enumerate(runs)
        for record in run.records
    ]  # fmt: skip
    found = points(replace(runs[0], records=tuple(records)))
    assert (
        "Both were compared in 4 groups: it is faster in 1, slower in 1 and as fast in 2."
        in found["depthwise_separable against standard"]
    )


def disturbed(run):
    """Return the run with one process more a case, that took between 1 and 1.5 s a call."""
    return replace(run, records=tuple(
        replace(record, samples=(
            *record.samples,
            replace(record.samples[0], session="two"),
            replace(record.samples[0], session="three", seconds=tuple(
                1 + index / 50 for index in range(len(record.samples[0].seconds)))),
        ))
        for record in run.records
    ))  # fmt: skip


def test_a_run_that_was_disturbed_is_sure_of_nothing_and_says_what_to_do():
    quiet = timed(standard=1e-3, depthwise_separable=4e-4)
    assert (
        answers(quiet)["How sure"]
        == "depthwise_separable is faster than standard at 95 % confidence"
    )
    busy = disturbed(quiet)
    found = answers(busy)
    assert found["How sure"] == "Not sure: the machine was busy. Run again with --threads 1"
    assert found["Try next"] == "Run again with --threads 1"
    told = "Not sure, since the machine was busy: "
    for lead, text in {
        "Fastest": "depthwise_separable",
        "depthwise_separable against standard": "it needs 7.9× fewer",
    }.items():
        assert points(busy)[lead].startswith(f"{told}{text}")
        assert "Not sure" not in points(quiet)[lead] + answers(quiet).get(lead, "")
    assert found["Fastest"].startswith(f"{told}depthwise_separable")
    assert "depthwise_separable came out fastest, ahead of standard" in points(busy)["Try next"]
    single = replace(busy, records=tuple(replace(r, threads=1) for r in busy.records))
    assert (
        answers(single)["Try next"]
        == "Stop what else runs here, or run again with a larger --budget"
    )


def test_so_is_one_whose_machine_failed_its_own_test():
    trials = [{"value": 1.2, "low": 1.1, "high": 1.3, "rounds": 9, "settled": True}] * 4
    size = {"name": "tiny", "what": "x", "seconds_per_call": 1e-5, "seconds_per_trial": 0.1,
            "page_faults_per_call": 0.0, "trials": trials}  # fmt: skip
    told = {"budget": 1.0, "seconds": 1.0, "threads": 1, "device": "cpu", "seed": 0,
            "allocator": "kept", "steal_share": 0.0, "sizes": [size]}  # fmt: skip
    run = timed(standard=1e-3, depthwise_separable=4e-4)
    run = replace(run, header=header(machine=Machine(resolution=Resolution.from_json(told))))
    assert answers(run)["How sure"].startswith("Not sure: the machine was busy.")
    assert "called 4 of 4 pairs different" in points(run)["How sure"]


def test_a_time_whose_processes_do_not_agree_is_told_by_what_they_say():
    run = disturbed(timed(standard=1e-3, depthwise_separable=4e-4, scatter=0.0))
    records = {record.name: record for record in run.records}
    first, second, third = records["depthwise_separable"].samples
    second = replace(second, seconds=(9e-4,) * len(second.seconds))
    apart = replace(records["depthwise_separable"], samples=(first, second, third))
    said = points(replace(run, records=(records["standard"], apart)))["Fastest"]
    # the third process took 1, 1.02, 1.04, … s: the seventh of them is its lower quartile
    assert said.startswith(
        "Not sure, since the machine was busy: depthwise_separable takes 900 µs a call (the median "
        "of processes that measured 400 µs, 900 µs and 1.12 s, too far apart for an interval: run "
        "again with --threads 1); standard takes "
    )


def test_a_baseline_that_wins_is_said():
    run = timed(standard=1e-5, depthwise_separable=4e-4)
    found = points(run)
    # the seventh fastest of 25 rounds
    (standard,) = (record for record in run.records if record.name == "standard")
    quartile = sorted(standard.samples[0].seconds)[6]
    assert found["Fastest"].startswith(f"standard takes {1e6 * quartile:.2f} µs ±")
    assert "a call (95 % interval, 1 process) and is the baseline: " in found["Fastest"]
    assert found["Try next"].startswith("Keep standard: no full replacement was faster")


def by_batch(**times):
    """Return a run of groups that differ in the batch, with seconds of a call at each."""
    runs = []
    for place, batch in enumerate((1, 32, 128)):
        draw = random.Random(3)
        middles = {name: seconds[place] for name, seconds in times.items()}
        records = type_group(replace(SLOT, batch=batch), draw, names=tuple(times))
        runs += [
            replace(r, samples=(samples(middles[r.name], session=f"b{batch}", draw=draw),))
            for r in records
        ]
    return repeated(Run(header=header(), records=tuple(runs)))


def test_where_the_batch_decides_which_is_faster_is_said():
    standard = (1e-3, 1e-2, 4e-2)
    said = points(by_batch(standard=standard, lite=(2e-3, 5e-3, 2e-2), ghost=(2e-3, 9e-3, 2e-2)))
    found = said["Count against time"]
    assert re.search(
        r"The batch decides: in 64→64, 3×3, [^,]+, batch 1, lite is 2\.\d× slower than standard "
        r"\(95 % interval [\d.]+–[\d.]+\); at batch 32 it is faster \(time ratio 0\.\d+, 95 % "
        r"interval [\d.]+–[\d.]+\)\. 1 other verdict changes with the batch\.$",
        found,
    ), found
    same = points(by_batch(standard=standard, lite=(2e-3, 2e-2, 8e-2)))
    assert "The batch decides" not in same["Count against time"]
    tied = points(by_batch(standard=standard, lite=(2e-3, 1e-2, 8e-2)))
    assert "The batch decides" not in tied["Count against time"], "a tie names none as faster"


def test_counters_and_losses_of_the_whole_run():
    found = points(whole_run())
    assert (
        "fvcore agrees with the formula in 33 of 35 distinct cases, torch in 34 of 35."
        in (found["Counters"])
    )
    assert "dynamic (fvcore: lower bound)" in found["Counters"]
    assert "osnet_x0_25 needs 12× fewer multiplications and is " in found["Networks"]
    assert "4 of 5 published figures are met" in found["Networks"]
    assert "not: osnet_ibn_x1_0 (multiplications)" in found["Networks"]


def test_thousands_of_agreements_have_separators(monkeypatch):
    found = [SimpleNamespace(verdicts=("agrees",))] * 1028
    monkeypatch.setattr("convbench.report.findings_run.agreements", lambda _: found)
    monkeypatch.setattr("convbench.report.findings_run.counters", lambda _: ["torch"])
    assert "in 1,028 of 1,028 distinct cases" in counted(whole_run()).text


def test_at_most_eight_points_and_the_first_screen_says_what_matters():
    found = points(whole_run())
    assert len(found) <= 8
    assert {"Cheapest full replacement", "Fastest full replacement", "How sure", "Try next"} <= set(
        found
    )
    scope, _ = findings(whole_run(), groups(whole_run()))
    assert "cases in 4 groups: 34 timed, 7 skipped, 1 failed and 1 invalid." in scope.text


RIDDLES = (
    "not told from", "which is 1", "share that its count", "more rounds decide", "in 0",
    "had a hand", "the clock", "Beats", "what disturbs only", "are told",
)  # fmt: skip


@pytest.mark.parametrize("make", [whole_run, noisy_run])
def test_points_are_a_few_sentences_each_without_riddles(make):
    run = make()
    for lead, text in points(run).items():
        assert not [words for words in RIDDLES if words in text], lead
        sentences = [one for one in re.split(r"\. (?=[A-Z])", text) if one]
        assert len(sentences) <= (5 if lead == "How sure" else 3), (lead, text)
        assert not re.search(r" (than|of|as) \S+ and is \S+ \w+ than", text), "said twice"


def test_an_unfinished_run_is_to_be_finished_first():
    assert "--resume" in points(replace(whole_run(), finished=False))["Try next"]


def test_an_empty_run_says_only_that():
    run = Run(header=header(), records=())
    (only,) = findings(run, groups(run))
    assert isinstance(only, Paragraph)
    assert "no cases" in only.text


def test_an_invalid_or_failed_case_wins_nothing():
    run = timed(standard=1e-3, depthwise_separable=4e-4, lite=1e-6)
    records = [
        replace(r, status="invalid", reason="x") if r.name == "lite" else r for r in run.records
    ]
    found = points(replace(run, records=tuple(records)))
    assert found["Fastest"].startswith("depthwise_separable")
    assert "lite" not in " ".join(found.values())


def test_the_main_group_is_the_one_that_compares_most():
    assert main_group(groups(whole_run())).label.startswith("64→64")


def test_a_baseline_that_is_alone_wins_nothing():
    said = points(timed(standard=1e-3))
    assert "the only full replacement here" in said["Cheapest full replacement"]
    assert "no other full replacement was timed here" in said["Fastest"]
    assert said["Try next"].startswith("Time another type in this slot")


def test_where_everything_failed_the_reason_comes_first():
    run = whole_run()
    failed = tuple(replace(r, samples=()).failed("RuntimeError: no memory") for r in run.records)
    said = points(replace(run, records=failed))
    assert said["Try next"].startswith("Mend what failed first")
    assert "no memory" in said["Try next"]


def test_a_gap_is_claimed_of_no_single_round():
    said = points(timed(rounds=1, standard=1e-3, depthwise_separable=9e-4))
    assert "differ most" not in said.get("Count against time", "")
