"""Operators beside layers: which multiply nothing by rule, and which have a count of their own."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

from convbench.counting.engine.run import profile


class Written(nn.Module):
    def __init__(self, forward, **parts):
        super().__init__()
        self.written = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self.written(self, *inputs)


SQUARE = torch.full((3, 3), 0.5)
LABELS = torch.zeros(3, dtype=torch.long)
LOSSES = {
    "cross entropy": lambda y: functional.cross_entropy(y, LABELS.to(y.device)),
    "mse": lambda y: functional.mse_loss(y, y.detach()),
    "l1": lambda y: functional.l1_loss(y, y.detach()),
    "smooth l1": lambda y: functional.smooth_l1_loss(y, y.detach()),
    "huber": lambda y: functional.huber_loss(y, y.detach()),
    "bce": lambda y: functional.binary_cross_entropy(torch.sigmoid(y), torch.sigmoid(y).detach()),
    "bce of logits": lambda y: functional.binary_cross_entropy_with_logits(y, y.detach()),
    "kl": lambda y: functional.kl_div(y, y.detach()),
    "soft margin": lambda y: functional.soft_margin_loss(y, y.detach()),
    "multi margin": lambda y: functional.multi_margin_loss(y, LABELS.to(y.device)),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("backward", [False, True])
def test_a_model_that_returns_its_loss(name, backward):
    module = Written(lambda self, x: LOSSES[name](self.layer(x)), layer=nn.Linear(3, 3))
    found = profile(module, SQUARE, backward=backward)
    assert found.complete, found.unsupported
    assert found.total.multiplications == 27 * (1 + backward)


NOTHING = {
    "searching": lambda _, x: (torch.searchsorted(x, x), torch.histc(x), torch.bincount(LABELS)),
    "comparing": lambda _, x: x + float(torch.equal(x, x)) + float(torch.allclose(x, x)),
    "unique rows": lambda _, x: torch.unique(x, dim=0),
    "the diagonal's sum": lambda _, x: torch.trace(x),
    "shifts": lambda _, x: (x.long() << 1) | (x.long() >> 1),
    "functions": lambda _, x: (
        torch.erfc(x) + torch.sinh(x) + torch.cosh(x) + torch.asinh(x) + torch.lgamma(x)
    ),
    "of two": lambda _, x: torch.hypot(x, x) + torch.fmax(x, x) + torch.fmin(x, x),
    "signs": lambda _, x: torch.signbit(x),
}


@pytest.mark.parametrize("name", NOTHING)
def test_these_multiply_nothing(name):
    found = profile(Written(NOTHING[name]), SQUARE)
    assert found.complete, found.unsupported
    assert found.total.multiplications == 0


BACKWARDS = {
    "hardshrink": (nn.Hardshrink, (2, 3, 8)),
    "softshrink": (nn.Softshrink, (2, 3, 8)),
    "rrelu": (lambda: nn.RReLU().train(), (2, 3, 8)),
    "replication pad 1d": (lambda: nn.ReplicationPad1d(1), (2, 3, 8)),
    "replication pad 3d": (lambda: nn.ReplicationPad3d(1), (2, 3, 4, 4, 4)),
    "nearest-exact": (lambda: nn.Upsample(scale_factor=2, mode="nearest-exact"), (2, 3, 8, 8)),
    "fractional max pool": (lambda: nn.FractionalMaxPool2d(2, output_size=2), (2, 3, 8, 8)),
}


@pytest.mark.parametrize("name", BACKWARDS)
def test_backwards_that_multiply_nothing(name):
    build, shape = BACKWARDS[name]
    found = profile(build(), torch.ones(shape, requires_grad=True), backward=True)
    assert found.complete, found.unsupported
    assert found.total.multiplications == 0


@pytest.mark.parametrize("weighted", [False, True])
def test_a_bag_of_embeddings_multiplies_by_its_weights_alone(weighted):
    def forward(self, indices):
        weights = torch.ones(3, 4, device=indices.device) if weighted else None
        return self.bag(indices, per_sample_weights=weights)

    module = Written(forward, bag=nn.EmbeddingBag(10, 4, mode="sum"))
    found = profile(module, torch.zeros(3, 4, dtype=torch.long))
    assert found.complete, found.unsupported
    assert found.total.multiplications == (3 * 4 * 4 if weighted else 0)


def test_a_packed_sequence():
    """Steps that a shorter sequence does not have are not run."""

    def forward(self, x):
        packed = pack_padded_sequence(x, torch.tensor([5, 2, 1]))
        return self.cell(packed)[0].data

    found = profile(Written(forward, cell=nn.LSTM(6, 5)), torch.zeros(5, 3, 6))
    assert found.complete, found.unsupported
    assert found.total.multiplications == 8 * 20 * (6 + 5)


def test_a_convolution_over_time_first():
    module = Written(
        lambda self, x: torch.conv_tbc(x, self.weight, self.bias, 1),
        weight=nn.Parameter(torch.ones(3, 8, 4)),
        bias=nn.Parameter(torch.zeros(4)),
    )
    x = torch.zeros(10, 2, 8, requires_grad=True)
    found = profile(module, x)
    assert found.complete, found.unsupported
    assert found.total.multiplications == 10 * 2 * 3 * 8 * 4
    assert found.total.multiplications_valid == (10 * 3 - 2) * 2 * 8 * 4
    trained = profile(module, x, backward=True)
    assert trained.complete, trained.unsupported
    # torch runs it as matrix products of the steps that are there, without the padding
    assert trained.backward.multiplications == 2 * found.total.multiplications_valid


@pytest.mark.filterwarnings("ignore")  # torch calls both deprecated
@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_of_mkldnn(groups):
    from torch.utils.mkldnn import to_mkldnn

    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no mkldnn")
    module = to_mkldnn(nn.Sequential(nn.Conv2d(4, 4, 3, groups=groups)).eval())
    found = profile(module, torch.zeros(1, 4, 8, 8).to_mkldnn())
    assert found.complete, found.unsupported
    assert found.total.multiplications == 36 * 4 * (4 // groups) * 9


@pytest.mark.filterwarnings("ignore")  # as above
@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3)])
def test_a_quantised_recurrent_layer(kind, gates):
    if torch.backends.quantized.engine == "none":
        pytest.skip("this torch has no quantised kernels")
    layer = kind(4, 3, num_layers=2, bidirectional=True)
    module = Written(lambda self, x: self.cell(x)[0], cell=layer).eval()
    quantised = torch.ao.quantization.quantize_dynamic(module, {kind})
    want = profile(module, torch.zeros(2, 5, 4)).total.multiplications
    assert want == 10 * gates * 3 * 2 * ((4 + 3) + (6 + 3))
    found = profile(quantised, torch.zeros(2, 5, 4))
    assert found.complete, found.unsupported
    assert found.total.multiplications == want


def eye():
    return torch.eye(6).to_sparse()


DENSE = torch.zeros(6, 4)
SPARSE = {
    # what: (module, input, multiplications: stored elements times columns)
    "torch.sparse.mm": (lambda: Written(lambda _, x: torch.sparse.mm(eye(), x)), DENSE, 24),
    "a matrix by rows": (lambda: Written(lambda _, x: eye().to_sparse_csr() @ x), DENSE, 24),
    "a parameter": (
        lambda: Written(
            lambda self, x: torch.sparse.mm(self.weight, x), weight=nn.Parameter(eye())
        ),
        DENSE,
        24,
    ),
    "an added product": (
        lambda: Written(lambda _, x: torch.sparse.addmm(torch.zeros(6, 4), eye(), x)),
        DENSE,
        24,
    ),
    "a layer's input": (lambda: nn.Linear(6, 3), eye(), 18),
}


@pytest.mark.filterwarnings("ignore")  # torch calls its sparse rows a beta
@pytest.mark.parametrize("name", SPARSE)
def test_a_sparse_matrix_multiplies_what_it_stores(name):
    build, inputs, macs = SPARSE[name]
    found = profile(build(), inputs)
    assert found.complete, found.unsupported
    assert found.total.multiplications == macs
