"""What holds for the report of every run, whatever became of it."""

import re
from dataclasses import replace

import pytest
from report.noisy import noisy_run
from report.report_runs import header, many_groups, whole_run

from convbench.counting.agreement import judge
from convbench.report.agreements import agreements
from convbench.report.contents import contents
from convbench.report.document import Bullets, Code, Figure, Fold, Heading, Paragraph, Table
from convbench.report.formats.markdown import markdown, render
from convbench.runs.record import Run


def failed_baseline():
    run = whole_run()
    return replace(
        run,
        records=tuple(
            replace(r, samples=()).failed("RuntimeError: no") if r.case == r.baseline else r
            for r in run.records
        ),
    )


def without(**changes):
    run = whole_run()
    return replace(run, records=tuple(replace(r, **changes) for r in run.records))


RUNS = {
    "whole": whole_run,
    "many groups": many_groups,
    "empty": lambda: Run(header=header(suite={}, fingerprint={}, command=""), records=()),
    "one case": lambda: replace(whole_run(), records=whole_run().records[:1]),
    "failed baseline": failed_baseline,
    "baseline not in the run": lambda: without(baseline="somewhere else"),
    "no baseline": lambda: without(baseline=None),
    "nothing timed": lambda: without(samples=()),
    "nothing counted": lambda: without(tallies={}),
    "all skipped": lambda: without(status="skipped", cost=None, tallies={}, samples=()),
    "no specs": lambda: without(spec=None),
    "unfinished and torn": lambda: replace(whole_run(), finished=False, torn=2),
}


@pytest.fixture(scope="module", params=list(RUNS))
def run(request):
    return RUNS[request.param]()


@pytest.fixture(scope="module")
def document(run):
    return contents(run)


@pytest.fixture(scope="module")
def page(document):
    return "\n\n".join(markdown(block) for block in document.blocks)


def tables(document, name):
    return [b for b in document.walk() if isinstance(b, Table) and b.id == name]


def test_no_value_reads_nan_none_or_inf(page):
    assert not re.search(r"\b(nan|none|null|infinity|inf|NaN|None)\b", page)


def test_every_case_is_in_the_table_of_cases(run, document):
    (cases,) = document.data
    assert [row[0] for row in cases.rows] == [record.case for record in run.records]


def test_every_case_is_on_the_page(run, document):
    shown = set()
    for block in document.walk():
        if isinstance(block, Table):
            shown |= {(block.part, str(value)) for row in block.rows for value in row[:2]}
    left = " ".join(str(row) for table in tables(document, "left-out") for row in table.rows)
    labels = {label for _, label in shown}
    for record in run.records:
        if record.status == "ok" and record.cost:
            assert record.label in labels
        else:
            assert record.label in left or record.label in labels


def test_every_timed_case_has_its_own_row(run, document):
    rows = sorted(
        (table.part, row[0])
        for table in tables(document, "results")
        for row in table.rows
        if "seconds" in [column.key for column in table.columns]
        if dict(zip([column.key for column in table.columns], row, strict=True))["seconds"]
    )
    timed = sorted((r.group, r.label) for r in run.records if r.status == "ok" and r.samples)
    assert rows == timed


def test_no_column_is_called_flops(document):
    blocks = [*document.walk(), *document.data]
    names = [c.name + " " + c.key for b in blocks if isinstance(b, Table) for c in b.columns]
    assert names
    assert not [name for name in names if "flop" in name.lower()]


def test_rows_are_as_long_as_their_columns(document):
    for block in [*document.walk(), *document.data]:
        if isinstance(block, Table):
            assert {len(row) for row in block.rows} <= {len(block.columns)}


def test_tables_are_few_columns_wide(document):
    assert all(len(b.columns) <= 8 for b in document.walk() if isinstance(b, Table))


def test_every_disagreement_is_explained(run, document):
    texts = [row[-1] for table in tables(document, "agreement") for row in table.rows]
    found = 0
    for record in run.records:
        if record.cost is None or record.status == "skipped":
            continue
        for tally in record.tallies.values():
            verdict = judge(record.cost.multiplications, tally)
            if verdict.verdict != "agrees":
                assert any(text.startswith(verdict.text) for text in texts)
                found += 1
    assert found == 3 or not any(r.name == "osnet_ibn_x1_0" and r.tallies for r in run.records)


def test_no_disagreement_reads_as_an_agreement(run):
    for item in agreements(run):
        explained = {name for name, _ in item.explanations}
        assert len(explained) == sum(v not in {"agrees", "not counted"} for v in item.verdicts)


def test_the_agreement_table_has_every_case_that_does_not_agree_once(run, document):
    total = sum(row[-2] for table in tables(document, "agreement") for row in table.rows)
    apart = [
        tally
        for record in run.records
        if record.cost
        for tally in record.tallies.values()
        if judge(record.cost.multiplications, tally).verdict != "agrees"
    ]
    assert total == len(apart)


def test_what_does_not_agree_comes_before_the_other_groups_and_what_agrees_is_one_sentence():
    headings = [b.text for b in contents(whole_run()).blocks if isinstance(b, Heading)]
    apart = headings.index("Where a counter does not agree with the formula")
    assert apart < headings.index("All groups, one row each") < headings.index("The other groups")
    agreeing = contents(many_groups())
    assert not tables(agreeing, "agreement")
    (said,) = [point.text for point in agreeing.findings if point.lead == "Counters"]
    assert said == (
        "Counted from the program, fvcore and torch agree with the formula in 170 of 170 distinct "
        "cases."
    )


def test_the_left_out_add_up(run, document):
    total = sum(row[3] for table in tables(document, "left-out") for row in table.rows)
    assert total == sum(record.status != "ok" for record in run.records)


def test_every_fingerprint_key_is_shown(run, document):
    (table,) = tables(document, "environment")
    assert set(run.header.fingerprint) <= {key for row in table.rows for key in row[0].split(", ")}


def test_figures_have_alt_texts_and_ids_of_their_own(document):
    figures = [block for block in document.walk() if isinstance(block, Figure)]
    assert len({figure.id for figure in figures}) == len(figures)
    assert all(figure.alt and figure.caption for figure in figures)


def test_the_command_is_shown(run, document):
    (code,) = [block for block in document.walk() if isinstance(block, Code)]
    assert code.text == run.header.command or not run.header.command


def first_paragraphs(document):
    return [b.text for b in document.blocks if isinstance(b, Paragraph)][:2]


def test_an_unfinished_or_torn_run_says_so_before_anything_else():
    first, second = first_paragraphs(contents(RUNS["unfinished and torn"]()))
    assert "not finished" in first
    assert "2 lines of the run could not be read" in second
    assert "not finished" not in " ".join(first_paragraphs(contents(whole_run())))


def test_a_long_run_folds_all_but_the_most_telling_groups():
    document = contents(many_groups())
    folds = [block for block in document.walk() if isinstance(block, Fold)]
    assert len(folds) >= 59
    assert len([b for b in document.walk() if isinstance(b, Figure)]) <= 4
    (overview,) = tables(document, "overview")
    assert len(overview.rows) == 60


def test_a_failed_baseline_gives_its_reason_in_place_of_ratios():
    page = "\n".join(markdown(b) for b in contents(failed_baseline()).blocks)
    assert "the baseline is failed" in page
    assert "Get a time for the baseline first" in page


def test_a_group_is_one_table_of_cost_and_time():
    document = contents(many_groups())
    found = tables(document, "results")
    assert len(found) == 60
    for table in found:
        keys = [column.key for column in table.columns]
        assert keys[:7] == [
            "label", "multiplications", "ratio_multiplications", "parameters", "seconds",
            "ratio_seconds", "verdict",
        ]  # fmt: skip


def test_a_curve_without_pairs_is_left_out():
    run = whole_run()
    rest = tuple(r for r in run.records if r.name != "depthwise_separable")
    curve = "Depthwise separable against its formula"
    for records, there in ((run.records, 1), (rest, 0)):
        blocks = contents(replace(run, records=records)).blocks
        assert [getattr(block, "text", "") for block in blocks].count(curve) == there


AXES = ("cpu", "float32", "channels first", "2 threads", "channels_first", "cpu, ")


def test_what_all_groups_share_is_said_once_and_in_no_name():
    document = contents(noisy_run())
    scope, *_ = [
        b.text for b in document.blocks if isinstance(b, Paragraph) and "cases in" in b.text
    ]
    assert "All on cpu, float32, channels first, 2 threads." in scope
    for block in document.walk():
        names = [getattr(block, "summary", ""), getattr(block, "caption", "")]
        names += [block.text] if isinstance(block, Heading) else []
        names += [item.text for item in block.items[:5]] if isinstance(block, Bullets) else []
        if isinstance(block, Figure):
            names.append(block.data.title)
        if isinstance(block, Table) and block.id not in {"environment", "counts", "timing"}:
            names += [str(value) for row in block.rows for value in row]
        assert not [name for name in names for axis in AXES[:4] if f" {axis}" in name]
        assert not [name for name in names if " · " in name or "channels_first" in name]


def test_a_reader_meets_the_answer_the_figure_and_the_main_table_first():
    page = markdown_of(noisy_run())
    lines = page.splitlines()
    heads = [number for number, line in enumerate(lines) if line.startswith("## ")]
    said, main, row, other = (lines[number][3:] for number in heads[:4])
    assert said == "What the numbers say"
    assert main == "Cost and time: 64→64, 3×3, 56×56, batch 1"
    assert (row, other) == ("All groups, one row each", "The other groups")
    assert heads[2] < 60
    figure = next(number for number, line in enumerate(lines) if line.startswith("!["))
    assert heads[0] < figure < heads[1]
    last = lines.index("## How this was measured")
    assert heads[-1] == last
    assert [line for line in lines[last + 1 :] if line.startswith("<details>")] == [
        "<details><summary>Environment: machine, libraries, settings</summary>",
        "<details><summary>Conventions of counts and times</summary>",
        "<details><summary>How to make this again</summary>",
    ]


def test_a_page_is_short_beside_the_cases_that_it_shows():
    """For 55 cases: 530 lines and 56 kB before a group was one table."""
    page = markdown_of(noisy_run())
    assert len(page.splitlines()) < 530 / 2
    assert len(page.encode()) < 56_000 / 2


def markdown_of(run):
    return render(contents(run))["report.md"].decode()


def test_a_run_on_a_busy_machine_says_so_before_anything_else():
    run = whole_run()
    flags = ("contaminated: 100% of the samples",)
    records = tuple(replace(record, flags=flags) for record in run.records)
    first = contents(replace(run, records=records)).blocks[0]
    assert isinstance(first, Paragraph)
    assert first.text.startswith("The machine was busy while this was measured: other work ")
    assert "disturbed 34 of 34 timed cases" in first.text
    assert "run again with --threads 1" in first.text
    assert not any("busy" in getattr(b, "text", "") for b in contents(run).blocks[:2])
