"""A product of complex numbers is four real ones, whoever multiplies and however torch does it."""

import pytest
import torch
from torch import nn

from convbench.counting.engine.run import profile
from convbench.formulas.tracing import network_formula

KIND = torch.complex64
IMAGE = torch.zeros(1, 3, 8, 8, dtype=KIND)
MACS = 36 * 27 * 4 * 4

LAYERS = {
    "plain": (lambda: nn.Conv2d(3, 4, 3, dtype=KIND), IMAGE, MACS),
    "without bias": (lambda: nn.Conv2d(3, 4, 3, bias=False, dtype=KIND), IMAGE, MACS),
    "unbatched": (lambda: nn.Conv2d(3, 4, 3, dtype=KIND), IMAGE[0], MACS),
    "of another layout": (lambda: nn.Conv2d(3, 4, 3, dtype=KIND), IMAGE.transpose(2, 3), MACS),
    "same": (lambda: nn.Conv2d(3, 4, 4, padding="same", dtype=KIND), IMAGE, 64 * 48 * 4 * 4),
    "transposed": (
        lambda: nn.ConvTranspose2d(3, 4, 3, stride=2, dtype=KIND),
        torch.zeros(2, 3, 8, 8, dtype=KIND),
        2 * 64 * 27 * 4 * 4,
    ),
    "linear": (lambda: nn.Linear(8, 4, dtype=KIND), IMAGE, 24 * 8 * 4 * 4),
}


@pytest.mark.parametrize("name", LAYERS)
def test_forward_backward_and_formula_agree(name):
    build, image, macs = LAYERS[name]
    module = build()
    assert profile(module, image).total.multiplications == macs
    trained = profile(module, image.clone().requires_grad_(), backward=True)
    assert trained.forward.multiplications == macs
    assert trained.backward.multiplications == 2 * macs
    formula = network_formula(module, image)
    assert formula.evaluate(**{**formula.given, **formula.fixed}) == macs


@pytest.mark.parametrize("name", LAYERS)
def test_no_column_depends_on_the_way(name):
    """Whether torch took the convolution apart shows in what it adds up besides, only."""
    build, image, _ = LAYERS[name]
    one, other = (
        profile(build(), image).total,
        profile(build(), image, backward=True).forward,
    )
    for column in ("multiplications", "multiplications_valid", "additions", "activations"):
        assert getattr(one, column) == getattr(other, column), column


def test_a_first_layer_has_no_gradient_of_its_input():
    found = profile(nn.Conv2d(3, 4, 3, dtype=KIND), IMAGE, backward=True)
    assert found.backward.multiplications == MACS


@pytest.mark.parametrize(("kind", "factor"), [(KIND, 4), (torch.float32, 2)])
def test_products_by_hand_with_complex_and_with_real_weights(kind, factor):
    class Weighted(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(8, dtype=kind))

        def forward(self, x):
            return (x * self.weight).sum(-1)

    assert profile(Weighted(), IMAGE).total.multiplications == factor * IMAGE.numel()
    formula = network_formula(Weighted(), IMAGE)
    assert formula.evaluate(B=1, H=8, **({} if "W" in formula.fixed else {"W": 8})) == (
        factor * IMAGE.numel()
    )


def test_three_real_convolutions_of_ones_own_are_three():
    """Only what torch makes of a complex convolution is taken for one."""

    class Three(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Conv2d(3, 4, 3, bias=False) for _ in range(3))

        def forward(self, x):
            parts = torch.view_as_real(x)
            real, imaginary = parts[..., 0], parts[..., 1]
            one, two, three = self.layers
            return one(real), two(imaginary), three(real + imaginary)

    assert profile(Three(), IMAGE).total.multiplications == 3 * 36 * 27 * 4
