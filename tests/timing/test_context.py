"""Layers in context: which layers, in which order, after whom, and that nothing is left behind."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console
from scripted import samples
from torch import nn

from convbench.clock import calls as calls_room
from convbench.clock import layers_in_context as context
from convbench.clock.conversation import ProcessDied, ProcessError
from convbench.clock.crew import Order, Outcome
from convbench.clock.gathering import Gathering
from convbench.clock.group_process import do
from convbench.clock.layers import layers_of
from convbench.clock.layers_in_context import (
    INSIDE,
    WHOLE,
    Context,
    ContextError,
    LayerCrew,
    LayerTimes,
    layers_in_context,
)
from convbench.clock.samples import Failure, Samples
from convbench.core.intervals import Interval
from convbench.counting.engine.by_name import InputError
from convbench.report.formats.terminal import print_document
from convbench.ui.terminal.context import page


class Block(nn.Module):
    """Two convolutions, one activation called twice, two branches that read x, a residual add."""

    def __init__(self, *, inplace: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=inplace)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.shortcut = nn.Conv2d(4, 4, 1)
        self.last = nn.Conv2d(4, 2, 1)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what a residual block does."""
        out = self.conv2(self.act(self.conv1(x)))
        out = self.act(out + self.shortcut(x))
        found: torch.Tensor = self.last(out)
        return found


class InPlaceAdd(nn.Module):
    """Adds into the output of a layer, as many residual blocks do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the activation of x plus its convolution."""
        out = self.conv(x)
        out += x
        found: torch.Tensor = self.act(out)
        return found


class Scaled(nn.Module):
    """A layer with an argument that is given by name."""

    def forward(self, x: torch.Tensor, *, by: torch.Tensor) -> torch.Tensor:
        """Return x times a number."""
        return x * by


class ByName(nn.Module):
    """Calls a layer with an argument by name."""

    def __init__(self) -> None:
        super().__init__()
        self.scaled = Scaled()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x times two."""
        found: torch.Tensor = self.scaled(x, by=torch.tensor(2.0))
        return found


def image() -> torch.Tensor:
    """Return normal input."""
    return torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(0))


ORDER = Order(number=0, session="", seconds=0.0, seed=0)


def timed(module: nn.Module, *inputs: Any, measure: Any = None) -> Context:
    """Time the layers quickly, once, in this process."""
    crew = LayerCrew(module.eval(), inputs or (image(),))
    found = Gathering(crew=crew, order=ORDER, here="here", measure=measure)
    found.ask(60.0, context.FEWEST_ROUNDS, context.FEWEST_ROUNDS)
    return context._context(found, 60.0, ())


def hooks(module: nn.Module) -> int:
    """Return how many hooks there are."""
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules())


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    with torch.random.fork_rng():
        yield
    after = torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    assert after == before


# --- which layers --------------------------------------------------------------------------


@pytest.mark.parametrize("inplace", [False, True])
def test_layers_in_the_order_of_their_calls_with_their_producers(inplace: bool) -> None:
    found = timed(Block(inplace=inplace))
    assert [(layer.name, layer.kind, layer.producer) for layer in found.layers] == [
        ("conv1", "Conv2d", ""),
        ("act", "ReLU", "conv1"),
        ("conv2", "Conv2d", "act"),
        ("shortcut", "Conv2d", "conv2"),  # it reads x; what ran before it is conv2
        ("act (2)", "ReLU", "shortcut"),  # it reads the sum, which is no layer's output
        ("last", "Conv2d", "act (2)"),
    ]
    assert [layer.after is None for layer in found.layers] == [True] + [False] * 5


@pytest.mark.parametrize("inplace", [False, True])
def test_what_is_handed_over_is_the_very_output_and_nothing_else(inplace: bool) -> None:
    calls = calls_room.observed(calls_room.Call("", Block(inplace=inplace).eval(), (image(),)))
    assert [call.handed for call in calls] == [None, 0, 0, None, None, 0]
    (conv, act) = calls_room.observed(calls_room.Call("", InPlaceAdd().eval(), (image(),)))
    assert (act.producer, act.handed) == (conv, None)  # x was added to it in between


def test_a_layer_within_layers_has_its_path_and_containers_are_no_layers() -> None:
    net = nn.Sequential(nn.Sequential(nn.Conv2d(4, 4, 1), nn.Identity()), nn.Flatten())
    found = timed(net)
    assert [(layer.name, layer.producer) for layer in found.layers] == [
        ("0.0", ""),
        ("0.1", "0.0"),
        ("1", "0.1"),
    ]


def test_arguments_by_name_are_given_again() -> None:
    (layer,) = timed(ByName()).layers
    assert (layer.name, layer.kind) == ("scaled", "Scaled")


def test_inputs_are_what_they_were_before_what_works_in_place() -> None:
    block, x = Block(inplace=True).eval(), image()
    with torch.no_grad():
        calls = calls_room.observed(calls_room.Call("", block, (x,)))
        before = block.conv1(x)
    act = calls[1]
    assert torch.equal(act.inputs[0], before)  # and not its own output
    assert bool((before < 0).any())
    assert [call.writes for call in calls] == [False, True, False, False, True, False]
    for call in calls:
        kept = [value.clone() for value in call.inputs]
        for kind in (calls_room.work_of, calls_room.AfterProducer):
            work: Any = kind(call)
            for _ in range(3):
                getattr(work, "prepare", lambda: None)()
                work()
        assert all(torch.equal(*pair) for pair in zip(call.inputs, kept, strict=True))


def test_a_sample_of_what_works_in_place_is_always_of_the_same_values() -> None:
    """A leaky ReLU in place would make its input denormal in twenty calls, and be slow by that."""
    net, x = nn.Sequential(nn.Identity(), nn.LeakyReLU(inplace=True)).eval(), image()
    with torch.no_grad():
        whole = calls_room.Call("", net, (x,))
        calls = calls_room.observed(whole)
        wanted = torch.nn.functional.leaky_relu(x)
        assert whole.writes
        assert [call.writes for call in calls] == [False, True]
        after = calls_room.AfterProducer(calls[1])  # Identity hands its own input on
        instrumented = calls_room.Instrumented(whole, calls)
        for work in (calls_room.work_of(calls[1]), after, calls_room.work_of(whole), instrumented):
            assert work.most_calls == 1  # type: ignore[attr-defined]
            for _ in range(50):
                work.prepare()  # type: ignore[attr-defined]
                assert torch.equal(work(), wanted)


def test_the_callers_inputs_are_not_written_into() -> None:
    x = image()
    before = x.clone()
    timed(nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1)), x)
    assert torch.equal(x, before)


# --- the times, from a script --------------------------------------------------------------


def scripted(script: dict[str, list[float]]) -> Any:
    """Return a sampler whose samples take what the script says, and that runs the whole likewise.

    Whatever is not in the script takes 1 s.
    """

    def measure(work: dict[str, Callable[[], Any]], **options: Any) -> dict[str, Samples | Failure]:
        rounds = len(script[WHOLE])
        for _turn in range(rounds):
            work[INSIDE]()  # untimed
            work[INSIDE].prepare()  # type: ignore[attr-defined]
            work[INSIDE]()
        return {
            name: samples(script.get(name, [1.0] * rounds), options["session"]) for name in work
        }

    return measure


def ticking(monkeypatch: pytest.MonkeyPatch, spans: list[tuple[float, ...]]) -> None:
    """Let the clock that hooks read show these spans, of each run of the whole, of each layer."""
    ticks: list[float] = []
    for seconds in (span for run in spans for span in run):
        begin = ticks[-1] if ticks else 0.0
        ticks += [begin, begin + seconds]
    clock = iter(ticks)
    monkeypatch.setattr(calls_room, "time", SimpleNamespace(perf_counter=lambda: next(clock)))


NET = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())
# Six runs of the whole, of which every other one is untimed: 100 s and 50 s a layer there.
SPANS = [(100.0, 50.0), (1.0, 4.0), (100.0, 50.0), (2.0, 5.0), (100.0, 50.0), (3.0, 6.0)]


def test_times_and_shares_of_one_process_are_those_of_its_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, first, second = [10.0, 20.0, 10.0], [2.0, 8.0, 3.0], [3.0, 6.0, 3.0]
    script = {WHOLE: whole, "alone 0": first, "alone 1": second, "after 1": [4.0, 9.0, 5.0]}
    ticking(monkeypatch, SPANS)
    monkeypatch.setattr(context, "FEWEST_ROUNDS", 1)
    found = timed(NET, measure=scripted(script))
    conv, relu = found.layers
    # the lower quartile of three rounds is the fastest
    assert (conv.alone.value, conv.after, conv.inside.value) == (2.0, None, 1.0)
    assert relu.after is not None
    assert (relu.alone.value, relu.after.value, relu.inside.value) == (3.0, 4.0, 4.0)
    assert found.whole.value == 10.0
    # 5/10, 14/20 and 6/10 alone; 5/10, 7/20 and 9/10 inside: paired by round
    assert found.alone_share.value == pytest.approx(0.6)
    assert (found.alone_share.low, found.alone_share.high) == pytest.approx((0.5, 0.7))
    assert found.inside_share.value == pytest.approx(0.5)
    assert (found.inside_share.low, found.inside_share.high) == pytest.approx((0.35, 0.9))


def nursery(answer: Callable[[Any, Order], Any], asked: list[Order]) -> Any:
    """Return a nursery whose processes do what `answer` does, in this one."""

    def ask(_: str, crew: Any, order: Order, *, told: Any, timeout: float) -> Any:
        asked.append(order)
        return answer(crew, order)

    return lambda: SimpleNamespace(kind="forked", ask=ask)


def test_times_and_shares_of_several_processes_are_over_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In process n everything takes n times as long, but the whole: shares are 4/8, 8/8 and 12/8.

    Their logarithms' mean is that of 1/2, 1 and 3/2.
    """
    asked: list[Order] = []
    ticking(monkeypatch, [(1.0 * n, 2.0 * n) for n in (1, 2, 3) for _ in range(8)])

    def answer(crew: Any, order: Order) -> dict[str, Outcome]:
        factor = order.number + 1.0
        script = {WHOLE: [8.0] * 4, "alone 0": [factor] * 4, "alone 1": [3 * factor] * 4}
        return do(crew, order, tell=lambda _: None, measure=scripted(script))

    monkeypatch.setattr(context, "ready", nursery(answer, asked))
    monkeypatch.setattr(context, "PROCESSES", 3)
    found = layers_in_context(NET, image(), budget=9.0)
    assert [order.seconds for order in asked] == [3.0] * 3
    conv, relu = found.layers
    assert (conv.alone.value, relu.alone.value) == (2.0, 6.0)
    assert conv.alone.each == (1.0, 2.0, 3.0)
    assert conv.inside.each == (1.0, 2.0, 3.0)
    assert relu.inside.value == 4.0
    assert found.whole.processes == 3
    assert found.alone_share.each == pytest.approx((0.5, 1.0, 1.5))
    assert found.alone_share.value == pytest.approx((0.5 * 1.0 * 1.5) ** (1 / 3))
    assert found.inside_share.each == pytest.approx((3 / 8, 6 / 8, 9 / 8))
    assert found.notes == ()


def test_a_layer_that_fails_when_timed_is_an_error() -> None:
    with pytest.raises(ContextError, match="whole could not be timed: MemoryError"):
        timed(Block(), measure=lambda work, **_: dict.fromkeys(work, Failure("MemoryError")))


def test_too_few_rounds_are_refused() -> None:
    with pytest.raises(ContextError, match="only 5 rounds were made"):
        timed(NET, measure=scripted({WHOLE: [1.0] * 5}))


# --- nothing is left behind ----------------------------------------------------------------


class Raising(nn.Module):
    """A layer that raises at its n-th call."""

    def __init__(self, at: int, error: BaseException) -> None:
        super().__init__()
        self.at, self.error, self.calls = at, error, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x, or raise."""
        self.calls += 1
        if self.calls >= self.at:
            raise self.error
        return x


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (None, None),
        (RuntimeError("no\nreally"), ContextError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
@pytest.mark.parametrize("at", [1, 2, 30])
def test_hooks_are_gone_after_any_exit(
    error: BaseException | None, seen: type[BaseException] | None, at: int
) -> None:
    net = nn.Sequential(nn.Conv2d(4, 4, 1), Raising(at, error) if error else nn.ReLU())
    net[0].register_forward_hook(lambda *_: None)  # the caller's own stays
    if seen is None:
        timed(net)
    else:
        with pytest.raises(seen, match="RuntimeError: no$" if seen is ContextError else None):
            timed(net)
    assert hooks(net) == 1


# --- where it is timed, and what is refused ------------------------------------------------


def test_in_processes_of_its_own_where_it_can_travel_and_here_where_not() -> None:
    net = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()).eval()
    found = layers_in_context(net, image(), budget=0.5)
    assert found.whole.processes == 10
    assert not [note for note in found.notes if "process" in note]
    net.here = lambda: None  # type: ignore[assignment]
    found = layers_in_context(net, image(), budget=0.5)
    assert [layer.name for layer in found.layers] == ["0", "1"]
    assert found.whole.processes == 1
    assert found.notes[0].startswith("timed in the caller's process: ")
    assert "lambda" in found.notes[0]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ProcessDied("its process crashed (SIGSEGV)"), r"its process crashed \(SIGSEGV\)"),
        (ProcessError("ImportError: no such module"), "ImportError: no such module"),
    ],
)
def test_what_ends_its_process_is_not_tried_here(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    asked: list[Order] = []

    def answer(_: object, __: Order) -> None:
        raise error

    monkeypatch.setattr(context, "ready", nursery(answer, asked))
    net = nn.Sequential(Raising(1, AssertionError("ran")))
    with pytest.raises(ContextError, match=said):
        layers_in_context(net, image())


REFUSED: list[tuple[str, Callable[[], object], str]] = [
    ("no budget", lambda: layers_in_context(Block(), image(), budget=0), "budget=0"),
    ("no number", lambda: layers_in_context(Block(), image(), budget=float("nan")), "budget=nan"),
    ("no threads", lambda: layers_in_context(Block(), image(), threads=0), "threads=0"),
    ("a leaf", lambda: layers_in_context(nn.ReLU(), image(), budget=0.1), "no module inside"),
    (
        "wrong input, in a fresh process",
        lambda: layers_in_context(nn.Sequential(nn.Conv2d(4, 4, 1)), torch.ones(1, 3, 6, 6)),
        "^the module raised RuntimeError: .*4 channels",
    ),
    ("wrong input, here", lambda: timed(Block(), torch.ones(1, 3, 6, 6)), "raised RuntimeError"),
    (
        "not on the CPU",
        lambda: layers_in_context(nn.Sequential(nn.Linear(2, 2)).to("meta"), torch.ones(2)),
        "on meta, and hooks",
    ),
    (
        "input not on the CPU",
        lambda: layers_in_context(nn.Sequential(nn.ReLU()), torch.ones(2, device="meta")),
        "on meta, and hooks",
    ),
]


@pytest.mark.parametrize(("ask", "said"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_cannot_be_timed_is_refused(ask: Callable[[], object], said: str) -> None:
    with pytest.raises(ContextError, match=said):
        ask()


# --- by reference --------------------------------------------------------------------------


def asked(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> list[Any]:
    """Return the module and the inputs that `layers_of` would have timed."""
    seen: list[Any] = []
    monkeypatch.setattr(
        "convbench.clock.layers.layers_in_context",
        lambda module, *inputs, **_: seen.extend([module, *inputs]),
    )
    layers_of(*arguments, budget=1.0, threads=1, seed=3)
    return seen


def test_a_type_is_built_as_a_block_that_keeps_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_rng_state()
    module, x = asked(monkeypatch, "depthwise_separable", ["1x8x6x6"])
    assert torch.equal(torch.get_rng_state(), before)
    assert not module.training
    assert module(x).shape == x.shape == (1, 8, 6, 6)
    assert any(isinstance(part, nn.BatchNorm2d) for part in module.modules())
    assert torch.equal(asked(monkeypatch, "depthwise_separable", ["1x8x6x6"])[1], x)
    wide, x = asked(monkeypatch, "standard", ["2x3x7"], ["out_channels=5", "kernel_size=1"])
    assert wide(x).shape == (2, 5, 7)


def test_a_factory_is_called_and_gets_all_its_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["in_features=3", "out_features=2"]
    module, x = asked(monkeypatch, "torch.nn:Linear", ["4x3"], given)
    assert (type(module), module.training, tuple(x.shape)) == (nn.Linear, False, (4, 3))


@pytest.mark.parametrize("shapes", [["1x8"], ["1x8x6x6", "1x8x6x6"], ["1x8x0"], ["square"]])
def test_an_input_that_a_type_cannot_take_is_refused(shapes: list[str]) -> None:
    with pytest.raises(InputError):
        layers_of("standard", shapes, budget=1.0, threads=1, seed=0)


def test_an_exported_program_is_timed_by_layer(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).eval()
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(net, (image(),)), path)
    asked = layers_of(str(path), ["1x4x6x6"], budget=0.5, threads=1, seed=0, trust=True)
    assert [(layer.name, layer.kind) for layer in asked.layers] == [
        ("0", "Conv2d"),
        ("1", "BatchNorm2d"),
    ]


# --- the page ------------------------------------------------------------------------------


def interval(value: float) -> Interval:
    """Return an interval around a value."""
    return Interval(value=value, low=value * 0.9, high=value * 1.1, confidence=0.95)


def test_the_page_fits_a_terminal_and_says_what_is_what() -> None:
    names = ["conv1", "a" * 35, "b" * 36, "layer1.0.branches.3.depthwise.convolution.of.many"]
    layers = tuple(
        LayerTimes(
            name=name,
            kind="BatchNorm2d",
            producer="",
            alone=interval(10.0**-place),
            after=interval(123.456e-6) if place else None,
            inside=interval(0.5 * 10.0**-place),
        )
        for place, name in enumerate(names)
    )
    found = Context(
        layers=layers,
        whole=interval(2.0),
        alone_share=interval(1.25),
        inside_share=interval(0.75),
        notes=("noted",),
    )
    for width in (60, 80, 120):
        screen = io.StringIO()
        print_document(page(found), Console(file=screen, width=width))
        lines = [line.rstrip() for line in screen.getvalue().splitlines()]
        assert all(len(line) <= width for line in lines)
        assert lines[0] == "The whole takes 2.00 s ±11 % a call."
        assert "125% (112% to 138%)" in " ".join(lines)
        (row,) = (line for line in lines if line.startswith("conv1 BatchNorm2d"))
        assert " 500 ms " in row
        assert row.endswith("25 %")
        assert "".join(names[3].split()) in "".join(line.split(" ")[0] for line in lines)
        assert lines[-1] == "noted" or "Left out of tables for width" in lines[-1]
