"""The way that a model takes when it is counted is the way that it takes when it computes."""

from collections import UserDict
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.counting.engine.run import profile
from convbench.networks.exported_modules import input_types, layered

X = (2, 8)
SMALL, LARGE = 2 * 8 * 8, 2 * 8 * 80


class Two(nn.Module):
    """A small way and a large one, chosen by `choose`."""

    def __init__(self, choose):
        super().__init__()
        self.small, self.large, self.choose = nn.Linear(8, 8), nn.Linear(8, 80), choose

    def forward(self, x):
        return self.small(x) if self.choose(x, self) else self.large(x)


def has_a_number(x, _):
    try:
        return float(x.sum()) < float("inf")
    except RuntimeError:
        return False


def has_an_array(x, _):
    try:
        return x.detach().numpy() is not None
    except TypeError:
        return False


QUESTIONS = {
    # question -> whether it is answered by shapes alone
    "device.type": (lambda x, m: x.device.type == "cpu", True),
    "device": (lambda x, m: x.device == torch.device("cpu"), True),
    "is_cpu": (lambda x, m: x.is_cpu, True),
    "is_cuda": (lambda x, m: not x.is_cuda, True),
    "is_meta": (lambda x, m: not x.is_meta, True),
    "get_device": (lambda x, m: x.get_device() == -1, True),
    "of a result": (lambda x, m: (x * 2).relu().device.type == "cpu", True),
    "of a weight": (lambda x, m: m.small.weight.device == x.device, True),
    "of a new tensor": (lambda x, m: torch.zeros(3, device=x.device).is_cpu, True),
    "a number that is caught": (has_a_number, False),
    "an array that is caught": (has_an_array, False),
}


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_as_where_it_computes(question, backward):
    choose, by_shapes = QUESTIONS[question]
    found = profile(Two(choose), torch.randn(X), backward=backward)
    assert found.forward.multiplications == SMALL
    assert (found.how == "shapes") is by_shapes


def test_what_is_on_the_meta_device_says_so():
    with torch.device("meta"):
        module = Two(lambda x, m: x.is_meta)
    assert profile(module, torch.empty(X, device="meta")).total.multiplications == SMALL


def test_moving_to_the_processor_keeps_to_shapes():
    def moved(x):
        return x.cpu().to("cpu").to(x.device) @ x.mT

    found = profile(moved, torch.randn(X))
    assert (found.how, found.total.multiplications) == ("shapes", 2 * 2 * 8)


def perceptron():
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))


MODELS = {
    "linear": (perceptron, (2, 4), 96),
    "conv": (lambda: nn.Conv2d(3, 4, 3), (1, 3, 8, 8), 3888),
}


@pytest.mark.parametrize("name", MODELS)
def test_inside_inference_mode_the_backward_is_the_backward(name):
    make, shape, gradients = MODELS[name]
    module = make()
    with torch.inference_mode():
        found = profile(module, torch.randn(shape), backward=True)
        inside = profile(make(), torch.randn(shape), backward=True)
    outside = profile(module, torch.randn(shape), backward=True)
    assert (found.how, inside.how) == ("shapes", "shapes")
    assert found.total == inside.total == outside.total
    assert outside.backward.multiplications == gradients


class Real(nn.Module):
    """Runs for real."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        float(x.sum())
        return self.layers(x)


NORMS = {
    "batch": lambda: nn.BatchNorm2d(4),
    "group": lambda: nn.GroupNorm(2, 4),
    "layer": lambda: nn.LayerNorm(8),
    "instance": lambda: nn.InstanceNorm2d(4, affine=True),
}


@pytest.mark.parametrize("norm", NORMS)
def test_a_norm_comes_first_and_its_input_needs_no_gradient(norm):
    layers = NORMS[norm](), nn.Conv2d(4, 4, 3)
    x = torch.randn(1, 4, 8, 8)
    real, shapes = (
        profile(Real(*layers), x, backward=True),
        profile(nn.Sequential(*layers), x, backward=True),
    )
    conv = 4 * 4 * 9 * 36
    assert "real" in real.how
    assert (real.forward.multiplications, real.backward.multiplications) == (conv, 2 * conv)
    assert real.complete
    assert real.total.multiplications == shapes.total.multiplications


def test_a_frozen_encoder_is_seen_in_its_parts():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
    encoder = nn.TransformerEncoder(layer, 1).eval().requires_grad_(False)
    b, n, e = 2, 5, 8
    want = b * (4 * n * e * e + 2 * n * n * e + 2 * n * e * 16)
    for body in (Real(encoder, nn.Linear(8, 3)), nn.Sequential(encoder, nn.Linear(8, 3))):
        found = profile(body.eval(), torch.randn(b, n, e), backward=True)
        assert found.complete, found.unsupported
        assert found.forward.multiplications == want + b * n * e * 3
        assert found.backward.multiplications == b * n * e * 3


def test_a_forward_that_takes_gradients():
    def energy(self, x):
        y = self.layer(x).pow(2).sum()
        (gradient,) = torch.autograd.grad(y, self.layer.weight, create_graph=True)
        return gradient.sum()

    class Of(nn.Module):
        def __init__(self, forward):
            super().__init__()
            self.layer, self.way = nn.Linear(4, 5), forward

        def forward(self, x):
            return self.way(self, x)

    def asks_first(self, x):
        float(x.sum())
        return energy(self, x)

    for way in (energy, asks_first):
        module = Of(way)
        found = profile(module, torch.randn(3, 4))
        assert found.total.multiplications == 60 + 60  # the layer, and the gradient of its weight
        assert module.layer.weight.grad is None


@pytest.mark.parametrize("layer", [nn.Linear(4, 5), Real(nn.Linear(4, 5))], ids=["shapes", "real"])
def test_a_reentrant_checkpoint(layer):
    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return torch.utils.checkpoint.checkpoint(self.layer, x, use_reentrant=True)

    x = torch.randn(3, 4, requires_grad=True)
    found = profile(Checkpointed(), x, backward=True)
    assert (found.forward.multiplications, found.backward.multiplications) == (60, 180)
    assert x.grad is None
    assert all(weight.grad is None for weight in layer.parameters())


@dataclass
class Held:
    y: torch.Tensor


class Slots:
    __slots__ = ("y",)

    def __init__(self, y):
        self.y = y


class Batch(dict):
    def __getattr__(self, name):
        return self[name]


OUTPUTS = {
    "set": lambda y: {y},
    "generator": lambda y: (item for item in [y]),
    "slots": Slots,
    "dataclass": Held,
    "UserDict": lambda y: UserDict(y=y),
    "nested": lambda y: {"a": [Held((y,))]},
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_outputs_of_any_kind_have_gradients(kind):
    found = profile(
        lambda x: OUTPUTS[kind](x @ x.mT), torch.randn(3, 4, requires_grad=True), backward=True
    )
    assert (found.forward.multiplications, found.backward.multiplications) == (36, 72)


def test_a_generator_computes_while_it_is_read():
    found = profile(lambda x: (x @ x for _ in range(3)), torch.randn(4, 4))
    assert found.total.multiplications == 3 * 64


INPUTS = {
    "a dict of its own": lambda x: Batch(x=x),
    "UserDict": lambda x: UserDict(x=x),
    "dict": lambda x: {"x": x},
}


@pytest.mark.parametrize("kind", INPUTS)
def test_inputs_keep_their_class(kind):
    given = INPUTS[kind](torch.randn(3, 4))

    def forward(batch):
        assert type(batch) is type(given)
        x = batch.x if isinstance(batch, Batch) else batch["x"]
        return x @ x.mT

    found = profile(forward, given)
    assert (found.how, found.total.multiplications) == ("shapes", 36)


def test_an_operator_of_functions_is_unknown():
    found = profile(
        lambda x: torch.cond(x.sum() > 0, lambda x: x @ x, lambda x: x @ x, (x,)), torch.eye(3)
    )
    assert found.unsupported == {"higher_order.cond": 1}
    assert str(found).startswith("<lambda>: ≥ 0")


def test_functions_are_counted():
    assert profile(functional.relu, torch.zeros(2, 3)).total.elementwise == 6
    assert profile(torch.matmul, torch.zeros(2, 3), torch.zeros(3, 4)).total.multiplications == 24


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.body = nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3))

    def forward(self, x):
        return self.body(self.stem(x))


def test_an_exported_program_has_its_layers(monkeypatch):
    monkeypatch.setattr(torch.hub.tqdm, "monitor", None)  # the thread that a progress bar starts
    x = torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    module = Layers().double().eval()
    program = torch.export.export(module, (x,))
    found, want = profile(program, x), profile(module, x)
    assert found.how == want.how == "shapes"
    assert found.complete
    rows = [
        [(part.name, part.kind, part.counts, part.parameters) for _, part in it.by_module.walk()]
        for it in (found, want)
    ]
    assert rows[0] == rows[1]
    assert list(input_types(program).values()) == [torch.float64]
    both = profile(layered(program), x, backward=True)
    assert both.total == profile(module, x, backward=True).total
