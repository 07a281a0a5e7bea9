"""History -> Document: what is said of changes, environments, runs and cases."""

import math
import random
import re
from dataclasses import replace

import pytest
from comparing import recorded
from history import histories

from convbench import compare
from convbench.core.spec import ConvSpec
from convbench.history.history import history
from convbench.history.page import MOST_CASES, page
from convbench.history.run_folders import find_runs
from convbench.report.document import Bullets, Figure, Table
from convbench.report.figures import draw
from convbench.report.renderers import RENDERERS
from convbench.runs.frame import rows
from convbench.runs.store import load


def made(folder, chosen=None):
    found = history(find_runs(folder))
    return found, page(found, found.telling if chosen is None else chosen)


def points(document):
    return {
        item.lead: item.text
        for block in document.walk() if isinstance(block, Bullets)
        for item in block.items
    }  # fmt: skip


def table(document, identity):
    (found,) = (b for b in document.walk() if isinstance(b, Table) and b.id == identity)
    keys = [column.key for column in found.columns]
    return [dict(zip(keys, row, strict=True)) for row in found.rows]


def has(document, identity):
    return any(isinstance(b, Table) and b.id == identity for b in document.walk())


def test_a_change_is_named_with_its_run_and_size(tmp_path):
    found, document = made(histories.plain(tmp_path, 8, histories.slower(1.2, 5, since=4)))
    (row,) = table(document, "changes")
    assert (row["run"], row["label"], row["what"]) == (5, "type 5", "slower")
    assert row["ratio"].low < 1.2 < row["ratio"].high
    assert points(document)["Times"].startswith("1 slower in 1 case, from run 5 on")
    (case,) = found.telling
    figure = next(b for b in document.walk() if isinstance(b, Figure))
    (line,) = figure.data.lines
    assert [(change.run, change.kind) for change in line.changes] == [(4, "slower")]
    assert [(level.first, level.last) for level in line.levels] == [(0, 3), (4, 7)]
    assert line.levels[1].seconds / line.levels[0].seconds == pytest.approx(1.2, rel=0.02)
    assert "slower from run 5 on" in figure.alt
    assert "slower from here on" in table(document, "case-1")[4]["what"]
    assert case == 5


def test_with_nothing_changed_it_says_so_and_what_would_have_been_seen(tmp_path):
    _, document = made(histories.plain(tmp_path))
    said = points(document)
    assert said["Times"] == "no significant change beyond 5 %."
    assert said["Counts"] == "none changed, and no case broke."
    assert re.match(r"about .* % in a typical case at the latest run", said["Detectable change"])
    assert not any(isinstance(block, Figure) for block in document.walk())
    assert not has(document, "changes")


def test_one_run_and_two_runs_say_what_they_cannot_tell(tmp_path):
    _, one = made(histories.plain(tmp_path / "one", 1))
    assert points(one)["Detectable change"].startswith("none, with one run alone.")
    assert not {"Times", "Counts"} & points(one).keys()
    _, two = made(histories.plain(tmp_path / "two", 2))
    assert "With two runs alone, which of them is the usual" in points(two)["Detectable change"]
    _, few = made(histories.plain(tmp_path / "few", 2, cases=3))
    assert "none in times: 2 runs of so few cases" in points(few)["Detectable change"]
    assert points(few)["Times"] == "no change can be detected, see “Detectable change”."


@pytest.mark.parametrize("far", [1e-3, 1e-70])
def test_numbers_that_nobody_reads_are_bounded(tmp_path, far):
    """Two runs of few cases that scatter, by any factor, show next to nothing; that is said."""

    def change(number, run, one):
        return recorded.times(one, far ** ((run * 7 + number * 3) % 5))

    _, document = made(histories.plain(tmp_path, 4, change, cases=9), chosen=[0, 1])
    said = points(document)["Detectable change"]
    assert said.startswith("more than 1,000 % in a typical case at the latest run")
    assert not re.findall(r"[\d,.]{25,}", RENDERERS["markdown"](document)["report.md"].decode())


def test_counts_that_change_are_exact_and_need_no_times(tmp_path):
    def change(number, run, one):
        one = replace(one, samples=())
        return replace(one, cost=recorded.cost(1001)) if number == 2 and run >= 1 else one

    _, document = made(histories.plain(tmp_path, 3, change, cases=4))
    (row,) = table(document, "changes")
    assert (row["run"], row["what"]) == (2, "count changed")
    assert row["notes"] == "multiplications 1,000 → 1,001"
    assert points(document)["Counts"] == "1 case changed its counts."
    counts = [row["multiplications"] for row in table(document, "case-1")]
    assert counts == [1000, 1001, 1001]


def test_broken_and_mended_and_a_count_that_changed_meanwhile(tmp_path):
    def change(number, run, one):
        if number != 2:
            return one
        if run in {2, 3}:
            return histories.failed(one)
        return replace(one, cost=recorded.cost(7)) if run > 3 else one

    found, document = made(histories.plain(tmp_path, 6, change))
    rows = [(row["run"], row["what"]) for row in table(document, "changes")]
    assert rows == [(3, "broken"), (5, "mended"), (5, "count changed")]
    said = "1 case changed its counts, 1 case broke and 1 case runs again."
    assert points(document)["Counts"] == said
    assert [row["what"] for row in table(document, "overview")] == ["..B-C."]
    line = next(b for b in document.walk() if isinstance(b, Figure)).data.lines[0]
    assert [point.said for point in line.points] == ["", "", "failed", "failed", "", ""]
    assert found.found.levels == ()


def test_what_a_busy_machine_made_invalid_is_not_measured_and_not_broken(tmp_path):
    def change(number, run, one):
        return recorded.busy(one) if number in {2, 3} and run in {2, 3} else one

    found, document = made(histories.plain(tmp_path, 6, change), chosen=[2])
    assert found.events == ()
    said = points(document)
    assert said["Counts"] == "none changed, and no case broke."
    assert said["Not measured"].startswith("2 cases in run 3 and 2 cases in run 4, because")
    assert [row["notes"] for row in table(document, "runs")][2:4] == [
        "2 cases not measured: machine busy"
    ] * 2
    changes = [row["what"] for row in table(document, "case-1")]
    assert changes == ["", "", *["not measured: machine busy"] * 2, "", ""]
    figure = next(b for b in document.walk() if isinstance(b, Figure))
    assert [point.said for point in figure.data.lines[0].points][2] == "machine busy"
    assert "broken" not in RENDERERS["markdown"](document)["report.md"].decode()


@pytest.mark.parametrize("processes", [1, 3])
def test_what_other_load_may_explain_is_inconclusive_as_in_a_comparison(tmp_path, processes):
    def change(number, run, one):
        draw = random.Random(100 * run + number)
        level = 1e-4 * (1 + number / 7)
        seconds = [level * draw.lognormvariate(0, 0.008) for _ in range(processes)]
        busy = run == 4 and number == 3
        return histories.record(
            number, run, seconds=[[1.6 * time, 0.9] if busy else time for time in seconds]
        )

    found, document = made(histories.plain(tmp_path, 5, change))
    assert found.found.levels == ()
    said = points(document)["Inconclusive"]
    assert re.match(r"type 3 in .* \(.* slower from run 5 on\), not counted as a change", said)
    runs = [load(tmp_path / f"r{number}") for number in (0, 4)]
    (row,) = [row for row in compare(*runs).rows if row.pair.label == "type 3"]
    assert row.verdict == "cannot tell"
    assert processes == 1 or "contaminated" in row.reasons


def test_a_group_that_other_load_may_have_slowed_is_inconclusive(tmp_path):
    def change(number, run, one):
        seconds = [[1e-4 * (1 + number / 7) * (1.5 if run == 4 else 1), 0.9 * (run == 4)]]
        return histories.record(number, run, seconds=seconds * 3)

    found, document = made(histories.plain(tmp_path, 5, change))
    assert found.found.levels == found.moved.levels == ()
    assert "slower from run 5 on), not counted as a change" in points(document)["Inconclusive"]


def test_the_overview_says_what_changed_when(tmp_path):
    """A case that is slower from run 4 on and lacks run 2, one that changed its counts at run 3."""
    for run in range(6):
        records = [
            histories.record(n, run, factor=1.3 if n == 5 and run >= 3 else 1)
            for n in range(24) if (n, run) != (5, 1)
        ]  # fmt: skip
        if run >= 2:
            records[7] = replace(records[7], cost=recorded.cost(7))
        environment = {"torch": "2.14.0" if run >= 3 else "2.13.0", "git_commit": f"commit{run}"}
        started = histories.START.format(run + 1)
        histories.write(tmp_path / f"r{run}", records, started=started, fingerprint=environment)
    _, document = made(tmp_path)
    rows = {row["label"]: row["what"] for row in table(document, "overview")}
    assert rows == {"environment": "...E..", "type 5": "._.S..", "type 7": "..C..."}
    found = [(row["run"], row["started"], row["commit"], row["label"], row["what"])
             for row in table(document, "changes")]  # fmt: skip
    assert found == [
        (3, "2026-01-03", "commit2", "type 7", "count changed"),
        (4, "2026-01-04", "commit3", "type 5", "slower"),
    ]


def test_the_overview_of_a_long_history_has_its_latest_runs(tmp_path):
    def change(number, run, one):
        return replace(one, cost=recorded.cost(7)) if number == 1 and run >= 29 else one

    _, document = made(histories.plain(tmp_path, 31, change, cases=2))
    (found,) = (b for b in document.walk() if isinstance(b, Table) and b.id == "overview")
    assert found.columns[-1].name == "runs 8–31"
    assert found.rows[0][-1] == "." * 22 + "C."


def test_names_are_readable_and_common_conditions_said_once(tmp_path):
    slot = ConvSpec(in_channels=64, out_channels=64, input_size=(56, 56), kernel_size=3,
                    padding="same", batch=16)  # fmt: skip

    def change(number, run, one):
        one = replace(one, spec=slot, layout="channels_last" if number < 12 else one.layout,
                      group=f"{one.group} {number // 12}")  # fmt: skip
        return recorded.times(one, 1.3) if number == 5 and run >= 3 else one

    _, document = made(histories.plain(tmp_path, 6, change))
    assert points(document)["Found"].endswith("; all on cpu, float32, 1 thread.")
    (row,) = table(document, "changes")
    assert row["slot"] == "64→64, 3×3, 56×56, batch 16, channels last"
    said = RENDERERS["markdown"](document)["report.md"].decode()
    assert "k3" not in said
    assert said.count("float32") == 1


def test_a_case_that_some_runs_lack_has_no_row_there(tmp_path):
    def change(number, run, one):
        return None if number == 4 and run in {1, 5} else one

    found, document = made(histories.plain(tmp_path, 6, change), chosen=[4])
    index = next(i for i, case in enumerate(found.cases) if case.label == "type 4")
    document = page(found, [index])
    assert [row["run"] for row in table(document, "case-1")] == [1, 3, 4, 5]
    caption = next(b for b in document.walk() if isinstance(b, Table) and b.id == "case-1").caption
    assert "Not in 2 runs." in caption
    assert found.found.levels == ()


def test_an_environment_that_changed_is_named_there_and_at_changes_that_coincide(tmp_path):
    for run in range(8):
        records = [histories.record(n, run, factor=1.3 if n == 5 and run >= 4 else 1)
                   for n in range(24)]  # fmt: skip
        environment = {"torch": "2.14.0" if run >= 4 else "2.13.0", "load_1min": run}
        if run == 2:
            environment["torch"] = None
            del environment["torch"]
        started = histories.START.format(run + 1)
        histories.write(tmp_path / f"r{run}", records, started=started, fingerprint=environment)
    _, document = made(tmp_path)
    (row,) = table(document, "environment")
    assert row == {"run": 5, "key": "torch", "left": "2.13.0", "right": "2.14.0"}
    assert points(document)["Environment"].startswith("changed before run 5 (torch)")
    (change,) = table(document, "changes")
    assert change["notes"] == "environment changed at the same run: torch"
    figure = next(b for b in document.walk() if isinstance(b, Figure))
    assert figure.data.boundaries == ((4, "torch"),)
    assert [row["environment"] for row in table(document, "runs")][4] == "torch"


def test_a_key_that_a_run_in_between_does_not_tell_is_compared_with_what_was_known(tmp_path):
    for run, environment in enumerate(({"smt": True}, {}, {"smt": False})):
        started = histories.START.format(run + 1)
        records = [histories.record(0, run)]
        histories.write(tmp_path / f"{run}", records, started=started, fingerprint=environment)
    found, _ = made(tmp_path)
    assert [[item.key for item in found.in_the_way(run)] for run in range(3)] == [[], [], ["smt"]]


def test_a_group_that_moved_as_a_whole_is_said_and_changes_no_case(tmp_path):
    def change(number, run, one):
        return recorded.times(one, 1.5) if run == 3 else one

    found, document = made(histories.plain(tmp_path, 6, change))
    assert found.found.levels == ()
    assert "run 4 (" in points(document)["Shift common to all cases of a group"]
    whole = [row["whole"] for row in table(document, "runs")]
    assert whole[3] == pytest.approx(1.5, rel=0.02)
    assert whole[0] == pytest.approx(1.0, rel=0.02)
    assert not has(document, "changes")  # a single slow day does not last


def test_a_group_that_moved_and_stayed_is_a_change_of_its_own(tmp_path):
    def change(number, run, one):
        return recorded.times(one, 1.5) if run >= 4 else one

    _, document = made(histories.plain(tmp_path, 8, change))
    (row,) = table(document, "changes")
    assert (row["run"], row["label"], row["what"]) == (5, "all cases", "slower")
    assert row["ratio"].low < 1.5 < row["ratio"].high
    (row,) = table(document, "overview")
    assert (row["label"], row["what"]) == ("all cases", "....S...")


def test_ratios_are_to_the_baseline_of_the_same_run(tmp_path):
    def change(number, run, one):
        first = histories.record(0, run).case
        return replace(one, baseline=first)

    _, document = made(histories.plain(tmp_path, 3, change), chosen=[0, 7])
    assert "ratio" not in table(document, "case-1")[0]
    for row in table(document, "case-2"):
        assert row["ratio"].value == pytest.approx(2, rel=0.05)


def test_runs_say_what_is_to_know_of_them(tmp_path):
    histories.plain(tmp_path, 3)
    histories.write(tmp_path / "new", [histories.record(n, 9) for n in range(24)],
                    started="2026-03-01", planned=30, version="9.9", fingerprint={
                        "git_commit": "bbbb", "git_dirty": True})  # fmt: skip
    with (tmp_path / "new" / "records.jsonl").open("a") as file:
        file.write('{"case"')
    _, document = made(tmp_path)
    row = table(document, "runs")[-1]
    assert row["commit"] == "bbbb+"
    assert row["version"] == "9.9"
    assert row["notes"] == "not finished; 1 incomplete line"
    assert row["folder"] == "new"
    assert row["started"] == "2026-03-01 00:00"


def test_other_layouts_are_other_cases(tmp_path):
    def change(number, run, one):
        layout = "channels_last" if run == 2 and number == 3 else "channels_first"
        return replace(one, layout=layout)

    found, _ = made(histories.plain(tmp_path, 3, change))
    assert [case.times for case in found.cases if case.label == "type 3"] == [1, 2]


def test_few_of_many_cases_are_followed_and_it_says_so(tmp_path):
    _, document = made(histories.plain(tmp_path, 3), chosen=range(20))
    assert f"the first {MOST_CASES} of 20 cases" in points(document)["Shown run by run"]
    assert has(document, f"case-{MOST_CASES}")
    assert not has(document, f"case-{MOST_CASES + 1}")


def test_hostile_names_stay_names_in_the_page_and_the_figure(tmp_path):
    name = "<script>alert(1)</script>|`$x$\x1b[31m=1+1"

    def change(number, run, one):
        return replace(one, label=name) if number == 5 else one

    histories.plain(tmp_path, 6, change, fingerprint={"git_commit": "<b>|\x1b[0m"})
    _, document = made(tmp_path, chosen=[5])
    files = RENDERERS["markdown"](document)
    text = files["report.md"].decode()
    assert "<script>" not in text
    assert "<b>" not in text
    assert "\x1b" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\|" in text
    assert files["figures/history.png"].startswith(b"\x89PNG")


def test_the_same_runs_give_the_same_bytes(tmp_path):
    histories.plain(tmp_path, 6, histories.slower(1.2, 5, since=3))
    first, second = (RENDERERS["markdown"](made(tmp_path)[1]) for _ in range(2))
    assert first == second


def test_figures_of_one_run_of_many_and_of_nothing_timed(tmp_path):
    _, one = made(histories.plain(tmp_path / "one", 1), chosen=[0])
    figure = next(b for b in one.walk() if isinstance(b, Figure))
    assert draw(figure.data).startswith(b"\x89PNG")
    assert draw(replace(figure.data, lines=())).startswith(b"\x89PNG")
    many = replace(figure.data, runs=tuple(f"{n} · $day$" for n in range(90)),
                   boundaries=tuple((n, "torch") for n in range(90)))  # fmt: skip
    assert draw(many).startswith(b"\x89PNG")

    def untimed(number, run, one):
        return replace(one, samples=())

    _, none = made(histories.plain(tmp_path / "none", 3, untimed), chosen=[0])
    assert not any(isinstance(block, Figure) for block in none.walk())
    assert math.isinf(history(find_runs(tmp_path / "none")).found.smallest[0])


def test_times_are_those_of_the_runs_own_report(tmp_path):
    """With the variances of the whole group, as a report has it, not of the case alone."""
    found, document = made(histories.plain(tmp_path), chosen=[5])
    for run, row in enumerate(table(document, "case-1")):
        (own,) = (r for r in rows(found.runs[run].run) if r.record.label == "type 5")
        assert row["seconds"] == own.seconds
    figure = next(b for b in document.walk() if isinstance(b, Figure))
    assert [p.seconds for p in figure.data.lines[0].points] == [
        row["seconds"] for row in table(document, "case-1")
    ]


@pytest.mark.parametrize(("number", "run"), [(5, 5), (5, 3), (None, 5)])
def test_a_disturbed_process_moves_nothing(tmp_path, number, run):
    """One process of ten takes three times as long, in one case or in all, at whatever run."""

    def change(case, at, one):
        several = tuple(
            recorded.samples(s.median * math.exp(place / 1e3), session=f"{at} {place}")
            for place, s in enumerate(one.samples[:1] * 10)
        )
        hit = at == run and number in {None, case}
        first = recorded.times_of(several[0], 3.0) if hit else several[0]
        return replace(one, samples=(first, *several[1:]))

    found, document = made(histories.plain(tmp_path, change=change))
    assert not found.found.levels
    assert not found.moved.levels
    assert "Shift common to all cases of a group" not in points(document)
    spread = found.alone[5] - found.alone[5].mean()
    assert max(abs(spread)) < 0.04
