"""A traced formula is what torch's FlopCounterMode counts, at every size that is tried."""

import importlib
import importlib.util
import random

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from tracing.tracing_nets import (
    Patches,
    Products,
    SamePadding,
    Scaled,
    Shared,
    Stem,
    Tokens,
    Up,
    Windows,
    Wrapped,
)

from convbench.core.torchvision_import import declare_operators
from convbench.counting.engine.run import profile
from convbench.formulas.tracing import network_formula
from convbench.networks.base import NETWORKS


def counted(module, *inputs):
    """Return the multiplications that torch counts on the meta device."""
    with FlopCounterMode(display=False) as mode, torch.no_grad():
        module(*inputs)
    assert mode.get_total_flops() % 2 == 0
    return mode.get_total_flops() // 2


def meta(module):
    return module.to("meta").eval()


def without_norms(module):
    """Put nothing in place of norms: they multiply nothing, and take most of a count's time."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.modules.batchnorm._NormBase):
                setattr(parent, name, nn.Identity())
    return module


def check(module, formula, channels, low, high, points=20, seed=0):
    """Compare at random sizes, a batch of 1 among them."""
    draw = random.Random(seed)
    assert formula.complete
    names = formula.names[1:]
    for turn in range(points):
        sizes = [draw.randint(low, high) for _ in names]
        batch = 1 if turn < 3 else draw.randint(1, 9)
        image = torch.empty(batch, channels, *sizes, device="meta")
        found = formula.evaluate(B=batch, **dict(zip(names, sizes, strict=True)))
        assert found == counted(module, image), (batch, sizes)


NETS = {
    # name: (module, channels, traced at, least and largest size)
    "2d": (Stem, 3, (33, 40), 12, 90),
    "transposed": (Up, 3, (21, 16), 3, 60),
    "attention": (Patches, 3, (32, 24), 8, 90),
    "products": (Products, 3, (9, 11), 4, 40),
    "shared": (Shared, 4, (30, 31), 6, 60),
    "windows": (Windows, 8, (30, 40), 1, 60),
    "wrapped": (Wrapped, 3, (9, 11), 3, 40),
    "same padding": (SamePadding, 3, (21, 34), 1, 60),
    "resized": (lambda: Scaled(1.5), 3, (9, 11), 2, 40),
    "1d": (
        lambda: nn.Sequential(nn.Conv1d(3, 8, 7, stride=3, groups=1), nn.ConvTranspose1d(8, 2, 4)),
        3,
        (50,),
        7,
        99,
    ),
    "3d": (
        lambda: nn.Sequential(
            nn.Conv3d(2, 4, (1, 3, 3), stride=(1, 2, 2)),
            nn.Conv3d(4, 4, 3, padding=1, groups=2),
            nn.AdaptiveAvgPool3d(1),
        ),
        2,
        (5, 9, 8),
        3,
        20,
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_a_small_network_equals_the_count(name):
    build, channels, size, low, high = NETS[name]
    module = meta(build())
    formula = network_formula(module, torch.empty(1, channels, *size, device="meta"))
    assert not formula.notes
    check(module, formula, channels, low, high)


@pytest.mark.parametrize("name", ["osnet_x1_0", "osnet_x0_25"])
def test_osnet_equals_the_count(name):
    module = meta(NETWORKS[name].build())
    formula = network_formula(module, torch.empty(1, 3, 256, 128, device="meta"))
    assert formula.names == ("B", "H", "W")
    check(without_norms(module), formula, 3, 13, 300)


def test_tokens_and_sequences_have_a_length():
    module = meta(Tokens())
    formula = network_formula(module, torch.zeros(1, 11, dtype=torch.long, device="meta"))
    assert formula.names == ("B", "L")
    for batch, length in [(1, 1), (1, 7), (5, 1), (3, 40)]:
        tokens = torch.zeros(batch, length, dtype=torch.long, device="meta")
        assert formula.evaluate(B=batch, L=length) == counted(module, tokens)


def test_several_inputs_share_what_must_be_equal():
    module = meta(nn.MultiheadAttention(16, 4, batch_first=True))
    query, key = (torch.empty(1, length, 16, device="meta") for length in (7, 9))
    formula = network_formula(module, query, key, key)
    assert formula.names == ("B", "L", "L2")
    for batch, here, there in [(1, 7, 9), (3, 5, 2), (2, 1, 6)]:
        ones = torch.empty(batch, here, 16, device="meta")
        others = torch.empty(batch, there, 16, device="meta")
        found = formula.evaluate(B=batch, L=here, L2=there)
        assert found == counted(module, ones, others, others), (batch, here, there)


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2"])
def test_torchvision_equals_the_count(name):
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed: pip install --no-deps torchvision")
    declare_operators()
    models = importlib.import_module("torchvision.models")
    with torch.device("meta"):
        module = getattr(models, name)().eval()
    formula = network_formula(module, torch.empty(1, 3, 224, 224, device="meta"))
    assert formula.parameters == sum(weight.numel() for weight in module.parameters())
    check(without_norms(module), formula, 3, 33, 300)


SUMMING = {
    # networks that sum products themselves: (input shape, multiplications); SKNet's blend branches
    "resnest14d": ((4, 3, 305, 64), 4_394_102_784),
    "skresnet18": ((1, 3, 256, 64), 592_959_488),
    "mobilevitv2_050": ((3, 3, 224, 224), 1_086_450_048),
    "swiftformer_xs": ((2, 3, 96, 64), 148_362_976),
}


@pytest.mark.parametrize("name", SUMMING)
def test_networks_that_sum_products_equal_the_profile(name):
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed: pip install --no-deps timm")
    declare_operators()
    timm = importlib.import_module("timm")
    shape, macs = SUMMING[name]
    with torch.device("meta"):
        module = timm.create_model(name).eval()
    formula = network_formula(module, torch.empty(1, 3, 224, 224, device="meta"))
    sizes = {"B": shape[0], "H": shape[2], "W": shape[3]}
    assert formula.complete, formula.unsupported
    assert formula.evaluate(**sizes) == macs
    found = profile(module, torch.empty(shape, device="meta"))
    assert found.total.multiplications == macs
    assert found.complete, found.unsupported


class Prepared(nn.Module):
    """Products of weights alone: some prepare a weight, some are layers that run each time."""

    def __init__(self, forward):
        super().__init__()
        self.left, self.right = nn.Parameter(torch.ones(4, 2)), nn.Parameter(torch.ones(2, 3))
        self.vector, self.stack = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3, 4, 4))
        self.added, self.layer = nn.Parameter(torch.ones(4, 4)), nn.Linear(3, 4)
        self.token = nn.Parameter(torch.ones(1, 3))
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


WEIGHTS_ALONE = {
    "a matrix and a vector": lambda self, x: x * (self.left @ self.vector).sum(),
    "two matrices": lambda self, x: nn.functional.linear(
        x.permute(0, 2, 3, 1), self.left @ self.right
    ),
    "a batch of matrices": lambda self, x: (
        x * torch.addbmm(self.added, self.stack, self.stack).sum()
    ),
    "a token through a layer": lambda self, x: x + self.layer(self.token).sum(),
    "products of weights, summed": lambda self, x: x + (self.added * self.stack).sum(),
}


@pytest.mark.parametrize("name", WEIGHTS_ALONE)
def test_what_prepares_weights_is_apart_in_both(name):
    module = Prepared(WEIGHTS_ALONE[name]).eval()
    image = torch.zeros(2, 3, 7, 8)
    formula = network_formula(module, image)
    found = profile(module, image)
    assert formula.evaluate(B=2, H=7, W=8) == found.total.multiplications


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_norms_of_weights_are_apart_in_both(kind):
    normed = getattr(nn.utils.parametrizations, kind)(nn.Conv2d(3, 4, 3)).eval()
    assert str(network_formula(normed, torch.zeros(1, 3, 7, 8))) == "108·B·(H - 2)·(W - 2)"


def test_a_bilinear_layer_equals_the_profile():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Bilinear(3, 5, 4)

        def forward(self, x):
            y = x.permute(0, 2, 3, 1)
            return self.layer(y, torch.cat([y, y], -1)[..., :5])

    formula = network_formula(Both().eval(), torch.zeros(1, 3, 7, 8))
    assert formula.complete
    assert formula.evaluate(B=2, H=6, W=5) == 2 * 6 * 5 * 4 * (3 * 5 + 5)
    found = profile(Both(), torch.zeros(2, 3, 6, 5))
    assert found.total.multiplications == formula.evaluate(B=2, H=6, W=5)
