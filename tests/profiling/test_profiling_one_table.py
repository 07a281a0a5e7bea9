"""One list of what counts, whatever the device and the way: profile, formula, a real run."""

import importlib
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.core.torchvision_import import declare_operators
from convbench.counting.engine.rules import RULES, find
from convbench.counting.engine.run import profile
from convbench.counting.zero_cost import PREPARING, TRANSFORM, ZERO_BY_RULE, ZERO_OF_VISION
from convbench.formulas.tracing import network_formula
from convbench.formulas.tracing.operators import OTHERS
from convbench.formulas.tracing.operators import RULES as OF_PROGRAMS
from convbench.ui.terminal.profile import summary

B, N, D = 2, 5, 8


class Written(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.q = nn.Parameter(torch.ones(B, 3, N, D))
        self.a, self.b = nn.Parameter(torch.ones(B, N, D)), nn.Parameter(torch.ones(B, D, N))
        self.kernel, self.image = (
            nn.Parameter(torch.ones(4, 3, 3, 3)),
            nn.Parameter(torch.ones(1, 3, 8, 8)),
        )
        self.vector = nn.Parameter(torch.ones(D))
        self.register_buffer("state", torch.ones(D))
        self.bilinear = nn.Bilinear(D, D, 3, bias=False)
        self.written = forward

    def forward(self, x):
        return x.sum() + self.written(self).sum()


ALONE = {
    # of weights alone: (forward, multiplications)
    "attention": (
        lambda self: functional.scaled_dot_product_attention(self.q, self.q, self.q),
        2 * B * 3 * N * N * D,
    ),
    "a product of batches": (lambda self: self.a @ self.b, B * N * D * N),
    "a matrix product": (lambda self: self.a[0] @ self.b[0], N * D * N),
    "a linear layer": (lambda self: functional.linear(self.a, self.b[0]), None),
    "einsum": (lambda self: torch.einsum("bnd,bdm->bnm", self.a, self.b), B * N * D * N),
    "a convolution": (lambda self: functional.conv2d(self.image, self.kernel), 4 * 3 * 9 * 36),
    "a transposed convolution": (
        lambda self: functional.conv_transpose2d(self.image, self.kernel.transpose(0, 1)),
        64 * 3 * 4 * 9,
    ),
    "a bilinear form": (lambda self: self.bilinear(self.a, self.a), B * N * 3 * (D * D + D)),
    "a matrix times a vector": (lambda self: self.a[0] @ self.vector, N * D),
    "mv": (lambda self: torch.mv(self.a[0], self.vector), N * D),
    "a dot product": (lambda self: torch.dot(self.vector, self.a[0, 0]), D),
    "by hand": (lambda self: (self.a[0] * self.vector).sum(), N * D),
    "pairs by hand": (
        lambda self: (self.a[:, :, None] * self.a[:, None]).sum(-1),
        B * N * N * D,
    ),
    "a matrix and a vector of buffers, which prepare": (
        lambda self: torch.mv(self.a[0], self.state),
        0,
    ),
    "vectors, of which one is a buffer": (lambda self: torch.dot(self.vector, self.state), 0),
    "the same by hand": (lambda self: (self.a[0] * self.state).sum(), 0),
    "elementwise": (lambda self: self.a * self.a.sigmoid(), 0),
}
ALONE["a linear layer"] = (lambda self: functional.linear(self.a, self.b[0].T), B * N * D * N)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("way", ["cpu", "meta", "real"])
@pytest.mark.parametrize("case", ALONE)
def test_weights_alone_count_the_same_everywhere(case, way, backward):
    forward, macs = ALONE[case]
    module = Written(forward)
    x = torch.ones(3)
    if way == "meta":
        module, x = module.to("meta"), x.to("meta")
    if way == "real":
        module.written = lambda self: forward(self) * float(self.vector.sum())
    found = profile(module, x, backward=backward)
    assert ("for real" in found.how) is (way == "real")
    assert found.complete, found.unsupported
    assert found.forward.multiplications == macs


@pytest.mark.parametrize("case", ALONE)
def test_a_formula_counts_weights_alone_the_same(case):
    forward, macs = ALONE[case]
    formula = network_formula(Written(forward), torch.ones(3))
    assert formula.complete, formula.unsupported
    assert formula.evaluate(**formula.given, **formula.fixed) == macs


class Fourier(nn.Module):
    def __init__(self, transform):
        super().__init__()
        self.transform, self.layer = transform, nn.Linear(6, 6, bias=False)

    def forward(self, x):
        y = self.transform(self.layer(x))
        return y.abs() if y.is_complex() else y


def real(numbers, length):
    return round(2.5 * numbers * math.log2(length))


FOURIER = {
    # transform: operations for 2 x 4 x 6 numbers: 5·N·log2 N, half for real ones
    "rfft2": (torch.fft.rfft2, real(48, 24)),
    "rfft": (torch.fft.rfft, real(48, 6)),
    "rfftn": (torch.fft.rfftn, real(48, 48)),
    "fft": (torch.fft.fft, real(48, 6)),
    "fft2, there and back": (lambda x: torch.fft.ifft2(torch.fft.rfft2(x)), None),
    "there and back": (
        lambda x: torch.fft.irfft2(torch.fft.rfft2(x), s=x.shape[1:]),
        2 * real(48, 24),
    ),
    "of a complex number": (
        lambda x: torch.fft.fftn(torch.complex(x, x)),
        round(5 * 48 * math.log2(48)),
    ),
    "hfft": (lambda x: torch.fft.hfft(torch.complex(x, x), n=10), real(2 * 4 * 10, 10)),
    "stft": (
        lambda x: torch.stft(
            x.flatten(),
            8,
            4,
            window=torch.ones(8, device=x.device),
            center=False,
            return_complex=True,
        ),
        real(8 * 11, 8),
    ),
}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("case", FOURIER)
def test_fourier_transforms_stand_apart(case, backward):
    transform, operations = FOURIER[case]
    found = profile(Fourier(transform), torch.ones(2, 4, 6), backward=backward, strict=True)
    assert found.forward.multiplications == 8 * 36
    forward = found.counts(backward=False)
    assert forward.transforms == operations or operations is None
    assert forward.transforms > 0
    assert "operations of Fourier transforms" in "\n".join(summary(found))
    if backward:
        assert found.counts(backward=True).transforms > 0


@pytest.mark.parametrize("case", FOURIER)
def test_a_formula_names_them(case):
    if torch.__version__.startswith("2.6."):
        pytest.skip("torch 2.6 traces no Fourier transform of sizes that are not fixed")
    formula = network_formula(Fourier(FOURIER[case][0]), torch.ones(2, 4, 6))
    assert formula.complete, formula.unsupported
    assert formula.evaluate(**formula.given, **formula.fixed) == 8 * 36
    assert "Fourier transforms" in " ".join(formula.notes)


def test_what_a_formula_counts_a_profile_counts():
    """Every operator with a rule in one way has one in the other, or is made of such."""
    composite = {"conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
                 "conv_transpose3d", "matmul", "inner", "bilinear"}  # fmt: skip
    assert set(OF_PROGRAMS) - set(RULES) <= composite
    assert {name.split("::")[1] for name in OTHERS} <= set(RULES)
    backward = {name for name in RULES if "backward" in name}
    only_run = {"trilinear", "convolution", "convolution_overrideable"}  # either way up; composite
    assert set(RULES) - set(OF_PROGRAMS) - backward - only_run <= {
        "deform_conv2d", "quantized_lstm", "quantized_gru",
    }  # fmt: skip
    assert not (set(RULES) | set(OF_PROGRAMS)) & (ZERO_BY_RULE | TRANSFORM | ZERO_OF_VISION)
    assert set(PREPARING) <= set(RULES)


declare_operators()
LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
if hasattr(torch.ops.torchvision, "deform_conv2d"):  # its compiled part fits: define nothing twice
    importlib.import_module("torchvision")
else:
    LIBRARY.define(
        "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, "
        "int stride_h, int stride_w, int pad_h, int pad_w, int dil_h, int dil_w, int groups, "
        "int offset_groups, bool use_mask) -> Tensor"
    )
    LIBRARY.impl(
        "deform_conv2d",
        lambda x, weight, offset, *_: x.new_empty(x.shape[0], weight.shape[0], *offset.shape[2:]),
        "Meta",
    )


def deformed(x):
    weight, offset = x.new_zeros(6, 2, 3, 3), x.new_zeros(1, 18, 6, 6)
    mask, bias = x.new_zeros(1, 9, 6, 6), x.new_zeros(6)
    return torch.ops.torchvision.deform_conv2d(
        x, weight, offset, mask, bias, 1, 1, 0, 0, 1, 1, 2, 1, True
    )


def image(*shape):
    return torch.zeros(*shape)


MORE = {
    # what: (function, inputs, multiplications)
    "a deformable convolution": (deformed, (image(1, 4, 8, 8),), 6 * 36 * 2 * 9),
    "groups of rows": (
        lambda a, b, at: torch._grouped_mm(a, b, offs=at),
        (
            image(16, 32).bfloat16(),
            image(2, 32, 48).bfloat16(),
            torch.tensor([8, 16], dtype=torch.int32),
        ),
        16 * 32 * 48,
    ),
    "groups of inner sizes": (
        lambda a, b, at: torch._grouped_mm(a, b, offs=at),
        (
            image(16, 32).bfloat16(),
            image(32, 48).bfloat16(),
            torch.tensor([16, 32], dtype=torch.int32),
        ),
        16 * 32 * 48,
    ),
    "groups": (
        getattr(torch, "_grouped_mm", None),
        (image(3, 16, 32).bfloat16(), image(3, 32, 48).bfloat16()),
        3 * 16 * 32 * 48,
    ),
    "weights of 8 bits": (
        torch.ops.aten._weight_int8pack_mm,
        (image(4, 32).bfloat16(), torch.zeros(16, 32, dtype=torch.int8), image(16).bfloat16()),
        4 * 16 * 32,
    ),
    "an outer product of batches": (
        lambda a, b: torch.addbmm(a[0], a, b),
        (image(2, 4, 4), image(2, 4, 4)),
        2 * 64,
    ),
}


@pytest.mark.parametrize("case", MORE)
def test_rules_of_rarer_operators(case):
    if case.startswith("groups") and not hasattr(torch, "_grouped_mm"):
        pytest.skip("this torch has no products of groups")
    function, inputs, macs = MORE[case]
    found = profile(function, *inputs)
    assert found.complete, found.unsupported
    assert found.total.multiplications == macs


NOTHING = {
    "a moving average of numbers": lambda x: torch.ops.aten._fused_moving_avg_obs_fq_helper(
        x, torch.ones(1), torch.ones(1), torch.zeros(1), torch.ones(1), torch.ones(1),
        torch.zeros(1, dtype=torch.int32), 0.01, 0, 255, 0,
    ),
    "all true": lambda x: torch.ops.aten._is_all_true(x > 0),
    "any true": lambda x: torch.ops.aten._is_any_true(x > 0),
    "renormed embeddings": lambda x: torch.embedding_renorm_(
        torch.ones(4, 3), torch.tensor([0, 1]), 1.0, 2.0
    ),
    "types": lambda x: x.to(torch.promote_types(torch.float16, torch.float32)),
    "fake quantisation": lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, 0, 255),
    "angles": torch.angle,
    "special functions": lambda x: torch.special.i1e(x) + torch.special.entr(x),
    "many at once": lambda x: torch._foreach_add([x, x], 1.0)[0],
    "draws": lambda x: torch.multinomial(x.abs() + 1, 2),
    "segments": lambda x: torch.segment_reduce(x.flatten(), "sum", lengths=torch.tensor([4, 8])),
    "a cross product": lambda x: torch.linalg.cross(x, x),
    "the least so far": lambda x: torch.cummin(x, 0)[0],
}  # fmt: skip


@pytest.mark.parametrize("case", NOTHING)
def test_what_multiplies_nothing_is_known(case):
    found = profile(NOTHING[case], torch.ones(4, 3))
    assert found.complete, found.unsupported
    assert found.total.multiplications == 0


@pytest.mark.filterwarnings("ignore")  # torch calls its quantisation deprecated
@pytest.mark.parametrize("dims", [1, 2])
def test_a_quantised_transposed_convolution(dims):
    if torch.backends.quantized.engine == "none":
        pytest.skip("this torch has no quantised kernels")
    kind = getattr(torch.ao.nn.quantized, f"ConvTranspose{dims}d")
    layer = kind(4, 6, 3, stride=2)
    x = torch.quantize_per_tensor(torch.zeros(1, 4, *[5] * dims), 0.1, 0, torch.quint8)
    found = profile(layer, x)
    assert found.complete, found.unsupported
    assert found.total.multiplications == 5**dims * 4 * 6 * 3**dims


@pytest.mark.parametrize("layers", [1, 2])
def test_the_backward_of_a_recurrent_layer_that_runs_whole(layers):
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no mkldnn")
    cell = nn.LSTM(6, 5, num_layers=layers)

    class Asks(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = cell

        def forward(self, x):
            return self.cell(x)[0] * (1 if bool((x == 0).all()) else 2)

    x = torch.zeros(7, 3, 6, requires_grad=True)
    found = profile(Asks(), x, backward=True)
    assert "for real" in found.how
    assert found.complete, found.unsupported
    assert found.backward.multiplications == 2 * found.forward.multiplications


def test_names_are_looked_up_by_one_function():
    assert find(torch.ops.aten.mm.default)[2] is RULES["mm"]
