"""The scheduler, with scripted times and a scripted clock: whom it asks next, and when it ends."""

import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from scripted import samples

from convbench.clock.estimates import Estimates
from convbench.clock.samples import Failure, Samples
from convbench.convs.base import make
from convbench.core.errors import RunError
from convbench.core.spec import ConvSpec
from convbench.runs import runner
from convbench.runs.cases import expand
from convbench.runs.conditions import Condition
from convbench.runs.groups import MOST_TIMES, Progress, Track
from convbench.runs.record import Header
from convbench.runs.runner import Plan, run
from convbench.runs.store import Store, load
from convbench.runs.suite import SlotGroup, Suite, Timing


@pytest.fixture(autouse=True)
def _reports_take_no_time(monkeypatch):
    monkeypatch.setattr(runner, "report_seconds", lambda _cases: 0.0)


def groups(number, names=("standard", "lite"), **timing):
    """Return groups of the same types in slots of 2, 4, … channels."""
    options = {"processes": 3, "min_rounds": 4, "max_rounds": 8, **timing}
    slots = tuple(
        SlotGroup(
            spec=ConvSpec(in_channels=channels, out_channels=channels, input_size=(4, 4),
                          kernel_size=3, padding="same"),
            competitors=tuple(make(name, {}) for name in names),
            block=False,
            baseline="standard",
            timing=Timing(**options),
        )
        for channels in range(2, 2 * number + 1, 2)
    )  # fmt: skip
    suite = Suite(name="s", description="", groups=slots, axes={})
    return tuple(expand(suite, (Condition(device="cpu", threads=1),)))


class Script:
    """Stands in for the sampler: `seconds(place, name, process)` is a call of a type in a group.

    asked: places of the groups, in order. on_disk: sets of samples that were there by then.
    """

    def __init__(self, found, seconds, folder):
        self.places = {case.identity: n for n, group in enumerate(found) for case in group.cases}
        self.seconds = seconds
        self.folder = folder
        self.asked, self.options, self.raced, self.on_disk = [], [], [], []
        self.given = {name: [] for name in self.places}
        self.spent = 0.0

    def __call__(self, work, **options):
        (place,) = {self.places[name] for name in work}
        process = self.asked.count(place)
        self.asked.append(place)
        self.options.append(options)
        self.raced.append(len(work))
        self.on_disk.append(sum(len(record["samples"]) for record in lines(self.folder)))
        times = {name: self.seconds(place, name.split(" | ")[0], process) for name in work}
        a_round = sum(t for t in times.values() if isinstance(t, float))
        rounds = max(options["min_rounds"], int(options["budget"] / a_round) if a_round else 0)
        rounds = min(options["max_rounds"], rounds)
        self.spent += rounds * a_round
        found = {}
        for name, call in work.items():
            options["accept"](name, call())
            if isinstance(times[name], Exception):
                found[name] = Failure(str(times[name]))
                continue
            found[name] = Samples(
                seconds=(times[name],) * rounds,
                cpu_seconds=(times[name],) * rounds,
                page_faults=(0,) * rounds,
                involuntary_switches=(0,) * rounds,
                block=options["blocks"].get(name, 1),
                first_call=1.0,
                warmup_calls=1,
                stopwatch="scripted",
                seed=options["seed"],
                threads=1,
                session=options["session"],
                stop_reason="told so",
            )
            self.given[name].append(found[name])
        return found


def lines(folder):
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


def carried_out(found, seconds, folder, budget=1e6, seed=0, device="cpu"):
    """Run the groups with scripted times; return the script and what the display was told."""
    planned = {"name": "s", "cases": len([c for g in found for c in g.cases])}
    header = Header(
        version="0", suite=planned, seed=0, command="", started="", fingerprint={}
    )  # fmt: skip
    script = Script(found, seconds, folder)
    before = {}
    if folder.exists():
        store, known = Store.reopen(folder)
        before = known.by_case()
    else:
        store = Store.create(folder, header)
    told = []
    watcher = SimpleNamespace(
        stage=lambda _: None,
        progress=told.append,
        finished=lambda group, records: told.append((group.label, len(records))),
    )
    plan = Plan(groups=found, seed=seed, device=device, budget=budget)
    try:
        run(plan, store, before, watcher, measure=script, spent=lambda: script.spent)
    finally:
        store.close()
    return script, told


def clear(_place, name, _process):
    """Return seconds of a call where every verdict is clear at once."""
    return {"standard": 1.0, "lite": 2.0}[name]


def verdict(script, place):
    """Return what the samples given so far say of a group's ratio."""
    lite, standard = (
        next(several for name, several in script.given.items()
             if script.places[name] == place and name.startswith(kind))
        for kind in ("lite", "standard")
    )  # fmt: skip
    return Estimates({"lite": lite, "standard": standard}).ratio("lite", "standard").verdict


# --- whom it asks --------------------------------------------------------------------------


def test_first_each_group_once_and_then_always_the_one_with_the_fewest(tmp_path):
    found = groups(3)
    script, told = carried_out(found, clear, tmp_path / "o")
    assert script.asked == [0, 1, 2] * 3
    assert [what for what in told if isinstance(what, tuple)] == [(g.label, 2) for g in found]
    assert [(each.stage, each.what, each.group) for each in asked_for(told)] == [
        *((1, f"group {n} of 3", group.label) for n, group in enumerate(found, start=1)),
        *((2, "process 2 of 3", group.label) for group in found),
        *((2, "process 3 of 3", group.label) for group in found),
    ]


def asked_for(told):
    """Return what the display was told of each process that was asked."""
    return [each for each in told if isinstance(each, Progress)]


def test_the_time_that_is_left_is_that_of_the_processes_that_are_left(tmp_path):
    """A round takes 3 s of the script's clock; first processes have 6 rounds, the others 8."""
    script, told = carried_out(groups(2), clear, tmp_path / "o", budget=1e4)
    assert script.spent == 2 * (6 + 8 + 8) * 3
    stands = asked_for(told)
    assert stands[0].left == 1e4, "nothing is known yet: at most the budget"
    for each in stands[2:]:
        assert 0.9 * script.spent <= each.spent + each.left <= 1.5 * script.spent
    assert stands[-1].left == pytest.approx(24, rel=0.1), "never done with a process to go"


@pytest.mark.parametrize(
    ("device", "budget", "said"),
    [
        ("cuda:0", 1e4, ""),
        ("cuda:0", 150, "3 of 10 processes of a group fit into the budget"),
        ("cpu", 150, ""),
    ],
)
def test_a_run_on_a_gpu_says_what_it_guesses_and_that_fewer_processes_fit(
    tmp_path, device, budget, said
):
    """Of 150 s, 36 are spent on the first processes, and a further one is taken to last 24."""
    found = groups(2, processes=10)
    _, told = carried_out(found, clear, tmp_path / "o", budget=budget, device=device)
    first, *others = asked_for(told)
    assert first.guessed is (device != "cpu")
    assert not any(each.guessed for each in others), "by then something is measured"
    assert {each.short for each in (first, *others) if each.stage == 1} == {""}
    assert next(each for each in others if each.stage == 2).short == said


def test_the_time_that_is_left_is_never_more_than_the_budget_has(tmp_path):
    _, told = carried_out(groups(3), open_in(0, 1, 2), tmp_path / "o", budget=300)
    assert all(each.spent + each.left <= 300 for each in asked_for(told) if each.left)


def test_each_group_has_its_own_number_of_processes(tmp_path):
    one, two, three = groups(1, processes=1)[0], groups(2)[1], groups(3, processes=5)[2]
    script, _ = carried_out((one, two, three), clear, tmp_path / "o")
    assert script.asked == [0, 1, 2, 1, 2, 1, 2, 2, 2]


QUOTIENTS = [1.2, 1.35, 1.1, *[1.2] * 30]
"""After three: log-mean 0.193, sd 0.103, and t(2) = 4.3 makes it ±0.255: 1 is not left out."""


def open_in(*places):
    """Return times by which the verdicts of some groups are open after three processes."""

    def seconds(place, name, process):
        if place not in places:
            return clear(place, name, process)
        return 1.0 if name == "standard" else QUOTIENTS[process]

    return seconds


def test_then_only_groups_whose_verdict_is_open_until_it_is_not(tmp_path):
    found = groups(3)
    script, told = carried_out(found, open_in(1), tmp_path / "o")
    assert script.asked[:9] == [0, 1, 2] * 3
    more = script.asked[9:]
    assert set(more) == {1}
    assert 1 <= len(more) <= 6
    assert verdict(script, 1) == "slower", "and there it ended"
    extra = asked_for(told)[9:]
    assert {(each.stage, each.group) for each in extra} == {(3, found[1].label)}
    assert [each.what for each in extra] == [
        f"process {number}, 1 verdict open" for number in range(4, 4 + len(extra))
    ]


def test_the_last_process_is_the_one_that_settles_it(tmp_path):
    script, _ = carried_out(groups(1), open_in(0), tmp_path / "o")
    for several in script.given.values():
        several.pop()
    assert verdict(script, 0) == "cannot tell"


def test_the_verdict_that_costs_least_comes_first(tmp_path):
    def seconds(place, name, process):
        return open_in(0, 1)(place, name, process) * (10.0 if place == 0 else 1.0)

    script, told = carried_out(groups(2), seconds, tmp_path / "o")
    more = script.asked[6:]
    assert more == sorted(more, reverse=True), "the cheaper group, then the other"
    assert set(more) == {0, 1}
    assert any(each.what.endswith(", 2 verdicts open") for each in asked_for(told))


def test_a_verdict_that_would_take_too_many_stays_open(tmp_path):
    """Logs ±0.1 around 0: no difference, and more than MOST_TIMES the processes to say so."""

    def seconds(_place, name, process):
        return 1.0 if name == "standard" else (1.105170918, 0.904837418)[process % 2]

    script, _ = carried_out(groups(1, processes=4), seconds, tmp_path / "o")
    assert script.asked == [0] * 4
    assert verdict(script, 0) == "cannot tell"
    assert MOST_TIMES * 4 < 58, "which is what it would take, see test_runs_groups"


# --- the budget ----------------------------------------------------------------------------


def test_it_ends_at_the_budget(tmp_path):
    """A process of a group takes 3 s a round; 4 rounds in each at least."""
    script, _ = carried_out(groups(2, processes=10), clear, tmp_path / "o", budget=100.0)
    assert 100.0 - 4 * 3.0 < script.spent <= 100.0
    counts = Counter(script.asked)
    assert abs(counts[0] - counts[1]) <= 1


@pytest.mark.parametrize(
    ("budget", "rounds"), [(1000.0, [8, 8, 8, 8]), (150.0, [4, 8, 8, 8]), (90.0, [4, 4, 6, 8])]
)
def test_rounds_are_as_many_as_leave_enough_for_the_whole_sweep(tmp_path, budget, rounds):
    """Two groups of 3 s a round, and four processes to go.

    90 s: the first two took 4 rounds each, so 66 s are left. Building and checking count as 4
    rounds until a second process shows that they take nothing: (66 - 48) / 12, (54 - 24) / 9,
    42 / 6, 24 / 3 rounds fit, of which at least 4, at most 8, and an even number are made.
    """
    script, _ = carried_out(groups(2), clear, tmp_path / "o", budget=budget)
    assert Counter(script.asked) == {0: 3, 1: 3}
    assert [o["max_rounds"] for o in script.options[2:]] == rounds
    assert script.spent <= budget


def test_first_processes_share_three_tenths_of_the_budget(tmp_path):
    script, _ = carried_out(groups(2, max_rounds=16), clear, tmp_path / "o", budget=1000.0)
    for options in script.options[:2]:
        assert options["budget"] == pytest.approx(150.0)
        assert (options["min_rounds"], options["max_rounds"]) == (4, 6)


def test_a_process_may_take_half_as_long_again_as_expected(tmp_path):
    script, _ = carried_out(groups(1), clear, tmp_path / "o")
    for options in script.options[1:]:
        assert options["budget"] == pytest.approx(1.5 * 8 * 3.0)


def costly(factor, inner):
    """Return times in which the first group takes so many times as long."""
    return lambda place, name, process: inner(place, name, process) * (1.0 if place else factor)


def test_a_group_that_is_too_dear_does_not_stop_the_others(tmp_path):
    script, _ = carried_out(groups(3), costly(100.0, clear), tmp_path / "o", budget=2000.0)
    assert Counter(script.asked) == {0: 1, 1: 3, 2: 3}


def test_nor_does_it_keep_others_from_settling_what_is_open(tmp_path):
    script, _ = carried_out(groups(2), costly(100.0, open_in(1)), tmp_path / "o", budget=1500.0)
    counts = Counter(script.asked)
    assert counts[0] == 1
    assert counts[1] > 3
    assert verdict(script, 1) == "slower"


def test_every_group_is_measured_once_whatever_the_budget(tmp_path):
    script, _ = carried_out(groups(3), clear, tmp_path / "o", budget=5.0)
    assert script.asked == [0, 1, 2]
    assert load(tmp_path / "o").finished


# --- what is on disk -----------------------------------------------------------------------


def test_what_a_process_said_is_on_disk_before_the_next_is_asked(tmp_path):
    script, _ = carried_out(groups(3), open_in(1), tmp_path / "o")
    assert script.on_disk == [2 * before for before in range(len(script.asked))]


def test_what_is_loaded_is_all_that_was_said(tmp_path):
    found = groups(2)
    script, _ = carried_out(found, open_in(1), tmp_path / "o", seed=3)
    rows = lines(tmp_path / "o")
    assert ["more" in row for row in rows[:6]] == [False] * 4 + [True] * 2
    loaded = load(tmp_path / "o")
    assert [record.case for record in loaded.records] == [
        c.identity for g in found for c in g.cases
    ]
    assert (loaded.torn, loaded.finished) == (0, True)
    for record in loaded.records:
        given = script.given[record.case]
        assert [s.session for s in record.samples] == [s.session for s in given]
        assert [s.seconds for s in record.samples] == [s.seconds for s in given]
        assert len({s.seed for s in record.samples}) == len(given)
        assert record.status == "ok"
        assert record.ran["threads"] == "1", "which only the first process says"
        assert record.tallies.keys() >= {"torch", "fvcore"}


@pytest.mark.parametrize("cut", [1, 40, -1])
def test_a_torn_last_line_is_left_out_and_cut_off(tmp_path, cut):
    carried_out(groups(1), clear, tmp_path / "o")
    path = tmp_path / "o" / "records.jsonl"
    whole = path.read_bytes()
    *_, last = whole.splitlines()
    path.write_bytes(whole + last[:cut])
    torn = load(tmp_path / "o")
    assert torn.torn == 1
    path.write_bytes(whole)
    assert torn.records == load(tmp_path / "o").records
    path.write_bytes(whole + last[:cut])
    store, reopened = Store.reopen(tmp_path / "o")
    store.close()
    assert path.read_bytes() == whole
    assert reopened.records == torn.records


def test_more_of_a_case_that_is_not_there_is_damage(tmp_path):
    carried_out(groups(1), clear, tmp_path / "o")
    path = tmp_path / "o" / "records.jsonl"
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join([*others, first]) + "\n")
    with pytest.raises(RunError, match=r"line 2, is not a record .*no record before it"):
        load(tmp_path / "o")


def test_a_case_that_fails_later_has_no_samples_and_the_others_go_on(tmp_path):
    def seconds(place, name, process):
        return RuntimeError("no more") if (name, process) == ("lite", 1) else clear(place, name, 0)

    def each(place, name, process):
        return clear(place, "lite", process) if name == "ghost" else seconds(place, name, process)

    found = groups(1, names=("standard", "lite", "ghost"))
    script, _ = carried_out(found, each, tmp_path / "o")
    records = {record.name: record for record in load(tmp_path / "o").records}
    assert (records["lite"].status, records["lite"].reason) == ("failed", "no more")
    assert records["lite"].samples == ()
    assert [len(records[name].samples) for name in ("standard", "ghost")] == [3, 3]
    assert script.raced == [3, 3, 2], "and it is asked for no more"


def test_a_group_in_which_all_fail_is_asked_no_more(tmp_path):
    def seconds(place, name, process):
        return RuntimeError("no") if place == 0 else clear(place, name, process)

    script, _ = carried_out(groups(2), seconds, tmp_path / "o")
    assert script.asked == [0, 1, 1, 1]
    statuses = [record.status for record in load(tmp_path / "o").records]
    assert statuses == ["failed", "failed", "ok", "ok"]


def test_what_cannot_run_is_a_record_and_no_process_is_asked(tmp_path):
    found = groups(1)
    slot = SlotGroup(
        spec=ConvSpec(in_channels=3, out_channels=8, input_size=(4, 4), kernel_size=3),
        competitors=(make("depthwise", {}),), block=False, baseline=None, timing=Timing(),
    )  # fmt: skip
    suite = Suite(name="s", description="", groups=(slot,), axes={})
    misfits = tuple(expand(suite, (Condition(device="cpu", threads=1),)))
    script, _ = carried_out((*misfits, *found), clear, tmp_path / "o")
    assert script.asked == [1, 1, 1]
    first = load(tmp_path / "o").records[0]
    assert (first.status, first.samples) == ("skipped", ())


def test_groups_that_are_done_are_left_out(tmp_path):
    found = groups(2)
    carried_out(found[:1], clear, tmp_path / "o")
    before = lines(tmp_path / "o")
    script, _ = carried_out(found, clear, tmp_path / "o")
    assert script.asked == [1, 1, 1]
    assert {row.get("case", row.get("more")) for row in lines(tmp_path / "o")[len(before) :]} == {
        case.identity for case in found[1].cases
    }


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_a_run_that_is_gone_on_with_makes_the_processes_that_are_missing(tmp_path, at):
    """Interrupted at any process, in the end each group has as many as were planned."""
    calls = iter(range(100))

    def seconds(place, name, process):
        if name == "standard" and next(calls) == at:
            raise KeyboardInterrupt
        return clear(place, name, process)

    found, folder = groups(2), tmp_path / "o"
    with pytest.raises(KeyboardInterrupt):
        carried_out(found, seconds, folder)
    asked = sum("case" in row or "more" in row for row in lines(folder))
    carried_out(found, clear, folder)
    records = load(folder).records
    assert {len(record.samples) for record in records} == {3}
    assert all(record.status == "ok" and record.tallies for record in records)
    carried_out(found, clear, tmp_path / "whole")
    assert len(lines(folder)) == len(lines(tmp_path / "whole")), "nothing twice, and nothing less"
    assert asked < len(lines(folder))
    assert carried_out(found, clear, folder)[0].asked == [], "and then nothing is left"


def test_what_processes_said_is_kept_and_said_once_when_gone_on_with(tmp_path):
    found = groups(1)[0]
    record = replace(
        found.cases[0].skeleton,
        samples=tuple(
            samples([1e-3] * 8, str(n), page_faults=(5560,) * 8, block=10, process="forked")
            for n in range(2)
        ),
        flags=("page faults: 556 a call", "denormals: 1.0% of the input's values"),
        ran={"output_dtype": "float32"},
    )
    track = Track(group=found, flagged=lambda r: r, before={record.case: record})
    track.begin(None, 0, SimpleNamespace(stage=None), None)
    assert track.processes == 2
    assert track.more() == [], "as it was written"
    assert [case.identity for case in track.pending] == [c.identity for c in found.cases[1:]]


def test_kernel_times_stay_with_their_process_when_gone_on_with():
    found = groups(1)[0]
    times = {str(n): samples([1e-3] * 8, str(n)) for n in range(3)}
    record = replace(
        found.cases[0].skeleton,
        samples=tuple(times.values()),
        also={"kernel": (times["0"], times["2"])},
    )
    track = Track(group=found, flagged=lambda r: r, before={record.case: record})
    track.begin(None, 0, SimpleNamespace(stage=None), None)
    of = track.gathering.outcomes[record.case]
    assert [[s.session for s in one.also.values()] for one in of] == [["0"], [], ["2"]]


@pytest.mark.parametrize("at", [0, 1, 3, 5])
def test_an_interrupt_passes_through_and_all_before_it_is_kept(tmp_path, at):
    folder = tmp_path / "o"
    calls = iter(range(100))

    def seconds(place, name, process):
        if name == "standard" and next(calls) == at:
            raise KeyboardInterrupt
        return clear(place, name, process)

    with pytest.raises(KeyboardInterrupt):
        carried_out(groups(2), seconds, folder)
    records = load(folder).records
    assert sum(len(record.samples) for record in records) == 2 * at
    assert len(records) == 2 * min(at, 2)
