"""Products that are summed are counted however they are written; products alone are elementwise.

A table of facts: (what, forward, input shape, multiplications by a closed form).
"""

import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.counting.engine.run import profile

C, H, W = 4, 6, 5
IMAGE = (2, C, H, W)
TAPS = 9


class Written(nn.Module):
    """A forward of one's own, with a few weights of the shapes that the cases use."""

    def __init__(self, forward):
        super().__init__()
        self.taps = nn.Parameter(torch.ones(TAPS, C, 1, 1))
        self.matrix = nn.Parameter(torch.ones(C, 7))
        self.scale = nn.Parameter(torch.ones(C, 1, 1))
        self.offset = nn.Parameter(torch.zeros(C, 1, 1))
        self.conv = nn.Conv2d(C, C, 1, bias=False)
        self.register_buffer("angles", torch.ones(H, W))
        self.written = forward

    def forward(self, x):
        return self.written(self, x)


def shifted(x):
    """The nine shifts of a padded image, largest first axis."""
    padded = functional.pad(x, (1, 1, 1, 1))
    return [padded[:, :, i : i + H, j : j + W] for i in range(3) for j in range(3)]


def by_sum(self, x):
    return sum(w * part for w, part in zip(self.taps, shifted(x), strict=True))


def by_zeros(self, x):
    out = torch.zeros_like(x)
    for w, part in zip(self.taps, shifted(x), strict=True):
        out = out + w * part
    return out


def in_place(self, x):
    out = torch.zeros_like(x)
    for w, part in zip(self.taps, shifted(x), strict=True):
        out += part * w
    return out


def by_addcmul(self, x):
    out = torch.zeros_like(x)
    for w, part in zip(self.taps, shifted(x), strict=True):
        out = torch.addcmul(out, w.expand_as(part), part)
    return out


def involution(self, x):
    patches = functional.unfold(x, 3, padding=1).view(2, C, TAPS, H, W)
    kernel = self.conv(x).repeat(1, 3, 1, 1)[:, :TAPS].unsqueeze(1).expand(2, C, TAPS, H, W)
    return (patches * kernel).sum(2)


def residuals(self, x):
    for _ in range(3):
        x = x + self.scale * self.conv(x)
    return x


def residuals_in_place(self, x):
    for _ in range(3):
        y = self.scale * self.conv(x)
        y += x
        x = y
    return x


def rotary(self, x):
    return x * self.angles + x.flip(-1) * self.angles


def streams(self, x):
    """OSNet's: gates made of what they gate, and the gated added."""
    out = 0
    for _ in range(4):
        y = self.conv(x)
        out = out + y * torch.sigmoid(y.mean((2, 3), keepdim=True))
    return out


pixels = 2 * H * W
DEPTHWISE = 2 * C * TAPS * H * W
POINTWISE = 2 * C * C * H * W
CASES = {
    # what: (forward, multiplications)
    "shift and multiply, sum()": (by_sum, DEPTHWISE),
    "shift and multiply, onto zeros": (by_zeros, DEPTHWISE),
    "shift and multiply, in place": (in_place, DEPTHWISE),
    "shift and multiply, addcmul": (by_addcmul, DEPTHWISE),
    "involution": (involution, POINTWISE + DEPTHWISE),
    "multiply and sum": (
        lambda self, x: (x.unsqueeze(2) * self.matrix[:, :, None, None]).sum(1),
        pixels * C * 7,
    ),
    "einsum": (lambda self, x: torch.einsum("bchw,cd->bdhw", x, self.matrix), pixels * C * 7),
    "matmul": (lambda self, x: x.permute(0, 2, 3, 1) @ self.matrix, pixels * C * 7),
    "tensordot": (lambda self, x: torch.tensordot(x, self.matrix, ([1], [0])), pixels * C * 7),
    "multiply and average": (lambda self, x: (x * self.scale).mean(1), pixels * C),
    "a layer": (lambda self, x: self.conv(x), POINTWISE),
}
NOT = {
    "a scale": lambda self, x: x * self.scale,
    "a scale and an offset": lambda self, x: x * self.scale + self.offset,
    "an affine addcmul": lambda self, x: torch.addcmul(self.offset, self.scale, x),
    "a gate": lambda self, x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)),
    "a gated unit": lambda self, x: functional.glu(x, dim=1),
    "a mask": lambda self, x: x * (x > 0),
    "a number": lambda self, x: 2 * x + 3 * x,
    "angles, as rotary positions": rotary,
    "a sum of what is no product": lambda self, x: (x + self.scale).sum(1),
    "squares": lambda self, x: x.pow(2).sum(),
}


@pytest.mark.parametrize("case", CASES)
def test_a_contraction_counts_as_it_is_written(case):
    forward, macs = CASES[case]
    found = profile(Written(forward), torch.zeros(IMAGE))
    assert found.total.multiplications == macs
    assert found.total.additions == macs
    assert found.complete, found.unsupported


@pytest.mark.parametrize("case", NOT)
def test_products_alone_are_elementwise(case):
    found = profile(Written(NOT[case]), torch.zeros(IMAGE))
    assert found.total.multiplications == 0
    assert found.total.elementwise > 0
    assert found.complete, found.unsupported


@pytest.mark.parametrize("forward", [residuals, residuals_in_place])
def test_a_scaled_branch_and_its_residual_are_no_products(forward):
    found = profile(Written(forward), torch.zeros(IMAGE))
    assert found.total.multiplications == 3 * POINTWISE


def test_gates_of_streams_are_no_products():
    found = profile(Written(streams), torch.zeros(IMAGE))
    assert found.total.multiplications == 4 * POINTWISE


@pytest.mark.parametrize("case", CASES)
def test_each_gradient_of_a_contraction_costs_one_forward(case):
    forward, macs = CASES[case]
    inputs = torch.zeros(IMAGE, requires_grad=True)
    found = profile(Written(forward), inputs, backward=True)
    assert found.forward.multiplications == macs
    assert found.backward.multiplications == 2 * macs


@pytest.mark.parametrize("case", NOT)
def test_gradients_of_products_alone_are_elementwise(case):
    inputs = torch.zeros(IMAGE, requires_grad=True)
    assert profile(Written(NOT[case]), inputs, backward=True).total.multiplications == 0


@pytest.mark.parametrize("case", CASES)
def test_the_shapes_path_and_the_real_one_agree(case):
    """A step that asks for data makes the module run for real: the count is the same."""
    forward, macs = CASES[case]

    def asking(self, x):
        return forward(self, x) if bool((x == 0).all()) else x

    found = profile(Written(asking), torch.zeros(IMAGE))
    assert "for real" in found.how
    assert found.total.multiplications == macs


def test_complex_products_are_four_real_ones():
    def complex_product(self, x):
        return torch.einsum("bchw,cd->bdhw", torch.complex(x, x), torch.complex(*self.pair))

    module = Written(complex_product)
    module.pair = (torch.ones(C, 7), torch.ones(C, 7))
    assert profile(module, torch.zeros(IMAGE)).total.multiplications == 4 * pixels * C * 7


@pytest.mark.parametrize(
    "norm", [nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm], ids=["new", "old"]
)
def test_what_prepares_a_weight_is_apart(norm):
    """A spectral norm's matrix-vector products prepare the weight; no input asks for them."""
    plain = nn.Conv2d(8, 6, 3, padding=1, bias=False)
    want = profile(plain, torch.zeros(1, 8, 10, 10))
    normed = norm(nn.Conv2d(8, 6, 3, padding=1, bias=False))
    for module in (normed.eval(), normed.train()):
        found = profile(module, torch.zeros(1, 8, 10, 10))
        assert found.total.multiplications == want.total.multiplications
        assert found.counts().preparation >= 6 * 72
        assert found.complete, found.unsupported


def test_a_layer_that_reads_a_table_counts_like_any_other():
    """Swin v2's position bias: a linear layer on a buffer; it runs each time, and is no weight."""

    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("table", torch.zeros(49, 2))
            self.layers = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3, bias=False))

        def forward(self, x):
            return x + self.layers(self.table)

    found = profile(Positions(), torch.zeros(49, 3))
    assert found.total.multiplications == 49 * (2 * 16 + 16 * 3)
