"""What holds a module is counted with its weights: methods, partials, closures, objects."""

import functools

import pytest
import torch
from torch import nn

from convbench.counting.engine.run import profile

IMAGE = torch.zeros(1, 3, 16, 16)
MACS = 4 * 3 * 9 * 14 * 14
PARAMETERS = 4 * 3 * 9 + 4


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def encode(self, x, scale=1.0):
        return self.conv(x) * scale

    def __call__(self, *_):
        raise AssertionError("not the way that was asked for")


LAYER = nn.Conv2d(3, 4, 3)


def by_global(x):
    return LAYER(x)


def by_helper(x):
    return by_global(x)


def by_default(x, layer=LAYER):
    return layer(x)


class Pipeline:
    """No module itself."""

    layer = nn.Conv2d(3, 4, 3)

    def __init__(self, parts):
        self.parts = parts

    def __call__(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def of_the_class(self, x):
        return self.layer(x)


class Slotted:
    __slots__ = ("layer",)

    def __init__(self):
        self.layer = nn.Conv2d(3, 4, 3)

    def __call__(self, x):
        return self.layer(x)


def closure():
    layer = nn.Conv2d(3, 4, 3)
    return lambda x: layer(x) + 0


def decorated():
    layer = nn.Conv2d(3, 4, 3)

    @functools.wraps(by_global)
    def inner(x):
        return layer(x)

    return functools.partial(inner)


def parameters_alone():
    weight = nn.Parameter(torch.ones(4, 3, 3, 3))
    bias = nn.Parameter(torch.ones(4))
    return lambda x: nn.functional.conv2d(x, weight, bias)


def of_two():
    layer, other = nn.Conv2d(3, 4, 3), nn.Identity()
    both = nn.Sequential(layer, other)
    return lambda x: both[1](layer(x))


WAYS = {
    "a method": lambda: Encoder().encode,
    "a partial of a method": lambda: functools.partial(Encoder().encode, scale=2.0),
    "a partial that holds the module": lambda: functools.partial(
        lambda layer, x: layer(x), nn.Conv2d(3, 4, 3)
    ),
    "a lambda": closure,
    "a decorated function": decorated,
    "a global": lambda: by_global,
    "a global of a helper": lambda: by_helper,
    "a default": lambda: by_default,
    "an object": lambda: Pipeline([nn.Conv2d(3, 4, 3), nn.ReLU()]),
    "an object with slots": Slotted,
    "a class's own": lambda: Pipeline([]).of_the_class,
    "a module's forward": lambda: nn.Conv2d(3, 4, 3).forward,
    "a list of functions": lambda: Pipeline([closure()]),
    "a dictionary": lambda: functools.partial(
        lambda x, held: held["a"][0](x), held={"a": [nn.Conv2d(3, 4, 3)]}
    ),
    "parameters alone": parameters_alone,
    "a module and its part": of_two,
}


@pytest.mark.parametrize("case", WAYS)
def test_weights_are_seen(case):
    found = profile(WAYS[case](), IMAGE, backward=True)
    assert found.complete, found.unsupported
    assert found.parameters == PARAMETERS
    assert found.forward.multiplications == MACS
    assert found.backward.multiplications == MACS, "the image wants no gradient"


@pytest.mark.parametrize("case", WAYS)
def test_by_shapes_alone(case):
    found = profile(WAYS[case](), IMAGE)
    assert found.how == "shapes"
    assert found.parameters == PARAMETERS
    assert found.total.multiplications == MACS


def test_nothing_stays():
    encoder = Encoder()
    profile(encoder.encode, IMAGE, backward=True)
    assert list(dict(encoder.named_modules())) == ["", "conv"]
    assert all(weight.grad is None and not weight.is_meta for weight in encoder.parameters())


def test_a_name_that_is_only_an_attribute_is_no_global():
    class Other:
        LAYER = staticmethod(torch.relu)

    other = Other()
    assert profile(lambda x: other.LAYER(x) + 0, IMAGE).parameters == 0


class Holding(nn.Module):
    """A module that holds a layer where no list of submodules has it."""

    def __init__(self, hold):
        super().__init__()
        self.own = nn.Conv2d(3, 3, 1)
        layer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.held = hold(layer)
        self.layers = [layer]

    def forward(self, x):
        return self.held(self.own(x))


def called_by(layer, x):
    return layer(x)


HIDDEN = {
    "a lambda": lambda layer: lambda x: layer(x) + 0,
    "a bound method": lambda layer: layer.forward,
    "a partial": lambda layer: functools.partial(called_by, layer),
    "an object": lambda layer: Pipeline([layer]),
    "a list": lambda layer: lambda x, layers=(layer,): layers[0](x),
    "its parameters alone": lambda layer: functools.partial(
        nn.functional.conv2d, weight=layer[0].weight, bias=layer[0].bias
    ),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("case", HIDDEN)
def test_a_module_that_holds_layers_elsewhere_has_their_gradients(case, device):
    with torch.device(device):
        module = Holding(HIDDEN[case])
    image = IMAGE.to(device)
    values = [tensor.clone() for tensor in module.layers[0].state_dict().values()]
    found = profile(module, image, backward=True)
    assert found.complete, found.unsupported
    assert ("for real" in found.how) is (device == "cpu")
    assert found.forward.multiplications == 3 * 3 * 256 + MACS
    assert found.backward.multiplications == 3 * 3 * 256 + 2 * MACS
    assert all(weight.grad is None for weight in module.layers[0].parameters())
    if device == "cpu":
        after = module.layers[0].state_dict().values()
        assert all(torch.equal(*pair) for pair in zip(values, after, strict=True))


def test_frozen_layers_elsewhere_have_no_gradients():
    module = Holding(HIDDEN["a lambda"])
    module.layers[0].requires_grad_(requires_grad=False)
    found = profile(module, IMAGE, backward=True)
    assert found.how == "shapes"
    assert found.backward.multiplications == 3 * 3 * 256 + MACS
