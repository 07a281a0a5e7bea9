"""A competitor that ends the use of the device: it is named, and the others are timed elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from scripted import ScriptedDriver, put_in, samples

from convbench.clock import group_kernels, group_process
from convbench.clock.checking import WrongResultError
from convbench.clock.contamination import SHARED, SHARED_UNTOLD
from convbench.clock.conversation import ProcessDied
from convbench.clock.crew import Contestant, Order, Outcome, Tell
from convbench.clock.cuda import CudaStopwatch
from convbench.clock.cuda_graphs import graphed
from convbench.clock.execution import Execution, Kernel
from convbench.clock.gathering import Gathering
from convbench.clock.gpu_users import Others
from convbench.clock.group_kernels import rejoined
from convbench.clock.measuring import measurement_of
from convbench.clock.sampler import measure_group
from convbench.clock.samples import Failure, Samples, Untimed

STICKY = "CUDA error: an illegal memory access was encountered"
ORDER = Order(seed=3, device="cuda:0", min_rounds=2, max_rounds=2, seconds=1e-6)


class Card(ScriptedDriver):
    """A device that fails for ever once something has made an illegal access."""

    bad = False
    capturing = False
    broken = False
    chosen = "kernel 0"

    def synchronize(self) -> None:
        """Raise what CUDA raises at every call after it."""
        if self.bad:
            raise RuntimeError(STICKY)

    def capture(self, work: Callable[[], object], calls: int) -> tuple[int, object]:
        """Tell the work that it is captured; after one that failed nothing can be."""
        if self.broken:
            raise RuntimeError("captured after a capture that failed")
        self.capturing = True
        try:
            found = super().capture(work, calls)
        except RuntimeError:
            self.broken = True
            raise
        finally:
            self.capturing = False
        return found


class Died(BaseException):
    """The process ended."""


@dataclass
class Work(Contestant):
    """Something that can go wrong at one stage of its way."""

    name: str
    card: Card
    wrong_at: str = ""

    def work(self) -> object:
        """Be called."""
        if self.wrong_at == "call":
            self.card.bad = True
        if self.wrong_at == "refused":
            raise RuntimeError("CUDA error: invalid configuration argument")  # not a sticky one
        if self.wrong_at == "dies" and self.card.capturing:
            raise Died
        if self.wrong_at == "capture" and self.card.capturing:
            raise RuntimeError("operation not permitted when stream is capturing")
        return self.name

    @property
    def captured(self) -> Callable[[], object]:
        """Return the work: any of these goes into a graph."""
        return self.work

    def check_captured(self, output: object) -> None:
        """Write down what the graph gave."""
        self.card.told.append(("graph gave", output))
        if self.wrong_at == "graph":
            raise WrongResultError("replayed from a CUDA graph the output was wrong")

    def digests(self) -> tuple[Any, ...]:
        """Return something by which the output of this one is known again."""
        return (self.name,)

    def execution(self, most: int = 0) -> Execution:
        """Return that a library chose a kernel: in a process with such a device always the same."""
        chosen = Kernel(operator="convolution", backend="cuDNN", implementation=self.card.chosen,
                        layouts="", reorder=False, calls=1, seconds=1e-6)  # fmt: skip
        return Execution(kernels=(chosen,))

    def check_last(self, known: tuple[Any, ...] = ()) -> tuple[str, ...]:
        """Be called with other values."""
        if self.wrong_at == "last":
            self.card.bad = True
            raise RuntimeError(STICKY)
        return ()


@dataclass
class Works:
    """A crew of five, of which some go wrong at a stage."""

    card: Card
    wrong_at: str
    evils: tuple[str, ...] = ("evil",)
    names: tuple[str, ...] = ("first", "second", "evil", "fourth", "fifth")

    def build(self, order: Order, tell: Tell) -> Iterator[tuple[str, Contestant | BaseException]]:
        """Build each, in the process that asks."""
        for name in self.names:
            if name in order.without:
                continue
            if name == "evil" and self.wrong_at == "build":
                self.card.bad = True
                yield name, RuntimeError(STICKY)
            elif name == "evil" and self.wrong_at == "build a graph":
                work = Work(name, self.card, "capture").work
                try:
                    graphed(work, driver=self.card)
                except RuntimeError as error:
                    yield name, error
            else:
                yield name, Work(name, self.card, self.wrong_at if name in self.evils else "")


class Processes:
    """A nursery whose processes are this one, each with a device that is whole again."""

    kind = "fresh"
    hung = False

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the device of the process in the place of a real one."""
        self.asked: list[Order] = []
        self.card = Card(0.01)
        put_in(monkeypatch, lambda: self.card)

    def ask(
        self, _: str, crew: Works, order: Order, told: Any = print, **__: Any
    ) -> dict[str, Outcome]:
        """Do it here."""
        self.asked.append(order)
        self.card = crew.card = Card(0.01)
        self.card.chosen = f"kernel {len(self.asked)}"
        try:
            return group_process.do(crew, order, tell=told)
        except Died:
            raise ProcessDied("it ended", at="evil", hung=self.hung) from None


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    """Return a nursery on a scripted device."""
    return Processes(monkeypatch)


def gathered(
    processes: Processes,
    wrong_at: str,
    times: int = 1,
    evils: tuple[str, ...] = ("evil",),
    order: Order = ORDER,
) -> Gathering:
    """Ask about the five, of which some go wrong at a stage."""
    nursery: Any = processes
    crew = Works(processes.card, wrong_at, evils)
    found = Gathering(crew=crew, order=order, nursery=nursery)
    for _ in range(times):
        found.ask(1e-6, 2, 2)
    return found


@pytest.mark.parametrize("wrong_at", ["build", "build a graph", "call", "last"])
def test_only_the_one_that_did_it_fails_and_the_others_are_timed_in_a_new_process(
    processes: Processes, wrong_at: str
) -> None:
    found = gathered(processes, wrong_at)
    said = found.failure("evil")
    assert said is not None
    assert ("could not be captured" if "graph" in wrong_at else STICKY) in said.failure
    assert not said.again
    assert found.left == ("first", "second", "fourth", "fifth")
    assert all(len(found.samples(name)) == 1 for name in found.left)
    assert len({samples.session for name in found.left for samples in found.samples(name)}) == 1
    assert [order.without for order in processes.asked] == [frozenset(), frozenset({"evil"})]
    found.ask(1e-6, 2, 2)
    assert processes.asked[-1].without == frozenset({"evil"})


def test_an_error_that_leaves_the_device_whole_needs_no_new_process(processes: Processes) -> None:
    found = gathered(processes, "refused")
    said = found.failure("evil")
    assert said is not None
    assert "invalid configuration argument" in said.failure
    assert len(found.left) == 4
    assert len(processes.asked) == 1


EVERY = ("first", "second", "evil", "fourth", "fifth")


@pytest.mark.parametrize("evils", [("evil",), ("first", "evil", "fifth"), EVERY])
def test_works_that_cannot_be_captured_take_no_kernel_times_from_the_others(
    processes: Processes, evils: tuple[str, ...]
) -> None:
    found = gathered(processes, "capture", 3, evils)
    assert found.left == EVERY, "all have event times"
    assert all(len(found.samples(name)) == 3 for name in EVERY)
    good = [name for name in EVERY if name not in evils]
    for name in good:
        assert len(found.also(name)["kernel"]) == 3, "as where all can be captured"
        said = [flag for outcome in found.outcomes[name] for flag in outcome.flags]
        assert not [flag for flag in said if flag.startswith("kernels not timed")]
    for name in evils:
        first, *later = found.outcomes[name]
        (flag,) = first.flags
        assert flag.startswith("kernels not timed: NotCapturableError: work: a CUDA graph of ")
        assert "raised RuntimeError: operation not permitted when stream is capturing" in flag
        assert first.also == {}
        assert [(outcome.also, outcome.flags) for outcome in later] == [({}, ())] * 2
    for number in range(3):
        sessions = {found.also(name)["kernel"][number].session for name in good}
        assert len(sessions) == bool(good), "they are compared round by round"
    several = [order for order in processes.asked if not order.stopwatch]
    assert [sorted(order.without_kernels) for order in several] == [[], *[sorted(evils)] * 2]
    assert len(processes.asked) == 3 + len(evils) - (not good), "none is tried again"
    assert len(found.took) == len(found.rounds) == 3


@pytest.mark.parametrize(
    ("reasons", "tried"),
    [
        (("NotCapturableError: work: a CUDA graph",), [True, False, False]),
        (("OutOfMemoryError: CUDA out of memory", ""), [True, True, True]),
        (("CUDA error: out of memory",) * 2, [True, True, False]),
        (("", "it ended"), [True, True, False]),
    ],
)
def test_a_capture_is_tried_again_only_where_memory_was_short_and_once(
    processes: Processes, reasons: tuple[str, ...], tried: list[bool]
) -> None:
    told = iter((*reasons, ""))

    def ask(_: str, crew: Works, order: Order, **__: Any) -> dict[str, Outcome]:
        processes.asked.append(order)
        why = next(told, "")
        flags = {"evil": (f"kernels not timed: {why}",)} if why else {}
        return {
            name: Outcome(samples=samples([1e-3] * 4), flags=flags.get(name, ()))
            for name in crew.names
        }

    processes.ask = ask  # type: ignore[method-assign]
    gathered(processes, "", 3)
    assert ["evil" not in order.without_kernels for order in processes.asked] == tried


@pytest.mark.parametrize(("hung", "asked"), [(True, 3), (False, 5)])
def test_a_capture_that_ends_its_process_costs_no_other_times(
    processes: Processes, hung: bool, asked: int
) -> None:
    """One that was killed may be no cause, so it is asked for alone, and there twice."""
    processes.hung = hung
    found = gathered(processes, "dies", 2)
    assert found.left == EVERY
    assert all(len(found.samples(name)) == 2 for name in EVERY)
    assert all(len(found.also(name)["kernel"]) == 2 for name in EVERY if name != "evil")
    (flag,) = (flag for outcome in found.outcomes["evil"] for flag in outcome.flags)
    assert flag.startswith("kernels not timed: ")
    assert flag.endswith("it ended")
    assert len(processes.asked) == asked


def test_kernels_alone_are_timed_as_in_the_process_of_the_other_times(
    processes: Processes,
) -> None:
    found = gathered(processes, "capture", 2)
    whole, alone, _ = processes.asked
    assert alone.without == {"evil"}
    assert alone.seconds == whole.seconds * group_kernels.KERNEL_SHARE
    assert alone.process_seed not in {order.process_seed for order in processes.asked[::2]}
    assert alone.digests == {name: (name,) for name in EVERY}, "they are checked by what is known"
    main, kernel = found.outcomes["first"][0].samples, found.outcomes["first"][0].also["kernel"]
    assert main is not None
    assert (kernel.stopwatch, kernel.block) == ("cuda-kernel", min(main.block, 200))
    assert (main.kernels, kernel.kernels) == (("kernel 1",), ("kernel 2",)), "of its own process"
    again = found.outcomes["first"][1]
    assert again.samples is not None
    assert again.samples.kernels == again.also["kernel"].kernels == ("kernel 3",)


def test_gradients_of_a_graph_are_compared_in_a_process_for_kernels_too(
    processes: Processes,
) -> None:
    """Which only what is a first process does, with no digests from before."""
    gathered(processes, "capture", order=replace(ORDER, grad=True))
    _, alone = processes.asked
    assert alone.first
    assert alone.digests == {}


def test_what_a_process_for_kernels_finds_wrong_is_wrong() -> None:
    main = Outcome(samples=samples([1.0] * 4), flags=("seen before",), kernels_again=True)
    wrong = Outcome(failure="the output was wrong", wrong=True)
    assert rejoined(main, wrong) == wrong
    assert rejoined(main, Outcome(failure="no device", again=True)) == main
    died = rejoined(main, Outcome(failure="its process crashed", flags=("seen before", "new")))
    assert died.samples is main.samples
    assert died.flags == ("seen before", "new", "kernels not timed: its process crashed")
    kernel = samples([1.5] * 4)
    found = rejoined(main, Outcome(samples=kernel))
    assert found.also == {"kernel": kernel}
    assert not found.kernels_again
    assert "clocks: kernel time (1.5e+06 µs) exceed CUDA events" in found.flags[-1]


def test_in_the_callers_process_the_others_keep_the_times_they_have(
    processes: Processes,
) -> None:
    """There is no other process to ask."""
    processes.card = Card(0.01)
    found = Gathering(crew=Works(processes.card, "capture"), order=ORDER, here="no")
    found.ask(1e-6, 2, 2)
    assert found.left == EVERY
    assert all(len(found.samples(name)) == 1 for name in EVERY)


def test_what_a_captured_graph_gave_is_checked(processes: Processes) -> None:
    found = gathered(processes, "graph")
    given = [told[1] for told in processes.card.told if told[0] == "graph gave"]
    assert sorted(given) == sorted(found.crew.names), "each once"
    (outcome,) = found.outcomes["evil"]
    assert outcome.also == {}
    assert outcome.flags == (
        "kernels not timed: WrongResultError: replayed from a CUDA graph the output was wrong",
    )
    assert all("kernel" in found.outcomes[name][0].also for name in found.left if name != "evil")


@dataclass
class Watched:
    """Stands in for the watch over other users of the device."""

    surely: int
    perhaps: int
    looks: int = 0

    def look(self, *_: object) -> None:
        """Count it."""
        self.looks += 1

    def others(self) -> Others:
        """Return what a test says."""
        return Others(self.surely, self.perhaps)


@pytest.mark.parametrize(
    ("share", "told"),
    [((5, 5), ()), ((6, 6), (SHARED,)), ((6, 90), (SHARED,)), ((5, 90), (SHARED_UNTOLD,))],
)
def test_another_user_of_the_device_is_told_in_every_row(
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
    share: tuple[int, int],
    told: tuple[str, ...],
) -> None:
    monkeypatch.setattr(group_process, "Watch", lambda device: Watched(*share))
    found = gathered(processes, "")
    for (outcome,) in found.outcomes.values():
        kinds = [flag for flag in outcome.flags if not flag.startswith("clocks")]
        assert kinds == [*told]
    measured = measurement_of(found, [])
    for name, flags in measured.flags.items():
        assert set(told) <= set(flags), name


def test_another_user_of_the_device_is_looked_for_between_rounds_of_both_clocks(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdicts rest on the kernels, which are timed last."""
    watch = Watched(0, 0)
    before: list[int] = []
    kernels = group_process.kernels_of

    def meanwhile(*arguments: Any) -> Any:
        before.append(watch.looks)
        found = kernels(*arguments)
        watch.surely = watch.perhaps = 90
        return found

    monkeypatch.setattr(group_process, "Watch", lambda device: watch)
    monkeypatch.setattr(group_process, "kernels_of", meanwhile)
    for (outcome,) in gathered(processes, "").outcomes.values():
        assert SHARED in outcome.flags
    assert 0 < before[0] < watch.looks


def test_nobody_is_asked_for_ever_where_no_cause_is_known(processes: Processes) -> None:
    class Nobody(Works):
        def build(self, order: Order, tell: Tell) -> Iterator[tuple[str, Any]]:
            raise AssertionError

    def ask(_: str, crew: Works, order: Order, **__: Any) -> dict[str, Outcome]:
        processes.asked.append(order)
        return {name: Outcome(failure="lost", again=True) for name in crew.names}

    processes.ask = ask  # type: ignore[method-assign]
    nursery: Any = processes
    found = Gathering(crew=Nobody(processes.card, ""), order=ORDER, nursery=nursery)
    found.ask(1e-6)
    assert found.left == ()
    assert len(processes.asked) == 1


@pytest.mark.parametrize("seed", range(4))
def test_in_one_process_the_sampler_tells_the_cause_from_the_others(seed: int) -> None:
    card = Card(0.01)
    works = {f"good{i}": Work("good", card).work for i in range(4)}
    found = measure_group(
        works | {"evil": Work("evil", card, "call").work},
        stopwatch=CudaStopwatch(driver=card),
        seed=seed,
        budget=0.05,
        session="s",
        min_rounds=2,
    )
    assert list(found) == [*works, "evil"]
    evil = found.pop("evil")
    assert type(evil) is Failure
    assert evil.reason == f"RuntimeError: {STICKY}"
    why = "not timed: in the same process evil left the device unusable"
    assert set(found.values()) == {Untimed(why)}


def test_a_failure_on_the_host_leaves_the_others_alone() -> None:
    def broken() -> None:
        raise ValueError

    card = Card(0.01)
    found = measure_group(
        {"good": Work("good", card).work, "broken": broken},
        stopwatch=CudaStopwatch(driver=card),
        seed=0,
        budget=0.05,
        session="s",
        min_rounds=2,
    )
    assert isinstance(found["good"], Samples)
    assert isinstance(found["broken"], Failure)
