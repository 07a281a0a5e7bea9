"""Which samples a time rests on, what it is called, and which times have no ratio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
import torch
from scripted import ScriptedDriver, put_in, samples

from convbench.clock import group_process, measuring
from convbench.clock.crew import Order
from convbench.clock.cuda_flags import EVERYWHERE, NOWHERE, Tf32, set_tf32, tf32_in_force
from convbench.clock.estimates import Estimates
from convbench.clock.gathering import Gathering
from convbench.clock.measurement import Measurement, MeasurementError
from convbench.clock.measuring import CallCrew, measure, measurement_of
from convbench.clock.samples import EVENT_TIME, KERNEL, KERNEL_TIME, TIME, judged, time_title
from convbench.runs.code import Timed, measured
from convbench.testing.speed import basis, conclusion


def events(seconds: float, session: str = "s", rounds: int = 8) -> Any:
    return samples([seconds] * rounds, session, stopwatch="cuda-events")


def kernels(seconds: float, session: str = "s", rounds: int = 6) -> Any:
    return samples([seconds] * rounds, session, stopwatch="cuda-kernel")


def test_a_time_rests_on_the_kernels_where_any_process_timed_them() -> None:
    main, alone = (events(9e-6),), (kernels(2e-6),)
    assert judged(main, {KERNEL: alone}) == alone
    assert judged(main, {KERNEL: (), "inside 1": alone}) == main
    assert judged(main, {}) == main


def test_a_time_is_called_by_its_clock() -> None:
    wall = samples([1.0])
    assert time_title([wall]) == time_title([]) == TIME == "time of a call"
    assert time_title([events(1.0)]) == EVENT_TIME == "event time"
    assert time_title([kernels(1.0)]) == KERNEL_TIME == "kernel time"
    assert time_title([events(1.0), kernels(1.0)]) == "kernel or event time"


def test_a_kernel_time_and_an_event_time_have_no_ratio() -> None:
    found = Estimates({"a": [kernels(2e-6)], "b": [events(9e-6)], "c": [kernels(4e-6)]})
    assert found.ratio("a", "c").value == 0.5
    with pytest.raises(ValueError, match="one has kernel time and the other event time"):
        found.ratio("a", "b")


def measurement(**kernel_times: float) -> Measurement:
    """Return two competitors of 18 and 9 µs between events, some with kernel times."""
    return Measurement(
        samples={"a": (events(18e-6),), "b": (events(9e-6),)},
        kernels={name: (kernels(seconds),) for name, seconds in kernel_times.items()},
    )


def test_a_measurement_is_of_kernel_time_where_all_competitors_have_it() -> None:
    whole = measurement(a=4e-6, b=8e-6)
    assert whole.ratio("a", "b").value == 0.5
    assert whole.median("a") == 4e-6
    assert whole.heads[1] == "kernel time"
    some = measurement(a=4e-6)
    assert some.ratio("a", "b").value == 2.0
    assert some.heads[1] == "event time"
    assert some.median("a") == 18e-6


def test_what_is_made_of_a_measurement_rests_on_the_same_times() -> None:
    whole = measurement(a=4e-6, b=8e-6)
    assert conclusion(whole, 1.5, labels=("a", "b")).outcome == "holds"
    assert basis(whole).startswith("6 rounds")
    work = {"a": Timed(label="a"), "b": Timed(label="b")}
    known = {"group": "g", "base": "b", "device": "cuda:0", "threads": 1}
    for found, title in ((whole, KERNEL_TIME), (measurement(a=4e-6), EVENT_TIME)):
        assert {time_title(r.judged) for r in measured(found, work, **known)} == {title}


def test_a_failed_competitor_keeps_the_others_from_no_kernel_time() -> None:
    found = Measurement(
        samples={"a": (events(18e-6),), "b": ()},
        kernels={"a": (kernels(4e-6),)},
        failures={"b": "RuntimeError: no"},
    )
    assert found.median("a") == 4e-6
    with pytest.raises(MeasurementError, match="b has no time"):
        found.ratio("b", "a")


class Replaying(ScriptedDriver):
    """A device whose graphs run their work again; within a capture nothing can be replayed."""

    capturing = False

    def capture(self, work: Any, calls: int) -> tuple[Any, object]:
        """Keep the work, and the output that a replay writes to."""
        self.capturing = True
        try:
            _, output = super().capture(work, calls)
        finally:
            self.capturing = False
        return (work, output), output

    def replay(self, graph: Any) -> None:
        """Run the work and write what it returns where the captured output is."""
        if self.capturing:
            raise RuntimeError("operation not permitted when stream is capturing")
        work, output = graph
        again = work()
        with torch.no_grad():
            output.copy_(again)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Replaying:
    """Put a scripted device in the place of the real one."""
    card = Replaying(5.0)
    put_in(monkeypatch, lambda: card)
    return card


ORDER = Order(seed=3, min_rounds=2, max_rounds=2, seconds=1e-6)


def asked(crew: CallCrew, **changes: Any) -> Gathering:
    found = Gathering(crew=crew, order=ORDER, **changes)
    found.ask(1e-6, 2, 2)
    return found


class _Own:
    """A nursery whose process is this one."""

    kind = "fresh"

    def ask(self, _: str, crew: Any, order: Order, **__: Any) -> Any:
        return group_process.do(crew, order, tell=lambda _: None)


def double(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


def test_what_measure_times_in_a_process_of_its_own_has_kernel_time(card: Replaying) -> None:
    crew = CallCrew({"a": (double, (torch.ones(4),))})
    nursery: Any = _Own()
    found = measurement_of(asked(crew, nursery=nursery), [])
    assert found.failures == {}
    assert not [note for note in found.notes if "kernels not timed" in note]
    assert time_title(found.judged["a"]) == KERNEL_TIME
    (one,) = found.kernels["a"]
    assert one.process == "fresh", "what holds of the process holds of its kernel times too"


def test_in_the_callers_process_nothing_is_captured(card: Replaying) -> None:
    found = measurement_of(asked(CallCrew({"a": (double, (torch.ones(4),))}), here="no"), [])
    assert found.kernels == {}
    assert time_title(found.judged["a"]) == EVENT_TIME


def test_a_graph_that_gives_something_else_has_no_kernel_time(card: Replaying) -> None:
    count = iter(range(1000))

    def other() -> torch.Tensor:
        return torch.full((4,), float(next(count)))

    nursery: Any = _Own()
    found = measurement_of(asked(CallCrew({"a": (other, ())}), nursery=nursery), [])
    assert found.kernels == {}
    assert "kernels not timed" in " ".join(found.notes)
    assert "replayed from a CUDA graph the output was wrong" in " ".join(found.notes)


# --- TF32: what measure times is what the caller's process would run ---------------------------


def nearly(x: torch.Tensor) -> torch.Tensor:
    """Return another kernel's result at each call: 1 % of the largest value apart."""
    CALLS.append(tf32_in_force())
    return 2 * x + 1e-2 * (len(CALLS) % 2)


CALLS: list[Tf32] = []


@pytest.fixture
def caller(card: Replaying, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `measure` take a GPU for granted; put back how torch is set."""
    monkeypatch.setattr(measuring, "check", lambda *_: None)
    monkeypatch.setattr(measuring, "ready", lambda *_: _Own())
    CALLS.clear()
    with ExitStack() as undo:
        set_tf32(undo, NOWHERE)  # which puts back what was before
        yield


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (Tf32(convolutions=True), "TF32 in convolutions, IEEE float32 in matrix products"),
        (EVERYWHERE, "TF32 in convolutions and matrix products"),
        (Tf32(products=True), "TF32 in matrix products, IEEE float32 in convolutions"),
        (NOWHERE, "IEEE float32, without TF32"),
    ],
)
def test_measure_times_with_the_tf32_of_its_caller_and_says_so(
    caller: None, where: Tf32, said: str
) -> None:
    torch.backends.cudnn.allow_tf32 = where.convolutions
    torch.set_float32_matmul_precision("high" if where.products else "highest")
    found = measure(
        {"a": (nearly, (torch.ones(4),))}, device="cuda:0", budget=1e-6, processes=1, min_rounds=2
    )
    assert set(CALLS) == {where}
    assert found.tf32 == where
    assert found.float32 == said
    assert f"float32 work on the GPU: {said}." in str(found)
    assert f"float32 work on the GPU: {said}" in found._repr_html_()
    wrong = [note for note in found.notes if "the output was wrong" in note]
    assert bool(wrong) is (where == NOWHERE), "kernels that round to TF32 may differ so far"


def test_a_test_says_how_float32_was_computed() -> None:
    found = replace(measurement(a=4e-6, b=8e-6), tf32=Tf32(convolutions=True))
    said = str(conclusion(found, 1.5, labels=("a", "b")))
    assert "float32 work on the GPU: TF32 in convolutions, IEEE float32 in matrix" in said
    assert "float32" not in str(conclusion(measurement(a=4e-6, b=8e-6), 1.5, labels=("a", "b")))


def test_on_a_cpu_nothing_is_said_of_tf32() -> None:
    found = measure({"a": (double, (torch.ones(4),))}, budget=0.01, processes=1)
    assert (found.tf32, found.float32) == (None, "")
    assert "float32" not in str(found)


@pytest.mark.parametrize(
    ("where", "dtype", "told"),
    [
        (None, "float32", {}),
        (NOWHERE, "float32", {"tf32": "False"}),
        (EVERYWHERE, "tf32", {"tf32": "True"}),
        (Tf32(convolutions=True), "float32 with TF32 in convolutions",
         {"tf32": "in convolutions"}),
    ],
)  # fmt: skip
def test_the_records_of_a_test_say_what_float32_was(
    where: Tf32 | None, dtype: str, told: dict[str, str]
) -> None:
    found = Measurement(samples={"a": (events(18e-6),)}, tf32=where)
    known = {"group": "g", "base": "a", "device": "cuda:0", "threads": 1}
    for inputs, kind in ((torch.ones(2), dtype), (torch.ones(2).bfloat16(), "bfloat16")):
        (record,) = measured(found, {"a": Timed(label="a", inputs=(inputs,))}, **known)
        assert (record.dtype, record.ran) == (kind, told)
