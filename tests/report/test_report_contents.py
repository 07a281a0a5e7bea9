"""What holds for the report of every run, whatever became of it."""

import re
from dataclasses import replace

import pytest
from report.report_runs import header, many_groups, whole_run

from convbench.counting.agreement import judge
from convbench.report.agreements import agreements
from convbench.report.contents import contents
from convbench.report.document import Bullets, Code, Figure, Fold, Paragraph, Table
from convbench.report.formats.markdown import markdown
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
        (table.part, row[0]) for table in tables(document, "latency") for row in table.rows
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
    texts = [item.text for b in document.walk() if isinstance(b, Bullets) for item in b.items]
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


def test_the_agreement_table_counts_every_case_once(run, document):
    total = sum(row[-1] for table in tables(document, "agreement") for row in table.rows)
    counted = [r for r in run.records if r.cost and not (r.status == "skipped" and not r.tallies)]
    assert total in {len(counted), 0}
    assert total or not any(r.tallies for r in run.records)


def test_the_left_out_add_up(run, document):
    total = sum(row[3] for table in tables(document, "left-out") for row in table.rows)
    assert total == sum(record.status != "ok" for record in run.records)


def test_every_fingerprint_key_is_shown(run, document):
    (table,) = tables(document, "environment")
    assert set(run.header.fingerprint) <= {row[0] for row in table.rows}


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
    assert len(folds) >= 57
    assert len([b for b in document.walk() if isinstance(b, Figure)]) <= 8
    (overview,) = tables(document, "overview")
    assert len(overview.rows) == 60


def test_a_failed_baseline_gives_its_reason_in_place_of_ratios():
    page = "\n".join(markdown(b) for b in contents(failed_baseline()).blocks)
    assert "the baseline is failed" in page
    assert "Get a time for the baseline first" in page


def test_equal_counts_of_two_layouts_share_a_cost_table():
    document = contents(many_groups())
    assert len(tables(document, "cost")) == 20  # 10 slots, of 4 and of 2 bytes an element
    assert "The same numbers hold for" in "\n".join(markdown(b) for b in document.blocks)


def test_a_curve_without_pairs_is_left_out_with_a_sentence():
    run = whole_run()
    rest = tuple(r for r in run.records if r.name != "depthwise_separable")
    page = "\n".join(markdown(b) for b in contents(replace(run, records=rest)).blocks)
    assert "Left out: no group of this run holds both" in page


def test_a_run_on_a_busy_machine_says_so_before_anything_else():
    run = whole_run()
    flags = ("contaminated: 100% of the samples",)
    records = tuple(replace(record, flags=flags) for record in run.records)
    first = contents(replace(run, records=records)).blocks[0]
    assert isinstance(first, Paragraph)
    assert first.text.startswith("The machine was busy while this was measured: something else ")
    assert "had a hand in 34 of 34 timed cases" in first.text
    assert "run again with --threads 1" in first.text
    assert not any("busy" in getattr(b, "text", "") for b in contents(run).blocks[:2])
