"""Layers in context: which layers, in which order, after whom, and that nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from convbench.profiling.reference import InputError
from convbench.terminal.context import lines
from convbench.timing import calls as calls_room
from convbench.timing import context
from convbench.timing.context import (
    INSIDE,
    WHOLE,
    Context,
    ContextError,
    LayerTimes,
    in_process,
    layers_in_context,
)
from convbench.timing.layers import layers_of
from convbench.timing.processes import ProcessDied, ProcessError
from convbench.timing.samples import Failure, Samples
from convbench.timing.stats import Interval


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


def timed(module: nn.Module, *inputs: Any) -> Context:
    """Time the layers quickly, in this process."""
    return in_process(module.eval(), inputs or (image(),), 1.5, 1, 0)


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


def scripted(monkeypatch: pytest.MonkeyPatch, script: dict[str, list[float]]) -> None:
    """Let every sample take what the script says, and run the work as a sampler does."""

    def measure(work: dict[str, Callable[[], Any]], **_: Any) -> dict[str, Samples | Failure]:
        rounds = len(script[WHOLE])
        for _turn in range(2 * rounds):  # an untimed run, then the timed one
            work[INSIDE]()
        return {
            name: Samples(
                seconds=tuple(script.get(name, [0.0] * rounds)),
                cpu_seconds=(0.0,) * rounds,
                page_faults=(0,) * rounds,
                involuntary_switches=(0,) * rounds,
                block=1,
                first_call=0.0,
                warmup_calls=0,
                stopwatch="scripted",
                seed=0,
                threads=1,
                session="s",
                stop_reason="",
            )
            for name in work
        }

    monkeypatch.setattr(context, "measure_group", measure)


def test_times_and_shares_are_those_of_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, first, second = [10.0, 20.0, 10.0], [2.0, 8.0, 3.0], [3.0, 6.0, 3.0]
    script = {WHOLE: whole, "alone 0": first, "alone 1": second, "after 1": [4.0, 9.0, 5.0]}
    scripted(monkeypatch, script)
    # Hooks read the clock before and after each layer. Six runs, the odd ones untimed: 100 s and
    # 50 s a layer there, 1 s, 2 s, … and 4 s, 5 s, … in the timed ones.
    ticks: list[float] = []
    for turn in range(6):
        pair = (100.0, 50.0) if turn % 2 == 0 else (1.0 + turn // 2, 4.0 + turn // 2)
        for seconds in pair:
            begin = ticks[-1] if ticks else 0.0
            ticks += [begin, begin + seconds]
    clock = iter(ticks)
    monkeypatch.setattr(calls_room.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(context, "FEWEST_ROUNDS", 1)
    found = timed(nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()))
    conv, relu = found.layers
    assert (conv.alone.value, conv.after, conv.inside.value) == (3.0, None, 2.0)
    assert relu.after is not None
    assert (relu.alone.value, relu.after.value, relu.inside.value) == (3.0, 5.0, 5.0)
    assert found.whole.value == 10.0
    # 5/10, 14/20 and 6/10 alone; 5/10, 7/20 and 9/10 inside: paired by round
    assert found.alone_share.value == pytest.approx(0.6)
    assert (found.alone_share.low, found.alone_share.high) == pytest.approx((0.5, 0.7))
    assert found.inside_share.value == pytest.approx(0.5)
    assert (found.inside_share.low, found.inside_share.high) == pytest.approx((0.35, 0.9))


def test_a_layer_that_fails_when_timed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        context, "measure_group", lambda work, **_: dict.fromkeys(work, Failure("MemoryError"))
    )
    with pytest.raises(ContextError, match="whole could not be timed: MemoryError"):
        timed(Block())


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


def test_in_a_fresh_process_where_it_can_travel_and_here_where_not() -> None:
    net = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()).eval()
    assert layers_in_context(net, image(), budget=1.5).notes == ()
    net.here = lambda: None  # type: ignore[assignment]
    found = layers_in_context(net, image(), budget=1.5)
    assert [layer.name for layer in found.layers] == ["0", "1"]
    (note,) = found.notes
    assert note.startswith("timed in the caller's process: ")
    assert "lambda" in note


def test_what_ends_its_process_is_not_tried_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def fresh(*_: object) -> None:
        raise ProcessDied("its process crashed (SIGSEGV)")

    monkeypatch.setattr(context, "fresh", fresh)
    net = nn.Sequential(Raising(1, AssertionError("ran")))
    with pytest.raises(ContextError, match=r"cannot be timed: its process crashed \(SIGSEGV\)"):
        layers_in_context(net, image())


def test_what_a_fresh_process_could_not_is_timed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def fresh(*_: object) -> None:
        raise ProcessError("ImportError: no such module")

    monkeypatch.setattr(context, "fresh", fresh)
    found = layers_in_context(nn.Sequential(nn.ReLU()), image(), budget=1.5)
    assert found.notes[:1] == (
        "timed in the caller's process, since a fresh one could not: ImportError: no such module",
    )


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
        lambda: timed(nn.Sequential(nn.Linear(2, 2)).to("meta"), torch.ones(2)),
        "on meta, and hooks",
    ),
    (
        "input not on the CPU",
        lambda: timed(nn.Sequential(nn.ReLU()), torch.ones(2, device="meta")),
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
        "convbench.timing.layers.layers_in_context",
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
    page = lines(found)
    assert all(len(line) <= 80 for line in page)
    table = [line for line in page if "BatchNorm2d" in line]
    assert len(table) == 4
    assert len({len(line) for line in table}) == 1
    assert table[0].startswith("conv1 BatchNorm2d")
    assert table[0].split()[-2:] != table[1].split()[-2:]
    assert table[0].endswith("25.0%")
    assert "–" in table[0]
    assert table[3].startswith("…")  # its end tells more than its beginning
    assert "125% (112% to 138%)" in page[1]
    assert page[-1] == "noted"
