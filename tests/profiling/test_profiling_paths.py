"""Whole networks with the fast path, without it and run for real: one count, field by field."""

import contextlib

import pytest
import torch
from torch import nn
from torch.nn import functional

from convbench.convs.base import make
from convbench.core.spec import ConvSpec
from convbench.counting.engine import run
from convbench.counting.engine.counts import NAMES
from convbench.counting.engine.run import profile
from convbench.networks.base import NETWORKS


class Squeeze(nn.Module):
    """MobileNetV3's: gates of hard sigmoids in an inverted residual."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(8, 16, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish(inplace=True),
            nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.BatchNorm2d(16), nn.ReLU6(inplace=True),
        )  # fmt: skip
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 4, 1), nn.ReLU(), nn.Conv2d(4, 16, 1),
            nn.Hardsigmoid(),
        )  # fmt: skip
        self.out = nn.Conv2d(16, 8, 1)

    def forward(self, x):
        y = self.body(x)
        y = self.out(y * self.gate(y))
        y += x
        return y


class ConvNeXt(nn.Module):
    """Channels last between permutes, a scale and a residual."""

    def __init__(self):
        super().__init__()
        self.depthwise = nn.Conv2d(8, 8, 7, padding=3, groups=8)
        self.norm, self.widen, self.narrow = nn.LayerNorm(8), nn.Linear(8, 32), nn.Linear(32, 8)
        self.scale = nn.Parameter(torch.ones(8))

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.narrow(functional.gelu(self.widen(y)))
        return x + y.permute(0, 3, 1, 2)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.b = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.norm = nn.InstanceNorm2d(8, affine=True)

    def forward(self, x):
        y = functional.max_pool2d(functional.silu(self.norm(self.a(x))), 2)
        y = self.b(functional.interpolate(y, scale_factor=2, mode="bilinear"))
        return functional.leaky_relu(torch.cat([x, y], 1)).flatten(1).softmax(-1)


def block(name, **knobs):
    spec = ConvSpec(in_channels=8, out_channels=8, input_size=(8, 8), kernel_size=3, padding="same")
    return make(name, {**knobs, "block": True}).build(spec)


def last(module):
    return module.to(memory_format=torch.channels_last)


IMAGE = (2, 8, 8, 8)
NETS = {
    # name: (how to make it, input)
    "osnet": (NETWORKS["osnet_x0_25"].build, (1, 3, 64, 32)),
    "osnet of instance norms": (NETWORKS["osnet_ibn_x1_0"].build, (1, 3, 64, 32)),
    "squeeze and excitation": (Squeeze, IMAGE),
    "convnext": (ConvNeXt, IMAGE),
    "up and down": (Residual, (1, 8, 8, 8)),
    "channels last": (lambda: last(Squeeze()), IMAGE),
    "convnext, channels last": (lambda: last(ConvNeXt()), IMAGE),
    "1d": (
        lambda: nn.Sequential(nn.Conv1d(8, 4, 3, padding="same"), nn.BatchNorm1d(4), nn.SiLU()),
        (2, 8, 9),
    ),
    "3d": (
        lambda: nn.Sequential(nn.Conv3d(8, 4, 3, padding=1), nn.BatchNorm3d(4), nn.Hardtanh()),
        (1, 8, 4, 4, 4),
    ),
    "perceptron": (
        lambda: nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 4)),
        (5, 8),
    ),
    "transformer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8)),
    "recurrent": (lambda: nn.LSTM(8, 5, 2, batch_first=True, bidirectional=True), (2, 4, 8)),
    "dynamic": (lambda: block("dynamic"), IMAGE),
    "ghost": (lambda: block("ghost"), IMAGE),
    "shuffled": (lambda: block("shuffled_grouped", groups=2), IMAGE),
}


def facts(found):
    """What must not depend on the path: all counts, by module too."""
    tree = {part.name: (part.own, part.visits) for _, part in found.by_module.walk()}
    return {name: getattr(found.counts(), name) for name in NAMES}, tree, found.unsupported


@pytest.mark.parametrize("name", NETS)
def test_the_fast_path_counts_as_the_operators_do(name, monkeypatch):
    made, shape = NETS[name]
    module, inputs = made().eval(), torch.zeros(shape)
    fast = profile(module, inputs)
    monkeypatch.setattr(run, "FastPath", lambda *_, **__: contextlib.nullcontext())
    slow = profile(module, inputs)
    assert fast.how == slow.how == "shapes"
    assert facts(fast) == facts(slow)
    assert fast.complete


@pytest.mark.parametrize("name", NETS)
def test_running_for_real_multiplies_as_much(name):
    made, shape = NETS[name]
    module = made().eval()

    class Asking(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = module

        def forward(self, x):
            assert bool((x == 0).all()), "which needs the data"
            return self.inner(x)

    fast, real = profile(module, torch.zeros(shape)), profile(Asking(), torch.zeros(shape))
    assert "for real" in real.how
    assert real.total.multiplications == fast.total.multiplications
    assert real.total.parameters == fast.total.parameters
    assert real.complete, real.unsupported


@pytest.mark.parametrize("name", NETS)
def test_the_forward_of_a_backward_count_is_the_forward(name):
    made, shape = NETS[name]
    module, inputs = made().eval(), torch.zeros(shape)
    alone, both = profile(module, inputs), profile(module, inputs, backward=True)
    for field in ("multiplications", "multiplications_valid", "parameters", "activations"):
        assert getattr(both.forward, field) == getattr(alone.total, field), field


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "swin_t", "densenet121", "mvit_v2_s"])
def test_networks_of_others(name, torchvision, unheld, monkeypatch):
    with unheld():
        module = torchvision.models.get_model(name, weights=None).eval()
    shape = (1, 3, 16, 224, 224) if name == "mvit_v2_s" else (1, 3, 224, 224)
    inputs = torch.empty(shape, device="meta")
    fast = profile(module, inputs)
    monkeypatch.setattr(run, "FastPath", lambda *_, **__: contextlib.nullcontext())
    assert facts(profile(module, inputs)) == facts(fast)
