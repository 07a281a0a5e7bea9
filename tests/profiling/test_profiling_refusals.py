"""What cannot be counted: one clear message, its cause and the remedy; torch refuses it too."""

import copy

import pytest
import torch
from torch import nn

from convbench.core.errors import ConvbenchError, SpecError
from convbench.counting.engine.checks import refuse
from convbench.counting.engine.run import ProfileError, profile
from convbench.formulas.tracing import network_formula
from convbench.testing import assert_cost_at_most, assert_multiplications, check_conv


class Product(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 3, dtype=kind))

    def forward(self, x):
        return x @ self.weight


INVALID = {
    # what torch refuses to compute: module, input
    "double weights": (nn.Linear(3, 3).double(), torch.ones(2, 3)),
    "whole numbers": (nn.Linear(3, 3), torch.ones(2, 3, dtype=torch.int64)),
    "two float types": (Product(torch.bfloat16), torch.ones(2, 3)),
    "batches of two types": (Product(torch.float64), torch.ones(4, 2, 3)),
    "half a convolution": (nn.Conv2d(3, 4, 3).half(), torch.ones(2, 3, 8, 8)),
    "a kernel larger than the input": (nn.Conv2d(3, 4, 5, dilation=2), torch.ones(1, 3, 8, 8)),
    "output padding": (nn.ConvTranspose2d(3, 3, 3, output_padding=1), torch.ones(1, 3, 4, 4)),
    "output padding in 1d": (
        nn.ConvTranspose1d(3, 3, 3, stride=2, output_padding=2), torch.ones(1, 3, 4)
    ),
}  # fmt: skip


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("what", INVALID)
def test_what_torch_refuses_is_refused(what, backward):
    module, x = INVALID[what]
    with pytest.raises(RuntimeError):
        module(x)
    with pytest.raises(ProfileError, match=type(module).__name__):
        profile(module, x, backward=backward)
    meta = copy.deepcopy(module).to("meta")
    with pytest.raises(ProfileError, match=r"data type|output_padding|the same|[Kk]ernel"):
        profile(meta, x.to("meta"), backward=backward)


def test_a_kernel_that_does_not_fit_is_refused_by_shapes_alone():
    """Not every torch does so on meta: 2.6 gives no outputs, and no multiplications with them."""
    x, weight = torch.empty(1, 3, 8, 8, device="meta"), torch.empty(4, 3, 5, 5, device="meta")
    with pytest.raises(RuntimeError, match="a kernel over 9 positions of an input that has 8"):
        refuse("convolution", (x, weight, None, [1, 1], [0, 0], [2, 2], False, [0, 0], 1))
    refuse("convolution", (x, weight, None, [1, 1], [1, 1], [2, 2], False, [0, 0], 1))


@pytest.mark.parametrize(
    "layer",
    [
        nn.ConvTranspose2d(3, 3, 3, dilation=2, output_padding=1),
        nn.Conv2d(3, 3, 4),
        nn.Conv2d(3, 3, 3, padding=1, dilation=2),
        nn.Linear(3, 3).bfloat16(),
    ],
)
def test_what_torch_takes_is_counted(layer):
    shape = (2, 3) if isinstance(layer, nn.Linear) else (1, 3, 4, 4)
    x = torch.ones(shape, dtype=layer.weight.dtype)
    layer(x)
    assert profile(layer, x).how == "shapes"


class Exits(nn.Module):
    def forward(self, x):
        raise SystemExit(4)


class Returns(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(x).shape


class Again(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        y = self.layer(x).sum()
        y.backward()
        return y


def nested():
    return torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=torch.jagged)


X = torch.ones(2, 3)
REFUSED = {
    "a number": (5, X, {}, r"type int cannot be counted: give a torch.nn.Module"),
    "a class": (nn.Linear, X, {}, r"Linear is a class of modules.*make one, Linear\(…\)"),
    "nested": (nn.Linear(3, 3), nested(), {}, "nested tensors: they have no one shape.*padded"),
    "it exits": (Exits(), X, {}, r"Exits calls sys.exit\(4\).*out of its forward"),
    "no tensor": (Returns(), X, {"backward": True}, "nothing to take gradients of. Leave backward"),
    "its own backward": (Again(), X, {"backward": True}, "takes gradients itself: leave backward"),
    "words": (nn.Embedding(5, 4), X, {}, r"tensor.to\(dtype\); on the command line.*2x7:int64"),
    "a shape": (nn.Linear(4, 4), X, {}, "Give inputs of the shape it wants"),
    "what it raises": (lambda x: x.nothing, X, {}, r"<lambda>.*'nothing'. Check that module\("),
    "too many": (nn.Linear(3, 3), (X, X), {}, "as many inputs as its forward takes"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_one_clear_message(what):
    given, inputs, options, message = REFUSED[what]
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    with pytest.raises(ProfileError, match=message) as caught:
        profile(given, *inputs, **options)
    assert "\n" not in str(caught.value)
    assert ".." not in str(caught.value)


CALLS = {
    "check_conv": (lambda: check_conv(5), r"check_conv\(5\).*name of a registered type"),
    "expected": (lambda: assert_multiplications(nn.Linear(3, 3), X, "5"), "expected='5' is a str"),
    "a limit": (
        lambda: assert_cost_at_most(nn.Linear(3, 3), X, parameters="9"), "parameters='9'.*whole"
    ),
    "broadcast": (
        lambda: network_formula(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 8, 8)).evaluate(
            B=1, H=torch.arange(8, 10).numpy(), W=torch.arange(8, 11).numpy()
        ),
        r"do not broadcast: H \(2,\), W \(3,\).*H\[:, None\]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CALLS)
def test_errors_are_our_own(what):
    call, message = CALLS[what]
    with pytest.raises(SpecError, match=message):
        call()


def test_a_function_may_be_asserted():
    assert_multiplications(torch.relu, X, 0)
    assert issubclass(ProfileError, ConvbenchError)
