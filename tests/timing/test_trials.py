"""The trials in benchmarks/clock judge right: on fabricated runs and pages, nothing measured."""
# ruff: noqa: E402  the trials are a program, not a package: their folder is put on the path first

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report import report_runs

from convbench.core import text as show
from convbench.runs import frame
from convbench.runs.record import Run
from convbench.runs.titles import titles

ROOT = Path(__file__).parents[2]
CLOCK = str(ROOT / "benchmarks" / "clock")
sys.path.insert(0, CLOCK)

import budget
import estimators
import judging
import main_job
import page
import rendered
from claim import Claim, Note
from recorded import Recorded
from running import TWIN, Made

sys.path.remove(CLOCK)

NAMES = ("standard", "depthwise", "pointwise", "lite", "ghost", "dilated")


def fabricated(scatter=0.001, **factors):
    """Return a run of one slot and the twin, with ten processes that differ by so much.

    factors: how many times as long a case takes, in each process or in all.
    """
    draw = random.Random(0)
    records = report_runs.type_group(report_runs.SLOTS[1], draw, names=NAMES)
    twin = {"case": f"{records[0].group}/{TWIN}", "name": TWIN, "label": TWIN}
    records.append(replace(records[0], **twin))
    several = []
    for record in records:
        times = report_runs.samples(record.samples[0].minimum, rounds=8, draw=draw, scatter=0)
        samples = [
            replace(
                times,
                session=f"{record.group} {at}",
                seconds=tuple(value * factor for value in times.seconds),
            )
            for at, factor in enumerate(each(factors.get(record.name, 1)))
            for factor in [factor * draw.lognormvariate(0, scatter)]
        ]
        several.append(replace(record, samples=tuple(samples)))
    return Run(header=report_runs.header(), records=tuple(several))


def each(factor):
    """Return the factor of each of ten processes."""
    return factor if isinstance(factor, tuple) else (factor,) * 10


def failing(run):
    """Return what is claimed of a run in vain, beside a fabricated reference."""
    truth = judging.truth([fabricated(scatter=0)])
    cases = list(judging.look("run", run, truth))
    claims = judging.claims(cases, judging.QUIET)
    return {claim.claimed.partition(" (")[0]: claim for claim in claims if not claim.holds}


def test_an_honest_run_holds_every_claim():
    assert failing(fabricated()) == {}


def test_a_verdict_in_the_wrong_direction_is_found_and_named():
    found = failing(fabricated(depthwise=40))
    wrong = found["ratios truly beyond 1.25× are told wrong"]
    assert wrong.found.startswith("1 of ")
    assert "depthwise" in wrong.misses[0]
    assert "said slower" in wrong.misses[0]


def test_a_clear_difference_that_is_called_the_same_is_wrong():
    standard, _, pointwise, *_ = (record.samples[0].median for record in fabricated().records)
    ratio = standard / pointwise
    found = failing(fabricated(pointwise=ratio))
    assert "said same" in found["ratios truly beyond 1.10× are told wrong"].misses[0]


def test_a_twin_that_is_called_slower_is_found():
    found = failing(fabricated(**{TWIN: 1.3}))
    assert "a case timed against itself under two names is called faster or slower" in found


def test_processes_that_disagree_are_too_wide_and_hold_no_claim_of_the_reference():
    far = dict.fromkeys((*NAMES, TWIN), (1, 3, 9, 27, 81, 243, 1, 3, 9, 27))
    found = failing(fabricated(**far))
    assert "intervals of times span, high divided by low, in the median" in found
    held = found["the interval of a time holds the reference"].found
    assert held.endswith("7 more have no interval that is shown")


def test_a_case_without_a_time_is_missing_and_not_told():
    run = fabricated()
    records = [replace(r, samples=()) if r.name == "lite" else r for r in run.records]
    found = failing(replace(run, records=tuple(records)))
    assert "lite" in found["every case is timed"].misses[0]
    assert "lite" in found["ratios truly beyond 1.25× are told right"].misses[0]


def test_without_a_twin_nothing_is_shown_to_hold():
    run = fabricated()
    records = tuple(record for record in run.records if record.name != TWIN)
    found = failing(replace(run, records=records))
    assert [claim.found for claim in found.values()] == ["none to ask"]


@pytest.mark.parametrize(
    ("text", "wide"),
    [
        ("1.00 ms (0.00–2,180,480,962.80)", 1),
        ("502 µs (58–4,379)", 1),
        ("2.5× faster (95 % interval 1.6–3.7)", 1),
        ("12.4 ms ±60 %", 1),
        ("(95 % interval\n  0.265–2.143), and 424 µs (176–1,018)", 2),
        ("12.4 ms ±4 %", 0),
        ("12.4 ms ±41 %", 0),
        ("0.340 (0.308–0.373)", 0),
        ("1.4 (1.0–2.0)", 0),
        ("0.14, 0.22 … 31.7 ms: disturbed; run again with --threads 1", 0),
        ("in 4–24 processes", 0),
        ("started 2026-11-22", 0),
    ],
)
def test_what_a_reader_meets_as_an_interval(text, wide):
    assert len(list(rendered.wide_in_text(text))) == wide


def test_an_interval_in_a_table(tmp_path):
    path = tmp_path / "ratios.csv"
    path.write_text("label,x,x_low,x_high\na,1,0.9,1.7\nb,1,0.5,1.7\nc,,,\nd,1,0,1\n")
    assert list(rendered.wide_in_table(path)) == [
        "ratios.csv, line 3, x: 0.5 to 1.7",
        "ratios.csv, line 5, x: 0 to 1",
    ]


def test_the_times_of_a_real_page_are_all_found():
    run = report_runs.whole_run()
    text = (ROOT / "tests/report/golden/report.md").read_text(encoding="utf-8")
    names = titles(run.records).groups
    groups: dict[str, set[str]] = {}
    for record in run.records:
        if record.samples and record.status == "ok":
            groups.setdefault(names[record.group], set()).add(record.label)
    found = {(time.group, time.label) for time in rendered.times_in_page(text, groups)}
    assert found == {(group, label) for group, labels in groups.items() for label in labels}


def test_a_printed_time_that_no_process_measured_is_found(tmp_path):
    run = fabricated()
    group = run.records[0].group
    rows = "".join(
        f"| {row.record.label} | {show.cell(row.seconds, 'seconds')} |\n" for row in frame.rows(run)
    )
    made = Made(folder=tmp_path, state="quiet", neighbours=0, budget=0, wall=1, status=0)
    head = f"### {titles(run.records).groups[group]}\n\n| case | time of a call |\n|:--|--:|\n"
    (tmp_path / "report.md").write_text(head + rows.replace("| lite |", "| lite | 1.00 s |"))
    (tmp_path / "tables").mkdir()
    table = f"group,label,seconds\n{group},ghost,0.5\n{group},standard,\n"
    (tmp_path / "tables" / "latency.csv").write_text(table)
    wrong = [text for text in main_job.printed(made, run) if text]
    assert [text.split(" s, ")[0] for text in wrong] == [
        "latency.csv, line 2: ghost 0.5",
        "report.md: lite 1",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("36 cases to measure, 13 to skip, about 87 s, to reports/x", 87),
        ("186 cases, about 5 min 20 s, to reports/x", 320),
        ("186 cases, about 6 min, to reports/x", 360),
        ("about ten of them\nabout 1,020 s", 1020),
    ],
)
def test_what_a_dry_run_guesses(text, seconds):
    assert budget.guessed(text) == seconds


def test_a_dry_run_without_a_guess_is_an_error():
    with pytest.raises(SystemExit, match="names no time"):
        budget.guessed("36 cases to measure")


def recorded(neighbours, *, shift=1.0, seed=0):
    """Return 24 processes of 12 rounds, in which the base takes `shift` times as long."""
    draw = np.random.default_rng(seed)
    typical = np.array([shift, 1.0, 2.0, 0.4])[None, :, None] * 1e-3
    processes = np.exp(0.001 * draw.standard_normal((24, 4, 1)))
    rounds = np.exp(0.001 * np.abs(draw.standard_normal((24, 4, 12))))
    return Recorded(
        group="g", neighbours=neighbours, threads=1, cases=("standard", TWIN, "a", "b"),
        seconds=typical * processes * rounds, waited=np.zeros((24, 4, 12)),
    )  # fmt: skip


@pytest.mark.parametrize(("shift", "missed"), [(1.0, False), (1.3, True)])
def test_the_estimator_is_held_against_the_quiet_state(monkeypatch, shift, missed):
    data = [recorded(0), recorded(2, shift=shift, seed=1)]
    monkeypatch.setattr(estimators, "recorded", lambda paths: data)
    found = list(estimators.estimators([Path("data")], quick=True))
    notes = [item.text for item in found if isinstance(item, Note)]
    assert ["| lower quartile | median |" in text for text in notes] == [False, True]
    (covered,) = [
        claim for claim in found
        if isinstance(claim, Claim) and "two neighbours: the interval of a ratio" in claim.claimed
    ]  # fmt: skip
    share = float(covered.found.partition("%")[0])
    assert (share < 50) is missed
    assert all(c.holds for c in found if isinstance(c, Claim) and "none wrong" in c.claimed)


def test_the_newest_result_of_a_trial_replaces_the_older(tmp_path):
    path = tmp_path / "clock" / "report.md"
    page.add(path, "aa", "python …", [Claim("excluding 1", "8 of 200", holds=True)], 60)
    page.add(path, "cold", "python …", [Claim("above 1", "1.4", holds=True)], 60)
    page.add(path, "aa", "python …", [Claim("a | b", "20 of 200", holds=False, misses=("x",))], 60)
    text = path.read_text(encoding="utf-8")
    assert list(page.read(path)) == ["aa", "cold"]
    assert "8 of 200" not in text
    assert "| a \\| b | 20 of 200 | **no** |" in text
    assert "- a | b: x" in text
    assert text.startswith(page.HEAD)
