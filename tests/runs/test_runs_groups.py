"""A group's way through processes: what fails, what is wrong, what dies, what is enough."""

import math
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from convbench.convs.base import make
from convbench.runs import groups
from convbench.runs.cases import expand
from convbench.runs.conditions import Condition
from convbench.runs.groups import ALL_CONTAMINATED, measure_in_processes
from convbench.runs.measuring import Errand, Outcome, measure_cases
from convbench.runs.suite import SlotGroup, Suite, Timing
from convbench.spec import ConvSpec
from convbench.timing.processes import ProcessDied, ProcessError
from convbench.timing.sampler import measure_group
from convbench.timing.samples import Samples

SPEC = ConvSpec(
    in_channels=4, out_channels=4, input_size=(8, 8), kernel_size=3, padding="same", batch=2
)
SILENT = SimpleNamespace(
    group=lambda *_: None, stage=lambda _: None, round=lambda *_: None, finished=lambda _: None
)


def group(*names, condition=None, **timing):
    """Return a group of types in one slot."""
    competitors = tuple(make(name, {}) for name in names)
    timing = {"seconds_per_group": 0.05, "processes": 2, "min_rounds": 4, "max_rounds": 8, **timing}
    suite = Suite(
        name="s",
        description="",
        groups=(SlotGroup(spec=SPEC, competitors=competitors, block=False, baseline=None,
                          timing=Timing(**timing)),),
        axes={},
    )  # fmt: skip
    (found,) = expand(suite, (condition or Condition(device="cpu", threads=1),))
    return found


def samples(seconds, *, session, busy=1.0, **changes):
    """Return samples of one process; `busy` is CPU time as a share of wall time."""
    values = {
        "seconds": tuple(seconds),
        "cpu_seconds": tuple(busy * value for value in seconds),
        "page_faults": (0,) * len(seconds),
        "involuntary_switches": (0,) * len(seconds),
        "block": 10,
        "first_call": 1e-3,
        "warmup_calls": 10,
        "stopwatch": "wall",
        "seed": 0,
        "threads": 1,
        "session": session,
        "stop_reason": "told so",
        "process": "fresh",
    }
    return Samples(**{**values, **changes})


def answering(monkeypatch, answer):
    """Let `answer(errand, told)` stand in for a fresh process; return the errands it was given."""
    asked = []

    def fresh(function, errand, *, allocator, plugins, told):
        assert function == "convbench.runs.measuring:measure_cases"
        asked.append(errand)
        return answer(errand, told)

    monkeypatch.setattr(groups, "fresh", fresh)
    return asked


def run(found, **changes):
    return {
        record.name: record
        for record in measure_in_processes(
            found, list(found.cases), seed=1, plugins=(), watcher=SILENT, **changes
        )
    }


def fair(errand, _told, **times):
    """Answer as a process in which every type takes the same, or what `times` says."""
    return {
        case.identity: Outcome(
            samples=samples(
                [times.get(case.skeleton.name, 1e-3) * (1 + 0.01 * (k % 3)) for k in range(8)],
                session=errand.session,
            )
        )
        for case in errand.cases
    }


def test_every_process_is_asked_for_all_with_its_own_share_number_and_session(monkeypatch):
    asked = answering(monkeypatch, lambda e, t: fair(e, t, lite=2e-3 + e.number * 1e-3))
    records = run(group("standard", "lite", processes=3, seconds_per_group=0.6, min_rounds=12))
    assert [errand.number for errand in asked] == [0, 1, 2]
    assert len({errand.session for errand in asked}) == 3
    assert [errand.seconds for errand in asked] == [pytest.approx(0.2)] * 3
    assert {errand.min_rounds for errand in asked} == {4}
    assert all(len(record.samples) == 3 for record in records.values())
    assert all(record.status == "ok" for record in records.values())
    assert records["lite"].tallies["torch"].macs == records["lite"].cost.multiplications


def test_no_further_process_is_asked_when_the_ratios_are_known(monkeypatch):
    asked = answering(monkeypatch, fair)
    run(group("standard", "lite", processes=9, target=0.05))
    assert len(asked) == 2, "one process says nothing of others; two that agree are enough"


def test_a_target_that_is_not_met_asks_them_all(monkeypatch):
    luck = iter([1e-3, 1.3e-3, 0.8e-3, 1.1e-3])
    asked = answering(monkeypatch, lambda e, t: fair(e, t, lite=next(luck)))
    run(group("standard", "lite", processes=4, target=0.01))
    assert len(asked) == 4


def test_a_process_that_dies_takes_only_the_case_it_was_at(monkeypatch):
    def answer(errand, told):
        names = {case.skeleton.name: case.identity for case in errand.cases}
        if "lite" in names:
            told(("at", names["standard"]))
            told(("at", names["lite"]))
            raise ProcessDied("its process crashed (SIGSEGV)")
        return fair(errand, told)

    asked = answering(monkeypatch, answer)
    records = run(group("standard", "lite", "ghost"))
    assert records["lite"].status == "failed"
    assert records["lite"].reason == "its process crashed (SIGSEGV)"
    assert {records[name].status for name in ("standard", "ghost")} == {"ok"}
    assert [len(errand.cases) for errand in asked] == [3, 2, 2], "and it is asked for no more"


def test_a_process_that_dies_between_the_cases_blames_none_of_them(monkeypatch):
    def answer(errand, told):
        told(("at", errand.cases[0].identity))
        told(("at", ""))
        raise ProcessDied("its process was killed (SIGKILL)")

    answering(monkeypatch, answer)
    records = run(group("standard", "lite"))
    for record in records.values():
        assert record.status == "failed"
        assert record.reason == "twice, while its group was timed, its process was killed (SIGKILL)"


def test_an_error_of_the_process_is_the_reason_of_all(monkeypatch):
    def answer(errand, told):
        raise ProcessError("ImportError: no")

    answering(monkeypatch, answer)
    assert {record.reason for record in run(group("standard", "lite")).values()} == {
        "ImportError: no"
    }


def test_a_wrong_result_is_invalid_and_has_no_time(monkeypatch):
    def answer(errand, told):
        found = fair(errand, told)
        for case in errand.cases:
            if case.skeleton.name == "lite" and errand.number == 1:
                found[case.identity] = Outcome(failure="the output was wrong", wrong=True)
        return found

    answering(monkeypatch, answer)
    records = run(group("standard", "lite"))
    assert records["standard"].status == "ok"
    assert records["lite"].status == "invalid"
    assert records["lite"].reason == "the output was wrong"
    assert records["lite"].samples == (), "not even those of the process that saw nothing wrong"


def test_a_row_of_contaminated_samples_alone_is_invalid_and_keeps_them(monkeypatch):
    def answer(errand, told):
        return {
            case.identity: Outcome(samples=samples([1e-3] * 6, session=errand.session, busy=0.5))
            for case in errand.cases
        }

    answering(monkeypatch, answer)
    for record in run(group("standard", "lite")).values():
        assert (record.status, record.reason) == ("invalid", ALL_CONTAMINATED)
        assert len(record.samples) == 2, "shown, never dropped"
        assert "contaminated: 100% of the samples" in record.flags


def test_one_clean_sample_is_enough_to_be_flagged_and_believed(monkeypatch):
    def answer(errand, told):
        mixed = replace(
            samples([1e-3] * 6, session=errand.session, busy=0.5),
            cpu_seconds=(1e-3, *[0.5e-3] * 5),
        )
        return {case.identity: Outcome(samples=mixed) for case in errand.cases}

    answering(monkeypatch, answer)
    for record in run(group("standard", "lite")).values():
        assert record.status == "ok"
        assert "contaminated: 83% of the samples" in record.flags


def test_page_faults_are_flagged_on_the_row(monkeypatch):
    def answer(errand, told):
        taken = samples([1e-3] * 6, session=errand.session, page_faults=(5560,) * 6)
        return {case.identity: Outcome(samples=taken) for case in errand.cases}

    answering(monkeypatch, answer)
    assert "page faults: 556 a call" in run(group("standard"))["standard"].flags


def test_a_process_that_dies_once_between_the_cases_is_asked_again(monkeypatch):
    times = []

    def answer(errand, told):
        times.append(errand)
        if len(times) == 1:
            raise ProcessDied("its process was killed (SIGKILL)")
        return fair(errand, told)

    answering(monkeypatch, answer)
    assert {record.status for record in run(group("standard", "lite")).values()} == {"ok"}


def test_a_process_among_several_does_not_stop_by_its_own_interval(monkeypatch):
    asked = answering(monkeypatch, fair)
    run(group("standard", "lite", processes=3, target=0.05))
    assert {errand.target for errand in asked} == {None}
    alone = answering(monkeypatch, fair)
    run(group("standard", "lite", processes=1, target=0.05))
    assert {errand.target for errand in alone} == {0.05}


def test_the_row_says_that_the_target_over_processes_was_met(monkeypatch):
    answering(monkeypatch, fair)
    for record in run(group("standard", "lite", processes=9, target=0.05)).values():
        first, last = record.samples
        assert first.stop_reason == "told so"
        assert last.stop_reason.startswith("told so; target met: every ratio known to ±0.")


# --- in this process, with the real modules ----------------------------------------------------


def in_this_process(found, **changes):
    errand = Errand(
        cases=found.cases, seed=0, seconds=60, min_rounds=2, max_rounds=2, target=0.01,
        number=0, session="s",
    )  # fmt: skip
    messages = []
    outcomes = measure_cases(errand, tell=messages.append, **changes)
    return {identity.split(" | ")[0]: outcome for identity, outcome in outcomes.items()}, messages


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"direction": "training"},
        {"cache": "cold"},
        {"cache": "cold_weights"},
        {"layout": "channels_last"},
        {"dtype": "bfloat16"},
        {"dtype": "float64"},
    ],
    ids=str,
)
def test_every_condition_runs_and_its_output_is_right(condition):
    found = group("standard", "depthwise_separable", "dynamic",
                  condition=Condition(device="cpu", threads=1, **condition))  # fmt: skip
    before = torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    outcomes, _ = in_this_process(found)
    for outcome in outcomes.values():
        assert outcome.failure == ""
        assert len(outcome.samples.seconds) == 2
        assert outcome.ran["threads"] == "1"
        assert outcome.ran["convolution_backend"] not in {"", "none", "unknown"}
        cold = condition.get("cache", "warm") != "warm"
        assert (outcome.samples.pool_bytes > 0) == cold
    after = torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    assert after == before


def test_it_says_where_it_is_before_each_case_first_runs():
    _, messages = in_this_process(group("standard", "lite"))
    places = [value.split(" | ")[0] for kind, *rest in messages if kind == "at" for value in rest]
    assert places[:3] == ["standard", "lite", ""], "building, one after the other, then none"
    assert sorted(places[3:5]) == ["lite", "standard"], "first calls, in a random order"
    assert places[5] == ""
    assert ("round", 1, 2) in messages


class Caching(torch.nn.Module):
    """Remembers its output by the address of its input: quick, and wrong."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.known = {}

    def forward(self, x):
        if x.data_ptr() not in self.known:
            self.known[x.data_ptr()] = self.inner(x)
        return self.known[x.data_ptr()]


class Wrong(Caching):
    """Is off by one."""

    def forward(self, x):
        return self.inner(x) + 1


@pytest.mark.parametrize(
    ("stub", "said"),
    [(Caching, "after the timing the output was wrong"), (Wrong, "before the timing the output")],
)
def test_a_stub_is_found_out_and_has_no_time(monkeypatch, stub, said):
    from convbench.timing import checking

    found = group("standard", "lite")
    kind = type(found.cases[0].kind)
    build = kind.build
    monkeypatch.setattr(kind, "build", lambda self, spec: stub(build(self, spec)))
    # the reference is made of the module itself; a copy of the stub would be as wrong as it is
    copied = checking.copy.deepcopy
    monkeypatch.setattr(
        checking.copy, "deepcopy", lambda m: copied(m.inner if isinstance(m, Caching) else m)
    )
    outcomes, _ = in_this_process(found)
    assert outcomes["standard"].wrong
    assert said in outcomes["standard"].failure
    assert outcomes["standard"].samples is None
    assert outcomes["lite"].samples is not None


def test_a_case_that_cannot_be_built_fails_alone(monkeypatch):
    found = group("standard", "lite")

    def build(self, spec):
        raise MemoryError("no room")

    monkeypatch.setattr(type(found.cases[0].kind), "build", build)
    outcomes, _ = in_this_process(found)
    assert outcomes["standard"].failure == "MemoryError: no room"
    assert not outcomes["standard"].wrong
    assert outcomes["lite"].samples is not None


def test_what_is_in_force_is_restored_after_an_exception(monkeypatch):
    before = torch.get_num_threads()

    def measure(*_args, **_options):
        assert torch.get_num_threads() == 1
        assert torch.is_inference_mode_enabled()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_this_process(group("standard"), measure=measure)
    assert torch.get_num_threads() == before
    assert not torch.is_inference_mode_enabled()


def test_the_baseline_and_the_target_reach_the_sampler():
    seen = {}

    def measure(work, **options):
        seen.update(options)
        return measure_group(work, **options)

    found = group("lite", "standard")
    in_this_process(found, measure=measure)
    assert seen["base"].startswith("standard | ")
    assert (seen["target"], seen["threads"], seen["min_rounds"]) == (0.01, 1, 2)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no signals to kill by")
def test_a_real_process_that_is_killed_fails_one_case_and_the_rest_is_measured(tmp_path):
    """Through a real fresh process: a plugin's type that kills its process when it is built."""
    from plugin_text import PLUGIN

    from convbench.convs.base import TYPES
    from convbench.plugins import load_plugin

    deadly = tmp_path / "deadly_kind.py"
    killing = (
        "def build(self, spec):\n"
        "        import os, signal\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n\n"
        "    def unused(self"
    )
    text = PLUGIN.replace("def build(self", killing)
    deadly.write_text(text)
    known = set(TYPES)
    load_plugin(str(deadly))
    (name,) = set(TYPES) - known
    try:
        found = group("standard", name, processes=1)
        records = {
            record.name: record
            for record in measure_in_processes(
                found, list(found.cases), seed=0, plugins=(str(deadly),), watcher=SILENT
            )
        }
    finally:
        TYPES.remove(name)
    assert records[name].status == "failed"
    assert "killed (SIGKILL)" in records[name].reason
    assert records["standard"].samples
    assert math.isfinite(records["standard"].samples[0].median)


def test_a_case_that_calls_exit_fails_alone(monkeypatch):
    found = group("standard", "lite")

    def build(self, spec):
        raise SystemExit(3)

    monkeypatch.setattr(type(found.cases[0].kind), "build", build)
    outcomes, _ = in_this_process(found)
    assert outcomes["standard"].failure == "SystemExit: 3"
    assert outcomes["lite"].samples is not None


def test_copies_of_a_group_share_one_limit():
    from convbench.timing.caches import MOST_BYTES, MOST_COPIES, copies_for

    assert copies_for(1) == MOST_COPIES
    assert copies_for(MOST_BYTES // 10) == 10
    assert copies_for(MOST_BYTES // 10, 5) == 2
    assert copies_for(MOST_BYTES, 20) == 1, "the one that there is anyway"


COMPILE = """
import json, sys, torch
from convbench.runs.compiling import NotCompiledError, compiled

x = torch.randn(1, 4, 8, 8)
graphs = []
for seed in range(12):  # more than torch's limit of 8 variants of one piece of code
    module = torch.nn.Sequential(torch.nn.Conv2d(4, 4 + seed, 3), torch.nn.ReLU()).eval()
    with torch.inference_mode():
        forward, seconds = compiled(module, lambda f: f(x), anew=False)
        assert torch.allclose(forward(x), module(x), atol=1e-5)
    graphs.append(seconds)
refused = []
class Decides(torch.nn.Module):
    def forward(self, x):
        return x + 1 if float(x.sum()) > 0 else x - 1


try:
    compiled(Decides(), lambda f: f(x), anew=False)
except Exception as error:
    refused.append(type(error).__name__)
print(json.dumps({"compiled": len(graphs), "refused": refused}))
"""


def test_every_module_is_compiled_whatever_their_number(tmp_path):
    """In a process of its own: torch's limits are lifted there."""
    import json
    import shutil
    import subprocess
    import sys

    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler on a CPU, and g++ is not here")
    from conftest_root import ROOT

    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["compiled"] == 12
    assert len(found["refused"]) == 1, "what is left in eager mode is refused"
