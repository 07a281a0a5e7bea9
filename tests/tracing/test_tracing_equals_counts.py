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

from convbench.audit.vision import declare_operators
from convbench.networks.base import NETWORKS
from convbench.tracing import network_formula


def counted(module, *inputs):
    """Return the multiplications that torch counts on the meta device."""
    with FlopCounterMode(display=False) as mode, torch.no_grad():
        module(*inputs)
    assert mode.get_total_flops() % 2 == 0
    return mode.get_total_flops() // 2


def meta(module):
    return module.to("meta").eval()


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
    check(module, formula, 3, 13, 300)


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
    check(module, formula, 3, 33, 300)
