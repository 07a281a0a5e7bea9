"""A group's way through processes: what fails, what is wrong, what dies, what is written."""

import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from convbench.clock.conversation import ProcessDied, ProcessError
from convbench.clock.crew import Order, Outcome
from convbench.clock.group_process import do
from convbench.clock.processes import ready
from convbench.clock.sampler import measure_group
from convbench.clock.samples import KERNEL, Samples
from convbench.convs.base import make
from convbench.core.spec import ConvSpec
from convbench.runs.cases import expand
from convbench.runs.conditions import Condition
from convbench.runs.groups import HOPELESS, Track
from convbench.runs.measuring import CaseCrew
from convbench.runs.suite import SlotGroup, Suite, Timing

SPEC = ConvSpec(
    in_channels=4, out_channels=4, input_size=(8, 8), kernel_size=3, padding="same", batch=2
)
SILENT = SimpleNamespace(stage=lambda _: None)


def group(*names, condition=None, **timing):
    """Return a group of types in one slot."""
    competitors = tuple(make(name, {}) for name in names)
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


class Scripted:
    """Stands in for a nursery: `answer(cases, order, told)` is what a process says."""

    kind = "forked"

    def __init__(self, answer):
        self.answer = answer
        self.orders = []

    def ask(self, function, crew, order, *, told, timeout):
        assert function == "convbench.clock.group_process:do"
        self.orders.append(order)
        cases = [case for case in crew.cases if case.identity not in order.without]
        return self.answer(cases, order, told)


def run(found, answer, processes=2):
    """Ask processes about a group; return its records by type, and what each process was told."""
    nursery = Scripted(answer)
    track = Track(group=found, flagged=lambda record: record)
    track.begin(nursery, 1, SILENT, None)
    track.ask(0.2, 4)
    records = {record.case: record for record in track.first_records(SILENT)}
    for _ in range(processes - 1):
        if track.alive:
            track.ask(0.2, 4)
            for more in track.more():
                records[more.more] = more.onto(records[more.more])
    assert records == track.records, "what is written adds up to what is known"
    return {record.name: record for record in records.values()}, nursery.orders


def fair(cases, order, _told, **times):
    """Answer as a process in which every type takes the same, or what `times` says."""
    return {
        case.identity: Outcome(
            samples=samples(
                [times.get(case.skeleton.name, 1e-3) * (1 + 0.01 * (k % 3)) for k in range(8)],
                session=order.session,
                process=order.process,
            ),
            digests=((1.0,), (2.0,)) if order.first else (),
        )
        for case in cases
    }


def test_every_process_is_asked_for_all_with_a_number_and_a_session_of_its_own():
    records, orders = run(group("standard", "lite"), fair, processes=3)
    assert [order.number for order in orders] == [0, 1, 2]
    assert len({order.session for order in orders}) == 3
    assert {(order.seconds, order.min_rounds, order.max_rounds) for order in orders} == {
        (0.2, 4, 4)
    }
    assert all(len(record.samples) == 3 for record in records.values())
    assert all(record.status == "ok" for record in records.values())
    assert {s.process for record in records.values() for s in record.samples} == {"forked"}
    assert records["lite"].tallies["torch"].macs == records["lite"].cost.multiplications


def test_later_processes_are_told_the_blocks_and_the_right_outputs_of_the_first():
    _, (first, second) = run(group("standard", "lite"), fair)
    assert (first.blocks, first.digests) == ({}, {})
    assert set(second.blocks.values()) == {10}
    assert set(second.digests.values()) == {((1.0,), (2.0,))}
    assert len(second.blocks) == len(second.digests) == 2


def test_a_process_that_dies_takes_only_the_case_it_was_at():
    def answer(cases, order, told):
        names = {case.skeleton.name: case.identity for case in cases}
        if "lite" in names:
            told(("at", names["standard"]))
            told(("at", names["lite"]))
            raise ProcessDied("its process crashed (SIGSEGV)")
        return fair(cases, order, told)

    records, orders = run(group("standard", "lite", "ghost"), answer)
    assert records["lite"].status == "failed"
    assert records["lite"].reason == "its process crashed (SIGSEGV)"
    assert {records[name].status for name in ("standard", "ghost")} == {"ok"}
    assert [len(order.without) for order in orders] == [0, 1, 1], "and it is asked for no more"


def test_a_process_that_dies_between_the_cases_blames_none_of_them():
    def answer(cases, order, told):
        told(("at", cases[0].identity))
        told(("at", ""))
        raise ProcessDied("its process was killed (SIGKILL)")

    records, _ = run(group("standard", "lite"), answer)
    for record in records.values():
        assert record.status == "failed"
        assert record.reason == "twice, while its group was timed, its process was killed (SIGKILL)"


def test_an_error_of_the_process_is_the_reason_of_all():
    def answer(cases, order, told):
        raise ProcessError("ImportError: no")

    records, _ = run(group("standard", "lite"), answer)
    assert {record.reason for record in records.values()} == {"ImportError: no"}


def test_a_wrong_result_is_invalid_and_has_no_time():
    def answer(cases, order, told):
        found = fair(cases, order, told)
        for case in cases:
            if case.skeleton.name == "lite" and order.number == 1:
                found[case.identity] = Outcome(failure="the output was wrong", wrong=True)
        return found

    records, _ = run(group("standard", "lite"), answer)
    assert records["standard"].status == "ok"
    assert records["lite"].status == "invalid"
    assert records["lite"].reason == "the output was wrong"
    assert records["lite"].samples == (), "not even those of the process that saw nothing wrong"


def busy(share):
    """Answer as a process whose samples had the processor for a share of their time."""
    return lambda cases, order, _told: {
        case.identity: Outcome(samples=samples([1e-3] * 6, session=order.session, busy=share))
        for case in cases
    }


def test_samples_that_all_lost_most_of_their_time_are_invalid_and_kept():
    records, _ = run(group("standard", "lite"), busy(0.4))
    for record in records.values():
        assert (record.status, record.reason) == ("invalid", HOPELESS)
        assert len(record.samples) == 2, "shown, never dropped"
        assert "contaminated: 100% of the samples" in record.flags


def test_a_case_that_becomes_hopeful_is_ok():
    shares = [0.4, 0.9]
    records, _ = run(group("standard"), lambda c, o, t: busy(shares[o.number])(c, o, t))
    assert (records["standard"].status, records["standard"].reason) == ("ok", "")


def test_samples_that_lost_a_tenth_are_flagged_and_believed():
    records, _ = run(group("standard", "lite"), busy(0.9))
    for record in records.values():
        assert record.status == "ok"
        assert "contaminated: 100% of the samples" in record.flags


def test_page_faults_are_flagged_on_the_row():
    def answer(cases, order, _told):
        taken = samples([1e-3] * 6, session=order.session, page_faults=(5560,) * 6)
        return {case.identity: Outcome(samples=taken) for case in cases}

    records, _ = run(group("standard"), answer)
    assert "page faults: 556 a call" in records["standard"].flags


def test_a_process_that_dies_once_between_the_cases_is_asked_again():
    times = []

    def answer(cases, order, told):
        times.append(order)
        if len(times) == 1:
            raise ProcessDied("its process was killed (SIGKILL)")
        return fair(cases, order, told)

    records, _ = run(group("standard", "lite"), answer)
    assert {record.status for record in records.values()} == {"ok"}


@pytest.mark.parametrize(
    ("times", "verdict", "needed"),
    [
        ((2.0,) * 4, "slower", []),
        ((1.0,) * 4, "same", []),
        # logs ±0.1: sd 0.11547, over the root of 4, with a drift of 0.012 an error of 0.05897; t(3)
        # is 3.1824, the reach 0.18767; log 1.05 is enough. At 2 errors: 0.008661 / 0.0004511 × 4
        ((1.105170918, 0.904837418) * 2, "cannot tell", [78]),
    ],
)
def test_an_open_verdict_says_how_many_processes_it_wants(times, verdict, needed):
    found = group("standard", "lite")
    factor = iter(times)
    nursery = Scripted(lambda c, o, t: fair(c, o, t, lite=1e-3 * next(factor)))
    track = Track(group=found, flagged=lambda record: record)
    track.begin(nursery, 1, SILENT, None)
    for _ in times:
        track.ask(0.2, 4)
    assert [ratio.verdict for ratio in track.ratios()] == [verdict]
    assert track.needed() == needed


def on_a_gpu(cases, order, _told):
    """Answer as a process on a GPU whose host had no time: kernels, and launches that waited."""
    found = {}
    for case in cases:
        at, seconds = case.identity, {"lite": 2e-6, "standard": 4e-6}[case.skeleton.name]
        known = {"session": order.session, "block": 50}
        events = samples([18e-6] * 8, stopwatch="cuda-events", host_seconds=(18e-6,) * 8,
                         waited_seconds=(12e-6,) * 8, **known)  # fmt: skip
        alone = samples([seconds] * 8, stopwatch="cuda-kernel", **known)
        found[at] = Outcome(samples=events, also={KERNEL: alone})
    return found


def test_on_a_gpu_what_is_judged_and_flagged_is_kernel_time():
    """And so is what more processes are wanted for."""
    records, _ = run(group("standard", "lite"), on_a_gpu)
    for record in records.values():
        assert (record.status, record.flags) == ("ok", ()), "the host waited, and no kernel did"
        assert [one.stopwatch for one in record.judged] == ["cuda-kernel"] * 2
    track = Track(group=group("standard", "lite"), flagged=lambda record: record)
    track.begin(Scripted(on_a_gpu), 1, SILENT, None)
    for _ in range(4):
        track.ask(0.2, 4)
    (ratio,) = track.ratios()
    assert (ratio.value, ratio.verdict) == (pytest.approx(0.5), "faster")


def test_a_run_that_goes_on_captures_no_case_again_that_could_not_be_captured():
    flag = "kernels not timed: NotCapturableError: it reads a value"

    def answer(cases, order, told):
        found = on_a_gpu(cases, order, told)
        (lite,) = (case.identity for case in cases if case.skeleton.name == "lite")
        said = () if lite in order.without_kernels else (flag,)
        quiet = replace(found[lite].samples, waited_seconds=())
        found[lite] = replace(found[lite], samples=quiet, also={}, flags=said)
        return found

    records, (first, second) = run(group("standard", "lite"), answer)
    assert (records["lite"].flags, records["lite"].also) == ((flag,), {})
    name = records["lite"].case
    assert (first.without_kernels, second.without_kernels) == (frozenset(), {name})
    before = {record.case: record for record in records.values()}
    nursery = Scripted(answer)
    track = Track(group("standard", "lite"), flagged=lambda record: record, before=before)
    track.begin(nursery, 1, SILENT, None)
    track.ask(0.2, 4)
    assert nursery.orders[0].without_kernels == {name}


# --- in this process, with the real modules ----------------------------------------------------


def in_this_process(found, number=0, digests=None, **changes):
    condition = found.cases[0].condition
    order = Order(
        seed=0, seconds=60, min_rounds=2, max_rounds=2, number=number, session="s",
        threads=condition.threads, grad=condition.direction == "training", digests=digests or {},
    )  # fmt: skip
    messages = []
    outcomes = do(CaseCrew(cases=found.cases), order, tell=messages.append, **changes)
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
        if condition.get("direction") == "training":
            assert outcome.execution.reason == "a training step: only forward passes are observed"
        else:
            assert "convolution" in {kernel.operator for kernel in outcome.execution.kernels}
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
    from convbench.clock import checking

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


def test_a_later_process_compares_with_what_the_first_found_right(monkeypatch):
    found = group("standard", "lite")
    first, _ = in_this_process(found)
    known = {f"{name} | {found.label}": outcome.digests for name, outcome in first.items()}
    assert all(len(values) == 2 for values in known.values())
    again, _ = in_this_process(found, number=1, digests=known)
    assert {outcome.failure for outcome in again.values()} == {""}
    assert {outcome.ran == {} for outcome in again.values()} == {True}, "the first said it"
    kind = type(found.cases[0].kind)
    build = kind.build
    monkeypatch.setattr(kind, "build", lambda self, spec: Wrong(build(self, spec)))
    other, _ = in_this_process(found, number=1, digests=known)
    assert other["standard"].wrong
    assert "it was another one before" in other["standard"].failure
    assert other["lite"].samples is not None


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


def test_blocks_and_threads_reach_the_sampler():
    seen = {}

    def measure(work, **options):
        seen.update(options)
        return measure_group(work, **options)

    in_this_process(group("lite", "standard"), measure=measure)
    assert (seen["blocks"], seen["threads"], seen["min_rounds"]) == ({}, 1, 2)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no signals to kill by")
def test_a_real_process_that_is_killed_fails_one_case_and_the_rest_is_measured(tmp_path):
    """Through a real fresh process: a plugin's type that kills its process when it is built."""
    from plugin_text import PLUGIN

    from convbench.convs.base import TYPES
    from convbench.core.plugins import load_plugin

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
        found = group("standard", name)
        track = Track(group=found, flagged=lambda record: record)
        track.begin(ready(plugins=(str(deadly),)), 0, SILENT, None)
        track.ask(0.05, 4)
        records = {record.name: record for record in track.first_records(SILENT)}
    finally:
        TYPES.remove(name)
    assert records[name].status == "failed"
    assert "killed (SIGKILL)" in records[name].reason
    assert records["standard"].samples[0].process == ready(plugins=(str(deadly),)).kind


def test_a_case_that_calls_exit_fails_alone(monkeypatch):
    found = group("standard", "lite")

    def build(self, spec):
        raise SystemExit(3)

    monkeypatch.setattr(type(found.cases[0].kind), "build", build)
    outcomes, _ = in_this_process(found)
    assert outcomes["standard"].failure == "SystemExit: 3"
    assert outcomes["lite"].samples is not None


def test_copies_of_a_group_share_one_limit():
    from convbench.clock.caches import MOST_BYTES, MOST_COPIES, copies_for

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
        forward, seconds = compiled(module, lambda f: f(x), anew=False, device="cpu")
        assert torch.allclose(forward(x), module(x), atol=1e-5)
    graphs.append(seconds)
refused = []
class Decides(torch.nn.Module):
    def forward(self, x):
        return x + 1 if float(x.sum()) > 0 else x - 1


try:
    compiled(Decides(), lambda f: f(x), anew=False, device="cpu")
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
