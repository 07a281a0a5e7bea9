"""convbench.measure: the API, where things are timed, what fails alone, what is left as it was."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest_root import ROOT
from torch import nn

import convbench
from convbench.clock import gathering, measuring
from convbench.clock.contamination import flags
from convbench.clock.conversation import ProcessDied, ProcessError
from convbench.clock.crew import Outcome
from convbench.clock.estimates import of_process
from convbench.clock.measurement import Measurement, MeasurementError
from convbench.clock.measuring import MeasureError, measure
from convbench.clock.processes import ready
from convbench.clock.samples import Samples
from convbench.core.errors import UnknownNameError
from convbench.core.intervals import Interval, RatioInterval

QUICK: dict[str, Any] = {"budget": 0.1, "min_rounds": 2, "processes": 1}

OTHERS = '''
import os, signal, time

class Here:
    """Raises wherever it is not at home, when it is unpickled."""
    def __init__(self, error):
        self.home = os.getpid()
        self.error = error
    def __setstate__(self, state):
        self.__dict__.update(state)
        if os.getpid() != self.home:
            raise self.error
    def __call__(self):
        return self.home

def crash():
    os.kill(os.getpid(), signal.SIGSEGV)

class CrashLater:
    """Ends its process at its tenth call."""
    def __init__(self):
        self.calls = 0
    def __call__(self):
        self.calls += 1
        if self.calls == 10:
            os.kill(os.getpid(), signal.SIGKILL)

def never():
    time.sleep(600)

class NeverLater:
    """Does not return from one of its calls."""
    def __init__(self, number):
        self.calls, self.number = 0, number
    def __call__(self):
        self.calls += 1
        if self.calls == self.number:
            time.sleep(600)

def slow():
    time.sleep(0.6)

def forks_a_child():
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)

class Forks:
    """Forks at one of its calls, or at all (0), a process that goes on with everything."""
    def __init__(self, number, leaves=False):
        self.calls, self.number, self.leaves = 0, number, leaves
    def __call__(self):
        self.calls += 1
        if self.number in (0, self.calls) and not os.fork() and self.leaves:
            raise SystemExit
        return 1

def fail():
    raise RuntimeError("no\\nreally")

def pages():
    return sum(range(1000)), os.environ["MALLOC_MMAP_MAX_"]
'''


@pytest.fixture(autouse=True)
def _others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "others_of_tests.py").write_text(OTHERS)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = state()
    yield
    assert state() == before


def state() -> dict[str, Any]:
    """Return what a measurement may not change."""
    return {
        "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "benchmark": torch.backends.cudnn.benchmark,
        "environment": {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
        "random": torch.get_rng_state().tolist(),
    }


def other(name: str) -> Any:
    """Return something that another process can import."""
    import others_of_tests  # type: ignore[import-not-found]

    return getattr(others_of_tests, name)


def pair() -> dict[str, tuple[nn.Module, tuple[torch.Tensor, ...]]]:
    """Return a depthwise and a standard convolution with inputs."""
    with torch.random.fork_rng():
        inputs = (torch.randn(1, 8, 12, 12),)
        return {
            "dw": (nn.Conv2d(8, 8, 3, groups=8).eval(), inputs),
            "std": (nn.Conv2d(8, 8, 3).eval(), inputs),
        }


def samples(seconds: float = 0.001, rounds: int = 20, **changes: Any) -> Samples:
    """Return clean samples of a fresh process."""
    values: dict[str, Any] = {
        "seconds": tuple(seconds * (1 + place % 3 / 100) for place in range(rounds)),
        "page_faults": (0,) * rounds,
        "involuntary_switches": (0,) * rounds,
        "block": 4,
        "first_call": 1.0,
        "warmup_calls": 10,
        "stopwatch": "wall",
        "seed": 0,
        "threads": 1,
        "session": "s",
        "stop_reason": "told so",
        "process": "fresh",
    }
    values["cpu_seconds"] = values["seconds"]
    return Samples(**{**values, **changes})


def busy(one: Samples) -> Samples:
    """Return the samples as they are where somebody else had most of each."""
    return replace(one, cpu_seconds=tuple(0.4 * s for s in one.seconds))


# --- the API -------------------------------------------------------------------------------


def test_the_api_word_for_word() -> None:
    work = pair()
    before = work["dw"][1][0].clone()
    found = convbench.measure(
        {"dw": work["dw"], "std": work["std"]}, budget=0.5, processes=1, seed=0, threads=1
    )
    assert isinstance(found, Measurement)
    assert set(found.samples) == {"dw", "std"}
    for name in ("dw", "std"):
        (one,) = found.samples[name]
        assert isinstance(one, Samples)
        assert (one.process, one.allocator, one.threads) == (ready().kind, "kept", 1)
        assert one.seed == 0
        assert len(one.seconds) >= 6
        assert isinstance(found.flags[name], tuple)
        assert not any(flag.startswith("process:") for flag in found.flags[name])
    assert found.samples["dw"][0].session == found.samples["std"][0].session
    assert found.failures == {}
    assert found.notes == ()
    assert "budget of 0.5 s spent after" in found.stop_reason
    assert torch.equal(work["dw"][1][0], before)
    # a machine so busy that every sample lost most of its time gives no number, and says so
    try:
        median, ratio = found.median("dw"), found.ratio("std", "dw")
    except MeasurementError as error:
        assert "for most of every sample" in str(error)  # noqa: PT017
        return
    assert median > 0
    assert isinstance(ratio, RatioInterval)
    assert 0 < ratio.low <= ratio.value <= ratio.high
    assert ratio.verdict in {"faster", "slower", "same", "cannot tell"}
    assert ratio.paired


def test_several_processes_are_several_samples_of_sessions_of_their_own() -> None:
    found = measure(pair(), **QUICK | {"processes": 2})
    for one, two in zip(*found.samples.values(), strict=True):
        assert one.session == two.session
    first, second = found.samples["dw"]
    assert first.session != second.session
    assert first.seed != second.seed
    assert {first.process, second.process} == {ready().kind}
    assert first.block == second.block, "the first says how many calls make a sample"
    assert (first.settled is None, second.settled) == (False, None)


def test_ten_processes_of_six_rounds_are_asked_unless_told() -> None:
    found = measure(pair(), budget=0.01)
    for several in found.samples.values():
        assert len(several) == 10
        assert all(len(one.seconds) >= 1 for one in several)
    assert len({one.session for one in found.samples["dw"]}) == 10


def scripted(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Any]) -> list[Any]:
    """Let `answer(names, order)` stand in for every process; return what each was told."""
    orders: list[Any] = []

    def ask(_: str, crew: Any, order: Any, *, told: Any, timeout: float) -> Any:
        orders.append(order)
        return answer(tuple(name for name in crew.names if name not in order.without), order)

    nursery = SimpleNamespace(kind="forked", ask=ask)
    monkeypatch.setattr(measuring, "ready", lambda *_, **__: nursery)
    return orders


def timed(seconds: dict[str, float]) -> Callable[..., dict[str, Outcome]]:
    """Return an answer with these times."""
    return lambda names, order: {
        name: Outcome(samples=samples(seconds[name], session=order.session)) for name in names
    }


def test_the_budget_is_shared_by_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = scripted(monkeypatch, timed({"dw": 1.0, "std": 2.0}))
    found = measure(pair(), budget=8.0, processes=4, min_rounds=7, seed=5)
    assert [order.seconds for order in orders] == [2.0] * 4
    assert [order.number for order in orders] == [0, 1, 2, 3]
    assert {(order.min_rounds, order.seed) for order in orders} == {(7, 5)}
    assert len({order.session for order in orders}) == 4
    assert found.ratio("std", "dw").processes == 4
    assert found.notes == ()


@pytest.mark.parametrize(("target", "asked"), [(0.1, 3), (1e-6, 10), (None, 10)])
def test_a_target_ends_it_once_three_processes_say_enough(
    monkeypatch: pytest.MonkeyPatch, target: float | None, asked: int
) -> None:
    orders = scripted(monkeypatch, timed({"dw": 1.0, "std": 2.0}))
    found = measure(pair(), target=target)
    assert len(orders) == asked
    said = ("target met after 3 processes: ratios known to ±10.00%",)
    assert found.notes == (said if asked == 3 else ())


def test_a_target_is_of_the_ratios_to_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against b, a is all over the place; against c, which goes with it, it is not."""
    draw = iter([1.0, 1.5, 0.7, 1.2, 0.8] * 2)

    def answer(names: tuple[str, ...], order: Any) -> dict[str, Outcome]:
        now = next(draw)
        return timed({"a": now, "b": 1.0, "c": 2 * now})(names, order)

    work = {"a": abs, "b": abs, "c": abs}
    scripted(monkeypatch, answer)
    assert measure(work, target=0.1, base="b", processes=5).notes == ()
    draw = iter([1.0, 1.5, 0.7, 1.2, 0.8] * 2)
    (note,) = measure({"a": abs, "c": abs}, target=0.1, base="c", processes=5).notes
    assert note.startswith("target met after 3 processes")


def test_what_is_asked_for_is_what_is_done() -> None:
    (one,) = measure(
        {"pages": other("pages")}, allocator="kept", seed=7, **QUICK
    ).samples["pages"]  # fmt: skip
    assert (one.allocator, one.seed) == ("kept", 7)
    system = measure({"pages": other("pages")}, allocator="system", **QUICK)
    assert "KeyError: 'MALLOC_MMAP_MAX_'" in system.failures["pages"]


def seen_here(**options: Any) -> dict[str, Any]:
    """Return what is in force when something is called in this process."""
    seen: dict[str, Any] = {}

    def look() -> None:
        seen.update(state())

    measure({"look": look}, **QUICK | options)
    return seen


def test_threads_and_grad_mode_are_in_force_inside() -> None:
    inside = seen_here(threads=1)
    assert (inside["threads"], inside["inference"], inside["grad"]) == (1, True, False)
    inside = seen_here(grad=True)
    assert (inside["inference"], inside["grad"]) == (False, True)
    if (os.cpu_count() or 1) > 1:
        assert seen_here(threads=2)["threads"] == 2


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((1, 2), (1, 2)),
        ((), ()),
        ([1, 2], ([1, 2],)),
        (3, (3,)),
        (None, (None,)),
    ],
)
def test_inputs_are_a_tuple_or_the_only_one(given: Any, wanted: tuple[Any, ...]) -> None:
    seen: set[str] = set()
    measure({"f": (lambda *inputs: seen.add(repr(inputs)), given)}, **QUICK)
    assert seen == {repr(wanted)}


# --- where it is timed ---------------------------------------------------------------------


def test_a_lambda_is_timed_here_once_and_said_so() -> None:
    pids: set[int] = set()
    found = measure({"l": lambda: pids.add(os.getpid())}, **QUICK | {"processes": 3})
    assert pids == {os.getpid()}
    (note,) = found.notes
    assert note.startswith("timed in this process, since it cannot travel to another: ")
    assert "lambda" in note
    (one,) = found.samples["l"]  # three times here would not be three processes
    assert (one.process, one.allocator) == (note, "system")
    assert f"process: {note}" in found.flags["l"]
    assert "budget of 0.1 s" in found.stop_reason  # all of it, and not a third


def test_one_that_cannot_travel_keeps_the_others_beside_it() -> None:
    found = measure({**pair(), "here": lambda: None}, **QUICK)
    assert {s.process for several in found.samples.values() for s in several} == set(found.notes)
    assert len({s.session for several in found.samples.values() for s in several}) == 1


@pytest.mark.parametrize("error", [ModuleNotFoundError("not there"), AttributeError("not there")])
def test_what_cannot_be_found_there_is_timed_here(error: Exception) -> None:
    found = measure({"home": other("Here")(error)}, **QUICK)
    (note,) = found.notes
    why = f"{type(error).__name__}: not there"
    assert note == f"timed in this process, since a fresh one could not: {why}"
    assert found.samples["home"][0].process == note


def test_what_raises_when_it_arrives_fails() -> None:
    found = measure({"home": other("Here")(RuntimeError("not at home"))}, **QUICK)
    assert found.failures == {"home": "RuntimeError: not at home"}


SCRIPT = """
import convbench

def work():
    return sum(range(1000))

found = convbench.measure({"work": work}, budget=0.02)
print(len(found.samples["work"]), *found.notes, sep="|")
"""


def test_what_a_script_defines_is_timed_there_and_the_script_runs_once(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = done.stdout.splitlines()
    assert line.startswith("1|timed in this process, since a fresh one could not: AttributeError")


def test_an_error_of_a_later_process_is_the_reason_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(names: tuple[str, ...], order: Any) -> dict[str, Outcome]:
        if order.number:
            raise ProcessError("OSError: too many open files")
        return timed({"dw": 1.0, "std": 2.0})(names, order)

    scripted(monkeypatch, answer)
    found = measure(pair(), processes=3)
    assert found.failures == dict.fromkeys(("dw", "std"), "OSError: too many open files")


# --- what fails ----------------------------------------------------------------------------


def test_one_that_raises_fails_alone() -> None:
    found = measure({**pair(), "bad": other("fail")}, **QUICK)
    assert found.failures == {"bad": "RuntimeError: no"}
    assert found.samples["bad"] == ()
    assert found.flags["bad"] == ()
    assert [len(found.samples[name]) for name in ("dw", "std")] == [1, 1]
    with pytest.raises(MeasurementError, match="bad has no time: RuntimeError: no"):
        found.median("bad")
    for name, base in (("bad", "dw"), ("dw", "bad")):
        with pytest.raises(MeasurementError, match="bad has no time"):
            found.ratio(name, base)


def test_where_all_raise_there_is_nothing_and_no_error() -> None:
    fail = other("fail")
    found = measure({"bad": lambda: fail()}, **QUICK | {"processes": 3})  # noqa: PLW0108  it stays here
    assert (found.samples, found.stop_reason) == ({"bad": ()}, "")
    assert list(found.failures) == ["bad"]


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_one_that_ends_its_process_fails_and_is_not_tried_here() -> None:
    found = measure({"crash": other("crash"), **pair()}, base="dw", **QUICK)
    assert found.failures == {"crash": "its process crashed (SIGSEGV)"}
    assert [len(found.samples[name]) for name in ("crash", "dw", "std")] == [0, 1, 1]


def test_one_that_never_returns_has_no_time_and_is_named() -> None:
    found = measure({"never": other("never"), **pair()}, base="dw", timeout=15, **QUICK)
    assert list(found.failures) == ["never"]
    assert re.fullmatch(
        r"it gave no sign for \d+ s and was ended: give a longer timeout where it needs one",
        found.failures["never"],
    )
    assert [len(found.samples[name]) for name in ("never", "dw", "std")] == [0, 1, 1]


@pytest.mark.parametrize("number", [4, 61], ids=["in the warm-up", "in a round"])
def test_one_that_does_not_return_later_is_named_alone(number: int) -> None:
    work = {"later": other("NeverLater")(number), **pair()}
    found = measure(work, base="dw", timeout=4, budget=1.0, min_rounds=70, processes=2)
    assert found.failures == {
        "later": "it gave no sign for 4 s and was ended: give a longer timeout where it needs one"
    }
    assert [len(found.samples[name]) for name in ("later", "dw", "std")] == [0, 2, 2]


def test_steps_that_end_in_time_may_take_longer_together() -> None:
    found = measure({"slow": other("slow")}, timeout=4, budget=2.0, min_rounds=8, processes=1)
    assert not found.failures
    (taken,) = found.samples["slow"]
    assert sum(taken.seconds) > 4


FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked on this system")


@FORKS
@pytest.mark.parametrize(
    ("number", "leaves"), [(0, False), (0, True), (1, False), (3, False), (12, True)]
)
def test_one_whose_copy_returns_fails_and_the_others_are_timed(number: int, leaves: bool) -> None:
    work = {"forks": other("Forks")(number, leaves), **pair()}
    found = measure(work, base="dw", **QUICK | {"processes": 2, "min_rounds": 20})
    assert found.failures == {
        "forks": "ForkedError: it forked, and the copy of its process returned from the call, too: "
        "let the copy end itself (os._exit)"
    }
    assert [len(found.samples[name]) for name in ("forks", "dw", "std")] == [0, 2, 2]


@FORKS
def test_one_whose_child_ends_itself_is_timed_as_any_other() -> None:
    found = measure({"forks": other("forks_a_child"), **pair()}, base="dw", **QUICK)
    assert not found.failures


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_one_that_ends_its_process_later_is_tried_again_and_fails_alone() -> None:
    found = measure({"later": other("CrashLater")(), **pair()}, base="dw", **QUICK)
    assert found.failures == {
        "later": "twice, while it was timed, its process was killed (SIGKILL), as a system out of "
        "memory does"
    }
    assert [len(found.samples[name]) for name in ("later", "dw", "std")] == [0, 1, 1]


def test_where_it_is_not_known_who_ended_the_process_all_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = iter(["dw", "std"])

    def answer(*_: object) -> None:
        raise ProcessDied("its process was killed (SIGKILL)", next(at))

    scripted(monkeypatch, answer)
    why = "twice, while its group was timed, its process was killed (SIGKILL)"
    assert measure(pair(), **QUICK).failures == {"dw": why, "std": why}


def test_a_timeout_that_cannot_be_kept_is_refused_before_anything_is_called() -> None:
    called: list[int] = []
    with pytest.raises(MeasureError, match=r"timeout=5: .*calling process.*since it cannot travel"):
        measure({"here": lambda: called.append(1)}, timeout=5, **QUICK)
    assert not called


def test_a_crash_never_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object) -> None:
        raise ProcessDied("its process crashed (SIGSEGV)")

    def never(*_: object) -> None:
        raise AssertionError("timed in this process")

    scripted(monkeypatch, answer)
    monkeypatch.setattr(measuring, "_here", never)
    found = measure(pair(), **QUICK)
    assert set(found.failures) == {"dw", "std"}


def test_one_that_cannot_take_other_values_fails_alone() -> None:
    def picky(x: torch.Tensor) -> None:
        if x.abs().max() > 0:
            raise ValueError("zeros only")

    found = measure({**pair(), "picky": (picky, torch.zeros(3))}, **QUICK)
    said = "with other values in its inputs it raised ValueError: zeros only"
    assert found.failures == {"picky": said}


def test_an_expanded_input_is_timed_as_it_is() -> None:
    x = torch.ones(1, 3).expand(4, 3)
    found = measure({"relu": (lambda x: x.relu(), x)}, **QUICK)
    assert found.failures == {}


# --- notes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "notes"),
    [
        (torch.ones(1000), ()),
        (torch.cat([torch.full((10,), 1e-40), torch.ones(990)]), ("1.0%",)),
        (torch.cat([torch.full((1,), 1e-40), torch.ones(9990)]), ()),  # too few to be felt
        (torch.arange(9), ()),
    ],
)
def test_denormal_inputs_are_noted(x: torch.Tensor, notes: tuple[str, ...]) -> None:
    found = measure({"relu": (lambda x: x.relu(), x)}, **QUICK)
    said = tuple(note for note in found.notes if note.endswith("are denormal"))
    assert said == tuple(f"relu: {n} of an input's values are denormal" for n in notes)


# --- what is refused -----------------------------------------------------------------------

NOTHING = {"f": lambda: None}
REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    ({}, {}, "nothing to time"),
    ([1, 2], {}, r"work=\[1, 2\]: give competitors by name"),
    ({"f": 3}, {}, "'f': 3 cannot be called"),
    ({"f": (3, ())}, {}, "'f': .* cannot be called"),
    ({"f": (len, (), {})}, {}, "'f': .* cannot be called"),
    (NOTHING, {"budget": 0}, "budget=0:"),
    (NOTHING, {"budget": -1.0}, "budget=-1.0:"),
    (NOTHING, {"budget": float("nan")}, "budget=nan:"),
    (NOTHING, {"budget": float("inf")}, "budget=inf:"),
    (NOTHING, {"processes": 0}, "processes=0: give 1 or more"),
    (NOTHING, {"processes": 1.5}, "processes=1.5: give a whole number"),
    (NOTHING, {"threads": 0}, "threads=0: give 1 or more"),
    (NOTHING, {"threads": 10_000}, "threads=10000: give 1 to [0-9]+, the number of"),
    (NOTHING, {"threads": "1"}, "threads='1': give a whole number"),
    (NOTHING, {"min_rounds": 0}, "min_rounds=0: give 1 or more"),
    (NOTHING, {"seed": None}, "seed=None: give a whole number"),
    (NOTHING, {"seed": 0.5}, "seed=0.5: give a whole number"),
    (NOTHING, {"target": 0.0}, "target=0.0:"),
    (NOTHING, {"target": float("nan")}, "target=nan:"),
    (NOTHING, {"base": "g"}, "base='g' is no competitor; there are: f"),
    (NOTHING, {"allocator": "jemalloc"}, "allocator='jemalloc': give one of kept, system"),
    (NOTHING, {"device": "tpu"}, "'tpu'.*give 'cpu', 'cuda'"),
]


@pytest.mark.parametrize(
    ("work", "options", "said"), REFUSED, ids=[str(row[1] or row[2]) for row in REFUSED]
)
def test_what_cannot_be_is_refused_at_once(
    work: Any, options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("something was timed")

    monkeypatch.setattr(measuring, "ready", never)
    monkeypatch.setattr(measuring, "_here", never)
    with pytest.raises(MeasureError, match=said) as caught:
        measure(work, **options)
    assert isinstance(caught.value, ValueError)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(MeasureError, match="cuda"):
        measure(NOTHING, device="cuda")


@pytest.mark.parametrize("seed", [-1, 0, 2**63, 2**80])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    found = measure({"relu": (lambda x: x.relu(), torch.ones(3))}, seed=seed, **QUICK)
    assert found.failures == {}


# --- left as it was ------------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, RuntimeError("no"), SystemExit(3), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [1, 5, 16])
def test_all_is_as_before_after_any_exit(error: BaseException | None, at: int) -> None:
    calls = 0

    def work() -> None:
        nonlocal calls
        calls += 1
        assert torch.is_inference_mode_enabled()
        if error is not None and calls >= at:
            raise error

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    inside = state()
    try:
        if not isinstance(error, KeyboardInterrupt):
            found = measure({"work": work}, **QUICK)
            assert bool(found.failures) is (error is not None)
        else:
            with pytest.raises(type(error)):
                measure({"work": work}, **QUICK)
        assert state() == inside
    finally:
        torch.set_num_threads(before)


def test_ctrl_c_while_a_process_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(gathering._Ear, "__call__", interrupt)
        with pytest.raises(KeyboardInterrupt):
            measure(pair(), **QUICK)
    assert measure(pair(), **QUICK).failures == {}


# --- what a measurement says ---------------------------------------------------------------


def measurement(**several: tuple[Samples, ...]) -> Measurement:
    """Return a measurement of these samples."""
    return Measurement(samples=several)


def test_medians_and_ratios_are_those_of_the_samples() -> None:
    sessions = [f"s{number}" for number in range(10)]
    found = measurement(
        a=tuple(samples(0.002, session=name) for name in sessions),
        b=tuple(samples(0.001, session=name) for name in sessions),
    )
    assert found.median("b") == pytest.approx(0.00100)
    assert isinstance(found.interval("b"), Interval)
    ratio = found.ratio("a", "b")
    assert ratio.value == pytest.approx(2.0)
    assert ratio.low < 2 < ratio.high
    assert (ratio.verdict, found.ratio("b", "a").verdict) == ("slower", "faster")
    assert found.ratio("a", "a").verdict == "same"
    assert found.stop_reason == "told so"
    assert found.flags == {"a": (), "b": ()}


def test_each_reason_to_stop_is_said_once() -> None:
    found = measurement(
        a=(samples(), samples(stop_reason="target met")), b=(samples(stop_reason="target met"),)
    )
    assert found.stop_reason == "told so; target met"


@pytest.mark.parametrize("processes", [1, 2])
def test_what_lost_most_of_its_time_throughout_is_never_a_number(processes: int) -> None:
    bad = tuple(busy(samples(session=f"s{n}")) for n in range(processes))
    good = tuple(samples(session=f"s{n}") for n in range(processes))
    found = measurement(bad=bad, good=good)
    asked: list[Callable[[], object]] = [
        partial(found.median, "bad"),
        partial(found.interval, "bad"),
        partial(found.ratio, "bad", "good"),
        partial(found.ratio, "good", "bad"),
    ]
    for ask in asked:
        with pytest.raises(
            MeasurementError, match="bad: something else had the processor for most"
        ):
            ask()
    assert found.median("good") > 0
    assert found.samples["bad"] == bad  # shown all the same
    assert found.flags["bad"] == ("contaminated: 100% of the samples",)


def test_a_failure_is_said_before_that_the_other_was_disturbed() -> None:
    found = Measurement(samples={"dw": (busy(samples()),), "bad": ()}, failures={"bad": "no"})
    for name, base in (("bad", "dw"), ("dw", "bad")):
        with pytest.raises(MeasurementError, match="bad has no time: no"):
            found.ratio(name, base)


def test_one_clean_sample_is_enough_for_a_number_and_the_flag_says_the_rest() -> None:
    one = busy(samples())
    one = replace(one, cpu_seconds=(one.seconds[0], *one.cpu_seconds[1:]))
    found = measurement(a=(one,))
    assert found.median("a") == of_process(one)
    assert found.flags["a"] == ("contaminated: 95% of the samples",)


def test_unknown_names_say_what_there_is() -> None:
    found = measurement(a=(samples(),), b=(samples(),))
    for ask in (
        lambda: found.median("c"),
        lambda: found.ratio("a", "c"),
        lambda: found.ratio("c", "a"),
    ):
        with pytest.raises(UnknownNameError, match=r"no competitor 'c'\. Known: a, b"):
            ask()


def remembering(things: dict[str, list[torch.Tensor]], known: dict[int, torch.Tensor]) -> Any:
    x = things["x"][0]
    if x.data_ptr() not in known:
        known[x.data_ptr()] = x * 2
    return known[x.data_ptr()]


def test_a_stub_that_gets_its_input_in_containers_is_caught() -> None:
    found = convbench.measure(
        {"stub": (remembering, ({"x": [torch.linspace(-1, 1, 8)]}, {}))}, **QUICK
    )
    assert "did not follow the input" in found.failures["stub"]


def test_what_cannot_be_checked_is_said() -> None:
    found = convbench.measure({"whole": (torch.neg, torch.arange(4))}, budget=0.05, min_rounds=2)
    (note,) = found.notes
    assert note.startswith("whole: its output is not checked, for want of a float tensor")


def test_what_sleeps_is_not_called_contaminated() -> None:
    import time

    found = convbench.measure({"nap": (time.sleep, 0.002)}, budget=0.2, min_rounds=5, processes=1)
    (samples,) = found.samples["nap"]
    if not samples.voluntary_switches or not samples.waited_seconds:
        pytest.skip("this system does not tell sleeping from being kept waiting")
    assert samples.minimum >= 0.002
    # others may have kept it waiting: without that, no time is missing that it did not sleep
    nobody = dict.fromkeys(("waited_seconds", "involuntary_switches"), (0,) * len(samples.seconds))
    assert not any("contaminated" in flag for flag in flags([replace(samples, **nobody)]))


def test_what_calls_exit_fails_alone() -> None:
    import sys

    found = convbench.measure({"exit": (sys.exit, 3), "neg": (torch.neg, torch.ones(4))}, **QUICK)
    assert found.failures == {"exit": "SystemExit: 3"}
    assert found.samples["neg"]


def generator() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("work", "options", "said"),
    [
        ({"a": abs}, {"budget": "5"}, "budget='5'"),
        ({"a": abs}, {"target": "a"}, "target='a'"),
        ({"a": abs}, {"device": None}, "device=None"),
        ({1: abs}, {}, "1 is no name"),
        ({"a": abs}, {"processes": True}, "processes=True"),
        ({"a": generator}, {}, "generator function"),
    ],
)
def test_more_bad_arguments(work: Any, options: Any, said: str) -> None:
    with pytest.raises(MeasureError) as caught:
        convbench.measure(work, **options)
    assert said in str(caught.value)
