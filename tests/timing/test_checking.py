"""Checking: right results pass, wrong and remembered ones do not, inputs come back exactly."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import nn

import convbench
from convbench.clock.checking import (
    TOLERANCES,
    Reference,
    WrongResultError,
    change,
    check_digest,
    denormal_share,
    digest,
    same_at_any_address,
)
from convbench.clock.measurement import MeasurementError


class Remembering(nn.Module):
    """Does its work once for each address of an input, and hands out the same output again."""

    def __init__(self, work: nn.Module) -> None:
        super().__init__()
        self.work = work
        self.kept: dict[int, torch.Tensor] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what is remembered for the address."""
        if x.data_ptr() not in self.kept:
            self.kept[x.data_ptr()] = self.work(x)
        return self.kept[x.data_ptr()]


EVERYWHERE: dict[int, torch.Tensor] = {}


class RememberingOutside(Remembering):
    """The same, where its copies remember along."""

    def __init__(self, work: nn.Module) -> None:
        super().__init__(work)
        del self.kept

    @property
    def kept(self) -> dict[int, torch.Tensor]:
        """What all of them remember."""
        return EVERYWHERE

    @kept.setter
    def kept(self, _: object) -> None: ...

    @kept.deleter
    def kept(self) -> None: ...


def net(seed: int = 0) -> nn.Module:
    """Return a small network in evaluation mode."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()).eval()


def image(batch: int = 2, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return normal input."""
    draw = torch.Generator().manual_seed(1)
    return torch.randn(batch, 3, 8, 8, generator=draw).to(dtype)


@pytest.fixture(autouse=True)
def _inferring() -> Any:
    EVERYWHERE.clear()
    with torch.random.fork_rng(), torch.no_grad():
        yield


# --- against a reference (a run) -----------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_right_result_passes_before_and_after_the_input_is_changed(
    dtype: str, batch: int
) -> None:
    kind = getattr(torch, dtype)
    module, x = net().to(kind), image(batch, kind)
    before = copy.deepcopy(module.state_dict())
    reference = Reference(module, dtype)
    for turn in range(3):
        reference.compare(x, module(x), "now")
        change(x, turn)
    assert all((module.state_dict()[name] == value).all() for name, value in before.items())


def wrongs() -> list[tuple[str, Callable[[torch.Tensor], Any], str]]:
    """Return what may come out in place of the right output, and what is said of it."""
    return [
        ("zeros", torch.zeros_like, "was wrong: it differs from the same module in float64 by 1 "),
        ("1 % off", lambda out: out * 1.01, r"by 0\.01 of its norm, and 0\.001 is allowed"),
        ("0.2 % off", lambda out: out * 1.002, r"by 0\.002 of its norm"),
        ("images swapped", lambda out: out.flip(0), "was wrong"),
        ("NaN", lambda out: out.index_fill(0, torch.tensor([1]), float("nan")), "not finite"),
        ("infinite", lambda out: out / 0.0, "not finite"),
        ("channels lost", lambda out: out[:, :2], r"had shape \(2, 2, 8, 8\)"),
        ("flat", lambda out: out.flatten(1), r"had shape \(2, 256\)"),
        ("a number", lambda out: out.sum(), r"had shape \(\), and"),
        ("a list", lambda out: [out], "was list, no tensor"),
        ("nothing", lambda _: None, "was NoneType, no tensor"),
    ]


@pytest.mark.parametrize(("spoil", "said"), [r[1:] for r in wrongs()], ids=[r[0] for r in wrongs()])
def test_a_wrong_result_is_called_wrong(spoil: Callable[[torch.Tensor], Any], said: str) -> None:
    module, x = net(), image()
    with pytest.raises(WrongResultError, match=f"^before the timing the output .*{said}"):
        Reference(module, "float32").compare(x, spoil(module(x)), "before the timing")


def test_rounding_is_no_wrong_result_and_tolerances_grow_with_it() -> None:
    module, x = net(), image()
    Reference(module, "float32").compare(x, module(x) * 1.0005, "now")
    assert TOLERANCES["float64"] < TOLERANCES["float32"] < TOLERANCES["float16"]
    assert TOLERANCES["float16"] < TOLERANCES["bfloat16"] <= 0.1


def test_an_output_of_zeros_must_be_zeros() -> None:
    module = nn.Conv2d(3, 3, 1, bias=False)
    nn.init.zeros_(module.weight)
    reference = Reference(module, "float32")
    reference.compare(image(), module(image()), "now")
    with pytest.raises(WrongResultError):
        reference.compare(image(), module(image()) + 1.0, "now")


def test_only_where_the_whole_batch_is_compared_does_another_image_count() -> None:
    module, x = net(), image()
    output = module(x)
    output[1] = 0
    Reference(module, "float32").compare(x, output, "now")
    with pytest.raises(WrongResultError):
        Reference(module, "float32", whole=True).compare(x, output, "now")


@pytest.mark.parametrize("stub", [Remembering, RememberingOutside])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("deep", [False, True], ids=["outermost", "within"])
def test_what_remembers_its_output_by_address_is_caught(
    stub: type[Remembering], dtype: str, deep: bool
) -> None:
    """In a run: right at first, and stale after the input has changed in place.

    With batch 1 and float64 the reference would get the very same input, and as its copy remembers
    too, would be as stale.
    """
    kind = getattr(torch, dtype)
    module: nn.Module = stub(net().to(kind))
    if deep:
        module = nn.Sequential(module, nn.Identity())
    x = image(1, kind)
    first = module(x).clone()
    reference = Reference(module, dtype)
    reference.compare(x, first, "before the timing")
    change(x, 5)
    with pytest.raises(WrongResultError, match="after the timing the output was wrong"):
        reference.compare(x, module(x), "after the timing")


def test_a_reference_remembers_nothing_from_one_comparison_to_the_next() -> None:
    """Were its input freed, the next would lie at the same address."""
    module = Remembering(net())
    reference = Reference(module, "float32")
    honest = net()
    for turn in range(4):
        x = image(1)
        change(x, turn)
        reference.compare(x, honest(x), "now")


# --- gradients -----------------------------------------------------------------------------


def stepped(spoil: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    """Make a training step, spoil its gradients, and compare."""
    module = net().train()
    x = image().requires_grad_()
    reference = Reference(module, "float32", whole=True)
    with torch.enable_grad():
        output = module(x)
    gradient = torch.randn(output.shape, generator=torch.Generator().manual_seed(2))
    output.backward(gradient)
    found: dict[str, Any] = {name: p.grad for name, p in module.named_parameters()}
    found["input"] = x.grad
    spoil(found)
    reference.compare(x, output, "then")
    reference.compare_gradients(x, gradient, found, "then")


def test_right_gradients_pass_even_where_the_caller_is_in_inference_mode() -> None:
    stepped()
    stepped(lambda found: found.update(input=None))  # a network hands none back
    module, x = net().train(), image()
    with torch.inference_mode():
        reference = Reference(module, "float32", whole=True)
        with pytest.raises(WrongResultError, match=r"grad of 0\.bias was wrong"):
            reference.compare_gradients(x, torch.ones(2, 4, 8, 8), {"0.bias": torch.ones(4)}, "x")


GRADIENTS = [
    ("2 % off", {"0.weight": lambda g: g * 1.02}, r"grad of 0\.weight was wrong"),
    ("NaN", {"1.bias": lambda g: g * float("nan")}, r"grad of 1\.bias was wrong"),
    ("the input's", {"input": torch.zeros_like}, "grad of input was wrong"),
    ("not made", {"0.weight": lambda _: None}, r"grad of 0\.weight was missing"),
    ("another shape", {"1.weight": lambda g: g.sum()}, r"grad of 1\.weight was of shape \(\)"),
]


@pytest.mark.parametrize(
    ("spoils", "said"), [row[1:] for row in GRADIENTS], ids=[row[0] for row in GRADIENTS]
)
def test_a_wrong_gradient_is_called_wrong(spoils: dict[str, Any], said: str) -> None:
    def spoil(found: dict[str, Any]) -> None:
        for name, change_it in spoils.items():
            found[name] = change_it(found[name])

    with pytest.raises(WrongResultError, match=f"^then {said}"):
        stepped(spoil)


# --- without a reference (measure) ---------------------------------------------------------


class Buffered:
    """Writes every output into the same memory, and skips the work for an address it knows."""

    def __init__(self, *, honest: bool) -> None:
        self.honest = honest
        self.buffer = torch.empty(2, 3, 8, 8)
        self.last = 0

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.honest or x.data_ptr() != self.last:
            self.buffer.copy_(x).mul_(2)
        self.last = x.data_ptr()
        return self.buffer


def nested(call: Callable[[torch.Tensor], Any]) -> Callable[[torch.Tensor], Any]:
    """Return a call whose tensor lies deep in its output."""
    return lambda x: [None, {"output": (call(x), 1)}]


HONEST: list[tuple[str, Callable[..., Any]]] = [
    ("a network", net()),
    ("two inputs", lambda x: x + 1),
    ("drawn anew at every call", lambda x: x + torch.randn(x.shape)),
    ("dropout", nn.Dropout(0.5).train()),
    ("writes where it wrote before", Buffered(honest=True)),
    ("in place, again and again the same", lambda x: x.relu_()),
    ("in place, each time further", lambda x: x.add_(1)),
    ("constant", lambda x: torch.zeros(3)),
    ("no tensor", lambda x: "done"),
    ("a deep output", nested(net())),
    ("whole numbers", lambda x: x.argmax(1)),
    ("truths", lambda x: x > 0),
    ("complex", torch.fft.rfft2),
    ("NaN", lambda x: x / 0.0 * 0.0),
    ("NaN here and there", lambda x: x.log()),
    ("empty", lambda x: x[:0]),
]


def test_kernels_that_round_by_more_may_differ_by_more() -> None:
    def near(x: torch.Tensor) -> torch.Tensor:
        return x if x is given else x + 1e-2

    given = image()
    same_at_any_address(near, (given,), seed=0, rounding=5e-2)
    with pytest.raises(WrongResultError, match="did not follow the input"):
        same_at_any_address(near, (given,), seed=0)


@pytest.mark.parametrize("call", [row[1] for row in HONEST], ids=[row[0] for row in HONEST])
def test_what_follows_its_input_or_is_random_is_not_called_wrong(call: Callable[..., Any]) -> None:
    x = image()
    before = x.clone()
    same_at_any_address(call, (x,), seed=0)
    assert torch.equal(x, before)


def warmed(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call as it is after a timing: it has seen its input."""
    call(WARM)
    return call


WARM = image()
DISHONEST: list[tuple[str, Callable[[], Callable[..., Any]]]] = [
    ("remembers", lambda: Remembering(net())),
    ("remembers within", lambda: nn.Sequential(nn.Identity(), Remembering(net()))),
    ("remembers for all", lambda: RememberingOutside(net())),
    ("remembers deep", lambda: nested(Remembering(net()))),
    ("remembers one address in one buffer", lambda: Buffered(honest=False)),
    ("remembers with infinities", lambda: Remembering(lambda x: x / x.relu())),  # type: ignore[arg-type]
    ("remembers a complex one", lambda: Remembering(torch.fft.rfft2)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("make", [row[1] for row in DISHONEST], ids=[row[0] for row in DISHONEST])
def test_what_depends_on_where_its_input_lies_is_caught(
    make: Callable[[], Callable[..., Any]],
) -> None:
    before = WARM.clone()
    with pytest.raises(WrongResultError, match="did not follow the input"):
        same_at_any_address(warmed(make()), (WARM,), seed=0)
    assert torch.equal(WARM, before)


def test_measure_gives_no_time_to_what_remembers_its_output() -> None:
    found = convbench.measure(
        {"stub": (Remembering(net()), (image(),)), "honest": (net(), (image(),))},
        budget=0.2,
        min_rounds=2,
    )
    assert "did not follow the input" in found.failures["stub"]
    assert found.samples["stub"] == ()
    with pytest.raises(MeasurementError, match="stub has no time: the output did not follow"):
        found.median("stub")
    with pytest.raises(MeasurementError, match="stub has no time"):
        found.ratio("honest", "stub")
    assert len(found.samples["honest"]) == 10


# --- known again by a digest ---------------------------------------------------------------

SIZES = [(1, 1), (255, 255), (256, 256), (257, 129), (511, 256), (1000, 250), (1_000_000, 256)]


@pytest.mark.parametrize(("size", "values"), SIZES)
def test_a_digest_is_spread_over_the_whole_output(size: int, values: int) -> None:
    output = torch.arange(size, dtype=torch.float64)
    found = digest(output)
    assert found[0] == 0
    assert len(found) == values
    step = found[1] if values > 1 else 1
    assert found == tuple(step * place for place in range(values))
    assert size - found[-1] <= step, "its end is looked at like its beginning"


def test_a_digest_is_of_an_outputs_elements_whatever_their_layout() -> None:
    output = image().repeat(1, 1, 9, 9)
    assert digest(output.contiguous(memory_format=torch.channels_last)) == digest(output)
    assert digest(torch.ones(2, requires_grad=True)) == (1.0, 1.0)
    assert digest(torch.empty(0)) == ()


@pytest.mark.parametrize(("dtype", "allowed"), TOLERANCES.items())
def test_an_output_is_known_again_up_to_twice_the_tolerance(dtype: str, allowed: float) -> None:
    right = torch.linspace(-1, 1, 100, dtype=torch.float64)
    known = digest(right)
    for factor in (1.0, 1 + 1.9 * allowed, 1 - 1.9 * allowed):
        assert check_digest(right * factor, known, dtype, "then") == digest(right * factor)
    for factor in (1 + 2.1 * allowed, -1.0, 0.0):
        with pytest.raises(WrongResultError, match=r"then the output was wrong: .*of its norm"):
            check_digest(right * factor, known, dtype, "then")


OTHERS: list[tuple[str, Any, str]] = [
    ("no tensor", [1.0, 2.0], "after the output was list, no tensor"),
    ("fewer values", torch.ones(2), "it was another one before"),
    ("more values", torch.ones(4), "it was another one before"),
    ("not finite", torch.tensor([1.0, float("nan"), 1.0]), "nan of its norm away"),
    ("infinite", torch.tensor([1.0, float("inf"), 1.0]), "inf of its norm away"),
    ("one value", torch.tensor([1.0, 1.01, 1.0]), "0.0058 of its norm away"),
]


@pytest.mark.parametrize(("output", "said"), [r[1:] for r in OTHERS], ids=[r[0] for r in OTHERS])
def test_what_an_earlier_process_did_not_compute_is_wrong(output: Any, said: str) -> None:
    with pytest.raises(WrongResultError, match=said):
        check_digest(output, (1.0, 1.0, 1.0), "float32", "after")


def test_zeros_are_known_again_as_zeros_only() -> None:
    known = digest(torch.zeros(3))
    assert check_digest(torch.zeros(3), known, "bfloat16", "now") == (0.0, 0.0, 0.0)
    with pytest.raises(WrongResultError, match="1e-06 of its norm away"):
        check_digest(torch.tensor([0.0, 1e-6, 0.0]), known, "bfloat16", "now")


def kinds_of_input() -> list[tuple[str, torch.Tensor]]:
    """Return inputs whose bits must come back: types, layouts, views, odd values."""
    base = torch.tensor([0.0, -0.0, 1e-42, float("inf"), -1.5, float("nan")])
    return [
        ("float32", image()),
        ("odd values", base.clone()),
        ("float64", image(dtype=torch.float64)),
        ("bfloat16", image(dtype=torch.bfloat16)),
        ("float16", image(dtype=torch.float16)),
        ("channels last", image().to(memory_format=torch.channels_last)),
        ("a view", image()[:, 1:, ::2]),
        ("a number", torch.tensor(2.5)),
        ("empty", torch.empty(0, 3)),
        ("expanded", image(1).expand(4, 3, 8, 8)),
        ("whole numbers", torch.arange(6)),
        ("asks for gradients", image().requires_grad_()),
    ]


def seen_error(x: torch.Tensor, ends: str) -> bool:
    """Tell whether it is called at all, and raises."""
    shares_memory = x.ndim == 4 and x.stride(0) == 0
    return ends == "with an error" and x.is_floating_point() and not shares_memory


@pytest.mark.parametrize(
    "x", [row[1] for row in kinds_of_input()], ids=[row[0] for row in kinds_of_input()]
)
@pytest.mark.parametrize("ends", ["well", "with an error"])
def test_inputs_come_back_to_the_bit(x: torch.Tensor, ends: str) -> None:
    whole = x if x._base is None else x._base
    before, strides = whole.detach().clone(), x.stride()
    seen: list[torch.Tensor] = []

    def call(given: torch.Tensor) -> torch.Tensor:
        seen.append(given.detach().clone())
        if ends == "with an error":
            raise RuntimeError("no")
        return given * 2

    with pytest.raises(RuntimeError, match="no") if seen_error(x, ends) else nullcontext():
        same_at_any_address(call, (x,), seed=0)
    after = whole.detach()
    assert x.stride() == strides
    integers = {2: torch.int16, 4: torch.int32, 8: torch.int64}[after.element_size()]
    if after.numel():
        assert torch.equal(after.view(integers), before.view(integers))
    if seen and x.is_floating_point() and x.numel():  # it was asked about other values
        assert not torch.equal(seen[0], x.detach())


def test_the_same_tensor_given_twice_comes_back_too() -> None:
    x = image()
    before = x.clone()
    same_at_any_address(lambda a, b, number: a * b + number, (x, x, 3), seed=0)
    assert torch.equal(x, before)


def test_without_floating_inputs_nothing_is_called() -> None:
    def call(*_: object) -> None:
        raise AssertionError("called")

    same_at_any_address(call, (torch.arange(3), 2, "x"), seed=0)
    same_at_any_address(call, (), seed=0)


def test_changed_values_are_normal_those_of_the_seed_and_in_the_same_memory() -> None:
    x = torch.zeros(50_000, dtype=torch.bfloat16)
    where = x.data_ptr()
    change(x, 1)
    assert x.data_ptr() == where
    assert float(x.double().mean()) == pytest.approx(0, abs=0.02)
    assert float(x.double().std()) == pytest.approx(1, abs=0.02)
    other, third = torch.zeros_like(x), torch.zeros_like(x)
    change(other, 1)
    change(third, 2)
    assert torch.equal(x, other)
    assert not torch.equal(x, third)


def test_changing_does_not_touch_the_global_random_state() -> None:
    before = torch.get_rng_state()
    change(image(), 1)
    assert torch.equal(torch.get_rng_state(), before)


# --- denormals -----------------------------------------------------------------------------

DENORMALS = [
    # (type, values, share that is denormal); the smallest normal numbers are not
    (torch.float32, [1e-39, 1.0, 0.0, -1e-45], 0.5),
    (torch.float32, [2.0**-126, -(2.0**-126), 0.0, 1.0], 0.0),
    (torch.float64, [1e-310, 2.0**-1022], 0.5),
    (torch.float16, [2.0**-15, 2.0**-14, 1.0, 6.15e-5], 0.25),
    (torch.bfloat16, [1e-39, 2.0**-126, 1.0, 1.0], 0.25),
    (torch.int64, [0, 1], 0.0),
    (torch.float32, [], 0.0),
    (torch.complex64, [1.0], 0.0),
]


@pytest.mark.parametrize(("dtype", "values", "share"), DENORMALS)
def test_denormals_are_counted(dtype: torch.dtype, values: list[float], share: float) -> None:
    assert denormal_share(torch.tensor(values, dtype=dtype)) == share
