"""The backward pass, layer by layer: two forwards each, one for a first layer, whatever the groups.

The gradient of a layer's input and that of its weight are each as many products as its forward
pass: closed forms over the layers' shapes, which plain hooks write down on the meta device.
"""

from math import prod

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from convbench.counting.engine.run import profile
from convbench.networks.base import NETWORKS

CASES = {
    # name: (how to make it, input size, its first layer)
    "osnet_x1_0": (256, 128, "conv1.conv"),
    "mobilenet_v2": (224, 224, "features.0.0"),
    "resnet50": (224, 224, "conv1"),
}


def built(name, request):
    if name in NETWORKS:
        with torch.device("meta"):
            return NETWORKS[name].build().eval()
    with request.getfixturevalue("unheld")():
        return request.getfixturevalue("torchvision").models.get_model(name, weights=None).eval()


def closed_forms(module, inputs):
    """Forward multiplications of every call of every convolution and linear layer, by name."""
    found = {}

    def note(name):
        def hook(layer, given, result):
            positions = prod(result.shape) // result.shape[1]
            if isinstance(layer, nn.Conv2d):
                each = layer.in_channels // layer.groups * prod(layer.kernel_size)
                macs = positions * layer.out_channels * each
            else:
                macs = prod(result.shape[:-1]) * layer.in_features * layer.out_features
            found[name] = found.get(name, 0) + macs

        return hook

    handles = [
        layer.register_forward_hook(note(name))
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        module.to("meta")(inputs)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("name", CASES)
def test_every_layer_costs_two_forwards_and_the_first_one(name, request):
    height, width, first = CASES[name]
    module, inputs = built(name, request), torch.empty(1, 3, height, width, device="meta")
    forward = closed_forms(module, inputs)
    counted = profile(module, inputs, backward=True)
    assert counted.how == "shapes"
    assert counted.complete, counted.unsupported
    tree = {part.name: part for _, part in counted.by_module.walk()}
    layers = {n for n, part in tree.items() if part.kind in {"Conv2d", "Linear"} and part.visits}
    assert layers == set(forward), "every layer that ran, and no other"
    for layer, macs in forward.items():
        assert tree[layer].counts.multiplications == macs, layer
        times = 1 if layer == first else 2
        assert tree[layer].backward.multiplications == times * macs, layer
    whole = sum(forward.values())
    assert counted.forward.multiplications == whole
    assert counted.backward.multiplications == 2 * whole - forward[first]
    ratio = counted.backward.multiplications / counted.forward.multiplications
    assert 1.88 < ratio < 2, "just under two"


@pytest.mark.parametrize("name", CASES)
def test_an_input_that_wants_its_gradient_makes_it_exactly_two(name, request):
    height, width, _ = CASES[name]
    inputs = torch.empty(1, 3, height, width, device="meta", requires_grad=True)
    counted = profile(built(name, request), inputs, backward=True)
    assert counted.backward.multiplications == 2 * counted.forward.multiplications


def test_training_mode_counts_the_same_and_frozen_layers_less():
    module = NETWORKS["osnet_x0_25"].build()
    inputs = torch.zeros(2, 3, 64, 32)
    training = profile(module.train(), inputs, backward=True)
    assert "shapes" in training.how
    forward = training.forward.multiplications
    assert 1.5 * forward < training.backward.multiplications < 2 * forward
    module.requires_grad_(requires_grad=False)
    module.fc.requires_grad_(requires_grad=True)
    frozen = profile(module, inputs, backward=True)
    assert frozen.forward.multiplications == forward
    linear = 2 * module.fc[0].weight.numel()
    heads = 2 * 2 * module.classifier.weight.numel() if module.classifier is not None else 0
    assert frozen.backward.multiplications in {linear, linear + heads, linear + heads // 2}


@pytest.mark.parametrize("groups", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("transposed", [False, True])
def test_groups_are_where_torch_is_off(groups, transposed):
    """torch 2.13 counts a weight gradient as if it had no groups: the factor is their number."""
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    layer = kind(16, 16, 3, padding=1, groups=groups, bias=False)
    inputs = torch.zeros(1, 16, 10, 10, requires_grad=True)
    forward = 16 * 16 // groups * 9 * 100
    assert profile(layer, inputs, backward=True).backward.multiplications == 2 * forward
    with FlopCounterMode(display=False) as torchs:
        layer(inputs).sum().backward()
    said = torchs.get_total_flops() // 2 - forward
    known = torch.__version__.split(".")[:2] == ["2", "13"]
    if groups == 1 or known:
        assert said == forward + groups * forward


def test_matrix_products_and_attention():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(8, 24, bias=False)

        def forward(self, x):
            q, k, v = self.qkv(x).chunk(3, dim=-1)
            weights = (q @ k.transpose(-1, -2)).softmax(-1)
            return torch.einsum("bij,bjd->bid", weights, v)

    batch, tokens, width = 3, 5, 8
    inputs = torch.zeros(batch, tokens, width)
    counted = profile(Attention(), inputs, backward=True)
    linear, product = batch * tokens * width * 24, batch * tokens * tokens * width
    assert counted.forward.multiplications == linear + 2 * product
    assert counted.backward.multiplications == linear + 2 * (2 * product)


def test_a_module_without_gradients_has_no_backward():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).requires_grad_(requires_grad=False)
    counted = profile(module, torch.zeros(1, 3, 8, 8), backward=True)
    assert counted.backward.multiplications == 0
    assert counted.forward.multiplications == 4 * 3 * 9 * 36


def test_a_shared_layer_costs_its_gradients_at_every_call():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(4, 4, 3, padding=1, bias=False)

        def forward(self, x):
            return self.layer(self.layer(x))

    once = 4 * 4 * 9 * 64
    counted = profile(Twice(), torch.zeros(1, 4, 8, 8), backward=True)
    assert counted.forward.multiplications == 2 * once
    assert counted.backward.multiplications == 3 * once, "the input of the first call needs none"


def test_activation_checkpointing_runs_again_what_it_must():
    """The first of two layers runs once more in the backward pass; torch spares itself the last."""

    class Saves(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(*(nn.Conv2d(4, 4, 3, padding=1) for _ in range(2)))

        def forward(self, x):
            return checkpoint(self.layers, x, use_reentrant=False)

    once = 4 * 4 * 9 * 64
    inputs = torch.zeros(1, 4, 8, 8, requires_grad=True)
    counted = profile(Saves(), inputs, backward=True)
    assert counted.forward.multiplications == 2 * once
    assert counted.backward.multiplications == 5 * once
    assert counted.how == "shapes"
